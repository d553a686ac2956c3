//! The event a leaf commits to, and its one encoding (docs/protocol.md, "Leaf").
//!
//! What a kind's body means is the business of whoever writes it; here it is bytes with a bound. What the fields must say
//! together (sequence numbers, accumulators, times) is checked by [`crate::audit`].

use super::codec::Fields;
use crate::id::{Digest, Origin};
use crate::limits;
use crate::time::Timestamp;

/// What happened. Numbers without a name here are kept: they are a note to the auditor, never a failure of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Kind(pub u8);

impl Kind {
    /// An item was promised to a peer.
    pub const SENT: Self = Self(1);
    /// A peer's item was admitted.
    pub const RECEIVED: Self = Self(2);
    /// A peer's receipts are held up to this sequence number.
    pub const RECEIPT_HELD: Self = Self(3);
    /// A peer's item was refused; the body is the reason's code.
    pub const REJECTED: Self = Self(4);
    /// A query was sent.
    pub const QUERY_SENT: Self = Self(5);
    /// A query was received.
    pub const QUERY_RECEIVED: Self = Self(6);
    /// An answer was sent.
    pub const ANSWER_SENT: Self = Self(7);
    /// An answer was received.
    pub const ANSWER_RECEIVED: Self = Self(8);
    /// An item that was promised will not be delivered; its number and E stay.
    pub const ABANDONED: Self = Self(9);
    /// An item arrived again.
    pub const DUPLICATE: Self = Self(10);
    /// The erasure of an item is asked for.
    pub const ERASE_REQUEST: Self = Self(16);
    /// An item was erased.
    pub const ERASE_DONE: Self = Self(17);
    /// Erasure is forbidden for now.
    pub const HOLD: Self = Self(18);
    /// Leaf 0.
    pub const GENESIS: Self = Self(0x80);
    /// A key was added or replaced.
    pub const KEY_ROTATE: Self = Self(0x81);
    /// A key was revoked.
    pub const KEY_REVOKE: Self = Self(0x82);
    /// The newest heads of the other logs.
    pub const ENTANGLE: Self = Self(0x83);
    /// The node was restored from a backup.
    pub const RECOVERY: Self = Self(0x84);
    /// The log ends here or begins after another.
    pub const GENERATION_BUMP: Self = Self(0x85);
    /// The clock was set back, with the approval of two people.
    pub const CLOCK_STEP: Self = Self(0x86);
    /// Evidence of another log's misbehaviour.
    pub const MISBEHAVIOUR: Self = Self(0x87);
    /// A peer's descriptor was pinned; the body is the signed descriptor's digest or bytes.
    pub const ROSTER: Self = Self(0x88);
    /// An agreement came into force.
    pub const AGREEMENT: Self = Self(0x89);
    /// An entry of the privacy budget's ledger.
    pub const BUDGET: Self = Self(0x8a);
    /// The policy of the log.
    pub const POLICY: Self = Self(0x8b);
    /// The head of another log of this node.
    pub const ANCHOR: Self = Self(0x8c);
    /// Two people decided that a frozen log is dealt with again.
    pub const UNFREEZE: Self = Self(0x8d);
    /// Padding.
    pub const PAD: Self = Self(0xff);

    /// Whether it says nothing that others must come to know of: padding, and mentions of others' heads.
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::PAD | Self::ENTANGLE)
    }

    /// The name people read, or `kind-<number>`.
    pub fn name(self) -> String {
        match NAMES.iter().find(|(kind, _)| *kind == self) {
            Some((_, name)) => (*name).to_owned(),
            None => format!("kind-{}", self.0),
        }
    }

    /// Whether this version knows what it means.
    pub fn is_known(self) -> bool {
        NAMES.iter().any(|(kind, _)| *kind == self)
    }
}

const NAMES: [(Kind, &str); 28] = [
    (Kind::SENT, "sent"),
    (Kind::RECEIVED, "received"),
    (Kind::RECEIPT_HELD, "receipt-held"),
    (Kind::REJECTED, "rejected"),
    (Kind::QUERY_SENT, "query-sent"),
    (Kind::QUERY_RECEIVED, "query-received"),
    (Kind::ANSWER_SENT, "answer-sent"),
    (Kind::ANSWER_RECEIVED, "answer-received"),
    (Kind::ABANDONED, "abandoned"),
    (Kind::DUPLICATE, "duplicate"),
    (Kind::ERASE_REQUEST, "erase-request"),
    (Kind::ERASE_DONE, "erase-done"),
    (Kind::HOLD, "hold"),
    (Kind::GENESIS, "genesis"),
    (Kind::KEY_ROTATE, "key-rotate"),
    (Kind::KEY_REVOKE, "key-revoke"),
    (Kind::ENTANGLE, "entangle"),
    (Kind::RECOVERY, "recovery"),
    (Kind::GENERATION_BUMP, "generation-bump"),
    (Kind::CLOCK_STEP, "clock-step"),
    (Kind::MISBEHAVIOUR, "misbehaviour"),
    (Kind::ROSTER, "roster"),
    (Kind::AGREEMENT, "agreement"),
    (Kind::BUDGET, "budget"),
    (Kind::POLICY, "policy"),
    (Kind::ANCHOR, "anchor"),
    (Kind::UNFREEZE, "unfreeze"),
    (Kind::PAD, "pad"),
];

/// Which way an item went, seen from the log's node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Direction {
    /// No peer is concerned.
    None,
    /// To the peer.
    Out,
    /// From the peer.
    In,
}

impl Direction {
    /// 0 none, 1 out, 2 in.
    pub fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Out => 1,
            Self::In => 2,
        }
    }

    /// Reads the number.
    pub fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::None),
            1 => Some(Self::Out),
            2 => Some(Self::In),
            _ => None,
        }
    }
}

/// One line of the exchange log, before it is committed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What happened.
    pub kind: Kind,
    /// When, by the node's clock; never before the leaf before it.
    pub time: Timestamp,
    /// The other log concerned, if any.
    pub peer: Option<Origin>,
    /// Which way.
    pub direction: Direction,
    /// Channel class, less than `limits::CLASSES`.
    pub class: u8,
    /// Number in its channel, from 1; 0 where there is none.
    pub seq: u64,
    /// E of the item, or the digest of what the kind concerns.
    pub object: Digest,
    /// The channel's accumulator X after this item (see [`super::chain`]).
    pub chain: Digest,
    /// Commitment to details that stay in the country (see [`super::leaf::restricted`]).
    pub restricted: Digest,
    /// SHA-256 of the agreement's text under which it happened.
    pub agreement: Digest,
    /// What the kind adds, at most `limits::EVENT_BODY_BYTES`.
    pub body: Vec<u8>,
}

/// Not an event, or not the one encoding of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadEvent {
    /// Another format, or another version of this one.
    #[error("not an event of this version")]
    Magic,
    /// Ends too early or too late.
    #[error("the event's length is not what its fields say")]
    Length,
    /// A time outside 1970 to 9999.
    #[error("the event's time is outside 1970 to 9999")]
    Time,
    /// The peer is not an origin.
    #[error("the event's peer is not an origin")]
    Peer,
    /// Not 0, 1 or 2.
    #[error("the event's direction is not 0, 1 or 2")]
    Direction,
    /// Not a class.
    #[error("the event's class is not below {}", limits::CLASSES)]
    Class,
    /// A body over the bound.
    #[error("the event's body is over {} bytes", limits::EVENT_BODY_BYTES)]
    Body,
}

const MAGIC: &[u8; 8] = b"vardelg\x01";

impl Event {
    /// An event of `kind` at `time` that concerns no peer; every other field empty.
    pub fn local(kind: Kind, time: Timestamp) -> Self {
        Self {
            kind,
            time,
            peer: None,
            direction: Direction::None,
            class: 0,
            seq: 0,
            object: Digest::NONE,
            chain: Digest::NONE,
            restricted: Digest::NONE,
            agreement: Digest::NONE,
            body: Vec::new(),
        }
    }

    /// The one encoding; refuses a class or a body out of bounds.
    pub fn encode(&self) -> Result<Vec<u8>, BadEvent> {
        if self.class >= limits::CLASSES {
            return Err(BadEvent::Class);
        }
        if self.body.len() > limits::EVENT_BODY_BYTES {
            return Err(BadEvent::Body);
        }
        let peer = self.peer.as_ref().map_or("", Origin::as_str);
        let peer_length = u8::try_from(peer.len()).map_err(|_| BadEvent::Peer)?;
        let body_length = u16::try_from(self.body.len()).map_err(|_| BadEvent::Body)?;
        let mut out = Vec::with_capacity(160 + peer.len() + self.body.len());
        out.extend_from_slice(MAGIC);
        out.push(self.kind.0);
        out.extend_from_slice(&self.time.ms().to_be_bytes());
        out.push(peer_length);
        out.extend_from_slice(peer.as_bytes());
        out.push(self.direction.number());
        out.push(self.class);
        out.extend_from_slice(&self.seq.to_be_bytes());
        for digest in [&self.object, &self.chain, &self.restricted, &self.agreement] {
            out.extend_from_slice(&digest.0);
        }
        out.extend_from_slice(&body_length.to_be_bytes());
        out.extend_from_slice(&self.body);
        Ok(out)
    }

    /// Reads the one encoding; nothing may follow it.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadEvent> {
        let short = || BadEvent::Length;
        let mut fields = Fields(bytes);
        if fields.take(MAGIC.len()).ok_or(BadEvent::Magic)? != MAGIC {
            return Err(BadEvent::Magic);
        }
        let kind = Kind(fields.byte().ok_or_else(short)?);
        let time = read_time(fields.long().ok_or_else(short)?)?;
        let peer_length = fields.byte().ok_or_else(short)?;
        let peer = read_peer(fields.take(usize::from(peer_length)).ok_or_else(short)?)?;
        let direction = Direction::from_number(fields.byte().ok_or_else(short)?).ok_or(BadEvent::Direction)?;
        let class = fields.byte().ok_or_else(short)?;
        let seq = fields.long().ok_or_else(short)?;
        let object = fields.digest().ok_or_else(short)?;
        let chain = fields.digest().ok_or_else(short)?;
        let restricted = fields.digest().ok_or_else(short)?;
        let agreement = fields.digest().ok_or_else(short)?;
        let body_length = usize::from(fields.short().ok_or_else(short)?);
        if class >= limits::CLASSES {
            return Err(BadEvent::Class);
        }
        if body_length > limits::EVENT_BODY_BYTES {
            return Err(BadEvent::Body);
        }
        let body = fields.take(body_length).ok_or_else(short)?.to_vec();
        if !fields.0.is_empty() {
            return Err(BadEvent::Length);
        }
        Ok(Self { kind, time, peer, direction, class, seq, object, chain, restricted, agreement, body })
    }
}

fn read_time(ms: u64) -> Result<Timestamp, BadEvent> {
    let ms = i64::try_from(ms).map_err(|_| BadEvent::Time)?;
    Timestamp::from_ms(ms).map_err(|_| BadEvent::Time)
}

fn read_peer(bytes: &[u8]) -> Result<Option<Origin>, BadEvent> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| BadEvent::Peer)?;
    Origin::parse(text).map(Some).map_err(|_| BadEvent::Peer)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn sample() -> Event {
        Event {
            kind: Kind::SENT,
            time: Timestamp::from_ms(1_795_291_200_123).unwrap(),
            peer: Some(Origin::parse("varde.example/lt/1").unwrap()),
            direction: Direction::Out,
            class: 2,
            seq: 7,
            object: Digest([1; 32]),
            chain: Digest([2; 32]),
            restricted: Digest([3; 32]),
            agreement: Digest([4; 32]),
            body: b"note".to_vec(),
        }
    }

    #[test]
    fn an_event_reads_back_as_it_was_written() {
        let empty = Event::local(Kind(0x42), Timestamp::MAX);
        for event in [sample(), empty] {
            assert_eq!(Event::decode(&event.encode().unwrap()), Ok(event));
        }
    }

    #[test]
    fn every_changed_byte_is_another_event_or_none() {
        let bytes = sample().encode().unwrap();
        for place in 0..bytes.len() {
            for bit in 0..8 {
                let mut changed = bytes.clone();
                changed[place] ^= 1 << bit;
                if let Ok(event) = Event::decode(&changed) {
                    assert_eq!(event.encode().unwrap(), changed, "byte {place} has two spellings");
                    assert_ne!(event, sample());
                }
            }
        }
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        let bytes = sample().encode().unwrap();
        for end in 0..bytes.len() {
            assert!(Event::decode(&bytes[..end]).is_err());
        }
        assert_eq!(Event::decode(&[bytes, vec![0]].concat()), Err(BadEvent::Length));
    }

    #[test]
    fn bounds_hold_both_ways() {
        let mut event = sample();
        event.body = vec![0; limits::EVENT_BODY_BYTES];
        let bytes = event.encode().unwrap();
        assert!(Event::decode(&bytes).is_ok());
        event.body.push(0);
        assert_eq!(event.encode(), Err(BadEvent::Body));
        event = sample();
        event.class = limits::CLASSES;
        assert_eq!(event.encode(), Err(BadEvent::Class));
    }
}
