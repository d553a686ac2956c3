//! The embedded store: one sled tree, and the discipline that makes what it acknowledges survive a power cut.
//!
//! sled 0.34.7 does not do so by itself. Its `flush` ends in `sync_file_range`, which neither journals the file's size and
//! extents nor flushes the drive's cache: after a power cut the store comes back empty or does not open (sled issues #1351 and
//! #1452; `tests/src/bin/powercut.rs` shows it). Therefore, and nowhere else than here:
//!
//! - a commit is one `apply_batch` of one tree (atomic for one tree only), one `flush`, then one fdatasync on our own handle of
//!   the same file, and only then does it return;
//! - the files and directories are synced when the store is opened, the parent directory when it is made;
//! - sled's timed flush is off, so that nothing but a commit decides what is on disk;
//! - values are at most 16 KiB and segments 4 MiB: a page over a quarter of a segment would go to a file under `blobs/`, which
//!   sled never syncs, and a page holds about seventeen values;
//! - sled frees the versions of pages that a commit replaced only when it is entered often enough, and a commit enters it a few
//!   times: so it is told to after each, or a writer that seldom reads would keep every version of every page in memory;
//! - nobody reads while sled applies a batch, and it reads the pages that it changes from disk: so a commit reads them before, while
//!   others go on reading;
//! - sled panics on some kinds of damage: here that is an error, and after any error in a commit nothing more is read or
//!   written until the store is opened anew.
//!
//! Reasons, figures and what would change our mind: `docs/decisions/2026-11-21-embedded-store.md`.

use super::check_sizes;
use crate::edge::disk::{io_error, make_dir, sync_dir};
use crate::port::{Batch, Row, Store, StoreError};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Bytes of sled's page cache. Its real memory is a multiple of this (stack measurements: about 100 MB resident at 64 MiB).
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// Bytes of a segment of sled's log. A page of more than a quarter of it leaves the log for a file that is never synced.
const SEGMENT_BYTES: usize = 4 * 1024 * 1024;

/// How many hundredths of a second sled's last tasks for an earlier instance are waited for.
const LET_GO: u32 = 500;

/// What makes written bytes survive a power cut; called once a commit, on a handle of the database file.
pub type SyncStep = Box<dyn Fn(&File) -> io::Result<()> + Send + Sync>;

/// One sled tree in a directory of its own.
pub struct SledStore {
    db: sled::Db,
    /// Our own handle of the file that sled writes.
    file: File,
    sync: SyncStep,
    /// A commit failed: what is in memory may differ from what is on disk.
    failed: AtomicBool,
    /// Held for as long as the store is open.
    _lock: File,
}

impl SledStore {
    /// Opens the store in `dir`, or makes it (mode 0700). [`StoreError::InUse`] when another process, or this one, has it open.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, Box::new(File::sync_data))
    }

    /// The same with another sync step, so that a test can count it, or leave it out and see what is lost.
    pub fn open_with(dir: &Path, sync: SyncStep) -> Result<Self, StoreError> {
        make_dir(dir)?;
        let lock = lock(&dir.join("lock"))?;
        let config = sled::Config::new()
            .path(dir)
            .cache_capacity(CACHE_BYTES)
            .segment_size(SEGMENT_BYTES)
            .flush_every_ms(None)
            .mode(sled::Mode::HighThroughput);
        let db = open_files(&config)?;
        sync_all(dir)?;
        let file = File::options().write(true).open(dir.join("db")).map_err(io_error("open its file"))?;
        Ok(Self { db, file, sync, failed: AtomicBool::new(false), _lock: lock })
    }

    fn usable(&self) -> Result<(), StoreError> {
        match self.failed.load(Ordering::Acquire) {
            true => {
                Err(StoreError::Damaged("an earlier commit failed; start the node again to see what is on disk".into()))
            }
            false => Ok(()),
        }
    }

    fn write(&self, batch: sled::Batch, rows: usize) -> Result<(), StoreError> {
        guarded(|| {
            self.db.apply_batch(batch)?;
            self.db.flush()?;
            // A row replaces a few versions of pages, and each call frees 512 of those that nobody reads any more.
            (0..=rows / 64).for_each(|_| sled::pin().flush());
            Ok(())
        })?;
        (self.sync)(&self.file).map_err(io_error("sync a commit to disk"))
    }
}

impl Store for SledStore {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        check_sizes(&batch)?;
        self.usable()?;
        for (row, _) in &batch.writes {
            guarded(|| self.db.contains_key(row))?;
        }
        let (mut writes, rows) = (sled::Batch::default(), batch.writes.len());
        for (row, value) in batch.writes {
            match value {
                Some(value) => writes.insert(row, value),
                None => writes.remove(row),
            }
        }
        self.write(writes, rows).inspect_err(|_| self.failed.store(true, Ordering::Release))
    }

    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.usable()?;
        Ok(guarded(|| self.db.get(row))?.map(|value| value.to_vec()))
    }

    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        let mut range = self.db.range(from..to);
        let mut ended = false;
        Box::new(std::iter::from_fn(move || {
            if ended {
                return None;
            }
            let step = || if descending { range.next_back() } else { range.next() }.transpose();
            let found = self.usable().and_then(|()| guarded(step));
            // After an error the iterator's place is unknown: it gives the error and ends.
            ended = !matches!(found, Ok(Some(_)));
            found.map(|row| row.map(|(row, value)| (row.to_vec(), value.to_vec()))).transpose()
        }))
    }
}

/// Opens sled's files. Our lock is held, so nobody else has them; but sled's last tasks for a store that this process has just let
/// go of may hold them for a moment more.
fn open_files(config: &sled::Config) -> Result<sled::Db, StoreError> {
    for _ in 0..LET_GO {
        match guarded(|| config.open()) {
            Err(StoreError::InUse) => std::thread::sleep(Duration::from_millis(10)),
            opened => return opened,
        }
    }
    guarded(|| config.open())
}

/// A lock of our own, taken before sled touches anything; the system releases it however the process ends.
fn lock(path: &Path) -> Result<File, StoreError> {
    let file =
        File::options().create(true).truncate(false).write(true).open(path).map_err(io_error("open its lock"))?;
    match file.try_lock() {
        Ok(()) => {
            if let Err(error) = say_who(&file) {
                tracing::debug!(%error, "the lock does not say who holds it");
            }
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse),
        Err(TryLockError::Error(source)) => Err(io_error("take its lock")(source)),
    }
}

/// Who holds a store, for whoever finds it held: a word for people, on which nothing else depends.
fn say_who(mut lock: &File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.write_all(format!("{}\n", std::process::id()).as_bytes())
}

/// The process that holds the store in `dir`, as it says itself.
pub fn holder(dir: &Path) -> Option<u32> {
    fs::read_to_string(dir.join("lock")).ok()?.trim().parse().ok()
}

/// Syncs what opening made or changed: sled writes `conf` and the snapshot without syncing the directory.
fn sync_all(dir: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(dir).map_err(io_error("list its directory"))? {
        let path = entry.map_err(io_error("list its directory"))?.path();
        File::open(&path).and_then(|file| file.sync_all()).map_err(io_error("sync its files"))?;
    }
    sync_dir(dir)
}

/// Runs a call of sled; its errors and its panics become ours.
fn guarded<T>(call: impl FnOnce() -> Result<T, sled::Error>) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Io(source))) if source.to_string().starts_with("could not acquire lock") => {
            Err(StoreError::InUse)
        }
        Ok(Err(sled::Error::Io(source))) if !means_damage(&source) => {
            Err(StoreError::Io { what: "read or write its file", source })
        }
        Ok(Err(error)) => Err(damaged(&error.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
            Err(damaged(text.unwrap_or("the engine stopped without saying why")))
        }
    }
}

/// A file that ends too early, or an engine's complaint in an I/O error's clothes.
fn means_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData | io::ErrorKind::Other)
}

fn damaged(why: &str) -> StoreError {
    StoreError::Damaged(format!(
        "{why}; stop the node, move `store` and `keyring` away but leave `guard`, and run `varde log restore` with the newest backup"
    ))
}
