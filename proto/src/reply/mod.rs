//! What is said about an alert after it was delivered: that a person saw it, what came of it, that it is disputed, that others should
//! have it, and what its issuer decided about that. Codes only.
//!
//! In: the message ([`Reply`]), which of its types fits which kind of alert, and what may follow what ([`may_follow`]). Out: whether the
//! alert was ever sent to whoever speaks, deadlines and who is woken (`varde-node`, `flow::conversation`).

mod said;
pub mod show;
mod turns;

pub use said::{Forward, Said};
pub use turns::{Progress, Turn, may_follow, progress};

use crate::envelope::{Payload, Rejection, Sealed};
use crate::id::{AlertId, Digest};
use crate::vocabulary::{AlertKind, DeskRole, PersonalDataLevel, Vocabulary};
use crate::wire::peer;

/// A word about an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Who says it, and to whom.
    pub header: peer::Header,
    /// E of the alert.
    pub object: Digest,
    /// Under which both sides filed it.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// Which desk speaks.
    pub desk_role: DeskRole,
    /// What it says.
    pub said: Said,
}

impl Reply {
    /// As it is signed.
    pub fn to_wire(&self) -> peer::Reply {
        let bytes = |bytes: &[u8]| bytes::Bytes::copy_from_slice(bytes);
        peer::Reply {
            header: Some(self.header.clone()),
            object: bytes(&self.object.0),
            alert_id: bytes(&self.id.0),
            kind: self.kind.number(),
            desk_role: self.desk_role.number(),
            ..self.said.to_wire()
        }
    }
}

impl Sealed for Reply {}

impl Payload for Reply {
    type Wire = peer::Reply;
    const TYPE: &'static str = "application/vnd.varde.reply.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let refuse = |rule| Rejection::Content(rule);
        let kind = AlertKind::from_number(wire.kind).ok_or(refuse("reply-kind"))?;
        let said = Said::from_wire(&wire).map_err(refuse)?;
        if !said.fits(kind) {
            return Err(refuse("reply-of-kind"));
        }
        Ok(Self {
            header: wire.header.ok_or(refuse("header"))?,
            object: Digest::from_bytes(&wire.object).ok_or(refuse("reply-object"))?,
            id: AlertId::from_bytes(&wire.alert_id).ok_or(refuse("reply-id"))?,
            kind,
            desk_role: said::desk(wire.desk_role).ok_or(refuse("reply-desk"))?,
            said,
        })
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    /// That of the alert.
    fn class(&self) -> u8 {
        if self.kind.level() == PersonalDataLevel::L1 { 1 } else { 2 }
    }
}

#[cfg(test)]
mod tests;
