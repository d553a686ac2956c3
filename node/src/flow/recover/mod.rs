//! A node that was restored from a backup asks its peers what it signed before it signs anything (docs/recovery.md). While it asks,
//! its log is locked: nothing that needs a leaf can be done.
//!
//! In: whether the store went back, whose word is needed, what staff are told; below, asking over each connection (`session`),
//! writing what comes back, and how a peer answers ([`serve`]). Out: what may be concluded from the answers
//! ([`crate::state::recovery`]).

mod adopt;
mod desk;
pub mod ended;
mod keys;
mod redo;
pub mod serve;
mod session;

pub(super) use adopt::RESTORED;
pub(super) use redo::REPEAT;
pub use redo::finish;
pub use session::session;

use super::ledger::{CommitError, Ledger};
use super::{Node, agreement, connection::Ended, witness};
use crate::port::{Guard, Store, StoreError};
use crate::rows;
use crate::state::recovery::{Frozen, Phase, Recovery};
use crate::state::{Book, PeerHead};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::broadcast;
use varde_proto::exchange::{KnownHead, Position};
use varde_proto::id::{Digest, Origin, TreeSize};
use varde_proto::log::head::Head;
use varde_proto::time::Timestamp;

/// A peer that was silent for so long before the newest leaf of the backup is not waited for.
const SILENT_SECONDS: i64 = 30 * 86_400;
/// A start needs nobody's word while a peer has cosigned our log so lately: who sets store and guard back together, as a copy of a
/// whole machine does, sets this back, too.
const LEASE_SECONDS: u64 = 600;
/// What all connections of a node that is being recovered share.
pub struct Recovering {
    state: Mutex<Recovery>,
    changed: broadcast::Sender<()>,
    /// One connection ends it.
    closing: tokio::sync::Mutex<()>,
    /// The newest head of ours that a peer had.
    newest: Mutex<Option<Head>>,
    /// How far each peer has given back what we sent it: a connection that breaks does not begin anew.
    given: Mutex<BTreeMap<Origin, Vec<Position>>>,
}

impl Recovering {
    /// Begins with what is stored and what the sign guard says.
    fn new(state: Recovery) -> Self {
        let changed = broadcast::Sender::new(1);
        let (closing, newest, given) = Default::default();
        Self { state: state.into(), changed, closing, newest, given }
    }

    /// Whether the store went back: a head was shown that is not in the log, or nobody knows what was shown, or an earlier
    /// recovery did not end; or whether store and guard may have gone back together. A log without leaves and without a guard is a
    /// new one, and gets its guard.
    pub fn at_start(
        store: &dyn Store,
        guard: &dyn Guard,
        book: &Book,
        now: Timestamp,
    ) -> Result<Option<Arc<Self>>, StoreError> {
        let local = PeerHead { size: book.tree.size().0, root: book.tree.root() };
        let begun = store.get(&rows::row(rows::FACT, &[adopt::RESTORED]))?.is_some();
        let in_log = |shown: KnownHead| book.tree.root_at(TreeSize(shown.size)) == Some(shown.root);
        let state = match guard.shown() {
            None if local.size == 0 => {
                guard.show(KnownHead { size: 0, root: local.root })?;
                return Ok(None);
            }
            Some(shown) if in_log(shown) && !begun => {
                if is_confirmed(store, book, now)? {
                    return Ok(None);
                }
                Recovery::unconfirmed(local, PeerHead { size: shown.size, root: shown.root })
            }
            shown => {
                let shown = shown.map(|shown| PeerHead { size: shown.size, root: shown.root });
                Recovery::new(local, shown, begun)
            }
        };
        Ok(Some(Arc::new(Self::new(state))))
    }

    /// The newest head that was shown before, once the log holds it: only that may be shown while the log is locked.
    fn shown_before(&self, ledger: &Ledger) -> Result<Head, StoreError> {
        let state = self.state();
        let newest = state.newest().filter(|_| matches!(state.phase(), Phase::Openings | Phase::Over));
        let newest = newest.filter(|_| ledger.keys().foreseen().is_empty()).ok_or(StoreError::Locked)?;
        ledger.shown_before(KnownHead { size: newest.size, root: newest.root })
    }

    fn state(&self) -> MutexGuard<'_, Recovery> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn given(&self) -> MutexGuard<'_, BTreeMap<Origin, Vec<Position>>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Recovery) -> T) -> T {
        let done = change(&mut self.state());
        // Nobody listens now, perhaps.
        let _ = self.changed.send(());
        done
    }
}

/// Whether a peer that is pinned has cosigned the log so lately that the store cannot have gone back; or none ever did.
fn is_confirmed(store: &dyn Store, book: &Book, now: Timestamp) -> Result<bool, StoreError> {
    let scan = |from: &[u8], to: &[u8], descending| store.scan(from, to, descending);
    let mut newest = 0;
    for peer in agreement::in_roster(&scan, book.origin.network())? {
        newest = newest.max(witness::newest(&scan, book.first, &peer)?.seconds);
    }
    let now = u64::try_from(now.seconds()).unwrap_or_default();
    Ok(newest == 0 || now.saturating_sub(newest) <= LEASE_SECONDS)
}

/// In words for staff: what is waited for, or what people must decide.
pub fn standing(node: &Node) -> Option<String> {
    let recovering = node.ledger.recovering()?;
    let state = recovering.state();
    let answered: BTreeSet<&Origin> = state.answered().collect();
    let silent: Vec<String> = required(node)
        .ok()?
        .iter()
        .filter(|peer| !answered.contains(peer))
        .map(|peer| peer.node().to_string())
        .collect();
    Some(match state.phase() {
        Phase::Asking if silent.is_empty() && answered.is_empty() => {
            "no peer is pinned, so nobody can say what this node \
            signed last: pin the peers it had (`varde peer add`)"
                .into()
        }
        Phase::Asking if state.is_unconfirmed() => format!(
            "no peer has confirmed this node's log for ten minutes, so it asks before it signs: waiting for one of {} (`varde status`)",
            silent.join(", ")
        ),
        Phase::Asking if !silent.is_empty() => format!(
            "waiting for {} to say what this node signed last: see to it that they are pinned, run and are reached (`varde status`)",
            silent.join(", ")
        ),
        Phase::Asking => {
            "no peer keeps the leaves that are missing here: ask their coordinators whether one was restored, too"
                .into()
        }
        Phase::Openings => {
            let awaited = required(node).ok()?.into_iter().filter(|peer| state.awaits(peer));
            let awaited: Vec<String> = awaited.map(|peer| peer.node().to_string()).collect();
            format!("waiting for {} to give back what was exchanged since the backup", awaited.join(", "))
        }
        Phase::Refill { by, to } => {
            format!("{} gives back the end of the log, up to {} leaves", by.node(), to.size)
        }
        Phase::Over => "the log is whole; what was erased since the backup is being erased again".into(),
        Phase::Frozen(Frozen::Forked) => {
            "what lies in this store is not the beginning of the log that this node signed: stop the node and \
            restore a backup of this log; if there is none, call the other coordinators, and two people decide that this log ends: \
            `varde log bump`"
                .into()
        }
        Phase::Frozen(Frozen::TailLost { shown, kept }) => format!(
            "this node showed a head of {shown} leaves, of which its peers keep {kept}: the end of its log is lost. If \
             there is a newer backup, stop the node and restore that. If not, call the other coordinators; if they keep no more either, two \
             people decide that this log ends: `varde log bump`"
        ),
    })
}

/// Whose answer is needed: every peer that is pinned or that the log says is, and that was heard from in the 30 days before the
/// newest leaf here, and every one of which nothing is known; every peer at all, if that is none. Whoever takes a pin away while the
/// node asks changes nothing by it.
fn required(node: &Node) -> Result<BTreeSet<Origin>, StoreError> {
    let last = node.ledger.book().last_time.seconds();
    let heard = |seconds: u64| seconds == 0 || last.saturating_sub_unsigned(seconds) <= SILENT_SECONDS;
    let scan = |from: &[u8], to: &[u8], descending| node.ledger.scan(from, to, descending);
    let mut peers = agreement::in_roster(&scan, node.me.origin.network())?;
    peers.extend(node.peers.borrow().values().map(|peer| peer.origin.clone()));
    // A log that ended answers nobody any more; the one that follows it and is pinned does.
    let pinned = node.peers.borrow().clone();
    let over = |log: &Origin| {
        pinned.values().any(|peer| peer.origin.is_of_node(log) && peer.origin.generation() > log.generation())
    };
    peers.retain(|log| !over(log));
    let mut required = BTreeSet::new();
    for peer in &peers {
        if heard(witness::newest(&scan, node.ledger.number(0), peer)?.seconds) {
            required.insert(peer.clone());
        }
    }
    // A node that was alone for a month, and logged something, would ask nobody and wait for ever.
    Ok(if required.is_empty() { peers } else { required })
}

fn root_at(ledger: &Ledger, size: u64) -> Option<Digest> {
    ledger.book().tree.root_at(TreeSize(size))
}

fn failed(error: CommitError<StoreError>) -> Ended {
    match error {
        CommitError::Refused(failure) => failure.into(),
        CommitError::Stopped => Ended::Stopped,
    }
}
