//! How far a bundle can be believed to be the newest: what was cut off at an old head is not missed by anybody who has this bundle
//! alone, so its reader is told how old it is, and whether anybody else was asked.

use super::codes;
use super::finding::Finding;
use super::{Given, Log};
use crate::id::LogIndex;
use crate::time::Timestamp;
use std::time::Duration;

/// After this, a bundle is old enough to ask for a newer one.
pub const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// What a reader who knows the time is told of a bundle that was verified: notes, nothing is wrong by itself.
pub fn age(log: &Log, given: &Given, now: Timestamp) -> Vec<Finding> {
    let mut notes = Vec::new();
    let (size, seen) = (log.size().0, log.counts.quorum);
    // The leaves that may be missing begin where the bundle ends, and are no older than what a quorum saw of it.
    let note = |code, text| Finding::new(code, text).of(&log.origin).at(LogIndex(size));
    if given.views.is_empty() {
        let text = format!(
            "nobody else's head of this log was given: whether it has more than these {size} leaves ({}) cannot be seen",
            log.scope
        );
        notes.push(note(codes::NO_OUTSIDE_VIEW, text).between(seen, None));
    }
    let Some(newest) = seen.or(log.counts.until) else { return notes };
    let old = now.since(newest);
    if old > STALE {
        let what =
            if seen.is_some() { "a quorum of its witnesses last cosigned" } else { "its newest leaf was written" };
        let text = format!("{what} {} ago, at {newest}: what came after may be missing", span(old));
        notes.push(note(codes::STALE, text).between(Some(newest), Some(now)));
    }
    notes
}

/// Days, or hours if it is less than two.
fn span(time: Duration) -> String {
    let hours = time.as_secs() / 3600;
    if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) }
}
