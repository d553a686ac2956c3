//! The attacks that an auditor is to find, each really made on the bundles of real nodes that really exchanged: exactly the
//! named findings come out, and none without the attack.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod erasing;
mod forger;
mod forging;
mod stores;

use forger::Forger;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::delivery;
use varde_node::port::Store;
use varde_proto::audit::{Audit, Finding, reconcile};
use varde_proto::id::{Digest, Origin};
use varde_proto::log::event::{Direction, Event, Kind};
use varde_tests::pair::{Country, Sides, connect, release, route};

const SOON: Duration = Duration::from_secs(120);

fn id(n: u64) -> [u8; 16] {
    *Digest::of(&n.to_be_bytes()).0.first_chunk().unwrap()
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.name).collect()
}

/// What two bundles say together, in whichever order they are given.
#[track_caller]
fn compared(a: &Audit, b: &Audit) -> Vec<&'static str> {
    let (found, mut swapped) = (codes(&reconcile(a, b)), codes(&reconcile(b, a)));
    let mut sorted = found.clone();
    sorted.sort_unstable();
    swapped.sort_unstable();
    assert_eq!(sorted, swapped, "the order of the bundles changes the result");
    found
}

async fn in_memory(code: &'static str, dir: &Path) -> Country {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    Country::open(code, store, &dir.join(code)).await
}

async fn deliver(from: &Country, n: u64, to: &[&str]) {
    let kept = release(from, route(id(n)), to).await;
    let deliveries = delivery::wait(&from.node.ledger, kept, SOON).await.unwrap();
    assert!(deliveries.iter().all(|d| matches!(d.state, delivery::State::Received { .. })), "{deliveries:?}");
}

/// Waits until each of these countries keeps the newest head of every other one.
async fn settled(countries: &[&Country]) {
    // Quiet leaves at the end travel with the next loud one.
    let size = |country: &Country| country.node.ledger.book().loud;
    let keeps = |a: &Country, b: &Country| a.node.ledger.book().head_of(b.origin()).size >= size(b);
    let others = |a: &Country| countries.iter().filter(|b| b.origin() != a.origin()).all(|b| keeps(a, b));
    let reached = async {
        while !countries.iter().all(|country| others(country)) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.unwrap();
}

async fn stop(sides: Vec<Sides>) {
    for (a, b) in sides {
        a.abort();
        b.abort();
        let _ = (a.await, b.await);
    }
}

/// NO and EE exchanged alerts both ways while LT witnessed, and everything was receipted.
struct World {
    _dir: tempfile::TempDir,
    no: Country,
    ee: Country,
    lt: Country,
    /// What NO's node gave before its last alert.
    early: Forger,
}

impl World {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (no, ee, lt) =
            (in_memory("NO", dir.path()).await, in_memory("EE", dir.path()).await, in_memory("LT", dir.path()).await);
        let sides = vec![connect(&no, &ee).await, connect(&no, &lt).await, connect(&ee, &lt).await];
        for n in 0..2 {
            deliver(&no, 10 * n, &["EE"]).await;
            deliver(&ee, 10 * n + 1, &["NO"]).await;
        }
        deliver(&no, 30, &["EE", "LT"]).await;
        let all = [&no, &ee, &lt];
        settled(&all).await;
        let early = Forger::of(&no);
        deliver(&no, 40, &["EE"]).await;
        settled(&all).await;
        stop(sides).await;
        Self { _dir: dir, no, ee, lt, early }
    }

    /// Without an attack there is nothing to find, also when the bundles are only taken apart and sealed again.
    #[track_caller]
    fn assert_clean(&self) {
        let all = [&self.no, &self.ee, &self.lt].map(|country| {
            let mut forger = Forger::of(country);
            assert_eq!(forger.bundle(), forger::national(country));
            forger.sign();
            forger
        });
        for log in &all {
            let views: Vec<_> =
                all.iter().filter(|other| other.origin != log.origin).map(|other| other.view_of(&log.origin)).collect();
            assert_eq!(codes(&log.audit_with(&views).findings), [""; 0], "{}", log.origin);
        }
        let [no, ee, lt] = all.map(|log| log.audit());
        for (a, b) in [(&no, &ee), (&no, &lt), (&ee, &lt)] {
            let nothing: &[&str] = if std::ptr::eq(a, &ee) { &["nothing-exchanged"] } else { &[] };
            assert_eq!(compared(a, b), nothing);
        }
    }
}

/// Whether a leaf is about an item that went to a log, of this kind.
fn to(event: &Event, kind: Kind, peer: &Origin) -> bool {
    event.kind == kind && event.direction == Direction::Out && event.peer.as_ref() == Some(peer) && event.class == 2
}

/// Whether a leaf is about an item that came from a log.
fn from(event: &Event, peer: &Origin) -> bool {
    event.kind == Kind::RECEIVED && event.peer.as_ref() == Some(peer) && event.class == 2
}
