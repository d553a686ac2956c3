//! Sealing: what may be stored only as ciphertext, and how it can be made unreadable later without a migration.
//!
//! In: one random key an item, the item's data encrypted under it, the key wrapped under the key of the item's bucket
//! (`limits::BUCKET_ITEMS` items). Out: where bucket keys lie (`port::Keyring`), which rows are sealed (`crate::rows`), and the
//! order of writes (`flow::ledger`, the one writer).
//!
//! ```text
//! data row   version ‖ item number ‖ nonce (24) ‖ ciphertext ‖ tag (16)             associated data: row name ‖ version
//! key row    version ‖ bucket key number ‖ nonce (24) ‖ wrapped key (32) ‖ tag (16)  associated data: row name ‖ version
//! ```
//!
//! Numbers are 8 bytes, big-endian; the cipher is XChaCha20-Poly1305 with random nonces. The key row of item n is
//! `rows::ITEM_KEY`/n; it names the key that wraps it. So an erasure ([`Vault::retire`]) writes the key rows of the bucket's
//! other items anew under a key numbered from [`REWRAPPED`] up, in one commit, and then the old bucket key is destroyed: no
//! data row moves. If the bucket is the newest, sealing goes on in the next one, so that all items of a bucket are always
//! wrapped by one key, which `rows::BUCKET` names.

use crate::port::{Batch, Entropy, Keyring, Store, StoreError};
use crate::rows;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::collections::BTreeSet;
use std::sync::Arc;
use varde_proto::id::hex;
use varde_proto::limits;
use zeroize::Zeroizing;

/// The first number of bucket keys under which erasures rewrap; those of fresh buckets are counted from 0 and stay below.
pub const REWRAPPED: u64 = 1 << 63;
/// Bytes that sealing adds to a value.
pub const OVERHEAD: usize = HEADER + TAG;

const VERSION: u8 = 1;
const NONCE: usize = 24;
const HEADER: usize = 1 + 8 + NONCE;
const TAG: usize = 16;
const NEXT_ITEM: &[u8] = b"next-item";
const NEXT_REWRAP: &[u8] = b"next-rewrap";

/// The writer's half: seals and deletes. There is one, in the ledger's hands.
pub struct Vault {
    unsealer: Unsealer,
    entropy: Arc<dyn Entropy>,
    next_item: u64,
}

/// The reader's half: opens. Any number, cheap to clone.
#[derive(Clone)]
pub struct Unsealer {
    keyring: Arc<dyn Keyring>,
}

impl Vault {
    /// The vault over a store. Fails if the keyring is not the one that belongs to it.
    pub fn new(keyring: Arc<dyn Keyring>, entropy: Arc<dyn Entropy>, store: &dyn Store) -> Result<Self, StoreError> {
        let next_item = number(store.get(&counter_row())?, "the item counter")?.unwrap_or(0);
        let beyond = store.scan(&rows::numbered(rows::ITEM_KEY, next_item), &[rows::ITEM_KEY + 1], false).next();
        if beyond.transpose()?.is_some() {
            return Err(damaged("the item counter"));
        }
        let unsealer = Unsealer { keyring };
        let last = store.scan(&[rows::ITEM_KEY], &[rows::ITEM_KEY + 1], true).next().transpose()?;
        if let Some((row, key)) = last {
            unsealer.unwrap(&row, &key)?;
        }
        Ok(Self { unsealer, entropy, next_item })
    }

    /// The reader's half.
    pub fn unsealer(&self) -> Unsealer {
        self.unsealer.clone()
    }

    /// Adds to `batch` what seals `plaintext` in `row`. `current` is what the row holds now (`None`: nothing), as it stands
    /// after everything already in the batch: its key row goes with it. At most 16 KiB less [`OVERHEAD`].
    pub fn seal(
        &mut self,
        batch: &mut Batch,
        row: Vec<u8>,
        current: Option<&[u8]>,
        plaintext: &[u8],
    ) -> Result<(), StoreError> {
        let stored = plaintext.len() + OVERHEAD;
        if stored > limits::STORED_VALUE_BYTES {
            return Err(StoreError::TooLarge(stored));
        }
        self.drop_key(batch, &row, current)?;
        let item = self.next_item;
        let bucket = item / limits::BUCKET_ITEMS;
        let keyring = &self.unsealer.keyring;
        if keyring.key(bucket).is_none() {
            keyring.ensure(bucket)?;
        }
        let bucket_key = keyring.key(bucket).ok_or_else(|| damaged("the keyring"))?;
        let mut chance = Zeroizing::new([0; 32 + 2 * NONCE]);
        self.entropy.fill(chance.as_mut());
        let (item_key, nonces) = chance.split_at(32);
        let key_row = rows::numbered(rows::ITEM_KEY, item);
        let wrapped = encrypt(bucket_key.as_ref(), bucket, &nonces[..NONCE], &key_row, item_key)?;
        let value = encrypt(item_key, item, &nonces[NONCE..], &row, plaintext)?;
        self.next_item += 1;
        batch.put(key_row, wrapped);
        batch.put(row, value);
        batch.put(counter_row(), self.next_item.to_be_bytes());
        Ok(())
    }

    /// Adds to `batch` the deletion of a sealed row and of its key. `current` as for [`Vault::seal`].
    pub fn delete(&self, batch: &mut Batch, row: Vec<u8>, current: Option<&[u8]>) -> Result<(), StoreError> {
        self.drop_key(batch, &row, current)?;
        batch.delete(row);
        Ok(())
    }

    fn drop_key(&self, batch: &mut Batch, row: &[u8], current: Option<&[u8]>) -> Result<(), StoreError> {
        if let Some(value) = current {
            let item = item_of(row, value)?;
            batch.delete(rows::numbered(rows::ITEM_KEY, item));
            if rows::keeps_trail(row) {
                batch.put(rows::row(rows::EARLIER, &[row, &item.to_be_bytes()]), []);
            }
        }
        Ok(())
    }

    /// Adds to `batch` what takes the keys of these items out of the store, and wraps every other key of their buckets anew.
    /// Returns the bucket keys to destroy once the batch is durable: from then on nothing that was ever stored of the items
    /// can be read, on old pages and in copies of the store neither. `get` reads a row as the batch finds it.
    pub fn retire(
        &mut self,
        batch: &mut Batch,
        items: &BTreeSet<u64>,
        get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Vec<u64>, StoreError> {
        let counter = rows::row(rows::FACT, &[NEXT_REWRAP]);
        let mut next = number(get(&counter)?, "the counter of new bucket keys")?.unwrap_or(REWRAPPED);
        let buckets: BTreeSet<u64> = items.iter().map(|item| item / limits::BUCKET_ITEMS).collect();
        let mut retired = Vec::new();
        for bucket in buckets {
            let row = rows::numbered(rows::BUCKET, bucket);
            let old = number(get(&row)?, "the number of a bucket's key")?.unwrap_or(bucket);
            self.rewrap(batch, (bucket, old, next), items, &get)?;
            batch.put(row, next.to_be_bytes());
            retired.push(old);
            next += 1;
            if self.next_item / limits::BUCKET_ITEMS == bucket {
                self.next_item = (bucket + 1) * limits::BUCKET_ITEMS;
                batch.put(counter_row(), self.next_item.to_be_bytes());
            }
        }
        batch.put(counter, next.to_be_bytes());
        Ok(retired)
    }

    /// Wraps the keys of a bucket's items anew, except of those that go.
    fn rewrap(
        &self,
        batch: &mut Batch,
        (bucket, old, new): (u64, u64, u64),
        gone: &BTreeSet<u64>,
        get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        let keyring = &self.unsealer.keyring;
        keyring.ensure(new)?;
        let new_key = keyring.key(new).ok_or_else(|| damaged("the keyring"))?;
        for item in bucket * limits::BUCKET_ITEMS..(bucket + 1) * limits::BUCKET_ITEMS {
            let row = rows::numbered(rows::ITEM_KEY, item);
            let Some(wrapped) = get(&row)? else { continue };
            if gone.contains(&item) {
                batch.delete(row);
                continue;
            }
            if parts(&row, &wrapped)?.0 != old {
                return Err(damaged("the number of a bucket's key"));
            }
            let key = self.unsealer.unwrap(&row, &wrapped)?;
            let mut nonce = [0; NONCE];
            self.entropy.fill(&mut nonce);
            let value = encrypt(new_key.as_ref(), new, &nonce, &row, &key)?;
            batch.put(row, value);
        }
        Ok(())
    }
}

/// The bucket keys that erasures retired, as far as the store tells: nothing in it is wrapped by them.
pub fn retired(store: &dyn Store) -> Result<Vec<u64>, StoreError> {
    let counter = rows::row(rows::FACT, &[NEXT_REWRAP]);
    let next = number(store.get(&counter)?, "the counter of new bucket keys")?.unwrap_or(REWRAPPED);
    let (mut retired, mut current) = (Vec::new(), BTreeSet::new());
    for row in store.scan(&[rows::BUCKET], &[rows::BUCKET + 1], false) {
        let (name, value) = row?;
        let bucket = number(name.get(1..).map(<[u8]>::to_vec), "the number of a bucket")?;
        retired.extend(bucket);
        current.extend(number(Some(value), "the number of a bucket's key")?);
    }
    retired.extend((REWRAPPED..next).filter(|number| !current.contains(number)));
    Ok(retired)
}

/// The number of the item that a sealed row holds.
pub fn item_of(row: &[u8], value: &[u8]) -> Result<u64, StoreError> {
    Ok(parts(row, value)?.0)
}

impl Unsealer {
    /// The plaintext of `row`; `get` reads a row as the caller sees it. `None` if the row is not there.
    pub fn open(&self, row: &[u8], get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>) -> Opened {
        let Some(value) = get(row)? else { return Ok(None) };
        match self.open_value(row, &value, &get) {
            // Erased between the two reads.
            Err(_) if get(row)?.is_none() => Ok(None),
            opened => opened.map(Some),
        }
    }

    /// The plaintext of a row whose stored value is at hand, as in a scan.
    pub fn open_value(
        &self,
        row: &[u8],
        value: &[u8],
        get: impl Fn(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (item, nonce, sealed) = parts(row, value)?;
        let key_row = rows::numbered(rows::ITEM_KEY, item);
        let wrapped = get(&key_row)?.ok_or_else(|| unreadable(row))?;
        let key = match self.unwrap(&key_row, &wrapped) {
            // An erasure in the bucket may have wrapped it anew since it was read.
            Err(_) => self.unwrap(&key_row, &get(&key_row)?.ok_or_else(|| unreadable(row))?)?,
            Ok(key) => key,
        };
        decrypt(&key, nonce, row, sealed)
    }

    fn unwrap(&self, key_row: &[u8], wrapped: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (bucket, nonce, sealed) = parts(key_row, wrapped)?;
        let bucket_key = self.keyring.key(bucket).ok_or_else(|| {
            let name = hex(&bucket.to_be_bytes());
            StoreError::Damaged(format!(
                "the keyring has no key {name}: it was destroyed, or is not this store's keyring"
            ))
        })?;
        let key = decrypt(bucket_key.as_ref(), nonce, key_row, sealed)?;
        if key.len() == 32 { Ok(key) } else { Err(unreadable(key_row)) }
    }
}

/// What opening gives.
pub type Opened = Result<Option<Zeroizing<Vec<u8>>>, StoreError>;

fn counter_row() -> Vec<u8> {
    rows::row(rows::FACT, &[NEXT_ITEM])
}

fn number(value: Option<Vec<u8>>, what: &str) -> Result<Option<u64>, StoreError> {
    let read = |bytes: Vec<u8>| bytes.try_into().map(u64::from_be_bytes).map_err(|_| damaged(what));
    value.map(read).transpose()
}

/// Number, nonce, ciphertext with tag.
fn parts<'a>(row: &[u8], value: &'a [u8]) -> Result<(u64, &'a [u8], &'a [u8]), StoreError> {
    let (version, rest) = value.split_first().ok_or_else(|| unreadable(row))?;
    let (number, rest) = rest.split_first_chunk::<8>().ok_or_else(|| unreadable(row))?;
    if *version != VERSION || rest.len() < NONCE + TAG {
        return Err(unreadable(row));
    }
    let (nonce, sealed) = rest.split_at(NONCE);
    Ok((u64::from_be_bytes(*number), nonce, sealed))
}

fn associated(row: &[u8]) -> Vec<u8> {
    [row, &[VERSION]].concat()
}

fn encrypt(key: &[u8], number: u64, nonce: &[u8], row: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, StoreError> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).map_err(|_| unreadable(row))?;
    let place = XNonce::try_from(nonce).map_err(|_| unreadable(row))?;
    // Whole capacity at once: a buffer that grew would leave plaintext behind in freed memory.
    let mut value = Vec::with_capacity(plaintext.len() + OVERHEAD);
    value.push(VERSION);
    value.extend_from_slice(&number.to_be_bytes());
    value.extend_from_slice(nonce);
    value.extend_from_slice(plaintext);
    let text = &mut value[HEADER..];
    let tag = cipher.encrypt_inout_detached(&place, &associated(row), text.into()).map_err(|_| unreadable(row))?;
    value.extend_from_slice(&tag);
    Ok(value)
}

fn decrypt(key: &[u8], nonce: &[u8], row: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).map_err(|_| unreadable(row))?;
    let place = XNonce::try_from(nonce).map_err(|_| unreadable(row))?;
    let (text, tag) = sealed.split_at(sealed.len() - TAG);
    let tag = tag.try_into().map_err(|_| unreadable(row))?;
    let mut plaintext = Zeroizing::new(text.to_vec());
    let buffer = plaintext.as_mut_slice();
    cipher.decrypt_inout_detached(&place, &associated(row), buffer.into(), &tag).map_err(|_| unreadable(row))?;
    Ok(plaintext)
}

fn unreadable(row: &[u8]) -> StoreError {
    damaged(&format!("the sealed row {}", hex(row)))
}

fn damaged(what: &str) -> StoreError {
    StoreError::Damaged(format!("{what} is not what was written, or the keyring is not this store's"))
}
