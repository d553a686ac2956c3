//! 256 leaves, and what can be checked of them by their own bytes: does each opening open its leaf, is each envelope the one
//! encoding of itself, is it signed and within the rules. What depends on other leaves is judged later, in their order.

use super::channels::carries;
use super::layout;
use super::payload::{self, Checked};
use crate::envelope::{self, Envelope, Rejection};
use crate::id::{Digest, Origin, TreeSize};
use crate::identity::{Genesis, History, PublicKey, Role};
use crate::log::event::{Direction, Event};
use crate::log::leaf::Opening;
use bytes::Bytes;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The bytes of a block's leaves, and the keys that were pinned when they were read.
pub(super) struct Block {
    pub(super) number: u64,
    /// Leaf hashes.
    pub(super) hashes: Vec<Digest>,
    /// `None` when the file is lost.
    pub(super) openings: Option<Vec<Bytes>>,
    pub(super) envelopes: Vec<Bytes>,
    pub(super) decisions: Vec<Bytes>,
    pub(super) genesis: Arc<Genesis>,
    pub(super) history: Arc<History>,
    pub(super) keys: BTreeMap<Origin, PublicKey>,
}

/// What a leaf's opening came to.
pub(super) enum Opened {
    /// It opens the leaf.
    Event(Event),
    /// It does not, and why.
    Wrong(String),
    /// There is none.
    Absent,
    /// The file that would hold it is lost.
    Lost,
}

/// An envelope that lies at a leaf, with E; `None` for bytes that are not the one encoding of an envelope.
pub(super) type Found = Option<(Digest, Envelope)>;

/// What both ends may exchange, by the keys it was checked with.
pub(super) type Verdict = (Vec<PublicKey>, Result<Checked, Rejection>);

/// One leaf by itself.
pub(super) struct Leaf {
    pub(super) opened: Opened,
    pub(super) envelope: Option<Found>,
    pub(super) decision: Option<Bytes>,
    /// Of the envelope that it names, if that lies here or at the nearest leaf before.
    pub(super) verdict: Option<Verdict>,
}

impl Block {
    /// Index of the first leaf.
    pub(super) fn first(number: u64) -> u64 {
        number * layout::PACK
    }

    /// Checks every leaf by itself.
    pub(super) fn open(mut self) -> (u64, Vec<Leaf>) {
        let mut leaves: Vec<Leaf> = Vec::with_capacity(self.hashes.len());
        let mut last: Option<(Digest, usize)> = None;
        for place in 0..self.hashes.len() {
            let opened = self.opened(place);
            let envelope = taken(&mut self.envelopes, place).map(|bytes| read(&bytes));
            if let Some(Some((digest, _))) = &envelope {
                last = Some((*digest, place));
            }
            leaves.push(Leaf { opened, envelope, decision: taken(&mut self.decisions, place), verdict: None });
            let verdict =
                last.and_then(|(digest, at)| self.verdict(place, &leaves[place].opened, digest, &leaves[at].envelope));
            leaves[place].verdict = verdict;
        }
        (self.number, leaves)
    }

    fn opened(&self, place: usize) -> Opened {
        let Some(openings) = &self.openings else { return Opened::Lost };
        let Some(bytes) = openings.get(place).filter(|bytes| !bytes.is_empty()) else { return Opened::Absent };
        match Opening::read(bytes) {
            Ok((entry, event)) if entry.leaf_hash() == self.hashes[place] => Opened::Event(event),
            Ok(_) => Opened::Wrong("does not open it".to_owned()),
            Err(bad) => Opened::Wrong(format!("cannot be read: {bad}")),
        }
    }

    fn verdict(&self, place: usize, opened: &Opened, digest: Digest, envelope: &Option<Found>) -> Option<Verdict> {
        let (Opened::Event(event), Some(Some((_, envelope)))) = (opened, envelope) else { return None };
        if digest != event.object || !carries(event.kind) {
            return None;
        }
        let keys = match event.direction {
            Direction::Out => self.history.at(Role::Msg, TreeSize(Self::first(self.number) + place as u64 + 1)),
            _ => vec![*self.keys.get(event.peer.as_ref()?)?],
        };
        payload::check_item(envelope, event, &self.genesis, &keys).map(|verdict| (keys, verdict))
    }
}

fn taken(things: &mut [Bytes], place: usize) -> Option<Bytes> {
    things.get_mut(place).map(std::mem::take).filter(|thing| !thing.is_empty())
}

fn read(bytes: &Bytes) -> Found {
    let envelope = Envelope::decode(bytes.clone()).ok().filter(|envelope| envelope.encode_to_vec() == *bytes)?;
    Some((envelope::digest(&envelope), envelope))
}
