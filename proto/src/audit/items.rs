//! The items of a log and their envelopes: was each exchanged with a pinned peer, under an accepted agreement, and is its
//! envelope there, signed by its issuer, and one that both ends may exchange.

use super::channels::is_item;
use super::codes;
use super::files::Files;
use super::finding::{Finding, Wrong};
use super::layout::{self, Scope};
use super::leaves::Leaves;
use super::payload::{self, Checked};
use crate::envelope::{Envelope, Expected, Rejection};
use crate::id::{Digest, LogIndex, Origin};
use crate::identity::{PublicKey, Role};
use crate::log::event::{Direction, Event, Kind};
use crate::summary::{self, EditionState};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of envelopes so far.
#[derive(Debug, Default)]
pub(super) struct Items {
    found: BTreeSet<Digest>,
    asked: BTreeSet<Digest>,
    erased: BTreeSet<Digest>,
    /// Numbers of what was admitted, by sender, class and E.
    admitted: BTreeMap<(Origin, u8, Digest), u64>,
    wanted: Vec<Wanted>,
    last: Option<(Digest, Envelope)>,
    strangers: BTreeMap<Origin, LogIndex>,
    budget: summary::Chain,
    lines: BTreeSet<Digest>,
    added: BTreeSet<Digest>,
    /// Trend summaries that we sent: what each releases, and its leaf.
    published: Vec<(summary::Place, Digest, LogIndex, Event)>,
    /// Envelopes that were checked.
    pub(super) envelopes: u64,
}

#[derive(Debug)]
struct Wanted {
    object: Digest,
    finding: Finding,
}

impl Items {
    /// An envelope with this digest is in the bundle.
    pub(super) fn found(&mut self, object: Digest) {
        self.found.insert(object);
    }

    /// The log says that somebody asked to erase this.
    pub(super) fn asked(&mut self, object: Digest) {
        self.asked.insert(object);
    }

    /// The log says that this was erased. Whether anybody had asked; without that it explains nothing.
    pub(super) fn erased(&mut self, object: Digest) -> bool {
        let asked = self.asked.contains(&object);
        if asked {
            self.erased.insert(object);
        }
        asked
    }
}

/// Whether the envelope of an item of this kind is kept.
fn carries(kind: Kind) -> bool {
    is_item(kind) && !matches!(kind, Kind::REJECTED | Kind::ABANDONED)
}

impl Leaves<'_> {
    /// Takes in the leaf of an item.
    pub(super) fn item(&mut self, index: LogIndex, event: &Event) {
        let Self { channels, unknown, genesis, .. } = self;
        let between = |from, to| Self::unknown_between(unknown, from, to);
        if let Err(Wrong(code, text)) = channels.take(genesis.origin(), index, event, between) {
            self.say(index, event, code, text);
        }
        let Some(peer) = &event.peer else { return };
        if event.direction == Direction::In && self.unknown.is_empty() {
            if self.peers.pinned(peer).is_none() {
                self.say(index, event, codes::NOT_IN_ROSTER, format!("{peer} was not pinned when this came from it"));
            } else if !self.peers.agreed(peer, &event.agreement) {
                let text = format!("the two had not both accepted the agreement {}", event.agreement);
                self.say(index, event, codes::AGREEMENT_MISSING, text);
            }
        } else if event.direction == Direction::Out && self.peers.get(peer).is_none() {
            self.items.strangers.entry(peer.clone()).or_insert(index);
        }
        if carries(event.kind) {
            self.admit(index, event);
            self.want(index, event);
        }
    }

    /// What came is admitted once, whatever numbers it comes under.
    fn admit(&mut self, index: LogIndex, event: &Event) {
        let Some(peer) = event.peer.as_ref().filter(|_| event.direction == Direction::In) else { return };
        let first = *self.items.admitted.entry((peer.clone(), event.class, event.object)).or_insert(event.seq);
        if first != event.seq {
            self.say(index, event, codes::ADMITTED_TWICE, format!("it was admitted under the number {first} before"));
        }
    }

    /// Takes in the leaf of a line of our own privacy budget.
    pub(super) fn announce_budget(&mut self, index: LogIndex, event: &Event) {
        self.items.lines.insert(event.object);
        self.want(index, event);
    }

    fn want(&mut self, index: LogIndex, event: &Event) {
        if self.items.found.contains(&event.object) {
            return;
        }
        let text = format!("the envelope of leaf {} (`{}`) is not in the bundle", index.0, event.kind.name());
        let time = Some(event.time);
        let mut finding = Finding::new(codes::ENVELOPE_MISSING, text).at(index).between(time, time);
        finding.peer = event.peer.clone();
        if event.seq > 0 {
            (finding.class, finding.seq) = (Some(event.class), Some(event.seq));
        }
        self.items.wanted.push(Wanted { object: event.object, finding });
    }

    /// Checks an envelope that lies at a leaf.
    pub(super) fn judge(&mut self, index: LogIndex, event: Option<&Event>, envelope: Envelope) {
        self.items.envelopes += 1;
        self.items.last = Some((crate::envelope::digest(&envelope), envelope));
        if let Some(event) = event {
            self.judge_again(index, event);
        }
    }

    /// Checks the envelope that came last against another leaf that names it.
    pub(super) fn judge_again(&mut self, index: LogIndex, event: &Event) {
        let Some((object, envelope)) = self.items.last.take() else { return };
        if object == event.object && (carries(event.kind) || event.kind == Kind::BUDGET) {
            if self.scope == Scope::National && event.direction != Direction::In {
                self.budget_line(index, event, &envelope);
            }
            if is_item(event.kind) {
                self.judge_item(index, event, &envelope);
            }
        }
        self.items.last = Some((object, envelope));
    }

    fn judge_item(&mut self, index: LogIndex, event: &Event, envelope: &Envelope) {
        let (Some(peer), Some(own_key)) = (&event.peer, self.genesis.keys().get(Role::Msg)) else { return };
        let own = self.genesis.origin();
        let out = event.direction == Direction::Out;
        let their_key = self.peers.get(peer).and_then(|pinned| pinned.message_key);
        let keys: Vec<PublicKey> = if out { vec![*own_key] } else { their_key.into_iter().collect() };
        if keys.is_empty() {
            return;
        }
        let expected = Expected {
            network: own.network(),
            mode: self.genesis.mode(),
            issuer: if out { own } else { peer },
            recipient: if out { peer } else { own },
            keys: &keys,
            agreement: event.agreement,
            class: event.class,
        };
        match payload::check(envelope, &expected) {
            Ok(Checked::Alert(decision)) if out && decision != event.restricted => {
                self.say(
                    index,
                    event,
                    codes::DECISION_ALTERED,
                    "the alert names another sharing decision than the leaf",
                );
            }
            Ok(Checked::Summary(place, release)) if out && self.scope == Scope::National => {
                self.items.published.push((place, release, index, Event { body: Vec::new(), ..event.clone() }));
            }
            Ok(Checked::Alert(_) | Checked::Summary(..) | Checked::Known) => {}
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

    /// Adds a line of our own budget, the first time that its envelope is seen.
    fn budget_line(&mut self, index: LogIndex, event: &Event, envelope: &Envelope) {
        let Some(key) = self.genesis.keys().get(Role::Msg) else { return };
        let Ok((entry, digest)) = payload::own_budget(envelope, key) else { return };
        if !self.items.added.insert(digest) {
            return;
        }
        if !self.items.lines.contains(&digest) && self.unknown.is_empty() {
            self.say(index, event, codes::BUDGET_FAULT, "a budget entry was sent that has no leaf of its own");
        }
        if let Err(fault) = self.items.budget.append(&entry, digest)
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

    /// What can be said only when all leaves are known.
    pub(super) fn finish(&mut self, files: &Files<'_>) {
        let Items { found, erased, wanted, strangers, .. } = &mut self.items;
        if !files.lost(layout::ENVELOPES) {
            for Wanted { object, finding } in std::mem::take(wanted) {
                if !found.contains(&object) && !erased.contains(&object) {
                    self.out.add(finding);
                }
            }
        }
        let strangers = std::mem::take(strangers);
        self.published();
        for (peer, index) in strangers {
            if self.peers.get(&peer).is_none() && self.unknown.is_empty() {
                let text = format!("{peer} was never pinned, and leaf {} says that something was sent to it", index.0);
                self.out.add(Finding::new(codes::NOT_IN_ROSTER, text).at(index).with(&peer));
            }
        }
        if self.withheld > 0 {
            let text = format!(
                "{} leaves are not shown: the bundle was made {}, and they concern others",
                self.withheld, self.scope
            );
            self.out.add(Finding::new(codes::WITHHELD, text));
        }
    }
}
