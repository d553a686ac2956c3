//! Logs of peers whose nodes go on under a later generation: a new name is no way out of what the old one signed.
//!
//! In: by which keys an ended log's heads are believed, which of them is told of, and what a told head of it means that cannot be
//! asked about any more. Out: how a log ends ([`super::succession`]), telling and weighing ([`super::gossip`]), freezing ([`super::fork`]).

use super::desk::{Desk, FactName};
use super::escrow;
use super::{Node, gossip};
use crate::port::{Peer, StoreError};
use crate::state::hearsay::Open;
use varde_proto::id::{Origin, TreeSize};
use varde_proto::identity::{Descriptor, History, Holding, Incident, PublicKey, Role};

/// The keys by which heads of a log are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogKeys {
    log: Origin,
    held: Vec<Holding>,
}

/// Bytes of a key, the sizes between which it is valid, and whether it was revoked.
const HOLDING: usize = 32 + 8 + 8 + 1;

impl LogKeys {
    pub(super) fn of(history: &History) -> Self {
        let log = history.origin().clone();
        Self { held: history.roster().holdings(&log, Role::Log).to_vec(), log }
    }

    /// Whose keys.
    pub(super) fn log(&self) -> &Origin {
        &self.log
    }

    /// Those that are valid for a head of this size.
    pub(super) fn at(&self, size: TreeSize) -> Vec<PublicKey> {
        let valid = |held: &&Holding| held.from <= size && held.until.is_none_or(|until| size < until);
        self.held.iter().filter(valid).map(|held| held.key).collect()
    }

    fn encode(&self) -> Vec<u8> {
        let one = |held: &Holding| {
            let until = held.until.map_or(u64::MAX, |until| until.0);
            [&held.key.bytes()[..], &held.from.0.to_be_bytes(), &until.to_be_bytes(), &[u8::from(held.revoked)]]
                .concat()
        };
        self.held.iter().flat_map(one).collect()
    }

    fn decode(log: &Origin, bytes: &[u8]) -> Result<Self, StoreError> {
        let one = |bytes: &[u8; HOLDING]| {
            let (key, rest) = bytes.split_at(32);
            let (from, rest) = rest.split_first_chunk()?;
            let (until, revoked) = rest.split_first_chunk()?;
            let until = Some(u64::from_be_bytes(*until)).filter(|until| *until != u64::MAX).map(TreeSize);
            let (key, from) = (PublicKey::enrol(key).ok()?, TreeSize(u64::from_be_bytes(*from)));
            Some(Holding { key, from, until, revoked: revoked == [1] })
        };
        let (all, rest) = bytes.as_chunks();
        let held: Option<Vec<Holding>> = all.iter().map(one).collect();
        let held = held.filter(|_| rest.is_empty());
        let unreadable = || StoreError::Damaged(format!("the row of the keys of {log} cannot be read"));
        Ok(Self { log: log.clone(), held: held.ok_or_else(unreadable)? })
    }
}

/// The keys of every log of a peer that was ever taken up, as it told of them last.
const KEYS: &str = "log-keys/";

/// Keeps the keys of a peer's log for when it has ended.
pub(super) fn keep_keys(desk: &mut Desk<'_>, peer: &Peer) -> Result<(), StoreError> {
    let (fact, keys) = (FactName::new(KEYS, &peer.origin), LogKeys::of(&peer.keys).encode());
    if desk.fact(&fact)?.as_ref() == Some(&keys) { Ok(()) } else { desk.set_fact(&fact, keys) }
}

/// The keys of a log: of ours, of a pinned peer's, or of an earlier one of such a peer's node that was known here.
pub(super) fn keys(node: &Node, log: &Origin) -> Result<Option<LogKeys>, StoreError> {
    if *log == node.me.origin {
        return Ok(Some(LogKeys::of(&node.keys.history())));
    }
    let now = node.peers.borrow().get(&log.node()).map(|peer| (peer.origin.clone(), peer.keys.clone()));
    match now {
        Some((now, keys)) if now == *log => Ok(Some(LogKeys::of(&keys))),
        Some((now, _)) if has_ended(log, &now) => {
            let kept = node.ledger.get(FactName::new(KEYS, log).row())?;
            kept.map(|kept| LogKeys::decode(log, &kept)).transpose()
        }
        _ => Ok(None),
    }
}

fn has_ended(log: &Origin, now: &Origin) -> bool {
    log.is_of_node(now) && log.generation() < now.generation()
}

/// The log that ended before this one of a node's.
pub(super) fn before(log: &Origin) -> Option<Origin> {
    let generation = log.generation().checked_sub(1).filter(|before| *before > 0)?;
    Origin::new(log.network(), log.node(), generation).ok()
}

/// Why a head that was told and is not connected is an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It cannot be connected with what was verified here.
    Apart,
    /// Its log ended with fewer leaves, as its node said and as far as was verified here: somebody goes on with it.
    GoesOn,
}

/// What an open head says. Nobody can be asked about a log that ended: its heads are compared with the entries that are kept of it and
/// with the statement that it ended. What lies between the two is for others to compare, who keep more of it.
pub(super) fn doubt(node: &Node, log: &Origin, open: &Open) -> Result<Option<Doubt>, StoreError> {
    let now = node.peers.borrow().get(&log.node()).filter(|peer| has_ended(log, &peer.origin)).cloned();
    let Some(now) = now else { return Ok(Some(Doubt::Apart)) };
    let head = keys(node, log)?.and_then(|keys| gossip::signed(&open.checkpoint, &keys));
    let Some(head) = head else { return Ok(Some(Doubt::Apart)) };
    let (size, root) = (head.size().0, head.root());
    let descriptor = Descriptor::open(&now.descriptor).ok();
    let said = descriptor.as_ref().and_then(Descriptor::incident).filter(|incident| incident.previous == *log);
    let verified = node.ledger.book().head_of(log).size;
    if said.is_some_and(|said| size > verified.max(end(said))) {
        return Ok(Some(Doubt::GoesOn));
    }
    let known = said.and_then(Incident::answered).filter(|head| head.size == size).map(|head| head.root);
    let known = [known, escrow::root_at(&node.ledger, log, size)?];
    Ok(known.into_iter().flatten().any(|known| known != root).then_some(Doubt::Apart))
}

/// How many leaves a log had as far as its node says.
fn end(incident: &Incident) -> u64 {
    incident.answered().map_or(0, |head| head.size).max(incident.stored.size)
}
