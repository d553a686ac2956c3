//! Rules over an alert that is issued: its times against the time of issue, and to whom it goes.

use super::{IssueRule, counts_cases, precision, reaches};
use crate::alert::{Alert, CountryInRole, Observed, Subject, longest_life};
use crate::id::{Digest, NodeId, Origin};
use crate::time::{Period, Timestamp, year_and_month};
use crate::vocabulary::*;
use std::collections::BTreeSet;
use std::time::Duration;

pub(super) const RULES: &[IssueRule] = &[
    IssueRule {
        code: "issued-precision",
        wanted: "a time of issue cut to the day, and to the minute where a child is missing or may be taken away",
        next: "issue it again",
        holds: |a| precision(a.content.kind()).cut(a.issued_at) == a.issued_at,
    },
    IssueRule {
        code: "expires-before-issue",
        wanted: "an expiry after the time of issue",
        next: "draft it again with a later expires_at",
        holds: |a| a.content.expires_at > a.issued_at,
    },
    IssueRule {
        code: "life-too-long",
        wanted: "an expiry within the longest life of the kind",
        next: "draft it again with an earlier expires_at",
        holds: |a| a.content.expires_at.since(a.issued_at) <= longest_life(a.content.kind()),
    },
    IssueRule {
        code: "review-before-issue",
        wanted: "a review not before the time of issue",
        next: "draft it again with a later review_at",
        holds: |a| a.content.review_at >= a.issued_at,
    },
    IssueRule {
        code: "reply-before-issue",
        wanted: "an answer asked for after the time of issue",
        next: "draft it again with a later reply_by",
        holds: |a| a.content.reply_by.is_none_or(|time| time > a.issued_at),
    },
    IssueRule {
        code: "period-in-future",
        wanted: "an observed period that has begun",
        next: "draft it again with the period in which it was observed",
        holds: period_has_begun,
    },
    IssueRule {
        code: "found-long-ago",
        wanted: "a month of the last twelve in which the child was found",
        next: "draft it again with the month in which the child was found",
        holds: |a| match &a.content.subject {
            Subject::FoundChildQuery(q) => {
                months(month_of(a.issued_at)) <= 12 + months((q.found_month.year(), q.found_month.months().0.into()))
            }
            _ => true,
        },
    },
    IssueRule {
        code: "travel-week-range",
        wanted: "a week of travel from that of issue to four weeks after expiry",
        next: "draft it again with the week in which the journey is expected, or without",
        holds: |a| match &a.content.subject {
            Subject::ChildAtRiskOfRemovalPointer(p) => p.travel_week.is_none_or(|week| {
                let weeks = |count: u64| Duration::from_secs(count * 7 * 86_400);
                week.begins().after(weeks(1)) > a.issued_at && week.begins() <= a.content.expires_at.after(weeks(4))
            }),
            _ => true,
        },
    },
    IssueRule {
        code: "reply-by-urgency",
        wanted: "an answer asked for within the time of the referral's urgency, counted from the day after issue at the latest",
        next: "draft it again with an earlier reply_by, or without",
        holds: |a| match &a.content.subject {
            Subject::CrossBorderReferralRequest(r) => {
                let within = r.urgency.answer_within().map(|within| within + Duration::from_secs(86_400));
                a.content.reply_by.zip(within).is_none_or(|(by, within)| by.since(a.issued_at) <= within)
            }
            _ => true,
        },
    },
    IssueRule {
        code: "decision-missing",
        wanted: "a commitment to the sharing decision",
        next: "release it through a node, which keeps the decision",
        holds: |a| a.decision != Digest::NONE,
    },
    IssueRule {
        code: "recipients-missing",
        wanted: "at least one recipient: an empty list means nobody",
        next: "name the recipients",
        holds: |a| recipients(a).is_some_and(|nodes| !nodes.is_empty()),
    },
    IssueRule {
        code: "recipient-is-issuer",
        wanted: "recipients other than the issuer",
        next: "take your own country out",
        holds: |a| !a.header.recipients.contains(&a.header.issuer),
    },
    IssueRule {
        code: "support-bilateral",
        wanted: "one recipient only for a pattern over fewer than 5 cases",
        next: "choose the one country that needs it, or widen the pattern",
        holds: |a| !counts_cases(&a.content) || reaches(a.content.support, 5) || a.header.recipients.len() < 2,
    },
    IssueRule {
        code: "transfer-ground-missing",
        wanted: "a transfer ground for a pointer to a country outside the EU and EEA",
        next: "draft it again with legal_basis.transfer_ground, or leave that country out",
        holds: transfer_is_grounded,
    },
    IssueRule {
        code: "recipient-is-origin",
        wanted: "no recipient that is a country of citizenship or origin in the alert, because X4 forbids it",
        next: "leave that country out",
        holds: origin_is_spared,
    },
];

fn period_has_begun(a: &Alert) -> bool {
    let said = match &a.content.subject {
        Subject::FoundChildQuery(query) => Some(query.found_month),
        Subject::TrendSummaryNotice(notice) => Some(notice.cohort),
        _ => None,
    };
    let observed = match a.content.observed {
        Observed::Elapsed(_) => None,
        Observed::Period(period) => Some(period),
    };
    let begun = |period: Period| (period.year(), u16::from(period.months().0)) <= month_of(a.issued_at);
    said.into_iter().chain(observed).all(begun)
}

fn month_of(time: Timestamp) -> (u16, u16) {
    let (year, month) = year_and_month(time);
    (year, u16::from(month))
}

fn months((year, month): (u16, u16)) -> u32 {
    u32::from(year) * 12 + u32::from(month)
}

fn recipients(a: &Alert) -> Option<Vec<NodeId>> {
    a.header.recipients.iter().map(|r| Origin::parse(r).ok().map(|origin| origin.node())).collect()
}

fn transfer_is_grounded(a: &Alert) -> bool {
    let abroad = |node: NodeId| !Country::parse(node.as_str()).is_ok_and(Country::in_eea);
    let personal = a.content.personal_data_level == PersonalDataLevel::L1;
    let ground = a.content.transfer_ground;
    let grounded = ground != TransferGround::NOT_NEEDED && super::envelope::says_something(ground);
    !personal || grounded || !recipients(a).unwrap_or_default().into_iter().any(abroad)
}

fn origin_is_spared(a: &Alert) -> bool {
    let nodes = recipients(a).unwrap_or_default();
    let spared = |role, country: Country| {
        let feared = [CountryRole::CITIZENSHIP, CountryRole::ORIGIN].contains(&role);
        !feared || !nodes.iter().any(|node| node.as_str() == country.code())
    };
    if !a.content.prohibitions.contains(&Prohibition::X4) {
        return true;
    }
    let all = |countries: &BTreeSet<CountryInRole>| countries.iter().all(|c| spared(c.role, c.country));
    match &a.content.subject {
        Subject::ModusOperandi(m) => all(&m.countries),
        Subject::RouteCorridor(r) => r.stops.iter().all(|s| spared(s.role, s.place.country)),
        Subject::RecruitmentPattern(p) => all(&p.countries),
        Subject::DocumentPattern(p) => {
            all(&p.countries) && p.issuing_countries.iter().all(|c| spared(CountryRole::CITIZENSHIP, *c))
        }
        Subject::SituationalWarning(w) => all(&w.countries),
        Subject::PreventionPractice(p) => all(&p.countries),
        _ => true,
    }
}
