//! Rules over an alert that is issued: its times against the time of issue, and to whom it goes.

use super::{IssueRule, is_pattern, precision, reaches};
use crate::alert::{Alert, Observed, Subject, longest_life};
use crate::id::{Digest, NodeId, Origin};
use crate::time::{Timestamp, year_and_month};
use crate::vocabulary::*;

pub(super) const RULES: &[IssueRule] = &[
    IssueRule {
        code: "issued-precision",
        wanted: "a time of issue cut to the day, for pointers to the minute",
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
        holds: |a| !is_pattern(&a.content) || reaches(a.content.support, 5) || a.header.recipients.len() < 2,
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
    match a.content.observed {
        Observed::Elapsed(_) => true,
        Observed::Period(period) => (period.year(), u16::from(period.months().0)) <= month_of(a.issued_at),
    }
}

fn month_of(time: Timestamp) -> (u16, u16) {
    let (year, month) = year_and_month(time);
    (year, u16::from(month))
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
    match &a.content.subject {
        Subject::ModusOperandi(m) => m.countries.iter().all(|c| spared(c.role, c.country)),
        Subject::RouteCorridor(r) => r.stops.iter().all(|s| spared(s.role, s.place.country)),
        Subject::MissingChildPointer(_) => true,
    }
}
