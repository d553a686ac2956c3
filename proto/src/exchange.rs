//! The frames of a connection, as the nodes think of them: every length checked, every digest of the right size, every code
//! from a fixed list. The wire's own messages stop here.

mod gossip;
mod hello;
mod proof;
mod regain;

pub use gossip::{Gossip, Joined, LogHead};
pub use hello::Hello;
pub use proof::{BadProof, check_entries, check_head, check_shown, check_signature};
pub use regain::{Held, Regain, Regained, RegainedItem};

use crate::envelope::Envelope;
use crate::id::{Digest, Origin};
use crate::limits;
use crate::log::head::Head;
use crate::log::leaf::{Entry, Opening};
use crate::wire::peer;
use bytes::Bytes;
use proof::{read_entries, write_entries};

/// The protocol version of this code; `hello` agrees on the highest that both understand.
pub const VERSION: u32 = 1;

/// Why a frame is not one. The connection is closed and the code goes to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// No frame inside, or one this version does not know.
    #[error("the message holds no frame of this version")]
    Empty,
    /// More than a bound of `limits` allows, or nothing where something must be.
    #[error("the frame breaks the bound on {0}")]
    Bound(&'static str),
    /// A field that does not have its form.
    #[error("the frame's {0} cannot be read")]
    Field(&'static str),
}

/// A head of the sender's log, and the proof that it extends what the receiver verified last.
#[derive(Debug, Clone)]
pub struct Proven {
    /// The head, not yet verified: [`check_head`] does that.
    pub checkpoint: peer::Checkpoint,
    /// Size from which the proof leads.
    pub from_size: u64,
    /// RFC 6962 consistency proof; empty when `from_size` is 0 or the checkpoint's own size, or where `entries` are the proof.
    pub consistency: Vec<Digest>,
    /// The entries from `from_size` to the checkpoint's size, from which the receiver computes the root itself; or none.
    pub entries: Vec<Entry>,
    /// A head of the receiver's log that the sender witnessed since the last frame; not yet verified.
    pub cosigned: Option<Cosigned>,
}

/// A head of the receiver's log, and the sender's cosignature of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// Which head.
    pub head: KnownHead,
    /// When it was cosigned, in seconds since 1970.
    pub seconds: u64,
    /// Ed25519 over the C2SP message.
    pub signature: [u8; 64],
}

/// A leaf, shown: its place, its opening, and its path to the root of the frame's checkpoint.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Index of the leaf.
    pub index: u64,
    /// r and event.
    pub opening: Opening,
    /// Sibling hashes from leaf to root.
    pub path: Vec<Digest>,
}

/// An item of a channel: the leaf that says it was sent, and its content unless it was abandoned.
#[derive(Debug, Clone)]
pub struct Item {
    /// The sender's leaf.
    pub sent: Shown,
    /// What was sent.
    pub envelope: Option<Envelope>,
}

/// How far one class of a channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Channel class.
    pub class: u8,
    /// Newest sequence number taken.
    pub seq: u64,
    /// X after it.
    pub chain: Digest,
}

/// A head as the other side knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownHead {
    /// Number of leaves.
    pub size: u64,
    /// Root of their tree.
    pub root: Digest,
}

impl KnownHead {
    /// Size and root of a verified head.
    pub fn of(head: &Head) -> Self {
        Self { size: head.size().0, root: head.root() }
    }
}

/// Entries of the sender's log that the receiver asked for, under a head that ends with them.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The head of so many leaves, not yet verified: [`check_entries`] does that.
    pub checkpoint: peer::Checkpoint,
    /// Index of the first entry.
    pub from: u64,
    /// The entries up to the checkpoint's size.
    pub entries: Vec<Entry>,
}

/// One message of the stream.
#[derive(Debug, Clone)]
pub enum Frame {
    /// The first frame of either side.
    Hello(Box<Hello>),
    /// Items of channels, with their proofs.
    Items(Proven, Vec<Item>),
    /// What became of items.
    Receipts(Proven, Vec<Shown>),
    /// A newer head, and what the sender knows of other logs.
    Heads(Proven, Box<Gossip>),
    /// Asks for the entries `from..to` of the receiver's log.
    Ask(u64, u64),
    /// The answer.
    Entries(Piece),
    /// The first frame of a node that was restored from a backup: its origin and versions.
    Restored(Origin, (u32, u32)),
    /// What is kept of its log.
    Held(Held),
    /// Asks for what was exchanged.
    Regain(Regain),
    /// What was exchanged.
    Regained(Box<Regained>),
    /// Why the connection is being closed: a code.
    Refusal(String),
    /// An orderly end, and after how many milliseconds to dial again.
    Goodbye(String, u32),
}

impl Frame {
    /// Reads a frame: form and bounds, not yet proofs.
    pub fn from_wire(frame: peer::Frame) -> Result<Self, BadFrame> {
        use peer::frame::Frame as Wire;
        Ok(match frame.frame.ok_or(BadFrame::Empty)? {
            Wire::Hello(hello) => Self::Hello(Box::new(hello::read(hello)?)),
            Wire::Items(peer::Items { checkpoint, from_size, consistency, items, cosigned, entries }) => {
                bound(!items.is_empty() && items.len() <= limits::FRAME_ITEMS, "items")?;
                let proven = read_proven(checkpoint, from_size, consistency, cosigned, &entries)?;
                Self::Items(proven, items.into_iter().map(read_item).collect::<Result<_, _>>()?)
            }
            Wire::Receipts(peer::Receipts { checkpoint, from_size, consistency, receipts, cosigned, entries }) => {
                bound(!receipts.is_empty() && receipts.len() <= limits::FRAME_ITEMS, "receipts")?;
                let proven = read_proven(checkpoint, from_size, consistency, cosigned, &entries)?;
                Self::Receipts(proven, receipts.into_iter().map(read_shown).collect::<Result<_, _>>()?)
            }
            Wire::Heads(heads) => {
                let (proven, gossip) = gossip::read(heads)?;
                Self::Heads(proven, Box::new(gossip))
            }
            Wire::Ask(peer::Ask { from, to }) => {
                bound(from < to && to - from <= limits::FRAME_ENTRIES as u64, "entries")?;
                Self::Ask(from, to)
            }
            Wire::Entries(peer::Entries { checkpoint, from, entries }) => {
                let (checkpoint, entries) = (read_checkpoint(checkpoint)?, read_entries(&entries)?);
                bound(!entries.is_empty(), "entries")?;
                Self::Entries(Piece { checkpoint, from, entries })
            }
            Wire::Restored(peer::Restored { version_min, version_max, origin }) => {
                let origin = Origin::parse(&origin).map_err(|_| BadFrame::Field("origin"))?;
                Self::Restored(origin, (version_min, version_max))
            }
            Wire::Held(held) => Self::Held(regain::read_held(held)?),
            Wire::Regain(regain) => Self::Regain(regain::read_regain(regain)?),
            Wire::Regained(regained) => Self::Regained(Box::new(regain::read_regained(regained)?)),
            Wire::Refusal(peer::Refusal { code }) => Self::Refusal(read_code(code)?),
            Wire::Goodbye(peer::Goodbye { reason, retry_after_ms }) => {
                Self::Goodbye(read_code(reason)?, retry_after_ms)
            }
        })
    }

    /// The message that carries it.
    pub fn into_wire(self) -> peer::Frame {
        use peer::frame::Frame as Wire;
        let frame = match self {
            Self::Hello(hello) => Wire::Hello(hello::write(*hello)),
            Self::Items(proven, items) => {
                let (checkpoint, from_size, consistency, cosigned, entries) = write_proven(proven);
                let item = |item: Item| peer::Item { sent: Some(write_shown(item.sent)), envelope: item.envelope };
                let items = items.into_iter().map(item).collect();
                Wire::Items(peer::Items { checkpoint, from_size, consistency, items, cosigned, entries })
            }
            Self::Receipts(proven, receipts) => {
                let (checkpoint, from_size, consistency, cosigned, entries) = write_proven(proven);
                let receipts = receipts.into_iter().map(write_shown).collect();
                Wire::Receipts(peer::Receipts { checkpoint, from_size, consistency, receipts, cosigned, entries })
            }
            Self::Heads(proven, gossip) => Wire::Heads(gossip::write(proven, *gossip)),
            Self::Ask(from, to) => Wire::Ask(peer::Ask { from, to }),
            Self::Entries(Piece { checkpoint, from, entries }) => {
                let entries = write_entries(&entries);
                Wire::Entries(peer::Entries { checkpoint: Some(checkpoint), from, entries })
            }
            Self::Restored(origin, (version_min, version_max)) => {
                Wire::Restored(peer::Restored { version_min, version_max, origin: origin.as_str().to_owned() })
            }
            Self::Held(held) => Wire::Held(regain::write_held(held)),
            Self::Regain(asked) => Wire::Regain(regain::write_regain(asked)),
            Self::Regained(given) => Wire::Regained(regain::write_regained(*given)),
            Self::Refusal(code) => Wire::Refusal(peer::Refusal { code }),
            Self::Goodbye(reason, retry_after_ms) => Wire::Goodbye(peer::Goodbye { reason, retry_after_ms }),
        };
        peer::Frame { frame: Some(frame) }
    }
}

fn bound(holds: bool, what: &'static str) -> Result<(), BadFrame> {
    if holds { Ok(()) } else { Err(BadFrame::Bound(what)) }
}

fn read_code(code: String) -> Result<String, BadFrame> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b':';
    bound(code.len() <= 64 && code.bytes().all(plain), "code")?;
    Ok(code)
}

fn read_digest(bytes: &[u8], what: &'static str) -> Result<Digest, BadFrame> {
    Digest::from_bytes(bytes).ok_or(BadFrame::Field(what))
}

fn read_hashes(hashes: Vec<Bytes>, what: &'static str) -> Result<Vec<Digest>, BadFrame> {
    bound(hashes.len() <= limits::PROOF_HASHES, what)?;
    hashes.iter().map(|hash| read_digest(hash, what)).collect()
}

fn read_checkpoint(checkpoint: Option<peer::Checkpoint>) -> Result<peer::Checkpoint, BadFrame> {
    let checkpoint = checkpoint.ok_or(BadFrame::Field("checkpoint"))?;
    bound(checkpoint.signatures.len() <= limits::NOTE_SIGNATURES, "signatures")?;
    Ok(checkpoint)
}

fn read_proven(
    checkpoint: Option<peer::Checkpoint>,
    from_size: u64,
    consistency: Vec<Bytes>,
    cosigned: Option<peer::Cosigned>,
    entries: &[u8],
) -> Result<Proven, BadFrame> {
    let (checkpoint, consistency) = (read_checkpoint(checkpoint)?, read_hashes(consistency, "consistency")?);
    let entries = read_entries(entries)?;
    bound(consistency.is_empty() || entries.is_empty(), "proofs")?;
    Ok(Proven { checkpoint, from_size, consistency, entries, cosigned: cosigned.map(read_cosigned).transpose()? })
}

fn read_cosigned(cosigned: peer::Cosigned) -> Result<Cosigned, BadFrame> {
    let peer::Cosigned { size, root, time, signature } = cosigned;
    let head = KnownHead { size, root: read_digest(&root, "cosigned")? };
    let signature = signature.as_ref().try_into().map_err(|_| BadFrame::Field("cosigned"))?;
    Ok(Cosigned { head, seconds: time, signature })
}

fn read_shown(shown: peer::Shown) -> Result<Shown, BadFrame> {
    let peer::Shown { index, opening, path } = shown;
    let opening = Opening::parse(&opening).map_err(|_| BadFrame::Field("opening"))?;
    Ok(Shown { index, opening, path: read_hashes(path, "path")? })
}

fn read_item(item: peer::Item) -> Result<Item, BadFrame> {
    let peer::Item { sent, envelope } = item;
    Ok(Item { sent: read_shown(sent.ok_or(BadFrame::Field("sent"))?)?, envelope })
}

fn read_known(known: Option<peer::KnownHead>) -> Result<KnownHead, BadFrame> {
    let peer::KnownHead { size, root } = known.ok_or(BadFrame::Field("your_log"))?;
    Ok(KnownHead { size, root: read_digest(&root, "your_log")? })
}

fn read_position(position: peer::Position) -> Result<Position, BadFrame> {
    let peer::Position { class, seq, chain } = position;
    let class = u8::try_from(class).ok().filter(|c| *c < limits::CLASSES).ok_or(BadFrame::Bound("class"))?;
    Ok(Position { class, seq, chain: read_digest(&chain, "received")? })
}

fn write_position(position: Position) -> peer::Position {
    let Position { class, seq, chain } = position;
    peer::Position { class: u32::from(class), seq, chain: digest_bytes(&chain) }
}

fn digest_bytes(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(&digest.0)
}

fn write_known(known: KnownHead) -> peer::KnownHead {
    peer::KnownHead { size: known.size, root: digest_bytes(&known.root) }
}

type WireProven = (Option<peer::Checkpoint>, u64, Vec<Bytes>, Option<peer::Cosigned>, Bytes);

fn write_proven(proven: Proven) -> WireProven {
    let entries = write_entries(&proven.entries);
    let consistency = proven.consistency.iter().map(digest_bytes).collect();
    let cosigned = proven.cosigned.map(|Cosigned { head, seconds, signature }| peer::Cosigned {
        size: head.size,
        root: digest_bytes(&head.root),
        time: seconds,
        signature: Bytes::copy_from_slice(&signature),
    });
    (Some(proven.checkpoint), proven.from_size, consistency, cosigned, entries)
}

fn write_shown(shown: Shown) -> peer::Shown {
    let path = shown.path.iter().map(digest_bytes).collect();
    peer::Shown { index: shown.index, opening: Bytes::copy_from_slice(shown.opening.bytes()), path }
}
