//! Leaves of other logs, each shown by a proof under a head that the other log signed. What a proof shows by itself; whether it
//! is about an item of ours is judged later.

use super::leaves::Leaves;
use super::peers::Pinned;
use crate::id::{Digest, LogIndex, Origin};
use crate::log::Checkpoint;
use crate::log::event::Event;
use crate::log::head::Head;
use crate::log::merkle;
use crate::log::proof::TlogProof;

/// A file of proofs that one other log gave.
pub(super) struct Proofs {
    peer: Origin,
    pinned: Option<Pinned>,
    proofs: Vec<Vec<u8>>,
}

/// What a proof shows.
pub(super) struct Shown {
    /// A head that the other log signed: size and root.
    pub(super) head: Option<(u64, Digest)>,
    /// A leaf under it, or why there is none.
    pub(super) leaf: Result<(LogIndex, Event), String>,
    /// SHA-256 of the proof.
    pub(super) digest: Digest,
}

impl Proofs {
    pub(super) fn new(peer: &Origin, proofs: Vec<Vec<u8>>, leaves: &Leaves<'_>) -> Self {
        Self { peer: peer.clone(), pinned: leaves.peers.get(peer).cloned(), proofs }
    }

    /// Checks each by itself; `None` where there is none.
    pub(super) fn open(self) -> Vec<Option<Shown>> {
        let mut last = None;
        self.proofs.iter().map(|bytes| (!bytes.is_empty()).then(|| self.shown(bytes, &mut last))).collect()
    }

    fn shown(&self, bytes: &[u8], last: &mut Option<(String, Head)>) -> Shown {
        let mut shown = Shown { head: None, leaf: Err(String::new()), digest: Digest::of(bytes) };
        shown.leaf = self.leaf(bytes, last, &mut shown.head);
        shown
    }

    fn leaf(
        &self,
        bytes: &[u8],
        last: &mut Option<(String, Head)>,
        signed: &mut Option<(u64, Digest)>,
    ) -> Result<(LogIndex, Event), String> {
        let proof = TlogProof::parse(bytes).map_err(|bad| bad.to_string())?;
        let opening = proof.opening().ok_or_else(|| "it does not show the leaf it is of".to_owned())?;
        let head = self.head(&proof, last)?;
        *signed = Some((head.size().0, head.root()));
        merkle::verify_inclusion(proof.index, head.size(), &opening.entry().leaf_hash(), &proof.path, &head.root())
            .map_err(|bad| bad.to_string())?;
        Ok((proof.index, opening.event().clone()))
    }

    /// The head in a proof; those of one frame share it, so it is verified once.
    fn head(&self, proof: &TlogProof, last: &mut Option<(String, Head)>) -> Result<Head, String> {
        let text = proof.checkpoint.write();
        if let Some((_, head)) = last.as_ref().filter(|(same, _)| *same == text) {
            return Ok(head.clone());
        }
        let size = Checkpoint::parse(proof.checkpoint.text()).map_err(|bad| bad.to_string())?.size();
        let keys = self.pinned.as_ref().map(|pinned| pinned.log_keys(size)).unwrap_or_default();
        let head = Head::verify(proof.checkpoint.clone(), &self.peer, &keys).map_err(|bad| bad.to_string())?;
        *last = Some((text, head.clone()));
        Ok(head)
    }
}
