//! Between which times a leaf was written, by other evidence than its own node's clock: after what its log had woven in of
//! others' logs by then, and before a quorum of witnesses had cosigned a head that covers it.

use super::codes;
use super::finding::{Finding, Findings};
use super::own::Own;
use super::witnesses::{SKEW, Witnessed};
use crate::id::{LogIndex, Origin};
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// Times at which leaves of other logs were written, by those logs' clocks.
#[derive(Debug, Default)]
pub(super) struct Known(BTreeMap<Origin, BTreeMap<u64, Timestamp>>);

impl Known {
    /// A leaf of another log that was proven.
    pub(super) fn add(&mut self, origin: &Origin, index: LogIndex, time: Timestamp) {
        self.0.entry(origin.clone()).or_default().insert(index.0, time);
    }

    /// The newest leaf known below a size: a head of that size is no older.
    fn under(&self, origin: &Origin, size: u64) -> Option<Timestamp> {
        self.0.get(origin)?.range(..size).next_back().map(|(_, time)| *time)
    }
}

/// What brackets the leaves of a log.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    /// From a leaf on, no leaf is older than this; both ascending.
    before: Vec<(LogIndex, Timestamp)>,
    /// Leaves below a size are no younger than this.
    after: BTreeMap<u64, Timestamp>,
}

impl Brackets {
    /// What the log's own leaves, its witnesses and proven leaves of others say together.
    pub(super) fn new(own: &Own, witnessed: &Witnessed, known: &Known) -> Self {
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
        Self { before, after: witnessed.quorum().clone() }
    }

    /// Not before and not after which time a leaf was written, as far as it is known.
    pub(super) fn of(&self, index: LogIndex) -> (Option<Timestamp>, Option<Timestamp>) {
        let place = self.before.partition_point(|(from, _)| *from <= index);
        let before = place.checked_sub(1).and_then(|place| self.before.get(place));
        let after = self.after.range(index.0 + 1..).map(|(_, time)| *time).min();
        (before.map(|(_, time)| *time), after)
    }

    /// Whether the times that the log gives contradict it; the first that does is a finding.
    pub(super) fn judge(&self, own: &Own, out: &mut Findings) -> bool {
        let moment = |index: LogIndex| usize::try_from(index.0).ok().and_then(|index| own.moments.get(index));
        let early = self.before.iter().find(|(index, time)| moment(*index).is_some_and(|m| m.time.after(SKEW) < *time));
        if let Some((index, time)) = early {
            let said = moment(*index).map(|moment| moment.time).unwrap_or_default();
            out.add(backdated(*index, said, *time).between(Some(*time), self.of(*index).1));
        }
        let mut late = None;
        for (size, time) in &self.after {
            let covered = own.moments.iter().take(usize::try_from(*size).unwrap_or(usize::MAX));
            late = late.or_else(|| covered.clone().position(|m| m.time > time.after(SKEW)).map(|place| (place, *time)));
        }
        if let Some((place, time)) = late {
            let index = LogIndex(place as u64);
            let text = format!(
                "leaf {place} says {}, and a quorum of witnesses had cosigned it by {time}",
                own.moments.get(place).map(|moment| moment.time).unwrap_or_default()
            );
            out.add(Finding::new(codes::FORWARD_DATED, text).at(index).between(self.of(index).0, Some(time)));
        }
        early.is_some() || late.is_some()
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
