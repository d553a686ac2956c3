//! What is known of our log while it is locked: what people put into the statement that it ended (`varde log bump`).
//!
//! In: the reason as it follows from the recovery, the newest head that a peer had, what is stored, what was shown. Out: the decision,
//! which is people's, and going on under a new generation ([`crate::flow::succession`]).

use super::{Recovering, required};
use crate::flow::Node;
use crate::port::StoreError;
use crate::state::PeerHead;
use crate::state::recovery::{Frozen, Phase};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use varde_proto::exchange::KnownHead;
use varde_proto::id::{NodeId, Origin};
use varde_proto::identity::Reason;
use varde_proto::log::head::Head;

/// What is known of our log.
pub struct Known {
    /// Why it cannot go on now.
    pub reason: Reason,
    /// The newest head of it that a peer had.
    pub newest: Option<Head>,
    /// What is stored.
    pub stored: KnownHead,
    /// What the sign guard says was shown.
    pub shown: Option<KnownHead>,
    /// Peers that have not answered.
    pub silent: Vec<NodeId>,
}

impl Recovering {
    /// Keeps a head that a peer had, if it is the newest.
    pub(super) fn keep(&self, head: Head) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.as_ref().is_none_or(|known| known.size() < head.size()) {
            *newest = Some(head);
        }
    }
}

/// What is known of our log, unless it is not locked.
pub fn known(node: &Node) -> Result<Option<Known>, StoreError> {
    let Some(recovering) = node.ledger.recovering() else { return Ok(None) };
    let required = required(node)?;
    let book = node.ledger.book();
    let stored = KnownHead { size: book.tree.size().0, root: book.tree.root() };
    drop(book);
    let newest = recovering.newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let state = recovering.state();
    let answered: BTreeSet<&Origin> = state.answered().collect();
    let silent: Vec<NodeId> =
        required.iter().filter(|peer| !answered.contains(peer) || state.awaits(peer)).map(Origin::node).collect();
    let reason = match state.phase() {
        Phase::Frozen(Frozen::Forked) => Reason::NotAPrefix,
        Phase::Frozen(Frozen::TailLost { .. }) => Reason::TailLost,
        Phase::Asking if silent.is_empty() && !answered.is_empty() => Reason::TailLost,
        // One word is enough to go on, and whoever gives leaves back is let do so.
        Phase::Asking if state.is_unconfirmed() => return Ok(None),
        Phase::Refill { .. } | Phase::Over => return Ok(None),
        Phase::Openings if silent.is_empty() => return Ok(None),
        Phase::Asking | Phase::Openings => Reason::PeersUnreachable,
    };
    let shown = state.shown().map(|PeerHead { size, root }| KnownHead { size, root });
    Ok(Some(Known { reason, newest, stored, shown, silent }))
}
