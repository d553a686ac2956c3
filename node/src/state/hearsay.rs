//! What peers said of other logs and what those logs have not yet shown to be of one piece with what we verified ourselves.
//!
//! In: for each log and each peer that told of it, the oldest head that is still open, since when, and the newest told after it.
//! A head need not be signed by a key that is known here: a log that hides a change of its keys from us shows others what we cannot
//! check. Out: checking what can be checked, and asking ([`crate::flow::gossip`]).

use std::collections::BTreeMap;
use std::time::Duration;
use varde_proto::exchange::KnownHead;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Checkpoint;

/// A head of a log, told by a peer, that is not connected with what we verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Open {
    /// The head.
    pub head: KnownHead,
    /// The same as it was told.
    pub checkpoint: Checkpoint,
    /// When we were told.
    pub since: Timestamp,
}

#[derive(Debug)]
struct Pending {
    open: Open,
    next: Option<Open>,
}

/// Open heads by log and by who told of them: nobody can crowd out what another one told.
#[derive(Debug, Default)]
pub struct Hearsay(BTreeMap<Origin, BTreeMap<NodeId, Pending>>);

impl Hearsay {
    /// A peer told of a head that cannot be connected yet.
    pub fn hear(&mut self, log: &Origin, teller: NodeId, new: Open) {
        let told = self.0.entry(log.clone()).or_default();
        match told.get_mut(&teller) {
            None => drop(told.insert(teller, Pending { open: new, next: None })),
            Some(pending) if pending.open.head == new.head => {}
            Some(pending) => match &mut pending.next {
                Some(next) => (next.head, next.checkpoint) = (new.head, new.checkpoint),
                none => *none = Some(new),
            },
        }
    }

    /// A head is of one piece with what we verified: whoever told of it told the truth.
    pub fn settle(&mut self, origin: &Origin, size: u64, root: Digest) {
        let is_it = |open: &Open| open.head == KnownHead { size, root };
        let Some(told) = self.0.get_mut(origin) else { return };
        told.retain(|_, pending| {
            pending.next.take_if(|next| is_it(next));
            if !is_it(&pending.open) {
                return true;
            }
            let next = pending.next.take();
            next.map(|next| pending.open = next).is_some()
        });
    }

    /// Forgets what was told of a log: it is decided otherwise.
    pub fn forget(&mut self, origin: &Origin) {
        self.0.remove(origin);
    }

    /// The heads of a log that are open, each once, the longest open first.
    pub fn open(&self, origin: &Origin) -> Vec<&Open> {
        let told = self.0.get(origin).into_iter().flat_map(BTreeMap::values);
        let mut open: Vec<&Open> = told.map(|pending| &pending.open).collect();
        open.sort_by_key(|open| (open.head.size, open.head.root, open.since));
        open.dedup_by_key(|open| open.head);
        open.sort_by_key(|open| open.since);
        open
    }

    /// What has been open for at least so long, and who told of it, in order of logs and tellers; of one teller the oldest first.
    pub fn overdue(&self, now: Timestamp, after: Duration) -> Vec<(&Origin, NodeId, &Open)> {
        let told =
            self.0.iter().flat_map(|(log, told)| told.iter().map(move |(teller, pending)| (log, *teller, pending)));
        let all = told.flat_map(|(log, teller, pending)| {
            std::iter::once(&pending.open).chain(&pending.next).map(move |open| (log, teller, open))
        });
        all.filter(|(_, _, open)| now.since(open.since) >= after).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    fn no() -> Origin {
        Origin::parse("varde.example/no/1").unwrap()
    }

    fn open(size: u64, seconds: i64) -> Open {
        let (head, checkpoint) = (KnownHead { size, root: Digest([size as u8; 32]) }, Checkpoint::default());
        Open { head, checkpoint, since: at(seconds) }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_ms(seconds * 1000).unwrap()
    }

    fn peer(code: &str) -> NodeId {
        NodeId::parse(code).unwrap()
    }

    #[test]
    fn what_was_told_stays_open_until_it_is_shown_and_newer_tales_do_not_hide_it() {
        let mut hearsay = Hearsay::default();
        let sizes = |hearsay: &Hearsay| hearsay.open(&no()).iter().map(|open| open.head.size).collect::<Vec<_>>();
        for (seconds, size) in [(0, 5), (60, 7), (120, 9)] {
            hearsay.hear(&no(), peer("EE"), open(size, seconds));
        }
        hearsay.hear(&no(), peer("LT"), open(5, 90));
        assert_eq!(sizes(&hearsay), [5]);
        assert_eq!(hearsay.overdue(at(600), Duration::from_secs(600)).len(), 1, "one was told later");
        hearsay.settle(&no(), 5, Digest([6; 32]));
        assert_eq!(sizes(&hearsay), [5], "another root of that size settles nothing");
        hearsay.settle(&no(), 5, Digest([5; 32]));
        assert_eq!(sizes(&hearsay), [9]);
        assert!(hearsay.overdue(at(600), Duration::from_secs(600)).is_empty());
        hearsay.settle(&no(), 9, Digest([9; 32]));
        assert!(sizes(&hearsay).is_empty() && hearsay.overdue(at(9_999), Duration::ZERO).is_empty());
    }
}
