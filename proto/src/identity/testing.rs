//! Identities for this crate's tests, made from small numbers.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::{Descriptor, Endpoint, Genesis, Role, RoleKeys, SecretKey};
use crate::id::Origin;
use crate::time::Timestamp;
use crate::wire::peer::Mode;
use zeroize::Zeroizing;

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

/// Of the network varde.example, in which every test lives; of the first generation, unless it is named.
pub(crate) fn origin(country: &str) -> Origin {
    let generation = if country.contains('/') { "" } else { "/1" };
    Origin::parse(&format!("varde.example/{country}{generation}")).unwrap()
}

/// Six keys of NO; K_id has the seed `first`, the others the next five.
pub(crate) fn role_keys(first: u8) -> RoleKeys {
    keys_of(&origin("no"), first)
}

pub(crate) fn genesis(country: &str, first: u8) -> Genesis {
    genesis_of(origin(country), Mode::Test, first)
}

pub(crate) fn genesis_of(origin: Origin, mode: Mode, first: u8) -> Genesis {
    let keys = keys_of(&origin, first);
    Genesis::found(origin, mode, keys, now(), [9; 32]).unwrap()
}

pub(crate) fn descriptor(country: &str, first: u8) -> Descriptor {
    let endpoint = Endpoint::parse("127.0.0.1:7443").unwrap();
    Descriptor::issue(&genesis(country, first), Some(endpoint), now(), [8; 32])
}

fn keys_of(origin: &Origin, first: u8) -> RoleKeys {
    let keys: Vec<_> = (first..first + 6).map(key).collect();
    let roles: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
    RoleKeys::prove(origin, &roles).unwrap()
}
