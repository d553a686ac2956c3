//! The openings of a log, leaf by leaf in order: does each open its leaf, and does what it says follow from what the log said
//! before.

use super::channels::{Channel, Channels, is_item};
use super::codes;
use super::files::Files;
use super::finding::{Code, Finding, Findings, Wrong};
use super::items::Items;
use super::layout::{self, Scope, packed};
use super::overdue::Erasures;
use super::own::Own;
use super::peers::Peers;
use super::queries::Queries;
use super::source::Unreadable;
use crate::envelope::Envelope;
use crate::id::{Digest, LogIndex};
use crate::identity::Genesis;
use crate::log::event::{Direction, Event, Kind};
use crate::log::leaf::{DECISION, Opening};
use crate::log::tree::Tree;
use crate::time::Timestamp;
use prost::Message;
use std::collections::BTreeMap;

/// The newest `receipt-held` leaf of a channel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) index: LogIndex,
    /// SHA-256 of the receipt's file.
    pub(super) digest: Digest,
}

/// The pass over all leaves, and what later checks need of it.
pub(super) struct Leaves<'a> {
    pub(super) out: &'a mut Findings,
    pub(super) genesis: &'a Genesis,
    genesis_digest: Digest,
    pub(super) scope: Scope,
    tree: &'a Tree,
    pub(super) peers: Peers,
    pub(super) channels: Channels,
    pub(super) items: Items,
    /// `receipt-held` leaves by channel and number.
    pub(super) held: BTreeMap<(Channel, u64), Held>,
    /// The newest policy.
    pub(super) policy: Option<Vec<u8>>,
    /// What the leaves say of the log itself.
    pub(super) own: Own,
    /// What was asked to be erased, and what of it was.
    pub(super) erasures: Erasures,
    /// Queries without answer.
    pub(super) queries: Queries,
    /// Leaves that should be readable and are not, in order.
    pub(super) unknown: Vec<LogIndex>,
    /// Leaves that are not for this reader.
    pub(super) withheld: u64,
    /// Leaves that were opened.
    pub(super) opened: u64,
    /// Sharing decisions that open what their leaf names.
    pub(super) decisions: u64,
    last_time: Option<Timestamp>,
    unclosed: Vec<usize>,
}

impl<'a> Leaves<'a> {
    /// Reads all openings and envelopes.
    pub(super) fn read(
        files: &mut Files<'_>,
        genesis: &'a Genesis,
        tree: &'a Tree,
        out: &'a mut Findings,
    ) -> Result<Self, Unreadable> {
        let (genesis_digest, scope) = (files.genesis_digest, files.manifest.scope);
        let mut pass = Self {
            out,
            genesis,
            genesis_digest,
            scope,
            tree,
            peers: Peers::default(),
            channels: Channels::default(),
            items: Items::default(),
            held: BTreeMap::new(),
            policy: None,
            own: Own::default(),
            erasures: Erasures::default(),
            queries: Queries::default(),
            unknown: Vec::new(),
            withheld: 0,
            opened: 0,
            decisions: 0,
            last_time: None,
            unclosed: Vec::new(),
        };
        let size = tree.size().0;
        for block in 0..size.div_ceil(layout::PACK) {
            pass.block(files, block, layout::PACK.min(size - block * layout::PACK))?;
        }
        pass.own.say_missing(pass.out);
        pass.finish(files);
        Ok(pass)
    }

    fn block(&mut self, files: &mut Files<'_>, block: u64, width: u64) -> Result<(), Unreadable> {
        let path = packed(layout::OPENINGS, block);
        let openings = files.take_packed(&path, self.out)?;
        if openings.as_ref().is_some_and(|openings| openings.len() as u64 != width) {
            files.lose(&path, &format!("does not hold {width} openings"), self.out);
        }
        let envelopes = files.take_packed(&packed(layout::ENVELOPES, block), self.out)?;
        let envelopes = envelopes.unwrap_or_default();
        let decisions = files.take_packed(&packed(layout::DECISIONS, block), self.out)?.unwrap_or_default();
        let readable = !files.lost(&path);
        for place in 0..width {
            let index = LogIndex(block * layout::PACK + place);
            let at = |things: &[Vec<u8>]| things.get(place as usize).filter(|thing| !thing.is_empty()).cloned();
            let opening = openings.as_deref().filter(|_| readable).and_then(at);
            let event = match opening {
                Some(bytes) => self.open(index, &bytes),
                None if !readable => self.lose(index),
                None if self.scope == Scope::National || index.0 == 0 => self.missing(index),
                None => {
                    self.withheld += 1;
                    None
                }
            };
            self.own.moment(event.as_ref());
            let envelope = at(&envelopes).and_then(|bytes| self.envelope(index, event.as_ref(), &bytes));
            if let Some(event) = &event {
                self.take(index, event);
            }
            if let (Some(event), Some(bytes)) = (&event, at(&decisions)) {
                self.decision(index, event, &bytes);
            }
            if let Some(envelope) = envelope {
                self.judge(index, event.as_ref(), envelope);
            } else if let Some(event) = &event {
                self.judge_again(index, event);
            }
        }
        Ok(())
    }

    fn decision(&mut self, index: LogIndex, event: &Event, opening: &[u8]) {
        if event.kind != Kind::SENT || Digest::of(&[DECISION, opening].concat()) != event.restricted {
            let text = format!("the sharing decision at leaf {} is not the one that the leaf names", index.0);
            self.say(index, event, codes::DECISION_ALTERED, text);
            return;
        }
        self.decisions += 1;
    }

    fn lose(&mut self, index: LogIndex) -> Option<Event> {
        self.unknown.push(index);
        None
    }

    fn missing(&mut self, index: LogIndex) -> Option<Event> {
        self.own.missing(index, self.last_time);
        self.lose(index)
    }

    /// Adds a finding whose end is the time of the next leaf that opens.
    fn unclosed(&mut self, finding: Finding) {
        let place = self.out.add(finding.between(self.last_time, None));
        self.unclosed.extend(place);
    }

    /// The event, if these bytes open the leaf.
    fn open(&mut self, index: LogIndex, bytes: &[u8]) -> Option<Event> {
        let why = match Opening::parse(bytes) {
            Ok(opening) if self.tree.leaf(index) == Some(opening.entry().leaf_hash()) => {
                self.opened += 1;
                let event = opening.event().clone();
                self.time(index, &event);
                return Some(event);
            }
            Ok(_) => "does not open it".to_owned(),
            Err(bad) => format!("cannot be read: {bad}"),
        };
        let finding = Finding::new(codes::OPENING_ALTERED, format!("the opening of leaf {} {why}", index.0)).at(index);
        self.unclosed(finding);
        self.lose(index)
    }

    fn time(&mut self, index: LogIndex, event: &Event) {
        for place in self.unclosed.drain(..) {
            self.out.close(place, event.time);
        }
        if let Some(last) = self.last_time.filter(|last| *last > event.time) {
            let text = format!("leaf {} says {}, and a leaf before it {last}", index.0, event.time);
            let code = if event.kind == Kind::CLOCK_STEP { codes::CLOCK_STEP } else { codes::TIME_DECREASING };
            self.out.add(Finding::new(code, text).at(index).between(Some(event.time), Some(last)));
        }
        self.last_time = Some(event.time);
    }

    /// A finding about a leaf, with its peer and number if it has them.
    pub(super) fn say(&mut self, index: LogIndex, event: &Event, code: Code, text: impl Into<String>) {
        let mut finding = Finding::new(code, text).at(index).between(Some(event.time), Some(event.time));
        finding.peer = event.peer.clone();
        if event.seq > 0 {
            (finding.class, finding.seq) = (Some(event.class), Some(event.seq));
        }
        self.out.add(finding);
    }

    fn take(&mut self, index: LogIndex, event: &Event) {
        if (index.0 == 0) != (event.kind == Kind::GENESIS) {
            let text = format!("leaf {} is `{}`; a log begins with its genesis, once", index.0, event.kind.name());
            self.say(index, event, codes::LEAF_MALFORMED, text);
            return;
        }
        self.take_own(index, event);
        self.erasures.take(index, event);
        self.queries.take(index, event);
        match event.kind {
            Kind::GENESIS if event.object != self.genesis_digest => {
                self.say(index, event, codes::GENESIS_DIFFERS, "leaf 0 names another genesis than the bundle's");
            }
            Kind::ROSTER => self.by_peers(index, event, Peers::roster),
            Kind::AGREEMENT => self.by_peers(index, event, Peers::agreement),
            Kind::POLICY if Digest::of(&event.body) != event.object => {
                self.say(index, event, codes::LEAF_MALFORMED, "a policy leaf does not name its own text");
            }
            Kind::POLICY => self.policy = Some(event.body.clone()),
            Kind::BUDGET => self.announce_budget(index, event),
            Kind::RECEIPT_HELD => self.receipt_held(index, event),
            Kind::ERASE_REQUEST => self.items.asked(event.object),
            Kind::ERASE_DONE => self.erased(index, event),
            kind if is_item(kind) => self.item(index, event),
            kind if !kind.is_known() => {
                let text = format!("leaf {} is of kind {}, which this version does not know", index.0, kind.0);
                self.say(index, event, codes::UNKNOWN_KIND, text);
            }
            _ => {}
        }
    }

    fn erased(&mut self, index: LogIndex, event: &Event) {
        if !self.items.erased(event.object) && self.unknown.is_empty() && self.scope == Scope::National {
            let text = format!("leaf {} says that something was erased, and no leaf before it asks for that", index.0);
            self.say(index, event, codes::ERASURE_UNREQUESTED, text);
        }
    }

    fn by_peers(
        &mut self,
        index: LogIndex,
        event: &Event,
        take: fn(&mut Peers, &Event, &Genesis) -> Result<(), Wrong>,
    ) {
        if let Err(Wrong(code, text)) = take(&mut self.peers, event, self.genesis)
            && (code != codes::AGREEMENT_INVALID || self.unknown.is_empty())
        {
            self.say(index, event, code, text);
        }
    }

    fn receipt_held(&mut self, index: LogIndex, event: &Event) {
        match &event.peer {
            Some(peer) if event.seq > 0 => {
                let channel = Channel { direction: Direction::Out, peer: peer.clone(), class: event.class };
                self.held.insert((channel, event.seq), Held { index, digest: event.object });
            }
            _ => self.say(index, event, codes::LEAF_MALFORMED, "a `receipt-held` leaf names no item"),
        }
    }

    /// An envelope that is the one encoding of itself and, if the leaf is known, the one that it names.
    fn envelope(&mut self, index: LogIndex, event: Option<&Event>, bytes: &[u8]) -> Option<Envelope> {
        let envelope = Envelope::decode(bytes).ok().filter(|envelope| envelope.encode_to_vec() == bytes);
        let digest = envelope.as_ref().map(crate::envelope::digest);
        let names = |event: &Event| event.kind == Kind::BUDGET || is_item(event.kind);
        match event {
            Some(event) if !names(event) => {
                self.say(index, event, codes::ENVELOPE_UNLOGGED, format!("an envelope lies at leaf {}", index.0));
                None
            }
            Some(event) if digest != Some(event.object) => {
                let text = format!("the envelope at leaf {} is not the one that was logged", index.0);
                self.say(index, event, codes::ENVELOPE_ALTERED, text);
                self.items.found(event.object);
                None
            }
            _ => envelope.inspect(|_| self.items.found(digest.unwrap_or_default())),
        }
    }

    /// How many leaves between two could not be read.
    pub(super) fn unknown_between(unknown: &[LogIndex], from: LogIndex, to: LogIndex) -> u64 {
        let place = |index: LogIndex| unknown.partition_point(|lost| *lost < index);
        place(to).saturating_sub(place(from)) as u64
    }

    /// A time that is known: when the last leaf that opened was written.
    pub(super) fn last_time(&self) -> Option<Timestamp> {
        self.last_time
    }
}
