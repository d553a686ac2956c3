//! Leaves of other logs, each shown by a proof under a head that the other log signed. What a proof shows by itself; whether it
//! is about an item of ours is judged later.

use super::channels::Channel;
use super::layout;
use super::leaves::Leaves;
use super::peers::Pinned;
use crate::id::{Digest, LogIndex, Origin};
use crate::limits;
use crate::log::codec::unbase64_digest;
use crate::log::event::Event;
use crate::log::head::Head;
use crate::log::leaf::Opening;
use crate::log::merkle::{BadProof, Climb};
use crate::log::proof::{Start, TlogProof};
use crate::log::{Checkpoint, Entry};
use bytes::Bytes;
use std::collections::BTreeSet;

/// A file of proofs that one other log gave.
pub(super) struct Proofs {
    peer: Origin,
    pinned: Option<Pinned>,
    proofs: Vec<Bytes>,
    /// Places of those whose digest a leaf of ours names.
    named: BTreeSet<u64>,
}

/// What a proof shows.
pub(super) struct Shown {
    /// A head that the other log signed: size and root.
    pub(super) head: Option<(u64, Digest)>,
    /// A leaf under it, or why there is none.
    pub(super) leaf: Result<(LogIndex, Event), String>,
    /// SHA-256 of the proof, if a leaf of ours names one.
    pub(super) digest: Option<Digest>,
}

/// What the proofs before have come to.
#[derive(Default)]
struct Before<'p> {
    /// The head that was verified last, with its note.
    head: Option<(String, Head)>,
    /// The proof that was verified last.
    verified: Option<Passed<'p>>,
}

/// A proof that passed. Its neighbours have the head and most of the path in common with it.
struct Passed<'p> {
    head: Head,
    /// Path and checkpoint, as they stand in the file.
    rest: &'p [u8],
    /// How far its check had come after each number of hashes.
    steps: Vec<Climb>,
}

/// A line of a path: the base64 of 32 bytes, and its end.
const LINE: usize = 45;

impl Proofs {
    pub(super) fn new(channel: &Channel, block: u64, proofs: Vec<Bytes>, leaves: &Leaves<'_>) -> Self {
        let first = block * layout::PACK + 1;
        let held = leaves.held.get(channel).map_or(&[][..], Vec::as_slice);
        let from = held.partition_point(|held| held.seq < first);
        let places = held[from..].iter().map(|held| held.seq - first);
        let named = places.take_while(|place| *place < layout::PACK).collect();
        Self { peer: channel.peer.clone(), pinned: leaves.peers.get(&channel.peer).cloned(), proofs, named }
    }

    /// Checks each by itself; `None` where there is none.
    pub(super) fn open(self) -> Vec<Option<Shown>> {
        let mut before = Before::default();
        let places = (0..).zip(&self.proofs);
        places.map(|(place, bytes)| (!bytes.is_empty()).then(|| self.shown(place, bytes, &mut before))).collect()
    }

    fn shown<'p>(&'p self, place: u64, bytes: &'p [u8], before: &mut Before<'p>) -> Shown {
        let digest = self.named.contains(&place).then(|| Digest::of(bytes));
        if let Some(verified) = &mut before.verified
            && let Some(leaf) = verified.neighbour(bytes)
        {
            return Shown { head: Some((verified.head.size().0, verified.head.root())), leaf: Ok(leaf), digest };
        }
        let mut shown = Shown { head: None, leaf: Err(String::new()), digest };
        shown.leaf = self.leaf(bytes, before, &mut shown.head);
        shown
    }

    fn leaf<'p>(
        &'p self,
        bytes: &'p [u8],
        before: &mut Before<'p>,
        signed: &mut Option<(u64, Digest)>,
    ) -> Result<(LogIndex, Event), String> {
        let proof = TlogProof::parse(bytes).map_err(|bad| bad.to_string())?;
        let opened = proof.extra.as_deref().and_then(|extra| Opening::read(extra).ok());
        let (entry, event) = opened.ok_or_else(|| "it does not show the leaf it is of".to_owned())?;
        let head = self.head(&proof, &mut before.head)?;
        *signed = Some((head.size().0, head.root()));
        let steps = climb(&proof, &entry, &head).map_err(|bad| bad.to_string())?;
        let rest = Start::parse(bytes).map_err(|bad| bad.to_string())?.rest;
        before.verified = Some(Passed { head, rest, steps });
        Ok((proof.index, event))
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

/// Verifies the inclusion of an entry; how far the check had come after each number of hashes.
fn climb(proof: &TlogProof, entry: &Entry, head: &Head) -> Result<Vec<Climb>, BadProof> {
    let mut climb = Climb::begin(proof.index, head.size(), &entry.leaf_hash())?;
    let mut steps = vec![climb];
    for sibling in &proof.path {
        climb.step(sibling)?;
        steps.push(climb);
    }
    climb.end(&head.root())?;
    Ok(steps)
}

impl<'p> Passed<'p> {
    /// The leaf of another proof, if the check of that one comes to where the check of this one had come, and the rest of the two
    /// is the same to the last byte: then it ends as this one did. `None` says nothing against a proof.
    fn neighbour(&mut self, bytes: &'p [u8]) -> Option<(LogIndex, Event)> {
        let Start { extra, index, rest } = Start::parse(bytes).ok()?;
        let (entry, event) = Opening::read(&extra?).ok()?;
        let mut climb = Climb::begin(index, self.head.size(), &entry.leaf_hash()).ok()?;
        let (mut left, mut steps) = (rest, Vec::new());
        let met = loop {
            let ahead = self.rest.len().checked_sub(left.len());
            let place = ahead.filter(|ahead| ahead.is_multiple_of(LINE)).map(|ahead| ahead / LINE);
            if let Some(place) = place.filter(|place| self.steps.get(*place) == Some(&climb))
                && self.rest[place * LINE..] == *left
            {
                break place;
            }
            let (line, after) = left.split_at_checked(LINE)?;
            let line = std::str::from_utf8(line.strip_suffix(b"\n")?).ok()?;
            steps.push(climb);
            climb.step(&unbase64_digest(line)?).ok()?;
            left = after;
        };
        self.rest = rest;
        self.steps.splice(..met, steps);
        (self.steps.len() <= limits::PROOF_HASHES + 1).then_some((index, event))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::log::event::tests::sample;
    use crate::log::policy::tests::key;
    use crate::log::tree::Tree;

    const LEAVES: u64 = 21;

    /// A head, and the proof of each leaf under it.
    fn proofs(signer: u8) -> (Head, Vec<Vec<u8>>) {
        let (mut tree, mut openings) = (Tree::default(), Vec::new());
        for seq in 0..LEAVES {
            let opening = Opening::new(&[seq as u8; 32], Event { seq, ..sample() }).unwrap();
            tree.push(opening.entry().leaf_hash());
            openings.push(opening);
        }
        let origin = Origin::parse("varde.example/ee/1").unwrap();
        let head = Head::sign(&origin, tree.size(), tree.root(), &key(signer)).unwrap();
        let write = |(index, opening): (u64, &Opening)| {
            let path = tree.inclusion(LogIndex(index), tree.size()).unwrap();
            TlogProof::of_leaf(opening, LogIndex(index), path, head.note().clone()).write().into_bytes()
        };
        let proofs = (0..).zip(&openings).map(write).collect();
        (head, proofs)
    }

    /// The whole check of a proof under a head, with what it came to.
    fn alone<'p>(bytes: &'p [u8], head: &Head) -> Option<(LogIndex, Event, Passed<'p>)> {
        let proof = TlogProof::parse(bytes).ok().filter(|proof| proof.checkpoint == *head.note())?;
        let (entry, event) = Opening::read(proof.extra.as_deref()?).ok()?;
        let steps = climb(&proof, &entry, head).ok()?;
        let rest = Start::parse(bytes).ok()?.rest;
        Some((proof.index, event, Passed { head: head.clone(), rest, steps }))
    }

    #[test]
    fn a_proof_after_any_other_comes_to_what_it_comes_to_alone() {
        let (head, proofs) = proofs(1);
        for first in &proofs {
            let (_, _, mut verified) = alone(first, &head).unwrap();
            for (place, bytes) in proofs.iter().enumerate() {
                let (index, event, whole) = alone(bytes, &head).unwrap();
                assert_eq!(verified.neighbour(bytes), Some((index, event)), "leaf {place}");
                assert_eq!((verified.rest, &verified.steps), (whole.rest, &whole.steps), "leaf {place}");
            }
        }
    }

    #[test]
    fn a_neighbour_that_is_changed_cut_or_under_another_head_is_never_believed_for_its_neighbours_sake() {
        let ((head, ours), (_, theirs)) = (proofs(1), proofs(2));
        for (first, second) in [(7, 8), (8, 7), (0, 20), (20, 19), (3, 3)] {
            let believed = |bytes: &[u8]| {
                let (_, _, mut verified) = alone(&ours[first], &head).unwrap();
                let leaf = verified.neighbour(bytes);
                assert!(leaf.is_none() || leaf == alone(bytes, &head).map(|(index, event, _)| (index, event)));
                leaf.is_some()
            };
            let bytes = &ours[second];
            assert!(believed(bytes) && !believed(&theirs[second]));
            for place in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[place] ^= 1;
                assert!(!believed(&changed), "byte {place}");
                assert!(!believed(&bytes[..place]), "cut at {place}");
            }
        }
    }
}
