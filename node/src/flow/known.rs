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

const KNOWN: &str = "known/";

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

    /// A peer as it is pinned. Where what was told before is missing now, it is not forgotten.
    fn encode(peer: &Peer, before: Option<&[u8]>) -> Vec<u8> {
        let before = || before.and_then(Self::decode)?.keys.write_whole();
        let told = peer.keys.write_whole().or_else(before).unwrap_or_default();
        [peer.descriptor.encode_length_delimited_to_vec(), told.into_bytes()].concat()
    }

    fn decode(mut bytes: &[u8]) -> Option<Self> {
        let descriptor = Descriptor::open(&Envelope::decode_length_delimited(&mut bytes).ok()?).ok()?;
        let keys = match bytes {
            [] => History::pinned(&descriptor),
            text => History::read_whole(std::str::from_utf8(text).ok()?).ok()?,
        };
        Some(Self { descriptor, keys })
    }
}

/// Notes what is known of a peer's log.
pub(super) fn note(desk: &mut Desk<'_>, peer: &Peer) -> Result<(), StoreError> {
    let fact = FactName::new(KNOWN, &peer.origin);
    let before = desk.fact(&fact)?;
    let said = Known::encode(peer, before.as_deref());
    if before.as_ref() != Some(&said) {
        desk.set_fact(&fact, said)?;
    }
    ended::keep_keys(desk, peer)
}

/// Every log of a peer's node that was ever taken up, the newest last.
pub(super) fn of_node(ledger: &Ledger, peer: &Origin) -> Result<Vec<Known>, StoreError> {
    let prefix = rows::row(rows::FACT, &[KNOWN.as_bytes(), peer.node().as_str().as_bytes(), b"/"]);
    let mut known = Vec::new();
    for row in ledger.scan(&prefix, &[&prefix[..], &[0xff]].concat(), false) {
        let log = Known::decode(&row?.1);
        known.push(log.ok_or_else(|| StoreError::Damaged("the row of a known log cannot be read".into()))?);
    }
    known.sort_unstable_by_key(|known: &Known| known.log().generation());
    Ok(known)
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// What is read again of a peer that was noted.
    pub(in super::super) fn known(peer: &Peer, before: Option<&Peer>) -> Option<Known> {
        let before = before.map(|before| Known::encode(before, None));
        Known::decode(&Known::encode(peer, before.as_deref()))
    }
}
