//! Countries on real stores, one alert among others that will be erased, and what an auditor says afterwards. For the tests of
//! erasure.

use crate::pair::{Country, Sides, release, route};
use crate::thief::{Key, Loot};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::sled::SledStore;
use varde_node::flow::{bundle, delivery};
use varde_proto::alert::AlertContent;
use varde_proto::audit::{Audit, Given, MemoryBundle, Scope, Trusted, verify};
use varde_proto::id::Digest;
use varde_proto::identity::SecretKey;
use varde_proto::log::event::{Event, Kind};
use varde_proto::time::Timestamp;

/// Longer than anything takes here.
pub const SOON: Duration = Duration::from_secs(120);
/// Stands in [`doomed`] and in no other alert.
pub const SECRET: [u8; 10] = *b"\xa7\x03\xd9\xee\x90\x41\xfb\x12\xc8\x6d";

/// The id of an alert.
pub fn id(n: u64) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&Digest::of(&n.to_be_bytes()).0[..16]);
    id
}

/// Where a country's store lies.
pub fn store(code: &str, dir: &Path) -> PathBuf {
    dir.join(code).with_extension("store")
}

/// Where its keyring lies.
pub fn keyring(code: &str, dir: &Path) -> PathBuf {
    dir.join(code).with_extension("keyring")
}

/// A country on a real store in `dir`; waits until nobody else has it open.
pub async fn open(code: &str, dir: &Path) -> Country {
    open_with(code, dir, &[]).await
}

/// The same, with more keys at hand for its messages.
pub async fn open_with(code: &str, dir: &Path, more: &[Arc<SecretKey>]) -> Country {
    loop {
        match SledStore::open(&store(code, dir)) {
            Ok(opened) => {
                return Country::open_with(code, Arc::new(opened), &keyring(code, dir), more, Duration::from_secs(600))
                    .await;
            }
            Err(_) => tokio::task::yield_now().await,
        }
    }
}

/// A copy of everything that a country has.
pub fn steal(code: &str, dir: &Path) -> Loot {
    Loot::take(&store(code, dir), &keyring(code, dir)).expect("files")
}

/// What opens something in a copy: item keys, and the bucket keys that wrap them.
pub type Opens = (Vec<Key>, BTreeSet<Key>);

/// What opens [`SECRET`] in a copy that was made before the erasure.
pub fn keys(loot: &Loot) -> Opens {
    let keys = opens(loot, &SECRET);
    assert!(!keys.0.is_empty() && !keys.1.is_empty(), "what is not erased can be stolen, or the test shows nothing");
    keys
}

/// What opens a secret in a copy.
pub fn opens(loot: &Loot, secret: &[u8]) -> Opens {
    let items: Vec<Key> = loot.showing(&loot.named_keys(), secret).into_iter().collect();
    let buckets = loot.wrapping(&items);
    (items, buckets)
}

/// In a copy that was made after the erasure nothing shows [`SECRET`], and neither its keys nor theirs stand in any file: not
/// one window of 32 bytes is one of them.
pub fn assert_gone(after: &Loot, keys: &Opens) {
    assert_eq!(gone(after, keys, &SECRET), Ok(()));
    let tried = after.item_keys();
    assert!(keys.0.iter().all(|key| !tried.contains(key)), "its key comes out");
}

/// The same of any secret, in words; an item key that comes out when all are tried on everything is for [`assert_gone`] to find.
pub fn gone(after: &Loot, (items, buckets): &Opens, secret: &[u8]) -> Result<(), &'static str> {
    let good = after.named_keys();
    let still: BTreeSet<Key> = items.iter().copied().collect();
    match () {
        () if good.len() <= 8 => Err("too few keys were found for this to show anything"),
        () if after.contains(secret) || !after.showing(&good, secret).is_empty() => Err("the payload comes out"),
        () if after.showing(items, secret) != still => Err("no ciphertext lies on an old page, or the search is blind"),
        () if items.iter().any(|key| after.contains(key)) => Err("its key comes out"),
        () if buckets.iter().any(|key| after.contains(key)) => Err("the key that wrapped its key comes out"),
        () => Ok(()),
    }
}

/// The alert that will be erased: no other holds [`SECRET`], and its time is over a day before any other's.
pub fn doomed() -> AlertContent {
    let mut content = route(id(99));
    content.contact_token = SECRET;
    content.expires_at = Timestamp::from_ms(content.expires_at.ms() - 86_400_000).expect("a time");
    content
}

/// Sends these alerts to LT and waits for the receipts; returns where the last is kept.
pub async fn sent(no: &Country, alerts: impl IntoIterator<Item = AlertContent>) -> u64 {
    let mut last = 0;
    for alert in alerts {
        last = release(no, alert, &["LT"]).await;
    }
    let deliveries = delivery::wait(&no.node.ledger, last, SOON).await.expect("a store");
    assert!(matches!(deliveries[0].state, delivery::State::Received { .. }), "{deliveries:?}");
    last
}

/// Ends a connection: from here on neither learns anything of the other.
pub async fn end(sides: Sides) {
    sides.0.abort();
    sides.1.abort();
    let _ = (sides.0.await, sides.1.await);
}

/// Every leaf of a log, opened.
pub fn events(country: &Country) -> Vec<Event> {
    let size = country.node.ledger.head().size().0;
    (0..size).map(|index| country.node.ledger.opening(index).expect("an opening").event().clone()).collect()
}

/// The leaves of these kinds, in their order.
pub fn kinds(country: &Country, wanted: &[Kind]) -> Vec<Kind> {
    events(country).iter().map(|event| event.kind).filter(|kind| wanted.contains(kind)).collect()
}

/// What an auditor says about a country's bundle.
pub fn audited(country: &Country, scope: Scope) -> Audit {
    let (bundle, _) = bundle::write(&country.node, scope, MemoryBundle::new()).expect("a bundle");
    checked(country, &bundle)
}

/// What an auditor says about a bundle that was written already.
pub fn checked(country: &Country, bundle: &MemoryBundle) -> Audit {
    let fingerprint = country.keys[0].public().fingerprint();
    let trusted = Trusted { origin: Some(country.origin().clone()), fingerprint };
    verify(bundle, &Given { trusted: vec![trusted], views: Vec::new() }).expect("a bundle that can be read")
}

/// What an auditor holds against a country, by its code; what is on its way is no reproach.
pub fn against(audit: &Audit) -> Vec<&'static str> {
    audit.findings.iter().map(|finding| finding.code.name).filter(|code| *code != "undelivered").collect()
}
