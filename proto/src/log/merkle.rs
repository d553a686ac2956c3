//! The hashes of RFC 6962 and the two proofs, verified by the algorithms of RFC 9162, sections 2.1.3.2 and 2.1.4.2.
//!
//! A proof does not determine the size of the tree: sizes come from signed heads, never from a proof. Growth from the empty
//! tree proves nothing and is refused here; who accepts it (a witness that knows nothing yet) does so himself.

use crate::id::{Digest, LogIndex, TreeSize};
use sha2::{Digest as _, Sha256};

/// SHA-256 of nothing: the root of the empty tree.
pub const EMPTY_ROOT: Digest = Digest([
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
]);

/// Hash of a leaf.
pub fn leaf_hash(entry: &[u8]) -> Digest {
    Digest(Sha256::new().chain_update([0]).chain_update(entry).finalize().into())
}

/// Hash of an inner node.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    Digest(Sha256::new().chain_update([1]).chain_update(left.0).chain_update(right.0).finalize().into())
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadProof {
    /// The leaf is not in a tree of this size, or the old tree is empty or larger than the new one.
    #[error("the proof's position is outside the tree")]
    Position,
    /// More or fewer hashes than the position needs.
    #[error("the proof has too many or too few hashes")]
    Length,
    /// The hashes lead to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// Checks that the leaf at `index` of the tree of `size` leaves and `root` has the hash `leaf`.
pub fn verify_inclusion(
    index: LogIndex,
    size: TreeSize,
    leaf: &Digest,
    path: &[Digest],
    root: &Digest,
) -> Result<(), BadProof> {
    let mut climb = Climb::begin(index, size, leaf)?;
    path.iter().try_for_each(|sibling| climb.step(sibling))?;
    climb.end(root)
}

/// How far the check of an inclusion proof has come. What it comes to depends on this, on the hashes that are left, and on
/// the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Climb {
    node: u64,
    last: u64,
    hash: Digest,
}

impl Climb {
    /// At a leaf.
    pub(crate) fn begin(index: LogIndex, size: TreeSize, leaf: &Digest) -> Result<Self, BadProof> {
        if index.0 >= size.0 {
            return Err(BadProof::Position);
        }
        Ok(Self { node: index.0, last: size.0 - 1, hash: *leaf })
    }

    /// Takes the next hash of the path.
    pub(crate) fn step(&mut self, sibling: &Digest) -> Result<(), BadProof> {
        if self.last == 0 {
            return Err(BadProof::Length);
        }
        if self.node & 1 == 1 || self.node == self.last {
            self.hash = node_hash(sibling, &self.hash);
            climb_to_right_child(&mut self.node, &mut self.last);
        } else {
            self.hash = node_hash(&self.hash, sibling);
        }
        self.node >>= 1;
        self.last >>= 1;
        Ok(())
    }

    /// No hash is left.
    pub(crate) fn end(self, root: &Digest) -> Result<(), BadProof> {
        finish(self.last, self.hash == *root)
    }
}

/// Checks that the tree of `old_size` leaves and `old_root` is the beginning of the tree of `new_size` and `new_root`.
pub fn verify_consistency(
    old_size: TreeSize,
    new_size: TreeSize,
    old_root: &Digest,
    new_root: &Digest,
    path: &[Digest],
) -> Result<(), BadProof> {
    if old_size.0 == 0 || old_size.0 > new_size.0 {
        return Err(BadProof::Position);
    }
    if old_size == new_size {
        return if path.is_empty() { finish(0, old_root == new_root) } else { Err(BadProof::Length) };
    }
    let (first, rest) =
        if old_size.0.is_power_of_two() { (old_root, path) } else { path.split_first().ok_or(BadProof::Length)? };
    let (mut node, mut last) = (old_size.0 - 1, new_size.0 - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let (mut old, mut new) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(BadProof::Length);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(hash, &old);
            new = node_hash(hash, &new);
            climb_to_right_child(&mut node, &mut last);
        } else {
            new = node_hash(&new, hash);
        }
        node >>= 1;
        last >>= 1;
    }
    finish(last, old == *old_root && new == *new_root)
}

fn climb_to_right_child(node: &mut u64, last: &mut u64) {
    while *node & 1 == 0 && *node != 0 {
        *node >>= 1;
        *last >>= 1;
    }
}

fn finish(last: u64, roots_agree: bool) -> Result<(), BadProof> {
    match (last, roots_agree) {
        (0, true) => Ok(()),
        (0, false) => Err(BadProof::Root),
        _ => Err(BadProof::Length),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_empty_root_is_the_hash_of_nothing() {
        assert_eq!(EMPTY_ROOT, Digest::of(b""));
    }

    #[test]
    fn growth_from_the_empty_tree_is_no_proof() {
        let root = leaf_hash(b"a");
        let grown = |old, new| verify_consistency(TreeSize(old), TreeSize(new), &EMPTY_ROOT, &root, &[]);
        assert_eq!(grown(0, 1), Err(BadProof::Position));
        assert_eq!(grown(0, 0), Err(BadProof::Position));
    }

    #[test]
    fn positions_at_the_end_of_the_number_range_do_not_overflow() {
        let (leaf, root) = (leaf_hash(b"a"), EMPTY_ROOT);
        let max = TreeSize(u64::MAX);
        assert_eq!(verify_inclusion(LogIndex(u64::MAX), max, &leaf, &[], &root), Err(BadProof::Position));
        let path = [leaf; 70];
        assert_eq!(verify_inclusion(LogIndex(u64::MAX - 1), max, &leaf, &path, &root), Err(BadProof::Length));
        assert_eq!(verify_consistency(TreeSize(u64::MAX - 1), max, &leaf, &root, &path), Err(BadProof::Length));
    }
}
