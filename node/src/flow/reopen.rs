//! Reading the book back from the store when the node starts, and checking it against the head that was written with it.
//!
//! The tree is read from rows of 256 leaf hashes, not from as many rows as there are leaves. What an entry's own row holds is
//! checked against the tree whenever it is read ([`super::ledger::Ledger::entry`]).

use super::agreement::words;
use crate::port::{Store, StoreError};
use crate::rows;
use crate::state::{Book, ChannelKey, ChannelState, Direction, PeerHead};
use crate::vault::Unsealer;
use varde_proto::id::{Digest, LogIndex, NodeId, Origin};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::leaf::{Entry, Opening};

/// No generation of a log has so many leaves.
const END: u64 = 1 << 40;
/// Leaf hashes in one row: 8 KiB, half of what a value may have.
const BLOCK: u64 = 256;

/// The book as it was when the last commit landed.
pub(super) fn book(store: &dyn Store, unsealer: &Unsealer, origin: &Origin) -> Result<Book, StoreError> {
    let mut book = Book::new(origin.clone(), rows::first(origin));
    read_tree(store, &mut book)?;
    read_last_time(store, unsealer, &mut book)?;
    read_channels(store, &mut book)?;
    read_peer_heads(store, &mut book)?;
    read_kept(store, &mut book)?;
    words::read(store, &mut book)?;
    Ok(book)
}

fn damaged(text: impl Into<String>) -> StoreError {
    StoreError::Damaged(text.into())
}

/// The rows of leaf hashes that became whole since the tree had `before` leaves.
pub(super) fn blocks(book: &Book, before: u64) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    (before / BLOCK..book.tree.size().0 / BLOCK).map(|block| {
        let first = block * BLOCK;
        let hashes = (first..first + BLOCK).filter_map(|index| book.tree.leaf(LogIndex(index)));
        (rows::numbered(rows::HASHES, book.first + first), hashes.flat_map(|hash| hash.0).collect())
    })
}

fn read_tree(store: &dyn Store, book: &mut Book) -> Result<(), StoreError> {
    let book_first = book.first;
    let unread = |first: u64| {
        damaged(format!("the row with the hashes of the leaves {first} to {} is missing or cut", first + BLOCK - 1))
    };
    let range =
        |prefix, from: u64| (rows::numbered(prefix, book_first + from), rows::numbered(prefix, book_first + END));
    let (from, to) = range(rows::HASHES, 0);
    for row in store.scan(&from, &to, false) {
        let ((name, value), first) = (row?, book.tree.size().0);
        let (hashes, rest) = value.as_chunks::<32>();
        if name != rows::numbered(rows::HASHES, book_first + first) || hashes.len() as u64 != BLOCK || !rest.is_empty()
        {
            return Err(unread(first));
        }
        for hash in hashes {
            book.tree.push(Digest(*hash));
        }
    }
    let whole = book.tree.size().0;
    let (from, to) = range(rows::LEAF, whole);
    for row in store.scan(&from, &to, false) {
        let (name, entry) = row?;
        if book.tree.size().0 - whole == BLOCK {
            return Err(unread(whole));
        }
        if name != rows::numbered(rows::LEAF, book_first + book.tree.size().0) {
            return Err(damaged(format!("leaf {} of the log is missing", book.tree.size().0)));
        }
        let entry = Entry::parse(&entry).ok_or_else(|| damaged("a leaf of the log is not an entry"))?;
        book.tree.push(entry.leaf_hash());
    }
    let (from, to) = range(rows::HEAD, 0);
    let newest = store.scan(&from, &to, true).next().transpose()?;
    let (size, root) = (book.tree.size().0, book.tree.root());
    match newest {
        None if size == 0 => Ok(()),
        Some((name, value)) if name == rows::numbered(rows::HEAD, book_first + size) && value == root.0 => Ok(()),
        _ => Err(damaged(format!("the {size} leaves of the log do not make the head that was written with them"))),
    }
}

/// Of the newest leaf whose opening is there: those that came back from peers after a backup was restored may have none.
fn read_last_time(store: &dyn Store, unsealer: &Unsealer, book: &mut Book) -> Result<(), StoreError> {
    let mut read = book.tree.size().0 == 0;
    let (from, to) = (rows::numbered(rows::OPENING, book.first), rows::numbered(rows::OPENING, book.first + END));
    for row in store.scan(&from, &to, true) {
        let (row, value) = row?;
        read = true;
        let bytes = unsealer.open_value(&row, &value, |name| store.get(name))?;
        let unreadable = || damaged("the opening of one of the newest leaves cannot be read");
        let opening = Opening::parse(&bytes).map_err(|_| unreadable())?;
        book.last_time = book.last_time.max(opening.event().time);
        if !opening.event().kind.is_quiet() {
            let index = row.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes);
            book.loud = rows::counted(index.ok_or_else(unreadable)?) + 1;
            return Ok(());
        }
    }
    if read { Ok(()) } else { Err(damaged("the openings of the log are missing")) }
}

/// The peer's origin from a row's country and generation, and what follows them.
pub(super) fn peer_of<'a>(origin: &Origin, parts: &'a [u8]) -> Option<(Origin, &'a [u8])> {
    let (country, rest) = parts.split_first_chunk::<2>()?;
    let (generation, rest) = rest.split_first_chunk::<4>()?;
    let node = NodeId::parse(std::str::from_utf8(country).ok()?).ok()?;
    Some((Origin::new(origin.network(), node, u32::from_be_bytes(*generation)).ok()?, rest))
}

fn read_channels(store: &dyn Store, book: &mut Book) -> Result<(), StoreError> {
    for row in store.scan(&[rows::CHANNEL], &[rows::CHANNEL + 1], false) {
        let (name, value) = row?;
        let direction = match name.get(1) {
            Some(b'>') => Direction::Out,
            Some(b'<') => Direction::In,
            _ => return Err(damaged("a channel's row has no direction")),
        };
        let parsed = peer_of(&book.origin, &name[2..]);
        match (parsed, ChannelState::decode(&value)) {
            (Some((peer, [class, generation @ ..])), Some(state)) => {
                if *generation == *rows::channel_end(book.first) {
                    book.set_channel(ChannelKey { direction, peer, class: *class }, state);
                }
            }
            _ => return Err(damaged("a channel's row cannot be read")),
        }
    }
    Ok(())
}

fn read_peer_heads(store: &dyn Store, book: &mut Book) -> Result<(), StoreError> {
    for row in store.scan(&[rows::PEER_HEAD], &[rows::PEER_HEAD + 1], false) {
        let (name, value) = row?;
        let root = value.first_chunk::<32>().copied().map(Digest);
        match (peer_of(&book.origin, &name[1..]), root) {
            (Some((peer, size)), Some(root)) if size.len() == 8 => {
                let size = size.iter().fold(0, |n, b| n << 8 | u64::from(*b));
                book.set_head(peer, PeerHead { size, root });
            }
            _ => return Err(damaged("the row of a peer's head cannot be read")),
        }
    }
    Ok(())
}

fn read_kept(store: &dyn Store, book: &mut Book) -> Result<(), StoreError> {
    for row in store.scan(&[rows::ESCROW_END], &[rows::ESCROW_END + 1], false) {
        let (name, value) = row?;
        match (peer_of(&book.origin, &name[1..]), Frontier::read(&value)) {
            (Some((peer, [])), Some(kept)) if kept.size().0 <= book.head_of(&peer).size => book.set_kept(peer, kept),
            _ => return Err(damaged("the row that says how far a peer's entries are kept cannot be read")),
        }
    }
    Ok(())
}
