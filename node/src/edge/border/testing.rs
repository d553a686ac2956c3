//! Peers for this module's tests, made from small numbers.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::pins::{Peer, Pins};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use varde_proto::id::Origin;
use varde_proto::identity::{Descriptor, Genesis, History, Role, RoleKeys, SecretKey};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;
use zeroize::Zeroizing;

/// A clock that tests set.
pub(crate) struct TestClock(pub(crate) AtomicI64);

impl TestClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(now().ms())))
    }

    pub(crate) fn forward(&self, days: i64) {
        self.0.fetch_add(days * 86_400_000, Ordering::SeqCst);
    }
}

impl crate::port::Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

pub(crate) fn now() -> Timestamp {
    Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
}

pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

/// A genesis with the keys of the seeds `first` to `first + 5`, in the order of the roles.
pub(crate) fn genesis(country: &str, first: u8) -> Genesis {
    let origin = Origin::parse(&format!("varde.example/{}/1", country.to_lowercase())).unwrap();
    let keys: Vec<_> = (first..first + 6).map(key).collect();
    let roles: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
    let keys = RoleKeys::prove(&origin, &roles).unwrap();
    Genesis::found(origin, Mode::Test, keys, now(), [0; 32]).unwrap()
}

pub(crate) fn peer(country: &str, first: u8) -> Peer {
    let descriptor = Descriptor::issue(&genesis(country, first), None, now(), [0; 32]);
    let envelope = descriptor.sign(&key(first)).unwrap();
    let keys = Arc::new(History::pinned(&descriptor));
    let tls = keys.current(Role::Tls);
    Peer {
        descriptor,
        envelope,
        accepted: Vec::new(),
        acceptance: None,
        words: Vec::new(),
        texts: Vec::new(),
        keys,
        tls,
    }
}

pub(crate) fn pins(peers: &[(&str, u8)]) -> Arc<Pins> {
    let mut pins = Pins::default();
    for (country, first) in peers {
        pins.take(peer(country, *first)).unwrap();
    }
    Arc::new(pins)
}
