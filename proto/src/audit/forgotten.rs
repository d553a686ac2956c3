//! Erasures whose request was lost with a backup: what a log may say of them by itself, and what the log of whoever asked says to that.
//!
//! By itself, it is believed once for each leaf that was really lost, and that it is only believed is said; the log of whoever asked
//! decides, unless it lost something itself.

use super::Log;
use super::channels::{Channel, Item};
use super::codes;
use super::finding::{Finding, Findings};
use super::layout::Scope;
use super::leaves::Leaves;
use super::witnesses::SKEW;
use crate::control::leaf::Done;
use crate::id::{Digest, LogIndex, Origin};
use crate::limits;
use crate::log::body::Recovery;
use crate::log::event::{Direction, Event, Kind};
use crate::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// What a log lost with backups, and what it shows all the same.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Leaves that cannot be read and of which a later leaf says that they did not come back.
    leaves: BTreeSet<u64>,
    /// Those of them that explain no erasure yet: each explains one.
    free: BTreeSet<u64>,
    /// Of what erasures name as their request, what the log shows that it took.
    taken: BTreeMap<Digest, Taken>,
    /// Lost requests by which something was erased; each asks for one thing.
    spent: BTreeSet<Digest>,
    /// E of what these erasures are about, as far as the log has it.
    here: BTreeSet<Digest>,
}

/// Where something was taken.
#[derive(Debug)]
struct Taken {
    class: u8,
    index: LogIndex,
    from: Origin,
    /// Whether its envelope is there.
    kept: bool,
}

/// An erasure on a request that is lost.
#[derive(Debug)]
pub(super) struct Forgotten {
    index: LogIndex,
    time: Timestamp,
    peer: Origin,
    class: u8,
    seq: u64,
    object: Digest,
}

impl Leaves<'_> {
    /// What these erasures may rest on that was lost.
    pub(super) fn lost(&self, done: &[(LogIndex, Event)]) -> Lost {
        if done.is_empty() || (self.own.recoveries.is_empty() && self.follows.is_none()) {
            return Lost::default();
        }
        let leaves: BTreeSet<u64> =
            self.unknown.iter().filter(|leaf| self.own.is_lost(**leaf)).map(|leaf| leaf.0).collect();
        let named = done.iter().filter_map(|(_, event)| Some(Done::decode(&event.body)?.request));
        let (named, about): (BTreeSet<Digest>, BTreeSet<Digest>) =
            (named.collect(), done.iter().map(|(_, event)| event.object).collect());
        let (mut taken, mut here) = (BTreeMap::new(), BTreeSet::new());
        for (channel, items) in self.channels.iter() {
            here.extend(items.iter().map(|item| item.object).filter(|object| about.contains(object)));
            let came = |item: &&Item| channel.direction == Direction::In && item.kind == Kind::RECEIVED;
            for item in items.iter().filter(came).filter(|item| named.contains(&item.object)) {
                let Item { index, kept, .. } = *item;
                taken.insert(item.object, Taken { class: channel.class, index, from: channel.peer.clone(), kept });
            }
        }
        Lost { free: leaves.clone(), leaves, taken, spent: BTreeSet::new(), here }
    }

    /// The oldest of these leaves before this one that was lost with a backup after which this one came back.
    fn lost_before(&self, index: LogIndex, lost: &BTreeSet<u64>) -> Option<u64> {
        let covers = |recovery: &&Recovery| (recovery.backup_size..recovery.size).contains(&index.0);
        let (mut covering, is_whole) = (self.own.recoveries.iter().filter(covers), self.scope == Scope::National);
        if is_whole {
            let from = covering.map(|recovery| recovery.backup_size).min()?;
            return lost.range(from.min(index.0)..index.0).next().copied();
        }
        // What such a bundle leaves out cannot be told from what was lost.
        covering.find_map(|recovery| recovery.missing.first().map(|(from, _)| *from).filter(|from| *from < index.0))
    }

    /// Whether a log that follows another says that something is erased which stood in the one before: that excuses nothing here.
    pub(super) fn is_of_the_log_before(&self, event: &Event, lost: &Lost) -> bool {
        self.follows.is_some() && event.direction == Direction::In && !lost.here.contains(&event.object)
    }

    /// Whether the leaf of the request did not come back after a restored backup, while that of the erasure did: then the peer's
    /// request must have come back, too.
    pub(super) fn lost_its_request(&self, index: LogIndex, event: &Event, lost: &Lost) -> bool {
        let Some(Done { request, reason }) = Done::decode(&event.body) else { return false };
        let word = event.direction == Direction::Out || self.pretexts.is_asked(event, request, reason);
        word && self.lost_before(index, &lost.leaves).is_some()
    }

    /// Whether the peer's request itself may have been lost: it is not shown, and nothing else was under its name.
    pub(super) fn on_lost_word(&mut self, index: LogIndex, event: &Event, lost: &mut Lost) -> bool {
        let (Direction::In, Some(peer), Some(Done { request, .. })) =
            (event.direction, event.peer.clone(), Done::decode(&event.body))
        else {
            return false;
        };
        if request == Digest::NONE || lost.spent.contains(&request) {
            return false;
        }
        match (lost.taken.get(&request), self.lost_before(index, &lost.free)) {
            // Its leaf came back without the envelope.
            (Some(Taken { class: limits::CONTROL, index: taken, from, kept: false }), _)
                if from.is_of_node(&peer) && self.own.is_lost(*taken) && taken.0 < index.0 => {}
            (None, Some(leaf)) => drop(lost.free.remove(&leaf)),
            _ => return false,
        }
        lost.spent.insert(request);
        let text = format!(
            "leaf {} says that something was erased because {peer} asked for it, and the request was lost with a backup: the bundle of \
             {peer} shows whether it asked",
            index.0
        );
        self.say(index, event, codes::ERASURE_REQUEST_LOST, text);
        let Event { time, class, seq, object, .. } = *event;
        self.forgotten.push(Forgotten { index, time, peer, class, seq, object });
        true
    }
}

/// What `other` erased because `own` asked for it, it says, and lost the request; `own` shows that it never asked. What a bundle for one
/// country leaves out, nobody can tell from what was never there: it proves nothing of that kind.
pub(super) fn unasked(own: &Log, other: &Log, out: &mut Findings) {
    let of_own = |erased: &&Forgotten| erased.peer == own.origin;
    let objects: BTreeSet<Digest> = other.forgotten.iter().filter(of_own).map(|erased| erased.object).collect();
    if own.scope != Scope::National || objects.is_empty() {
        return;
    }
    let (asked, sent) = (own.erasures.asked(&other.origin, &objects), sent(own, other, &objects));
    for erased in other.forgotten.iter().filter(of_own) {
        let Forgotten { index, time, class, seq, object, .. } = erased;
        let shown = own.counts.until.is_some_and(|until| until > time.after(SKEW));
        let since = sent.get(object).map_or(0, |index| index.0);
        if !shown || asked.contains(object) || may_have_lost(own, since, *time) {
            continue;
        }
        let text = format!(
            "leaf {} of {} says that {} asked to erase this item, by a request that was lost with a backup, and the log of {} shows that \
             it never asked",
            index.0, other.origin, own.origin, own.origin
        );
        let mut finding = Finding::new(codes::ERASURE_UNREQUESTED, text).of(&other.origin).with(&own.origin).at(*index);
        (finding.class, finding.seq) = (Some(*class).filter(|_| *seq > 0), Some(*seq).filter(|seq| *seq > 0));
        out.add(finding.between(Some(*time), Some(*time)));
    }
}

/// Where the issuer's log first says that it sent each of these.
fn sent(own: &Log, other: &Log, objects: &BTreeSet<Digest>) -> BTreeMap<Digest, LogIndex> {
    let to_it = |channel: &Channel| channel.direction == Direction::Out && channel.peer.is_of_node(&other.origin);
    let items = own.channels.iter().filter(|(channel, _)| to_it(channel)).flat_map(|(_, items)| items);
    let mut first = BTreeMap::new();
    for item in items.filter(|item| item.kind == Kind::SENT && objects.contains(&item.object)) {
        let index = *first.entry(item.object).or_insert(item.index);
        first.insert(item.object, index.min(item.index));
    }
    first
}

/// Whether the issuer may have lost its request itself: since it sent the item, and before it was erased.
fn may_have_lost(own: &Log, since: u64, erased: Timestamp) -> bool {
    let lost = |recovery: &Recovery| recovery.size > since && recovery.backup <= erased.after(SKEW);
    own.own.recoveries.iter().any(lost) || own.unread.last().is_some_and(|leaf| leaf.0 > since)
}
