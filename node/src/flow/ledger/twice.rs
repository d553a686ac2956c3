//! The root of our log, computed a second time before it is signed. One flipped bit in memory ended a public log for good: its
//! signed head had a root that its leaves do not have (Certificate Transparency, Yeti 2022, list ct-policy, 2021-07).
//!
//! In: a tree of its own over the bytes that go to the store. Out: what is done about it: the writer stops, and nothing is signed.

use crate::flow::desk::Staged;
use crate::port::StoreError;
use crate::rows;
use varde_proto::id::{Digest, LogIndex};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::leaf::Entry;
use varde_proto::log::tree::Tree;

/// The second tree: nothing in it is shared with the first.
pub(super) struct Twice {
    tree: Frontier,
    /// The number under which leaf 0 is stored.
    first: u64,
}

impl Twice {
    /// Begins from a tree whose root was found to be the one that was written with it.
    pub(super) fn of(tree: &Tree, first: u64) -> Self {
        let mut second = Frontier::default();
        (0..tree.size().0).filter_map(|index| tree.leaf(LogIndex(index))).for_each(|leaf| second.push(leaf));
        Self { tree: second, first }
    }

    /// Appends the entries that are about to be written, and compares: `root` is the first tree's with `leaves` more.
    pub(super) fn check(&mut self, staged: &Staged, leaves: usize, root: Digest) -> Result<(), StoreError> {
        let differs = || {
            StoreError::Damaged(
                "the root of the log, computed twice, came out differently: a bit flipped in memory. Nothing was written or signed. \
                 Test this machine's memory before the node is started again"
                    .into(),
            )
        };
        for _ in 0..leaves {
            let row = rows::numbered(rows::LEAF, self.first + self.tree.size().0);
            let entry = staged.value(&row).and_then(Entry::parse).ok_or_else(differs)?;
            self.tree.push(entry.leaf_hash());
        }
        if self.tree.root() == root { Ok(()) } else { Err(differs()) }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Three leaves in both trees, and a fourth as it was decided; `flip` stands for the hardware.
    fn fourth(flip: impl FnOnce(&mut [u8], &mut [u8])) -> Result<(), StoreError> {
        let entry = |n: u8| Entry::parse(&[&[1; 1][..], &[n; 32]].concat()).unwrap();
        let mut tree = Tree::default();
        for n in 0..3 {
            tree.push(entry(n).leaf_hash());
        }
        let mut second = Twice::of(&tree, 0);
        let (mut hash, mut bytes) = (entry(3).leaf_hash(), entry(3).bytes().to_vec());
        flip(&mut hash.0, &mut bytes);
        tree.push(hash);
        let mut staged = Staged::default();
        staged.put(rows::numbered(rows::LEAF, 3), Some(bytes));
        second.check(&staged, 1, tree.root())
    }

    #[test]
    fn a_bit_that_flips_in_memory_is_found_before_anything_is_written_or_signed() {
        assert!(fourth(|_, _| ()).is_ok());
        for bit in 0..256 {
            assert!(fourth(|hash, _| hash[bit / 8] ^= 1 << (bit % 8)).is_err(), "bit {bit} of a hash");
            assert!(fourth(|_, bytes| bytes[bit / 8] ^= 1 << (bit % 8)).is_err(), "bit {bit} of an entry");
        }
    }
}
