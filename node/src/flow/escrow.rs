//! Every node keeps the entries of every other node's log: whoever lost the end of its own gets it back from its peers
//! (docs/protocol.md, "Escrow"). An entry is a salted commitment and says nothing to whoever keeps it.
//!
//! In: reading our own entries for a peer, keeping a peer's, reading them back. Out: when which are sent
//! ([`super::connection`]), and that they make the signed root (`varde_proto::exchange`).

use super::desk::Desk;
use super::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use crate::state::peer_parts;
use varde_proto::exchange::Piece;
use varde_proto::id::{Digest, Origin};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::leaf::Entry;

/// Entries in one row: 8 KiB, half of what a value may have.
const ROW: usize = 256;
/// Entries that are read at once.
const PIECE: u64 = 16 * ROW as u64;

/// The entries `from..to` of our own log.
pub fn own(ledger: &Ledger, from: u64, to: u64) -> Result<Vec<Entry>, StoreError> {
    (from..to).map(|index| ledger.entry(index)).collect()
}

/// The entries `from..to` of our own log with the head that ends with them.
pub fn piece(ledger: &Ledger, from: u64, to: u64) -> Result<Piece, StoreError> {
    Ok(Piece { checkpoint: ledger.head_at(to)?.to_wire(), from, entries: own(ledger, from, to)? })
}

/// Keeps entries of a peer's log that follow those already kept and were checked against a head that it signed.
pub fn keep(desk: &mut Desk<'_>, peer: &Origin, entries: &[Entry]) -> Result<(), StoreError> {
    let mut kept = desk.kept_of(peer);
    for piece in entries.chunks(ROW) {
        let commitments = piece.iter().flat_map(|entry| entry.commitment().0).collect();
        desk.put(row(peer, kept.size().0), commitments)?;
        piece.iter().for_each(|entry| kept.push(entry.leaf_hash()));
    }
    if entries.is_empty() { Ok(()) } else { desk.set_kept(peer, kept) }
}

/// Up to `most` entries of a peer's log from `from` on, as far as they are kept.
pub fn kept(ledger: &Ledger, peer: &Origin, from: u64, most: usize) -> Result<Vec<Entry>, StoreError> {
    // The row that holds `from` is the last one that does not begin after it.
    let before = ledger.scan(&row(peer, 0), &row(peer, from.saturating_add(1)), true).next().transpose()?;
    let Some(first) = before.as_ref().and_then(|(name, _)| index(name)) else { return Ok(Vec::new()) };
    let mut skip = usize::try_from(from - first).map_err(|_| damaged())?;
    let mut entries = Vec::new();
    for stored in ledger.scan(&row(peer, first), &row(peer, u64::MAX), false) {
        let (_, value) = stored?;
        let (commitments, rest) = value.as_chunks::<32>();
        if !rest.is_empty() {
            return Err(damaged());
        }
        let wanted = commitments.iter().skip(skip).take(most - entries.len());
        entries.extend(wanted.map(|commitment| Entry::new(&Digest(*commitment))));
        skip = skip.saturating_sub(commitments.len());
        if entries.len() == most {
            break;
        }
    }
    Ok(entries)
}

/// The root of the first leaves of a peer's log, as far as its entries are kept.
pub(super) fn root_at(ledger: &Ledger, peer: &Origin, size: u64) -> Result<Option<Digest>, StoreError> {
    let mut frontier = Frontier::default();
    while frontier.size().0 < size {
        let from = frontier.size().0;
        let piece = kept(ledger, peer, from, (size - from).min(PIECE) as usize)?;
        if piece.is_empty() {
            return Ok(None);
        }
        piece.iter().for_each(|entry| frontier.push(entry.leaf_hash()));
    }
    Ok(Some(frontier.root()))
}

fn row(peer: &Origin, from: u64) -> Vec<u8> {
    rows::row(rows::ESCROW, &[&peer_parts(peer), &from.to_be_bytes()])
}

fn index(name: &[u8]) -> Option<u64> {
    name.last_chunk().map(|bytes| u64::from_be_bytes(*bytes))
}

fn damaged() -> StoreError {
    StoreError::Damaged("an entry of a log cannot be read".into())
}
