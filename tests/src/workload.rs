//! A writer that can be stopped at any moment, and the check of what it left: what the kill and power-cut tests share.
//!
//! In: numbered batches on the real store, keyring and vault, each acknowledged by a line on standard output once its commit
//! returned; the check that everything acknowledged is there, whole batches only. Out: how the writer is stopped (`powercut`,
//! `tests/kill.rs`).
//!
//! Batch n writes 20 rows of its own, 4 of them sealed, overwrites row `o`/(n mod 50), deletes half of what batch n - 100
//! wrote, and sets the head to n. What any row must hold therefore follows from the head alone.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::sled::{SledStore, SyncStep};
use varde_node::port::{Batch, Store, StoreError};
use varde_node::rows::numbered;
use varde_node::vault::Vault;
use varde_proto::id::Digest;

const ROWS: u8 = 20;
const SEALED: u8 = 4;
const OVERWRITTEN: u64 = 50;
const KEPT: u64 = 100;
const VALUE_BYTES: usize = 600;
const HEAD: &[u8] = b"fhead";

/// Whether the writer keeps the store's own rule: an fdatasync after each flush.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// As shipped.
    Kept,
    /// sled alone, so that the test is seen to fail.
    LeftOut,
}

impl Sync {
    fn step(self) -> SyncStep {
        match self {
            Self::Kept => Box::new(File::sync_data),
            Self::LeftOut => Box::new(|_| Ok(())),
        }
    }
}

/// A store, its keyring and its vault in one directory.
struct Opened {
    store: SledStore,
    vault: Vault,
}

fn open(dir: &Path, sync: Sync) -> Result<Opened, StoreError> {
    let store = SledStore::open_with(&dir.join("store"), sync.step())?;
    let fresh = store.scan(&[], &[0xff], false).next().transpose()?.is_none();
    let entropy = Arc::new(SystemEntropy);
    let keyring = Arc::new(FileKeyring::open(&dir.join("keyring"), fresh, entropy.clone())?);
    let vault = Vault::new(keyring, entropy, &store)?;
    Ok(Opened { store, vault })
}

/// Commits batches from where the store stands until it is stopped or the store fails; `limit` ends it sooner. Prints
/// `ACK n` after the commit of batch n.
pub fn write(dir: &Path, sync: Sync, limit: u64) -> Result<(), StoreError> {
    let mut opened = open(dir, sync)?;
    let first = head(&opened.store)?.map_or(0, |n| n + 1);
    let mut out = io::stdout().lock();
    for n in (first..).take(usize::try_from(limit).unwrap_or(usize::MAX)) {
        let batch = batch(&mut opened, n)?;
        opened.store.commit(batch)?;
        let told = writeln!(out, "ACK {n}").and_then(|()| out.flush());
        told.map_err(|source| StoreError::Io { what: "tell what is committed", source })?;
    }
    Ok(())
}

fn batch(opened: &mut Opened, n: u64) -> Result<Batch, StoreError> {
    let mut batch = Batch::default();
    for i in 0..ROWS {
        let row = own_row(n, i);
        if i < SEALED {
            opened.vault.seal(&mut batch, row, None, &value(n, i))?;
        } else {
            batch.put(row, value(n, i));
        }
    }
    batch.put(numbered(b'o', n % OVERWRITTEN), value(n, 0xff));
    if let Some(old) = n.checked_sub(KEPT) {
        for i in (0..ROWS).filter(|i| deleted_later(*i)) {
            let row = own_row(old, i);
            let current = opened.store.get(&row)?;
            match i < SEALED {
                true => opened.vault.delete(&mut batch, row, current.as_deref())?,
                false => batch.delete(row),
            }
        }
    }
    batch.put(HEAD, n.to_be_bytes());
    Ok(batch)
}

/// Checks a store that was stopped after batch `acknowledged` (`None`: none) was acknowledged. The number of batches found, or
/// what is lost or wrong.
pub fn check(dir: &Path, acknowledged: Option<u64>) -> Result<u64, String> {
    let opened = open(dir, Sync::Kept).map_err(|e| format!("the store does not open: {e}"))?;
    let head = head(&opened.store).map_err(|e| e.to_string())?;
    if head < acknowledged {
        return Err(format!("acknowledged up to {acknowledged:?}, found up to {head:?}"));
    }
    let count = head.map_or(0, |n| n + 1);
    for n in 0..count {
        check_batch(&opened, n, count)?;
    }
    for j in 0..OVERWRITTEN {
        let last = (0..count).rev().find(|n| n % OVERWRITTEN == j);
        let found = opened.store.get(&numbered(b'o', j)).map_err(|e| e.to_string())?;
        if found != last.map(|n| value(n, 0xff)) {
            return Err(format!("the overwritten row {j} is not that of batch {last:?}"));
        }
    }
    let rows = opened.store.scan(b"r", b"s", false).collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?;
    let wanted: usize = (0..count).map(|n| (0..ROWS).filter(|i| is_kept(n, *i, count)).count()).sum();
    match rows.len() == wanted {
        true => Ok(count),
        false => Err(format!("{} rows where {wanted} belong: part of a batch is there", rows.len())),
    }
}

fn check_batch(opened: &Opened, n: u64, count: u64) -> Result<(), String> {
    let Opened { store, vault } = opened;
    for i in 0..ROWS {
        let row = own_row(n, i);
        let found = match i < SEALED {
            true => vault.unsealer().open(&row, |r| store.get(r)).map(|text| text.map(|t| t.to_vec())),
            false => store.get(&row),
        };
        let found = found.map_err(|e| format!("row {i} of batch {n}: {e}"))?;
        if found != is_kept(n, i, count).then(|| value(n, i)) {
            return Err(format!("row {i} of batch {n} is not what was written ({count} batches are there)"));
        }
    }
    Ok(())
}

fn head(store: &SledStore) -> Result<Option<u64>, StoreError> {
    let wrong = |_| StoreError::Damaged("the head is not a number".into());
    store.get(HEAD)?.map(|bytes| bytes.try_into().map(u64::from_be_bytes).map_err(wrong)).transpose()
}

fn own_row(n: u64, i: u8) -> Vec<u8> {
    [&numbered(b'r', n)[..], &[i]].concat()
}

fn deleted_later(i: u8) -> bool {
    i.is_multiple_of(2)
}

fn is_kept(n: u64, i: u8, count: u64) -> bool {
    !deleted_later(i) || n + KEPT >= count
}

/// Bytes that do not compress and say which row they belong to.
fn value(n: u64, i: u8) -> Vec<u8> {
    let seed = Digest::of(&own_row(n, i)).0;
    (0..VALUE_BYTES / 32 + 1).flat_map(|k| Digest::of(&[&seed[..], &[k as u8]].concat()).0).take(VALUE_BYTES).collect()
}
