//! Queries that a log says were sent and that nothing answers, counted for each purpose.

use super::codes;
use super::finding::{Finding, Findings};
use crate::id::{Digest, LogIndex};
use crate::log::body::purpose;
use crate::log::event::{Event, Kind};
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an answer may take before the query is listed.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Queries not yet answered, by E.
#[derive(Debug, Default)]
pub(super) struct Queries(BTreeMap<Digest, (LogIndex, Timestamp, String)>);

impl Queries {
    /// Takes in a leaf. An answer names, in its body, E of what it answers.
    pub(super) fn take(&mut self, index: LogIndex, event: &Event) {
        if event.kind == Kind::QUERY_SENT {
            let purpose = purpose(&event.body).unwrap_or("not stated").to_owned();
            self.0.insert(event.object, (index, event.time, purpose));
        } else if event.kind == Kind::ANSWER_RECEIVED
            && let Some(query) = Digest::from_bytes(&event.body)
        {
            self.0.remove(&query);
        }
    }

    /// One note for each purpose that has queries without answer.
    pub(super) fn finish(self, until: Option<Timestamp>, out: &mut Findings) {
        let mut open: BTreeMap<String, (u64, LogIndex, Timestamp)> = BTreeMap::new();
        let late = |time: &Timestamp| until.is_some_and(|until| until > time.after(PATIENCE));
        for (index, time, purpose) in self.0.into_values().filter(|(_, time, _)| late(time)) {
            let (count, first, since) = open.entry(purpose).or_insert((0, index, time));
            *count += 1;
            (*first, *since) = (index, time).min((*first, *since));
        }
        for (purpose, (count, index, time)) in open {
            let text =
                format!("{count} queries for the purpose {purpose} have no answer; the oldest is leaf {}", index.0);
            out.add(Finding::new(codes::QUERY_UNANSWERED, text).at(index).between(Some(time), until));
        }
    }
}
