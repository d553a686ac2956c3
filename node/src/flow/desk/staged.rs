//! What one commit will write, and how a decision that is refused is taken out of it again.

use crate::port::{Batch, Store, StoreError};
use crate::state::{ChannelKey, ChannelState, PeerHead};
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::Agreed;
use varde_proto::id::{Digest, Origin};
use varde_proto::log::frontier::Frontier;
use varde_proto::time::Timestamp;

/// What a commit will write, while it is being decided.
#[derive(Default)]
pub(in crate::flow) struct Staged {
    pub(super) rows: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    pub(in crate::flow) leaves: Vec<Leaf>,
    pub(in crate::flow) channels: BTreeMap<ChannelKey, ChannelState>,
    pub(in crate::flow) heads: BTreeMap<Origin, PeerHead>,
    pub(in crate::flow) kept: BTreeMap<Origin, Frontier>,
    pub(in crate::flow) agreed_with: BTreeMap<Origin, Arc<Agreed>>,
    pub(in crate::flow) unlock: bool,
    pub(in crate::flow) floor: Timestamp,
    pub(super) bytes: usize,
}

pub(in crate::flow) struct Leaf {
    pub(in crate::flow) hash: Digest,
    pub(in crate::flow) time: Timestamp,
    /// Whether peers are to be told of it: padding and mentions of others' heads wait for something that matters.
    pub(in crate::flow) loud: bool,
}

impl Staged {
    pub(in crate::flow) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.leaves.is_empty() && !self.unlock
    }

    pub(in crate::flow) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(in crate::flow) fn put(&mut self, row: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += row.len() + value.as_ref().map_or(0, Vec::len);
        self.rows.insert(row, value);
    }

    /// What will be written in a row.
    pub(in crate::flow) fn value(&self, row: &[u8]) -> Option<&[u8]> {
        self.rows.get(row)?.as_deref()
    }

    pub(super) fn get(&self, store: &dyn Store, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.rows.get(row) {
            Some(value) => Ok(value.clone()),
            None => store.get(row),
        }
    }

    /// Where a decision begins.
    pub(super) fn mark(&self) -> Undo {
        let (leaves, bytes, unlock, floor) = (self.leaves.len(), self.bytes, self.unlock, self.floor);
        Undo { leaves, bytes, unlock, floor, ..Undo::default() }
    }

    /// Takes back everything a decision wrote.
    pub(super) fn take_back(&mut self, undo: Undo) {
        for (row, before) in undo.rows.into_iter().rev() {
            match before {
                Some(value) => self.rows.insert(row, value),
                None => self.rows.remove(&row),
            };
        }
        for (key, before) in undo.channels.into_iter().rev() {
            match before {
                Some(state) => self.channels.insert(key, state),
                None => self.channels.remove(&key),
            };
        }
        for (peer, before) in undo.heads.into_iter().rev() {
            match before {
                Some(head) => self.heads.insert(peer, head),
                None => self.heads.remove(&peer),
            };
        }
        for (peer, before) in undo.kept.into_iter().rev() {
            match before {
                Some(kept) => self.kept.insert(peer, kept),
                None => self.kept.remove(&peer),
            };
        }
        for (peer, before) in undo.agreed_with.into_iter().rev() {
            match before {
                Some(agreed) => self.agreed_with.insert(peer, agreed),
                None => self.agreed_with.remove(&peer),
            };
        }
        (self.unlock, self.floor) = (undo.unlock, undo.floor);
        self.leaves.truncate(undo.leaves);
        self.bytes = undo.bytes;
    }

    pub(in crate::flow) fn into_batch(self) -> Batch {
        Batch { writes: self.rows.into_iter().collect() }
    }
}

/// What was staged for a row before: nothing, or a write (a value, or a deletion).
pub(super) type Before = Option<Option<Vec<u8>>>;

/// Undone when a decision is refused.
#[derive(Default)]
pub(super) struct Undo {
    pub(super) rows: Vec<(Vec<u8>, Before)>,
    pub(super) channels: Vec<(ChannelKey, Option<ChannelState>)>,
    pub(super) heads: Vec<(Origin, Option<PeerHead>)>,
    pub(super) kept: Vec<(Origin, Option<Frontier>)>,
    pub(super) agreed_with: Vec<(Origin, Option<Arc<Agreed>>)>,
    leaves: usize,
    bytes: usize,
    unlock: bool,
    floor: Timestamp,
}
