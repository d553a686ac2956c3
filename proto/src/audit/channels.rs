//! The channels of a log: every number once, in order, each accumulator following from the one before.

use super::codes;
use super::finding::{Code, Finding, Wrong};
use crate::id::{Digest, LogIndex, Origin};
use crate::log::chain;
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroU64};

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

impl Channel {
    /// The channel of the item that a leaf is about.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let Event { direction, peer, class, .. } = event;
        Some(Self { direction: *direction, peer: peer.clone()?, class: *class })
    }
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
    /// Whether its envelope lies at its leaf.
    pub(super) kept: bool,
    /// Whether it was taken with its content.
    pub(super) carried: bool,
    /// The day on which its time is over, counted from 1970, where that is known.
    expires: Option<NonZeroU32>,
    proof: Option<NonZeroU64>,
}

impl Item {
    /// The item of a leaf.
    pub(super) fn new(index: LogIndex, event: &Event, kept: bool) -> Self {
        let Event { kind, time, seq, object, .. } = event;
        let (kind, time, seq, object) = (*kind, *time, *seq, *object);
        Self { seq, index, kind, time, object, kept, carried: carries(kind), expires: None, proof: None }
    }

    /// Whether its time is known not to be over on the day of another time.
    pub(super) fn is_before_its_end(&self, time: Timestamp) -> bool {
        self.expires.is_some_and(|day| time.ms() / DAY_MS < i64::from(day.get()))
    }

    /// The leaf of the other log by which that one's proof shows the item, if the bundle has a proof that verifies.
    pub(super) fn proof(&self) -> Option<LogIndex> {
        self.proof.map(|place| LogIndex(place.get() - 1))
    }
}

/// The items of one channel, by number. X is kept of every few only, and of those where it does not follow: with millions of
/// items that is what the memory goes to.
#[derive(Debug, Default)]
struct Sequence {
    items: Vec<Item>,
    chains: Vec<Digest>,
    odd: BTreeMap<usize, Digest>,
    newest: Option<Digest>,
    /// The last leaf that took a number, and that number; a leaf that gives up what was sent by one that cannot be read took none.
    numbered: Option<(LogIndex, u64)>,
    /// Items whose own leaf could not be read, known by the one that gives them up, which comes after the next numbers.
    late: BTreeMap<u64, (Item, Digest)>,
}

const EVERY: usize = 8;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

impl Sequence {
    fn push(&mut self, item: Item, chain: Digest, follows: bool) {
        if self.items.len().is_multiple_of(EVERY) {
            self.chains.push(chain);
        } else if !follows {
            self.odd.insert(self.items.len(), chain);
        }
        self.newest = Some(chain);
        self.items.push(item);
    }

    /// X after the item at a place.
    fn chain(&self, place: usize) -> Option<Digest> {
        let kept = place - place % EVERY;
        let (from, mut chain) = match self.odd.range(..=place).next_back().filter(|(from, _)| **from > kept) {
            Some((from, chain)) => (*from, *chain),
            None => (kept, *self.chains.get(place / EVERY)?),
        };
        for item in self.items.get(from + 1..=place)? {
            chain = chain::next(&chain, item.seq, &item.object);
        }
        Some(chain)
    }

    fn place(&self, seq: u64) -> Option<usize> {
        self.items.binary_search_by_key(&seq, |item| item.seq).ok()
    }

    /// A number again: what was sent may be abandoned later, under the same number, E and X. If the leaf by which it was sent could
    /// not be read, its neighbours must fit instead, as far as they could be. `start` is X before the first item of what was sent.
    fn repeat(&mut self, item: Item, chain: Digest, start: Option<Digest>) -> Result<(), Wrong> {
        let place = self.place(item.seq);
        let may_come_late = place.is_none() && item.kind == Kind::ABANDONED && !self.late.contains_key(&item.seq);
        if let Some(start) = start.filter(|_| may_come_late) {
            let fits = self.fits_between(&item, &chain, start);
            self.late.insert(item.seq, (item, chain));
            let text = "the accumulator does not fit the items before and after";
            return if fits { Ok(()) } else { Err(Wrong(codes::CHAIN_MISMATCH, text.into())) };
        }
        let before = place.filter(|place| self.chain(*place) == Some(chain));
        match before.and_then(|place| self.items.get_mut(place)) {
            Some(before) if item.kind == Kind::ABANDONED && before.object == item.object => {
                before.kind = Kind::ABANDONED;
                Ok(())
            }
            _ => Err(Wrong(codes::SEQUENCE_REPEATED, format!("the number {} is in the log already", item.seq))),
        }
    }

    /// Whether X follows from the item before and leads to the one after, as far as those are known.
    fn fits_between(&self, item: &Item, chain: &Digest, start: Digest) -> bool {
        let known = |seq: u64| match self.place(seq) {
            Some(place) => Some((self.items.get(place)?.object, self.chain(place)?)),
            None => self.late.get(&seq).map(|(item, chain)| (item.object, *chain)),
        };
        let before = if item.seq == 1 { Some(start) } else { known(item.seq - 1).map(|(_, before)| before) };
        let before = before.is_none_or(|before| chain::next(&before, item.seq, &item.object) == *chain);
        let after = known(item.seq + 1);
        before && after.is_none_or(|(object, after)| chain::next(chain, item.seq + 1, &object) == after)
    }

    /// Puts those that came late in their places.
    fn settle(&mut self) {
        if self.late.is_empty() {
            return;
        }
        let late = std::mem::take(&mut self.late).into_values();
        let known = (0..self.items.len()).filter_map(|place| Some((*self.items.get(place)?, self.chain(place)?)));
        let mut all: Vec<_> = known.chain(late).collect();
        all.sort_unstable_by_key(|(item, _)| item.seq);
        *self = Self::default();
        for (item, chain) in all {
            let follows = self.newest.is_some_and(|before| chain::next(&before, item.seq, &item.object) == chain);
            self.push(item, chain, follows);
        }
    }
}

/// The items of every channel, by number.
#[derive(Debug, Default)]
pub(super) struct Channels(BTreeMap<Channel, Sequence>);

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

/// Whether the envelope of an item of this kind is kept.
pub(super) fn carries(kind: Kind) -> bool {
    is_item(kind) && !matches!(kind, Kind::REJECTED | Kind::ABANDONED)
}

impl Channels {
    /// Takes in an item and its leaf. `unknown` says how many leaves between two indexes could not be read.
    pub(super) fn take(
        &mut self,
        own: &Origin,
        item: Item,
        event: &Event,
        unknown: impl Fn(LogIndex, LogIndex) -> u64,
    ) -> Result<(), Wrong> {
        let fits = way(event.kind).is_none_or(|way| way == event.direction) && event.direction != Direction::None;
        let Some(peer) = event.peer.as_ref().filter(|_| fits && event.class > 0 && event.seq > 0) else {
            let text = format!("leaf {} is `{}` without channel or number", item.index.0, event.kind.name());
            return Err(Wrong(codes::LEAF_MALFORMED, text));
        };
        let channel = Channel { direction: event.direction, peer: peer.clone(), class: event.class };
        let (from, to) = if event.direction == Direction::Out { (own, peer) } else { (peer, own) };
        let sequence = self.0.entry(channel).or_default();
        let (seq, index) = (item.seq, item.index);
        let due = sequence.items.last().map_or(1, |last| last.seq + 1);
        if seq < due {
            // Who takes things takes them in order.
            let sends = event.direction == Direction::Out;
            return sequence.repeat(item, event.chain, sends.then(|| chain::start(from, to, event.class)));
        }
        let before = sequence.newest.unwrap_or_else(|| chain::start(from, to, event.class));
        let follows = seq == due && event.chain == chain::next(&before, seq, &item.object);
        let (since, known) = sequence.numbered.unwrap_or((LogIndex(0), 0));
        let gives_up = event.kind == Kind::ABANDONED && event.direction == Direction::Out;
        if !gives_up {
            sequence.numbered = Some((index, seq));
        }
        sequence.push(item, event.chain, follows);
        if seq > due {
            // The leaf of each number stands before that of the next one, also where it is known only by being given up.
            let missing = if gives_up { seq - known } else { seq - known - 1 };
            let text = format!("numbers {due} to {} are not in the log", seq - 1);
            return if unknown(since, index) >= missing { Ok(()) } else { Err(Wrong(codes::SEQUENCE_GAP, text)) };
        }
        if !follows {
            return Err(Wrong(codes::CHAIN_MISMATCH, "the accumulator does not follow from the item before".into()));
        }
        Ok(())
    }

    /// All leaves were read.
    pub(super) fn settle(&mut self) {
        self.0.values_mut().for_each(Sequence::settle);
    }

    /// An item by its number.
    pub(super) fn item(&self, channel: &Channel, seq: u64) -> Option<&Item> {
        find(self.0.get(channel).map_or(&[], |sequence| &sequence.items), seq)
    }

    /// X after the item of a number.
    pub(super) fn chain(&self, channel: &Channel, seq: u64) -> Option<Digest> {
        let sequence = self.0.get(channel)?;
        sequence.place(seq).and_then(|place| sequence.chain(place))
    }

    /// The other log's proof of an item verifies: it shows this leaf.
    pub(super) fn prove(&mut self, channel: &Channel, seq: u64, index: LogIndex) {
        let Some(sequence) = self.0.get_mut(channel) else { return };
        if let Some(item) = sequence.place(seq).and_then(|place| sequence.items.get_mut(place)) {
            item.proof = NonZeroU64::new(index.0.saturating_add(1));
        }
    }

    /// The content of an item says when its time is over.
    pub(super) fn expires(&mut self, event: &Event, time: Timestamp) {
        let Some(channel) = Channel::of(event) else { return };
        let Some(sequence) = self.0.get_mut(&channel) else { return };
        if let Some(item) = sequence.place(event.seq).and_then(|place| sequence.items.get_mut(place)) {
            item.expires = u32::try_from(time.ms() / DAY_MS).ok().and_then(NonZeroU32::new);
        }
    }

    /// The items of every channel.
    pub(super) fn into_inner(self) -> BTreeMap<Channel, Vec<Item>> {
        self.0.into_iter().map(|(channel, sequence)| (channel, sequence.items)).collect()
    }

    /// Every channel with its items.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Channel, &[Item])> {
        self.0.iter().map(|(channel, sequence)| (channel, sequence.items.as_slice()))
    }
}

/// An item by its number.
pub(super) fn find(items: &[Item], seq: u64) -> Option<&Item> {
    items.binary_search_by_key(&seq, |item| item.seq).ok().and_then(|place| items.get(place))
}

/// A finding about an item.
pub(super) fn about(code: Code, text: impl Into<String>, channel: &Channel, seq: u64) -> Finding {
    Finding::new(code, text).item(&channel.peer, channel.class, seq)
}
