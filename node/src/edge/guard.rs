//! The sign guard: which head of our log was last shown to anyone, in a file of its own that no backup of the store contains
//! (docs/decisions, "The sign guard is written when a head is shown").
//!
//! Two slots of 128 bytes, written in turn where they lie: a number that grows, size, root, SHA-256 over all before; the rest is
//! zero. A write that is torn by a power cut spoils one slot and leaves the other. What is written reaches the disk within a
//! second by a thread of its own; the file itself is made by write, sync, rename, directory sync.

use super::disk::{io_error, replace};
use crate::port::{Guard, StoreError};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use varde_proto::exchange::KnownHead;
use varde_proto::id::Digest;

const SLOT: usize = 128;
const HEADER: &[u8; 16] = b"varde signguard1";
const CHECKED: usize = 16 + 8 + 8 + 32;
/// What is shown is on disk after so long at the latest, if the machine lives.
const SYNC: Duration = Duration::from_secs(1);

/// The guard in a file.
pub struct FileGuard {
    path: std::path::PathBuf,
    unused: bool,
    state: Mutex<State>,
}

struct State {
    newest: Option<(u64, KnownHead)>,
    open: Option<(File, SyncSender<()>)>,
}

impl FileGuard {
    /// Reads the guard at `path`; a file that is missing or unreadable in both slots is no guard.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let (bytes, unused) = match std::fs::read(path) {
            Ok(bytes) if bytes.is_empty() => (bytes, true),
            Ok(bytes) => (bytes, false),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (Vec::new(), false),
            Err(error) => return Err(io_error("read the sign guard")(error)),
        };
        let newest = bytes.chunks(SLOT).filter_map(read).max_by_key(|(number, _)| *number);
        Ok(Self { path: path.to_owned(), unused, state: Mutex::new(State { newest, open: None }) })
    }

    /// Whether it is as `varde init` made it: an empty file. Only then may a log begin.
    pub fn is_unused(&self) -> bool {
        self.unused
    }

    fn file(&self) -> Result<(File, SyncSender<()>), StoreError> {
        let file = File::options().write(true).open(&self.path).map_err(io_error("open the sign guard"))?;
        let synced = file.try_clone().map_err(io_error("open the sign guard"))?;
        let (dirty, told) = sync_channel::<()>(1);
        let sync = move || {
            while told.recv().is_ok() {
                if let Err(failure) = synced.sync_data() {
                    tracing::error!(%failure, "the sign guard could not be synced");
                }
                std::thread::sleep(SYNC);
            }
        };
        let spawned = std::thread::Builder::new().name("guard".into()).spawn(sync);
        spawned.map_err(io_error("start the sign guard's thread"))?;
        Ok((file, dirty))
    }
}

impl Guard for FileGuard {
    fn shown(&self) -> Option<KnownHead> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).newest.map(|(_, head)| head)
    }

    fn show(&self, head: KnownHead) -> Result<(), StoreError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.newest.is_some_and(|(_, newest)| newest.size >= head.size) {
            return Ok(());
        }
        let number = state.newest.map_or(0, |(number, _)| number + 1);
        let slot = write(number, head);
        match &state.open {
            Some((file, dirty)) => {
                let place = (number % 2) * SLOT as u64;
                file.write_all_at(&slot, place).map_err(io_error("write the sign guard"))?;
                // Full means that a sync is about to happen anyway.
                let _ = dirty.try_send(());
            }
            None => {
                let mut bytes = vec![0; 2 * SLOT];
                bytes[(number % 2) as usize * SLOT..][..SLOT].copy_from_slice(&slot);
                replace(&self.path, &bytes)?;
                state.open = Some(self.file()?);
            }
        }
        state.newest = Some((number, head));
        Ok(())
    }
}

fn write(number: u64, head: KnownHead) -> [u8; SLOT] {
    let mut slot = [0; SLOT];
    slot[..16].copy_from_slice(HEADER);
    slot[16..24].copy_from_slice(&number.to_be_bytes());
    slot[24..32].copy_from_slice(&head.size.to_be_bytes());
    slot[32..64].copy_from_slice(&head.root.0);
    let sum = Sha256::digest(&slot[..CHECKED]);
    slot[CHECKED..CHECKED + 32].copy_from_slice(&sum);
    slot
}

fn read(slot: &[u8]) -> Option<(u64, KnownHead)> {
    let (fields, rest) = slot.split_at_checked(CHECKED)?;
    if Sha256::digest(fields)[..] != *rest.get(..32)? || !fields.starts_with(HEADER) {
        return None;
    }
    let number = |at: usize| fields.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
    Some((number(16)?, KnownHead { size: number(24)?, root: Digest::from_bytes(fields.get(32..64)?)? }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn head(size: u64) -> KnownHead {
        KnownHead { size, root: Digest([size as u8; 32]) }
    }

    #[test]
    fn what_was_shown_is_read_back_and_a_torn_write_leaves_the_one_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("guard");
        assert!(!FileGuard::open(&path).unwrap().is_unused(), "one that is missing was taken away");
        std::fs::write(&path, "").unwrap();
        assert_eq!(FileGuard::open(&path).unwrap().shown(), None);
        assert!(FileGuard::open(&path).unwrap().is_unused());
        for size in 1..6 {
            let guard = FileGuard::open(&path).unwrap();
            guard.show(head(10 * size)).unwrap();
            guard.show(head(10 * size + 1)).unwrap();
            assert_eq!(FileGuard::open(&path).unwrap().shown(), Some(head(10 * size + 1)));
        }
        let whole = std::fs::read(&path).unwrap();
        let newest = whole.chunks(SLOT).position(|slot| read(slot).unwrap().1 == head(51)).unwrap();
        for place in 0..CHECKED + 32 {
            let mut torn = whole.clone();
            torn[newest * SLOT + place] ^= 1;
            std::fs::write(&path, &torn).unwrap();
            assert_eq!(FileGuard::open(&path).unwrap().shown(), Some(head(50)), "byte {place}");
        }
        for bytes in [&whole[..40], &[0; 2 * SLOT]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(FileGuard::open(&path).unwrap().shown(), None);
        }
    }
}
