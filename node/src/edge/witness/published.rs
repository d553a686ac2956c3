//! Our own log as strangers see it: a checkpoint and C2SP tlog-tiles. Entries are hiding commitments; what opens them is never
//! here.
//!
//! A size tells how much is exchanged, so what is shown moves once a heartbeat at most, and by whole sixteens: the newest
//! leaves wait until their sixteen is full (docs/decisions, "Strangers see our log in sixteens").

use crate::flow::Node;
use crate::port::StoreError;
use std::sync::Arc;
use varde_proto::id::TreeSize;
use varde_proto::limits::TILE_WIDTH;
use varde_proto::log::tiles::{self, Tile, TileKind};
use varde_proto::time::Timestamp;

const STEP: u64 = 16;

/// How far strangers see our log.
#[derive(Default)]
pub(super) struct Published {
    beat: i64,
    size: u64,
}

impl Published {
    /// The size shown now; `size` is that of our log.
    fn advance(&mut self, now: Timestamp, heartbeat_ms: i64, size: u64) -> u64 {
        let beat = now.ms() / heartbeat_ms.max(1) + 1;
        if beat > self.beat {
            *self = Self { beat, size: size - size % STEP };
        }
        self.size
    }

    /// The size shown now.
    pub(super) fn size(&mut self, node: &Node) -> u64 {
        let heartbeat = i64::try_from(node.heartbeat.as_millis()).unwrap_or(i64::MAX);
        self.advance(node.clock.now(), heartbeat, node.ledger.head().size().0)
    }
}

/// The checkpoint that strangers are shown.
pub(super) fn checkpoint(node: &Arc<Node>, size: u64) -> Result<String, StoreError> {
    Ok(node.ledger.head_at(size)?.write())
}

/// A tile or entry bundle of the first `size` leaves, if it is one of theirs; a narrower partial one of an earlier size is
/// too.
pub(super) fn tile(node: &Arc<Node>, size: u64, tile: Tile) -> Result<Option<Vec<u8>>, StoreError> {
    let level = match tile.kind() {
        TileKind::Entries => 0,
        TileKind::Hashes(level) => level,
    };
    let (full, partial) = tiles::widths(TreeSize(size), level);
    if !(tile.index() < full || tile.index() == full && tile.width() <= partial) {
        return Ok(None);
    }
    let first = tile.index() * TILE_WIDTH;
    let positions = first..first + u64::from(tile.width());
    match tile.kind() {
        TileKind::Hashes(level) => {
            let book = node.ledger.book();
            let hashes = positions.map(|place| book.tree.node(8 * u32::from(level), place).map(|hash| hash.0));
            Ok(hashes.collect::<Option<Vec<_>>>().map(|hashes| hashes.concat()))
        }
        TileKind::Entries => {
            let entries = positions.map(|index| node.ledger.entry(index)).collect::<Result<Vec<_>, _>>()?;
            Ok(tiles::write_bundle(entries.iter().map(|entry| &entry.bytes()[..])))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_moves_once_a_heartbeat_and_by_whole_sixteens() {
        let mut shown = Published::default();
        let mut at = |ms, size| shown.advance(Timestamp::from_ms(ms).unwrap(), 60_000, size);
        assert_eq!(at(0, 15), 0);
        assert_eq!(at(59_999, 40), 0, "it moved within a heartbeat");
        assert_eq!(at(60_000, 40), 32);
        assert_eq!(at(90_000, 4000), 32);
        assert_eq!(at(0, 4000), 32, "a clock that fell moved it");
        assert_eq!(at(120_000, 4000), 4000);
    }
}
