//! Taking records in over the one writer: each row once, whatever happens between two batches.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::intake::{self, Row, Taken};
use varde_node::flow::ledger::{CommitError, Ledger, Parts};
use varde_node::flow::records;
use varde_node::national::record::{Reason, Record, Stated};
use varde_node::port::{Batch, Keyring, Row as StoredRow, Store, StoreError};
use varde_proto::id::{Digest, Origin};
use varde_proto::vocabulary::AgeBand;

/// A store that fails once its commits are used up, and does what it did before when it is opened again.
struct Brittle {
    rows: MemoryStore,
    commits_left: AtomicI64,
}

impl Store for Brittle {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        if self.commits_left.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(StoreError::Damaged("pulled the plug".into()));
        }
        self.rows.commit(batch)
    }

    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.rows.get(row)
    }

    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<StoredRow, StoreError>> + 'a> {
        self.rows.scan(from, to, descending)
    }
}

struct Place {
    store: Arc<Brittle>,
    keyring: Arc<dyn Keyring>,
    _dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let keyring = Arc::new(FileKeyring::open(dir.path(), true, Arc::new(SystemEntropy)).unwrap());
        let store = Arc::new(Brittle { rows: MemoryStore::default(), commits_left: i64::MAX.into() });
        Self { store, keyring, _dir: dir }
    }

    fn open(&self, commits: i64) -> Ledger {
        self.store.commits_left.store(commits, Ordering::SeqCst);
        let parts = Parts {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            keys: varde_tests::pair::keys("NO", &*self.store, &[]),
            guard: Arc::new(FileGuard::open(&self._dir.path().join("guard")).unwrap()),
            origin: Origin::parse("varde.example/no/1").unwrap(),
        };
        Ledger::open(parts).unwrap()
    }
}

fn row(line: u64, content: &str, stated: Stated) -> Row {
    Row { line, digest: Digest::of(content.as_bytes()).0, ordinal: 0, child_reference: String::new(), stated }
}

fn child() -> Stated {
    Stated { age_band: AgeBand::AGE_9_13, ..Stated::nothing() }
}

fn rows(count: u64) -> Vec<Row> {
    (0..count).map(|n| row(n + 2, &format!("case {n}"), child())).collect()
}

fn taken(added: u64, known: u64) -> Taken {
    Taken { added, known, refused: Vec::new() }
}

#[tokio::test]
async fn a_second_import_adds_nothing_and_equal_rows_are_different_cases() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    let equal = || {
        let ordinals = (0..3).map(|ordinal| Row { ordinal, ..row(2, "the same", Stated::nothing()) });
        ordinals.collect::<Vec<_>>()
    };
    assert_eq!(intake::take(&ledger, equal()).await.unwrap(), taken(3, 0));
    assert_eq!(intake::take(&ledger, equal()).await.unwrap(), taken(0, 3));
    let held = records::held(&ledger).unwrap();
    assert_eq!((held.records, held.children), (3, 0));
}

#[tokio::test]
async fn a_rehearsal_says_what_would_happen_and_stores_nothing() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    assert_eq!(intake::rehearse(&ledger, rows(5)).await.unwrap(), taken(5, 0));
    assert_eq!(records::held(&ledger).unwrap().records, 0);
    intake::take(&ledger, rows(2)).await.unwrap();
    assert_eq!(intake::rehearse(&ledger, rows(5)).await.unwrap(), taken(3, 2));
    assert_eq!(records::records(&ledger).count(), 2);
}

#[tokio::test]
async fn a_reference_held_with_other_content_is_refused() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    let of = |agency: &str| Stated { agency: agency.into(), reference: "17".into(), ..child() };
    assert_eq!(intake::take(&ledger, vec![row(2, "before", of("NGO"))]).await.unwrap(), taken(1, 0));
    assert_eq!(intake::take(&ledger, vec![row(2, "before", of("NGO"))]).await.unwrap(), taken(0, 1));
    let changed = intake::take(&ledger, vec![row(9, "after", of("NGO"))]).await.unwrap();
    let reasons: Vec<_> = changed.refused.iter().map(|(line, refusal)| (*line, refusal.reason)).collect();
    assert_eq!(reasons, [(9, Reason::HeldDifferently)]);
    assert_eq!(intake::take(&ledger, vec![row(9, "after", of("POLICE"))]).await.unwrap(), taken(1, 0));
}

#[tokio::test]
async fn records_of_one_child_share_its_local_id_and_its_name_is_not_kept() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    let of = |content: &str, name: &str| Row { child_reference: name.into(), ..row(2, content, child()) };
    intake::take(&ledger, vec![of("first", "child-1"), of("other", "child-2")]).await.unwrap();
    intake::take(&ledger, vec![of("again", "child-1"), row(5, "nameless", child())]).await.unwrap();
    let children: Vec<_> = records::records(&ledger).map(|record| record.unwrap().child()).collect();
    assert_eq!(children[0], children[2]);
    assert!(children[0] != children[1] && children[3] != children[0] && children[3] != children[1]);
}

#[tokio::test]
async fn a_refused_row_stops_no_other_and_leaves_nothing() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    let adult = row(3, "adult", Stated { age: Some(18), ..Stated::nothing() });
    let outcome = intake::take(&ledger, vec![row(2, "a", child()), adult, row(4, "b", child())]).await.unwrap();
    assert_eq!((outcome.added, outcome.refused[0].0, outcome.refused[0].1.reason), (2, 3, Reason::OutOfScopeAdult));
    let held = records::held(&ledger).unwrap();
    assert_eq!((held.records, held.children), (2, 2));
    assert_eq!(records::records(&ledger).filter_map(Result::ok).filter(Record::is_child).count(), 2);
}

#[tokio::test]
async fn a_crash_between_batches_is_mended_by_importing_again() {
    for survives in 0..5 {
        let place = Place::new();
        let batches = || (0..5).map(|n| rows(50).split_off(n * 10).into_iter().take(10).collect::<Vec<_>>());
        let ledger = place.open(survives);
        let mut stored = 0;
        for batch in batches() {
            match intake::take(&ledger, batch).await {
                Ok(taken) => stored += taken.added,
                Err(CommitError::Stopped) => break,
                Err(CommitError::Refused(other)) => panic!("{other}"),
            }
        }
        assert_eq!(stored, survives as u64 * 10);
        drop(ledger);
        let ledger = place.open(i64::MAX);
        let (mut added, mut known) = (0, 0);
        for batch in batches() {
            let taken = intake::take(&ledger, batch).await.unwrap();
            (added, known) = (added + taken.added, known + taken.known);
        }
        assert_eq!((added, known), (50 - stored, stored));
        assert_eq!(records::held(&ledger).unwrap().records, 50);
        assert_eq!(records::records(&ledger).map(Result::unwrap).count(), 50);
    }
}

#[tokio::test]
async fn the_store_shows_no_reference_and_no_name_of_a_child() {
    let place = Place::new();
    let ledger = place.open(i64::MAX);
    let stated = Stated { agency: "PLAINAGENCY".into(), reference: "PLAINREFERENCE".into(), ..child() };
    let row = Row { child_reference: "PLAINCHILD".into(), ..row(2, "x", stated) };
    intake::take(&ledger, vec![row]).await.unwrap();
    let everything: Vec<u8> = place
        .store
        .scan(&[0], &[255], false)
        .map(Result::unwrap)
        .flat_map(|(name, value)| [name, value].concat())
        .collect();
    assert!(everything.len() > 200);
    for word in ["PLAINAGENCY", "PLAINREFERENCE", "PLAINCHILD"] {
        assert!(!everything.windows(word.len()).any(|part| part == word.as_bytes()), "{word} is readable");
    }
    let read = records::records(&ledger).next().unwrap().unwrap();
    assert_eq!(read.stated().reference, "PLAINREFERENCE");
}
