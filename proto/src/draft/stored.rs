//! A draft as the node keeps it, and the digest that approval and release sign.

use super::Decision;
use crate::alert::AlertContent;
use crate::envelope::Envelope;
use crate::id::Digest;
use crate::time::Timestamp;
use crate::wire::operator;
use prost::Message;

/// One field of an alert, explained: what stays in the country and what leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The field.
    pub field: String,
    /// What the records hold.
    pub stays: String,
    /// What the alert says.
    pub leaves: String,
    /// The generalisation applied.
    pub how: String,
    /// Distinct children behind what leaves; 0 where no count applies.
    pub cases: u64,
}

/// A draft.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// What would leave.
    pub content: AlertContent,
    /// What stays: the decision with its signed acts.
    pub decision: Decision,
    /// Random; hides the decision behind its commitment.
    pub salt: [u8; 32],
    /// Field by field; empty for a draft made from a file.
    pub fields: Vec<Explained>,
    /// When it was made.
    pub drafted: Timestamp,
    /// Indexes of the `sent` leaves, in the order of the recipients; empty until it is released.
    pub sent: Vec<u64>,
    /// Of what was released without a second person: the signed acts of who looked at it afterwards.
    pub reviews: Vec<Envelope>,
}

/// Bytes that are no draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are not a draft")]
pub struct BadDraft;

impl Draft {
    /// What approval and release sign: the content, and what was decided before anybody signed.
    pub fn digest(&self) -> Digest {
        let (content, decision) = (&self.content, self.decision.bare());
        let (content, decision) = (content.to_wire().encode_to_vec(), decision.to_wire().encode_to_vec());
        let parts = [b"varde/draft/v1\n".as_slice(), &(content.len() as u64).to_be_bytes(), &content, &decision];
        Digest::of(&parts.concat())
    }

    /// Its bytes, to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let field = |e: &Explained| operator::FieldExplained {
            field: e.field.clone(),
            stays: e.stays.clone(),
            leaves: e.leaves.clone(),
            how: e.how.clone(),
            cases: e.cases,
        };
        let stored = operator::StoredDraft {
            alert: Some(self.content.to_wire()),
            decision: Some(self.decision.to_wire()),
            decision_salt: bytes::Bytes::copy_from_slice(&self.salt),
            fields: self.fields.iter().map(field).collect(),
            drafted_ms: self.drafted.ms(),
            sent: self.sent.clone(),
            reviews: self.reviews.clone(),
        };
        stored.encode_to_vec()
    }

    /// Reads it back.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadDraft> {
        let stored = operator::StoredDraft::decode(bytes).map_err(|_| BadDraft)?;
        let operator::StoredDraft { alert, decision, decision_salt, fields, drafted_ms, sent, reviews } = stored;
        let field = |e: operator::FieldExplained| {
            let operator::FieldExplained { field, stays, leaves, how, cases } = e;
            Explained { field, stays, leaves, how, cases }
        };
        Ok(Self {
            content: AlertContent::from_wire(alert.ok_or(BadDraft)?).map_err(|_| BadDraft)?,
            decision: decision.and_then(Decision::from_wire).ok_or(BadDraft)?,
            salt: decision_salt.as_ref().try_into().map_err(|_| BadDraft)?,
            fields: fields.into_iter().map(field).collect(),
            drafted: Timestamp::from_ms(drafted_ms).map_err(|_| BadDraft)?,
            sent,
            reviews,
        })
    }

    /// Whether it needs a second person before release: a pointer to one child, or a pattern over fewer children than its
    /// colour's minimum.
    pub fn needs_approval(&self) -> bool {
        use crate::vocabulary::{PersonalDataLevel, Tlp};
        let below = self.content.tlp == Tlp::RED && self.content.support.lowest() < 5;
        self.content.personal_data_level == PersonalDataLevel::L1 || below
    }
}
