//! Two bundles side by side: what one says it sent, and what the other says it received.
//!
//! A receipt, a sender's proof and a witnessed head are signed by the other side's own key; so who holds one proves what the other once said,
//! and who holds none does not; all of it only under the keys of the other side's own genesis. What neither logged leaves nothing to find.

use super::channels::{Channel, Item, about, find};
use super::codes;
use super::comparable::{self, Incomparable};
use super::finding::{Finding, Findings};
use super::forgotten;
use super::overdue;
use super::partly::Unread;
use super::witnesses::SKEW;
use super::{Audit, Log, generation};
use crate::id::{LogIndex, TreeSize};
use crate::log::event::{Direction, Kind};
use std::collections::BTreeSet;

/// Compares two verified bundles. What each alone shows is not said again. Where items cannot be compared, that is a finding
/// beside those of what could be compared all the same.
pub fn reconcile(a: &Audit, b: &Audit) -> Vec<Finding> {
    let mut out = Findings::default();
    if let (Some(a), Some(b)) = (&a.log, &b.log) {
        if a.origin == b.origin {
            comparable::one_log(a, b, &mut out);
        } else if !generation::one_node(a, b, &mut out) && !generation::one_node(b, a, &mut out) {
            let (of_a, of_b) = (heads(a, b, &mut out), heads(b, a, &mut out));
            comparable::renamed(a, b, &mut out);
            comparable::renamed(b, a, &mut out);
            comparable::another_log(a, b, &mut out);
            comparable::another_log(b, a, &mut out);
            generation::shown_to_others(a, b, &mut out);
            generation::shown_to_others(b, a, &mut out);
            generation::told_otherwise(a, b, &mut out);
            let by_a = !of_b.misread && overdue::dates(a, b, of_b.forked, &mut out);
            let by_b = !of_a.misread && overdue::dates(b, a, of_a.forked, &mut out);
            let misdated = by_a || by_b;
            if comparable::between(a, b).is_none() {
                Side { own: a, other: b, of_own: of_a, of_other: of_b, misdated }.compare(&mut out);
                Side { own: b, other: a, of_own: of_b, of_other: of_a, misdated }.compare(&mut out);
                overdue::erasures(a, b, &mut out);
                overdue::erasures(b, a, &mut out);
                overdue::expired(a, b, &mut out);
                overdue::expired(b, a, &mut out);
                for (own, other, heads) in [(a, b, of_a), (b, a, of_b)] {
                    // A log of which another version was shown proves nothing against whoever saw that, nor do times that are wrong.
                    if !(heads.forked || heads.misread || misdated) {
                        forgotten::unasked(own, other, &mut out);
                    }
                }
                if comparable::exchanged_nothing(a, b) {
                    let text = format!("{} and {} know each other, and neither log has an item", a.origin, b.origin);
                    out.add(Finding::new(codes::NOTHING_EXCHANGED, text));
                }
            }
        }
    }
    if let Some(Incomparable { why, next }) = comparable::incomparable(a, b) {
        out.add(Finding::new(codes::NOT_COMPARABLE, format!("{why}; {next}")));
    }
    out.finish()
}

/// What `holder` shows of the other's heads, against the other's tree.
fn heads(other: &Log, holder: &Log, out: &mut Findings) -> Heads {
    if holder.peers.misidentifies(&other.history) {
        let text = format!("{} pinned {} under other keys than its log has", holder.origin, other.origin);
        out.add(Finding::new(codes::PEER_MISIDENTIFIED, text).of(&holder.origin).with(&other.origin));
        return Heads { behind: false, forked: false, misread: true };
    }
    let (mut forked, mut newest) = (false, 0);
    for (size, root) in holder.heads.get(&other.origin).into_iter().flatten() {
        newest = *size;
        let ours = other.tree.root_at(TreeSize(*size));
        if ours.is_some_and(|ours| ours != *root) && !forked {
            forked = true;
            let text = format!(
                "{} holds a head of {size} leaves that {} signed, and its bundle has another root there",
                holder.origin, other.origin
            );
            out.add(Finding::new(codes::FORKED, text).of(&other.origin).with(&holder.origin).at(LogIndex(*size)));
        }
    }
    let behind = newest > other.tree.size().0;
    if behind {
        let size = other.tree.size().0;
        let text = format!("{} holds a head of {newest} leaves, and the bundle has {size}", holder.origin);
        out.add(Finding::new(codes::BUNDLE_BEHIND, text).of(&other.origin).with(&holder.origin).at(LogIndex(size)));
    }
    Heads { behind, forked, misread: false }
}

/// What the other side's heads say of a log.
#[derive(Debug, Clone, Copy)]
struct Heads {
    /// It is shown up to less than it once was.
    behind: bool,
    /// The other side holds a head that is not in it.
    forked: bool,
    /// The other side took somebody else for it: nothing that it shows of it counts.
    misread: bool,
}

/// The channels from one log to the other.
struct Side<'a> {
    own: &'a Log,
    other: &'a Log,
    /// What the other shows of our heads.
    of_own: Heads,
    /// What we show of the other's.
    of_other: Heads,
    /// Times of one of the two contradict other evidence, which is already said.
    misdated: bool,
}

impl Side<'_> {
    fn compare(&self, out: &mut Findings) {
        let classes = |log: &Log, direction, peer| -> BTreeSet<u8> {
            log.channels.keys().filter(|c| c.direction == direction && c.peer == peer).map(|c| c.class).collect()
        };
        let mut all = classes(self.own, Direction::Out, self.other.origin.clone());
        all.extend(classes(self.other, Direction::In, self.own.origin.clone()));
        for class in all {
            self.channel(class, out);
        }
    }

    fn channel(&self, class: u8, out: &mut Findings) {
        let sent_in = Channel { direction: Direction::Out, peer: self.other.origin.clone(), class };
        let taken_in = Channel { direction: Direction::In, peer: self.own.origin.clone(), class };
        let sent = self.own.channels.get(&sent_in).map_or(&[][..], Vec::as_slice);
        let taken = self.other.channels.get(&taken_in).map_or(&[][..], Vec::as_slice);
        let (mut there, mut here) = (self.unread(self.other, self.own), self.unread(self.own, self.other));
        for item in sent {
            match (find(taken, item.seq), self.receipt(item).filter(|leaf| self.other.is_unread(*leaf))) {
                (Some(theirs), _) => {
                    self.pair(&sent_in, &taken_in, (item, theirs), out);
                    // Given up here and taken there, and the leaf that sent it is not shown: what it said is in their bundle alone.
                    let unread = self.proof(theirs).filter(|leaf| self.own.is_unread(*leaf));
                    let is_given_up = item.kind == Kind::ABANDONED && theirs.kind != Kind::ABANDONED;
                    here.items.extend(unread.filter(|_| is_given_up).map(|leaf| (theirs, leaf)));
                }
                (None, Some(leaf)) => there.items.push((item, leaf)),
                (None, None) => self.not_taken(&sent_in, item, out),
            }
        }
        for item in taken.iter().filter(|item| find(sent, item.seq).is_none()) {
            match self.proof(item).filter(|leaf| self.own.is_unread(*leaf)) {
                Some(leaf) => here.items.push((item, leaf)),
                None => self.not_sent(&taken_in, item, out),
            }
        }
        there.say(class, out);
        here.say(class, out);
    }

    fn unread<'s>(&self, log: &'s Log, holder: &'s Log) -> Unread<'s> {
        Unread { log, holder, items: Vec::new() }
    }

    /// The other's receipt for what we sent, as we show it.
    fn receipt(&self, sent: &Item) -> Option<LogIndex> {
        sent.proof().filter(|_| !self.of_other.misread)
    }

    /// Our proof that we sent what the other took under a number, as the other shows it.
    fn proof(&self, taken: &Item) -> Option<LogIndex> {
        taken.proof().filter(|_| !self.of_own.misread)
    }

    fn pair(&self, channel: &Channel, taken_in: &Channel, (sent, taken): (&Item, &Item), out: &mut Findings) {
        let both = (Some(sent.time), Some(taken.time));
        if sent.object != taken.object {
            let text =
                format!("{} sent one item under this number, and {} took another", self.own.origin, channel.peer);
            let finding = match self.proof(taken) {
                // What it had sent before it was restored was not given back, so it could not know that the number was used.
                Some(proof) if self.own.is_lost(proof) => {
                    let text = format!(
                        "{text}; the proof shows leaf {} of {}, whose opening did not come back after a restored backup, it says: the \
                         first is in the bundle of {} alone",
                        proof.0, self.own.origin, self.other.origin
                    );
                    about(codes::PARTLY_COMPARED, text, channel, sent.seq).of(&self.own.origin)
                }
                Some(proof) => {
                    let text = format!("{text}; it shows the proof (leaf {} of {})", proof.0, self.own.origin);
                    about(codes::EQUIVOCATED, text, channel, sent.seq).of(&self.own.origin)
                }
                None => about(codes::ITEM_DIFFERS, text, channel, sent.seq).of(&self.other.origin),
            };
            out.add(finding.at(sent.index).between(both.0, both.1));
        } else if taken.kind == Kind::ABANDONED && sent.kind != Kind::ABANDONED {
            let text = format!("{} logged it as abandoned, and {} did not", channel.peer, self.own.origin);
            let finding = about(codes::ABANDONED_BY_RECEIVER, text, taken_in, sent.seq).of(&self.other.origin);
            out.add(finding.at(taken.index).between(both.0, both.1));
        } else if taken.time.after(SKEW) < sent.time && !self.misdated {
            let text = format!("{} took it at {}, before it was sent at {}", channel.peer, taken.time, sent.time);
            out.add(about(codes::CLOCK_SKEW, text, channel, sent.seq).of(&self.own.origin).at(sent.index));
        }
    }

    /// Sent here, and the other side has nothing: in flight, unless we hold its receipt.
    fn not_taken(&self, channel: &Channel, item: &Item, out: &mut Findings) {
        if item.kind == Kind::ABANDONED {
            return;
        }
        let finding = match self.receipt(item) {
            // Its leaf lies beyond what the other's bundle shows, which is already said.
            Some(receipt) if receipt.0 >= self.other.tree.size().0 => return,
            Some(receipt) => {
                let text = format!(
                    "{} shows the receipt (leaf {} of {}), and the item is not in that log",
                    self.own.origin, receipt.0, channel.peer
                );
                about(codes::RECEIPT_DENIED, text, channel, item.seq).of(&self.other.origin).at(receipt)
            }
            // That it cannot be shown is said of our bundle alone.
            None if !self.of_other.misread && self.own.held.get(channel).is_some_and(|held| item.seq <= *held) => {
                return;
            }
            None => {
                let due = item.time.after(overdue::delivery(channel.class));
                let late = overdue::shown_until(self.own, self.other).is_some_and(|until| until > due);
                let code = if late { codes::OVERDUE } else { codes::IN_FLIGHT };
                let text = format!("{} sent it, and {} has not logged it", self.own.origin, channel.peer);
                about(code, text, channel, item.seq).of(&self.own.origin).at(item.index)
            }
        };
        out.add(finding.between(Some(item.time), None));
    }

    /// Taken there, and not sent here: the proof with which it came decides.
    fn not_sent(&self, channel: &Channel, item: &Item, out: &mut Findings) {
        let finding = match self.proof(item) {
            // Its leaf lies beyond what our bundle shows, which is already said.
            Some(proof) if proof.0 >= self.own.tree.size().0 => return,
            Some(proof) => {
                let text = format!(
                    "{} shows the proof (leaf {} of {}), and the item is not in that log",
                    self.other.origin, proof.0, self.own.origin
                );
                let finding = about(codes::SENT_DENIED, text, channel, item.seq).of(&self.own.origin);
                finding.with(&self.other.origin).at(proof)
            }
            // What it is without proof may lie beyond; that there is none is said of that bundle alone.
            None if self.of_own.behind => return,
            None => {
                let text = format!("{} says that it took this, and {} never sent it", self.other.origin, channel.peer);
                about(codes::NEVER_SENT, text, channel, item.seq).of(&self.other.origin).at(item.index)
            }
        };
        out.add(finding.between(Some(item.time), Some(item.time)));
    }
}
