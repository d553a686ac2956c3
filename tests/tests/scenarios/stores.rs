//! What real nodes do when their store, their keys or their clock are tampered with.

use super::forger::{Forger, national};
use super::*;
use std::sync::atomic::{AtomicI64, Ordering};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::flow::ledger::Ledger;
use varde_node::flow::{entangle, witness};
use varde_node::port::Clock;
use varde_node::rows;
use varde_proto::time::Timestamp;
use varde_tests::pair::Ground;
use varde_tests::sim::ground::SimStore;

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            copy(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        std::fs::copy(from, to).unwrap();
    }
}

/// Copies a country's keyring and guard.
fn beside(first: &Path, second: &Path) {
    for part in ["", ".guard"] {
        let [from, to] = [first, second].map(|path| format!("{}{part}", path.display()));
        copy(Path::new(&from), Path::new(&to));
    }
}

/// A second node under the keys of a first one, on a copy of its store, keyring and guard: it does not know of the other.
struct Twins {
    _dir: tempfile::TempDir,
    first: Country,
    second: Country,
    ee: Country,
}

impl Twins {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SimStore::default());
        let at = |place: &str| dir.path().join(place).join("NO");
        std::fs::create_dir(dir.path().join("first")).unwrap();
        std::fs::create_dir(dir.path().join("second")).unwrap();
        let first = Country::open("NO", store.clone(), &at("first")).await;
        let ee = in_memory("EE", dir.path()).await;
        let sides = vec![connect(&first, &ee).await];
        deliver(&first, 1, &["EE"]).await;
        settled(&[&first, &ee]).await;
        stop(sides).await;
        beside(&at("first"), &at("second"));
        let twin = SimStore::default();
        twin.restore(store.snapshot());
        let second = Country::open("NO", Arc::new(twin), &at("second")).await;
        second.pin(&ee).await;
        Self { _dir: dir, first, second, ee }
    }
}

async fn fill(country: &Country, size: u64) {
    while country.node.ledger.head().size().0 < size {
        let anchor = Event::local(Kind::ANCHOR, Timestamp::default());
        country.node.ledger.commit(move |desk| desk.append(anchor.clone()).map(drop)).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_under_one_key_are_shown_by_each_others_bundles_and_by_the_peers() {
    let Twins { first, second, ee, .. } = &Twins::set().await;
    let bundles = || [first, second, ee].map(|country| Forger::of(country).audit());
    let [one, two, at_ee] = bundles();
    assert_eq!(compared(&one, &at_ee), [""; 0]);
    assert_eq!((compared(&two, &at_ee), compared(&one, &two)), (vec![], vec!["not-comparable"]));
    // Each sends EE another alert as the next; EE takes the first one's.
    let sides = vec![connect(first, ee).await];
    deliver(first, 2, &["EE"]).await;
    settled(&[first, ee]).await;
    stop(sides).await;
    release(second, route(id(3)), &["EE"]).await;
    let size = first.node.ledger.head().size().0.max(second.node.ledger.head().size().0);
    fill(first, size).await;
    fill(second, size).await;
    let [one, two, at_ee] = bundles();
    for audit in [&one, &at_ee] {
        assert_eq!(codes(&audit.findings), [""; 0]);
    }
    assert_eq!(codes(&two.findings), ["undelivered"]);
    assert_eq!(compared(&one, &at_ee), [""; 0]);
    assert_eq!(compared(&two, &at_ee), ["forked", "equivocated"]);
    assert_eq!(compared(&one, &two), ["split-view", "not-comparable"]);
}

/// A clock that is set wrong.
struct Wrong(AtomicI64);

impl Clock for Wrong {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(SystemClock.now().ms() + self.0.load(Ordering::Relaxed)).unwrap()
    }
}

async fn with_clock(code: &str, dir: &Path, clock: Arc<Wrong>) -> Country {
    let (entropy, keyring) = (Arc::new(SystemEntropy), dir.join(code));
    let guard = Arc::new(FileGuard::open(&keyring.with_extension("guard")).unwrap());
    let ground = Ground {
        store: Arc::new(MemoryStore::default()),
        keyring: Arc::new(FileKeyring::open(&keyring, true, entropy.clone()).unwrap()),
        clock,
        entropy,
        guard,
        heartbeat: Duration::from_secs(1),
        divergence: Duration::from_secs(600),
        key_files: Arc::default(),
        told: Arc::default(),
    };
    let ledger = Ledger::open(ground.parts(code)).unwrap();
    Country::found(code, ledger, ground).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_was_set_back_backdates_its_leaves() {
    // An alert says the day of its issue: it is noon for all of them, so that two hours earlier is the same day.
    let hour = 60 * 60 * 1000;
    let noon = 12 * hour - SystemClock.now().ms().rem_euclid(24 * hour);
    for (hours, wanted) in [(0, vec![]), (-2, vec!["backdated"])] {
        let dir = tempfile::tempdir().unwrap();
        let at = |code, ms| with_clock(code, dir.path(), Arc::new(Wrong(AtomicI64::new(ms))));
        let no = at("NO", noon + hours * hour).await;
        // EE has four witnesses, so that one whose clock is wrong does not move the time that counts.
        let ee = at("EE", noon).await;
        let mut sides = vec![connect(&no, &ee).await];
        for code in ["LT", "DK", "PT"] {
            sides.push(connect(&at(code, noon).await, &ee).await);
        }
        deliver(&ee, 1, &["NO"]).await;
        // NO weaves EE's head in and logs something afterwards, at a time of its own choice.
        no.node.ledger.commit(move |desk| entangle::weave(desk, Duration::ZERO)).await.unwrap();
        deliver(&ee, 2, &["NO"]).await;
        settled(&[&no, &ee]).await;
        stop(sides).await;
        let (of_no, of_ee) = (Forger::of(&no), Forger::of(&ee));
        assert_eq!(of_no.bundle(), national(&no));
        assert_eq!(codes(&of_no.audit().findings), wanted, "{hours} hours");
        assert_eq!(codes(&of_ee.audit().findings), [""; 0]);
        assert_eq!(compared(&of_no.audit(), &of_ee.audit()), [""; 0], "it is said once");
    }
}

/// Waits until a witness has cosigned the newest head of a country.
async fn cosigned(country: &Country, by: &Country) {
    let reached = async {
        let has = |one: &witness::Standing| one.witness == *by.origin() && one.size >= country.node.ledger.book().loud;
        while !witness::standing(&country.node).unwrap().by.iter().any(has) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_set_back_for_a_while_is_shown_by_the_witness_who_saw_less_later() {
    let dir = tempfile::tempdir().unwrap();
    let at = |place: &str| dir.path().join(place).join("NO");
    for place in ["first", "second"] {
        std::fs::create_dir(dir.path().join(place)).unwrap();
    }
    let store = Arc::new(SimStore::default());
    let no = Country::open("NO", store.clone(), &at("first")).await;
    let ee = in_memory("EE", dir.path()).await;
    no.pin(&ee).await;
    let clock = Arc::new(Wrong(AtomicI64::new(0)));
    let lt = with_clock("LT", dir.path(), clock.clone()).await;
    let sides = vec![connect(&no, &lt).await];
    deliver(&no, 0, &["LT"]).await;
    settled(&[&no, &lt]).await;
    stop(sides).await;
    // What EE sees is more than what is put aside.
    release(&no, route(id(1)), &["EE"]).await;
    beside(&at("first"), &at("second"));
    let before = store.snapshot();
    let sides = vec![connect(&no, &ee).await];
    deliver(&no, 2, &["EE"]).await;
    settled(&[&no, &ee]).await;
    // What EE did not say before it goes is missed from forty minutes later on.
    cosigned(&no, &ee).await;
    stop(sides).await;
    assert_eq!(codes(&Forger::of(&no).audit().findings), [""; 0]);
    // Forty minutes later, as LT's clock has it, the machine is set back with its guard and LT sees it so; then its disk is put right,
    // and nothing is said.
    clock.0.store(40 * 60 * 1000, Ordering::Relaxed);
    let back = Arc::new(SimStore::default());
    back.restore(before);
    let second = Country::open("NO", back.clone(), &at("second")).await;
    let known = no.node.peers.borrow().clone();
    second.pin_all(known).await.unwrap();
    let sides = vec![connect(&second, &lt).await];
    cosigned(&second, &lt).await;
    stop(sides).await;
    let mut rows = store.snapshot();
    rows.extend(back.snapshot().into_iter().filter(|(name, _)| name[0] == rows::COSIGNATURE));
    store.restore(rows);
    let sides = vec![connect(&no, &lt).await];
    cosigned(&no, &lt).await;
    stop(sides).await;
    assert_eq!(codes(&Forger::of(&no).audit().findings), ["rolled-back"]);
}
