//! What peers say of their keys, kept and taken up as the folder of pins does it: first the log names it, then the pins have it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{mpsc, watch};
use varde_node::flow::Node;
use varde_node::flow::agreement::log_roster;
use varde_node::flow::ledger::CommitError;
use varde_node::port::{Board, Peer, Peers, StoreError};
use varde_proto::agreement::Agreement;
use varde_proto::envelope::Envelope;
use varde_proto::id::NodeId;
use varde_proto::identity::History;

/// What every peer said last; it outlives the process.
#[derive(Default)]
pub struct Told(Mutex<BTreeMap<NodeId, Arc<History>>>);

impl Told {
    /// Peers with the keys that they have come to.
    pub(super) fn of(&self, peers: &Peers) -> Peers {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |peer: &Arc<Peer>| match told.get(&peer.origin.node()) {
            Some(keys) if keys.continues(&peer.keys) => Arc::new(Peer { keys: keys.clone(), ..(**peer).clone() }),
            _ => peer.clone(),
        };
        peers.iter().map(|(country, peer)| (*country, of(peer))).collect()
    }
}

/// Keeps what a peer said, and has it taken up.
pub(super) struct Pinboard(Arc<Told>, mpsc::UnboundedSender<()>);

impl Pinboard {
    pub(super) fn new(told: Arc<Told>) -> (Self, mpsc::UnboundedReceiver<()>) {
        let (tell, kept) = mpsc::unbounded_channel();
        (Self(told, tell), kept)
    }
}

impl Board for Pinboard {
    fn keep(&self, history: &History) -> Result<(), StoreError> {
        let mut told = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(history.origin().node(), Arc::new(history.clone()));
        // Nobody listens any more when the test ends.
        let _ = self.1.send(());
        Ok(())
    }

    /// What is agreed lies in the stores of both sides; no log of these tests is followed by another.
    fn promised(&self, _: &Agreement, _: NodeId, _: &Envelope, _: bool) -> Result<(), StoreError> {
        Ok(())
    }
}

pub(super) async fn take_up(
    node: Weak<Node>,
    pins: watch::Sender<Arc<Peers>>,
    (told, mut kept): (Arc<Told>, mpsc::UnboundedReceiver<()>),
) {
    while let Some(()) = kept.recv().await {
        let more = Arc::new(told.of(&pins.borrow()));
        let Some(node) = node.upgrade() else { return };
        if log(&node, &pins, &more).await.is_ok() {
            pins.send_replace(more);
        }
    }
}

/// Has the log name the peers. A node that was restored logs nothing before its log is whole.
pub(super) async fn log(
    node: &Arc<Node>,
    pins: &watch::Sender<Arc<Peers>>,
    peers: &Arc<Peers>,
) -> Result<(), CommitError<StoreError>> {
    match log_roster(node, peers).await {
        Err(CommitError::Refused(StoreError::Locked)) => {
            tokio::spawn(log_later(Arc::downgrade(node), pins.clone()));
            Ok(())
        }
        other => other,
    }
}

async fn log_later(node: Weak<Node>, pins: watch::Sender<Arc<Peers>>) {
    let Some(mut locked) = node.upgrade().map(|node| node.ledger.locked()) else { return };
    if locked.wait_for(|locked| !locked).await.is_ok()
        && let Some(node) = node.upgrade()
    {
        let peers = pins.borrow().clone();
        // A node that stops meanwhile logs it when it starts again.
        let _ = log_roster(&node, &peers).await;
    }
}
