//! What staff do, signed: a DSSE signature by an operator credential over an act of now, at this node, about exactly this.

use super::ApprovalOverride;
use crate::envelope;
use crate::id::{Digest, NodeId, Origin};
use crate::identity::{PublicKey, SecretKey};
use crate::reply::Said;
use crate::time::Timestamp;
use crate::vocabulary::{DeskRole, ErasureReason, Vocabulary};
use crate::wire::{operator, peer};
use prost::Message;
use std::collections::BTreeSet;
use std::time::Duration;

/// The payload type of an act.
pub const TYPE: &str = "application/vnd.varde.act.v1+protobuf";

/// How far the command line's clock may be from the node's.
const SKEW: Duration = Duration::from_secs(10 * 60);

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// A draft is made; about the request.
    Draft,
    /// A draft is approved; about the draft.
    Approve,
    /// Somebody has looked at what was released without a second person; about E and why.
    Review,
    /// A draft is released; about the draft, its recipients and, without a second person, why. Or a cohort is; about the request.
    Release,
    /// A released alert is withdrawn; about E, the reason and from whom.
    Withdraw,
    /// An alert must not be erased for now; about E.
    Hold,
    /// It may be erased again; about E.
    Lift,
    /// Something is said about an alert; about E, to whom, which desk, and what.
    Reply,
    /// A key statement is proposed; about the statement.
    ProposeKey,
    /// A key statement is approved; about the statement.
    ApproveKey,
    /// A log that was frozen for misbehaviour is dealt with again; about the log and the proof.
    Unfreeze,
    /// This node's log goes on under a new generation; about the incident statement.
    Bump,
    /// A peer's log goes on under a new generation, and is dealt with there; about the peer's descriptor.
    Succeed,
}

impl Verb {
    /// Its word in the signed message.
    pub fn word(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Approve => "approve",
            Self::Review => "review",
            Self::Release => "release",
            Self::Withdraw => "withdraw",
            Self::Hold => "hold",
            Self::Lift => "lift",
            Self::Reply => "reply",
            Self::ProposeKey => "propose-key",
            Self::ApproveKey => "approve-key",
            Self::Unfreeze => "unfreeze",
            Self::Bump => "bump",
            Self::Succeed => "succeed",
        }
    }
}

/// Why an act is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAct {
    /// No act came along.
    #[error("the act is not signed")]
    Missing,
    /// Not signed by a credential that this node lists.
    #[error("the act is not signed by a credential that this node lists")]
    UnknownCredential,
    /// Another verb, another node, or about something else.
    #[error("the act was signed for something else")]
    OtherAct,
    /// More than ten minutes from the node's time.
    #[error("the act is not of now; the clocks differ by more than ten minutes")]
    NotNow,
}

/// An act that was checked: who did it, and the signed proof.
#[derive(Debug, Clone, PartialEq)]
pub struct Signed {
    /// Place of the credential in the list that was given.
    pub who: usize,
    /// The proof, to be kept.
    pub act: peer::Envelope,
}

/// Signs an act.
pub fn sign(verb: Verb, about: Digest, origin: &Origin, now: Timestamp, key: &SecretKey) -> peer::Envelope {
    let act = operator::Act {
        verb: verb.word().to_owned(),
        digest: bytes::Bytes::copy_from_slice(&about.0),
        time_ms: now.ms(),
        origin: origin.to_string(),
    };
    envelope::sign(TYPE, &act, key)
}

/// Checks an act against the credentials that a node lists.
pub fn check(
    act: Option<&peer::Envelope>,
    verb: Verb,
    about: Digest,
    origin: &Origin,
    now: Timestamp,
    credentials: &[PublicKey],
) -> Result<Signed, BadAct> {
    let envelope = act.ok_or(BadAct::Missing)?;
    let signer = credentials.iter().enumerate().find_map(|(place, key)| {
        envelope::open::<operator::Act>(envelope, TYPE, std::slice::from_ref(key)).ok().map(|act| (place, act))
    });
    let (who, act) = signer.ok_or(BadAct::UnknownCredential)?;
    let operator::Act { verb: word, digest, time_ms, origin: node } = act;
    if word != verb.word() || digest.as_ref() != about.0 || node != origin.as_str() {
        return Err(BadAct::OtherAct);
    }
    let time = Timestamp::from_ms(time_ms).map_err(|_| BadAct::NotNow)?;
    if time.since(now) > SKEW || now.since(time) > SKEW {
        return Err(BadAct::NotNow);
    }
    Ok(Signed { who, act: envelope.clone() })
}

/// Which of the credentials signed this act, whenever that was: for what is kept in a file until the node takes it up.
pub fn kept(
    act: &peer::Envelope,
    verb: Verb,
    about: Digest,
    origin: &Origin,
    credentials: &[PublicKey],
) -> Option<usize> {
    let signed = time(act)?;
    check(Some(act), verb, about, origin, signed, credentials).ok().map(|signed| signed.who)
}

/// Which of the credentials signed an act that was checked before; nothing if none of today's did.
pub fn signer(act: &peer::Envelope, credentials: &[PublicKey]) -> Option<usize> {
    let signed = |key: &PublicKey| envelope::open::<operator::Act>(act, TYPE, std::slice::from_ref(key)).is_ok();
    credentials.iter().position(signed)
}

/// When an act that was checked before was done.
pub fn time(act: &peer::Envelope) -> Option<Timestamp> {
    Timestamp::from_ms(operator::Act::decode(act.payload.as_ref()).ok()?.time_ms).ok()
}

/// What a `draft` act is about: the request without the act.
pub fn about_draft(request: &operator::DraftRequest) -> Digest {
    let bare = operator::DraftRequest { act: None, ..request.clone() };
    prefixed(b"varde/act/draft/v1\n", &bare.encode_to_vec())
}

/// What a `reply` act is about: E of the alert or offer, to whom it is said, which desk speaks, and what it says. All of it stands in the
/// reply that is kept, so that whoever is shown the act can check it.
pub fn about_reply(object: Digest, to: NodeId, desk_role: DeskRole, said: &Said) -> Digest {
    let said = peer::Reply { desk_role: desk_role.number(), ..said.to_wire() }.encode_to_vec();
    prefixed(b"varde/act/reply/v1\n", &[&object.0[..], to.as_str().as_bytes(), &said].concat())
}

/// What a `release` act is about: the draft and its recipients, sorted.
pub fn about_release(draft: Digest, recipients: &[NodeId]) -> Digest {
    prefixed(b"varde/act/release/v1\n", &[&draft.0[..], &sorted(recipients)].concat())
}

/// What a `release` act is about that no second person stands for: the same, and why.
pub fn about_release_without_approval(draft: Digest, recipients: &[NodeId], why: ApprovalOverride) -> Digest {
    let why = why.number().to_be_bytes();
    prefixed(b"varde/act/release-without-approval/v1\n", &[&draft.0[..], &why, &sorted(recipients)].concat())
}

/// What a `review` act is about: E of what was released without a second person, and why.
pub fn about_review(object: Digest, why: ApprovalOverride) -> Digest {
    prefixed(b"varde/act/review/v1\n", &[&object.0[..], &why.number().to_be_bytes()].concat())
}

fn sorted(countries: &[NodeId]) -> Vec<u8> {
    let countries: BTreeSet<&str> = countries.iter().map(NodeId::as_str).collect();
    countries.into_iter().flat_map(str::as_bytes).copied().collect()
}

/// What a `withdraw` act is about: E, the reason, and from whom, sorted; nobody named means everybody.
pub fn about_withdraw(object: Digest, reason: ErasureReason, from: &[NodeId]) -> Digest {
    let mut from = from.to_vec();
    from.sort();
    from.dedup();
    let mut bytes = object.0.to_vec();
    bytes.extend(reason.number().to_be_bytes());
    from.iter().for_each(|node| bytes.extend_from_slice(node.as_str().as_bytes()));
    prefixed(b"varde/act/withdraw/v1\n", &bytes)
}

/// What a `hold` act or a `lift` act is about: E.
pub fn about_hold(object: Digest, begins: bool) -> Digest {
    let prefix: &[u8] = if begins { b"varde/act/hold/v1\n" } else { b"varde/act/lift/v1\n" };
    prefixed(prefix, &object.0)
}

/// What a `release` act of a trend summary is about: the request without the act.
pub fn about_trend(request: &operator::TrendReleaseRequest) -> Digest {
    let bare = operator::TrendReleaseRequest { act: None, ..request.clone() };
    prefixed(b"varde/act/trend/v1\n", &bare.encode_to_vec())
}

/// What an `unfreeze` act is about: the log, and the proof for which it was frozen.
pub fn about_unfreeze(log: &Origin, evidence: Digest) -> Digest {
    prefixed(b"varde/act/unfreeze/v1\n", &[log.as_str().as_bytes(), b"\n", &evidence.0].concat())
}

fn prefixed(prefix: &[u8], bytes: &[u8]) -> Digest {
    Digest::of(&[prefix, bytes].concat())
}
