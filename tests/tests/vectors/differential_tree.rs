//! Roots and proofs, byte for byte, against `ct-merkle` and `tlog_tiles`; tile paths against `tlog_tiles`.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use proptest::prelude::*;
use sha2::Sha256;
use std::collections::BTreeSet;
use tlog_tiles::tlog::{self, Hash, HashReader};
use varde_proto::id::{Digest, LogIndex, TreeSize};
use varde_proto::log::tiles::{Tile, TileKind, tiles};
use varde_proto::log::{Frontier, Tree, merkle};

/// The stored hashes of `tlog_tiles`.
#[derive(Default)]
struct Stored(Vec<Hash>);

impl HashReader for Stored {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog::Error> {
        Ok(indexes.iter().map(|index| self.0[*index as usize]).collect())
    }
}

fn entry(n: u64, length: usize) -> Vec<u8> {
    let mut entry = n.to_be_bytes().to_vec();
    entry.resize(8 + length, 0x5a);
    entry
}

fn digests(bytes: &[u8]) -> Vec<Digest> {
    bytes.chunks(32).map(|chunk| Digest::from_bytes(chunk).unwrap()).collect()
}

fn ours(hashes: &[Hash]) -> Vec<Digest> {
    hashes.iter().map(|hash| Digest(hash.0)).collect()
}

/// The same tree by three implementations.
fn grow(size: u64, length: usize) -> (Tree, MemoryBackedTree<Sha256, Vec<u8>>, Stored) {
    let (mut tree, mut other, mut stored) = (Tree::default(), MemoryBackedTree::new(), Stored::default());
    for n in 0..size {
        let entry = entry(n, length);
        tree.push(merkle::leaf_hash(&entry));
        let hashes = tlog::stored_hashes(n, &entry, &stored).unwrap();
        stored.0.extend(hashes);
        other.push(entry);
    }
    (tree, other, stored)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn roots_and_proofs_are_those_of_other_implementations(size in 1u64..700, length in 0usize..80, pick in any::<u64>()) {
        let (tree, other, stored) = grow(size, length);
        prop_assert_eq!(vec![tree.root()], digests(other.root().as_bytes()));
        let now = TreeSize(size);
        let index = pick % size;
        let path = tree.inclusion(LogIndex(index), now).unwrap();
        prop_assert_eq!(&path, &digests(other.prove_inclusion(index as usize).as_bytes()));
        prop_assert_eq!(&path, &ours(&tlog::prove_record(size, index, &stored).unwrap()));
        let leaf = tree.leaf(LogIndex(index)).unwrap();
        prop_assert_eq!(merkle::verify_inclusion(LogIndex(index), now, &leaf, &path, &tree.root()), Ok(()));

        let old = 1 + (pick >> 32) % size;
        let old_root = tree.root_at(TreeSize(old)).unwrap();
        prop_assert_eq!(old_root.0, tlog::tree_hash(old, &stored).unwrap().0);
        let growth = tree.consistency(TreeSize(old), now).unwrap();
        prop_assert_eq!(&growth, &digests(other.prove_consistency((size - old) as usize).as_bytes()));
        prop_assert_eq!(&growth, &ours(&tlog::prove_tree(size, old, &stored).unwrap()));
        prop_assert_eq!(merkle::verify_consistency(TreeSize(old), now, &old_root, &tree.root(), &growth), Ok(()));
    }

    #[test]
    fn a_changed_proof_is_refused_here_when_it_is_refused_there(
        size in 1u64..300, pick in any::<u64>(), claimed_size in 1u64..300, claimed_index in 0u64..300, flip in any::<(u8, u8)>()
    ) {
        let (tree, _, stored) = grow(size, 0);
        let index = pick % size;
        let mut path = tlog::prove_record(size, index, &stored).unwrap();
        if !path.is_empty() && flip.0 & 1 == 1 {
            let place = usize::from(flip.0) % path.len();
            path[place].0[usize::from(flip.1) % 32] ^= 1;
        }
        let leaf = tree.leaf(LogIndex(index)).unwrap();
        let theirs = claimed_index < claimed_size
            && tlog::check_record(&path, claimed_size, Hash(tree.root().0), claimed_index, Hash(leaf.0)).is_ok();
        let here = merkle::verify_inclusion(LogIndex(claimed_index), TreeSize(claimed_size), &leaf, &ours(&path), &tree.root());
        prop_assert_eq!(here.is_ok(), theirs);
    }

    #[test]
    fn the_frontier_needs_no_tree(sizes in proptest::collection::vec(0u64..4000, 1..4)) {
        let most = *sizes.iter().max().unwrap();
        let (mut frontier, mut tree) = (Frontier::default(), Tree::default());
        for n in 0..most {
            let leaf = merkle::leaf_hash(&n.to_be_bytes());
            frontier.push(leaf);
            tree.push(leaf);
            if sizes.contains(&(n + 1)) {
                prop_assert_eq!(frontier.root(), tree.root());
            }
        }
    }

    #[test]
    fn tile_paths_are_those_of_another_implementation(level in 0u8..64, index in 0u64..(1 << 40), width in 1u16..=256) {
        let tile = Tile::new(TileKind::Hashes(level), index, width).unwrap();
        let theirs = tlog_tiles::tile::Tile::new(8, level, index, u32::from(width), false).path();
        prop_assert_eq!(tile.path(), theirs.replacen("tile/8/", "tile/", 1));
        prop_assert_eq!(Tile::parse(&tile.path()), Some(tile));
    }

    #[test]
    fn a_tree_lies_in_the_tiles_another_implementation_says(size in 1u64..400_000) {
        let theirs: BTreeSet<String> = tlog_tiles::tile::Tile::new_tiles(8, 0, size)
            .iter()
            .map(|tile| tile.path().replacen("tile/8/", "tile/", 1))
            .collect();
        let hashes = tiles(TreeSize(size)).filter(|tile| tile.kind() != TileKind::Entries);
        prop_assert_eq!(hashes.map(Tile::path).collect::<BTreeSet<_>>(), theirs);
    }
}
