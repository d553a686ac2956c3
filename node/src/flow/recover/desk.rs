//! What a desk does only while a log is made whole: leaves that come back as their hashes, and the end of the lock.

use crate::flow::desk::{Desk, Leaf};
use crate::port::StoreError;
use crate::rows;
use varde_proto::id::{Digest, LogIndex};
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;

impl Desk<'_> {
    /// Leaves of this commit are not earlier than that.
    pub(super) fn not_before(&mut self, time: Timestamp) {
        self.staged.floor = time.max(self.staged.floor);
    }

    /// The hash of a durable leaf.
    pub(super) fn leaf_hash(&self, index: u64) -> Option<Digest> {
        self.book.tree.leaf(LogIndex(index))
    }

    /// Adopts leaves of our own log that came back from peers. Their openings may follow.
    pub(super) fn adopt(&mut self, entries: &[Entry]) -> Result<(), StoreError> {
        for entry in entries {
            let (number, time) = (self.next_leaf(), self.last_time());
            self.put(rows::numbered(rows::LEAF, number), entry.bytes().to_vec())?;
            self.staged.leaves.push(Leaf { hash: entry.leaf_hash(), time, loud: true });
        }
        Ok(())
    }

    /// Whether the log is locked, as this commit finds it.
    pub(super) fn is_locked(&self) -> bool {
        self.locked
    }

    /// From this commit on the log is no longer locked.
    pub(super) fn unlock(&mut self) {
        self.locked = false;
        self.staged.unlock = true;
    }
}
