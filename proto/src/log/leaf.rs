//! What stands in the tree: a salted commitment to an event, so that a leaf says nothing to whoever has no opening.
//!
//! `entry = 0x01 || C`, `C = HMAC-SHA256(key r, event)`, `opening = r || event`. Destroying the opening leaves the tree
//! whole and the leaf mute. Random bytes are an argument; the caller draws fresh ones for every leaf of every log.

use super::event::{BadEvent, Event};
use super::merkle;
use crate::id::Digest;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The 33 bytes that the tree contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry([u8; 33]);

const VERSION: u8 = 1;

impl Entry {
    /// The entry of a commitment.
    pub fn new(commitment: &Digest) -> Self {
        let mut bytes = [VERSION; 33];
        bytes[1..].copy_from_slice(&commitment.0);
        Self(bytes)
    }

    /// The commitment C.
    pub fn commitment(&self) -> Digest {
        let mut commitment = Digest::NONE;
        commitment.0.copy_from_slice(&self.0[1..]);
        commitment
    }

    /// Reads an entry: 33 bytes, the first of them 1.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; 33] = bytes.try_into().ok()?;
        (bytes[0] == VERSION).then_some(Self(bytes))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8; 33] {
        &self.0
    }

    /// Its leaf hash (RFC 6962).
    pub fn leaf_hash(&self) -> Digest {
        merkle::leaf_hash(&self.0)
    }
}

/// What shows that an entry commits to an event: the salt r and the event.
#[derive(Clone, PartialEq, Eq)]
pub struct Opening {
    bytes: Vec<u8>,
    event: Event,
}

const SALT_BYTES: usize = 32;

impl Opening {
    /// Commits to an event with a fresh random salt.
    pub fn new(salt: &[u8; SALT_BYTES], event: Event) -> Result<Self, BadEvent> {
        let bytes = [&salt[..], &event.encode()?].concat();
        Ok(Self { bytes, event })
    }

    /// Reads `r || event`.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadEvent> {
        let (_, event) = bytes.split_at_checked(SALT_BYTES).ok_or(BadEvent::Length)?;
        Ok(Self { event: Event::decode(event)?, bytes: bytes.to_vec() })
    }

    /// The entry that `r || event` opens, and the event.
    pub fn read(bytes: &[u8]) -> Result<(Entry, Event), BadEvent> {
        let (salt, event) = bytes.split_at_checked(SALT_BYTES).ok_or(BadEvent::Length)?;
        Ok((Entry::new(&keyed(salt, event)), Event::decode(event)?))
    }

    /// `r || event`
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The event.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The entry that this opens, and no other.
    pub fn entry(&self) -> Entry {
        let (salt, event) = self.bytes.split_at(SALT_BYTES);
        Entry::new(&keyed(salt, event))
    }

    /// Whether this opens `entry`.
    pub fn opens(&self, entry: &Entry) -> bool {
        self.entry() == *entry
    }
}

impl std::fmt::Debug for Opening {
    /// Without the salt: an opening in a message for people would open the leaf to them.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opening").field("event", &self.event).finish_non_exhaustive()
    }
}

/// Commitment to details that only national auditors see, under a salt of its own.
pub fn restricted(salt: &[u8; SALT_BYTES], details: &[u8]) -> Digest {
    keyed(salt, details)
}

/// What a sharing decision's commitment begins with: SHA-256 over this, 32 random bytes and the decision's bytes. It stands in
/// the alert and, as `restricted`, in the `sent` leaves.
pub const DECISION: &[u8] = b"varde/decision/v1\n";

fn keyed(key: &[u8], message: &[u8]) -> Digest {
    // HMAC takes a key of any length, so `new_from_slice` cannot fail; a failure would show as the empty commitment.
    Hmac::<Sha256>::new_from_slice(key)
        .map_or(Digest::NONE, |mac| Digest(mac.chain_update(message).finalize().into_bytes().into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::log::event::tests::sample;

    #[test]
    fn an_opening_opens_its_entry_and_no_other() {
        let opening = Opening::new(&[9; 32], sample()).unwrap();
        let entry = opening.entry();
        let read = Opening::parse(opening.bytes()).unwrap();
        assert!(read.opens(&entry) && read.event() == &sample());
        for place in 0..opening.bytes().len() {
            let mut changed = opening.bytes().to_vec();
            changed[place] ^= 1;
            assert!(!Opening::parse(&changed).is_ok_and(|o| o.opens(&entry)), "byte {place} is not committed to");
        }
    }

    #[test]
    fn the_same_event_under_two_salts_gives_unrelated_entries() {
        let entry = |salt: u8| Opening::new(&[salt; 32], sample()).unwrap().entry();
        assert_ne!(entry(1), entry(2));
    }

    #[test]
    fn an_entry_is_33_bytes_of_this_version() {
        let entry = Entry::new(&Digest([5; 32]));
        assert_eq!(Entry::parse(entry.bytes()), Some(entry));
        assert_eq!(entry.commitment(), Digest([5; 32]));
        assert_eq!(Entry::parse(&entry.bytes()[..32]), None);
        assert_eq!(Entry::parse(&[2; 33]), None);
    }

    #[test]
    fn an_opening_printed_for_people_does_not_show_its_salt() {
        let shown = format!("{:?}", Opening::new(&[0xab; 32], sample()).unwrap());
        assert!(!shown.contains("171, 171") && !shown.contains("abab"));
    }
}
