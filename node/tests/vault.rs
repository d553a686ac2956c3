//! What the vault promises, and that its layout is the one written down: the test of an erasure does it by hand.
#![allow(clippy::unwrap_used, reason = "tests")]

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use varde_node::edge::store::memory::MemoryStore;
use varde_node::port::{Batch, Entropy, Keyring, Store, StoreError};
use varde_node::rows;
use varde_node::vault::{OVERHEAD, REWRAPPED, Vault};
use varde_proto::limits;
use zeroize::Zeroizing;

/// Counts instead of drawing: every fill differs from all before.
struct Counting(Mutex<u64>);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut next = self.0.lock().unwrap();
            *next += 1;
            chunk.copy_from_slice(&next.to_le_bytes()[..chunk.len()]);
        }
    }
}

#[derive(Default)]
struct Keys {
    made: Mutex<BTreeSet<u64>>,
    seed: u8,
}

impl Keyring for Keys {
    fn key(&self, number: u64) -> Option<Zeroizing<[u8; 32]>> {
        let mut key = Zeroizing::new([self.seed; 32]);
        key[..8].copy_from_slice(&number.to_be_bytes());
        self.made.lock().unwrap().contains(&number).then_some(key)
    }
    fn ensure(&self, number: u64) -> Result<(), StoreError> {
        self.made.lock().unwrap().insert(number);
        Ok(())
    }
    fn destroy(&self, number: u64) -> Result<(), StoreError> {
        self.made.lock().unwrap().remove(&number);
        Ok(())
    }
    fn index_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new([0; 32])
    }
}

fn vault(store: &MemoryStore, keys: &Arc<Keys>) -> Vault {
    let keyring: Arc<dyn Keyring> = keys.clone();
    Vault::new(keyring, Arc::new(Counting(Mutex::new(0))), store).unwrap()
}

fn seal(vault: &mut Vault, store: &MemoryStore, row: &[u8], text: &[u8]) {
    let mut batch = Batch::default();
    vault.seal(&mut batch, row.to_vec(), store.get(row).unwrap().as_deref(), text).unwrap();
    store.commit(batch).unwrap();
}

fn open(vault: &Vault, store: &MemoryStore, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
    vault.unsealer().open(row, |r| store.get(r)).map(|text| text.map(|t| t.to_vec()))
}

fn key_rows(store: &MemoryStore) -> usize {
    store.scan(&[rows::ITEM_KEY], &[rows::ITEM_KEY + 1], false).count()
}

#[test]
fn what_is_sealed_opens_and_a_row_sealed_again_or_deleted_keeps_no_old_key() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    assert_eq!(open(&vault, &store, b"n1").unwrap(), None);
    seal(&mut vault, &store, b"n1", b"first");
    seal(&mut vault, &store, b"n2", b"");
    seal(&mut vault, &store, b"n1", b"second");
    assert_eq!(open(&vault, &store, b"n1").unwrap().as_deref(), Some(&b"second"[..]));
    assert_eq!(open(&vault, &store, b"n2").unwrap().as_deref(), Some(&b""[..]));
    assert_eq!(key_rows(&store), 2);
    let mut batch = Batch::default();
    vault.delete(&mut batch, b"n1".to_vec(), store.get(b"n1").unwrap().as_deref()).unwrap();
    store.commit(batch).unwrap();
    assert_eq!(open(&vault, &store, b"n1").unwrap(), None);
    assert_eq!(key_rows(&store), 1);
}

#[test]
fn item_numbers_go_on_after_opening_again_and_each_bucket_has_its_own_key() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    for round in 0..3_u64 {
        let mut vault = vault(&store, &keys);
        for n in 0..100_u64 {
            seal(&mut vault, &store, &rows::numbered(b'n', round * 100 + n), &n.to_be_bytes());
        }
    }
    assert_eq!(key_rows(&store), 300);
    assert_eq!(keys.made.lock().unwrap().iter().copied().collect::<Vec<_>>(), [0, 1]);
    let vault = vault(&store, &keys);
    let row = rows::numbered(b'n', 217);
    assert_eq!(open(&vault, &store, &row).unwrap().as_deref(), Some(&17_u64.to_be_bytes()[..]));
}

#[test]
fn a_changed_moved_or_shortened_value_does_not_open() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    seal(&mut vault, &store, b"n1", b"text");
    seal(&mut vault, &store, b"n2", b"text");
    let key_row = rows::numbered(rows::ITEM_KEY, 0);
    let put = |row: &[u8], value: Vec<u8>| {
        let mut batch = Batch::default();
        batch.put(row, value);
        store.commit(batch).unwrap();
    };
    for row in [&b"n1"[..], &key_row] {
        let value = store.get(row).unwrap().unwrap();
        for place in 0..value.len() {
            let mut changed = value.clone();
            changed[place] ^= 1;
            put(row, changed);
            assert!(matches!(open(&vault, &store, b"n1"), Err(StoreError::Damaged(_))), "byte {place} of {row:?}");
            put(row, value[..place].to_vec());
            assert!(open(&vault, &store, b"n1").is_err(), "cut at {place} of {row:?}");
        }
        put(row, value);
    }
    put(b"n1", store.get(b"n2").unwrap().unwrap());
    assert!(open(&vault, &store, b"n1").is_err(), "a value of another row");
}

#[test]
fn neither_the_text_nor_the_same_bytes_twice_are_stored() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    seal(&mut vault, &store, b"n1", b"a child of eleven years");
    let first = store.get(b"n1").unwrap().unwrap();
    seal(&mut vault, &store, b"n1", b"a child of eleven years");
    let second = store.get(b"n1").unwrap().unwrap();
    assert!(!first.windows(5).any(|w| w == b"child") && first[33..] != second[33..]);
    assert_eq!(first.len(), b"a child of eleven years".len() + OVERHEAD);
}

#[test]
fn a_vault_over_another_stores_keyring_or_a_lowered_counter_is_refused() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    seal(&mut vault(&store, &keys), &store, b"n1", b"text");
    let new = |keys: Keys| Vault::new(Arc::new(keys), Arc::new(Counting(Mutex::new(0))), &store).err().unwrap();
    assert!(matches!(new(Keys::default()), StoreError::Damaged(_)), "an empty keyring");
    let foreign = Keys { seed: 1, made: Mutex::new([0].into()) };
    assert!(matches!(new(foreign), StoreError::Damaged(_)), "a foreign keyring");
    let mut batch = Batch::default();
    batch.put(*b"fnext-item", 0_u64.to_be_bytes());
    store.commit(batch).unwrap();
    assert!(matches!(new(Keys { seed: 0, made: Mutex::new([0].into()) }), StoreError::Damaged(_)), "the counter");
}

#[test]
fn a_text_that_would_not_fit_is_refused_before_anything_is_added() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    let mut batch = Batch::default();
    let largest = limits::STORED_VALUE_BYTES - OVERHEAD;
    assert!(matches!(
        vault.seal(&mut batch, b"n1".to_vec(), None, &vec![0; largest + 1]),
        Err(StoreError::TooLarge(_))
    ));
    assert!(batch.writes.is_empty());
    vault.seal(&mut batch, b"n1".to_vec(), None, &vec![0; largest]).unwrap();
    store.commit(batch).unwrap();
}

/// The key row of item 1 under another bucket key, made from what the module's documentation says about it.
fn rewrapped(key_row: &[u8], stored: &[u8], old: &[u8; 32], new: &[u8; 32]) -> Vec<u8> {
    let aad = [key_row, &[1]].concat();
    let cipher = |key: &[u8; 32]| XChaCha20Poly1305::new_from_slice(key).unwrap();
    let nonce = |bytes: &[u8]| bytes.try_into().unwrap();
    let item_key = cipher(old).decrypt(&nonce(&stored[9..33]), Payload { msg: &stored[33..], aad: &aad }).unwrap();
    let wrapped = cipher(new).encrypt(&nonce(&[9; 24]), Payload { msg: &item_key, aad: &aad }).unwrap();
    [&[1][..], &REWRAPPED.to_be_bytes(), &[9; 24], &wrapped].concat()
}

#[test]
fn an_erasure_rewraps_the_bucket_moves_no_data_row_and_leaves_copies_unreadable() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    seal(&mut vault, &store, b"n1", b"erased");
    seal(&mut vault, &store, b"n2", b"kept");
    let old_data = store.get(b"n1").unwrap().unwrap();
    let old_key_row = store.get(&rows::numbered(rows::ITEM_KEY, 0)).unwrap().unwrap();

    let key_row = rows::numbered(rows::ITEM_KEY, 1);
    keys.ensure(REWRAPPED).unwrap();
    let (old, new) = (keys.key(0).unwrap(), keys.key(REWRAPPED).unwrap());
    let mut batch = Batch::default();
    batch.put(key_row.clone(), rewrapped(&key_row, &store.get(&key_row).unwrap().unwrap(), &old, &new));
    vault.delete(&mut batch, b"n1".to_vec(), Some(&old_data)).unwrap();
    store.commit(batch).unwrap();
    keys.destroy(0).unwrap();

    assert_eq!(open(&vault, &store, b"n2").unwrap().as_deref(), Some(&b"kept"[..]));
    let mut restored = Batch::default();
    restored.put(*b"n1", old_data);
    restored.put(rows::numbered(rows::ITEM_KEY, 0), old_key_row);
    store.commit(restored).unwrap();
    assert!(open(&vault, &store, b"n1").is_err(), "a copy of the store from before the erasure does not open");
}

fn retire(vault: &mut Vault, store: &MemoryStore, keys: &Keys, items: &[u64]) -> usize {
    let mut batch = Batch::default();
    let retired = vault.retire(&mut batch, &items.iter().copied().collect(), |row| store.get(row)).unwrap();
    let writes = batch.writes.len();
    store.commit(batch).unwrap();
    retired.into_iter().for_each(|number| keys.destroy(number).unwrap());
    writes
}

#[test]
fn a_retired_item_is_gone_from_every_copy_at_a_bounded_cost_and_its_bucket_stays_one() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    for n in 0..300_u64 {
        seal(&mut vault, &store, &rows::numbered(b'n', n), &n.to_be_bytes());
    }
    let copy: Vec<_> = store.scan(&[0], &[255], false).map(Result::unwrap).collect();
    let writes = retire(&mut vault, &store, &keys, &[7, 290]);
    assert!(writes <= 2 * limits::BUCKET_ITEMS as usize, "{writes} writes");
    seal(&mut vault, &store, b"n+", b"after");
    let next = store.get(b"n+").unwrap().unwrap();
    assert_eq!(varde_node::vault::item_of(b"n+", &next).unwrap(), 512, "the newest bucket takes nothing more");
    retire(&mut vault, &store, &keys, &[9]);
    let lost = |store: &MemoryStore| -> Vec<u64> {
        (0..300).filter(|n| open(&vault, store, &rows::numbered(b'n', *n)).is_err()).collect()
    };
    assert_eq!(lost(&store), [7, 9, 290]);
    let restored = MemoryStore::default();
    let mut batch = Batch::default();
    copy.into_iter().for_each(|(row, value)| batch.put(row, value));
    restored.commit(batch).unwrap();
    assert_eq!(lost(&restored), (0..300).collect::<Vec<_>>(), "a copy from before, with the keyring of now");
    assert_eq!(keys.made.lock().unwrap().iter().copied().collect::<Vec<_>>(), [2, REWRAPPED + 1, REWRAPPED + 2]);
    let reopened = self::vault(&store, &keys);
    assert_eq!(open(&reopened, &store, b"n+").unwrap().as_deref(), Some(&b"after"[..]));
}

#[test]
fn every_version_of_a_draft_leaves_a_trail_and_no_other_row_does() {
    let (store, keys) = (MemoryStore::default(), Arc::new(Keys::default()));
    let mut vault = vault(&store, &keys);
    for text in [b"one", b"two", b"end"] {
        seal(&mut vault, &store, b"d1", text);
        seal(&mut vault, &store, b"n1", text);
    }
    let trail: Vec<_> = store.scan(&[rows::EARLIER], &[rows::EARLIER + 1], false).map(|row| row.unwrap().0).collect();
    let of = |item: u64| rows::row(rows::EARLIER, &[b"d1", &item.to_be_bytes()]);
    assert_eq!(trail, [of(0), of(2)]);
}
