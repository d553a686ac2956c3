//! The bundle for auditors: the whole log as it stands at one signed head, leaf by leaf, with what is still there of each.
//!
//! Reads go on beside the writer. What is below the head never changes, and what came later is left out, so that the bundle is of
//! one moment; but what is erased while the bundle is written is gone from it, so it goes on to the leaf that says so.

use super::Node;
use super::agreement::words;
use super::alert::drafts;
use super::erase::{self, Stage};
use super::ledger::Ledger;
use super::reopen::peer_of;
use super::witness;
use crate::port::StoreError;
use crate::rows;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::audit::{BundleSink, NotWritten, Scope, Writer};
use varde_proto::envelope::Envelope;
use varde_proto::id::{Origin, TreeSize};
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::fork::Claim;
use varde_proto::log::head::Head;

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum NotExported<E> {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bundle could not be written.
    #[error(transparent)]
    Written(#[from] NotWritten<E>),
    /// An item is gone, and its erasure is not logged yet.
    #[error("an erasure is under way, and the log does not say yet that it is done")]
    Erasing,
}

type Exported<S> = Result<(), NotExported<<S as BundleSink>::Error>>;

/// Writes the bundle of this moment; returns the sink and the number of leaves.
pub fn write<S: BundleSink>(node: &Node, scope: Scope, sink: S) -> Result<(S, u64), NotExported<S::Error>> {
    let size = node.ledger.show()?.size().0;
    write_to(node, scope, sink, (size, Ledger::head_at))
}

/// The last bundle of a log that is locked and of which people decided that it ends.
pub fn write_last<S: BundleSink>(node: &Node, scope: Scope, sink: S) -> Result<(S, u64), NotExported<S::Error>> {
    write_to(node, scope, sink, (node.ledger.head().size().0, Ledger::last_at))
}

type HeadAt = fn(&Ledger, u64) -> Result<Head, StoreError>;

fn write_to<S: BundleSink>(
    node: &Node,
    scope: Scope,
    sink: S,
    (mut size, head_at): (u64, HeadAt),
) -> Result<(S, u64), NotExported<S::Error>> {
    let genesis = node.ledger.opening(node.ledger.number(0))?;
    let genesis = Envelope::decode(genesis.event().body.as_slice()).map_err(|_| damaged("the genesis in leaf 0"))?;
    let mut writer = Writer::new(sink, scope, &genesis, &node.me.origin)?;
    let mut told = Told::default();
    let mut index = 0;
    while index < size {
        if leaf(node, index, &mut told, &mut writer)? > size {
            size = node.ledger.head().size().0;
        }
        index += 1;
    }
    let only = if let Scope::For(country) = scope { Some(country) } else { None };
    // Read before the first is written: a reader of the bundle may be slow, and the book must not wait for it.
    let texts = words::known_texts(&node.ledger.book(), only);
    for agreement in texts {
        writer.agreement(agreement.text())?;
    }
    writer.policy(&told.policy)?;
    writer.key_statements(&node.keys.history().write_below(TreeSize(size)))?;
    decisions(node, size, &mut writer)?;
    heads(node, (size, head_at), &mut writer)?;
    let sent = |peer: &Origin, class, seq, proof: &[u8]| writer.sent(peer, class, seq, proof);
    proofs(node, rows::SENT_PROOF, &told.taken, sent)?;
    let receipt = |peer: &Origin, class, seq, proof: &[u8]| writer.receipt(peer, class, seq, proof);
    proofs(node, rows::RECEIPT, &told.sent, receipt)?;
    witnessed(node, &told.named, &mut writer)?;
    for proof in &told.forks {
        writer.fork(proof)?;
    }
    Ok((writer.finish(&node.keys.message(size))?, size))
}

/// What the leaves below the head say that is needed for the rest.
#[derive(Default)]
struct Told {
    policy: String,
    /// Logs of peers whose keys it names.
    named: BTreeSet<Origin>,
    /// Proofs that other logs were forked.
    forks: Vec<Claim>,
    /// Newest number sent, by peer and class.
    sent: Numbers,
    /// Newest number taken, by peer and class.
    taken: Numbers,
}

type Numbers = BTreeMap<(Origin, u8), u64>;

impl Told {
    fn take(&mut self, event: &Event) {
        match (&event.peer, event.direction, event.kind) {
            (_, _, Kind::POLICY) => self.policy = String::from_utf8_lossy(&event.body).into_owned(),
            (Some(peer), _, Kind::ROSTER) => drop(self.named.insert(peer.clone())),
            (_, _, Kind::MISBEHAVIOUR) => self.forks.extend(Claim::read(&event.body)),
            (Some(peer), direction, Kind::SENT | Kind::RECEIVED | Kind::REJECTED | Kind::ABANDONED) => {
                let numbers = if direction == Direction::Out { &mut self.sent } else { &mut self.taken };
                let newest = numbers.entry((peer.clone(), event.class)).or_default();
                *newest = event.seq.max(*newest);
            }
            _ => {}
        }
    }
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} cannot be read"))
}

/// Writes a leaf with what is still there of it; returns how many leaves the bundle needs to say why the rest is gone.
fn leaf<S: BundleSink>(
    node: &Node,
    index: u64,
    told: &mut Told,
    writer: &mut Writer<S>,
) -> Result<u64, NotExported<S::Error>> {
    let ledger = &node.ledger;
    let entry = ledger.entry(index)?;
    let number = ledger.number(index);
    let opening = ledger.opening_if_kept(number)?;
    let envelope = match ledger.read(&rows::numbered(rows::ENVELOPE, number))? {
        Some(bytes) => Some(Envelope::decode(bytes.as_slice()).map_err(|_| damaged("an envelope"))?),
        None => None,
    };
    let mut needed = 0;
    if let Some(event) = opening.as_ref().map(|opening| opening.event()) {
        told.take(event);
        if envelope.is_none() && matches!(event.kind, Kind::SENT | Kind::RECEIVED) {
            needed = explained(node, event)?;
        }
    }
    writer.leaf(&entry, opening.as_ref(), envelope.as_ref())?;
    Ok(needed)
}

/// How many leaves say that an item was erased; none where it was not.
fn explained<E>(node: &Node, item: &Event) -> Result<u64, NotExported<E>> {
    let issuer = erase::issuer(&node.me.origin, item);
    match erase::find(&node.ledger, issuer, &item.object)?.map(|remains| remains.stage) {
        None | Some(Stage::Held) => Ok(0),
        Some(Stage::Done(leaf)) if leaf < node.ledger.number(node.ledger.head().size().0) => {
            Ok(rows::counted(leaf) + 1)
        }
        Some(Stage::Done(_) | Stage::Destroying(_)) => Err(NotExported::Erasing),
    }
}

/// The sharing decision of each released alert, at its first `sent` leaf.
fn decisions<S: BundleSink>(node: &Node, size: u64, writer: &mut Writer<S>) -> Exported<S> {
    let (released, ours) = (drafts::released(&node.ledger)?, node.ledger.number(0));
    for (index, id) in released.into_iter().filter(|(index, _)| (ours..ours + size).contains(index)) {
        match drafts::find(&node.ledger, id) {
            Ok(draft) => writer.decision(rows::counted(index), &draft.decision.opening(&draft.salt))?,
            Err(drafts::Refused::Store(failure)) => return Err(failure.into()),
            // Erased since.
            Err(_) => {}
        }
    }
    Ok(())
}

/// Every signed head with its cosignatures: the policy names the witnesses, and without them nobody could judge by it.
fn heads<S: BundleSink>(node: &Node, (size, head_at): (u64, HeadAt), writer: &mut Writer<S>) -> Exported<S> {
    let witnesses = node.peers.borrow().clone();
    let [from, to] = [0, size + 1].map(|size| rows::numbered(rows::HEAD, node.ledger.number(size)));
    for row in node.ledger.scan(&from, &to, false) {
        let (name, _) = row?;
        let size = name.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
        let size = rows::counted(size.ok_or_else(|| damaged("the row of a head"))?);
        let mut head = head_at(&node.ledger, size)?;
        for peer in witnesses.values() {
            if let Some(line) = witness::line(node, peer, &head)? {
                head.add(line).map_err(|_| damaged("the row of a cosignature"))?;
            }
        }
        writer.head(&head)?;
    }
    Ok(())
}

/// Proofs of the items below the head, up to the newest number of each channel; of later items nothing else is in the bundle.
fn proofs<E>(
    node: &Node,
    prefix: u8,
    newest: &Numbers,
    mut write: impl FnMut(&Origin, u8, u64, &[u8]) -> Result<(), NotWritten<E>>,
) -> Result<(), NotExported<E>> {
    for row in node.ledger.scan(&[prefix], &[prefix + 1], false) {
        let (name, value) = row?;
        let (peer, class, seq) = item_of(node, &name).ok_or_else(|| damaged("the row of a proof"))?;
        let newest = newest.get(&(peer.clone(), class)).copied().unwrap_or_default();
        let ours = seq - rows::counted(seq) == node.ledger.number(0);
        let seq = rows::counted(seq);
        if ours && seq <= newest {
            write(&peer, class, seq, &node.ledger.unseal(&name, &value)?)?;
        }
    }
    Ok(())
}

/// Peer, class and number in the name of an item's row.
fn item_of(node: &Node, name: &[u8]) -> Option<(Origin, u8, u64)> {
    let (peer, rest) = peer_of(&node.me.origin, name.get(1..)?)?;
    let ([class], seq) = rest.split_first_chunk::<1>()?;
    Some((peer, *class, u64::from_be_bytes(seq.try_into().ok()?)))
}

/// The newest verified head of each log whose keys the bundle names, and not of one that only an earlier log of ours named; rows are
/// in order of peer and size.
fn witnessed<S: BundleSink>(node: &Node, named: &BTreeSet<Origin>, writer: &mut Writer<S>) -> Exported<S> {
    let mut newest: BTreeMap<Origin, Vec<u8>> = BTreeMap::new();
    for row in node.ledger.scan(&[rows::PEER_HEAD], &[rows::PEER_HEAD + 1], false) {
        let (name, mut value) = row?;
        let (peer, _) = peer_of(&node.me.origin, name.get(1..).unwrap_or_default())
            .filter(|_| value.len() > 32)
            .ok_or_else(|| damaged("the row of a peer's head"))?;
        newest.insert(peer, value.split_off(32));
    }
    for (origin, note) in newest.iter().filter(|(origin, _)| named.contains(origin)) {
        writer.witnessed(origin, note)?;
    }
    Ok(())
}
