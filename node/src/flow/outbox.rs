//! Log before send: an envelope becomes owed to each of its recipients in the commit that logs it as sent. From then on it
//! is either receipted or still here.

use super::agreement::words;
use super::desk::Desk;
use super::keys::Keys;
use super::{Node, entangle, receive};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::book::channel_parts;
use crate::state::{ChannelKey, Direction};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use varde_proto::agreement::Agreed;
use varde_proto::envelope::{self, Envelope, Expected, Header, Payload, Rejection};
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::limits;
use varde_proto::log::chain;
use varde_proto::log::event::{Direction as LeafDirection, Event, Kind};
use varde_proto::log::leaf;
use varde_proto::time::Timestamp;

/// One item owed to one peer: where its leaf and its envelope are, and what the receipt must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owed {
    /// Number of the `sent` leaf.
    pub leaf: u64,
    /// Index under which the envelope is kept.
    pub envelope: u64,
    /// E.
    pub object: Digest,
    /// X after the item.
    pub chain: Digest,
}

impl Owed {
    /// The row's value.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.leaf.to_be_bytes().to_vec();
        out.extend_from_slice(&self.envelope.to_be_bytes());
        out.extend_from_slice(&self.object.0);
        out.extend_from_slice(&self.chain.0);
        out
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (leaf, rest) = bytes.split_first_chunk::<8>()?;
        let (envelope, rest) = rest.split_first_chunk::<8>()?;
        let (object, rest) = rest.split_first_chunk::<32>()?;
        let chain: [u8; 32] = rest.try_into().ok()?;
        Some(Self {
            leaf: u64::from_be_bytes(*leaf),
            envelope: u64::from_be_bytes(*envelope),
            object: Digest(*object),
            chain: Digest(chain),
        })
    }
}

/// The row of an item of a channel; `seq` is the number under which its number is stored.
pub fn item_row(prefix: u8, peer: &Origin, class: u8, seq: u64) -> Vec<u8> {
    rows::row(prefix, &[&channel_parts(peer, class), &seq.to_be_bytes()])
}

/// How far a peer's clock may be from ours without anybody being warned: what is sent must be permitted by both.
const SKEW: Duration = Duration::from_secs(2 * 60);

/// What the clock of whoever receives something sent now may say.
pub(super) fn around(now: Timestamp) -> [Timestamp; 3] {
    let skew = i64::try_from(SKEW.as_millis()).unwrap_or(0);
    [Timestamp::from_ms((now.ms() - skew).max(0)).unwrap_or_default(), now, now.after(SKEW)]
}

/// Under which agreement something goes to a peer now, and whether that is over.
fn under(agreed: &Agreed, now: Timestamp) -> (Digest, bool) {
    let supposed = agreed.supposed(now);
    supposed.governing(now).map_or((Digest::NONE, true), |one| (one.agreement.id(), one.is_over))
}

/// The header of what goes to these recipients. Where they stand under different agreements it names none: their leaves do.
pub fn header(node: &Node, recipients: &[Arc<Peer>]) -> Result<Header, NotSent> {
    let now = node.time();
    let mut agreements = recipients.iter().map(|peer| under(&node.ledger.book().agreed(&peer.origin), now).0);
    let first = agreements.next().ok_or(NotSent::Nobody)?;
    let agreement = if agreements.all(|other| other == first) { first } else { Digest::NONE };
    let mut origins: Vec<String> = recipients.iter().map(|peer| peer.origin.as_str().to_owned()).collect();
    origins.sort();
    origins.dedup();
    let mut salt = [0; 32];
    node.entropy.fill(&mut salt);
    Ok(Header {
        network: node.me.origin.network().to_owned(),
        mode: node.me.mode as i32,
        issuer: node.me.origin.as_str().to_owned(),
        recipients: origins,
        agreement: agreement.0.to_vec().into(),
        salt: salt.to_vec().into(),
    })
}

/// The one egress function: signs a payload, then judges it as each of its recipients will, by the same function. What a
/// peer would refuse is never sent.
pub fn sign<P: Payload>(node: &Node, wire: &P::Wire, recipients: &[Arc<Peer>], class: u8) -> Result<Signed, NotSent> {
    let key = node.keys.message(node.ledger.head().size().0);
    let envelope = envelope::sign(P::TYPE, wire, &key);
    let (keys, now) = ([key.public()], node.time());
    let mut judged = Vec::with_capacity(recipients.len());
    for peer in recipients {
        let agreed = node.ledger.book().agreed(&peer.origin);
        let agreement = under(&agreed, now);
        let expected = Expected {
            network: node.me.origin.network(),
            mode: node.me.mode,
            issuer: &node.me.origin,
            recipient: &peer.origin,
            keys: &keys,
            agreement: agreement.0,
            class,
        };
        let refused = |why| NotSent::refused(why, peer.origin.node(), &agreed.supposed(now), now);
        let supposed = agreed.supposed(now);
        let admitted = receive::admit(&envelope, &expected, &supposed, now).map_err(refused)?;
        let permits = |at| supposed.permits(&expected.agreement, admitted.traffic(), at);
        around(now).into_iter().try_for_each(permits).map_err(refused)?;
        judged.push((peer.clone(), agreement));
    }
    Ok(Signed { envelope, class, recipients: judged, keys: node.keys.clone() })
}

/// An envelope that its recipients would admit. Only [`sign`] makes one.
#[derive(Clone)]
pub struct Signed {
    envelope: Envelope,
    class: u8,
    /// Each with the agreement under which it was judged, and whether that was over.
    recipients: Vec<(Arc<Peer>, (Digest, bool))>,
    keys: Arc<Keys>,
}

impl Signed {
    /// The envelope.
    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// To whom it goes.
    pub fn recipients(&self) -> impl Iterator<Item = &Arc<Peer>> {
        self.recipients.iter().map(|(peer, _)| peer)
    }

    /// The envelope, signed by the key that is in force where it will be logged, by the number of that leaf: keys may change
    /// between the two.
    pub fn at(&self, leaf: u64) -> Envelope {
        let key = self.keys.message(rows::counted(leaf) + 1);
        let current = self.envelope.signatures.iter().all(|line| line.key_id == key.public().hint());
        if current { self.envelope.clone() } else { envelope::sign_again(&self.envelope, &key) }
    }
}

/// Why something is not sent. Nothing was logged.
#[derive(Debug, thiserror::Error)]
pub enum NotSent {
    /// An empty list of recipients means nobody.
    #[error("there are no recipients; an empty list means nobody")]
    Nobody,
    /// We ourselves.
    #[error("{0} is this node's own country")]
    Own(NodeId),
    /// A country that is not pinned.
    #[error("{0} is not a pinned peer")]
    Unknown(NodeId),
    /// The agreement with a recipient does not permit it: by which of its terms, and what that says.
    #[error("the agreement with {0} does not permit it ({1}): {2}")]
    Agreement(NodeId, &'static str, String),
    /// The recipients would refuse it.
    #[error("the recipients would refuse it: {0}")]
    Refused(Rejection),
}

impl NotSent {
    fn refused(why: Rejection, peer: NodeId, agreed: &Agreed, now: Timestamp) -> Self {
        let governing = agreed.governing(now);
        match (why, governing) {
            (Rejection::Agreement(term), Some(one)) => Self::Agreement(peer, term, one.agreement.terms().explain(term)),
            _ => Self::Refused(why),
        }
    }
}

/// The pinned peers of these countries, sorted, each once.
pub fn recipients(node: &Node, countries: &[NodeId]) -> Result<Vec<Arc<Peer>>, NotSent> {
    let mut countries = countries.to_vec();
    countries.sort_unstable();
    countries.dedup();
    if countries.is_empty() {
        return Err(NotSent::Nobody);
    }
    if let Some(own) = countries.iter().find(|country| **country == node.me.origin.node()) {
        return Err(NotSent::Own(*own));
    }
    let peers = node.peers.borrow().clone();
    countries.into_iter().map(|c| peers.get(&c).cloned().ok_or(NotSent::Unknown(c))).collect()
}

/// Logs an envelope as sent to each recipient and owes it to them, in one commit. `restricted` is the salted commitment to
/// details that stay in the country. Returns the index under which the envelope is kept.
pub fn owe(desk: &mut Desk<'_>, signed: &Signed, restricted: Digest) -> Result<u64, StoreError> {
    let Signed { class, recipients, .. } = signed;
    let class = *class;
    entangle::weave(desk, entangle::BEFORE_AN_EXCHANGE)?;
    let kept = desk.next_leaf();
    let envelope = signed.at(kept);
    let object = envelope::digest(&envelope);
    desk.seal(rows::numbered(rows::ENVELOPE, kept), &envelope.encode_to_vec())?;
    for (peer, agreement) in recipients {
        // What was agreed may have changed since it was judged; erasures outlast that.
        if class != limits::CONTROL && under(&desk.agreed(&peer.origin), words::time(desk)) != *agreement {
            return Err(StoreError::Superseded);
        }
        let key = ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class };
        let mut state = desk.channel(&key);
        state.seq += 1;
        state.chain = chain::next(&state.chain, state.seq, &object);
        let (leaf, _) = desk.append(Event {
            kind: Kind::SENT,
            time: Timestamp::default(),
            peer: Some(peer.origin.clone()),
            direction: LeafDirection::Out,
            class,
            seq: state.seq,
            object,
            chain: state.chain,
            restricted,
            agreement: agreement.0,
            body: Vec::new(),
        })?;
        let owed = Owed { leaf, envelope: kept, object, chain: state.chain };
        desk.put(item_row(rows::OWED, &peer.origin, class, desk.number(state.seq)), owed.encode())?;
        desk.set_channel(key, state)?;
    }
    Ok(kept)
}

/// The same, in the name of whoever signed an act: the leaves commit to it, and it stays in the country.
pub fn owe_by(desk: &mut Desk<'_>, signed: &Signed, act: &Envelope) -> Result<u64, StoreError> {
    let (key, act) = (desk.random::<32>(), act.encode_length_delimited_to_vec());
    let kept = owe(desk, signed, leaf::restricted(&key, &act))?;
    desk.seal(rows::numbered(rows::ACT, kept), &[&key[..], &act].concat())?;
    Ok(kept)
}
