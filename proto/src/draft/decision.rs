//! The local sharing decision: why something may leave, what was considered, who signed. It stays in the node; its salted
//! commitment leaves inside the alert, so that an auditor can ask to open it.

use super::{ApprovalOverride, ChildHeard, GuardianInformed, Harm, Necessity};
use crate::id::Digest;
use crate::json::{Fields, Out};
use crate::log::leaf::DECISION;
use crate::vocabulary::{Country, DeskRole, Vocabulary};
use crate::wire::{operator, peer};
use prost::Message;
use std::collections::BTreeSet;

/// A sharing decision. What the alert says itself (purposes, legal basis, expiry, recipients) is not repeated.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Why less would not do.
    pub necessity: Necessity,
    /// Who considered the best interests of the child: a role.
    pub best_interests_by: DeskRole,
    /// Whether the child was informed and heard.
    pub child_heard: ChildHeard,
    /// Whether the guardian was informed.
    pub guardian_informed: GuardianInformed,
    /// Risks that were found.
    pub harms: BTreeSet<Harm>,
    /// Countries that must never get it, whatever is agreed with them. The list stays here: nobody learns who is on it.
    pub never_to: BTreeSet<Country>,
    /// Why it left in the name of one person.
    pub without_approval: Option<ApprovalOverride>,
    /// The signed act of who drafted it.
    pub drafted: Option<peer::Envelope>,
    /// The signed acts of who approved it.
    pub approvals: Vec<peer::Envelope>,
    /// The signed act of who released it.
    pub released: Option<peer::Envelope>,
}

impl Decision {
    /// What holds where nobody said anything: not collected; for a pattern, that there is no single child.
    pub fn silent(pattern: bool) -> Self {
        let of = |pattern_says, pointer_says| if pattern { pattern_says } else { pointer_says };
        Self {
            necessity: if pattern { Necessity::PATTERN_ONLY } else { Necessity::NOT_COLLECTED },
            best_interests_by: DeskRole::NOT_COLLECTED,
            child_heard: of(ChildHeard::NO_SINGLE_CHILD, ChildHeard::NOT_COLLECTED),
            guardian_informed: match pattern {
                true => GuardianInformed::NO_SINGLE_CHILD,
                false => GuardianInformed::NOT_COLLECTED,
            },
            harms: BTreeSet::new(),
            never_to: BTreeSet::new(),
            without_approval: None,
            drafted: None,
            approvals: Vec::new(),
            released: None,
        }
    }

    /// Whether nobody said anything about the one child whom it concerns. Risks do not count: a record may name them by
    /// itself.
    pub fn says_nothing(&self) -> bool {
        fn unsaid<V: Vocabulary>(code: V) -> bool {
            matches!(code.name(), Some("UNKNOWN" | "NOT_COLLECTED" | "WITHHELD"))
        }
        let Self { necessity, best_interests_by, child_heard, guardian_informed, .. } = self;
        unsaid(*necessity) && unsaid(*best_interests_by) && unsaid(*child_heard) && unsaid(*guardian_informed)
    }

    /// What was decided, without the signed acts and without what was decided with the release.
    pub fn bare(&self) -> Self {
        Self { without_approval: None, drafted: None, approvals: Vec::new(), released: None, ..self.clone() }
    }

    /// The decision as stored and committed to.
    pub fn to_wire(&self) -> operator::SharingDecision {
        operator::SharingDecision {
            necessity: self.necessity.number(),
            best_interests_by: self.best_interests_by.number(),
            child_heard: self.child_heard.number(),
            guardian_informed: self.guardian_informed.number(),
            harms: self.harms.iter().map(|h| h.number()).collect(),
            never_to: self.never_to.iter().map(|country| country.code().to_owned()).collect(),
            drafted: self.drafted.clone(),
            approvals: self.approvals.clone(),
            released: self.released.clone(),
            without_approval: self.without_approval.map_or(0, |why| why.number()),
        }
    }

    /// Reads it back; nothing for what is no decision.
    pub fn from_wire(wire: operator::SharingDecision) -> Option<Self> {
        #[rustfmt::skip]
        let operator::SharingDecision {
            necessity, best_interests_by, child_heard, guardian_informed, harms, drafted, approvals, released, never_to,
            without_approval,
        } = wire;
        let without_approval = match without_approval {
            0 => None,
            number => Some(ApprovalOverride::from_number(number)?),
        };
        Some(Self {
            necessity: Necessity::from_number(necessity)?,
            best_interests_by: DeskRole::from_number(best_interests_by)?,
            child_heard: ChildHeard::from_number(child_heard)?,
            guardian_informed: GuardianInformed::from_number(guardian_informed)?,
            harms: harms.into_iter().map(Harm::from_number).collect::<Option<_>>()?,
            never_to: never_to.iter().map(|code| Country::parse(code).ok()).collect::<Option<_>>()?,
            without_approval,
            drafted,
            approvals,
            released,
        })
    }

    /// What leaves of it: SHA-256 over a fixed prefix, 32 random bytes, and its bytes.
    pub fn commitment(&self, salt: &[u8; 32]) -> Digest {
        Digest::of(&[DECISION, &self.opening(salt)].concat())
    }

    /// What opens the commitment for the country's own auditors: the 32 random bytes, and its bytes.
    pub fn opening(&self, salt: &[u8; 32]) -> Vec<u8> {
        [&salt[..], &self.to_wire().encode_to_vec()].concat()
    }

    /// What a person wrote about it.
    pub fn to_json(&self) -> Out {
        Out::Object(vec![
            ("necessity", Out::text(self.necessity)),
            ("best_interests_by", Out::text(self.best_interests_by)),
            ("child_heard", Out::text(self.child_heard)),
            ("guardian_informed", Out::text(self.guardian_informed)),
            ("harms", Out::texts(&self.harms)),
            ("never_to", Out::texts(&self.never_to)),
        ])
    }

    /// Reads the object `decision` of a file over what holds otherwise.
    pub(super) fn read(mut self, mut fields: Fields<'_>) -> Self {
        self.necessity = fields.code("necessity").unwrap_or(self.necessity);
        self.best_interests_by = fields.code("best_interests_by").unwrap_or(self.best_interests_by);
        self.child_heard = fields.code("child_heard").unwrap_or(self.child_heard);
        self.guardian_informed = fields.code("guardian_informed").unwrap_or(self.guardian_informed);
        self.harms = fields.codes("harms").unwrap_or(self.harms);
        self.never_to = fields.countries("never_to").unwrap_or(self.never_to);
        fields.finish();
        self
    }
}
