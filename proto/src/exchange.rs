//! The frames of a connection, as the nodes think of them: every length checked, every digest of the right size, every code
//! from a fixed list. The wire's own messages stop here.

use crate::envelope::Envelope;
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::PublicKey;
use crate::limits;
use crate::log::head::{BadHead, Head};
use crate::log::leaf::Opening;
use crate::log::merkle;
use crate::wire::peer;
use bytes::Bytes;

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
    /// RFC 6962 consistency proof; empty when `from_size` is 0 or the checkpoint's own size.
    pub consistency: Vec<Digest>,
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

/// The first frame of either side.
#[derive(Debug, Clone)]
pub struct Hello {
    /// Lowest and highest protocol version understood.
    pub versions: (u32, u32),
    /// The sender's log.
    pub origin: Origin,
    /// Payload types it reads.
    pub reads: Vec<String>,
    /// Its newest head, not yet verified.
    pub head: peer::Checkpoint,
    /// The receiver's newest head as the sender verified it.
    pub your_log: KnownHead,
    /// How far the receiver's items have come.
    pub received: Vec<Position>,
    /// The sender's signed yes to the agreement in force.
    pub acceptance: Envelope,
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
    /// A newer head.
    Heads(Proven, KnownHead),
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
            Wire::Hello(hello) => Self::Hello(Box::new(read_hello(hello)?)),
            Wire::Items(peer::Items { checkpoint, from_size, consistency, items, cosigned }) => {
                bound(!items.is_empty() && items.len() <= limits::FRAME_ITEMS, "items")?;
                let proven = read_proven(checkpoint, from_size, consistency, cosigned)?;
                Self::Items(proven, items.into_iter().map(read_item).collect::<Result<_, _>>()?)
            }
            Wire::Receipts(peer::Receipts { checkpoint, from_size, consistency, receipts, cosigned }) => {
                bound(!receipts.is_empty() && receipts.len() <= limits::FRAME_ITEMS, "receipts")?;
                let proven = read_proven(checkpoint, from_size, consistency, cosigned)?;
                Self::Receipts(proven, receipts.into_iter().map(read_shown).collect::<Result<_, _>>()?)
            }
            Wire::Heads(peer::Heads { checkpoint, from_size, consistency, your_log, cosigned }) => {
                let proven = read_proven(checkpoint, from_size, consistency, cosigned)?;
                Self::Heads(proven, read_known(your_log)?)
            }
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
            Self::Hello(hello) => Wire::Hello(write_hello(*hello)),
            Self::Items(proven, items) => {
                let (checkpoint, from_size, consistency, cosigned) = write_proven(proven);
                let item = |item: Item| peer::Item { sent: Some(write_shown(item.sent)), envelope: item.envelope };
                let items = items.into_iter().map(item).collect();
                Wire::Items(peer::Items { checkpoint, from_size, consistency, items, cosigned })
            }
            Self::Receipts(proven, receipts) => {
                let (checkpoint, from_size, consistency, cosigned) = write_proven(proven);
                let receipts = receipts.into_iter().map(write_shown).collect();
                Wire::Receipts(peer::Receipts { checkpoint, from_size, consistency, receipts, cosigned })
            }
            Self::Heads(proven, known) => {
                let (checkpoint, from_size, consistency, cosigned) = write_proven(proven);
                let your_log = Some(write_known(known));
                Wire::Heads(peer::Heads { checkpoint, from_size, consistency, your_log, cosigned })
            }
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
) -> Result<Proven, BadFrame> {
    let (checkpoint, consistency) = (read_checkpoint(checkpoint)?, read_hashes(consistency, "consistency")?);
    Ok(Proven { checkpoint, from_size, consistency, cosigned: cosigned.map(read_cosigned).transpose()? })
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

fn read_hello(hello: peer::Hello) -> Result<Hello, BadFrame> {
    let peer::Hello { version_min, version_max, origin, reads, head, your_log, received, acceptance } = hello;
    bound(reads.len() <= 64 && reads.iter().all(|r| r.len() <= 128), "reads")?;
    bound(received.len() <= usize::from(limits::CLASSES), "received")?;
    let position = |position: peer::Position| {
        let peer::Position { class, seq, chain } = position;
        let class = u8::try_from(class).ok().filter(|c| *c < limits::CLASSES).ok_or(BadFrame::Bound("class"))?;
        Ok(Position { class, seq, chain: read_digest(&chain, "received")? })
    };
    Ok(Hello {
        versions: (version_min, version_max),
        origin: Origin::parse(&origin).map_err(|_| BadFrame::Field("origin"))?,
        reads,
        head: read_checkpoint(head)?,
        your_log: read_known(your_log)?,
        received: received.into_iter().map(position).collect::<Result<_, _>>()?,
        acceptance: acceptance.ok_or(BadFrame::Field("acceptance"))?,
    })
}

fn digest_bytes(digest: &Digest) -> Bytes {
    Bytes::copy_from_slice(&digest.0)
}

fn write_known(known: KnownHead) -> peer::KnownHead {
    peer::KnownHead { size: known.size, root: digest_bytes(&known.root) }
}

fn write_proven(proven: Proven) -> (Option<peer::Checkpoint>, u64, Vec<Bytes>, Option<peer::Cosigned>) {
    let consistency = proven.consistency.iter().map(digest_bytes).collect();
    let cosigned = proven.cosigned.map(|Cosigned { head, seconds, signature }| peer::Cosigned {
        size: head.size,
        root: digest_bytes(&head.root),
        time: seconds,
        signature: Bytes::copy_from_slice(&signature),
    });
    (Some(proven.checkpoint), proven.from_size, consistency, cosigned)
}

fn write_shown(shown: Shown) -> peer::Shown {
    let path = shown.path.iter().map(digest_bytes).collect();
    peer::Shown { index: shown.index, opening: Bytes::copy_from_slice(shown.opening.bytes()), path }
}

fn write_hello(hello: Hello) -> peer::Hello {
    let position =
        |p: Position| peer::Position { class: u32::from(p.class), seq: p.seq, chain: digest_bytes(&p.chain) };
    peer::Hello {
        version_min: hello.versions.0,
        version_max: hello.versions.1,
        origin: hello.origin.as_str().to_owned(),
        reads: hello.reads,
        head: Some(hello.head),
        your_log: Some(write_known(hello.your_log)),
        received: hello.received.into_iter().map(position).collect(),
        acceptance: Some(hello.acceptance),
    }
}

/// What is wrong with a proof. Nothing advances; the connection is closed and the code goes to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// The checkpoint is not signed by the sender's log key.
    #[error("the checkpoint is not signed by the sender's log key")]
    Signature,
    /// The checkpoint is smaller than one verified before: the log was rolled back, or a proof is being replayed.
    #[error("the checkpoint is older than one verified before")]
    Rollback,
    /// Same size, another root: two logs under one name.
    #[error("two heads of one size differ")]
    Fork,
    /// The checkpoint does not extend what was verified before.
    #[error("the checkpoint does not extend what was verified before")]
    Consistency,
    /// The leaf is not in the tree of the checkpoint.
    #[error("the leaf is not in the tree of the checkpoint")]
    Inclusion,
}

impl BadProof {
    /// The code for the journal and for the refusal frame.
    pub fn code(self) -> &'static str {
        match self {
            Self::Signature => "bad-checkpoint-signature",
            Self::Rollback => "rollback",
            Self::Fork => "fork",
            Self::Consistency => "inconsistent",
            Self::Inclusion => "not-included",
        }
    }
}

/// Checks a head against the newest one verified; returns the new one. Size 0 is extended by anything.
pub fn check_head(known: KnownHead, proven: &Proven, log: &Origin, keys: &[PublicKey]) -> Result<Head, BadProof> {
    let head = check_signature(&proven.checkpoint, log, keys)?;
    let new = KnownHead::of(&head);
    if new.size < known.size {
        return Err(BadProof::Rollback);
    }
    if new.size == known.size {
        return if new.root == known.root { Ok(head) } else { Err(BadProof::Fork) };
    }
    if known.size > 0 {
        if proven.from_size != known.size {
            return Err(BadProof::Consistency);
        }
        let (old, size) = (TreeSize(known.size), TreeSize(new.size));
        merkle::verify_consistency(old, size, &known.root, &new.root, &proven.consistency)
            .map_err(|_| BadProof::Consistency)?;
    }
    Ok(head)
}

/// Checks that a head is signed by the log.
pub fn check_signature(checkpoint: &peer::Checkpoint, log: &Origin, keys: &[PublicKey]) -> Result<Head, BadProof> {
    Head::from_wire(checkpoint, log, keys).map_err(|_: BadHead| BadProof::Signature)
}

/// Checks that a shown leaf is in the tree of a verified head.
pub fn check_shown(head: KnownHead, shown: &Shown) -> Result<(), BadProof> {
    let leaf = shown.opening.entry().leaf_hash();
    let (index, size) = (LogIndex(shown.index), TreeSize(head.size));
    merkle::verify_inclusion(index, size, &leaf, &shown.path, &head.root).map_err(|_| BadProof::Inclusion)
}
