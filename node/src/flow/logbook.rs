//! The log for people: what the newest leaves say, beside what was refused without a place in it.

use super::journal;
use super::ledger::Ledger;
use crate::port::StoreError;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::time::Timestamp;

/// Lines shown at most.
pub const MOST: usize = 1000;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A leaf of the log.
    Leaf {
        /// Its place.
        index: u64,
        /// What it says; `None` once its opening was erased.
        event: Option<Box<Event>>,
    },
    /// An entry of the journal.
    Refused(journal::Entry),
}

impl Line {
    fn time(&self) -> Option<Timestamp> {
        match self {
            Self::Leaf { event, .. } => event.as_ref().map(|event| event.time),
            Self::Refused(entry) => Some(entry.time),
        }
    }
}

/// `most` leaves from `from` on, or the newest; with the journal's entries of the same time. Oldest first.
pub fn lines(ledger: &Ledger, from: Option<u64>, most: usize) -> Result<Vec<Line>, StoreError> {
    let (size, most) = (ledger.head().size().0, most.clamp(1, MOST));
    let first = from.unwrap_or_else(|| size.saturating_sub(most as u64)).min(size);
    let last = size.min(first.saturating_add(most as u64));
    let mut lines = Vec::new();
    for index in first..last {
        let event = ledger.opening_if_kept(ledger.number(index))?.map(|opening| Box::new(opening.event().clone()));
        lines.push(Line::Leaf { index, event });
    }
    let earliest = lines.iter().find_map(Line::time).filter(|_| first > 0).unwrap_or_default();
    let latest = lines.iter().rev().find_map(Line::time).filter(|_| last < size).unwrap_or(Timestamp::MAX);
    let refused = journal::newest(ledger, MOST)?.into_iter().filter(|entry| (earliest..=latest).contains(&entry.time));
    Ok(merge(lines, refused.take(most).collect()))
}

/// Leaves stay in their order; each entry stands before the first leaf that is later.
fn merge(leaves: Vec<Line>, mut refused: Vec<journal::Entry>) -> Vec<Line> {
    refused.sort_by_key(|entry| std::cmp::Reverse(entry.time));
    let mut merged = Vec::with_capacity(leaves.len() + refused.len());
    for leaf in leaves {
        while let Some(entry) = refused.pop_if(|entry| leaf.time().is_some_and(|time| entry.time < time)) {
            merged.push(Line::Refused(entry));
        }
        merged.push(leaf);
    }
    merged.extend(refused.into_iter().rev().map(Line::Refused));
    merged
}

/// `to`, `from`, or nothing.
pub fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::None => "",
        Direction::Out => "to",
        Direction::In => "from",
    }
}

/// The reason that a refusal's leaf gives.
pub fn reason(event: &Event) -> String {
    if event.kind == Kind::REJECTED { super::delivery::reason(&event.body) } else { String::new() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1000).unwrap()
    }

    #[test]
    fn refusals_stand_where_they_happened_and_leaves_keep_their_order() {
        let leaf = |index, seconds| Line::Leaf { index, event: Some(Box::new(Event::local(Kind::PAD, at(seconds)))) };
        let entry =
            |seconds| journal::Entry { time: at(seconds), code: "unpinned".into(), who: "x".into(), left_out: 0 };
        let merged =
            merge(vec![leaf(4, 10), leaf(5, 20), leaf(6, 20)], vec![entry(25), entry(5), entry(15), entry(20)]);
        let shown: Vec<String> = merged
            .iter()
            .map(|line| match line {
                Line::Leaf { index, .. } => format!("leaf {index}"),
                Line::Refused(entry) => entry.time.seconds().to_string(),
            })
            .collect();
        assert_eq!(shown, ["5", "leaf 4", "15", "leaf 5", "leaf 6", "20", "25"]);
    }
}
