//! What a key is for. A key has one role and proves that its holder has the private half.

use super::key::{BadKey, PublicKey, SecretKey};
use crate::id::{Origin, hex};
use crate::wire::peer;
use bytes::Bytes;
use std::fmt;

/// The one use a key has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Root of the node: signs its genesis, descriptors and acceptances. Its fingerprint is what people compare.
    Id,
    /// Signs checkpoints of the exchange log.
    Log,
    /// Cosigns other nodes' checkpoints.
    Wit,
    /// Signs payloads.
    Msg,
    /// Authenticates connections.
    Tls,
    /// Signs the staff log, which never leaves the country.
    Staff,
}

impl Role {
    /// All six, in the order in which they stand in a genesis.
    pub const ALL: [Self; 6] = [Self::Id, Self::Log, Self::Wit, Self::Msg, Self::Tls, Self::Staff];
    /// Those a peer meets, in the order in which they stand in a descriptor.
    pub const PEER: [Self; 5] = [Self::Id, Self::Log, Self::Wit, Self::Msg, Self::Tls];

    /// `id`, `log`, `wit`, `msg`, `tls` or `staff`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Log => "log",
            Self::Wit => "wit",
            Self::Msg => "msg",
            Self::Tls => "tls",
            Self::Staff => "staff",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Reads the number on the wire.
    pub(super) fn from_wire(number: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.wire() as i32 == number)
    }

    pub(super) fn wire(self) -> peer::Role {
        match self {
            Self::Id => peer::Role::Id,
            Self::Log => peer::Role::Log,
            Self::Wit => peer::Role::Wit,
            Self::Msg => peer::Role::Msg,
            Self::Tls => peer::Role::Tls,
            Self::Staff => peer::Role::Staff,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a list of role keys is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRoles {
    /// Not exactly the wanted roles, each once, in their order.
    #[error("the role keys are not exactly {0}, in this order")]
    Roles(String),
    /// A key that is not enrolled.
    #[error("the {0} key: {1}")]
    Key(Role, BadKey),
    /// One key in two roles.
    #[error("the {0} key serves a second role")]
    Shared(Role),
    /// The holder did not show that it has the private key.
    #[error("the {0} key has no valid proof of possession")]
    Possession(Role),
}

/// The public keys of one node, one a role, all different, each with its proof of possession.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleKeys {
    id: PublicKey,
    held: Vec<Held>,
}

/// A key in its role, with its proof of possession.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    role: Role,
    key: PublicKey,
    possession: Bytes,
}

impl Held {
    /// Proves possession of a key of the node whose identity key is `id`.
    pub fn prove(origin: &Origin, id: &PublicKey, role: Role, key: &SecretKey) -> Self {
        let possession = Bytes::copy_from_slice(&key.sign(&possession_text(origin, role, id)));
        Self { role, key: key.public(), possession }
    }

    /// Reads it from the wire: enrolled, possession proven.
    pub fn from_wire(wire: &peer::RoleKey, origin: &Origin, id: &PublicKey) -> Result<Self, BadRoles> {
        let peer::RoleKey { role, public_key, possession } = wire;
        let role = Role::from_wire(*role).ok_or_else(|| BadRoles::Roles(list(&Role::ALL)))?;
        let key = PublicKey::enrol(public_key).map_err(|e| BadRoles::Key(role, e))?;
        let held = Self { role, key, possession: possession.clone() };
        held.check(origin, id)?;
        Ok(held)
    }

    /// As it travels.
    pub fn to_wire(&self) -> peer::RoleKey {
        peer::RoleKey {
            role: self.role.wire() as i32,
            public_key: Bytes::copy_from_slice(&self.key.bytes()),
            possession: self.possession.clone(),
        }
    }

    /// In which role.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    fn check(&self, origin: &Origin, id: &PublicKey) -> Result<(), BadRoles> {
        let text = possession_text(origin, self.role, id);
        self.key.verify(&text, &self.possession).map_err(|_| BadRoles::Possession(self.role))
    }
}

impl RoleKeys {
    /// Proves possession of each key; the roles must be [`Role::ALL`] or [`Role::PEER`] in order, the first being K_id.
    pub fn prove(origin: &Origin, keys: &[(Role, &SecretKey)]) -> Result<Self, BadRoles> {
        let Some((Role::Id, id)) = keys.first() else {
            return Err(BadRoles::Roles(list(&Role::ALL)));
        };
        let id = id.public();
        let held = keys.iter().map(|(role, key)| Held::prove(origin, &id, *role, key));
        let keys = Self { id, held: held.collect() };
        keys.distinct()?;
        Ok(keys)
    }

    /// Reads a list from the wire: exactly `wanted`, enrolled, distinct, possession proven.
    pub fn from_wire(keys: &[peer::RoleKey], origin: &Origin, wanted: &[Role]) -> Result<Self, BadRoles> {
        let roles = keys.iter().map(|k| k.role);
        if !roles.eq(wanted.iter().map(|role| role.wire() as i32)) {
            return Err(BadRoles::Roles(list(wanted)));
        }
        let mut held = Vec::with_capacity(wanted.len());
        for (wire, role) in keys.iter().zip(wanted) {
            let peer::RoleKey { role: _, public_key, possession } = wire;
            let key = PublicKey::enrol(public_key).map_err(|e| BadRoles::Key(*role, e))?;
            held.push(Held { role: *role, key, possession: possession.clone() });
        }
        let Some(Held { role: Role::Id, key: id, .. }) = held.first() else {
            return Err(BadRoles::Roles(list(wanted)));
        };
        let keys = Self { id: *id, held };
        keys.distinct()?;
        keys.check_possession(origin)?;
        Ok(keys)
    }

    /// As it travels.
    pub fn to_wire(&self) -> Vec<peer::RoleKey> {
        self.held.iter().map(Held::to_wire).collect()
    }

    /// The key of a role; none for STAFF in a descriptor.
    pub fn get(&self, role: Role) -> Option<&PublicKey> {
        self.held.iter().find(|held| held.role == role).map(|held| &held.key)
    }

    /// Every role with its key, in the order of the roles.
    pub fn iter(&self) -> impl Iterator<Item = (Role, &PublicKey)> {
        self.held.iter().map(|held| (held.role, &held.key))
    }

    /// These keys without the STAFF key: what a descriptor shows.
    pub fn for_peers(&self) -> Self {
        let held = self.held.iter().filter(|held| Role::PEER.contains(&held.role)).cloned().collect();
        Self { id: self.id, held }
    }

    /// These keys with another one in its role.
    pub(super) fn replace(&mut self, new: Held) {
        if let Some(held) = self.held.iter_mut().find(|held| held.role == new.role) {
            *held = new;
        }
    }

    /// K_id.
    pub fn id(&self) -> &PublicKey {
        &self.id
    }

    fn distinct(&self) -> Result<(), BadRoles> {
        for (place, held) in self.held.iter().enumerate() {
            if self.held[..place].iter().any(|earlier| earlier.key == held.key) {
                return Err(BadRoles::Shared(held.role));
            }
        }
        Ok(())
    }

    fn check_possession(&self, origin: &Origin) -> Result<(), BadRoles> {
        self.held.iter().try_for_each(|held| held.check(origin, &self.id))
    }
}

fn list(roles: &[Role]) -> String {
    roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(", ")
}

/// What a role key signs to prove possession. It begins like no checkpoint (`varde` is no network), cosignature or DSSE.
fn possession_text(origin: &Origin, role: Role, id: &PublicKey) -> Vec<u8> {
    format!("varde/possession/v1\n{origin}\n{role}\n{}\n", hex(&id.bytes())).into_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{key, origin, role_keys};
    use super::*;

    #[test]
    fn role_keys_survive_the_wire_and_each_break_is_named() {
        let good = role_keys(1);
        let wire = good.to_wire();
        let read = |wire: &[peer::RoleKey]| RoleKeys::from_wire(wire, &origin("no"), &Role::ALL);
        assert_eq!(read(&wire), Ok(good));
        assert!(matches!(read(&wire[..5]), Err(BadRoles::Roles(_))));
        let mut swapped = wire.clone();
        swapped.swap(1, 2);
        assert!(matches!(read(&swapped), Err(BadRoles::Roles(_))));
        let mut shared = wire.clone();
        shared[2].public_key = shared[1].public_key.clone();
        assert_eq!(read(&shared), Err(BadRoles::Shared(Role::Wit)));
        let mut stolen = wire.clone();
        stolen[3].public_key = Bytes::copy_from_slice(&key(99).public().bytes());
        assert_eq!(read(&stolen), Err(BadRoles::Possession(Role::Msg)));
        let mut weak = wire.clone();
        weak[4].public_key = Bytes::from_static(&[0; 32]);
        assert_eq!(read(&weak), Err(BadRoles::Key(Role::Tls, BadKey::Weak)));
        assert_eq!(
            RoleKeys::from_wire(&wire, &origin("ee"), &Role::ALL),
            Err(BadRoles::Possession(Role::Id)),
            "a proof made for one origin served another"
        );
    }

    #[test]
    fn one_key_does_not_serve_two_roles() {
        let (id, log) = (key(1), key(2));
        let twice = [(Role::Id, &id), (Role::Log, &log), (Role::Wit, &log), (Role::Msg, &id), (Role::Tls, &id)];
        assert_eq!(RoleKeys::prove(&origin("no"), &twice), Err(BadRoles::Shared(Role::Wit)));
    }
}
