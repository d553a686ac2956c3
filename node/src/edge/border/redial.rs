//! Keeps trying to reach every pinned peer that has an endpoint, while no link with it lives.

use super::code::{Code, Refused, Reporter, Side};
use super::dial::{Dialled, Dialler};
use super::link::Link;
use super::pins::{Peer, Pins};
use crate::port::Entropy;
use crate::state::backoff;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::Instant;
use varde_proto::id::NodeId;

/// A link that lived this long counts as a success: the next wait is the shortest again.
const SETTLED: Duration = Duration::from_secs(10);

/// What dials.
pub(crate) struct Redial {
    /// One attempt.
    pub(crate) dialler: Arc<Dialler>,
    /// Where new links go.
    pub(crate) links: mpsc::Sender<Link>,
    /// Where failures are told.
    pub(crate) reporter: Reporter,
    /// How often peers hear of us, and we try to reach those who are away.
    pub(crate) heartbeat: Duration,
    /// Places the waits.
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// Runs one task for each peer to dial, and exchanges it when its pin changes; until `stop`.
pub(crate) async fn run(redial: Redial, mut pins: watch::Receiver<Arc<Pins>>, mut stop: watch::Receiver<bool>) {
    let redial = Arc::new(redial);
    let mut tasks = JoinSet::new();
    let mut dialling: BTreeMap<NodeId, (Arc<Peer>, AbortHandle)> = BTreeMap::new();
    loop {
        let current = pins.borrow_and_update().clone();
        dialling.retain(|node, (peer, task)| {
            let same = current.get(*node).is_some_and(|now| *now == *peer);
            if !same {
                task.abort();
            }
            same
        });
        for peer in current.iter().filter(|p| p.descriptor.endpoint().is_some()) {
            dialling.entry(peer.node()).or_insert_with(|| {
                let (redial, dialled) = (redial.clone(), peer.clone());
                (peer.clone(), tasks.spawn(async move { redial.keep(&dialled).await }))
            });
        }
        tokio::select! {
            changed = pins.changed() => if changed.is_err() { return },
            Some(_) = tasks.join_next() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

impl Redial {
    async fn keep(&self, peer: &Arc<Peer>) {
        let mut failures = 0;
        loop {
            self.dialler.registry.vacant(peer.node()).await;
            match self.dialler.dial(peer).await {
                Ok(Dialled { link, carried }) => {
                    let (since, fate) = (Instant::now(), link.fate.clone());
                    if self.links.send(link).await.is_err() {
                        return;
                    }
                    // The task's own end is what matters, not how it ended.
                    let _ = carried.await;
                    self.report(peer, fate.ended().unwrap_or(Code::Closed), None);
                    failures = if since.elapsed() >= SETTLED { 0 } else { failures };
                }
                Err((code, remote)) => self.report(peer, code, remote),
            }
            failures += 1;
            tokio::time::sleep(backoff::wait(failures, self.heartbeat, self.chance())).await;
        }
    }

    fn report(&self, peer: &Peer, code: Code, remote: Option<std::net::SocketAddr>) {
        if !matches!(code, Code::Closed | Code::Superseded) {
            self.reporter.report(Refused { code, side: Side::Dialled, remote, peer: Some(peer.node()) });
        }
    }

    fn chance(&self) -> u64 {
        let mut bytes = [0; 8];
        self.entropy.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }
}
