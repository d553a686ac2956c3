//! Where the tree lies in an export: C2SP tlog-tiles v0.1.0. Paths and widths of tiles, and entry bundles.

use super::codec::{Fields, decimal};
use crate::id::TreeSize;
use crate::limits::TILE_WIDTH;

/// One file of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tile {
    kind: TileKind,
    index: u64,
    width: u16,
}

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// The entries themselves.
    Entries,
    /// Hashes of this level, 0 to 63; level 0 is the leaf hashes.
    Hashes(u8),
}

const MAX_LEVEL: u8 = 63;

impl Tile {
    /// A tile of `width` hashes or entries, 1 to 256; `None` for what cannot be.
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let level_fits = !matches!(kind, TileKind::Hashes(level) if level > MAX_LEVEL);
        let width_fits = (1..=TILE_WIDTH).contains(&u64::from(width));
        (level_fits && width_fits).then_some(Self { kind, index, width })
    }

    /// Hashes of a level, or entries.
    pub fn kind(self) -> TileKind {
        self.kind
    }

    /// Which tile of its level, from 0.
    pub fn index(self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Its path: `tile/<level>/<index>` or `tile/entries/<index>`, with `.p/<width>` unless it is full.
    pub fn path(self) -> String {
        let level = match self.kind {
            TileKind::Entries => "entries".to_owned(),
            TileKind::Hashes(level) => level.to_string(),
        };
        let partial = if u64::from(self.width) == TILE_WIDTH { String::new() } else { format!(".p/{}", self.width) };
        format!("tile/{level}/{}{partial}", index_path(self.index))
    }

    /// Reads a path; only the one spelling of a tile that can exist is one.
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let kind = match level {
            "entries" => TileKind::Entries,
            level => TileKind::Hashes(decimal(level).and_then(|level| u8::try_from(level).ok())?),
        };
        let (index, width) = match rest.split_once(".p/") {
            Some((index, width)) => (index, decimal(width).filter(|width| *width < TILE_WIDTH)?),
            None => (rest, TILE_WIDTH),
        };
        let tile = Self::new(kind, parse_index(index)?, u16::try_from(width).ok()?)?;
        (tile.path() == path).then_some(tile)
    }
}

/// 1234067 is `x001/x234/067`.
pub(crate) fn index_path(index: u64) -> String {
    let mut path = format!("{:03}", index % 1000);
    let mut rest = index / 1000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1000);
        rest /= 1000;
    }
    path
}

pub(crate) fn parse_index(text: &str) -> Option<u64> {
    let mut index: u64 = 0;
    let mut groups = text.split('/').peekable();
    while let Some(group) = groups.next() {
        let digits = if groups.peek().is_some() { group.strip_prefix('x')? } else { group };
        if digits.len() != 3 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        index = index.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some(index)
}

/// How the tree of `size` leaves lies in tiles of one level: full tiles, and the width of the partial one, 0 for none.
pub fn widths(size: TreeSize, level: u8) -> (u64, u16) {
    let hashes = size.0.checked_shr(8 * u32::from(level)).unwrap_or(0);
    (hashes / TILE_WIDTH, (hashes % TILE_WIDTH) as u16)
}

/// Every tile of the tree of `size` leaves: each level's from level 0 up, then the entries.
pub fn tiles(size: TreeSize) -> impl Iterator<Item = Tile> {
    let of = move |kind: TileKind, level: u8| {
        let (full, partial) = widths(size, level);
        let full_tiles = (0..full).filter_map(move |index| Tile::new(kind, index, TILE_WIDTH as u16));
        full_tiles.chain(Tile::new(kind, full, partial))
    };
    // 2^64 leaves have eight levels of 256.
    (0..8).flat_map(move |level| of(TileKind::Hashes(level), level)).chain(of(TileKind::Entries, 0))
}

/// An entry bundle: each entry after its length in two bytes. `None` for an entry over 65,535 bytes.
pub fn write_bundle<'a>(entries: impl IntoIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for entry in entries {
        out.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Some(out)
}

/// Reads the entries of a bundle, at most 256; `None` when a length does not fit.
pub fn read_bundle(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut fields = Fields(bytes);
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        if entries.len() as u64 == TILE_WIDTH {
            return None;
        }
        let length = fields.short()?;
        entries.push(fields.take(usize::from(length))?);
    }
    Some(entries)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_tile_has_one_path() {
        for (kind, index, width, path) in [
            (TileKind::Hashes(0), 1_234_067, 256, "tile/0/x001/x234/067"),
            (TileKind::Hashes(63), 0, 1, "tile/63/000.p/1"),
            (TileKind::Entries, 1000, 255, "tile/entries/x001/000.p/255"),
        ] {
            let tile = Tile::new(kind, index, width).unwrap();
            assert_eq!(tile.path(), path);
            assert_eq!(Tile::parse(path), Some(tile));
        }
        assert_eq!(Tile::parse(&Tile::new(TileKind::Entries, u64::MAX, 1).unwrap().path()).unwrap().index(), u64::MAX);
    }

    #[test]
    fn paths_that_no_tile_has_are_refused() {
        for path in [
            "tile/3/5/x123/x456/078.p/0",
            "tile/3/x123/x456/078.p/0",
            "tile/3/078.p/256",
            "tile/3/078.p/01",
            "tile/3/x000/078",
            "tile/64/000",
            "tile/00/000",
            "tile/0/0",
            "tile/0/000/",
            "tile/0/x001",
            "tile/0/001.p/",
            "tile/-1/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
            "",
            "../tile/0/000",
        ] {
            assert_eq!(Tile::parse(path), None, "{path} was accepted");
        }
    }

    #[test]
    fn a_tree_lies_in_full_tiles_and_one_partial_tile_a_level() {
        let paths = |size| tiles(TreeSize(size)).map(Tile::path).collect::<Vec<_>>();
        assert_eq!(paths(0), Vec::<String>::new());
        assert_eq!(paths(1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(paths(256), ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]);
        assert_eq!(tiles(TreeSize(70_000)).count(), 274 + 2 + 1 + 274);
    }

    #[test]
    fn a_bundle_reads_back_and_a_cut_one_does_not() {
        let entries: [&[u8]; 3] = [b"", b"one", &[7; 300]];
        let bytes = write_bundle(entries).unwrap();
        assert_eq!(read_bundle(&bytes).unwrap(), entries);
        assert_eq!(read_bundle(&bytes[..bytes.len() - 1]), None);
        assert_eq!(read_bundle(&[0; 2 * 257]), None);
        assert_eq!(read_bundle(&[0; 2 * 256]).unwrap().len(), 256);
        assert_eq!(write_bundle([&[0; 65_536][..]]), None);
    }
}
