//! Witnessing logs that are no peers': C2SP tlog-witness, `add-checkpoint`. Checking a request against the newest checkpoint
//! that we cosigned, and keeping the next, is one decision of the ledger, durable before anyone sees the cosignature.
//!
//! Out: how requests come in and which logs are known (`edge::witness`, `varde.toml`). A log of our own network is never
//! witnessed here but over its node's connection ([`super::witness`]): each log has one newest head.

use super::Node;
use super::journal::Of;
use super::ledger::CommitError;
use crate::port::StoreError;
use crate::rows;
use std::sync::Arc;
use varde_proto::home::ForeignLog;
use varde_proto::id::Digest;
use varde_proto::limits;
use varde_proto::log::cosignature::witness_name;
use varde_proto::log::witness::{self, AddCheckpoint, Cosigned, Inconsistent, KnownLog, Latest, Refused, Witness};
use varde_proto::log::{Checkpoint, Note};
use varde_proto::time::Timestamp;

/// Why there is no cosignature.
#[derive(Debug, thiserror::Error)]
pub enum NotCosigned {
    /// The specification's verdict.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The log took its last steps too fast.
    #[error("one checkpoint a second of each log")]
    TooSoon,
    /// More than is kept of one log.
    #[error("the checkpoint is too large to be kept")]
    TooLarge,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer has stopped.
    #[error("the node has stopped writing")]
    Stopped,
}

/// The newest checkpoint of a log that we cosigned, with the log's lines and ours.
pub fn newest(node: &Node, log: &ForeignLog) -> Result<Option<Note>, StoreError> {
    read(node.ledger.get(&row(log))?.as_deref())
}

/// Decides on a request of a known log. What is refused costs no commit; `may_step` is asked before one. The same text again is
/// cosigned again and kept, so that monitors see what was answered last, or answered as before where that would be too soon.
pub async fn add_checkpoint(
    node: &Arc<Node>,
    log: &ForeignLog,
    request: AddCheckpoint,
    may_step: impl FnOnce(Timestamp) -> bool,
) -> Result<Cosigned, NotCosigned> {
    let now = node.clock.now();
    let case = Case { node: node.clone(), log: log.clone(), request, now };
    let held = newest(node, log)?;
    let verdict = case.decide(held.as_ref());
    if let Err(NotCosigned::Refused(Refused::Inconsistent(why))) = &verdict {
        let code = if *why == Inconsistent::OtherRoot { "foreign-fork" } else { "foreign-inconsistent" };
        node.journal.note(&node.ledger, now, code, &log.origin, Of::Stranger).await;
    }
    let cosigned = verdict?;
    if cosigned.note.write().len() > limits::STORED_VALUE_BYTES {
        return Err(NotCosigned::TooLarge);
    }
    if !may_step(now) {
        return case.again(held, cosigned).ok_or(NotCosigned::TooSoon);
    }
    let landed = node.ledger.commit(move |desk| {
        let held = read(desk.get(&row(&case.log))?.as_deref())?;
        let cosigned = case.decide(held.as_ref())?;
        desk.put(row(&case.log), cosigned.note.write().into_bytes())?;
        Ok(cosigned)
    });
    landed.await.map(|committed| committed.into_value()).map_err(|error| match error {
        CommitError::Refused(why) => why,
        CommitError::Stopped => NotCosigned::Stopped,
    })
}

fn row(log: &ForeignLog) -> Vec<u8> {
    rows::row(rows::FOREIGN_HEAD, &[&Digest::of(log.origin.as_bytes()).0])
}

fn read(row: Option<&[u8]>) -> Result<Option<Note>, StoreError> {
    let damaged = |_| StoreError::Damaged("a foreign log's checkpoint cannot be read".into());
    row.map(|bytes| Note::parse(bytes).map_err(damaged)).transpose()
}

struct Case {
    node: Arc<Node>,
    log: ForeignLog,
    request: AddCheckpoint,
    now: Timestamp,
}

impl Case {
    fn decide(&self, held: Option<&Note>) -> Result<Cosigned, NotCosigned> {
        let latest = match held.map(|note| Checkpoint::parse(note.text())) {
            None => Latest::NONE,
            Some(Ok(checkpoint)) => Latest { size: checkpoint.size(), root: checkpoint.root() },
            Some(Err(_)) => return Err(StoreError::Damaged("a foreign log's checkpoint cannot be read".into()).into()),
        };
        let log = KnownLog { keys: &self.log.keys, extensions: true, latest };
        let name = witness_name(&self.node.me.origin);
        let key = self.node.keys.witness(self.node.ledger.head().size().0);
        let witness = Witness { name: &name, key: &key };
        Ok(witness::decide(&self.request, Some(log), witness, self.now.seconds().unsigned_abs())?)
    }

    /// The answer of before, where the request says what was cosigned then.
    fn again(&self, held: Option<Note>, now: Cosigned) -> Option<Cosigned> {
        let note = held.filter(|held| held.text() == now.note.text())?;
        let name = witness_name(&self.node.me.origin);
        let line = note.signatures().iter().rfind(|line| line.name() == name)?.clone();
        Some(Cosigned { line, note, ..now })
    }
}
