//! Who was pinned, and under which agreement, at each place of the log; as the log itself tells it.

use super::codes;
use super::finding::Wrong;
use crate::agreement::{Agreed, Agreement, Side, Traffic};
use crate::envelope::{self, Envelope, Rejection};
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{Descriptor, Genesis, History, Incident, PublicKey, Role, Statement, Word};
use crate::limits;
use crate::log::event::{Direction, Event};
use crate::time::Timestamp;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;

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
    /// What the two said to each other of agreements.
    agreed: Agreed,
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
pub(super) struct Peers {
    pinned: BTreeMap<Origin, Pinned>,
    /// The texts of agreements in the bundle.
    texts: BTreeMap<Digest, Arc<Agreement>>,
}

impl Peers {
    /// The peer, whether or not it is pinned now.
    pub(super) fn get(&self, origin: &Origin) -> Option<&Pinned> {
        self.pinned.get(origin)
    }

    /// The peer, if it is pinned now.
    pub(super) fn pinned(&self, origin: &Origin) -> Option<&Pinned> {
        self.get(origin).filter(|peer| peer.present)
    }

    /// K_msg of everyone that was pinned.
    pub(super) fn message_keys(&self) -> BTreeMap<Origin, PublicKey> {
        let key = |(origin, pinned): (&Origin, &Pinned)| Some((origin.clone(), pinned.message_key?));
        self.pinned.iter().filter_map(key).collect()
    }

    /// Every log that was ever pinned.
    pub(super) fn origins(&self) -> impl Iterator<Item = &Origin> {
        self.pinned.keys()
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
        self.pinned.iter().find(|(_, pinned)| unknown && pinned.id == *genesis.keys().id()).map(|(origin, _)| origin)
    }

    /// Nobody yet; these texts are known.
    pub(super) fn with_texts(texts: BTreeMap<Digest, Arc<Agreement>>) -> Self {
        Self { pinned: BTreeMap::new(), texts }
    }

    /// Whether what a leaf names is agreed on. What erases may name what was not, where it is about something of before.
    pub(super) fn is_agreed_on(&self, origin: &Origin, event: &Event) -> bool {
        let agreed = |peer: &Pinned| match event.class {
            limits::CONTROL => peer.agreed.governing(event.time).is_some(),
            _ => peer.agreed.is_agreed_on(&event.agreement),
        };
        self.get(origin).is_some_and(agreed)
    }

    /// Whether a peer that is known has agreed to nothing by a leaf.
    pub(super) fn is_without_agreement(&self, origin: &Origin, event: &Event) -> bool {
        self.get(origin).is_some_and(|peer| peer.agreed.governing(event.time).is_none())
    }

    /// Whether something of a leaf was within what the two had agreed on when it was judged, a moment before.
    pub(super) fn permits(&self, origin: &Origin, event: &Event, what: Traffic<'_>) -> Result<(), Rejection> {
        // Whom the log never pinned is said apart.
        let Some(peer) = self.get(origin) else { return Ok(()) };
        let before = Timestamp::from_ms((event.time.ms() - MOMENT_MS).max(0)).unwrap_or_default();
        // What is owed to a country that has accepted nothing yet goes under what we accepted, once it does, too.
        if event.direction == Direction::Out && peer.agreed.governing(event.time).is_none() {
            return Ok(());
        }
        let at = |time| peer.agreed.permits(&event.agreement, what, time);
        at(event.time).or_else(|refused| at(before).map_err(|_| refused))
    }

    /// Takes in a `roster` leaf.
    pub(super) fn roster(&mut self, event: &Event, own: &Genesis) -> Result<(), Wrong> {
        let invalid = |text: String| Wrong(codes::ROSTER_INVALID, text);
        let peer = event.peer.as_ref().ok_or_else(|| invalid("a pin names no peer".into()))?;
        if event.body.is_empty() && event.object == Digest::NONE {
            if let Some(pinned) = self.pinned.get_mut(peer) {
                pinned.present = false;
            }
            return Ok(());
        }
        let envelope = read_body(event).map_err(|text| invalid(format!("the pin of {peer} {text}")))?;
        if let Some(pinned) = self.pinned.get_mut(peer).filter(|_| is_told(&envelope)) {
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
        let fresh = || Pinned { present: true, id, message_key, log_keys, told: None, why, agreed: Agreed::default() };
        self.succeeds(peer, &descriptor, event.restricted)?;
        let pinned = self.pinned.entry(peer.clone()).or_insert_with(fresh);
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
        let before = self.pinned.iter().filter(|(log, _)| of_before(log)).max_by_key(|(log, _)| log.generation());
        let Some((log, before)) = before.filter(|_| !self.pinned.contains_key(peer)) else { return Ok(()) };
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

    /// Takes in an `agreement` leaf: what we said of one, or the peer.
    pub(super) fn agreement(&mut self, event: &Event, own: &Genesis) -> Result<(), Wrong> {
        let invalid = |text: String| Wrong(codes::AGREEMENT_INVALID, text);
        let peer = event.peer.as_ref().ok_or_else(|| invalid("an acceptance names no peer".into()))?;
        let envelope = read_body(event).map_err(|text| invalid(format!("the acceptance with {peer} {text}")))?;
        let unknown = || invalid(format!("{peer} accepted an agreement before it was pinned"));
        let pinned = self.pinned.get_mut(peer).ok_or_else(unknown)?;
        let (from, with, key) = match event.direction {
            Direction::Out => (own.origin(), peer, own.keys().id()),
            Direction::In => (peer, own.origin(), &pinned.id),
            Direction::None => return Err(invalid(format!("the acceptance with {peer} is from nobody"))),
        };
        let word = Word::open(&envelope, key).map_err(|bad| invalid(format!("what {from} said: {bad}")))?;
        let of = word.of();
        let matches = of.from == *from && of.with == *with && of.mode == own.mode();
        if !matches || of.agreement != event.agreement {
            return Err(invalid(format!("what {from} said is of another agreement, side or mode")));
        }
        let default = Agreement::by_default();
        let text = if of.agreement == default.id() { Some(&default) } else { self.texts.get(&of.agreement) };
        let Some(agreement) = text else {
            let text = format!("the text of the agreement {} with {peer} is not in the bundle", of.agreement);
            return Err(Wrong(codes::AGREEMENT_UNREAD, text));
        };
        let side = if event.direction == Direction::Out { Side::Ours } else { Side::Theirs };
        let heard = pinned.agreed.hear(agreement, side, matches!(word, Word::No(_)), of.accepted);
        heard.map_err(|many| invalid(many.to_string()))
    }
}

/// How long before its leaf something may have been judged, in milliseconds: an agreement may end in between.
const MOMENT_MS: i64 = 60_000;

/// Whether a `roster` leaf tells of a peer's keys, and does not pin it.
fn is_told(envelope: &Envelope) -> bool {
    Statement::is_one(envelope) || envelope.payload_type == Genesis::TYPE
}

/// The signed document in a leaf's body, if it is the one that the leaf names.
fn read_body(event: &Event) -> Result<Envelope, &'static str> {
    let envelope = Envelope::decode(event.body.as_slice()).map_err(|_| "cannot be read")?;
    if envelope::digest(&envelope) == event.object { Ok(envelope) } else { Err("is not the one that the leaf names") }
}
