//! Erasures that a log says it did: on whose word. What is gone is explained by nothing else.
//!
//! Of what came from a peer: by the peer's own request, which the log received and shows, or by the end of its time. Of what
//! the log's own country issued: by its own request.

use super::channels::Channel;
use super::codes;
use super::finding::Finding;
use super::leaves::Leaves;
use crate::control::leaf::{Done, Requested};
use crate::id::{Digest, LogIndex, Origin};
use crate::log::event::{Direction, Event, Kind};
use crate::vocabulary::ErasureReason;
use std::collections::{BTreeMap, BTreeSet};

/// An item: which way it went, whose it is if it came, and E. A peer's word is about its own items, whatever E it names.
type Item = (Direction, Option<Origin>, Digest);

fn item(direction: Direction, peer: Option<&Origin>, object: Digest) -> Item {
    (direction, peer.filter(|_| direction == Direction::In).cloned(), object)
}

/// What a log says of erasures.
#[derive(Debug, Default)]
pub(super) struct Pretexts {
    /// Requests that peers signed and the log received, by E: who asks, and to erase what.
    received: BTreeMap<Digest, (Origin, Digest)>,
    /// Items of either direction that the log says it was asked to erase, on a word that holds.
    asked: BTreeSet<Item>,
    /// Leaves of requests whose envelope may be believed once the log has said more of its peers' keys.
    waiting: Vec<(LogIndex, Event)>,
    done: Vec<(LogIndex, Event)>,
    /// Items whose erasure is explained.
    erased: BTreeSet<Item>,
}

impl Pretexts {
    /// A peer's own request lies in the bundle, and its signature is good.
    pub(super) fn received(&mut self, event: &Event, object: Digest) {
        if let Some(peer) = event.peer.clone().filter(|_| event.direction == Direction::In) {
            self.received.insert(event.object, (peer, object));
        }
    }

    /// Whether the content of this item is gone for a reason.
    pub(super) fn explains(&self, direction: Direction, peer: Option<&Origin>, object: Digest) -> bool {
        self.erased.contains(&item(direction, peer, object))
    }

    /// Where each item was first asked for by a request that waited and is believed by now.
    fn believed(&self) -> BTreeMap<Item, LogIndex> {
        let mut first = BTreeMap::new();
        for (index, event) in self.waiting.iter().filter(|(_, event)| self.is_authority(event)) {
            first.entry(item(event.direction, event.peer.as_ref(), event.object)).or_insert(*index);
        }
        first
    }

    fn is_authority(&self, event: &Event) -> bool {
        let Some(Requested { request, reason, .. }) = Requested::decode(&event.body) else { return false };
        match event.direction {
            Direction::In => self.is_asked(event, request, reason),
            // Whoever issued it may take it back; what only some recipients are to lose stays with its issuer.
            Direction::Out => !matches!(reason, ErasureReason::EXPIRED | ErasureReason::NARROWED),
            Direction::None => false,
        }
    }

    /// Whether the peer of a leaf asked for it, or nobody needed to.
    pub(super) fn is_asked(&self, event: &Event, request: Digest, reason: ErasureReason) -> bool {
        if request == Digest::NONE {
            return reason == ErasureReason::EXPIRED;
        }
        self.received.get(&request).is_some_and(|(peer, object)| is_peer(event, peer) && event.object == *object)
    }
}

/// What is kept of an `erase-done` leaf: one that is not of its form says nothing.
fn small(event: &Event) -> Event {
    let body = Done::decode(&event.body).map(|done| done.encode()).unwrap_or_default();
    Event { body, ..event.clone() }
}

/// Whether a leaf is about what was exchanged with this peer, under any generation of its log.
fn is_peer(event: &Event, peer: &Origin) -> bool {
    event.peer.as_ref().is_some_and(|of| of.is_of_node(peer))
}

impl Leaves<'_> {
    /// Takes in an `erase-request` or `erase-done` leaf.
    pub(super) fn erasure(&mut self, index: LogIndex, event: &Event) {
        let item = item(event.direction, event.peer.as_ref(), event.object);
        let early = event.kind == Kind::ERASE_REQUEST && self.is_early(event);
        let is_waited = self.is_waited();
        let Self { pretexts, .. } = self;
        match event.kind {
            Kind::ERASE_REQUEST if !early && pretexts.is_authority(event) => drop(pretexts.asked.insert(item)),
            Kind::ERASE_REQUEST if !early && is_waited => pretexts.waiting.push((index, event.clone())),
            Kind::ERASE_REQUEST => {}
            _ if pretexts.asked.contains(&item) => drop(pretexts.erased.insert(item)),
            // What asked for it may be among the leaves that a restored backup lost, which only a later leaf says.
            _ => pretexts.done.push((index, small(event))),
        }
    }

    /// Whether a leaf says that the time of an item is over, and the item, which is shown, says that it is not.
    fn is_early(&self, event: &Event) -> bool {
        let expired = Requested::decode(&event.body).is_some_and(|said| said.reason == ErasureReason::EXPIRED);
        let item = Channel::of(event).filter(|_| expired).and_then(|channel| self.channels.item(&channel, event.seq));
        item.is_some_and(|item| item.object == event.object && item.is_before_its_end(event.time))
    }

    /// Judges the erasures that no leaf before them explains.
    pub(super) fn erasures_without_request(&mut self) {
        let believed = self.pretexts.believed();
        let done = std::mem::take(&mut self.pretexts.done);
        let mut lost = self.lost(&done);
        for (index, event) in done {
            let item = item(event.direction, event.peer.as_ref(), event.object);
            if self.pretexts.erased.contains(&item) {
                continue;
            }
            let waited = believed.get(&item).is_some_and(|first| *first < index);
            let explained = waited || self.is_withheld(&event) || self.lost_its_request(index, &event, &lost);
            if explained || self.on_lost_word(index, &event, &mut lost) {
                self.pretexts.erased.insert(item);
                continue;
            }
            if self.is_of_the_log_before(&event, &lost) {
                continue;
            }
            let text = format!(
                "leaf {} says that something was erased, and before it stands no request that holds: neither one of its issuer, received \
                 and shown, nor the end of its time",
                index.0
            );
            let mut finding = Finding::new(codes::ERASURE_UNREQUESTED, text).at(index);
            finding.peer = event.peer.clone();
            if event.seq > 0 {
                (finding.class, finding.seq) = (Some(event.class), Some(event.seq));
            }
            self.out.add(finding.between(Some(event.time), Some(event.time)));
        }
    }

    /// Whether the request may be among the leaves that are not for this reader: what we asked of others.
    fn is_withheld(&self, event: &Event) -> bool {
        event.direction != Direction::In && self.withheld > 0
    }
}
