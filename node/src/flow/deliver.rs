//! The sending half of a connection: owed items become frames, and receipts settle them. A receipt is checked like any
//! proof before anything is settled; it says `received` or `rejected`, and either way the item's turn is over.

use super::agreement::words;
use super::desk::Desk;
use super::ledger::Ledger;
use super::outbox::{self, Owed, item_row};
use super::{agreement, entangle, receive};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::outgoing::Run;
use crate::state::{Book, ChannelKey, Direction};
use prost::Message;
use std::collections::BTreeMap;
use varde_proto::agreement::Agreed;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{BadProof, Item, KnownHead, Shown, check_shown};
use varde_proto::id::{Digest, LogIndex, TreeSize};
use varde_proto::log::event::{Direction as LeafDirection, Event, Kind};
use varde_proto::log::fork::Fork;
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;
use varde_proto::time::Timestamp;

/// Why a peer's frame ends the connection. Nothing advanced.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// A proof does not hold.
    #[error(transparent)]
    Proof(#[from] BadProof),
    /// The leaf shown is not about what it should be.
    #[error("the leaf shown is not the one expected: {0}")]
    Leaf(&'static str),
    /// Two heads of one size are signed by the peer's key.
    #[error("the peer's log was forked")]
    Forked(Box<Fork>),
    /// Our own store failed; the peer is told nothing.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Broken {
    /// The code for the journal and for the refusal frame.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Proof(proof) => proof.code(),
            Self::Leaf(what) => what,
            Self::Forked(_) => BadProof::Fork.code(),
            Self::Store(_) => "try-later",
        }
    }
}

/// Why a run has no items.
#[derive(Debug, thiserror::Error)]
pub enum Unsent {
    /// Our store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The first item of the run cannot be read, or is erased here and was lost by the peer: this is its leaf. It is to be given up, so
    /// that it holds up no other.
    #[error("an owed item cannot be read")]
    Unreadable(Box<Event>),
}

/// The items of a run with their proofs in the tree of `size`, cut to so many bytes, but one at least, and to what that tree has:
/// it may be nothing, where the next one was abandoned a moment ago, in a leaf that comes after.
///
/// What is agreed now no longer permits an item: then the run ends before it, until it is abandoned ([`agreement::keep_to`]).
pub fn items(
    (ledger, now): (&Ledger, Timestamp),
    (peer, agreed): (&Peer, &Agreed),
    run: Run,
    size: u64,
    room: usize,
) -> Result<Vec<Item>, Unsent> {
    let mut items = Vec::new();
    let mut bytes = 0;
    for seq in run.from..run.from + run.count {
        let row = item_row(rows::OWED, &peer.origin, run.class, ledger.number(seq));
        let (leaf, opening, envelope) = match owed(ledger, &row) {
            Err(Unsent::Unreadable(_)) if !items.is_empty() => break,
            owed => owed?,
        };
        if envelope.is_none() && opening.event().kind != Kind::ABANDONED && seq > run.taken {
            if !items.is_empty() {
                break;
            }
            return Err(Unsent::Unreadable(Box::new(opening.event().clone())));
        }
        let leaf = rows::counted(leaf);
        let may_go = |envelope| receive::may_go(agreed, opening.event(), envelope, &outbox::around(now));
        if leaf >= size || !envelope.as_ref().is_none_or(may_go) {
            break;
        }
        let path = path(&ledger.book(), leaf, size)?;
        let weight = envelope.as_ref().map_or(0, Message::encoded_len) + opening.bytes().len() + 34 * path.len() + 64;
        if !items.is_empty() && bytes + weight > room {
            break;
        }
        bytes += weight;
        items.push(Item { sent: Shown { index: leaf, opening, path }, envelope });
    }
    Ok(items)
}

/// An owed item: its leaf, and its envelope unless it is abandoned. One that came back after a restored backup without its
/// content, which is erased by now, goes without it: the peer took it then, and answers with the receipt of then. If the peer was
/// restored as well, and lost it, there is nothing left to send.
fn owed(ledger: &Ledger, row: &[u8]) -> Result<(u64, Opening, Option<Envelope>), Unsent> {
    // What is withdrawn between two of these reads is found abandoned at the second attempt.
    let mut gone = None;
    for _ in 0..2 {
        let Some(Owed { leaf, envelope, .. }) = ledger.get(row)?.as_deref().and_then(Owed::decode) else { break };
        let opening = ledger.opening(leaf)?;
        if opening.event().kind == Kind::ABANDONED {
            return Ok((leaf, opening, None));
        }
        let unreadable = || Unsent::Unreadable(Box::new(opening.event().clone()));
        let kept = match ledger.read(&rows::numbered(rows::ENVELOPE, envelope)) {
            Err(StoreError::Damaged(_)) => return Err(unreadable()),
            kept => kept?,
        };
        if let Some(bytes) = kept {
            let envelope = Envelope::decode(bytes.as_slice()).map_err(|_| unreadable())?;
            return Ok((leaf, opening, Some(envelope)));
        }
        gone = Some((leaf, opening, None));
    }
    gone.ok_or_else(|| StoreError::Damaged("an owed item is gone".into()).into())
}

/// The inclusion path of one of our leaves in the tree of `size`.
pub fn path(book: &Book, leaf: u64, size: u64) -> Result<Vec<Digest>, StoreError> {
    let path = book.tree.inclusion(LogIndex(leaf), TreeSize(size));
    path.ok_or_else(|| StoreError::Damaged(format!("leaf {leaf} is outside the head")))
}

/// The proof that the tree of `size` extends that of `from`; empty where there is nothing to prove.
pub fn consistency(book: &Book, from: u64, size: u64) -> Vec<Digest> {
    if from == 0 || from == size {
        return Vec::new();
    }
    book.tree.consistency(TreeSize(from), TreeSize(size)).unwrap_or_default()
}

/// A receipt whose proof holds.
pub struct CheckedReceipt {
    class: u8,
    seq: u64,
    object: Digest,
    chain: Digest,
    abandoned: bool,
    proof: Vec<u8>,
}

/// Checks the receipts of a frame against a head that was already verified.
pub fn check_receipts(
    head: &Head,
    receipts: &[Shown],
    me: &varde_proto::id::Origin,
) -> Result<Vec<CheckedReceipt>, Broken> {
    receipts
        .iter()
        .map(|shown| {
            check_shown(KnownHead::of(head), shown)?;
            let event = shown.opening.event();
            let answers = matches!(event.kind, Kind::RECEIVED | Kind::REJECTED | Kind::ABANDONED);
            if !answers || event.direction != LeafDirection::In || event.peer.as_ref() != Some(me) {
                return Err(Broken::Leaf("not-a-receipt"));
            }
            let (index, path) = (LogIndex(shown.index), shown.path.clone());
            let proof = TlogProof::of_leaf(&shown.opening, index, path, head.note().clone()).write();
            Ok(CheckedReceipt {
                class: event.class,
                seq: event.seq,
                object: event.object,
                chain: event.chain,
                abandoned: event.kind == Kind::ABANDONED,
                proof: proof.into_bytes(),
            })
        })
        .collect()
}

/// Settles what the receipts answer, in one commit with the peer's head and one `receipt-held` leaf a class. Returns how far
/// each class is settled. Receipts already held change nothing.
pub fn settle(
    desk: &mut Desk<'_>,
    peer: &Peer,
    head: &Head,
    receipts: Vec<CheckedReceipt>,
) -> Result<Vec<(u8, u64)>, Broken> {
    if !agreement::is_in_roster(desk, peer)? {
        return Err(Broken::Leaf("pin-changed"));
    }
    let mut newest: BTreeMap<u8, (u64, Digest, Digest)> = BTreeMap::new();
    for receipt in receipts {
        let key = ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class: receipt.class };
        let mut state = desk.channel(&key);
        if receipt.seq <= state.settled {
            continue;
        }
        if receipt.seq != state.settled + 1 || receipt.seq > state.seq {
            return Err(Broken::Leaf("receipt-out-of-order"));
        }
        let row = item_row(rows::OWED, &peer.origin, receipt.class, desk.number(receipt.seq));
        let owed = desk.get(&row)?.as_deref().and_then(Owed::decode);
        let owed = owed.ok_or_else(|| StoreError::Damaged("an owed item is gone".into()))?;
        if owed.object != receipt.object || owed.chain != receipt.chain {
            return Err(Broken::Leaf("receipt-for-another-item"));
        }
        if receipt.abandoned && !is_abandoned_here(desk, &owed)? {
            return Err(Broken::Leaf("abandoned-by-the-receiver"));
        }
        let held = item_row(rows::RECEIPT, &peer.origin, receipt.class, desk.number(receipt.seq));
        desk.seal(held, &receipt.proof)?;
        desk.delete(row);
        desk.put(item_row(rows::SETTLED, &peer.origin, receipt.class, desk.number(receipt.seq)), owed.encode())?;
        state.settled = receipt.seq;
        desk.set_channel(key, state)?;
        newest.insert(receipt.class, (receipt.seq, Digest::of(&receipt.proof), receipt.chain));
    }
    if newest.is_empty() {
        return Ok(Vec::new());
    }
    desk.set_head(&peer.origin, head)?;
    entangle::weave(desk, entangle::BEFORE_AN_EXCHANGE)?;
    for (class, (seq, object, chain)) in &newest {
        desk.append(Event {
            kind: Kind::RECEIPT_HELD,
            time: Timestamp::default(),
            peer: Some(peer.origin.clone()),
            direction: LeafDirection::Out,
            class: *class,
            seq: *seq,
            object: *object,
            chain: *chain,
            restricted: Digest::NONE,
            agreement: words::governing(desk, &peer.origin),
            body: Vec::new(),
        })?;
    }
    Ok(newest.into_iter().map(|(class, (seq, ..))| (class, seq)).collect())
}

/// Only the sender abandons an item: a receiver that read it cannot say that it was never delivered.
fn is_abandoned_here(desk: &Desk<'_>, owed: &Owed) -> Result<bool, StoreError> {
    let opening = desk.open(&rows::numbered(rows::OPENING, owed.leaf))?;
    let opening = opening.and_then(|bytes| Opening::parse(&bytes).ok());
    Ok(opening.is_some_and(|opening| opening.event().kind == Kind::ABANDONED))
}
