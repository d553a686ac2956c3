//! A node whose store went back asks its peers what it signed, takes back what they keep, says so in its log and goes on; or
//! stays locked, where nobody can tell.
#![allow(missing_docs, reason = "tests")]

mod lies;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::ledger::{CommitError, Ledger};
use varde_node::flow::{bundle, delivery, recover};
use varde_node::port::{Clock, StoreError};
use varde_node::rows;
use varde_proto::audit::{Given, MemoryBundle, Scope, Trusted, reconcile, verify};
use varde_proto::id::Digest;
use varde_proto::log::body::Recovery;
use varde_proto::log::event::{Event, Kind};
use varde_proto::time::Timestamp;
use varde_tests::pair::{Country, Ground, Sides, connect, release, route};
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

/// NO and EE with stores that can be set back, and another peer.
struct World {
    dir: tempfile::TempDir,
    store: Arc<SimStore>,
    ee_store: Arc<SimStore>,
    ee: Country,
    lt: Country,
    snapshots: Vec<Rows>,
    ee_snapshots: Vec<Rows>,
    /// NO's sign guard at the moments of the snapshots.
    guards: Vec<Vec<u8>>,
    size: u64,
}

impl World {
    /// Exchanges alerts both ways, and copies NO's store before each.
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (store, ee_store) = (Arc::new(SimStore::default()), Arc::new(SimStore::default()));
        let no = Country::open("NO", store.clone(), &dir.path().join("NO")).await;
        let ee = Country::open("EE", ee_store.clone(), &dir.path().join("EE")).await;
        let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
        let sides = vec![connect(&no, &ee).await, connect(&no, &lt).await, connect(&ee, &lt).await];
        let (mut snapshots, mut ee_snapshots, mut guards) = (Vec::new(), Vec::new(), Vec::new());
        for n in 0..4 {
            deliver(&no, 10 * n, &["EE", "LT"]).await;
            snapshots.push(store.snapshot());
            ee_snapshots.push(ee_store.snapshot());
            guards.push(std::fs::read(dir.path().join("NO.guard")).unwrap());
            deliver(&no, 10 * n + 1, &["EE"]).await;
            deliver(&ee, 10 * n + 2, &["NO"]).await;
            deliver(&lt, 10 * n + 3, &["NO"]).await;
        }
        // The last `receipt-held` leaves reach the peers with a heartbeat.
        for (of, peer) in [(&no, &ee), (&no, &lt), (&ee, &lt)] {
            let size = of.node.ledger.book().loud;
            until(|| peer.node.ledger.book().kept_of(of.origin()).size().0 >= size).await;
        }
        let size = no.node.ledger.book().loud;
        stop(sides);
        Self { dir, store, ee_store, ee, lt, snapshots, ee_snapshots, guards, size }
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

    /// Opens NO eleven minutes later than it is.
    async fn open_later(&self) -> Country {
        let entropy = Arc::new(SystemEntropy);
        let guard = Arc::new(FileGuard::open(&self.keys().with_extension("guard")).unwrap());
        let keyring = Arc::new(FileKeyring::open(&self.keys(), false, entropy.clone()).unwrap());
        let (heartbeat, divergence) = (Duration::from_secs(1), Duration::from_secs(600));
        let (store, clock) = (self.store.clone(), Arc::<Late>::default());
        let (key_files, told) = Default::default();
        let ground = Ground { store, keyring, clock, entropy, guard, heartbeat, divergence, key_files, told };
        let no = Country::found("NO", Ledger::open(ground.parts("NO")).unwrap(), ground).await.unwrap();
        no.pin(&self.ee).await;
        no.pin(&self.lt).await;
        no
    }

    fn lose_guard(&self) {
        std::fs::remove_file(self.keys().with_extension("guard")).unwrap();
    }
}

/// A clock of which the first reading is eleven minutes late: so long nobody cosigned.
#[derive(Default)]
struct Late(AtomicBool);

impl Clock for Late {
    fn now(&self) -> Timestamp {
        let late = if self.0.swap(true, Ordering::Relaxed) { 0 } else { 660_000 };
        Timestamp::from_ms(SystemClock.now().ms() + late).unwrap()
    }
}

async fn until(holds: impl Fn() -> bool) {
    let holds = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, holds).await.unwrap();
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
    let waits_for_lt = || recover::standing(&no.node).is_some_and(|told| told.starts_with("waiting for LT"));
    until(waits_for_lt).await;
    // One person takes the pin away that stands in the way.
    let mut pins = (**no.node.peers.borrow()).clone();
    pins.remove(&world.lt.origin().node());
    no.pin_all(Arc::new(pins)).await.unwrap();
    stop(sides);
    let sides = vec![connect(&no, &world.ee).await];
    until(waits_for_lt).await;
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
    until(|| recover::standing(&no.node).unwrap().contains("is not the beginning")).await;
    assert!(*no.node.ledger.locked().borrow());
    stop(sides);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_that_was_set_back_with_its_guard_asks_before_it_signs() {
    for (moment, lost) in [(1, true), (3, false)] {
        let world = World::set().await;
        let current = (world.store.snapshot(), std::fs::read(world.keys().with_extension("guard")).unwrap());
        let whole = (world.snapshots[moment].clone(), world.guards[moment].clone());
        let (rows, guard) = if lost { whole } else { current };
        world.store.restore(rows);
        std::fs::write(world.keys().with_extension("guard"), guard).unwrap();
        let no = world.open_later().await;
        let told = recover::standing(&no.node).unwrap();
        assert!(told.contains("no peer has confirmed") && told.contains("EE, LT"), "{told}");
        let mut sides = vec![connect(&no, &world.ee).await];
        if lost {
            // EE keeps more than NO has; so may LT.
            until(|| recover::standing(&no.node).is_some_and(|told| told.starts_with("waiting for LT"))).await;
            sides.push(connect(&no, &world.lt).await);
        }
        unlocked(&no).await;
        stop(sides);
        assert_eq!(said(&no).len(), usize::from(lost));
        let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
        deliver(&no, 100, &["EE", "LT"]).await;
        for country in [&no, &world.ee, &world.lt] {
            let found: Vec<_> = audited(country).findings.iter().map(|finding| finding.code.name).collect();
            assert_eq!(found, if lost && country.origin() == no.origin() { vec!["restored"] } else { vec![] });
        }
        stop(sides);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_that_are_restored_at_once_make_each_other_whole_as_far_as_either_can() {
    for (no_moment, ee_moment) in [(1, 2), (2, 1)] {
        let World { dir, store, ee_store, ee, lt, snapshots, ee_snapshots, .. } = World::set().await;
        drop(ee);
        store.restore(snapshots[no_moment].clone());
        ee_store.restore(ee_snapshots[ee_moment].clone());
        let no = Country::open("NO", store, &dir.path().join("NO")).await;
        let ee = Country::open("EE", ee_store, &dir.path().join("EE")).await;
        for (country, peers) in [(&no, [&ee, &lt]), (&ee, [&no, &lt])] {
            country.pin(peers[0]).await;
            country.pin(peers[1]).await;
            assert!(*country.node.ledger.locked().borrow());
        }
        let locked = |country: &Country| *country.node.ledger.locked().borrow();
        for _ in 0..10 {
            // Whoever is asked before it is whole itself hangs up, and is asked again.
            let sides = vec![connect(&no, &ee).await, connect(&no, &lt).await, connect(&ee, &lt).await];
            let whole = async {
                while locked(&no) || locked(&ee) {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            let whole = tokio::time::timeout(Duration::from_secs(3), whole).await;
            stop(sides);
            if whole.is_ok() {
                break;
            }
        }
        assert!(!locked(&no) && !locked(&ee), "{:?} {:?}", recover::standing(&no.node), recover::standing(&ee.node));
        let sides = vec![connect(&no, &ee).await, connect(&no, &lt).await, connect(&ee, &lt).await];
        deliver(&no, 100, &["EE", "LT"]).await;
        deliver(&ee, 101, &["NO", "LT"]).await;
        stop(sides);
    }
}
