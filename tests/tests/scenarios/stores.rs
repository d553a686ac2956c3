//! What real nodes do when their store, their keys or their clock are tampered with.

use super::forger::{Forger, national};
use super::*;
use std::sync::atomic::{AtomicI64, Ordering};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::flow::entangle;
use varde_node::flow::ledger::Ledger;
use varde_node::port::Clock;
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
        for part in ["", ".guard"] {
            let [from, to] = ["first", "second"].map(|place| format!("{}{part}", at(place).display()));
            copy(Path::new(&from), Path::new(&to));
        }
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

async fn with_clock(code: &str, dir: &Path, wrong_by_ms: i64) -> Country {
    let (entropy, keyring) = (Arc::new(SystemEntropy), dir.join(code));
    let guard = Arc::new(FileGuard::open(&keyring.with_extension("guard")).unwrap());
    let ground = Ground {
        store: Arc::new(MemoryStore::default()),
        keyring: Arc::new(FileKeyring::open(&keyring, true, entropy.clone()).unwrap()),
        clock: Arc::new(Wrong(AtomicI64::new(wrong_by_ms))),
        entropy,
        guard,
        heartbeat: Duration::from_secs(1),
        divergence: Duration::from_secs(600),
    };
    let ledger = Ledger::open(ground.parts(code)).unwrap();
    Country::found(code, ledger, ground).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_whose_clock_was_set_back_backdates_its_leaves() {
    for (hours, wanted) in [(0, vec![]), (-2, vec!["backdated"])] {
        let dir = tempfile::tempdir().unwrap();
        let no = with_clock("NO", dir.path(), hours * 60 * 60 * 1000).await;
        // EE has four witnesses, so that one whose clock is wrong does not move the time that counts.
        let ee = in_memory("EE", dir.path()).await;
        let mut sides = vec![connect(&no, &ee).await];
        for code in ["LT", "DK", "PT"] {
            sides.push(connect(&in_memory(code, dir.path()).await, &ee).await);
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
