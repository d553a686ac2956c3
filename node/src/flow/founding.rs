//! The first leaves of a log: who it belongs to, which log it follows and why, and by which policy its heads are to be believed. The
//! policy follows the peers.

use super::desk::Desk;
use super::ledger::{CommitError, Ledger};
use super::succession::{self, Follows};
use crate::port::{Peer, Peers, StoreError};
use crate::rows;
use crate::state::quorum;
use prost::Message;
use std::sync::Arc;
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::Digest;
use varde_proto::identity::{History, Role};
use varde_proto::limits;
use varde_proto::log::cosignature;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::head::log_vkey;
use varde_proto::log::policy::{Policy, Witness};
use varde_proto::log::vkey::{BadVkey, KeyMaterial, Vkey};
use varde_proto::time::Timestamp;

/// Why a node does not start on its log.
#[derive(Debug, thiserror::Error)]
pub enum NotFounded {
    /// The log in the store began with another genesis than the one in the directory.
    #[error("the log in the store belongs to another genesis than the file `genesis` in the node's directory")]
    AnotherGenesis,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer stopped.
    #[error("the node stopped writing while its log was begun")]
    Stopped,
}

/// Begins an empty log of the first generation with genesis and policy; on a log that has begun, checks that it is the same genesis.
pub async fn found(ledger: &Ledger, genesis: &Envelope, policy: &str) -> Result<(), NotFounded> {
    found_after(ledger, genesis, None, policy).await
}

/// The same for a log that may follow another one of this node.
pub async fn found_after(
    ledger: &Ledger,
    genesis: &Envelope,
    follows: Option<Follows>,
    policy: &str,
) -> Result<(), NotFounded> {
    let object = envelope::digest(genesis);
    if ledger.book().tree.size().0 > 0 {
        let begun = ledger.opening(ledger.number(0))?;
        let same = begun.event().kind == Kind::GENESIS && begun.event().object == object;
        return if same { Ok(()) } else { Err(NotFounded::AnotherGenesis) };
    }
    let (body, policy) = (genesis.encode_to_vec(), policy.as_bytes().to_vec());
    let landed = ledger.commit(move |desk| {
        let leaf = |kind| Event::local(kind, Timestamp::default());
        desk.append(Event { object, body, ..leaf(Kind::GENESIS) })?;
        if let Some(follows) = &follows {
            succession::begin(desk, follows)?;
        }
        let object = Digest::of(&policy);
        desk.append(Event { object, body: policy, ..leaf(Kind::POLICY) })?;
        desk.put(policy_row(), object.0.to_vec())
    });
    match landed.await {
        Ok(_) => Ok(()),
        Err(CommitError::Refused(failure)) => Err(failure.into()),
        Err(CommitError::Stopped) => Err(NotFounded::Stopped),
    }
}

/// Digest of the newest policy in the log.
pub(super) fn policy_row() -> Vec<u8> {
    rows::row(rows::FACT, &[b"policy"])
}

/// Logs the policy that asks for a quorum of these peers' witnesses, each with its newest key, unless the newest one says the same.
/// The log's own witness is none of them.
pub fn follow(desk: &mut Desk<'_>, keys: &History, peers: &Peers) -> Result<(), StoreError> {
    let unwritten = |bad: BadVkey| StoreError::Damaged(format!("the policy could not be written: {bad}"));
    let newest = |keys: &History, role| keys.current(role).pop();
    let none = || StoreError::Damaged("the log has no key that signs its heads".into());
    let log = log_vkey(desk.origin(), &newest(keys, Role::Log).ok_or_else(none)?).map_err(unwritten)?;
    let witness = |peer: &Arc<Peer>| {
        let key = KeyMaterial::Cosignature(newest(&peer.keys, Role::Wit)?);
        let key = Vkey::new(&cosignature::witness_name(&peer.origin), key).map_err(unwritten);
        Some(key.map(|key| Witness { name: peer.origin.node().lower(), key }))
    };
    let witnesses: Vec<Witness> = peers.values().filter_map(witness).collect::<Result<_, StoreError>>()?;
    let policy = Policy::file(&log, &witnesses, quorum::needed(witnesses.len()));
    let (row, object) = (policy_row(), Digest::of(policy.as_bytes()));
    if desk.get(&row)?.as_deref() == Some(&object.0[..]) {
        return Ok(());
    }
    if policy.len() > limits::EVENT_BODY_BYTES {
        tracing::error!(
            witnesses = witnesses.len(),
            "the policy is too long for a leaf; the one before stays in force"
        );
        return Ok(());
    }
    desk.append(Event { object, body: policy.into_bytes(), ..Event::local(Kind::POLICY, Timestamp::default()) })?;
    desk.put(row, object.0.to_vec())
}
