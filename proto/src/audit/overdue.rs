//! What two logs say together about time: whether one log's leaves are older than what it had seen of the other, what is owed for
//! too long, and which erasures were asked for and not answered.

use super::Log;
use super::channels::{Channel, about, find};
use super::codes;
use super::dating::backdated;
use super::finding::{Finding, Findings};
use super::witnesses::SKEW;
use crate::control::leaf::{Done, Requested};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use crate::vocabulary::ErasureReason;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an item may be under way.
pub(super) fn delivery(class: u8) -> Duration {
    if matches!(class, 1 | 2) { 5 * MINUTE } else { DAY }
}

/// How long an erasure may take.
fn erasure(class: u8) -> Duration {
    if class == 1 { 3 * DAY } else { 30 * DAY }
}

/// What a log says of erasures, by the item's other end and its E.
#[derive(Debug, Default)]
pub(super) struct Erasures {
    asked: BTreeMap<Origin, BTreeMap<Digest, Asked>>,
    /// What was done, or may not be done for now.
    answered: BTreeMap<Origin, BTreeMap<Digest, Answer>>,
    /// What was erased because its time was over, it says.
    expired: BTreeMap<Origin, Vec<Expired>>,
    /// What the log's own messages, which are shown, asked to erase.
    requested: BTreeSet<Digest>,
}

/// What a log says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Erased, whatever is said of a hold later.
    Done,
    /// On hold.
    Held,
}

/// Where and when it was asked.
#[derive(Debug, Clone, Copy)]
struct Asked {
    index: LogIndex,
    time: Timestamp,
    class: u8,
    seq: u64,
    /// E of the request.
    request: Option<Digest>,
}

impl Asked {
    /// Whether it was taken back without a request to anybody.
    fn is_silent(&self) -> bool {
        self.request == Some(Digest::NONE)
    }
}

/// Where and when something was erased because its time was over.
#[derive(Debug, Clone, Copy)]
struct Expired {
    index: LogIndex,
    time: Timestamp,
    class: u8,
    seq: u64,
    object: Digest,
}

impl Erasures {
    /// Takes in a leaf.
    pub(super) fn take(&mut self, index: LogIndex, event: &Event) {
        let Some(peer) = &event.peer else { return };
        let answer = match (event.kind, event.direction) {
            (Kind::ERASE_REQUEST, Direction::Out) => {
                let Event { time, class, seq, object, .. } = event;
                let request = Requested::decode(&event.body).map(|said| said.request);
                let asked = Asked { index, time: *time, class: *class, seq: *seq, request };
                let first = self.asked.entry(peer.clone()).or_default().entry(*object).or_insert(asked);
                // Whom nobody could ask is asked once it is pinned again, and has its time from then on.
                if first.is_silent() && !asked.is_silent() {
                    *first = asked;
                }
                return;
            }
            (Kind::ERASE_DONE, Direction::In) => {
                let Event { time, class, seq, object, .. } = event;
                if Done::decode(&event.body).is_some_and(|done| done.reason == ErasureReason::EXPIRED) {
                    let expired = Expired { index, time: *time, class: *class, seq: *seq, object: *object };
                    self.expired.entry(peer.clone()).or_default().push(expired);
                }
                Some(Answer::Done)
            }
            (Kind::HOLD, Direction::In) => (event.body.first() != Some(&0)).then_some(Answer::Held),
            _ => return,
        };
        let answers = self.answered.entry(peer.clone()).or_default();
        match answer {
            _ if answers.get(&event.object) == Some(&Answer::Done) => {}
            Some(answer) => drop(answers.insert(event.object, answer)),
            None => drop(answers.remove(&event.object)),
        }
    }
}

impl Erasures {
    /// A message of our own asks to erase this.
    pub(super) fn requested(&mut self, object: Digest) {
        self.requested.insert(object);
    }

    /// Which of these a node was asked to erase, under whatever generation of its log.
    pub(super) fn asked(&self, node: &Origin, objects: &BTreeSet<Digest>) -> BTreeSet<Digest> {
        let of_node: Vec<_> =
            self.asked.iter().filter(|(peer, _)| peer.is_of_node(node)).map(|(_, asked)| asked).collect();
        let said =
            |object: &Digest| of_node.iter().filter_map(|asked| asked.get(object)).any(|asked| !asked.is_silent());
        objects.iter().filter(|object| self.requested.contains(*object) || said(object)).copied().collect()
    }
}

/// Until when both logs are shown.
pub(super) fn shown_until(a: &Log, b: &Log) -> Option<Timestamp> {
    a.counts.until.min(b.counts.until)
}

/// What `own` asked `other` to erase, and `other` neither erased nor holds.
pub(super) fn erasures(own: &Log, other: &Log, out: &mut Findings) {
    let Some(until) = shown_until(own, other) else { return };
    let answered = other.erasures.answered.get(&own.origin);
    for (object, asked) in own.erasures.asked.get(&other.origin).into_iter().flatten() {
        let Asked { index, time, class, seq, request } = *asked;
        if asked.is_silent() {
            not_asked(own, other, object, asked, out);
            continue;
        }
        let answered = answered.is_some_and(|answered| answered.contains_key(object));
        // A request that did not come back after a restored backup is said of that leaf.
        let lost = request.is_some_and(|request| own.is_lost_at(other, request));
        if answered || lost || until <= time.after(erasure(class)) {
            continue;
        }
        let text = format!(
            "{} asked {} to erase it (leaf {}), and that log does not say that it did",
            own.origin, other.origin, index.0
        );
        let mut finding = Finding::new(codes::ERASURE_OVERDUE, text).of(&other.origin).with(&own.origin);
        (finding.class, finding.seq) = (Some(class), Some(seq).filter(|seq| *seq > 0));
        out.add(finding.between(Some(time), Some(until)));
    }
}

/// What `own` took back, and `other` has, although nobody asked it for so long that it would be overdue.
fn not_asked(own: &Log, other: &Log, object: &Digest, asked: &Asked, out: &mut Findings) {
    let Asked { index, time, class, seq, .. } = *asked;
    let Some(until) = shown_until(own, other) else { return };
    let answered = other.erasures.answered.get(&own.origin).is_some_and(|answered| answered.contains_key(object));
    let channel = Channel { direction: Direction::In, peer: own.origin.clone(), class };
    let taken = find(other.channels.get(&channel).map_or(&[], Vec::as_slice), seq);
    let has = taken.is_some_and(|item| item.object == *object && item.kind == Kind::RECEIVED);
    if answered || !has || until <= time.after(erasure(class)) {
        return;
    }
    let text = format!(
        "{} took it back (leaf {}) and never asked {}, which has it and says nothing of an erasure",
        own.origin, index.0, other.origin
    );
    let mut finding = Finding::new(codes::ERASURE_NOT_ASKED, text).of(&own.origin).with(&other.origin);
    (finding.class, finding.seq) = (Some(class), Some(seq).filter(|seq| *seq > 0));
    out.add(finding.between(Some(time), Some(until)));
}

/// What `other` erased because its time was over, it says, while the content that `own` shows says that it was not.
pub(super) fn expired(own: &Log, other: &Log, out: &mut Findings) {
    for expired in other.erasures.expired.get(&own.origin).into_iter().flatten() {
        let Expired { index, time, class, seq, object } = *expired;
        let asked = own.erasures.asked.get(&other.origin).is_some_and(|asked| asked.contains_key(&object));
        let channel = Channel { direction: Direction::Out, peer: other.origin.clone(), class };
        let sent = find(own.channels.get(&channel).map_or(&[], Vec::as_slice), seq);
        if asked || !sent.is_some_and(|item| item.object == object && item.is_before_its_end(time)) {
            continue;
        }
        let text = format!(
            "leaf {} of {} says that the time of this item was over, and it was not: its content is in the bundle of {}, which never \
             asked to erase it",
            index.0, other.origin, own.origin
        );
        let finding = about(codes::ERASURE_UNREQUESTED, text, &channel, seq).of(&other.origin).with(&own.origin);
        out.add(finding.at(index).between(Some(time), Some(time)));
    }
}

/// Whether `own` says of a leaf that it is older than a leaf of `other` that it had woven in, or has woven in what is not in `other`.
pub(super) fn dates(own: &Log, other: &Log, forked: bool, out: &mut Findings) -> bool {
    for woven in own.own.woven.get(&other.origin).into_iter().flatten() {
        if other.tree.root_at(TreeSize(woven.size)).is_some_and(|root| root != woven.root) {
            if !forked {
                let text = format!(
                    "leaf {} of {} names another root of the first {} leaves of {}",
                    woven.index.0, own.origin, woven.size, other.origin
                );
                let finding = Finding::new(codes::ENTANGLED_OTHERWISE, text).of(&other.origin).with(&own.origin);
                out.add(finding.at(LogIndex(woven.size)).between(None, own.said(woven.index)));
            }
            return false;
        }
        let Some(last) = woven.size.checked_sub(1).map(LogIndex) else { continue };
        // A log cannot make another look backdated by dating its own leaf forward: its witnesses' times count as well.
        let written = [other.said(last), other.brackets.of(last).1].into_iter().flatten().min();
        if let (Some(said), Some(written)) = (own.said(woven.index), written)
            && said.after(SKEW) < written
            && !own.misdated
        {
            let finding = backdated(woven.index, said, written).of(&own.origin).with(&other.origin);
            out.add(finding.between(Some(written), own.brackets.of(woven.index).1));
            return true;
        }
    }
    own.misdated
}

impl Log {
    /// When a leaf was written, by its own word.
    fn said(&self, index: LogIndex) -> Option<Timestamp> {
        self.own.moments.get(index).map(|moment| moment.time)
    }
}
