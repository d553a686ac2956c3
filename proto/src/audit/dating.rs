//! Between which times a leaf was written, by other evidence than its own node's clock: after what its log had woven in of
//! others' logs by then, and before a quorum of witnesses had cosigned a head that covers it.

use super::codes;
use super::finding::{Finding, Findings};
use super::own::{Own, Woven};
use super::witnesses::{SKEW, Witnessed};
use crate::id::{LogIndex, Origin};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// How new a log must have been at the sizes that ours had woven in: the times of its leaves that were proven, by its own clock.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<Origin, BTreeMap<u64, Option<(LogIndex, Timestamp)>>>);

impl Known {
    /// Nothing is known yet of these heads.
    pub(super) fn of(woven: &BTreeMap<Origin, Vec<Woven>>) -> Self {
        let sizes = |woven: &Vec<Woven>| woven.iter().map(|woven| (woven.size, None)).collect();
        Self(woven.iter().map(|(origin, woven)| (origin.clone(), sizes(woven))).collect())
    }

    /// A leaf of another log that was proven.
    pub(super) fn add(&mut self, origin: &Origin, index: LogIndex, time: Timestamp) {
        let sizes = self.0.get_mut(origin).and_then(|sizes| sizes.range_mut(index.0 + 1..).next());
        if let Some((_, newest)) = sizes.filter(|(_, newest)| newest.is_none_or(|(before, _)| before < index)) {
            *newest = Some((index, time));
        }
    }

    /// All is known: a head is no older than one of fewer leaves.
    fn settled(mut self) -> Self {
        for sizes in self.0.values_mut() {
            let mut before = None;
            for newest in sizes.values_mut() {
                *newest = newest.or(before);
                before = *newest;
            }
        }
        self
    }

    /// The newest leaf known below a size: a head of that size is no older.
    fn under(&self, origin: &Origin, size: u64) -> Option<Timestamp> {
        self.0.get(origin)?.get(&size).copied().flatten().map(|(_, time)| time)
    }
}

/// What brackets the leaves of a log.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    /// From a leaf on, no leaf is older than this; both ascending.
    before: Vec<(LogIndex, Timestamp)>,
    /// Leaves below a size are no younger than this; ascending.
    after: BTreeMap<u64, Timestamp>,
}

impl Brackets {
    /// What the log's own leaves, its witnesses and proven leaves of others say together.
    pub(super) fn new(own: &Own, witnessed: &Witnessed, known: Known) -> Self {
        let known = known.settled();
        let evidence = |origin, index, size| known.under(origin, size).map(|time| (index, time));
        let mut all: Vec<(LogIndex, Timestamp)> = Vec::new();
        for (origin, woven) in &own.woven {
            all.extend(woven.iter().filter_map(|woven| evidence(origin, woven.index, woven.size)));
        }
        all.sort_unstable();
        let mut before: Vec<(LogIndex, Timestamp)> = Vec::new();
        for (index, time) in all {
            if before.last().is_none_or(|(_, newest)| time > *newest) {
                before.push((index, time));
            }
        }
        let mut after: BTreeMap<u64, Timestamp> = BTreeMap::new();
        let mut least = Timestamp::MAX;
        for (size, time) in witnessed.quorum().iter().rev() {
            least = least.min(*time);
            after.insert(*size, least);
        }
        Self { before, after }
    }

    /// Not before and not after which time a leaf was written, as far as it is known.
    pub(super) fn of(&self, index: LogIndex) -> (Option<Timestamp>, Option<Timestamp>) {
        let place = self.before.partition_point(|(from, _)| *from <= index);
        let before = place.checked_sub(1).and_then(|place| self.before.get(place));
        let after = self.after.range(index.0 + 1..).next();
        (before.map(|(_, time)| *time), after.map(|(_, time)| *time))
    }

    /// Whether the times that the log gives contradict it; the first that does is a finding.
    pub(super) fn judge(&self, own: &Own, out: &mut Findings) -> bool {
        let said = |index: LogIndex| own.moments.get(index).map(|moment| moment.time);
        let early = self.before.iter().find(|(index, time)| said(*index).is_some_and(|said| said.after(SKEW) < *time));
        if let Some((index, time)) = early {
            let finding = backdated(*index, said(*index).unwrap_or_default(), *time);
            out.add(finding.between(Some(*time), self.of(*index).1));
        }
        let late = self.late(own);
        if let Some((index, said, time)) = late {
            let text = format!("leaf {} says {said}, and a quorum of witnesses had cosigned it by {time}", index.0);
            out.add(Finding::new(codes::FORWARD_DATED, text).at(index).between(self.of(index).0, Some(time)));
        }
        early.is_some() || late.is_some()
    }

    /// The first leaf that is younger than a quorum's cosignature of it, what it says, and that cosignature's time.
    fn late(&self, own: &Own) -> Option<(LogIndex, Timestamp, Timestamp)> {
        let mut heads = self.after.iter().peekable();
        for (index, moment) in own.moments.from(0) {
            while heads.next_if(|(size, _)| **size <= index.0).is_some() {}
            let (_, time) = heads.peek()?;
            if moment.time > time.after(SKEW) {
                return Some((index, moment.time, **time));
            }
        }
        None
    }
}

/// A leaf that says it is older than something that its log had woven in by then.
pub(super) fn backdated(index: LogIndex, said: Timestamp, time: Timestamp) -> Finding {
    let text = format!(
        "leaf {} says {said}, and the log had woven in by then what another log wrote at {time}; what stands behind it is no older",
        index.0
    );
    Finding::new(codes::BACKDATED, text).at(index)
}
