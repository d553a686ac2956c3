//! One side's durable log of the bare exchange: a hash tree, and a row for each envelope on the node's own store adapter.

use crate::Outcome;
use crate::transport::{key, origin};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use varde_node::edge::store::sled::SledStore;
use varde_node::port::{Batch, Store};
use varde_node::rows::{ENVELOPE, HEAD, LEAF, numbered};
use varde_proto::id::{Digest, Origin};
use varde_proto::identity::SecretKey;
use varde_proto::log::head::Head;
use varde_proto::log::merkle::leaf_hash;
use varde_proto::log::tree::Tree;
use varde_tests::bench::{cpu_seconds, disk_bytes, scratch};

/// What one side used, in the order in which it travels to the other for the report.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Used {
    pub(crate) cpu_seconds: f64,
    pub(crate) syncs: u64,
    pub(crate) disk_bytes: u64,
}

impl Used {
    /// What was used since `before`.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds - before.cpu_seconds,
            syncs: self.syncs - before.syncs,
            disk_bytes: self.disk_bytes.saturating_sub(before.disk_bytes),
        }
    }

    pub(crate) fn to_text(self) -> String {
        format!("{} {} {}", self.cpu_seconds, self.syncs, self.disk_bytes)
    }

    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        let [cpu, syncs, disk] = words[..] else { return Err(format!("not what a side used: {text:?}").into()) };
        Ok(Self { cpu_seconds: cpu.parse()?, syncs: syncs.parse()?, disk_bytes: disk.parse()? })
    }
}

pub(crate) struct DurableLog {
    dir: TempDir,
    store: SledStore,
    tree: Tree,
    origin: Origin,
    key: SecretKey,
    syncs: Arc<AtomicU64>,
}

impl DurableLog {
    pub(crate) fn new(country: &str, seed: u8) -> Outcome<Self> {
        let dir = scratch()?;
        let syncs = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&syncs);
        let sync = move |file: &File| {
            counted.fetch_add(1, Ordering::Relaxed);
            file.sync_data()
        };
        let store = SledStore::open_with(&dir.path().join("store"), Box::new(sync))?;
        Ok(Self { dir, store, tree: Tree::default(), origin: origin(country)?, key: key(seed), syncs })
    }

    /// Appends envelopes (their digest and their bytes) and the last head of the other side, in one durable commit; then signs
    /// the head.
    pub(crate) fn append(&mut self, envelopes: Vec<(Digest, Vec<u8>)>, other: Option<&Head>) -> Outcome<Head> {
        let mut batch = Batch::default();
        for (digest, bytes) in envelopes {
            let index = self.tree.push(leaf_hash(&digest.0)).0;
            batch.put(numbered(LEAF, index), digest.0);
            batch.put(numbered(ENVELOPE, index), bytes);
        }
        if let Some(head) = other {
            batch.put(numbered(HEAD, head.size().0), head.write());
        }
        self.store.commit(batch)?;
        Ok(Head::sign(&self.origin, self.tree.size(), self.tree.root(), &self.key)?)
    }

    /// The root when the tree had `size` leaves.
    pub(crate) fn root_at(&self, size: varde_proto::id::TreeSize) -> Option<Digest> {
        self.tree.root_at(size)
    }

    /// What this side used since its processor time was `cpu_before`.
    pub(crate) fn used(&self, cpu_before: f64) -> Outcome<Used> {
        let cpu_seconds = cpu_seconds() - cpu_before;
        Ok(Used { cpu_seconds, syncs: self.syncs.load(Ordering::Relaxed), disk_bytes: disk_bytes(self.dir.path())? })
    }
}
