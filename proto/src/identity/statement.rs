//! A change of a log's keys, as K_id signs it: a new key in a role, or the end of one. What it says is judged against what the
//! log said before by [`super::History`], which alone takes one.

use super::document::{self, BadDocument};
use super::role::{Held, Role};
use super::{PublicKey, SecretKey};
use crate::envelope::{self, Rejection};
use crate::id::{Digest, Origin, TreeSize};
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;
use prost::Message;

/// The payload type of a rotation.
pub(super) const ROTATE: &str = "application/vnd.varde.key-rotate.v1+protobuf";
/// The payload type of a revocation.
pub(super) const REVOKE: &str = "application/vnd.varde.key-revoke.v1+protobuf";

/// One change of a log's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Whose keys.
    pub origin: Origin,
    /// ACTUAL, EXERCISE or TEST.
    pub mode: Mode,
    /// Statements of a log are numbered from 1.
    pub number: u32,
    /// E of the statement before; of the genesis for the first.
    pub previous: Digest,
    /// What changes.
    pub change: Change,
    /// When it was signed.
    pub created: Timestamp,
    /// 32 random bytes.
    pub salt: [u8; 32],
}

/// What a statement changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A new key, from the leaf that says so on.
    Rotate {
        /// Fingerprint of the key that it replaces; none where it is added beside those in use.
        old: Option<Digest>,
        /// The new key.
        new: Box<Held>,
    },
    /// A key may be in other hands.
    Revoke {
        /// In which role.
        role: Role,
        /// Its fingerprint.
        key: Digest,
        /// What it signed above this size never was valid.
        above: TreeSize,
    },
}

impl Change {
    /// The role whose keys change.
    pub fn role(&self) -> Role {
        match self {
            Self::Rotate { new, .. } => new.role(),
            Self::Revoke { role, .. } => *role,
        }
    }
}

impl Statement {
    /// Whether an envelope says that it is one; nothing in it is believed yet.
    pub fn is_one(envelope: &peer::Envelope) -> bool {
        matches!(envelope.payload_type.as_str(), ROTATE | REVOKE)
    }

    /// The role in which an envelope says that it brings a key; nothing in it is believed yet.
    pub fn role_of_new(envelope: &peer::Envelope) -> Option<Role> {
        let wire =
            peer::KeyRotate::decode(envelope.payload.as_ref()).ok().filter(|_| envelope.payload_type == ROTATE)?;
        Role::from_wire(wire.new_key?.role)
    }

    /// Signs with all keys that must: K_id, the old one, the new one.
    pub(super) fn sign(&self, keys: &[&SecretKey]) -> peer::Envelope {
        let (network, mode, origin) = (self.origin.network().to_owned(), self.mode as i32, self.origin.to_string());
        let (number, created_ms) = (self.number, self.created.ms());
        let bytes = |digest: &[u8; 32]| Bytes::copy_from_slice(digest);
        let (previous, salt) = (bytes(&self.previous.0), bytes(&self.salt));
        match &self.change {
            Change::Rotate { old, new } => {
                let old_key_id = old.map(|old| bytes(&old.0)).unwrap_or_default();
                let new_key = Some(new.to_wire());
                let wire =
                    peer::KeyRotate { network, mode, origin, number, previous, old_key_id, new_key, created_ms, salt };
                envelope::sign_all(ROTATE, &wire, keys)
            }
            Change::Revoke { role, key, above } => {
                let (role, key_id, above_size) = (role.wire() as i32, bytes(&key.0), above.0);
                let wire = peer::KeyRevoke {
                    network,
                    mode,
                    origin,
                    number,
                    previous,
                    role,
                    key_id,
                    above_size,
                    created_ms,
                    salt,
                };
                envelope::sign_all(REVOKE, &wire, keys)
            }
        }
    }

    /// Reads a statement that all who must have signed. `find` gives the key of a role by its fingerprint.
    pub(super) fn open(
        envelope: &peer::Envelope,
        id: &PublicKey,
        find: impl Fn(Role, &Digest) -> Option<PublicKey>,
    ) -> Result<Self, BadDocument> {
        match envelope.payload_type.as_str() {
            ROTATE => Self::open_rotate(envelope, id, find),
            REVOKE => Self::read_revoke(&envelope::open_all(envelope, REVOKE, &[id])?),
            _ => Err(Rejection::UnknownType.into()),
        }
    }

    fn open_rotate(
        envelope: &peer::Envelope,
        id: &PublicKey,
        find: impl Fn(Role, &Digest) -> Option<PublicKey>,
    ) -> Result<Self, BadDocument> {
        let named = peer::KeyRotate::decode(envelope.payload.as_ref()).map_err(|_| Rejection::NonCanonical)?;
        let read = Self::read_rotate(&named, id)?;
        let Change::Rotate { old, new } = &read.change else { return Err(Rejection::UnknownType.into()) };
        let old = match old {
            Some(old) => Some(find(new.role(), old).ok_or(BadDocument::Field("old_key_id"))?),
            None => None,
        };
        let signers: Vec<&PublicKey> = std::iter::once(id).chain(&old).chain([new.key()]).collect();
        envelope::open_all::<peer::KeyRotate>(envelope, ROTATE, &signers)?;
        Ok(read)
    }

    fn read_rotate(wire: &peer::KeyRotate, id: &PublicKey) -> Result<Self, BadDocument> {
        let peer::KeyRotate { network, mode, origin, number, previous, old_key_id, new_key, created_ms, salt } = wire;
        let (origin, mode) = document::place(network, *mode, origin)?;
        let new = new_key.as_ref().ok_or(BadDocument::Field("new_key"))?;
        let new = Box::new(Held::from_wire(new, &origin, id)?);
        let old = if old_key_id.is_empty() { None } else { Some(digest(old_key_id, "old_key_id")?) };
        Ok(Self {
            origin,
            mode,
            number: *number,
            previous: digest(previous, "previous")?,
            change: Change::Rotate { old, new },
            created: document::time(*created_ms)?,
            salt: document::salt(salt)?,
        })
    }

    fn read_revoke(wire: &peer::KeyRevoke) -> Result<Self, BadDocument> {
        let peer::KeyRevoke { network, mode, origin, number, previous, role, key_id, above_size, created_ms, salt } =
            wire;
        let (origin, mode) = document::place(network, *mode, origin)?;
        let role = Role::from_wire(*role).ok_or(BadDocument::Field("role"))?;
        let change = Change::Revoke { role, key: digest(key_id, "key_id")?, above: TreeSize(*above_size) };
        Ok(Self {
            origin,
            mode,
            number: *number,
            previous: digest(previous, "previous")?,
            change,
            created: document::time(*created_ms)?,
            salt: document::salt(salt)?,
        })
    }
}

fn digest(bytes: &[u8], field: &'static str) -> Result<Digest, BadDocument> {
    Digest::from_bytes(bytes).ok_or(BadDocument::Field(field))
}
