//! What genesis, descriptor and acceptance have in common: why one is refused, and the checks of their shared fields.

use super::armor::BadArmor;
use super::mode;
use super::role::{BadRoles, Role};
use crate::envelope::{self, Rejection};
use crate::id::{BadName, Origin};
use crate::identity::{PublicKey, SecretKey};
use crate::time::{BadTime, Timestamp};
use crate::wire::peer::{self, Mode};
use prost::Message;

/// Why a genesis, descriptor or acceptance is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadDocument {
    /// The text around it.
    #[error("{0}")]
    Armor(#[from] BadArmor),
    /// Its signature, type, size or encoding.
    #[error("{0}")]
    Envelope(#[from] Rejection),
    /// A name in it.
    #[error("{0}")]
    Name(#[from] BadName),
    /// A time in it.
    #[error("{0}")]
    Time(#[from] BadTime),
    /// Its role keys.
    #[error("{0}")]
    Roles(#[from] BadRoles),
    /// A field that contradicts another, or has the wrong length.
    #[error("its field {0} is wrong")]
    Field(&'static str),
    /// It was to be signed by another key than the one that it names, or was.
    #[error("it is not signed by the identity key it names")]
    Signer,
}

/// Signs with the identity key that the document names.
pub(super) fn sign<M: Message>(
    payload_type: &str,
    message: &M,
    named: &PublicKey,
    key: &SecretKey,
) -> Result<peer::Envelope, BadDocument> {
    if key.public() != *named {
        return Err(BadDocument::Signer);
    }
    Ok(envelope::sign(payload_type, message, key))
}

/// The fields that stand first in all three.
pub(super) fn place(network: &str, mode: i32, origin: &str) -> Result<(Origin, Mode), BadDocument> {
    let origin = Origin::parse(origin)?;
    if origin.network() != network {
        return Err(BadDocument::Field("network"));
    }
    let mode = mode::from_wire(mode).ok_or(BadDocument::Field("mode"))?;
    Ok((origin, mode))
}

/// The key that a self-signed document names as its identity, before anything in it is believed.
pub(super) fn first_key(keys: &[peer::RoleKey]) -> Result<PublicKey, BadDocument> {
    let first = keys.first().filter(|k| k.role == peer::Role::Id as i32).ok_or(BadDocument::Field("keys"))?;
    PublicKey::enrol(&first.public_key).map_err(|e| BadRoles::Key(Role::Id, e).into())
}

/// 32 random bytes.
pub(super) fn salt(bytes: &[u8]) -> Result<[u8; 32], BadDocument> {
    bytes.try_into().map_err(|_| BadDocument::Field("salt"))
}

/// A time on the wire.
pub(super) fn time(ms: i64) -> Result<Timestamp, BadDocument> {
    Ok(Timestamp::from_ms(ms)?)
}
