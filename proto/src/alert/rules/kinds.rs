//! Rules over the kinds whose fields stand in `alert::kinds`.

use super::envelope::says_something;
use super::pattern::region_lies_in;
use super::{Rule, minimum_cases_for_region, reaches};
use crate::alert::{AlertContent, Observed, Place, PreventionPractice, Subject, looks_written};
use crate::id::Digest;
use crate::time::Period;
use crate::vocabulary::*;
use std::collections::BTreeSet;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "support-not-about-cases",
        field: "support_count",
        wanted: "NO_CASES for a warning, a practice and a notice, and a count for everything else",
        next: "leave it out, or count the children behind it",
        holds: |c| (c.support == SupportBand::NO_CASES) != c.kind().is_about_cases(),
    },
    Rule {
        code: "tlp-too-wide",
        field: "tlp",
        wanted: "AMBER_STRICT or RED: documents and centres point to few places",
        next: "leave it out",
        holds: |c| {
            let narrow = [AlertKind::DOCUMENT_PATTERN, AlertKind::CENTRE_DISAPPEARANCE_PATTERN];
            !narrow.contains(&c.kind()) || c.tlp <= Tlp::AMBER_STRICT
        },
    },
    Rule {
        code: "removal-risks-missing",
        field: "content.removal_risks",
        wanted: "at least one reason why the child may be taken away",
        next: "name it, or UNKNOWN",
        holds: |c| !matches!(&c.subject, Subject::ChildAtRiskOfRemovalPointer(p) if p.removal_risks.is_empty()),
    },
    Rule {
        code: "current-place",
        field: "content.current",
        wanted: "a country, not OTHER or UNKNOWN, and a NUTS-1 region of it or none",
        next: "name the country in which the child is; correct the region, or leave it out",
        holds: |c| !matches!(&c.subject, Subject::ChildAtRiskOfRemovalPointer(p) if !is_known(p.current)),
    },
    Rule {
        code: "found-place",
        field: "content.found",
        wanted: "a country, not OTHER or UNKNOWN, and a NUTS-1 region of it or none",
        next: "name the country in which the child was found; correct the region, or leave it out",
        holds: |c| !matches!(&c.subject, Subject::FoundChildQuery(q) if !is_known(q.found)),
    },
    Rule {
        code: "elapsed-not-asked",
        field: "content.elapsed_band",
        wanted: "UNKNOWN for a found child and for a referral: with the time of issue it would give the day",
        next: "leave it out",
        holds: |c| {
            let none = [AlertKind::FOUND_CHILD_QUERY, AlertKind::CROSS_BORDER_REFERRAL_REQUEST];
            !none.contains(&c.kind()) || c.observed == Observed::Elapsed(ElapsedBand::UNKNOWN)
        },
    },
    Rule {
        code: "found-month",
        field: "content.found_month",
        wanted: "a month such as 2026-11, never a day",
        next: "name the month",
        holds: |c| match &c.subject {
            Subject::FoundChildQuery(q) => matches!(q.found_month, Period::Month(..)),
            _ => true,
        },
    },
    Rule {
        code: "query-asks",
        field: "requested_action",
        wanted: "CHECK_OWN_RECORDS, which is all that such a query may ask besides a call",
        next: "leave it out",
        holds: |c| {
            let may = [RequestedAction::CHECK_OWN_RECORDS, RequestedAction::CALL_BACK];
            c.kind() != AlertKind::FOUND_CHILD_QUERY
                || c.requested_actions.contains(&may[0]) && c.requested_actions.iter().all(|asked| may.contains(asked))
        },
    },
    Rule {
        code: "languages-unknown",
        field: "content.languages",
        wanted: "languages of the list, and one at most of a found child: rare ones point to a community, several to a child",
        next: "leave the others out",
        holds: |c| {
            let most = if c.kind() == AlertKind::FOUND_CHILD_QUERY { 1 } else { usize::MAX };
            let known = |one: &Language| one.name().is_some() && *one != Language::OTHER;
            languages(c).is_none_or(|all| all.len() <= most && all.iter().all(known))
        },
    },
    Rule {
        code: "referral-reasons-missing",
        field: "content.reasons",
        wanted: "at least one reason",
        next: "say why care is to go on in another country",
        holds: |c| !matches!(&c.subject, Subject::CrossBorderReferralRequest(r) if r.reasons.is_empty()),
    },
    Rule {
        code: "referral-asks",
        field: "requested_action",
        wanted: "START_REFERRAL",
        next: "leave it out",
        holds: |c| {
            c.kind() != AlertKind::CROSS_BORDER_REFERRAL_REQUEST
                || c.requested_actions.contains(&RequestedAction::START_REFERRAL)
        },
    },
    Rule {
        code: "urgency-missing",
        field: "content.urgency",
        wanted: "IMMEDIATE (8 hours), URGENT (3 days) or ROUTINE (7 days)",
        next: "leave it out for ROUTINE",
        holds: |c| !matches!(&c.subject, Subject::CrossBorderReferralRequest(r) if r.urgency.answer_within().is_none()),
    },
    Rule {
        code: "child-view-missing",
        field: "content.child_view",
        wanted: "what the child says, or why it was not asked (CRC Art. 12)",
        next: "ask the child, or say why not: NOT_ASKED_UNSAFE, NOT_ASKED_NOT_REACHED, NOT_ASKED_NO_INTERPRETER",
        holds: |c| match &c.subject {
            Subject::CrossBorderReferralRequest(r) => says_something(r.child_view) && r.child_view != ChildView::OTHER,
            _ => true,
        },
    },
    Rule {
        code: "platforms-missing",
        field: "content.platform",
        wanted: "at least one class of platform or place",
        next: "name it, or UNKNOWN",
        holds: |c| !matches!(&c.subject, Subject::RecruitmentPattern(p) if p.platforms.is_empty()),
    },
    Rule {
        code: "target-not-shareable",
        field: "content.target_situation",
        wanted: "situations that may leave the country: none of asylum, health or offences",
        next: "take the others out",
        holds: |c| match &c.subject {
            Subject::RecruitmentPattern(p) => p.target_situations.iter().all(|s| s.shareable()),
            _ => true,
        },
    },
    Rule {
        code: "documents-missing",
        field: "content.documents",
        wanted: "at least one class of document",
        next: "name it, or UNKNOWN",
        holds: |c| !matches!(&c.subject, Subject::DocumentPattern(p) if p.documents.is_empty()),
    },
    Rule {
        code: "document-patterns",
        field: "content.patterns",
        wanted: "one or more of DO01 to DO06",
        next: "take the others out",
        holds: |c| match &c.subject {
            Subject::DocumentPattern(p) => !p.patterns.is_empty() && are_of(&p.patterns, "DO"),
            _ => true,
        },
    },
    Rule {
        code: "issuing-countries-named",
        field: "content.issuing_countries",
        wanted: "countries, not OTHER or UNKNOWN",
        next: "leave unknown ones out",
        holds: |c| !matches!(&c.subject, Subject::DocumentPattern(p) if !p.issuing_countries.iter().all(|c| c.is_named())),
    },
    Rule {
        code: "centre-place",
        field: "content.place",
        wanted: "a country, and a NUTS-1 region of it where k cases (5 where the tlp is RED) allow it",
        next: "leave the region out",
        holds: |c| match &c.subject {
            Subject::CentreDisappearancePattern(p) => {
                let enough = p.place.nuts1.is_none() || reaches(c.support, minimum_cases_for_region(c.tlp));
                p.place.country.is_named() && region_lies_in(p.place) && enough
            }
            _ => true,
        },
    },
    Rule {
        code: "pull-countries-named",
        field: "content.pull_countries",
        wanted: "countries, not OTHER or UNKNOWN",
        next: "leave unknown ones out",
        holds: |c| !matches!(&c.subject, Subject::CentreDisappearancePattern(p) if !p.pull_countries.iter().all(|c| c.is_named())),
    },
    Rule {
        code: "centre-indicators",
        field: "content.indicators",
        wanted: "only RD01 to RD10",
        next: "take the others out",
        holds: |c| !matches!(&c.subject, Subject::CentreDisappearancePattern(p) if !are_of(&p.indicators, "RD")),
    },
    Rule {
        code: "events-missing",
        field: "content.events",
        wanted: "at least one event",
        next: "name what happens",
        holds: |c| !matches!(&c.subject, Subject::SituationalWarning(w) if w.events.is_empty() || !are_said(&w.events)),
    },
    Rule {
        code: "practice-missing",
        field: "content.method",
        wanted: "at least one method and one audience",
        next: "say what was done, and whom it reached",
        holds: |c| {
            let said =
                |p: &PreventionPractice| !p.methods.is_empty() && !p.audiences.is_empty() && are_said(&p.methods);
            !matches!(&c.subject, Subject::PreventionPractice(p) if !said(p))
        },
    },
    Rule {
        code: "roles-of-a-child",
        field: "content.countries",
        wanted: "REPORTING for a practice; ORIGIN, RECRUITMENT, TRANSIT, EXPLOITATION or REPORTING for a warning: they are about no child",
        next: "leave citizenship, residence, identification and destination out",
        holds: |c| match &c.subject {
            Subject::SituationalWarning(w) => {
                use CountryRole as Role;
                let roles = [Role::ORIGIN, Role::RECRUITMENT, Role::TRANSIT, Role::EXPLOITATION, Role::REPORTING];
                w.countries.iter().all(|c| roles.contains(&c.role))
            }
            Subject::PreventionPractice(p) => p.countries.iter().all(|c| c.role == CountryRole::REPORTING),
            _ => true,
        },
    },
    Rule {
        code: "notice-digests",
        field: "content.release",
        wanted: "the digest of a release, and in `revises` that of another one for a CORRECTION and for nothing else",
        next: "`varde trend list --json` shows the digests",
        holds: |c| match &c.subject {
            Subject::TrendSummaryNotice(n) => {
                let digest = |digest: &Digest| *digest != Digest::NONE && !looks_written(&digest.0);
                let correction = n.edition == NoticeEdition::CORRECTION;
                let said = digest(&n.release) && n.revises.as_ref().is_none_or(digest);
                said && correction == n.revises.is_some() && n.revises != Some(n.release)
            }
            _ => true,
        },
    },
    Rule {
        code: "notice-cohort",
        field: "content.cohort",
        wanted: "a year, half-year or quarter",
        next: "name the cohort of the release",
        holds: |c| !matches!(&c.subject, Subject::TrendSummaryNotice(n) if matches!(n.cohort, Period::Month(..))),
    },
];

fn is_known(place: Place) -> bool {
    place.country.is_named() && region_lies_in(place)
}

/// Whether every code is one of the list, and not that nothing is known.
fn are_said<V: Vocabulary>(codes: &BTreeSet<V>) -> bool {
    codes.iter().all(|code| code.name().is_some() && says_something(*code))
}

fn languages(c: &AlertContent) -> Option<&BTreeSet<Language>> {
    match &c.subject {
        Subject::FoundChildQuery(q) => Some(&q.languages),
        Subject::RecruitmentPattern(p) => Some(&p.languages),
        _ => None,
    }
}

/// Whether all of them are of the family of indicators whose names begin so.
fn are_of(indicators: &BTreeSet<Indicator>, family: &str) -> bool {
    indicators.iter().all(|one| one.name().is_some_and(|name| name.starts_with(family)))
}
