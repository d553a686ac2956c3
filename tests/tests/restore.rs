//! A node whose store went back asks its peers what it signed, takes back what they keep, says so in its log and goes on; or
//! stays locked, where nobody can tell.
#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection;
use varde_node::flow::ledger::CommitError;
use varde_node::flow::{bundle, delivery, recover};
use varde_node::port::Link;
use varde_node::port::StoreError;
use varde_node::rows;
use varde_proto::audit::{Given, MemoryBundle, Scope, Trusted, reconcile, verify};
use varde_proto::exchange::{BadFrame, Frame, Held, Piece};
use varde_proto::id::Digest;
use varde_proto::log::body::Recovery;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Checkpoint;
use varde_tests::pair::{Country, Sides, connect, pipe, release, route};
use varde_tests::sim::ground::{Rows, SimStore};

const SOON: Duration = Duration::from_secs(60);

fn id(n: u64) -> [u8; 16] {
    *Digest::of(&n.to_be_bytes()).0.first_chunk().unwrap()
}

async fn deliver(from: &Country, n: u64, to: &[&str]) {
    let kept = release(from, route(id(n)), to).await;
    let deliveries = delivery::wait(&from.node.ledger, kept, SOON).await.unwrap();
    assert!(deliveries.iter().all(|d| matches!(d.state, delivery::State::Received { .. })), "{deliveries:?}");
}

fn stop(sides: Vec<Sides>) {
    for (a, b) in sides {
        a.abort();
        b.abort();
    }
}

/// NO with a store that can be set back, and two peers.
struct World {
    dir: tempfile::TempDir,
    store: Arc<SimStore>,
    ee: Country,
    lt: Country,
    snapshots: Vec<Rows>,
    size: u64,
}

impl World {
    /// Exchanges alerts both ways, and copies NO's store before each.
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let open = |code: &'static str| {
            let keys = dir.path().join(code);
            async move { Country::open(code, Arc::new(MemoryStore::default()), &keys).await }
        };
        let (ee, lt) = (open("EE").await, open("LT").await);
        let store = Arc::new(SimStore::default());
        let no = Country::open("NO", store.clone(), &dir.path().join("NO")).await;
        let sides = vec![connect(&no, &ee).await, connect(&no, &lt).await];
        let mut snapshots = Vec::new();
        for n in 0..4 {
            deliver(&no, 10 * n, &["EE", "LT"]).await;
            snapshots.push(store.snapshot());
            deliver(&no, 10 * n + 1, &["EE"]).await;
            deliver(&ee, 10 * n + 2, &["NO"]).await;
            deliver(&lt, 10 * n + 3, &["NO"]).await;
        }
        // The last `receipt-held` leaves reach the peers with a heartbeat.
        let size = no.node.ledger.head().size().0;
        for peer in [&ee, &lt] {
            let seen = async {
                while peer.node.ledger.book().kept_of(no.origin()).size().0 < size {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            tokio::time::timeout(SOON, seen).await.unwrap();
        }
        stop(sides);
        Self { dir, store, ee, lt, snapshots, size }
    }

    fn keys(&self) -> std::path::PathBuf {
        self.dir.path().join("NO")
    }

    async fn open(&self) -> Country {
        let no = Country::open("NO", self.store.clone(), &self.keys()).await;
        // As a node reads its pins: all of them, before the first connection.
        no.pin(&self.ee).await;
        no.pin(&self.lt).await;
        no
    }

    fn lose_guard(&self) {
        std::fs::remove_file(self.keys().with_extension("guard")).unwrap();
    }
}

async fn unlocked(no: &Country) {
    let mut locked = no.node.ledger.locked();
    let outcome = tokio::time::timeout(SOON, locked.wait_for(|locked| !locked)).await;
    assert!(outcome.is_ok(), "{:?}", recover::standing(&no.node));
}

fn audited(country: &Country) -> varde_proto::audit::Audit {
    let fingerprint = country.keys[0].public().fingerprint();
    let trusted = Trusted { origin: Some(country.origin().clone()), fingerprint };
    let bundle = bundle::write(&country.node, Scope::National, MemoryBundle::new()).unwrap().0;
    verify(&bundle, &Given { trusted: vec![trusted], views: Vec::new() }).unwrap()
}

fn said(country: &Country) -> Vec<(u64, Recovery)> {
    let ledger = &country.node.ledger;
    let leaves = (0..ledger.head().size().0).filter_map(|index| Some((index, ledger.opening_if_kept(index).unwrap()?)));
    let said = leaves.filter(|(_, opening)| opening.event().kind == Kind::RECOVERY);
    said.map(|(index, opening)| (index, Recovery::read(&opening.event().body).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_set_back_to_any_moment_is_made_whole_by_peers_and_goes_on_with_or_without_its_guard() {
    for (moment, guarded) in [(0, true), (2, false), (3, true)] {
        let world = World::set().await;
        world.store.restore(world.snapshots[moment].clone());
        if !guarded {
            world.lose_guard();
        }
        let no = world.open().await;
        assert!(*no.node.ledger.locked().borrow());
        let before = no.node.ledger.head().size().0;
        let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
        unlocked(&no).await;
        stop(sides);
        let [(index, said)] = &said(&no)[..] else { panic!("one recovery") };
        assert_eq!((*index, said.size, said.backup_size), (world.size, world.size, before));
        let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
        deliver(&no, 100, &["EE", "LT"]).await;
        deliver(&world.ee, 101, &["NO"]).await;
        deliver(&world.lt, 102, &["NO"]).await;
        // What was taken is there again, each once.
        let inbox = no.node.ledger.scan(&[rows::INBOX], &[rows::INBOX + 1], false).count();
        assert_eq!(inbox, 2 * 4 + 2);
        let audits = [&no, &world.ee, &world.lt].map(audited);
        let codes = |n: usize| audits[n].findings.iter().map(|f| f.code.name).collect::<Vec<_>>();
        assert_eq!(codes(0), ["restored"], "{:?}", audits[0].findings);
        assert_eq!((codes(1), codes(2)), (vec![], vec![]));
        for peer in [1, 2] {
            assert_eq!(reconcile(&audits[0], &audits[peer]), []);
        }
        stop(sides);
        drop(no);
        // An ordinary start after that is no restore.
        assert!(!*world.open().await.node.ledger.locked().borrow());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_merely_stopped_is_not_taken_for_one_that_was_restored() {
    let world = World::set().await;
    let no = world.open().await;
    assert!(!*no.node.ledger.locked().borrow());
    drop(no);
    // Without its guard it asks, finds nothing newer, and says nothing.
    world.lose_guard();
    let no = world.open().await;
    assert!(*no.node.ledger.locked().borrow());
    let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
    unlocked(&no).await;
    stop(sides);
    assert_eq!(said(&no), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_signed_or_logged_before_every_peer_has_answered() {
    let world = World::set().await;
    world.store.restore(world.snapshots[1].clone());
    let no = world.open().await;
    assert!(matches!(no.node.ledger.show(), Err(StoreError::Locked)));
    let pad = |desk: &mut varde_node::flow::desk::Desk<'_>| {
        desk.append(Event::local(Kind::PAD, Timestamp::default())).map(drop)
    };
    let refused = no.node.ledger.commit(pad).await;
    assert!(matches!(refused, Err(CommitError::Refused(StoreError::Locked))), "{refused:?}");
    assert!(bundle::write(&no.node, Scope::National, MemoryBundle::new()).is_err());
    let sides = vec![connect(&no, &world.ee).await];
    let standing = async {
        loop {
            let told = recover::standing(&no.node).unwrap();
            if told.starts_with("waiting for LT") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, standing).await.unwrap();
    assert!(*no.node.ledger.locked().borrow(), "LT has not answered");
    stop(sides);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_not_the_beginning_of_what_was_signed_stays_locked() {
    let world = World::set().await;
    // Another history from the snapshot on, written by a node that was restored and did not know it.
    world.store.restore(world.snapshots[1].clone());
    world.lose_guard();
    let mut rows = world.snapshots[1].clone();
    let last = rows.range(rows::numbered(rows::LEAF, 0)..rows::numbered(rows::LEAF, u64::MAX)).count() as u64 - 1;
    let leaf = rows::numbered(rows::LEAF, last);
    let mut entry = rows[&leaf].clone();
    entry[9] ^= 1;
    let entry = varde_proto::log::leaf::Entry::parse(&entry).unwrap();
    let mut tree = varde_proto::log::tree::Tree::default();
    for (_, bytes) in rows.range(rows::numbered(rows::LEAF, 0)..leaf.clone()) {
        tree.push(varde_proto::log::leaf::Entry::parse(bytes).unwrap().leaf_hash());
    }
    tree.push(entry.leaf_hash());
    rows.insert(leaf, entry.bytes().to_vec());
    rows.insert(rows::numbered(rows::HEAD, last + 1), tree.root().0.to_vec());
    world.store.restore(rows);
    let no = world.open().await;
    let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
    let frozen = async {
        while !recover::standing(&no.node).unwrap().contains("is not the beginning") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, frozen).await.unwrap_or_else(|_| panic!("{:?}", recover::standing(&no.node)));
    assert!(*no.node.ledger.locked().borrow());
    stop(sides);
}

/// Answers a restored node as EE might: with this head, and with entries of its own invention.
async fn lie(to: mpsc::Sender<Frame>, mut from: mpsc::Receiver<Result<Frame, BadFrame>>, head: Checkpoint) -> String {
    while let Some(Ok(frame)) = from.recv().await {
        let answer = match frame {
            Frame::Restored(..) => Frame::Held(Held { checkpoint: Some(head.clone()), entries: head.size }),
            Frame::Ask(from, to) => {
                let entries = (from..to).map(|n| Entry::new(&Digest::of(&n.to_be_bytes()))).collect();
                Frame::Entries(Piece { checkpoint: head.clone(), from, entries })
            }
            _ => continue,
        };
        if to.send(answer).await.is_err() {
            break;
        }
    }
    String::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_lies_about_a_restored_log_is_not_believed() {
    let world = World::set().await;
    let held = Country::open("NO", world.store.clone(), &world.keys()).await;
    let honest = held.node.ledger.show().unwrap().to_wire();
    drop(held);
    world.store.restore(world.snapshots[1].clone());
    let no = world.open().await;
    let forged = Checkpoint { size: honest.size + 7, ..honest.clone() };
    for (head, code) in [(forged, "not-our-head"), (honest, "entries-do-not-make-our-head")] {
        let pinned = no.pin(&world.ee).await;
        let (to, incoming) = pipe();
        let (outgoing, from) = pipe();
        let liar = tokio::spawn(lie(to, from, head));
        let asking = tokio::spawn(connection::run(no.node.clone(), pinned, Link { outgoing, incoming }));
        let mut sides = if code == "not-our-head" { vec![] } else { vec![connect(&no, &world.lt).await] };
        let ended = tokio::time::timeout(SOON, asking).await.unwrap().unwrap();
        assert_eq!(ended.to_string(), code);
        if code == "not-our-head" {
            assert!(*no.node.ledger.locked().borrow(), "nothing follows from a head that we did not sign");
        } else {
            // It may come back and be honest.
            sides.push(connect(&no, &world.ee).await);
            unlocked(&no).await;
            assert_eq!(said(&no)[0].1.size, world.size, "LT gave what EE forged");
        }
        liar.abort();
        stop(sides);
    }
}
