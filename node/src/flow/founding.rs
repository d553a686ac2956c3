//! The first two leaves of a log: who it belongs to, and by which policy its heads are to be believed.

use super::ledger::{CommitError, Ledger};
use crate::port::StoreError;
use prost::Message;
use varde_proto::envelope::{self, Envelope};
use varde_proto::id::Digest;
use varde_proto::log::event::{Event, Kind};
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

/// Begins an empty log with genesis and policy; on a log that has begun, checks that it is the same genesis.
pub async fn found(ledger: &Ledger, genesis: &Envelope, policy: &str) -> Result<(), NotFounded> {
    let object = envelope::digest(genesis);
    if ledger.book().tree.size().0 > 0 {
        let begun = ledger.opening(0)?;
        let same = begun.event().kind == Kind::GENESIS && begun.event().object == object;
        return if same { Ok(()) } else { Err(NotFounded::AnotherGenesis) };
    }
    let (body, policy) = (genesis.encode_to_vec(), policy.as_bytes().to_vec());
    let landed = ledger.commit(move |desk| {
        let leaf = |kind| Event::local(kind, Timestamp::default());
        desk.append(Event { object, body, ..leaf(Kind::GENESIS) })?;
        desk.append(Event { object: Digest::of(&policy), body: policy, ..leaf(Kind::POLICY) })?;
        Ok::<(), StoreError>(())
    });
    match landed.await {
        Ok(_) => Ok(()),
        Err(CommitError::Refused(failure)) => Err(failure.into()),
        Err(CommitError::Stopped) => Err(NotFounded::Stopped),
    }
}
