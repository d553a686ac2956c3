//! The items of a log and their envelopes: was each exchanged with a pinned peer, under an accepted agreement, and is its
//! envelope there, signed by its issuer, and one that both ends may exchange.

use super::block::Verdict;
use super::channels::{Item, about, carries, is_item};
use super::codes;
use super::files::Files;
use super::finding::{Finding, Wrong};
use super::layout::{self, Scope};
use super::leaves::Leaves;
use super::payload::{self, Checked};
use super::peers::Pinned;
use crate::envelope::{Envelope, Rejection};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{PublicKey, Role};
use crate::log::event::{Direction, Event, Kind};
use crate::summary::{self, EditionState};
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// Bytes of envelopes that wait for a later judgement: memory does not grow with the log.
const LATER: usize = 32 << 20;

/// What is known of envelopes so far.
#[derive(Debug, Default)]
pub(super) struct Items {
    found: BTreeSet<Digest>,
    /// E of the envelope at the leaf that is being read.
    here: Option<Digest>,
    wanted: Vec<Wanted>,
    /// Of what is wanted.
    whose: Vec<Origin>,
    last: Option<(Digest, Envelope)>,
    strangers: BTreeMap<Origin, LogIndex>,
    budget: summary::Chain,
    lines: BTreeSet<Digest>,
    added: BTreeSet<Digest>,
    /// Of peers whose keys may stand in a leaf that was lost, and be said again after a recovery.
    later: Vec<(LogIndex, Event, Envelope)>,
    later_bytes: usize,
    /// Trend summaries that we sent: what each releases, and its leaf.
    published: Vec<(summary::Place, Digest, LogIndex, Event)>,
    /// Envelopes that were checked.
    pub(super) envelopes: u64,
}

/// A leaf whose envelope does not lie at it, nor at the leaf before.
#[derive(Debug)]
struct Wanted {
    object: Digest,
    index: LogIndex,
    seq: u64,
    kind: Kind,
    direction: Direction,
    class: u8,
    /// Place in `whose`.
    peer: Option<u32>,
}

impl Items {
    /// An envelope with this digest lies at the leaf that is being read.
    pub(super) fn found(&mut self, object: Digest) {
        self.here = Some(object);
    }

    /// The leaf was read. What was found there and stands with no item is remembered by itself.
    pub(super) fn read(&mut self) {
        self.found.extend(self.here.take());
    }

    /// Whether there is room to keep an envelope for a later judgement.
    fn may_wait(&mut self, envelope: &Envelope) -> bool {
        self.later_bytes += envelope.encoded_len();
        self.later_bytes <= LATER
    }

    fn want(&mut self, index: LogIndex, event: &Event) {
        let last = self.last.as_ref().map(|(object, _)| *object);
        if self.here == Some(event.object) || last == Some(event.object) {
            return;
        }
        let Event { kind, direction, class, seq, object, peer, .. } = event;
        let peer = peer.as_ref().map(|peer| {
            self.whose.iter().position(|known| known == peer).unwrap_or_else(|| {
                self.whose.push(peer.clone());
                self.whose.len() - 1
            }) as u32
        });
        let (kind, direction, class) = (*kind, *direction, *class);
        self.wanted.push(Wanted { object: *object, index, seq: *seq, kind, direction, class, peer });
    }
}

impl Leaves<'_> {
    /// Takes in the leaf of an item.
    pub(super) fn item(&mut self, index: LogIndex, event: &Event) {
        let Self { channels, unknown, genesis, items, .. } = self;
        let between = |from, to| Self::unknown_between(unknown, from, to);
        if carries(event.kind) && event.peer.is_some() {
            items.want(index, event);
        }
        let item = Item::new(index, event, items.here == Some(event.object));
        match channels.take(genesis.origin(), item, event, between) {
            Ok(()) if item.carried => items.here = None,
            Ok(()) => {}
            Err(Wrong(code, text)) => self.say(index, event, code, text),
        }
        let Some(peer) = &event.peer else { return };
        if event.direction == Direction::In && !self.is_in_doubt() {
            if self.peers.pinned(peer).is_none() {
                self.say(index, event, codes::NOT_IN_ROSTER, format!("{peer} was not pinned when this came from it"));
            } else if event.kind == Kind::RECEIVED && !self.peers.is_agreed_on(peer, event) {
                let text = format!("the two had not both accepted the agreement {}", event.agreement);
                self.say(index, event, codes::AGREEMENT_MISSING, text);
            }
        } else if event.direction == Direction::Out && self.peers.get(peer).is_none() {
            self.items.strangers.entry(peer.clone()).or_insert(index);
        }
    }

    /// What came is admitted once, whatever numbers it comes under.
    fn admitted(&mut self) {
        let Self { channels, out, .. } = self;
        for (channel, items) in channels.iter().filter(|(channel, _)| channel.direction == Direction::In) {
            let mut carried: Vec<&Item> = items.iter().filter(|item| item.carried).collect();
            carried.sort_unstable_by_key(|item| (item.object, item.seq));
            let of_one = carried.chunk_by(|a, b| a.object == b.object);
            let mut again: Vec<(&Item, u64)> =
                of_one.flat_map(|same| same.iter().skip(1).map(|item| (*item, same[0].seq))).collect();
            again.sort_unstable_by_key(|(item, _)| item.seq);
            for (item, first) in again {
                let text = format!("it was admitted under the number {first} before");
                let finding = about(codes::ADMITTED_TWICE, text, channel, item.seq).at(item.index);
                out.add(finding.between(Some(item.time), Some(item.time)));
            }
        }
    }

    /// Takes in the leaf of a line of our own privacy budget.
    pub(super) fn announce_budget(&mut self, index: LogIndex, event: &Event) {
        self.items.lines.insert(event.object);
        self.items.want(index, event);
    }

    /// Takes in an envelope that lies at a leaf.
    pub(super) fn judge(&mut self, envelope: (Digest, Envelope)) {
        self.items.envelopes += 1;
        self.items.last = Some(envelope);
    }

    /// Checks the envelope that came last against a leaf that names it. `verdict` may be there already.
    pub(super) fn judge_leaf(&mut self, index: LogIndex, event: &Event, verdict: Option<Verdict>) {
        let Some((object, envelope)) = self.items.last.take() else { return };
        if object == event.object && (carries(event.kind) || event.kind == Kind::BUDGET) {
            if self.scope == Scope::National && event.direction != Direction::In {
                self.budget_line(index, event, &envelope);
            }
            if is_item(event.kind) {
                self.judge_item(index, event, &envelope, verdict);
            }
        }
        self.items.last = Some((object, envelope));
    }

    fn judge_item(&mut self, index: LogIndex, event: &Event, envelope: &Envelope, verdict: Option<Verdict>) {
        let Some(peer) = &event.peer else { return };
        let out = event.direction == Direction::Out;
        let pinned = self.peers.get(peer);
        if !out && pinned.is_none() {
            // The leaf that pinned it may be lost.
            if self.is_in_doubt() && self.items.may_wait(envelope) {
                self.items.later.push((index, event.clone(), envelope.clone()));
            }
            return;
        }
        let keys = if out { self.own_keys(index) } else { pinned.map(Pinned::message_keys).unwrap_or_default() };
        let verdict = match verdict {
            // A verdict by a key that was pinned before or after counts for nothing.
            Some((with, verdict)) if with == keys => Some(verdict),
            _ => payload::check_item(envelope, event, self.genesis, &keys),
        };
        match verdict {
            Some(Err(Rejection::BadSignature)) if !out && self.is_in_doubt() && self.items.may_wait(envelope) => {
                self.items.later.push((index, event.clone(), envelope.clone()));
            }
            Some(verdict) => {
                self.agreed(index, event, &verdict);
                self.judged((index, event, envelope), verdict);
            }
            None => {}
        }
    }

    /// Says so where an item was not within what the two had agreed on. One that was refused was refused for that, perhaps.
    fn agreed(&mut self, index: LogIndex, event: &Event, verdict: &Result<Checked, Rejection>) {
        let traffic = verdict.as_ref().ok().and_then(Checked::traffic);
        let (Some(traffic), Some(peer)) = (traffic.filter(|_| !self.is_in_doubt()), &event.peer) else { return };
        let out = event.direction == Direction::Out;
        match self.peers.permits(peer, event, traffic) {
            Err(Rejection::WrongAgreement) if out => {
                let text =
                    format!("it was sent under the agreement {}, which the two had not both accepted", event.agreement);
                self.say(index, event, codes::AGREEMENT_MISSING, text);
            }
            Err(why @ Rejection::Agreement(_)) if out || event.kind == Kind::RECEIVED => {
                self.say(index, event, codes::AGAINST_AGREEMENT, format!("{why} ({})", why.code()));
            }
            _ => {}
        }
    }

    /// Says what came of the check of an item's envelope.
    fn judged(&mut self, (index, event, envelope): (LogIndex, &Event, &Envelope), verdict: Result<Checked, Rejection>) {
        let out = event.direction == Direction::Out;
        match verdict {
            Ok(Checked::Alert(alert)) => {
                self.channels.expires(event, alert.content().expires_at);
                if out && alert.decision() != event.restricted {
                    let text = "the alert names another sharing decision than the leaf";
                    self.say(index, event, codes::DECISION_ALTERED, text);
                }
            }
            Ok(Checked::Request(object)) if out => self.erasures.requested(object),
            Ok(Checked::Request(object)) => self.pretexts.received(event, object),
            Ok(Checked::Summary(place, release)) if out && self.scope == Scope::National => {
                self.items.published.push((place, release, index, Event { body: Vec::new(), ..event.clone() }));
            }
            Ok(Checked::Summary(..) | Checked::Offer(_) | Checked::Reply(_) | Checked::Budget | Checked::Known) => {}
            Ok(Checked::Unknown) => {
                let kind: String = envelope.payload_type.chars().take(80).collect();
                self.say(index, event, codes::UNKNOWN_PAYLOAD, format!("this version does not read {kind}"));
            }
            Err(Rejection::BadSignature) => {
                self.say(index, event, codes::ENVELOPE_UNSIGNED, "the envelope is not signed by its issuer's key");
            }
            Err(rule) => self.say(index, event, codes::AGAINST_RULES, format!("{rule} ({})", rule.code())),
        }
    }

    /// Checks by what the log has come to say of its peers' keys what could not be believed where it stands.
    pub(super) fn judge_later(&mut self, is_last: bool) {
        for (index, event, envelope) in std::mem::take(&mut self.items.later) {
            let Some(pinned) = event.peer.as_ref().and_then(|peer| self.peers.get(peer)) else {
                if !is_last {
                    self.items.later.push((index, event, envelope));
                }
                continue;
            };
            let keys = pinned.message_keys();
            match payload::check_item(&envelope, &event, self.genesis, &keys) {
                Some(Err(Rejection::BadSignature)) if !is_last => self.items.later.push((index, event, envelope)),
                Some(verdict) => self.judged((index, &event, &envelope), verdict),
                None => {}
            }
        }
    }

    /// Whether something waits for what the log will say of its peers' keys.
    pub(super) fn is_waited(&self) -> bool {
        !self.items.later.is_empty()
    }

    /// K_msg of what stands at a leaf.
    fn own_keys(&self, index: LogIndex) -> Vec<PublicKey> {
        self.history.at(Role::Msg, TreeSize(index.0 + 1))
    }

    /// Adds a line of our own budget, the first time that its envelope is seen.
    fn budget_line(&mut self, index: LogIndex, event: &Event, envelope: &Envelope) {
        let Ok((entry, digest)) = payload::own_budget(envelope, &self.own_keys(index)) else { return };
        if !self.items.added.insert(digest) {
            return;
        }
        if !self.items.lines.contains(&digest) && self.unknown.is_empty() {
            self.say(index, event, codes::BUDGET_FAULT, "a budget entry was sent that has no leaf of its own");
        }
        // The lines before the first of a later generation are in the log that ended.
        let first = self.genesis.origin().generation() == 1;
        let budget = &mut self.items.budget;
        let added = if first { budget.append(&entry, digest) } else { budget.resume(&entry, digest) };
        if let Err(fault) = added
            && self.unknown.is_empty()
        {
            self.say(index, event, codes::BUDGET_FAULT, format!("{fault} ({})", fault.code()));
        }
    }

    /// Every summary that we sent is the release that was paid for and committed.
    fn published(&mut self) {
        for (place, release, index, event) in std::mem::take(&mut self.items.published) {
            let committed = self.items.budget.edition(place) == Some(EditionState::Committed(release));
            if !committed && self.unknown.is_empty() {
                let summary::Place { cohort, edition } = place;
                let text = format!("no line of the budget commits this release of {cohort}, {}", edition.name());
                self.say(index, &event, codes::BUDGET_FAULT, text);
            }
        }
    }

    /// Every envelope that a leaf names lies somewhere in the bundle, was erased, or did not come back after a restored backup.
    fn missing_envelopes(&mut self) {
        let Self { items, channels, own, pretexts, out, .. } = self;
        let wanted: BTreeSet<Digest> = items.wanted.iter().map(|wanted| wanted.object).collect();
        let everywhere = channels.iter().filter(|_| !wanted.is_empty()).flat_map(|(_, items)| items);
        let kept = everywhere.filter(|item| item.kept && wanted.contains(&item.object)).map(|item| item.object);
        items.found.extend(kept);
        for Wanted { object, index, seq, kind, direction, class, peer } in std::mem::take(&mut items.wanted) {
            let peer = peer.and_then(|place| items.whose.get(place as usize));
            if items.found.contains(&object) || pretexts.explains(direction, peer, object) || own.is_lost(index) {
                continue;
            }
            let text = format!("the envelope of leaf {} (`{}`) is not in the bundle", index.0, kind.name());
            let time = own.moments.get(index).map(|moment| moment.time);
            let mut finding = Finding::new(codes::ENVELOPE_MISSING, text).at(index).between(time, time);
            finding.peer = peer.cloned();
            if seq > 0 {
                (finding.class, finding.seq) = (Some(class), Some(seq));
            }
            out.add(finding);
        }
    }

    /// What can be said only when all leaves are known.
    pub(super) fn finish(&mut self, files: &Files<'_>) {
        self.channels.settle();
        self.judge_later(true);
        self.erasures_without_request();
        if !files.lost(layout::ENVELOPES) {
            self.missing_envelopes();
        }
        self.admitted();
        let strangers = std::mem::take(&mut self.items.strangers);
        self.published();
        for (peer, index) in strangers {
            if self.peers.get(&peer).is_none() && !self.is_in_doubt() && !self.own.is_in_lost_tail(index) {
                let text = format!("{peer} was never pinned, and leaf {} says that something was sent to it", index.0);
                self.out.add(Finding::new(codes::NOT_IN_ROSTER, text).at(index).with(&peer));
            }
        }
        if self.withheld > 0 {
            let leaves =
                if self.withheld == 1 { "1 leaf is".to_owned() } else { format!("{} leaves are", self.withheld) };
            let text = format!("{leaves} not shown, as not concerning its reader: the bundle was made {}", self.scope);
            self.out.add(Finding::new(codes::WITHHELD, text));
        }
    }
}
