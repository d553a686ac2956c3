//! Rules over the kinds that point to one child: a pointer to a case, never a description of a person.

use super::pattern::region_lies_in;
use super::{Rule, envelope::says_something};
use crate::alert::{AlertContent, Place, Subject, SuspectedDestination};
use crate::vocabulary::*;
use std::collections::BTreeSet;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "pointer-tlp",
        field: "tlp",
        wanted: "RED for a pointer to one child",
        next: "leave it out",
        holds: |c| pointer(c, |_| c.tlp == Tlp::RED),
    },
    Rule {
        code: "pointer-support",
        field: "support_count",
        wanted: "SINGLE for a pointer to one child",
        next: "leave it out; send one pointer for each child",
        holds: |c| pointer(c, |_| c.support == SupportBand::SINGLE),
    },
    Rule {
        code: "pointer-purposes",
        field: "purposes",
        wanted: "P1, P2, P3 or P6: a pointer is not for prevention or statistics",
        next: "take P4 and P5 out",
        holds: |c| pointer(c, |_| c.purposes.is_disjoint(&[Purpose::P4, Purpose::P5].into())),
    },
    Rule {
        code: "pointer-prohibitions",
        field: "prohibitions",
        wanted: "X1 (no immigration enforcement) and X3 (no prosecution of the child)",
        next: "add both",
        holds: |c| pointer(c, |_| c.prohibitions.is_superset(&[Prohibition::X1, Prohibition::X3].into())),
    },
    Rule {
        code: "pointer-legal-basis",
        field: "legal_basis",
        wanted: "GDPR or LED and an article: a pointer is personal data",
        next: "ask your data protection officer which article you rely on",
        holds: |c| pointer(c, |_| c.legal_regime != LegalRegime::NONE),
    },
    Rule {
        code: "pointer-sex",
        field: "content.sex",
        wanted: "FEMALE, MALE or UNKNOWN: any other value is so rare that it points to a child",
        next: "use UNKNOWN",
        holds: |c| pointer(c, |p| [Sex::FEMALE, Sex::MALE, Sex::UNKNOWN].contains(&p.sex)),
    },
    Rule {
        code: "pointer-age-band",
        field: "content.age_band",
        wanted: "an age band",
        next: "use AGE_CHILD_NFS if the age is not known",
        holds: |c| pointer(c, |p| says_something(p.age_band)),
    },
    Rule {
        code: "situation-not-shareable",
        field: "content.situation",
        wanted: "situations that may leave the country: none of asylum, health or offences",
        next: "take the others out; `varde alert draft` from a record does so itself",
        holds: |c| pointer(c, |p| p.situations.is_none_or(|all| all.iter().all(|s| s.shareable()))),
    },
    Rule {
        code: "last-seen-country",
        field: "content.last_seen",
        wanted: "a country, not OTHER or UNKNOWN",
        next: "name the country in which the child was last seen",
        holds: |c| missing(c, |place| place.country.is_named()),
    },
    Rule {
        code: "last-seen-region",
        field: "content.last_seen",
        wanted: "a NUTS-1 region of that country (EL belongs to GR, UK to GB)",
        next: "correct the region, or leave it out",
        holds: |c| missing(c, region_lies_in),
    },
    Rule {
        code: "destinations-named",
        field: "content.suspected_destinations",
        wanted: "countries, not OTHER or UNKNOWN",
        next: "leave unknown destinations out",
        holds: |c| pointer(c, |p| p.destinations.iter().all(|d| d.country.is_named())),
    },
];

/// What every kind that points to one child may say of it.
struct Pointed<'a> {
    age_band: AgeBand,
    sex: Sex,
    situations: Option<&'a BTreeSet<ChildSituation>>,
    destinations: &'a [SuspectedDestination],
}

fn pointed(subject: &Subject) -> Option<Pointed<'_>> {
    let (age_band, sex, situations, destinations): (_, _, _, &[_]) = match subject {
        Subject::MissingChildPointer(p) => (p.age_band, p.sex, Some(&p.situations), &p.suspected_destinations),
        Subject::ChildAtRiskOfRemovalPointer(p) => (p.age_band, p.sex, Some(&p.situations), &p.suspected_destinations),
        Subject::FoundChildQuery(p) => (p.age_band, Sex::UNKNOWN, Some(&p.situations), &[]),
        Subject::CrossBorderReferralRequest(p) => (p.age_band, Sex::UNKNOWN, None, &[]),
        _ => return None,
    };
    Some(Pointed { age_band, sex, situations, destinations })
}

fn pointer(c: &AlertContent, holds: impl Fn(&Pointed<'_>) -> bool) -> bool {
    pointed(&c.subject).is_none_or(|pointed| holds(&pointed))
}

fn missing(c: &AlertContent, holds: impl Fn(Place) -> bool) -> bool {
    !matches!(&c.subject, Subject::MissingChildPointer(p) if !holds(p.last_seen))
}
