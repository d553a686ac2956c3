//! The tree of a bundle: leaves from entries and level-0 tiles, checked against each other, against the higher tiles and
//! against every signed head.

use super::codes;
use super::files::Files;
use super::finding::{Finding, Findings};
use super::layout;
use super::source::Unreadable;
use crate::id::{Digest, LogIndex, TreeSize};
use crate::identity::{PublicKey, Role};
use crate::limits::TILE_WIDTH;
use crate::log::head::Head;
use crate::log::leaf::Entry;
use crate::log::tiles::{self, Tile, TileKind, read_bundle};
use crate::log::tree::Tree;
use std::collections::BTreeMap;

/// The tree, and what was signed of it.
pub(super) struct Read {
    pub(super) tree: Tree,
    /// The newest head.
    pub(super) head: Head,
    /// Roots that were signed, by size.
    pub(super) signed: BTreeMap<u64, Digest>,
    /// Heads with lines by others than the log, which may be cosignatures.
    pub(super) cosigned: Vec<Head>,
}

/// Reads leaves, tiles and heads. `None` when the tree cannot be known; the findings say why.
pub(super) fn read(files: &mut Files<'_>, out: &mut Findings) -> Result<Option<Read>, Unreadable> {
    let keys: Vec<PublicKey> = files.genesis.keys().get(Role::Log).copied().into_iter().collect();
    let Some(head) = newest(files, &keys, out)? else { return Ok(None) };
    let Some((mut hashes, by_tile)) = leaves(files, out)? else { return Ok(None) };
    let mut tree = grow(&hashes);
    if tree.root() != head.root() && !by_tile.is_empty() {
        // Entries and tiles disagree: whichever has the signed root is what was logged.
        by_tile.iter().for_each(|(index, hash)| hashes[*index] = *hash);
        let other = grow(&hashes);
        tree = if other.root() == head.root() { other } else { tree };
    }
    higher_tiles(files, &tree, out)?;
    let mut read = Read { tree, signed: BTreeMap::from([(head.size().0, head.root())]), cosigned: Vec::new(), head };
    read.heads(files, &keys, out)?;
    roots(&read.tree, &read.signed, out);
    Ok(Some(read))
}

fn grow(hashes: &[Digest]) -> Tree {
    let mut tree = Tree::default();
    hashes.iter().for_each(|hash| {
        tree.push(*hash);
    });
    tree
}

fn newest(files: &mut Files<'_>, keys: &[PublicKey], out: &mut Findings) -> Result<Option<Head>, Unreadable> {
    let size = files.manifest.size;
    let Some(bytes) = files.require(layout::CHECKPOINT, out)? else { return Ok(None) };
    match Head::from_note(&bytes, files.genesis.origin(), keys) {
        Ok(head) if head.size() == size => Ok(Some(head)),
        Ok(head) => {
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

type Leaves = (Vec<Digest>, Vec<(usize, Digest)>);

/// The leaf hashes by the entries where these can be read, else by the tiles; and where the two disagree, the tiles'.
fn leaves(files: &mut Files<'_>, out: &mut Findings) -> Result<Option<Leaves>, Unreadable> {
    let size = files.manifest.size.0;
    let blocks = size.div_ceil(TILE_WIDTH);
    if blocks > files.manifest.files {
        out.add(Finding::new(codes::FILE_MISSING, format!("a bundle of {size} leaves has at least {blocks} files")));
        return Ok(None);
    }
    let (mut hashes, mut by_tile, mut whole) = (Vec::new(), Vec::new(), true);
    for block in 0..blocks {
        let width = TILE_WIDTH.min(size - block * TILE_WIDTH) as u16;
        let entries = required(files, TileKind::Entries, block, width, out)?;
        let tile = required(files, TileKind::Hashes(0), block, width, out)?;
        match (entries, tile) {
            (Some(entries), tile) => {
                for (place, hash) in entries.iter().enumerate() {
                    let index = hashes.len();
                    if let Some(other) = tile.as_ref().and_then(|tile| tile.get(place)).filter(|other| *other != hash) {
                        let text = format!("the entry of leaf {index} is not the one in the tree's tile");
                        out.add(Finding::new(codes::ENTRY_ALTERED, text).at(LogIndex(index as u64)));
                        by_tile.push((index, *other));
                    }
                    hashes.push(*hash);
                }
            }
            (None, Some(tile)) => hashes.extend(tile),
            (None, None) => whole = false,
        }
    }
    Ok(whole.then_some((hashes, by_tile)))
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

impl Read {
    /// Takes in every signed head.
    fn heads(&mut self, files: &mut Files<'_>, keys: &[PublicKey], out: &mut Findings) -> Result<(), Unreadable> {
        self.keep_cosigned(self.head.clone());
        for path in files.under("checkpoints/") {
            let Some(notes) = files.take_packed(&path, out)? else { continue };
            for (place, note) in notes.iter().enumerate() {
                match Head::from_note(note, files.genesis.origin(), keys) {
                    Ok(head) => self.keep(head, out),
                    Err(bad) => {
                        let text = format!("head {place} of {path}: {bad}");
                        out.add(Finding::new(codes::CHECKPOINT_INVALID, text));
                    }
                }
            }
        }
        Ok(())
    }

    fn keep(&mut self, head: Head, out: &mut Findings) {
        let before = self.signed.insert(head.size().0, head.root());
        if before.is_some_and(|root| root != head.root()) {
            let text = format!("the log signed two different roots of {} leaves", head.size().0);
            out.add(Finding::new(codes::SPLIT_VIEW, text));
        }
        self.keep_cosigned(head);
    }

    /// Keeps a head of this log for the cosignatures that it may carry.
    pub(super) fn keep_cosigned(&mut self, head: Head) {
        let others = head.note().signatures().iter().any(|line| line.name() != head.origin().as_str());
        if others && self.cosigned.last() != Some(&head) {
            self.cosigned.push(head);
        }
    }
}

/// The root at each signed size. Between the last that agrees and the first that does not, something was changed.
fn roots(tree: &Tree, signed: &BTreeMap<u64, Digest>, out: &mut Findings) {
    let mut agreed = 0;
    for (size, root) in signed {
        if tree.root_at(TreeSize(*size)) == Some(*root) {
            agreed = *size;
            continue;
        }
        if !out.any(codes::SPLIT_VIEW) {
            let text = match *size > tree.size().0 {
                true => format!("a head of {size} leaves was signed, and the bundle has {}", tree.size().0),
                false => format!("the {size} leaves do not have the root that was signed; the first {agreed} do"),
            };
            out.add(Finding::new(codes::ROOT_DIFFERS, text).at(LogIndex(agreed)));
        }
        return;
    }
}
