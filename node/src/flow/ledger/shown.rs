//! Heads and whether they may be shown: whatever leaves the node is noted by the sign guard first, and a locked log shows
//! nothing.

use super::Ledger;
use crate::flow::recover::Recovering;
use crate::port::StoreError;
use std::sync::Arc;
use tokio::sync::watch;
use varde_proto::exchange::KnownHead;
use varde_proto::id::TreeSize;
use varde_proto::identity::Role;
use varde_proto::log::head::Head;
use varde_proto::wire::peer::Checkpoint;

impl Ledger {
    /// The newest signed head, to be shown to somebody: it is noted first. A locked log shows nothing.
    pub fn show(&self) -> Result<Arc<Head>, StoreError> {
        if *self.locked.borrow() {
            return Err(StoreError::Locked);
        }
        let head = self.head();
        self.shared.guard.show(KnownHead::of(&head))?;
        Ok(head)
    }

    /// Whether the log is locked, and when that ends.
    pub fn locked(&self) -> watch::Receiver<bool> {
        self.locked.clone()
    }

    /// The recovery under way, while the log is locked.
    pub fn recovering(&self) -> Option<Arc<Recovering>> {
        self.shared.recovering.clone().filter(|_| *self.locked.borrow())
    }

    /// A checkpoint of our log that somebody else kept, if our own key signed it.
    pub fn own_head(&self, kept: &Checkpoint) -> Option<Head> {
        let keys = self.shared.keys.history().at(Role::Log, TreeSize(kept.size));
        Head::from_wire(kept, &self.book().origin, &keys).ok()
    }

    /// The newest signed head, for use at home: what leaves the node is what [`Ledger::show`] gives.
    pub fn head(&self) -> Arc<Head> {
        self.head.borrow().clone()
    }

    /// A head that a peer has shown us as ours, signed again: Ed25519 is deterministic, so nothing new is signed. For a log that is
    /// locked and whole again.
    pub(in crate::flow) fn shown_before(&self, shown: KnownHead) -> Result<Head, StoreError> {
        let book = self.book();
        let size = TreeSize(shown.size);
        if book.tree.root_at(size) != Some(shown.root) {
            return Err(StoreError::Locked);
        }
        let head = self.shared.keys.sign(&book.origin, size, shown.root);
        head.map_err(|bad| StoreError::Damaged(format!("the head could not be signed: {bad}")))
    }

    /// The head of an earlier commit. Ed25519 is deterministic: signing it again gives the note of then.
    pub fn head_at(&self, size: u64) -> Result<Head, StoreError> {
        if *self.locked.borrow() {
            return Err(StoreError::Locked);
        }
        let head = self.last_at(size)?;
        self.shared.guard.show(KnownHead::of(&head))?;
        Ok(head)
    }

    /// The same of a log that ended, for its last bundle: locked as it is, it says what it said then. The guard keeps what it knows.
    pub fn last_at(&self, size: u64) -> Result<Head, StoreError> {
        let book = self.book();
        let root = book.tree.root_at(TreeSize(size)).filter(|_| size <= self.head.borrow().size().0);
        let root = root.ok_or_else(|| StoreError::Damaged(format!("there was never a head of {size} leaves")))?;
        let head = self.shared.keys.sign(&book.origin, TreeSize(size), root);
        head.map_err(|bad| StoreError::Damaged(format!("the head could not be signed: {bad}")))
    }
}
