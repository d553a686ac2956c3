//! What a store keeps in memory. Alone in its process, because memory is counted for the process.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use varde_node::edge::store::sled::SledStore;
use varde_node::port::{Batch, Store};
use varde_node::rows;

fn resident_mib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<usize>().unwrap() / 1024
}

#[test]
fn a_writer_that_never_reads_does_not_keep_every_version_of_every_page_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = SledStore::open_with(&dir.path().join("store"), Box::new(|_| Ok(()))).unwrap();
    let write = |commits: std::ops::Range<u64>| {
        for commit in commits {
            let mut batch = Batch::default();
            for row in 0..100 {
                batch.put(rows::numbered(rows::RECORD, row), [commit.to_be_bytes(); 75].concat());
            }
            store.commit(batch).unwrap();
        }
    };
    write(0..20);
    let before = resident_mib();
    write(20..620);
    let grown = resident_mib().saturating_sub(before);
    assert!(grown < 48, "{grown} MiB more after 60,000 writes of 100 rows");
}
