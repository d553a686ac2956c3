//! What every store promises, checked on each of them, and what the embedded one does with damaged files.
#![allow(clippy::unwrap_used, reason = "tests")]

use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use varde_node::edge::store::memory::MemoryStore;
use varde_node::edge::store::sled::SledStore;
use varde_node::port::{Batch, Row, Store, StoreError};
use varde_proto::limits::STORED_VALUE_BYTES;

fn batch(writes: &[(&str, Option<&str>)]) -> Batch {
    let bytes = |t: &str| t.as_bytes().to_vec();
    Batch { writes: writes.iter().map(|(row, value)| (bytes(row), value.map(bytes))).collect() }
}

fn rows(store: &dyn Store, from: &[u8], to: &[u8], descending: bool) -> Vec<Row> {
    store.scan(from, to, descending).collect::<Result<_, _>>().unwrap()
}

fn names(store: &dyn Store, from: &str, to: &str, descending: bool) -> Vec<String> {
    let found = rows(store, from.as_bytes(), to.as_bytes(), descending);
    found.into_iter().map(|(row, _)| String::from_utf8(row).unwrap()).collect()
}

/// The promises of `port::Store` on a store that is empty.
fn store_contract(store: &dyn Store) {
    assert_eq!(store.get(b"a").unwrap(), None);
    assert_eq!(rows(store, b"", b"z", false), []);
    store.commit(Batch::default()).unwrap();
    store.commit(batch(&[("b", Some("1")), ("a", Some("2")), ("ab", Some("3")), ("c", Some(""))])).unwrap();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(store.get(b"c").unwrap().as_deref(), Some(&b""[..]), "an empty value is a value");

    assert_eq!(names(store, "a", "c", false), ["a", "ab", "b"], "from is in, to is out");
    assert_eq!(names(store, "a", "c", true), ["b", "ab", "a"]);
    assert_eq!(names(store, "b", "b", false), [""; 0]);
    assert_eq!(names(store, "c", "a", true), [""; 0], "a range that ends before it starts is empty");

    store
        .commit(batch(&[("a", Some("first")), ("a", None), ("a", Some("last")), ("b", Some("gone")), ("b", None)]))
        .unwrap();
    assert_eq!(store.get(b"a").unwrap().as_deref(), Some(&b"last"[..]), "the later write wins");
    assert_eq!(store.get(b"b").unwrap(), None);
    store.commit(batch(&[("never there", None)])).unwrap();

    let mut large = batch(&[("before", Some("x"))]);
    large.put(*b"large", vec![7; STORED_VALUE_BYTES + 1]);
    large.put(*b"later", *b"x");
    assert!(matches!(store.commit(large), Err(StoreError::TooLarge(n)) if n == STORED_VALUE_BYTES + 1));
    assert_eq!(names(store, "", "z", false), ["a", "ab", "c"], "a refused batch leaves nothing");
    let mut largest = Batch::default();
    largest.put(*b"large", vec![7; STORED_VALUE_BYTES]);
    store.commit(largest).unwrap();
    assert_eq!(store.get(b"large").unwrap().unwrap().len(), STORED_VALUE_BYTES);
}

/// A reader sees both rows of a batch or neither, while a writer changes them together.
fn readers_see_whole_batches(store: &dyn Store) {
    let write = |n: u32| {
        let mut both = Batch::default();
        both.put(*b"left", n.to_be_bytes());
        both.put(*b"right", n.to_be_bytes());
        store.commit(both).unwrap();
    };
    write(0);
    let done = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while done.load(Ordering::Relaxed) == 0 {
                // Written together: what is read second is never older than what is read first.
                let first = store.get(b"right").unwrap();
                let second = store.get(b"left").unwrap();
                assert!(second >= first, "half a batch was seen");
            }
        });
        (1..300).for_each(write);
        done.store(1, Ordering::Relaxed);
        reader.join().unwrap();
    });
}

#[test]
fn the_memory_store_keeps_the_contract() {
    store_contract(&MemoryStore::default());
    readers_see_whole_batches(&MemoryStore::default());
}

#[test]
fn the_embedded_store_keeps_the_contract() {
    let dir = tempfile::tempdir().unwrap();
    store_contract(&SledStore::open(&dir.path().join("one")).unwrap());
    readers_see_whole_batches(&SledStore::open(&dir.path().join("two")).unwrap());
}

#[derive(Debug, Clone)]
enum Step {
    Commit(Vec<(Vec<u8>, Option<Vec<u8>>)>),
    Scan(Vec<u8>, Vec<u8>, bool),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let row = || prop::collection::vec(0..4_u8, 0..4);
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..2000));
    let step = prop_oneof![
        6 => prop::collection::vec((row(), value), 0..20).prop_map(Step::Commit),
        3 => (row(), row(), any::<bool>()).prop_map(|(from, to, descending)| Step::Scan(from, to, descending)),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

/// Runs the steps on a store and on the standard library's map, and compares after each.
fn agrees_with_a_map(steps: Vec<Step>, mut reopen: impl FnMut(Option<Box<dyn Store>>) -> Box<dyn Store>) {
    let mut store = reopen(None);
    let mut model = BTreeMap::new();
    for step in steps {
        match step {
            Step::Commit(writes) => {
                for (row, value) in writes.clone() {
                    match value {
                        Some(value) => model.insert(row, value),
                        None => model.remove(&row),
                    };
                }
                store.commit(Batch { writes }).unwrap();
            }
            Step::Scan(from, to, descending) => {
                let mut wanted: Vec<Row> = Vec::new();
                if from < to {
                    wanted.extend(model.range(from.clone()..to.clone()).map(|(r, v)| (r.clone(), v.clone())));
                }
                if descending {
                    wanted.reverse();
                }
                assert_eq!(rows(store.as_ref(), &from, &to, descending), wanted);
            }
            Step::Reopen => store = reopen(Some(store)),
        }
        let all: Vec<Row> = model.iter().map(|(r, v)| (r.clone(), v.clone())).collect();
        assert_eq!(rows(store.as_ref(), b"", &[0xff], false), all);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_memory_store_agrees_with_a_map(steps in steps()) {
        agrees_with_a_map(steps, |old| old.unwrap_or_else(|| Box::new(MemoryStore::default())));
    }

    #[test]
    fn the_embedded_store_agrees_with_a_map_also_after_opening_it_again(steps in steps()) {
        let dir = tempfile::tempdir().unwrap();
        agrees_with_a_map(steps, |old| {
            drop(old);
            Box::new(SledStore::open(dir.path()).unwrap())
        });
    }
}

#[test]
fn a_store_that_was_let_go_of_is_opened_again_as_soon_as_its_last_task_ends() {
    let dir = tempfile::tempdir().unwrap();
    drop(SledStore::open(dir.path()).unwrap());
    // As a task of the engine holds its file after the store is dropped.
    let late = std::fs::File::open(dir.path().join("db")).unwrap();
    late.lock().unwrap();
    let task = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(300));
        drop(late);
    });
    SledStore::open(dir.path()).unwrap();
    task.join().unwrap();
}

#[test]
fn a_store_that_is_open_is_not_opened_twice() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    assert!(matches!(SledStore::open(dir.path()), Err(StoreError::InUse)));
    drop(store);
    SledStore::open(dir.path()).unwrap();
}

#[test]
fn a_commit_syncs_once_and_nothing_is_used_after_a_sync_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    let syncs = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&syncs);
    let third_fails = move |_: &fs::File| match counted.fetch_add(1, Ordering::Relaxed) {
        2 => Err(std::io::Error::other("the disk is gone")),
        _ => Ok(()),
    };
    let store = SledStore::open_with(dir.path(), Box::new(third_fails)).unwrap();
    store.commit(batch(&[("a", Some("1")), ("b", Some("1"))])).unwrap();
    store.commit(batch(&[("a", Some("2"))])).unwrap();
    assert_eq!(syncs.load(Ordering::Relaxed), 2);
    assert!(matches!(store.commit(batch(&[("a", Some("3"))])), Err(StoreError::Io { .. })));
    assert!(matches!(store.commit(batch(&[("a", Some("4"))])), Err(StoreError::Damaged(_))));
    assert!(store.get(b"a").is_err() && store.scan(b"a", b"z", false).next().unwrap().is_err());
}

/// Values of the largest size side by side are what would push a page over the size at which sled stops syncing it.
#[test]
fn no_value_goes_to_a_file_that_is_never_synced() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    for round in 0..40_u8 {
        let mut full = Batch::default();
        for row in 0..30_u8 {
            full.put(vec![row, round % 4], vec![round ^ row; STORED_VALUE_BYTES]);
            full.delete(vec![row, (round + 2) % 4]);
        }
        store.commit(full).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("blobs")).unwrap().count(), 0, "in round {round}");
    }
}

/// Fills a store with rows that say what they are, closes it, and returns its files.
fn filled(dir: &Path) -> Vec<PathBuf> {
    let store = SledStore::open(dir).unwrap();
    for n in 0..60_u32 {
        let mut some = Batch::default();
        for part in 0..10_u8 {
            some.put([&n.to_be_bytes()[..], &[part]].concat(), vec![n as u8 ^ part; 600]);
        }
        store.commit(some).unwrap();
    }
    drop(store);
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut files: Vec<_> = files.filter(|path| fs::metadata(path).unwrap().len() > 0).collect();
    files.sort();
    files
}

/// Opens and reads all; a row that reads back must be what was written. Whether an error was seen.
fn reads_right_or_not_at_all(dir: &Path) -> bool {
    let store = match SledStore::open(dir) {
        Ok(store) => store,
        Err(StoreError::Damaged(_) | StoreError::Io { .. }) => return true,
        Err(other) => panic!("{other}"),
    };
    for found in store.scan(&[], &[0xff; 8], false) {
        let Ok((row, value)) = found else { return true };
        assert_eq!(value, vec![row[3] ^ row[4]; 600], "a wrong value was read");
    }
    false
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to.join("blobs")).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

#[test]
fn damaged_files_give_an_error_and_never_a_panic_or_a_wrong_value() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    let files = filled(&whole);
    assert!(!reads_right_or_not_at_all(&whole), "the undamaged store reads");
    let mut refused = 0;
    let mut tried = 0;
    for file in &files {
        let length = fs::metadata(file).unwrap().len();
        for part in 0..12_u64 {
            let damaged = dir.path().join(format!("damaged-{tried}"));
            copy_dir(&whole, &damaged);
            let target = damaged.join(file.file_name().unwrap());
            let mut bytes = fs::read(&target).unwrap();
            let place = (length * part / 12 + 5).min(length - 1) as usize;
            match part % 2 {
                0 => bytes[place] ^= 0x10,
                _ => bytes.truncate(place),
            }
            fs::write(&target, bytes).unwrap();
            tried += 1;
            refused += usize::from(reads_right_or_not_at_all(&damaged));
            fs::remove_dir_all(&damaged).unwrap();
        }
    }
    assert!(refused > 0, "none of {tried} damages was seen");
}
