//! Entries on the wire, and the proofs in frames: that a head extends the last one, that entries make a head, that a leaf is in a tree.

use super::{BadFrame, KnownHead, Piece, Proven, Shown, bound};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::PublicKey;
use crate::limits;
use crate::log::frontier::Frontier;
use crate::log::head::{BadHead, Head};
use crate::log::leaf::Entry;
use crate::log::merkle;
use crate::wire::peer;
use bytes::Bytes;

/// What is wrong with a proof. Nothing advances; the connection is closed and the code goes to the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// The checkpoint is not signed by the sender's log key.
    #[error("the checkpoint is not signed by the sender's log key")]
    Signature,
    /// The checkpoint is smaller than one verified before: the log was rolled back, or a proof is being replayed.
    #[error("the checkpoint is older than one verified before")]
    Rollback,
    /// Same size, another root: two logs under one name.
    #[error("two heads of one size differ")]
    Fork,
    /// The checkpoint does not extend what was verified before.
    #[error("the checkpoint does not extend what was verified before")]
    Consistency,
    /// The leaf is not in the tree of the checkpoint.
    #[error("the leaf is not in the tree of the checkpoint")]
    Inclusion,
}

impl BadProof {
    /// The code for the journal and for the refusal frame.
    pub fn code(self) -> &'static str {
        match self {
            Self::Signature => "bad-checkpoint-signature",
            Self::Rollback => "rollback",
            Self::Fork => "fork",
            Self::Consistency => "inconsistent",
            Self::Inclusion => "not-included",
        }
    }
}

/// Checks a head against the newest one verified; returns the new one. Size 0 is extended by anything. `kept` is how far the
/// log's entries are kept: where entries are the proof, it moves on with them.
pub fn check_head(
    known: KnownHead,
    kept: &mut Frontier,
    proven: &Proven,
    log: &Origin,
    keys: &[PublicKey],
) -> Result<Head, BadProof> {
    let head = check_signature(&proven.checkpoint, log, keys)?;
    let new = KnownHead::of(&head);
    if new.size < known.size {
        return Err(BadProof::Rollback);
    }
    if new.size == known.size {
        // The same again adds nothing, whatever comes with it.
        return if new.root == known.root { Ok(head) } else { Err(BadProof::Fork) };
    }
    if !proven.entries.is_empty() {
        if proven.from_size != known.size || kept.size().0 != known.size {
            return Err(BadProof::Consistency);
        }
        *kept = grown(kept, &proven.entries, new).ok_or(BadProof::Consistency)?;
        return Ok(head);
    }
    if known.size > 0 {
        if proven.from_size != known.size {
            return Err(BadProof::Consistency);
        }
        let (old, size) = (TreeSize(known.size), TreeSize(new.size));
        merkle::verify_consistency(old, size, &known.root, &new.root, &proven.consistency)
            .map_err(|_| BadProof::Consistency)?;
    }
    Ok(head)
}

/// The frontier after these entries, if they make exactly this head.
fn grown(kept: &Frontier, entries: &[Entry], head: KnownHead) -> Option<Frontier> {
    if kept.size().0.checked_add(entries.len() as u64) != Some(head.size) {
        return None;
    }
    let mut grown = kept.clone();
    entries.iter().for_each(|entry| grown.push(entry.leaf_hash()));
    (grown.root() == head.root).then_some(grown)
}

/// Checks entries that were asked for: they follow those that are kept, make the head that comes with them, and end within
/// the newest head verified. Where they end with it, the two heads must be one.
pub fn check_entries(
    known: KnownHead,
    kept: &mut Frontier,
    piece: &Piece,
    log: &Origin,
    keys: &[PublicKey],
) -> Result<(), BadProof> {
    let head = KnownHead::of(&check_signature(&piece.checkpoint, log, keys)?);
    if head.size == known.size && head.root != known.root {
        return Err(BadProof::Fork);
    }
    if piece.from != kept.size().0 || head.size > known.size {
        return Err(BadProof::Consistency);
    }
    *kept = grown(kept, &piece.entries, head).ok_or(BadProof::Consistency)?;
    Ok(())
}

/// Checks that a head is signed by the log.
pub fn check_signature(checkpoint: &peer::Checkpoint, log: &Origin, keys: &[PublicKey]) -> Result<Head, BadProof> {
    Head::from_wire(checkpoint, log, keys).map_err(|_: BadHead| BadProof::Signature)
}

/// Checks that a shown leaf is in the tree of a verified head.
pub fn check_shown(head: KnownHead, shown: &Shown) -> Result<(), BadProof> {
    let leaf = shown.opening.entry().leaf_hash();
    let (index, size) = (LogIndex(shown.index), TreeSize(head.size));
    merkle::verify_inclusion(index, size, &leaf, &shown.path, &head.root).map_err(|_| BadProof::Inclusion)
}

/// Entries travel as the commitments in them.
pub(super) fn read_entries(bytes: &[u8]) -> Result<Vec<Entry>, BadFrame> {
    bound(bytes.len() <= 32 * limits::FRAME_ENTRIES, "entries")?;
    let (commitments, rest) = bytes.as_chunks::<32>();
    if rest.is_empty() {
        Ok(commitments.iter().map(|commitment| Entry::new(&Digest(*commitment))).collect())
    } else {
        Err(BadFrame::Field("entries"))
    }
}

/// Their commitments, one after the other.
pub(super) fn write_entries(entries: &[Entry]) -> Bytes {
    entries.iter().flat_map(|entry| entry.commitment().0).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::identity::SecretKey;
    use crate::log::tree::Tree;
    use zeroize::Zeroizing;

    fn key() -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([5; 32]))
    }

    fn log() -> Origin {
        Origin::parse("varde.example/ee/1").unwrap()
    }

    fn entry(n: u64) -> Entry {
        Entry::new(&Digest::of(&n.to_be_bytes()))
    }

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::default();
        for n in 0..size {
            tree.push(entry(n).leaf_hash());
        }
        tree
    }

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        (0..size).for_each(|n| frontier.push(entry(n).leaf_hash()));
        frontier
    }

    fn head(size: u64) -> peer::Checkpoint {
        Head::sign(&log(), TreeSize(size), tree(size).root(), &key()).unwrap().to_wire()
    }

    fn known(size: u64) -> KnownHead {
        KnownHead { size, root: tree(size).root() }
    }

    fn by_entries(from: u64, to: u64) -> Proven {
        let entries = (from..to).map(entry).collect();
        Proven { checkpoint: head(to), from_size: from, consistency: Vec::new(), entries, cosigned: None }
    }

    fn check(known: KnownHead, kept: &mut Frontier, proven: &Proven) -> Result<u64, BadProof> {
        check_head(known, kept, proven, &log(), &[key().public()]).map(|head| head.size().0)
    }

    #[test]
    fn entries_prove_that_a_head_extends_the_last_one_and_are_kept() {
        for (from, to) in [(0, 1), (0, 9), (5, 6), (5, 21), (8, 16)] {
            let mut kept = frontier(from);
            assert_eq!(check(known(from), &mut kept, &by_entries(from, to)), Ok(to));
            assert_eq!(kept, frontier(to));
        }
    }

    #[test]
    fn entries_that_do_not_make_the_signed_root_prove_nothing() {
        let mut kept = frontier(5);
        let mut other = by_entries(5, 9);
        other.entries[2] = entry(99);
        let mut fewer = by_entries(5, 9);
        fewer.entries.pop();
        let mut more = by_entries(5, 9);
        more.entries.push(entry(9));
        for bad in [other, fewer, more, by_entries(4, 9), by_entries(6, 9)] {
            assert_eq!(check(known(5), &mut kept, &bad), Err(BadProof::Consistency));
        }
        assert_eq!(check(known(5), &mut frontier(3), &by_entries(5, 9)), Err(BadProof::Consistency), "a gap");
        assert_eq!(kept, frontier(5));
        let again = Proven { entries: vec![entry(5)], ..by_entries(5, 5) };
        assert_eq!(check(known(5), &mut kept, &again), Ok(5));
        assert_eq!(kept, frontier(5), "the same head again adds nothing");
    }

    #[test]
    fn entries_that_were_asked_for_must_make_a_signed_head_within_the_verified_one() {
        let check =
            |known, kept: &mut Frontier, piece: &Piece| check_entries(known, kept, piece, &log(), &[key().public()]);
        let piece = |from, to: u64| Piece { checkpoint: head(to), from, entries: (from..to).map(entry).collect() };
        let mut kept = frontier(3);
        assert_eq!(check(known(20), &mut kept, &piece(3, 11)), Ok(()));
        assert_eq!(check(known(20), &mut kept, &piece(3, 11)), Err(BadProof::Consistency), "the same again");
        assert_eq!(check(known(20), &mut kept, &piece(11, 21)), Err(BadProof::Consistency), "beyond the head");
        let mut forged = piece(11, 20);
        forged.entries[0] = entry(99);
        assert_eq!(check(known(20), &mut kept, &forged), Err(BadProof::Consistency));
        let fork = KnownHead { root: Digest([9; 32]), ..known(20) };
        assert_eq!(check(fork, &mut kept, &piece(11, 20)), Err(BadProof::Fork));
        assert_eq!(check(known(20), &mut kept, &piece(11, 20)), Ok(()));
        assert_eq!(kept, frontier(20));
    }
}
