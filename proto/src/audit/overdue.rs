//! What two logs say together about time: whether one log's leaves are older than what it had seen of the other, what is owed for
//! too long, and which erasures were asked for and not answered.

use super::Log;
use super::codes;
use super::dating::backdated;
use super::finding::{Finding, Findings};
use super::witnesses::SKEW;
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use std::collections::BTreeMap;
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
    asked: BTreeMap<(Origin, Digest), (LogIndex, Event)>,
    /// Whether it was done, or may not be done for now.
    answered: BTreeMap<(Origin, Digest), bool>,
}

impl Erasures {
    /// Takes in a leaf.
    pub(super) fn take(&mut self, index: LogIndex, event: &Event) {
        let Some(peer) = event.peer.clone() else { return };
        let item = (peer, event.object);
        match (event.kind, event.direction) {
            (Kind::ERASE_REQUEST, Direction::Out) => {
                self.asked.entry(item).or_insert_with(|| (index, Event { body: Vec::new(), ..event.clone() }));
            }
            (Kind::ERASE_DONE, Direction::In) => drop(self.answered.insert(item, true)),
            (Kind::HOLD, Direction::In) => drop(self.answered.insert(item, event.body.first() != Some(&0))),
            _ => {}
        }
    }
}

/// Until when both logs are shown.
pub(super) fn shown_until(a: &Log, b: &Log) -> Option<Timestamp> {
    a.counts.until.min(b.counts.until)
}

/// What `own` asked `other` to erase, and `other` neither erased nor holds.
pub(super) fn erasures(own: &Log, other: &Log, out: &mut Findings) {
    let Some(until) = shown_until(own, other).filter(|_| !other.unknown) else { return };
    for ((peer, object), (index, event)) in own.erasures.asked.iter().filter(|((peer, _), _)| *peer == other.origin) {
        let answered = other.erasures.answered.get(&(own.origin.clone(), *object)) == Some(&true);
        if answered || until <= event.time.after(erasure(event.class)) {
            continue;
        }
        let text = format!(
            "{} asked {peer} to erase it (leaf {}), and that log does not say that it did",
            own.origin, index.0
        );
        let mut finding = Finding::new(codes::ERASURE_OVERDUE, text).of(&other.origin).with(&own.origin);
        (finding.class, finding.seq) = (Some(event.class), Some(event.seq).filter(|seq| *seq > 0));
        out.add(finding.between(Some(event.time), Some(until)));
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
        self.own.moments.get(usize::try_from(index.0).ok()?).map(|moment| moment.time)
    }
}
