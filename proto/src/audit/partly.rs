//! What could not be compared: one log does not show what stands at some of its leaves, and the other proves that an item does.
//! A restored backup explains such leaves, and so does an operator who only says that one was restored: it excuses those leaves
//! and nothing else, and it is said aloud.

use super::Log;
use super::channels::Item;
use super::codes;
use super::finding::{Finding, Findings};
use crate::id::{Digest, LogIndex};
use crate::log::event::Direction;

/// Items of one channel that `holder` proves of leaves of `log` that cannot be read.
pub(super) struct Unread<'a> {
    /// Whose leaves they are.
    pub(super) log: &'a Log,
    /// Who proves what stands there.
    pub(super) holder: &'a Log,
    /// Each with the leaf that the proof shows, by number.
    pub(super) items: Vec<(&'a Item, LogIndex)>,
}

impl Unread<'_> {
    /// One finding for numbers that follow each other.
    pub(super) fn say(&self, class: u8, out: &mut Findings) {
        let (log, holder) = (&self.log.origin, &self.holder.origin);
        for run in self.items.chunk_by(|(a, _), (b, _)| a.seq + 1 == b.seq) {
            let [(first, _), ..] = run else { continue };
            let (leaves, times) = (run.iter().map(|(_, leaf)| *leaf), run.iter().map(|(item, _)| item.time));
            let (Some(from), Some(to)) = (leaves.clone().min(), leaves.clone().max()) else { continue };
            let why = match leaves.clone().all(|leaf| self.log.is_lost(leaf)) {
                true => "they did not come back after a restored backup, it says",
                false => "nothing says why",
            };
            let text = format!(
                "{} items of class {class}, from number {}: {holder} proves that they stand in {log}, leaves {} to {}, whose openings \
                 the bundle of {log} does not have ({why}); they are in the bundle of {holder}",
                run.len(),
                first.seq,
                from.0,
                to.0
            );
            let finding = Finding::new(codes::PARTLY_COMPARED, text).of(log).item(holder, class, first.seq);
            out.add(finding.at(from).between(times.clone().min(), times.max()));
        }
    }
}

impl Log {
    /// Leaves that should be readable and are not.
    pub fn unread(&self) -> u64 {
        self.unread.len() as u64
    }

    /// Whether a leaf should be readable and is not.
    pub(super) fn is_unread(&self, leaf: LogIndex) -> bool {
        self.unread.binary_search(&leaf).is_ok()
    }

    /// Whether the log says that this leaf's opening, which is not there, did not come back after a restored backup.
    pub(super) fn is_lost(&self, leaf: LogIndex) -> bool {
        self.is_unread(leaf) && self.own.is_lost(leaf)
    }

    /// Whether the receipt of what this log sent shows a leaf that the other one lost.
    pub(super) fn is_lost_at(&self, other: &Self, object: Digest) -> bool {
        let to_other = self
            .channels
            .iter()
            .filter(|(channel, _)| channel.direction == Direction::Out && channel.peer == other.origin);
        let mut sent = to_other.flat_map(|(_, items)| items).filter(|item| item.object == object);
        sent.any(|item| item.proof().is_some_and(|leaf| other.is_lost(leaf)))
    }
}
