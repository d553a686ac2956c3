//! The genesis of an exchange log: what leaf 0 commits to, and for ever: network, mode, origin and first keys.

use super::armor::{self, Label};
use super::document::{self, BadDocument};
use super::role::{Role, RoleKeys};
use super::{PublicKey, SecretKey};
use crate::envelope;
use crate::id::Origin;
use crate::limits;
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;
use prost::Message;

/// Network, mode and first keys of a log, signed by the identity key among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Genesis {
    origin: Origin,
    mode: Mode,
    keys: RoleKeys,
    created: Timestamp,
    salt: [u8; 32],
}

impl Genesis {
    /// The payload type of its envelope.
    pub const TYPE: &'static str = "application/vnd.varde.genesis.v1+protobuf";

    /// Founds a log with a key for each of the six roles; `salt` is 32 random bytes.
    pub fn found(
        origin: Origin,
        mode: Mode,
        keys: RoleKeys,
        created: Timestamp,
        salt: [u8; 32],
    ) -> Result<Self, BadDocument> {
        let genesis = Self { origin, mode, keys, created, salt };
        Self::from_wire(&genesis.to_wire())?;
        Ok(genesis)
    }

    /// Signs with the identity key.
    pub fn sign(&self, id: &SecretKey) -> Result<peer::Envelope, BadDocument> {
        document::sign(Self::TYPE, &self.to_wire(), self.keys.id(), id)
    }

    /// Signs with the identity key; as the text of a file.
    pub fn sign_text(&self, id: &SecretKey) -> Result<String, BadDocument> {
        Ok(armor::encode(Label::Genesis, &self.sign(id)?))
    }

    /// Reads a genesis. It vouches for itself only: who it is says its fingerprint.
    pub fn open(envelope: &peer::Envelope) -> Result<Self, BadDocument> {
        let id = document_id(envelope)?;
        Self::from_wire(&envelope::open(envelope, Self::TYPE, &[id])?)
    }

    /// Reads a genesis file's text; returns the envelope as well.
    pub fn open_text(text: &str) -> Result<(Self, peer::Envelope), BadDocument> {
        let envelope = armor::decode(Label::Genesis, text)?;
        Ok((Self::open(&envelope)?, envelope))
    }

    /// The log it founds.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Fixed for the life of the log.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// One key for each of the six roles.
    pub fn keys(&self) -> &RoleKeys {
        &self.keys
    }

    /// When it was made.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    fn to_wire(&self) -> peer::Genesis {
        peer::Genesis {
            network: self.origin.network().to_owned(),
            mode: self.mode as i32,
            origin: self.origin.to_string(),
            keys: self.keys.to_wire(),
            created_ms: self.created.ms(),
            salt: Bytes::copy_from_slice(&self.salt),
        }
    }

    fn from_wire(wire: &peer::Genesis) -> Result<Self, BadDocument> {
        let peer::Genesis { network, mode, origin, keys, created_ms, salt } = wire;
        let (origin, mode) = document::place(network, *mode, origin)?;
        let keys = RoleKeys::from_wire(keys, &origin, &Role::ALL)?;
        Ok(Self { mode, keys, created: document::time(*created_ms)?, salt: document::salt(salt)?, origin })
    }
}

/// The identity key that a genesis names, before anything is believed.
fn document_id(envelope: &peer::Envelope) -> Result<PublicKey, BadDocument> {
    if envelope.payload.len() > limits::PAYLOAD_BYTES {
        return Err(envelope::Rejection::Oversized.into());
    }
    let wire = peer::Genesis::decode(envelope.payload.as_ref()).map_err(|_| envelope::Rejection::NonCanonical)?;
    document::first_key(&wire.keys)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{genesis, key, origin, role_keys};
    use super::*;
    use crate::envelope::Rejection;

    #[test]
    fn a_genesis_survives_its_file_and_is_signed_by_its_own_identity() {
        let founded = genesis("no", 1);
        let text = founded.sign_text(&key(1)).unwrap();
        let (read, envelope) = Genesis::open_text(&text).unwrap();
        assert_eq!(read, founded);
        assert_eq!(founded.sign(&key(2)), Err(BadDocument::Signer));
        let mut forged = envelope.clone();
        forged.signatures[0].signature = vec![1; 64].into();
        assert_eq!(Genesis::open(&forged), Err(Rejection::BadSignature.into()));
        let mut other_type = envelope;
        other_type.payload_type = "application/vnd.varde.descriptor.v1+protobuf".into();
        assert_eq!(Genesis::open(&other_type), Err(Rejection::UnknownType.into()));
    }

    #[test]
    fn each_field_of_a_genesis_is_checked() {
        let wire = genesis("no", 1).to_wire();
        let refused = |change: fn(&mut peer::Genesis)| {
            let mut wire = wire.clone();
            change(&mut wire);
            Genesis::open(&envelope::sign(Genesis::TYPE, &wire, &key(1))).unwrap_err()
        };
        assert_eq!(refused(|g| g.network = "other.example".into()), BadDocument::Field("network"));
        assert_eq!(refused(|g| g.mode = 0), BadDocument::Field("mode"));
        assert_eq!(refused(|g| g.mode = 4), BadDocument::Field("mode"));
        assert_eq!(refused(|g| g.salt = vec![0; 31].into()), BadDocument::Field("salt"));
        assert!(matches!(refused(|g| g.created_ms = -1), BadDocument::Time(_)));
        assert!(matches!(refused(|g| g.origin = "varde.example/NO/1".into()), BadDocument::Name(_)));
        assert!(matches!(refused(|g| g.keys.truncate(5)), BadDocument::Roles(_)));
    }

    #[test]
    fn a_genesis_without_a_mode_is_not_founded() {
        let founded = Genesis::found(origin("no"), Mode::Unspecified, role_keys(1), Timestamp::default(), [0; 32]);
        assert_eq!(founded, Err(BadDocument::Field("mode")));
    }
}
