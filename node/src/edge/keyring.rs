//! The keyring of a node: `DIR/keyring`, files outside the store, so that what a dropped key wraps is gone from every old page,
//! write-ahead log and copy of the store at once (docs/decisions, "Encrypted from the first commit").
//!
//! In: bucket keys in segment files of 1,024, all made when the segment is; the index key in a file of its own. A file is only
//! ever replaced whole: written beside, synced, renamed, directory synced, mode 0600. Out: what the keys wrap (`crate::vault`);
//! wrapping the keyring itself under a root key, which a later version byte in the header will say.
//!
//! A segment, `segment-<16 hex digits of its number>`: header, number (8 bytes, big-endian), 1,024 slots of a mark (1 usable,
//! 0 destroyed) and 32 bytes of key, SHA-256 of all before.

use super::disk::{io_error, make_dir, replace};
use crate::port::{Entropy, Keyring, StoreError};
use crate::vault::REWRAPPED;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

const SEGMENT_HEADER: &[u8; 16] = b"varde keyring 1\n";
const INDEX_HEADER: &[u8; 16] = b"varde indexkey1\n";
const INDEX_FILE: &str = "index";
/// Keys in a segment: 33 KiB a file, and at 256 items a bucket one file lasts for 262,144 items.
const SEGMENT_KEYS: u64 = 1024;
const SLOT: usize = 33;
const USABLE: u8 = 1;
const DESTROYED: u8 = 0;
const FIRST_SLOT: usize = 24;
const CHECKSUM: usize = 32;
const SEGMENT_BYTES: usize = FIRST_SLOT + SEGMENT_KEYS as usize * SLOT + CHECKSUM;

/// The keyring in a directory, read whole when opened and wiped from memory when dropped.
pub struct FileKeyring {
    dir: PathBuf,
    entropy: Arc<dyn Entropy>,
    index: Zeroizing<[u8; 32]>,
    /// Segments as they lie in their files.
    segments: RwLock<BTreeMap<u64, Zeroizing<Vec<u8>>>>,
}

impl FileKeyring {
    /// Opens the keyring in `dir`. `new_store` says that nothing is sealed yet: only then is a missing keyring made; else it
    /// is [`StoreError::Damaged`], because what the store holds could never be read again.
    pub fn open(dir: &Path, new_store: bool, entropy: Arc<dyn Entropy>) -> Result<Self, StoreError> {
        let fresh = new_store && !dir.join(INDEX_FILE).exists();
        if fresh {
            create(dir, entropy.as_ref())?;
        }
        let index = read_index(&dir.join(INDEX_FILE))?;
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(dir).map_err(io_error("list the keyring"))? {
            let name = entry.map_err(io_error("list the keyring"))?.file_name();
            if Path::new(&name).extension().is_some_and(|end| end == "new") {
                // A replacement that a crash broke off: it holds keys that may be destroyed by now.
                discard(&dir.join(&name)).map_err(io_error("wipe a replacement of the keyring"))?;
                continue;
            }
            let number = name.to_str().and_then(|n| n.strip_prefix("segment-")).filter(|n| n.len() == 16);
            if let Some(number) = number.and_then(|n| u64::from_str_radix(n, 16).ok()) {
                segments.insert(number, read_segment(&dir.join(&name), number)?);
            }
        }
        let keyring = Self { dir: dir.to_owned(), entropy, index, segments: RwLock::new(segments) };
        if fresh {
            // The keys of the first erasures are made now, so that a backup of the keyring has them whenever it was made.
            keyring.ensure(REWRAPPED)?;
        }
        Ok(keyring)
    }

    fn segment_path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("segment-{number:016x}"))
    }

    fn make_segment(&self, number: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let mut bytes = Zeroizing::new(vec![0; SEGMENT_BYTES]);
        bytes[..16].copy_from_slice(SEGMENT_HEADER);
        bytes[16..FIRST_SLOT].copy_from_slice(&number.to_be_bytes());
        for slot in bytes[FIRST_SLOT..SEGMENT_BYTES - CHECKSUM].chunks_exact_mut(SLOT) {
            slot[0] = USABLE;
            self.entropy.fill(&mut slot[1..]);
        }
        finish(&mut bytes);
        replace(&self.segment_path(number), &bytes)?;
        Ok(bytes)
    }
}

impl Keyring for FileKeyring {
    fn key(&self, number: u64) -> Option<Zeroizing<[u8; 32]>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        let slot = &segments.get(&(number / SEGMENT_KEYS))?[slot_of(number)..][..SLOT];
        let mut key = Zeroizing::new([0; 32]);
        key.copy_from_slice(&slot[1..]);
        (slot[0] == USABLE).then_some(key)
    }

    fn ensure(&self, number: u64) -> Result<(), StoreError> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let segment = number / SEGMENT_KEYS;
        match segments.get(&segment) {
            Some(bytes) if bytes[slot_of(number)] == USABLE => Ok(()),
            Some(_) => {
                Err(StoreError::Damaged(format!("bucket key {number} is destroyed; its number is never used again")))
            }
            None => {
                segments.insert(segment, self.make_segment(segment)?);
                Ok(())
            }
        }
    }

    fn destroy(&self, number: u64) -> Result<(), StoreError> {
        let mut segments = self.segments.write().unwrap_or_else(PoisonError::into_inner);
        let segment = number / SEGMENT_KEYS;
        let missing = || StoreError::Damaged(format!("bucket key {number} is to be destroyed but was never made"));
        let bytes = segments.get_mut(&segment).ok_or_else(missing)?;
        let path = self.segment_path(segment);
        let old = File::options().write(true).open(&path).map_err(io_error("open a keyring segment"))?;
        let mut changed = bytes.clone();
        let slot = &mut changed[slot_of(number)..][..SLOT];
        slot.fill(0);
        slot[0] = DESTROYED;
        finish(&mut changed);
        replace(&path, &changed)?;
        *bytes = changed;
        // The old file has no name any more; its blocks still hold the key until something else is written there.
        wipe(old).map_err(io_error("wipe the replaced keyring segment"))
    }

    fn index_key(&self) -> Zeroizing<[u8; 32]> {
        self.index.clone()
    }
}

fn slot_of(number: u64) -> usize {
    FIRST_SLOT + (number % SEGMENT_KEYS) as usize * SLOT
}

fn finish(bytes: &mut [u8]) {
    let (body, checksum) = bytes.split_at_mut(bytes.len() - CHECKSUM);
    checksum.copy_from_slice(&Sha256::digest(body));
}

fn create(dir: &Path, entropy: &dyn Entropy) -> Result<(), StoreError> {
    make_dir(dir)?;
    let mut bytes = Zeroizing::new(vec![0; 16 + 32 + CHECKSUM]);
    bytes[..16].copy_from_slice(INDEX_HEADER);
    entropy.fill(&mut bytes[16..48]);
    finish(&mut bytes);
    replace(&dir.join(INDEX_FILE), &bytes)
}

fn read_index(path: &Path) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let bytes = read_checked(path, INDEX_HEADER, 16 + 32 + CHECKSUM)?;
    let mut key = Zeroizing::new([0; 32]);
    key.copy_from_slice(&bytes[16..48]);
    Ok(key)
}

fn read_segment(path: &Path, number: u64) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let bytes = read_checked(path, SEGMENT_HEADER, SEGMENT_BYTES)?;
    let marks = bytes[FIRST_SLOT..SEGMENT_BYTES - CHECKSUM].chunks_exact(SLOT).map(|slot| slot[0]);
    let sound =
        bytes[16..FIRST_SLOT] == number.to_be_bytes() && marks.into_iter().all(|m| m == USABLE || m == DESTROYED);
    if sound { Ok(bytes) } else { Err(damaged(path, "holds another segment than its name says")) }
}

/// Reads a whole file of exactly `length` bytes with this header and a checksum that fits.
fn read_checked(path: &Path, header: &[u8; 16], length: usize) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => Zeroizing::new(bytes),
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Err(damaged(path, "is missing")),
        Err(e) => return Err(io_error("read the keyring")(e)),
    };
    if bytes.len() != length || &bytes[..16] != header {
        return Err(damaged(path, "is not a keyring file of this version"));
    }
    let (body, checksum) = bytes.split_at(length - CHECKSUM);
    if Sha256::digest(body)[..] != *checksum {
        return Err(damaged(path, "does not match its checksum"));
    }
    Ok(bytes)
}

fn discard(path: &Path) -> io::Result<()> {
    wipe(File::options().write(true).open(path)?)?;
    fs::remove_file(path)
}

fn wipe(mut file: File) -> io::Result<()> {
    let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn damaged(path: &Path, why: &str) -> StoreError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    StoreError::Damaged(format!(
        "the keyring file {name} {why}; stop the node, move `store` and `keyring` away, and run `varde log restore BACKUP`"
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::edge::entropy::SystemEntropy;
    use std::os::unix::fs::PermissionsExt;

    fn open(dir: &Path, new_store: bool) -> Result<FileKeyring, StoreError> {
        FileKeyring::open(dir, new_store, Arc::new(SystemEntropy))
    }

    fn all_bytes(dir: &Path) -> Vec<u8> {
        fs::read_dir(dir).unwrap().flat_map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }

    #[test]
    fn keys_differ_and_are_the_same_after_opening_again() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("keyring");
        let first = open(&dir, true).unwrap();
        assert!(first.key(0).is_none());
        for number in [0, 1023, 1024, 1 << 63] {
            first.ensure(number).unwrap();
        }
        assert_ne!(first.key(0), first.key(1));
        assert_ne!(first.key(0), first.key(1024));
        assert!(first.key(5000).is_none());
        let again = open(&dir, false).unwrap();
        for number in [0, 1, 1023, 1024, 1 << 63] {
            assert!(again.key(number).is_some() && again.key(number) == first.key(number), "key {number}");
        }
        assert_eq!(again.index_key(), first.index_key());
        again.ensure(1).unwrap();
        assert_eq!(again.key(1), first.key(1), "a key that is there is not made anew");
    }

    #[test]
    fn a_destroyed_key_is_in_no_file_and_its_number_is_never_used_again() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = open(dir.path(), true).unwrap();
        keyring.ensure(7).unwrap();
        let (gone, kept) = (keyring.key(7).unwrap(), keyring.key(8).unwrap());
        let holds = |key: &[u8; 32]| all_bytes(dir.path()).windows(32).any(|w| w == key);
        assert!(holds(&gone) && holds(&kept));
        // A second name of the old file stands for its blocks on the disk.
        let segment = dir.path().join("segment-0000000000000000");
        let blocks = dir.path().join("old blocks");
        fs::hard_link(&segment, &blocks).unwrap();
        keyring.destroy(7).unwrap();
        assert!(!holds(&gone) && holds(&kept));
        for keyring in [keyring, open(dir.path(), false).unwrap()] {
            assert!(keyring.key(7).is_none() && keyring.key(8) == Some(kept.clone()));
            assert!(matches!(keyring.ensure(7), Err(StoreError::Damaged(_))));
        }
    }

    #[test]
    fn what_a_crash_left_beside_a_segment_is_wiped_when_the_keyring_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let keyring = open(dir.path(), true).unwrap();
        keyring.ensure(7).unwrap();
        let gone = keyring.key(7).unwrap();
        let segment = dir.path().join("segment-0000000000000000");
        let (left, blocks) = (segment.with_extension("new"), dir.path().join("old blocks"));
        let before = fs::read(&segment).unwrap();
        keyring.destroy(7).unwrap();
        fs::write(&left, before).unwrap();
        fs::hard_link(&left, &blocks).unwrap();
        open(dir.path(), false).unwrap();
        assert!(!left.exists() && !all_bytes(dir.path()).windows(32).any(|window| window == *gone));
    }

    #[test]
    fn files_are_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("keyring");
        open(&dir, true).unwrap().ensure(0).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for entry in fs::read_dir(&dir).unwrap() {
            assert_eq!(mode(&entry.unwrap().path()), 0o600);
        }
    }

    #[test]
    fn a_missing_keyring_is_made_for_a_new_store_only() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(open(&dir.path().join("keyring"), false), Err(StoreError::Damaged(_))));
        open(&dir.path().join("keyring"), true).unwrap();
        open(&dir.path().join("keyring"), true).unwrap();
    }

    #[test]
    fn a_file_with_any_byte_changed_or_cut_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        open(dir.path(), true).unwrap().ensure(0).unwrap();
        for name in ["index", "segment-0000000000000000"] {
            let path = dir.path().join(name);
            let whole = fs::read(&path).unwrap();
            for place in [0, 15, 16, 20, 30, whole.len() / 2, whole.len() - 1] {
                let mut changed = whole.clone();
                changed[place] ^= 0x80;
                fs::write(&path, changed).unwrap();
                assert!(matches!(open(dir.path(), false), Err(StoreError::Damaged(_))), "{name}, byte {place}");
                fs::write(&path, &whole[..place]).unwrap();
                assert!(matches!(open(dir.path(), false), Err(StoreError::Damaged(_))), "{name}, cut at {place}");
            }
            fs::write(&path, whole).unwrap();
        }
        fs::rename(dir.path().join("segment-0000000000000000"), dir.path().join("segment-0000000000000001")).unwrap();
        assert!(matches!(open(dir.path(), false), Err(StoreError::Damaged(_))), "a segment under another's name");
    }
}
