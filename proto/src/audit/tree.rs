//! The tree of a bundle: leaves from entries and level-0 tiles, checked against each other and against the higher tiles.

use super::codes;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::heads;
use super::layout;
use super::source::Unreadable;
use crate::id::{Digest, LogIndex};
use crate::limits::TILE_WIDTH;
use crate::log::head::Head;
use crate::log::leaf::Entry;
use crate::log::tiles::{self, Tile, TileKind, read_bundle};
use crate::log::tree::Tree;
use std::collections::BTreeMap;

/// The tree, and its newest head.
pub(super) struct Read {
    pub(super) tree: Tree,
    pub(super) head: Head,
    /// Whether it is signed by a key that was not valid for it.
    pub(super) untimely: bool,
}

/// Reads leaves and tiles. `None` when the tree cannot be known; the findings say why.
pub(super) fn read(files: &mut Files<'_>, out: &mut Findings) -> Result<Option<Read>, Unreadable> {
    let Some((head, untimely)) = newest(files, out)? else { return Ok(None) };
    let Some((mut tree, by_tile)) = leaves(files, out)? else { return Ok(None) };
    if tree.root() != head.root() && !by_tile.is_empty() {
        // Entries and tiles disagree: whichever has the signed root is what was logged.
        let other = instead(&tree, &by_tile);
        tree = if other.root() == head.root() { other } else { tree };
    }
    higher_tiles(files, &tree, out)?;
    Ok(Some(Read { tree, head, untimely }))
}

/// The tree with other hashes at some of its leaves.
fn instead(tree: &Tree, hashes: &BTreeMap<u64, Digest>) -> Tree {
    let mut other = Tree::default();
    for index in 0..tree.size().0 {
        if let Some(hash) = hashes.get(&index).copied().or_else(|| tree.leaf(LogIndex(index))) {
            other.push(hash);
        }
    }
    other
}

fn newest(files: &mut Files<'_>, out: &mut Findings) -> Result<Option<(Head, bool)>, Unreadable> {
    let size = files.manifest.size;
    let Some(bytes) = files.require(layout::CHECKPOINT, out)? else { return Ok(None) };
    match heads::signed(&bytes, &files.history) {
        Ok(newest) if newest.0.size() == size => Ok(Some(newest)),
        Ok((head, _)) => {
            let text = format!("the newest head has {} leaves and the manifest says {}", head.size().0, size.0);
            out.add(Finding::new(codes::SIZE_DIFFERS, text));
            Ok(None)
        }
        Err(bad) => {
            out.add(Finding::new(codes::CHECKPOINT_INVALID, format!("checkpoint: {bad}")));
            Ok(None)
        }
    }
}

type Leaves = (Tree, BTreeMap<u64, Digest>);

/// The leaf hashes by the entries where these can be read, else by the tiles; and where the two disagree, the tiles'.
fn leaves(files: &mut Files<'_>, out: &mut Findings) -> Result<Option<Leaves>, Unreadable> {
    let size = files.manifest.size.0;
    let blocks = size.div_ceil(TILE_WIDTH);
    if blocks > files.manifest.files {
        out.add(Finding::new(codes::FILE_MISSING, format!("a bundle of {size} leaves has at least {blocks} files")));
        return Ok(None);
    }
    let (mut tree, mut by_tile, mut whole) = (Tree::default(), BTreeMap::new(), true);
    for block in 0..blocks {
        let width = TILE_WIDTH.min(size - block * TILE_WIDTH) as u16;
        let entries = required(files, TileKind::Entries, block, width, out)?;
        let tile = required(files, TileKind::Hashes(0), block, width, out)?;
        whole &= entries.is_some() || tile.is_some();
        let (entries, tile) = match (entries, tile) {
            (Some(entries), tile) => (entries, tile.unwrap_or_default()),
            (None, tile) => (tile.unwrap_or_default(), Vec::new()),
        };
        for (place, hash) in entries.iter().enumerate() {
            let index = tree.push(*hash);
            if let Some(other) = tile.get(place).filter(|other| *other != hash) {
                let text = format!("the entry of leaf {} is not the one in the tree's tile", index.0);
                out.add(Finding::new(codes::ENTRY_ALTERED, text).at(index));
                by_tile.insert(index.0, *other);
            }
        }
    }
    Ok(whole.then_some((tree, by_tile)))
}

/// The hashes of a tile that must be there, or the leaf hashes of an entry bundle.
fn required(
    files: &mut Files<'_>,
    kind: TileKind,
    block: u64,
    width: u16,
    out: &mut Findings,
) -> Result<Option<Vec<Digest>>, Unreadable> {
    let Some(path) = Tile::new(kind, block, width).map(Tile::path) else { return Ok(None) };
    let Some(bytes) = files.require(&path, out)? else { return Ok(None) };
    let hashes = match kind {
        TileKind::Entries => read_bundle(&bytes)
            .and_then(|entries| entries.iter().map(|entry| Entry::parse(entry).map(|e| e.leaf_hash())).collect()),
        TileKind::Hashes(_) => read_hashes(&bytes),
    };
    let hashes = hashes.filter(|hashes: &Vec<Digest>| hashes.len() == usize::from(width));
    if hashes.is_none() {
        files.lose(&path, &format!("does not hold {width} entries or hashes"), out);
    }
    Ok(hashes)
}

fn read_hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    bytes.chunks(32).map(Digest::from_bytes).collect()
}

fn higher_tiles(files: &mut Files<'_>, tree: &Tree, out: &mut Findings) -> Result<(), Unreadable> {
    for tile in tiles::tiles(tree.size()) {
        let TileKind::Hashes(level @ 1..) = tile.kind() else { continue };
        let hashes = required(files, tile.kind(), tile.index(), tile.width(), out)?;
        let node = |place: usize| tree.node(8 * u32::from(level), tile.index() * TILE_WIDTH + place as u64);
        let differs = |(place, hash): (usize, &Digest)| node(place) != Some(*hash);
        if hashes.is_some_and(|hashes| hashes.iter().enumerate().any(differs)) {
            out.add(Finding::new(codes::TILE_ALTERED, format!("{} is not what the leaves give", tile.path())));
        }
    }
    Ok(())
}
