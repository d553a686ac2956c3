//! What is known of the logs of a peer's node, also when their pins are gone: under which identity each was taken up, why it began,
//! and its keys, by which the log that follows it is judged.
//!
//! In: keeping that, and finding it again. Out: the judgement ([`super::succession`]).

use super::desk::{Desk, FactName};
use super::ended;
use super::ledger::Ledger;
use crate::port::{Peer, StoreError};
use crate::rows;
use prost::Message;
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::{Digest, Origin, TreeSize};
use varde_proto::identity::{Descriptor, History, PublicKey, Role, RoleKeys};
use varde_proto::limits;

const KNOWN: &str = "known/";
/// Bytes of what a peer told of its keys in one row: a peer may make as many statements as it likes, and must not fill a row by it.
const PART: usize = limits::STORED_VALUE_BYTES / 2;

/// A log of a peer that was taken up.
pub(super) struct Known {
    /// As it was pinned last.
    descriptor: Descriptor,
    /// What it told of its keys.
    keys: History,
}

impl Known {
    /// Whose.
    pub(super) fn log(&self) -> &Origin {
        self.descriptor.origin()
    }

    /// K_id.
    pub(super) fn id(&self) -> &PublicKey {
        self.descriptor.keys().id()
    }

    /// E of the statement of why it began.
    pub(super) fn statement(&self) -> Option<Digest> {
        self.descriptor.explanation().map(envelope::digest)
    }

    /// The keys by which its head of a size is believed: also one that it showed and did not tell of.
    pub(super) fn log_keys(&self, size: TreeSize) -> Vec<PublicKey> {
        let told = self.keys.roster().holdings(self.log(), Role::Log);
        let shown = self.descriptor.key(Role::Log).filter(|key| told.iter().all(|holding| holding.key != **key));
        self.keys.at(Role::Log, size).into_iter().chain(shown.copied()).collect()
    }

    /// Whether one of these keys was revoked in it.
    pub(super) fn has_revoked(&self, keys: &RoleKeys) -> bool {
        self.keys.names_again(keys).is_some()
    }

    fn read(descriptor: &[u8], told: &str) -> Option<Self> {
        let descriptor = Descriptor::open(&Envelope::decode(descriptor).ok()?).ok()?;
        let keys = if told.is_empty() { History::pinned(&descriptor) } else { History::read_whole(told).ok()? };
        Some(Self { descriptor, keys })
    }
}

/// What a peer told of its keys, as text; what it told before, where that is missing now.
fn told(peer: &Peer, before: Option<String>) -> String {
    peer.keys.write_whole().or(before).unwrap_or_default()
}

/// What is stored of a log: its descriptor, and what it told of its keys. That may be longer than a row holds, so it lies in parts.
fn stored(
    get: impl Fn(&FactName) -> Result<Option<Vec<u8>>, StoreError>,
    log: &Origin,
) -> Result<Option<(Vec<u8>, String)>, StoreError> {
    let damaged = || StoreError::Damaged("the rows of a known log cannot be read".into());
    let Some(value) = get(&FactName::new(KNOWN, log))? else { return Ok(None) };
    let (parts, descriptor) = value.split_first_chunk().ok_or_else(damaged)?;
    let mut text = Vec::new();
    for place in 0..u32::from_be_bytes(*parts) {
        text.extend(get(&part(place, log))?.ok_or_else(damaged)?);
    }
    Ok(Some((descriptor.to_vec(), String::from_utf8(text).map_err(|_| damaged())?)))
}

fn part(place: u32, log: &Origin) -> FactName {
    FactName::new(&format!("known-keys/{place}/"), log)
}

/// Notes what is known of a peer's log.
pub(super) fn note(desk: &mut Desk<'_>, peer: &Peer) -> Result<(), StoreError> {
    let before = stored(|fact| desk.fact(fact), &peer.origin)?;
    let told = told(peer, before.as_ref().map(|(_, told)| told.clone()));
    let said = (peer.descriptor.encode_to_vec(), told);
    if before.as_ref() != Some(&said) {
        let (descriptor, told) = said;
        let mut parts = 0_u32;
        for bytes in told.as_bytes().chunks(PART) {
            desk.set_fact(&part(parts, &peer.origin), bytes.to_vec())?;
            parts += 1;
        }
        desk.set_fact(&FactName::new(KNOWN, &peer.origin), [&parts.to_be_bytes()[..], &descriptor].concat())?;
    }
    ended::keep_keys(desk, peer)
}

/// Every log of a peer's node that was ever taken up, the newest last.
pub(super) fn of_node(ledger: &Ledger, peer: &Origin) -> Result<Vec<Known>, StoreError> {
    let prefix = rows::row(rows::FACT, &[KNOWN.as_bytes(), peer.node().as_str().as_bytes(), b"/"]);
    let mut known = Vec::new();
    for row in ledger.scan(&prefix, &[&prefix[..], &[0xff]].concat(), false) {
        let generation = row?.0.get(prefix.len()..).and_then(|name| std::str::from_utf8(name).ok()?.parse().ok());
        let log = generation.and_then(|generation| Origin::new(peer.network(), peer.node(), generation).ok());
        let stored = log.map(|log| stored(|fact| ledger.get(fact.row()), &log)).transpose()?.flatten();
        let log = stored.and_then(|(descriptor, told)| Known::read(&descriptor, &told));
        known.push(log.ok_or_else(|| StoreError::Damaged("the rows of a known log cannot be read".into()))?);
    }
    known.sort_unstable_by_key(|known: &Known| known.log().generation());
    Ok(known)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// What is read again of a peer that was noted.
    pub(in super::super) fn known(peer: &Peer, before: Option<&Peer>) -> Option<Known> {
        let told = told(peer, before.map(|before| told(before, None)));
        Known::read(&peer.descriptor.encode_to_vec(), &told)
    }
}
