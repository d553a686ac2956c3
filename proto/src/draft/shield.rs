//! The shields: what a risk of harm that was found asks of a draft, whoever is to get it. They are asked where a draft is made, and the
//! countries that are never to get it again wherever something is about to leave.

use super::{Decision, Harm};
use crate::alert::{AlertContent, Subject};
use crate::vocabulary::*;

/// What a risk of harm asks for.
pub struct Shield {
    /// By which documents name it.
    pub code: &'static str,
    /// The field of FILE.json that breaks it.
    pub field: &'static str,
    /// What is wanted.
    pub wanted: &'static str,
    /// What to do.
    pub next: &'static str,
    pub(super) holds: fn(&AlertContent, &Decision) -> bool,
}

/// Every shield, in the order in which problems are named.
pub const SHIELDS: &[Shield] = &[
    Shield {
        code: "asylum-x4",
        field: "prohibitions",
        wanted: "X4 (not to the country of origin) for a child who applies for asylum",
        next: "add X4",
        holds: |c, d| !d.harms.contains(&Harm::ASYLUM_APPLICANT) || c.prohibitions.contains(&Prohibition::X4),
    },
    Shield {
        code: "asylum-never-to",
        field: "decision",
        wanted: "in `never_to` the countries that a child who applies for asylum may fear: nationality, origin, former residence",
        next: "name them: they stay in your country, and the node sends them nothing of this",
        holds: |c, d| !is_about_one(c) || !d.harms.contains(&Harm::ASYLUM_APPLICANT) || spares(d),
    },
    Shield {
        code: "authority-never-to",
        field: "decision",
        wanted: "in `never_to` the country whose authority the exploiter is linked to",
        next: "name it: it stays in your country, and the node sends it nothing of this",
        holds: |_, d| !d.harms.contains(&Harm::EXPLOITER_LINKED_TO_AUTHORITY) || spares(d),
    },
    Shield {
        code: "family-handling",
        field: "handling",
        wanted: "H3 (ask the provider), because the exploiter is in the family, whom a recipient might call",
        next: "add H3",
        holds: |c, d| {
            !is_about_one(c) || !d.harms.contains(&Harm::EXPLOITER_IN_FAMILY) || c.handling.contains(&Handling::H3)
        },
    },
    Shield {
        code: "family-tracing",
        field: "content.reasons",
        wanted: "no FAMILY_TRACING while the exploiter is in the family",
        next: "leave FAMILY_TRACING out",
        holds: |c, d| match &c.subject {
            Subject::CrossBorderReferralRequest(referral) => {
                !d.harms.contains(&Harm::EXPLOITER_IN_FAMILY)
                    || !referral.reasons.contains(&ReferralReason::FAMILY_TRACING)
            }
            _ => true,
        },
    },
    Shield {
        code: "objection",
        field: "decision",
        wanted: "a child who does not object, or immediate danger: an objection is heard (CRC Art. 12)",
        next: "if life is in danger say so: \"necessity\": \"IMMEDIATE_DANGER\"; else do not share it",
        holds: |c, d| {
            !is_about_one(c) || d.child_heard != ChildHeard::OBJECTS || d.necessity == Necessity::IMMEDIATE_DANGER
        },
    },
];

use super::{ChildHeard, Necessity};

fn is_about_one(content: &AlertContent) -> bool {
    content.personal_data_level == PersonalDataLevel::L1
}

/// Whether a country is named that can be spared.
fn spares(decision: &Decision) -> bool {
    decision.never_to.iter().any(|country| country.is_named())
}
