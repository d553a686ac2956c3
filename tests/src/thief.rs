//! Somebody who has a copy of a node's store and key files, and all the time in the world: every key found is tried on every
//! ciphertext found, on old pages too, and authentication tags are no obstacle.
//!
//! In: the raw bytes of the files, and the layouts that `varde_node::vault` and `varde_node::edge::keyring` write down. Out:
//! everything that would read rows by their names; the store is not opened.

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use varde_node::vault::{OVERHEAD, REWRAPPED};

const NONCE: usize = 24;
const HEADER: usize = 33;
/// Numbers of items and of new bucket keys that a small store has.
const NUMBERS: u64 = 4096;
/// Bytes of the longest sealed value in which a text is looked for.
const LONGEST: usize = 1024;
const SLOT: usize = 33;

/// A key.
pub type Key = [u8; 32];

/// What was stolen.
pub struct Loot {
    files: Vec<Vec<u8>>,
    /// Keys of the keyring by number.
    keyring: BTreeMap<u64, Key>,
    /// What looks like something sealed, on every page, once each: nonce, the number before it, ciphertext.
    sealed: BTreeMap<Vec<u8>, (u64, Vec<u8>)>,
}

/// Every file under `dir`, read whole.
fn files(dir: &Path, into: &mut Vec<Vec<u8>>) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, into)?;
        } else {
            into.push(fs::read(path)?);
        }
    }
    Ok(())
}

impl Loot {
    /// Takes the files of a store and of a keyring.
    pub fn take(store: &Path, keyring: &Path) -> io::Result<Self> {
        let (mut pages, mut keys) = (Vec::new(), Vec::new());
        files(store, &mut pages)?;
        files(keyring, &mut keys)?;
        let keyring = keys.iter().filter(|file| file.len() > 1024).flat_map(|file| segment(file)).collect();
        let mut sealed = BTreeMap::new();
        for page in &pages {
            for place in 0..page.len().saturating_sub(OVERHEAD) {
                if let Some(number) = looks_sealed(&page[place..]) {
                    let end = page.len().min(place + LONGEST);
                    let ciphertext = page[place + HEADER..end].to_vec();
                    sealed.insert(page[place + 9..place + HEADER].to_vec(), (number, ciphertext));
                }
            }
        }
        pages.extend(keys);
        Ok(Self { files: pages, keyring, sealed })
    }

    /// Whether these bytes stand in any file.
    pub fn contains(&self, bytes: &[u8]) -> bool {
        self.files.iter().any(|file| contains(file, bytes))
    }

    /// The item keys that come out when every key of the keyring is tried on everything that looks sealed. Most are noise.
    pub fn item_keys(&self) -> BTreeSet<Key> {
        let mut found = BTreeSet::new();
        for (nonce, (_, ciphertext)) in &self.sealed {
            for key in self.keyring.values() {
                found.extend(decrypted(key, nonce, &ciphertext[..32]).first_chunk());
            }
        }
        found
    }

    /// Those among `keys` under which something that looks sealed shows `text`.
    pub fn showing<'a>(&self, keys: impl IntoIterator<Item = &'a Key>, text: &[u8]) -> BTreeSet<Key> {
        let shows = |key: &&Key| {
            self.sealed.iter().any(|(nonce, (_, ciphertext))| contains(&decrypted(key, nonce, ciphertext), text))
        };
        keys.into_iter().filter(shows).copied().collect()
    }

    /// The keys of the keyring under which something that looks sealed shows one of these item keys.
    pub fn wrapping(&self, items: &[Key]) -> BTreeSet<Key> {
        let wraps = |key: &&Key| {
            let opened = |nonce: &[u8], text: &[u8]| decrypted(key, nonce, text).first_chunk().copied();
            let shown = |(nonce, (_, text)): (&Vec<u8>, &(u64, Vec<u8>))| opened(nonce, text.get(..32)?);
            self.sealed.iter().filter_map(shown).any(|shown| items.contains(&shown))
        };
        self.keyring.values().filter(wraps).copied().collect()
    }

    /// The item keys that come out when each thing is opened with the key that its number names: with noise, where a number
    /// is an item's and not a key's.
    pub fn named_keys(&self) -> BTreeSet<Key> {
        let named = |(nonce, (number, ciphertext)): (&Vec<u8>, &(u64, Vec<u8>))| {
            decrypted(self.keyring.get(number)?, nonce, ciphertext.get(..32)?).first_chunk().copied()
        };
        self.sealed.iter().filter_map(named).collect()
    }
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    let first = wanted.first().copied().unwrap_or_default();
    let mut rest = text;
    while let Some(place) = rest.iter().position(|byte| *byte == first) {
        if rest[place..].starts_with(wanted) {
            return true;
        }
        rest = &rest[place + 1..];
    }
    false
}

/// The keys of a segment of the keyring, destroyed ones left out.
fn segment(file: &[u8]) -> Vec<(u64, Key)> {
    let number = file[16..24].iter().fold(0, |n, b| n << 8 | u64::from(*b));
    let slots = file[24..file.len() - 32].chunks_exact(SLOT);
    let first = number * slots.len() as u64;
    let keys = slots.filter_map(|slot| slot[1..].try_into().ok()).zip(first..).map(|(key, number)| (number, key));
    keys.filter(|(_, key)| *key != [0; 32]).collect()
}

/// Version 1, then an item's number or a bucket key's, then a nonce: of 24 random bytes hardly ever more than two are zero.
fn looks_sealed(bytes: &[u8]) -> Option<u64> {
    let number = bytes.get(1..9).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
    let number = number.filter(|n| bytes[0] == 1 && (*n < NUMBERS || (REWRAPPED..REWRAPPED + NUMBERS).contains(n)));
    number.filter(|_| bytes[9..HEADER].iter().filter(|b| **b == 0).count() < 3)
}

/// What a key makes of a ciphertext, whatever its tag says: encrypting again is decrypting.
fn decrypted(key: &Key, nonce: &[u8], ciphertext: &[u8]) -> Vec<u8> {
    let mut text = ciphertext.to_vec();
    if let (Ok(cipher), Ok(nonce)) = (XChaCha20Poly1305::new_from_slice(key), XNonce::try_from(nonce)) {
        let _ = cipher.encrypt_inout_detached(&nonce, &[], text.as_mut_slice().into());
    }
    text
}

const _: () = assert!(HEADER == 9 + NONCE);
