//! Erasures whose request was lost with a backup: what a log may say of them by itself, and what the log of whoever asked says to that.
//!
//! By itself, it is believed once for each leaf that was really lost, and that it is only believed is said; the log of whoever asked
//! decides, unless it lost something itself.

use super::Log;
use super::channels::{Channel, find};
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
    /// Of what erasures name as their request, what the log shows that it took: class, leaf, and whether its envelope is there.
    taken: BTreeMap<Digest, (u8, LogIndex, bool)>,
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
        if done.is_empty() || self.own.recoveries.is_empty() {
            return Lost::default();
        }
        let leaves: BTreeSet<u64> =
            self.unknown.iter().filter(|leaf| self.own.is_lost(**leaf)).map(|leaf| leaf.0).collect();
        let named = done.iter().filter_map(|(_, event)| Some(Done::decode(&event.body)?.request));
        let named: BTreeSet<Digest> = named.collect();
        let mut taken = BTreeMap::new();
        for (channel, items) in self.channels.iter().filter(|(channel, _)| channel.direction == Direction::In) {
            for item in items.iter().filter(|item| item.kind == Kind::RECEIVED && named.contains(&item.object)) {
                taken.insert(item.object, (channel.class, item.index, item.kept));
            }
        }
        Lost { free: leaves.clone(), leaves, taken }
    }

    /// The oldest of these leaves before this one that was lost with a backup after which this one came back.
    fn lost_before(&self, index: LogIndex, lost: &BTreeSet<u64>) -> Option<u64> {
        let covers = |recovery: &&Recovery| (recovery.backup_size..recovery.size).contains(&index.0);
        let (covering, is_whole) = (self.own.recoveries.iter().filter(covers), self.scope == Scope::National);
        if is_whole {
            let from = covering.map(|recovery| recovery.backup_size).min()?;
            return lost.range(from.min(index.0)..index.0).next().copied();
        }
        // What such a bundle leaves out cannot be told from what was lost.
        covering.filter_map(|recovery| recovery.missing.first()).map(|(from, _)| *from).find(|from| *from < index.0)
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
        if request == Digest::NONE {
            return false;
        }
        match (lost.taken.get(&request), self.lost_before(index, &lost.free)) {
            // Its leaf came back without the envelope.
            (Some((limits::CONTROL, taken, false)), _) if self.own.is_lost(*taken) && taken.0 < index.0 => {}
            (None, Some(leaf)) => drop(lost.free.remove(&leaf)),
            _ => return false,
        }
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

/// What `other` erased because `own` asked for it, it says, and lost the request; `own` shows that it never asked.
pub(super) fn unasked(own: &Log, other: &Log, out: &mut Findings) {
    if own.misdated || other.misdated {
        return;
    }
    for erased in other.forgotten.iter().filter(|erased| erased.peer == own.origin) {
        let Forgotten { index, time, class, seq, object, .. } = erased;
        let shown = own.counts.until.is_some_and(|until| until > time.after(SKEW));
        if !shown || own.erasures.asked(&other.origin, object) || may_have_lost(own, other, erased) {
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

/// Whether the issuer may have lost its request itself: since it sent the item, and before it was erased.
fn may_have_lost(own: &Log, other: &Log, erased: &Forgotten) -> bool {
    let channel = Channel { direction: Direction::Out, peer: other.origin.clone(), class: erased.class };
    let sent = find(own.channels.get(&channel).map_or(&[], Vec::as_slice), erased.seq);
    let since = sent.filter(|item| item.object == erased.object).map_or(0, |item| item.index.0);
    let lost = |recovery: &Recovery| recovery.size > since && recovery.backup <= erased.time.after(SKEW);
    own.own.recoveries.iter().any(lost) || own.unread.last().is_some_and(|leaf| leaf.0 > since)
}
