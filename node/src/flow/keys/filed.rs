//! Our own key statements that a store which went back has lost. The leaf of each was written into a file before it landed, and
//! files of keys are in no backup of the store: while the node asks its peers what it signed last, it goes by these files, too,
//! because what it signed last may be signed by a key that they brought.
//!
//! In: what such a file holds, going by it, and what follows once it is known which of the leaves are in the log. Out: writing
//! the rows again (`flow::recover`), reading and writing the files (`edge::ceremony`).

use super::{Keys, SIGNING, State};
use crate::flow::ledger::Ledger;
use crate::port::StoreError;
use prost::Message;
use std::sync::{Arc, PoisonError};
use varde_proto::envelope::Envelope;
use varde_proto::id::LogIndex;
use varde_proto::identity::{Change, History, PublicKey, Role, SecretKey};
use varde_proto::log::leaf::Opening;

/// The leaf of one of our statements.
#[derive(Debug, Clone)]
pub struct Filed {
    /// Where it stands, if it landed.
    pub index: LogIndex,
    /// What shows that it is the statement.
    pub opening: Opening,
}

impl Filed {
    /// As a file: eight bytes of the index, then the opening.
    pub fn bytes(&self) -> Vec<u8> {
        [&self.index.0.to_be_bytes()[..], self.opening.bytes()].concat()
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (index, opening) = bytes.split_first_chunk()?;
        Some(Self { index: LogIndex(u64::from_be_bytes(*index)), opening: Opening::parse(opening).ok()? })
    }

    /// The statement, as it was signed.
    fn statement(&self) -> Option<Envelope> {
        Envelope::decode(self.opening.event().body.as_slice()).ok()
    }
}

impl Ledger {
    /// Where the log may have lost statements: goes by these as well, as far as they follow what it says and are not at odds with
    /// the leaves that it has, until it is known which are in it. `find` has the private halves.
    pub fn foresee<E>(
        &self,
        filed: impl IntoIterator<Item = Filed>,
        find: impl Fn(&History, Role, &PublicKey) -> Result<Arc<SecretKey>, E>,
    ) -> Result<(), E> {
        if self.recovering().is_none() {
            return Ok(());
        }
        let book = self.book();
        let fits =
            |filed: &Filed| book.tree.leaf(filed.index).is_none_or(|leaf| leaf == filed.opening.entry().leaf_hash());
        self.keys().foresee(filed.into_iter().take_while(fits), find)
    }
}

impl Keys {
    fn foresee<E>(
        &self,
        filed: impl IntoIterator<Item = Filed>,
        find: impl Fn(&History, Role, &PublicKey) -> Result<Arc<SecretKey>, E>,
    ) -> Result<(), E> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for filed in filed {
            let mut history = (*state.history).clone();
            let taken = filed.statement().and_then(|statement| history.take(&statement, filed.index).cloned().ok());
            let Some(logged) = taken else { break };
            let taken = match &logged.statement.change {
                Change::Rotate { new, .. } if SIGNING.contains(&new.role()) => {
                    Some((new.role(), filed.index.0 + 1, find(&history, new.role(), new.key())?))
                }
                Change::Rotate { .. } | Change::Revoke { .. } => None,
            };
            state.turn(history, taken);
            state.foreseen.push((logged.statement.number, filed));
        }
        Ok(())
    }

    /// The statements by which the node goes though its store lacks them, with their numbers.
    pub(in crate::flow) fn foreseen(&self) -> Vec<(u32, Filed)> {
        self.read(|state| state.foreseen.clone())
    }

    /// So many of the foreseen statements are in the log, and their rows are written again; of the others it knows nothing.
    pub(in crate::flow) fn settle(&self, landed: usize) -> Result<(), StoreError> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let State { history, turns, foreseen } = &mut *state;
        if landed < foreseen.len() {
            let known = history.statements().len() - foreseen.len() + landed;
            let before =
                history.after(known).map_err(|bad| StoreError::Damaged(format!("the keys of the log: {bad}")))?;
            let stands = |from: u64| from == 0 || before.statements().iter().any(|logged| logged.index.0 + 1 == from);
            turns.values_mut().for_each(|turns| turns.retain(|turn| stands(turn.from)));
            *history = Arc::new(before);
        }
        foreseen.clear();
        Ok(())
    }
}
