//! The openings of a log, leaf by leaf in order: does each open its leaf, and does what it says follow from what the log said
//! before.

use super::block::{Block, Found, Leaf, Opened};
use super::channels::{Channel, Channels, is_item};
use super::codes;
use super::crew::Line;
use super::erased::Pretexts;
use super::files::Files;
use super::finding::{Code, Finding, Findings, Wrong};
use super::forgotten::Forgotten;
use super::forks::Forks;
use super::items::Items;
use super::layout::{self, Scope, packed};
use super::overdue::Erasures;
use super::own::Own;
use super::peers::Peers;
use super::queries::Queries;
use super::source::Unreadable;
use crate::agreement::Agreement;
use crate::envelope::{self, Envelope};
use crate::id::{Digest, LogIndex};
use crate::identity::{Genesis, History, Incident, Logged};
use crate::log::event::{Direction, Event, Kind};
use crate::log::leaf::DECISION;
use crate::log::tree::Tree;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A `receipt-held` leaf.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    /// Number of the newest item that it is about.
    pub(super) seq: u64,
    pub(super) index: LogIndex,
    /// SHA-256 of the receipt's file.
    pub(super) digest: Digest,
}

/// The pass over all leaves, and what later checks need of it.
pub(super) struct Leaves<'a> {
    pub(super) out: &'a mut Findings,
    pub(super) genesis: &'a Genesis,
    pub(super) genesis_digest: Digest,
    /// Whether a leaf says which log this one follows.
    pub(super) bumped: bool,
    /// Why the log before ended.
    pub(super) follows: Option<Incident>,
    /// Our keys.
    pub(super) history: Arc<History>,
    /// Changes of our keys that the leaves show as the bundle does.
    statements: usize,
    pub(super) scope: Scope,
    tree: &'a Tree,
    pub(super) peers: Peers,
    pub(super) channels: Channels,
    pub(super) items: Items,
    /// `receipt-held` leaves of each channel, by number.
    pub(super) held: BTreeMap<Channel, Vec<Held>>,
    /// The newest policy.
    pub(super) policy: Option<Vec<u8>>,
    /// What the leaves say of the log itself.
    pub(super) own: Own,
    /// What was asked to be erased, and what of it was.
    pub(super) erasures: Erasures,
    /// On whose word something was erased.
    pub(super) pretexts: Pretexts,
    /// What was erased on a word that is lost.
    pub(super) forgotten: Vec<Forgotten>,
    /// Queries without answer.
    pub(super) queries: Queries,
    /// Logs that were forked.
    pub(super) forks: Forks,
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
        (genesis, texts): (&'a Genesis, BTreeMap<Digest, Arc<Agreement>>),
        tree: &'a Tree,
        out: &'a mut Findings,
    ) -> Result<Self, Unreadable> {
        let (genesis_digest, scope) = (files.genesis_digest, files.manifest.scope);
        let mut pass = Self {
            out,
            genesis,
            genesis_digest,
            bumped: false,
            follows: None,
            history: files.history.clone(),
            statements: 0,
            scope,
            tree,
            peers: Peers::with_texts(texts),
            channels: Channels::default(),
            items: Items::default(),
            held: BTreeMap::new(),
            policy: None,
            own: Own::default(),
            erasures: Erasures::default(),
            pretexts: Pretexts::default(),
            forgotten: Vec::new(),
            queries: Queries::default(),
            forks: Forks::default(),
            unknown: Vec::new(),
            withheld: 0,
            opened: 0,
            decisions: 0,
            last_time: None,
            unclosed: Vec::new(),
        };
        let shared = Arc::new(genesis.clone());
        let mut blocks = 0..tree.size().0.div_ceil(layout::PACK);
        let mut line = Line::new(files.crew);
        loop {
            while !line.is_full()
                && let Some(number) = blocks.next()
            {
                let block = pass.fetch(files, number, shared.clone())?;
                line.give(move || block.open());
            }
            let Some((number, leaves)) = line.take()? else { break };
            for (index, leaf) in (Block::first(number)..).map(LogIndex).zip(leaves) {
                pass.leaf(index, leaf);
            }
        }
        pass.own.say_missing(pass.out);
        pass.compare_statements();
        pass.expect_bump();
        pass.finish(files);
        Ok(pass)
    }

    /// Reads the files of a block.
    fn fetch(&mut self, files: &mut Files<'_>, number: u64, genesis: Arc<Genesis>) -> Result<Block, Unreadable> {
        let first = Block::first(number);
        let hashes: Vec<Digest> = (first..first + layout::PACK).map_while(|i| self.tree.leaf(LogIndex(i))).collect();
        let path = packed(layout::OPENINGS, number);
        let openings = files.take_packed(&path, self.out)?;
        if openings.as_ref().is_some_and(|openings| openings.len() != hashes.len()) {
            files.lose(&path, &format!("does not hold {} openings", hashes.len()), self.out);
        }
        // A file that is not even listed holds nothing that is to be shown.
        let openings = (!files.lost(&path)).then(|| openings.unwrap_or_default());
        let envelopes = files.take_packed(&packed(layout::ENVELOPES, number), self.out)?.unwrap_or_default();
        let decisions = files.take_packed(&packed(layout::DECISIONS, number), self.out)?.unwrap_or_default();
        Ok(Block {
            number,
            hashes,
            openings,
            envelopes,
            decisions,
            genesis,
            history: self.history.clone(),
            keys: self.peers.message_keys(),
        })
    }

    fn leaf(&mut self, index: LogIndex, leaf: Leaf) {
        let Leaf { opened, envelope, decision, verdict } = leaf;
        let event = self.opened(index, opened);
        self.own.moment(event.as_ref());
        let envelope = envelope.and_then(|found| self.envelope(index, event.as_ref(), found));
        if let Some(event) = &event {
            self.take(index, event);
        }
        self.items.read();
        if let (Some(event), Some(bytes)) = (&event, decision) {
            self.decision(index, event, &bytes);
        }
        if let Some(envelope) = envelope {
            self.judge(envelope);
        }
        if let Some(event) = &event {
            self.judge_leaf(index, event, verdict);
        }
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

    /// The event, if the leaf is open.
    fn opened(&mut self, index: LogIndex, opened: Opened) -> Option<Event> {
        match opened {
            Opened::Event(event) => {
                self.opened += 1;
                self.time(index, &event);
                Some(event)
            }
            Opened::Wrong(why) => {
                let text = format!("the opening of leaf {} {why}", index.0);
                self.unclosed(Finding::new(codes::OPENING_ALTERED, text).at(index));
                self.lose(index)
            }
            Opened::Lost => self.lose(index),
            Opened::Absent if self.scope == Scope::National || index.0 == 0 => self.missing(index),
            Opened::Absent => {
                self.withheld += 1;
                None
            }
        }
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
        self.take_fork(index, event);
        match event.kind {
            Kind::GENESIS if event.object != self.genesis_digest => {
                self.say(index, event, codes::GENESIS_DIFFERS, "leaf 0 names another genesis than the bundle's");
            }
            Kind::GENERATION_BUMP => self.bumped(index, event),
            Kind::KEY_ROTATE | Kind::KEY_REVOKE => self.key_statement(index, event),
            Kind::ROSTER => {
                self.by_peers(index, event, Peers::roster);
                self.judge_later(false);
            }
            Kind::AGREEMENT => self.by_peers(index, event, Peers::agreement),
            Kind::POLICY if Digest::of(&event.body) != event.object => {
                self.say(index, event, codes::LEAF_MALFORMED, "a policy leaf does not name its own text");
            }
            Kind::POLICY => self.policy = Some(event.body.clone()),
            Kind::BUDGET => self.announce_budget(index, event),
            Kind::RECEIPT_HELD => self.receipt_held(index, event),
            Kind::ERASE_REQUEST | Kind::ERASE_DONE => self.erasure(index, event),
            kind if is_item(kind) => self.item(index, event),
            kind if !kind.is_known() => {
                let text = format!("leaf {} is of kind {}, which this version does not know", index.0, kind.0);
                self.say(index, event, codes::UNKNOWN_KIND, text);
            }
            _ => {}
        }
    }

    fn key_statement(&mut self, index: LogIndex, event: &Event) {
        let shown = self.history.statements().iter().find(|logged| logged.index == index);
        let same = |logged: &Logged| logged.kind() == event.kind && envelope::digest(&logged.envelope) == event.object;
        if shown.is_some_and(same) {
            self.statements += 1;
        } else {
            let text = format!("leaf {} changes a key, and {} does not show it so", index.0, layout::STATEMENTS);
            self.say(index, event, codes::KEYS_DIFFER, text);
        }
    }

    fn compare_statements(&mut self) {
        let more = self.history.statements().len() - self.statements;
        if more > 0 && self.unknown.is_empty() {
            let text = format!("{} shows changes of keys, {more} of them, that no leaf says", layout::STATEMENTS);
            self.out.add(Finding::new(codes::KEYS_DIFFER, text));
        }
    }

    fn by_peers(
        &mut self,
        index: LogIndex,
        event: &Event,
        take: fn(&mut Peers, &Event, &Genesis) -> Result<(), Wrong>,
    ) {
        if let Err(Wrong(code, text)) = take(&mut self.peers, event, self.genesis)
            && (code != codes::AGREEMENT_INVALID || !self.is_in_doubt())
        {
            self.say(index, event, code, text);
        }
    }

    fn receipt_held(&mut self, index: LogIndex, event: &Event) {
        match &event.peer {
            Some(peer) if event.seq > 0 => {
                if !self.is_in_doubt() && self.peers.is_without_agreement(peer, event) {
                    let text =
                        format!("{peer} took what was sent, and the log does not say that it agreed to anything");
                    self.say(index, event, codes::AGREEMENT_MISSING, text);
                }
                let channel = Channel { direction: Direction::Out, peer: peer.clone(), class: event.class };
                let held = Held { seq: event.seq, index, digest: event.object };
                let of_channel = self.held.entry(channel).or_default();
                match of_channel.binary_search_by_key(&held.seq, |held| held.seq) {
                    Ok(place) => of_channel[place] = held,
                    Err(place) => of_channel.insert(place, held),
                }
            }
            _ => self.say(index, event, codes::LEAF_MALFORMED, "a `receipt-held` leaf names no item"),
        }
    }

    /// An envelope that is the one encoding of itself and, if the leaf is known, the one that it names.
    fn envelope(&mut self, index: LogIndex, event: Option<&Event>, found: Found) -> Option<(Digest, Envelope)> {
        let digest = found.as_ref().map(|(digest, _)| *digest);
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
            _ => found.inspect(|(digest, _)| self.items.found(*digest)),
        }
    }

    /// Whether some leaf so far that cannot be read may have said what is missed at the one that is read now. Not one that a
    /// restored node lost, once it says so: it takes nothing before it has said all of its pins and agreements again.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.unknown.len() > self.own.explained
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
