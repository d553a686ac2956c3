//! Which links live: one a peer. If both sides dialled, the connection dialled by the smaller country code is kept, and both
//! sides decide so without asking each other.

use super::code::{Code, Side};
use super::fate::Fate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use varde_proto::id::NodeId;

/// Whether a new link replaces the one that lives, each told by who dialled it. Of two by the same side the newer is kept:
/// that side opened it because its older one is gone.
pub fn replaces(new_dialler: NodeId, live_dialler: NodeId) -> bool {
    new_dialler <= live_dialler
}

/// The links that live, by peer.
#[derive(Debug, Clone)]
pub(crate) struct Registry {
    ours: NodeId,
    live: Arc<Mutex<BTreeMap<NodeId, Entry>>>,
    changed: Arc<watch::Sender<u64>>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    dialler: NodeId,
    fate: Fate,
}

/// A place in the registry; given back when dropped.
#[derive(Debug)]
pub(crate) struct Live {
    registry: Registry,
    peer: NodeId,
    number: u64,
}

impl Registry {
    pub(crate) fn new(ours: NodeId) -> Self {
        Self { ours, live: Arc::default(), changed: Arc::new(watch::Sender::new(0)) }
    }

    /// Enters a new link, ending the one it replaces; none if the one that lives is kept.
    pub(crate) fn enter(&self, peer: NodeId, side: Side, fate: &Fate) -> Option<Live> {
        let dialler = match side {
            Side::Dialled => self.ours,
            Side::Accepted => peer,
        };
        let mut live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = live.get(&peer) {
            if !replaces(dialler, entry.dialler) {
                return None;
            }
            entry.fate.end(Code::Superseded);
        }
        let mut number = 0;
        self.changed.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        live.insert(peer, Entry { number, dialler, fate: fate.clone() });
        Some(Live { registry: self.clone(), peer, number })
    }

    /// Ends every link.
    pub(crate) fn end_all(&self, code: Code) {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.values().for_each(|entry| entry.fate.end(code));
    }

    /// Waits until no link with a peer lives.
    pub(crate) async fn vacant(&self, peer: NodeId) {
        let mut changed = self.changed.subscribe();
        loop {
            changed.borrow_and_update();
            if !self.live.lock().unwrap_or_else(PoisonError::into_inner).contains_key(&peer) {
                return;
            }
            // The sender lives in `self`.
            let _ = changed.changed().await;
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let mut live = self.registry.live.lock().unwrap_or_else(PoisonError::into_inner);
        if live.get(&self.peer).is_some_and(|entry| entry.number == self.number) {
            live.remove(&self.peer);
        }
        drop(live);
        self.registry.changed.send_modify(|count| *count += 1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn node(code: &str) -> NodeId {
        NodeId::parse(code).unwrap()
    }

    /// DK and NO dial each other at once; whatever the order in which either learns of the two connections, both keep the
    /// one that DK dialled.
    #[test]
    fn both_sides_keep_the_connection_dialled_by_the_smaller_country() {
        for first in [Side::Dialled, Side::Accepted] {
            let second = if first == Side::Dialled { Side::Accepted } else { Side::Dialled };
            for (ours, peer, kept) in [("DK", "NO", Side::Dialled), ("NO", "DK", Side::Accepted)] {
                let registry = Registry::new(node(ours));
                let fates = [Fate::new(), Fate::new()];
                let entered =
                    [registry.enter(node(peer), first, &fates[0]), registry.enter(node(peer), second, &fates[1])];
                let lives = |n: usize| entered[n].is_some() && fates[n].ended().is_none();
                let survivors: Vec<_> = [first, second].into_iter().enumerate().filter(|(n, _)| lives(*n)).collect();
                assert_eq!(survivors.iter().map(|(_, side)| *side).collect::<Vec<_>>(), [kept], "{ours}, {first:?}");
            }
        }
    }

    #[tokio::test]
    async fn a_newer_connection_of_the_same_side_replaces_a_dead_one_and_its_end_does_not_evict_the_newer() {
        let registry = Registry::new(node("NO"));
        let (old, new) = (Fate::new(), Fate::new());
        let first = registry.enter(node("EE"), Side::Accepted, &old).unwrap();
        let second = registry.enter(node("EE"), Side::Accepted, &new).unwrap();
        assert_eq!((old.ended(), new.ended()), (Some(Code::Superseded), None));
        drop(first);
        assert!(registry.enter(node("EE"), Side::Dialled, &Fate::new()).is_none(), "the newer one is still there");
        drop(second);
        registry.vacant(node("EE")).await;
        assert!(registry.enter(node("EE"), Side::Dialled, &Fate::new()).is_some());
    }
}
