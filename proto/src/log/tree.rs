//! The whole tree in memory: roots and proofs for every size it has had. 36 bytes a leaf.

use super::merkle::{EMPTY_ROOT, node_hash};
use crate::id::{Digest, LogIndex, TreeSize};

/// Roots of fewer leaves than 2 to this are not kept: computing one takes seven hashes at most, keeping all would nearly double
/// the memory.
const LOW: u32 = 4;

/// An append-only tree over leaf hashes. Row `k` holds the roots of the complete subtrees of 2^(4 + k) leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    leaves: Vec<Digest>,
    rows: Vec<Vec<Digest>>,
}

impl Tree {
    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        TreeSize(self.leaves.len() as u64)
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf: Digest) -> LogIndex {
        let index = self.size();
        self.leaves.push(leaf);
        for level in LOW..=self.size().0.trailing_zeros() {
            let row = (level - LOW) as usize;
            let hash = match row.checked_sub(1).map(|below| self.rows[below].as_slice()) {
                Some([.., left, right]) => node_hash(left, right),
                _ => subtree(&self.leaves[self.leaves.len() - (1 << LOW)..]),
            };
            if self.rows.len() == row {
                self.rows.push(Vec::new());
            }
            self.rows[row].push(hash);
        }
        LogIndex(index.0)
    }

    /// Forgets the leaves from `size` on: for a caller whose write of them failed whole.
    pub fn truncate(&mut self, size: TreeSize) {
        self.leaves.truncate(usize::try_from(size.0).unwrap_or(usize::MAX));
        for (row, level) in self.rows.iter_mut().zip(LOW..) {
            row.truncate(usize::try_from(size.0 >> level).unwrap_or(usize::MAX));
        }
        self.rows.retain(|row| !row.is_empty());
    }

    /// The hash of a leaf.
    pub fn leaf(&self, index: LogIndex) -> Option<Digest> {
        self.leaves.get(usize::try_from(index.0).ok()?).copied()
    }

    /// The root of the complete subtree number `index` of 2^`level` leaves.
    pub fn node(&self, level: u32, index: u64) -> Option<Digest> {
        let index = usize::try_from(index).ok()?;
        if let Some(row) = level.checked_sub(LOW) {
            return self.rows.get(row as usize)?.get(index).copied();
        }
        let from = index.checked_mul(1 << level)?;
        self.leaves.get(from..from.checked_add(1 << level)?).map(subtree)
    }

    /// The root of the tree as it is.
    pub fn root(&self) -> Digest {
        self.root_at(self.size()).unwrap_or(EMPTY_ROOT)
    }

    /// The root of the first `size` leaves; `None` when there are not that many.
    pub fn root_at(&self, size: TreeSize) -> Option<Digest> {
        match size.0 {
            0 => Some(EMPTY_ROOT),
            n if n <= self.size().0 => self.range(0, n),
            _ => None,
        }
    }

    /// The inclusion path of a leaf in the tree of the first `size` leaves, from the leaf's sibling up.
    pub fn inclusion(&self, index: LogIndex, size: TreeSize) -> Option<Vec<Digest>> {
        if index.0 >= size.0 || size.0 > self.size().0 {
            return None;
        }
        let mut path = Vec::new();
        let (mut from, mut to) = (0, size.0);
        while to - from > 1 {
            let middle = from + split(to - from);
            if index.0 < middle {
                path.push(self.range(middle, to)?);
                to = middle;
            } else {
                path.push(self.range(from, middle)?);
                from = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The consistency path from the tree of `old` leaves to the tree of `new` leaves; empty when they are the same.
    /// `None` when `old` is 0 or more than `new`, or `new` is more than there are.
    pub fn consistency(&self, old: TreeSize, new: TreeSize) -> Option<Vec<Digest>> {
        if old.0 == 0 || old.0 > new.0 || new.0 > self.size().0 {
            return None;
        }
        let mut path = Vec::new();
        let (mut from, mut to) = (0, new.0);
        while to != old.0 {
            let middle = from + split(to - from);
            if old.0 <= middle {
                path.push(self.range(middle, to)?);
                to = middle;
            } else {
                path.push(self.range(from, middle)?);
                from = middle;
            }
        }
        if from != 0 {
            path.push(self.range(from, to)?);
        }
        path.reverse();
        Some(path)
    }

    /// The hash of the leaves `[from, to)`, where `from` begins a subtree of the split of RFC 6962.
    fn range(&self, from: u64, to: u64) -> Option<Digest> {
        let count = to - from;
        if count.is_power_of_two() && from.is_multiple_of(count) {
            let level = count.trailing_zeros();
            return self.node(level, from >> level);
        }
        let middle = from + split(count);
        Some(node_hash(&self.range(from, middle)?, &self.range(middle, to)?))
    }
}

/// The root of a complete subtree; there are as many leaves as a power of two.
fn subtree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => EMPTY_ROOT,
        [leaf] => *leaf,
        more => {
            let (left, right) = more.split_at(more.len() / 2);
            node_hash(&subtree(left), &subtree(right))
        }
    }
}

/// The largest power of two that is less than `count`, which is more than 1.
fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::log::frontier::Frontier;
    use crate::log::merkle::{leaf_hash, verify_consistency, verify_inclusion};

    fn tree(size: u64) -> Tree {
        let mut tree = Tree::default();
        for n in 0..size {
            assert_eq!(tree.push(leaf_hash(&n.to_be_bytes())), LogIndex(n));
        }
        tree
    }

    #[test]
    fn every_proof_of_every_small_tree_verifies_and_only_there() {
        let tree = tree(40);
        for size in 1..=40 {
            let root = tree.root_at(TreeSize(size)).unwrap();
            for index in 0..size {
                let (leaf, at) = (tree.leaf(LogIndex(index)).unwrap(), LogIndex(index));
                let path = tree.inclusion(at, TreeSize(size)).unwrap();
                assert_eq!(verify_inclusion(at, TreeSize(size), &leaf, &path, &root), Ok(()));
                let other = LogIndex(index ^ 1);
                assert!(size == 1 || verify_inclusion(other, TreeSize(size), &leaf, &path, &root).is_err());
            }
            for old in 1..=size {
                let old_root = tree.root_at(TreeSize(old)).unwrap();
                let path = tree.consistency(TreeSize(old), TreeSize(size)).unwrap();
                assert_eq!(verify_consistency(TreeSize(old), TreeSize(size), &old_root, &root, &path), Ok(()));
                let wrong = verify_consistency(TreeSize(old), TreeSize(size), &leaf_hash(b""), &root, &path);
                assert!(wrong.is_err());
            }
        }
    }

    #[test]
    fn the_frontier_has_the_trees_root_at_every_size() {
        let tree = tree(300);
        let mut frontier = Frontier::default();
        for n in 0..300 {
            assert_eq!(Some(frontier.root()), tree.root_at(TreeSize(n)));
            frontier.push(tree.leaf(LogIndex(n)).unwrap());
            assert_eq!(Frontier::read(&frontier.bytes()), Some(frontier.clone()));
            assert_eq!(Frontier::read(&frontier.bytes()[1..]), None);
        }
        assert_eq!((frontier.root(), frontier.size()), (tree.root(), tree.size()));
    }

    #[test]
    fn a_truncated_tree_is_the_tree_it_was() {
        let mut shorter = tree(100);
        for size in (0..100).rev() {
            shorter.truncate(TreeSize(size));
            assert_eq!(shorter, tree(size));
        }
    }

    #[test]
    fn what_the_tree_does_not_hold_has_no_proof() {
        let tree = tree(5);
        assert_eq!(tree.root_at(TreeSize(6)), None);
        assert_eq!(tree.inclusion(LogIndex(5), TreeSize(5)), None);
        assert_eq!(tree.inclusion(LogIndex(0), TreeSize(6)), None);
        assert_eq!(tree.consistency(TreeSize(0), TreeSize(5)), None);
        assert_eq!(tree.consistency(TreeSize(5), TreeSize(4)), None);
        assert_eq!(Tree::default().root(), EMPTY_ROOT);
    }
}
