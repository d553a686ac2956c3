//! The channels of a log: every number once, in order, each accumulator following from the one before.

use super::codes;
use super::finding::{Code, Finding, Wrong};
use crate::id::{Digest, LogIndex, Origin};
use crate::log::chain;
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// One channel, seen from the log: which way, with whom, in which class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Channel {
    /// Which way.
    pub direction: Direction,
    /// The other log.
    pub peer: Origin,
    /// Channel class.
    pub class: u8,
}

/// One item of a channel, as the log has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Its number.
    pub seq: u64,
    /// Its leaf.
    pub index: LogIndex,
    /// `sent`, `received`, `rejected` or `abandoned`.
    pub kind: Kind,
    /// When, by this log's clock.
    pub time: Timestamp,
    /// E.
    pub object: Digest,
    /// X after it.
    pub chain: Digest,
}

/// The items of every channel, by number.
#[derive(Debug, Default)]
pub(super) struct Channels(BTreeMap<Channel, Vec<Item>>);

/// Kinds that take the next number of a channel, and which way they go.
fn way(kind: Kind) -> Option<Direction> {
    match kind {
        Kind::SENT | Kind::QUERY_SENT | Kind::ANSWER_SENT => Some(Direction::Out),
        Kind::RECEIVED | Kind::REJECTED | Kind::QUERY_RECEIVED | Kind::ANSWER_RECEIVED => Some(Direction::In),
        _ => None,
    }
}

/// Whether a leaf of this kind is an item of a channel.
pub(super) fn is_item(kind: Kind) -> bool {
    way(kind).is_some() || kind == Kind::ABANDONED
}

impl Channels {
    /// Takes in the leaf of an item. `unknown` says how many leaves between two indexes could not be read.
    pub(super) fn take(
        &mut self,
        own: &Origin,
        index: LogIndex,
        event: &Event,
        unknown: impl Fn(LogIndex, LogIndex) -> u64,
    ) -> Result<(), Wrong> {
        let fits = way(event.kind).is_none_or(|way| way == event.direction) && event.direction != Direction::None;
        let Some(peer) = event.peer.as_ref().filter(|_| fits && event.class > 0 && event.seq > 0) else {
            let text = format!("leaf {} is `{}` without channel or number", index.0, event.kind.name());
            return Err(Wrong(codes::LEAF_MALFORMED, text));
        };
        let channel = Channel { direction: event.direction, peer: peer.clone(), class: event.class };
        let (from, to) = if event.direction == Direction::Out { (own, peer) } else { (peer, own) };
        let items = self.0.entry(channel).or_default();
        let last = items.last().copied();
        let Event { kind, time, seq, object, chain, .. } = event;
        let (seq, object) = (*seq, *object);
        let item = Item { seq, index, kind: *kind, time: *time, object, chain: *chain };
        let due = last.map_or(1, |last| last.seq + 1);
        if seq < due {
            return repeat(items, item);
        }
        items.push(item);
        let before = last.map_or_else(|| chain::start(from, to, event.class), |last| last.chain);
        if seq > due {
            let (missing, since) = (seq - due, last.map_or(LogIndex(0), |last| last.index));
            let text = format!("numbers {due} to {} are not in the log", seq - 1);
            return if unknown(since, index) >= missing { Ok(()) } else { Err(Wrong(codes::SEQUENCE_GAP, text)) };
        }
        if item.chain != chain::next(&before, seq, &object) {
            return Err(Wrong(codes::CHAIN_MISMATCH, "the accumulator does not follow from the item before".into()));
        }
        Ok(())
    }

    /// The items of a channel, by number.
    pub(super) fn items(&self, channel: &Channel) -> &[Item] {
        self.0.get(channel).map_or(&[], Vec::as_slice)
    }

    /// An item by its number.
    pub(super) fn item(&self, channel: &Channel, seq: u64) -> Option<&Item> {
        find(self.items(channel), seq)
    }

    /// The items of every channel.
    pub(super) fn into_inner(self) -> BTreeMap<Channel, Vec<Item>> {
        self.0
    }

    /// Every channel with its items.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Channel, &[Item])> {
        self.0.iter().map(|(channel, items)| (channel, items.as_slice()))
    }
}

/// An item by its number.
pub(super) fn find(items: &[Item], seq: u64) -> Option<&Item> {
    items.binary_search_by_key(&seq, |item| item.seq).ok().and_then(|place| items.get(place))
}

/// A number again: what was sent may be abandoned later, under the same number, E and X.
fn repeat(items: &mut [Item], item: Item) -> Result<(), Wrong> {
    let before = items.binary_search_by_key(&item.seq, |before| before.seq).ok().and_then(|place| items.get_mut(place));
    match before {
        Some(before) if item.kind == Kind::ABANDONED && (before.object, before.chain) == (item.object, item.chain) => {
            before.kind = Kind::ABANDONED;
            Ok(())
        }
        _ => Err(Wrong(codes::SEQUENCE_REPEATED, format!("the number {} is in the log already", item.seq))),
    }
}

/// A finding about an item.
pub(super) fn about(code: Code, text: impl Into<String>, channel: &Channel, seq: u64) -> Finding {
    Finding::new(code, text).item(&channel.peer, channel.class, seq)
}
