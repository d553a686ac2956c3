//! Who was pinned, and under which agreement, at each place of the log; as the log itself tells it.

use super::codes;
use super::finding::Wrong;
use crate::envelope::{self, Envelope};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{Acceptance, Descriptor, Genesis, History, Incident, PublicKey, Role, Statement};
use crate::log::event::{Direction, Event};
use prost::Message;
use std::collections::BTreeMap;

/// A peer as the log has it so far.
#[derive(Debug, Clone)]
pub(super) struct Pinned {
    /// Whether it is pinned now.
    pub(super) present: bool,
    /// K_id.
    pub(super) id: PublicKey,
    /// K_msg of now.
    pub(super) message_key: Option<PublicKey>,
    /// Every K_log it was pinned with.
    log_keys: Vec<PublicKey>,
    /// What it told of its keys, from its genesis on.
    told: Option<History>,
    /// Why its log began, as it was told: once, of a log that follows another.
    why: Vec<Incident>,
    ours: Option<Digest>,
    theirs: Option<Digest>,
}

impl Pinned {
    /// The keys by which its heads of a size are believed.
    pub(super) fn log_keys(&self, size: TreeSize) -> Vec<PublicKey> {
        self.told.as_ref().map_or_else(|| self.log_keys.clone(), |told| told.at(Role::Log, size))
    }

    /// The keys by which its payloads are believed now: what was signed before a rotation may come after it.
    pub(super) fn message_keys(&self) -> Vec<PublicKey> {
        let Some(told) = &self.told else { return self.message_key.into_iter().collect() };
        let held = told.roster().holdings(told.origin(), Role::Msg).iter();
        held.filter(|holding| !holding.revoked).map(|holding| holding.key).collect()
    }

    /// Takes in a genesis or a key statement of the peer.
    fn tell(&mut self, event: &Event, envelope: &Envelope) -> Result<(), String> {
        if let Ok(genesis) = Genesis::open(envelope) {
            if *genesis.keys().id() != self.id {
                return Err("is of another identity than its pin".to_owned());
            }
            self.told = Some(History::found(&genesis, envelope));
            return Ok(());
        }
        let told = self.told.as_mut().ok_or("comes before its genesis")?;
        told.take(envelope, LogIndex(event.seq)).map(drop).map_err(|bad| bad.to_string())
    }
}

/// Every peer that the log has named so far.
#[derive(Debug, Default)]
pub(super) struct Peers(BTreeMap<Origin, Pinned>);

impl Peers {
    /// The peer, whether or not it is pinned now.
    pub(super) fn get(&self, origin: &Origin) -> Option<&Pinned> {
        self.0.get(origin)
    }

    /// The peer, if it is pinned now.
    pub(super) fn pinned(&self, origin: &Origin) -> Option<&Pinned> {
        self.get(origin).filter(|peer| peer.present)
    }

    /// K_msg of everyone that was pinned.
    pub(super) fn message_keys(&self) -> BTreeMap<Origin, PublicKey> {
        let key = |(origin, pinned): (&Origin, &Pinned)| Some((origin.clone(), pinned.message_key?));
        self.0.iter().filter_map(key).collect()
    }

    /// Every log that was ever pinned.
    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.0.keys()
    }

    /// Why a log began, as it was told here.
    pub(super) fn why(&self, log: &Origin) -> &[Incident] {
        self.get(log).map_or(&[], |pinned| &pinned.why)
    }

    /// Whether a later log of the same node was pinned.
    pub(super) fn knows_later(&self, log: &Origin) -> bool {
        self.origins().any(|known| known.is_of_node(log) && known.generation() > log.generation())
    }

    /// Whether a peer was ever pinned under another identity or log key than its own log ever had.
    pub(super) fn misidentifies(&self, history: &History) -> bool {
        let held = history.roster().holdings(history.origin(), Role::Log);
        let had = |key: &PublicKey| held.iter().any(|holding| holding.key == *key);
        let other = |pinned: &Pinned| pinned.id != *history.id() || !pinned.log_keys.iter().all(had);
        self.get(history.origin()).is_some_and(other)
    }

    /// The name under which the identity of a genesis was pinned, where its own name never was.
    pub(super) fn other_name(&self, genesis: &Genesis) -> Option<&Origin> {
        let unknown = self.get(genesis.origin()).is_none();
        self.0.iter().find(|(_, pinned)| unknown && pinned.id == *genesis.keys().id()).map(|(origin, _)| origin)
    }

    /// Whether both sides had accepted this agreement.
    pub(super) fn agreed(&self, origin: &Origin, agreement: &Digest) -> bool {
        let both = |peer: &Pinned| peer.ours == Some(*agreement) && peer.theirs == Some(*agreement);
        self.get(origin).is_some_and(both)
    }

    /// Takes in a `roster` leaf.
    pub(super) fn roster(&mut self, event: &Event, own: &Genesis) -> Result<(), Wrong> {
        let invalid = |text: String| Wrong(codes::ROSTER_INVALID, text);
        let peer = event.peer.as_ref().ok_or_else(|| invalid("a pin names no peer".into()))?;
        if event.body.is_empty() && event.object == Digest::NONE {
            if let Some(pinned) = self.0.get_mut(peer) {
                pinned.present = false;
            }
            return Ok(());
        }
        let envelope = read_body(event).map_err(|text| invalid(format!("the pin of {peer} {text}")))?;
        if let Some(pinned) = self.0.get_mut(peer).filter(|_| is_told(&envelope)) {
            return pinned
                .tell(event, &envelope)
                .map_err(|text| invalid(format!("what is told of the keys of {peer} {text}")));
        }
        let descriptor = Descriptor::open(&envelope).map_err(|bad| invalid(format!("the pin of {peer}: {bad}")))?;
        if descriptor.origin() != peer || descriptor.mode() != own.mode() || peer.network() != own.origin().network() {
            return Err(invalid(format!("the pin of {peer} is of another log, mode or network")));
        }
        let (id, log) = (*descriptor.keys().id(), descriptor.key(Role::Log).copied());
        let message_key = descriptor.key(Role::Msg).copied();
        let (log_keys, why) = (Vec::new(), Vec::new());
        let fresh = || Pinned { present: true, id, message_key, log_keys, told: None, why, ours: None, theirs: None };
        self.succeeds(peer, &descriptor, event.restricted)?;
        let pinned = self.0.entry(peer.clone()).or_insert_with(fresh);
        let changed = pinned.id != id;
        (pinned.present, pinned.id, pinned.message_key) = (true, id, message_key);
        pinned.why.extend(descriptor.incident().filter(|why| !pinned.why.contains(why)).cloned());
        pinned.log_keys.extend(log.filter(|key| !pinned.log_keys.contains(key)));
        if changed {
            return Err(Wrong(
                codes::IDENTITY_CHANGED,
                format!("{peer} was pinned under another identity key than before"),
            ));
        }
        Ok(())
    }

    /// A log that takes the place of an earlier one of its node must follow that.
    fn succeeds(&self, peer: &Origin, descriptor: &Descriptor, decided: Digest) -> Result<(), Wrong> {
        let of_before = |log: &Origin| log.is_of_node(peer) && log.generation() < peer.generation();
        let before = self.0.iter().filter(|(log, _)| of_before(log)).max_by_key(|(log, _)| log.generation());
        let Some((log, before)) = before.filter(|_| !self.0.contains_key(peer)) else { return Ok(()) };
        if before.id != *descriptor.keys().id() {
            let text =
                format!("{peer} was pinned in the place of an earlier log of its node, under another identity key");
            return Err(Wrong(codes::IDENTITY_CHANGED, text));
        }
        let invalid = |why: &str| Err(Wrong(codes::ROSTER_INVALID, format!("{peer} was pinned, {why}")));
        let Some(incident) = descriptor.incident().filter(|incident| incident.previous == *log) else {
            return invalid("which does not follow the log of its node that was pinned before");
        };
        if decided == Digest::NONE {
            return invalid("in the place of an earlier log, without the decision of two people");
        }
        // Its log key may have been changed since it told of its keys, for the one that goes on.
        let since = descriptor.key(Role::Log).copied();
        if !incident.is_headed(|size| before.log_keys(size).into_iter().chain(since).collect()) {
            return invalid("and the head in its statement is not signed by the log that ended");
        }
        match before.told.as_ref().and_then(|told| told.names_again(descriptor.keys())) {
            Some(role) => invalid(&format!("and its {role} key is one that the log before has revoked")),
            None => Ok(()),
        }
    }

    /// Takes in an `agreement` leaf: our acceptance, or the peer's.
    pub(super) fn agreement(&mut self, event: &Event, own: &Genesis) -> Result<(), Wrong> {
        let invalid = |text: String| Wrong(codes::AGREEMENT_INVALID, text);
        let peer = event.peer.as_ref().ok_or_else(|| invalid("an acceptance names no peer".into()))?;
        let envelope = read_body(event).map_err(|text| invalid(format!("the acceptance with {peer} {text}")))?;
        let unknown = || invalid(format!("{peer} accepted an agreement before it was pinned"));
        let pinned = self.0.get_mut(peer).ok_or_else(unknown)?;
        let (from, with, key) = match event.direction {
            Direction::Out => (own.origin(), peer, own.keys().id()),
            Direction::In => (peer, own.origin(), &pinned.id),
            Direction::None => return Err(invalid(format!("the acceptance with {peer} is from nobody"))),
        };
        let accepted =
            Acceptance::open(&envelope, key).map_err(|bad| invalid(format!("the acceptance of {from}: {bad}")))?;
        let matches = accepted.from == *from && accepted.with == *with && accepted.mode == own.mode();
        if !matches || accepted.agreement != event.agreement {
            return Err(invalid(format!("the acceptance of {from} is of another agreement, side or mode")));
        }
        let side = if event.direction == Direction::Out { &mut pinned.ours } else { &mut pinned.theirs };
        *side = Some(event.agreement);
        Ok(())
    }
}

/// Whether a `roster` leaf tells of a peer's keys, and does not pin it.
fn is_told(envelope: &Envelope) -> bool {
    Statement::is_one(envelope) || envelope.payload_type == Genesis::TYPE
}

/// The signed document in a leaf's body, if it is the one that the leaf names.
fn read_body(event: &Event) -> Result<Envelope, &'static str> {
    let envelope = Envelope::decode(event.body.as_slice()).map_err(|_| "cannot be read")?;
    if envelope::digest(&envelope) == event.object { Ok(envelope) } else { Err("is not the one that the leaf names") }
}
