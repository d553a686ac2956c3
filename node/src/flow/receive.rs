//! The receiving half of a connection: an item is taken only if the sender's log proves that it was sent, at its turn, to
//! us. Then its content is judged, and either way the verdict is logged before it is answered. There is one admission
//! function, [`admit`].

use super::deliver::Broken;
use super::desk::Desk;
use super::outbox::item_row;
use super::{agreement, conversation, entangle, erase, filing, outstanding};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::{ChannelKey, ChannelState, Direction};
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::{Agreed, Governing, Traffic};
use varde_proto::alert::{self, Alert};
use varde_proto::control::{self, Act, Erasure};
use varde_proto::envelope::{self, Envelope, Expected, Payload, Rejection, Verified};
use varde_proto::exchange::{Item, KnownHead, Shown, check_shown};
use varde_proto::id::{Digest, LogIndex, NodeId, Origin, TreeSize};
use varde_proto::identity::Role;
use varde_proto::limits;
use varde_proto::log::chain;
use varde_proto::log::event::{Direction as LeafDirection, Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;
use varde_proto::offer::Offer;
use varde_proto::reply::Reply;
use varde_proto::summary::{LedgerEntry, TrendSummary, family};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::{Alert as WireAlert, Mode, Offer as WireOffer, Reply as WireReply};

/// Who we are, for the checks of an item.
#[derive(Debug, Clone)]
pub struct Me {
    /// Our log.
    pub origin: Origin,
    /// Our mode.
    pub mode: Mode,
}

/// A payload that passed every check that needs no memory of earlier ones.
pub enum Admitted {
    /// An alert.
    Alert(Box<Verified<Alert>>),
    /// The offer of an alert.
    Offer(Box<Verified<Offer>>),
    /// A word about an alert.
    Reply(Box<Verified<Reply>>),
    /// A trend summary.
    Summary(Box<Verified<TrendSummary>>),
    /// An entry of the peer's privacy budget ledger.
    Budget(Box<Verified<LedgerEntry>>),
    /// A request to erase what the peer issued, or its answer to ours.
    Erasure(Box<Verified<Erasure>>),
}

/// The payload types this node reads, as it says in `hello`.
pub const READS: [&str; 6] =
    [Alert::TYPE, Offer::TYPE, Reply::TYPE, TrendSummary::TYPE, LedgerEntry::TYPE, Erasure::TYPE];

/// The one admission function: signature, bytes, address, the payload's own rules, time, and the terms of what is agreed.
pub fn admit(
    envelope: &Envelope,
    expected: &Expected<'_>,
    agreed: &Agreed,
    now: Timestamp,
) -> Result<Admitted, Rejection> {
    let admitted = admitted_before(envelope, expected, now)?;
    agreed.permits(&expected.agreement, admitted.traffic(), now)?;
    Ok(admitted)
}

/// What our own log says that it sent or took at a time, read once more: what was agreed then was asked then.
pub(super) fn admitted_before(
    envelope: &Envelope,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<Admitted, Rejection> {
    Ok(if envelope.payload_type == Alert::TYPE {
        let verified = envelope::verify::<Alert>(envelope, expected)?;
        alert::admit(verified.payload(), now)?;
        Admitted::Alert(Box::new(verified))
    } else if envelope.payload_type == Offer::TYPE {
        let verified = envelope::verify::<Offer>(envelope, expected)?;
        verified.payload().admit(now)?;
        Admitted::Offer(Box::new(verified))
    } else if envelope.payload_type == Reply::TYPE {
        Admitted::Reply(Box::new(envelope::verify(envelope, expected)?))
    } else if envelope.payload_type == TrendSummary::TYPE {
        Admitted::Summary(Box::new(envelope::verify(envelope, expected)?))
    } else if envelope.payload_type == LedgerEntry::TYPE {
        Admitted::Budget(Box::new(envelope::verify(envelope, expected)?))
    } else if envelope.payload_type == Erasure::TYPE {
        Admitted::Erasure(Box::new(envelope::verify(envelope, expected)?))
    } else {
        return Err(Rejection::UnknownType);
    })
}

impl Admitted {
    /// E of what is no alert.
    fn digest(&self) -> Option<Digest> {
        match self {
            Self::Alert(_) => None,
            Self::Offer(offer) => Some(offer.digest()),
            Self::Reply(reply) => Some(reply.digest()),
            Self::Summary(summary) => Some(summary.digest()),
            Self::Budget(entry) => Some(entry.digest()),
            Self::Erasure(message) => Some(message.digest()),
        }
    }

    /// What an agreement is asked about it.
    pub(super) fn traffic(&self) -> Traffic<'_> {
        match self {
            Self::Alert(alert) => Traffic::Alert(alert.payload()),
            Self::Offer(offer) => Traffic::Offer(offer.payload()),
            Self::Reply(reply) => Traffic::Reply(reply.payload().kind),
            Self::Summary(_) => Traffic::Trend(family::NAME),
            Self::Budget(_) => Traffic::Budget,
            Self::Erasure(_) => Traffic::Control,
        }
    }
}

/// Whether what was signed and logged under an agreement may still be delivered as things stand now. What was signed under the one that
/// governs was judged by its terms then. Asked at each of these times.
pub fn may_go(agreed: &Agreed, sent: &Event, envelope: &Envelope, times: &[Timestamp]) -> bool {
    let same = |one: Governing<'_>| !one.is_over && one.agreement.id() == sent.agreement;
    if times.iter().all(|time| agreed.governing(*time).is_some_and(same)) {
        return true;
    }
    let permits = |what: Traffic<'_>| times.iter().all(|time| agreed.permits(&sent.agreement, what, *time).is_ok());
    if envelope.payload_type == Alert::TYPE {
        let alert = WireAlert::decode(envelope.payload.clone()).ok().and_then(|wire| Alert::from_wire(wire).ok());
        alert.is_some_and(|alert| permits(Traffic::Alert(&alert)))
    } else if envelope.payload_type == Offer::TYPE {
        let offer = WireOffer::decode(envelope.payload.clone()).ok().and_then(|wire| Offer::from_wire(wire).ok());
        offer.is_some_and(|offer| permits(Traffic::Offer(&offer)))
    } else if envelope.payload_type == Reply::TYPE {
        let reply = WireReply::decode(envelope.payload.clone()).ok().and_then(|wire| Reply::from_wire(wire).ok());
        reply.is_some_and(|reply| permits(Traffic::Reply(reply.kind)))
    } else if envelope.payload_type == TrendSummary::TYPE {
        permits(Traffic::Trend(family::NAME))
    } else if envelope.payload_type == LedgerEntry::TYPE {
        permits(Traffic::Budget)
    } else {
        sent.class == limits::CONTROL && permits(Traffic::Control)
    }
}

/// An item whose sent-proof holds, and the verdict on its content.
pub struct CheckedItem {
    class: u8,
    seq: u64,
    object: Digest,
    chain: Digest,
    agreement: Digest,
    /// The sender's leaf with its path: what shows that it was sent.
    sent: Shown,
    verdict: Verdict,
}

enum Verdict {
    /// Taken before; the answer is the receipt of then.
    Repeat,
    Abandoned,
    Rejected(Rejection),
    Admitted(Admitted),
}

/// How far each class has come, as far as this connection has checked.
pub type Positions = BTreeMap<u8, ChannelState>;

/// Checks the items of a frame against a head that was already verified. `positions` moves on with each new item.
pub fn check_items(
    (me, now): (&Me, Timestamp),
    with: With<'_>,
    head: KnownHead,
    items: &[Item],
    positions: &mut Positions,
) -> Result<Vec<CheckedItem>, Broken> {
    items.iter().map(|item| check_item((me, now), with, head, item, positions)).collect()
}

/// The peer, and what is agreed with it.
type With<'a> = (&'a Peer, &'a Agreed);

fn check_item(
    (me, now): (&Me, Timestamp),
    with: With<'_>,
    head: KnownHead,
    item: &Item,
    positions: &mut Positions,
) -> Result<CheckedItem, Broken> {
    check_shown(head, &item.sent)?;
    let event = item.sent.opening.event();
    if event.direction != LeafDirection::Out || event.peer.as_ref() != Some(&me.origin) {
        return Err(Broken::Leaf("sent-to-another"));
    }
    let position = positions.get_mut(&event.class).ok_or(Broken::Leaf("class-unknown"))?;
    let (class, seq, object, chain) = (event.class, event.seq, event.object, event.chain);
    let agreement = event.agreement;
    let checked = |verdict| Ok(CheckedItem { class, seq, object, chain, agreement, sent: item.sent.clone(), verdict });
    if seq == 0 {
        return Err(Broken::Leaf("sequence-gap"));
    }
    if seq <= position.seq {
        return checked(Verdict::Repeat);
    }
    if seq != position.seq + 1 {
        return Err(Broken::Leaf("sequence-gap"));
    }
    if chain != chain::next(&position.chain, seq, &object) {
        return Err(Broken::Leaf("chain-mismatch"));
    }
    let verdict = match (event.kind, &item.envelope) {
        (Kind::ABANDONED, None) => Verdict::Abandoned,
        (Kind::SENT, Some(envelope)) if envelope::digest(envelope) == object => judge((me, now), with, item, envelope),
        (Kind::SENT, _) => return Err(Broken::Leaf("envelope-not-as-logged")),
        _ => return Err(Broken::Leaf("not-a-sent-leaf")),
    };
    position.seq = seq;
    position.chain = chain;
    checked(verdict)
}

fn judge((me, now): (&Me, Timestamp), (peer, agreed): With<'_>, item: &Item, envelope: &Envelope) -> Verdict {
    let event = item.sent.opening.event();
    let keys = peer.keys.at(Role::Msg, TreeSize(item.sent.index.saturating_add(1)));
    let expected = Expected {
        network: me.origin.network(),
        mode: me.mode,
        issuer: &peer.origin,
        recipient: &me.origin,
        keys: &keys,
        agreement: event.agreement,
        class: event.class,
    };
    let proven = |admitted: Admitted| match &admitted {
        Admitted::Erasure(message) => {
            let keys = |size| peer.keys.at(Role::Log, size);
            control::check_answer(message.payload(), &peer.origin, keys, &me.origin).map(|()| admitted)
        }
        _ => Ok(admitted),
    };
    match admit(envelope, &expected, agreed, now).and_then(proven) {
        Ok(admitted) => Verdict::Admitted(admitted),
        Err(rejection) => Verdict::Rejected(rejection),
    }
}

/// Our leaf about an item, to be shown as its receipt: the number under which it is stored.
pub type Answer = (u64, Opening);

/// Takes checked items: verdict logged, content and the sender's proof kept, channel moved on, all in the commit that also
/// keeps the sender's head, `noted` with our cosignature. Returns the leaves that are the receipts.
pub fn take(
    desk: &mut Desk<'_>,
    peer: &Arc<Peer>,
    (head, noted): (&Head, &Head),
    items: Vec<CheckedItem>,
) -> Result<Vec<Answer>, Broken> {
    if !agreement::is_in_roster(desk, peer)? {
        return Err(Broken::Leaf("pin-changed"));
    }
    if items.iter().any(|item| !matches!(item.verdict, Verdict::Repeat)) {
        entangle::weave(desk, entangle::BEFORE_AN_EXCHANGE)?;
    }
    let before = desk.next_index();
    let taken = items.into_iter().map(|item| take_item(desk, peer, head, item));
    let answers = taken.collect::<Result<_, _>>()?;
    // Repetitions alone leave no trace: otherwise a peer could make this store grow without sending anything.
    if desk.next_index() > before {
        desk.set_head(&peer.origin, noted)?;
    }
    Ok(answers)
}

fn take_item(desk: &mut Desk<'_>, peer: &Arc<Peer>, head: &Head, item: CheckedItem) -> Result<Answer, Broken> {
    let key = ChannelKey { direction: Direction::In, peer: peer.origin.clone(), class: item.class };
    let mut state = desk.channel(&key);
    let row = item_row(rows::TAKEN, &peer.origin, item.class, desk.number(item.seq));
    if item.seq <= state.seq {
        return repeat(desk, &row, &item);
    }
    if item.seq != state.seq + 1 || item.chain != chain::next(&state.chain, item.seq, &item.object) {
        return Err(Broken::Leaf("sequence-gap"));
    }
    let index = desk.next_leaf();
    let refused = match &item.verdict {
        Verdict::Admitted(admitted) => keep(desk, peer, admitted, index)?.err(),
        Verdict::Rejected(rejection) => Some(*rejection),
        Verdict::Abandoned | Verdict::Repeat => None,
    };
    let (kind, body) = match (&item.verdict, refused) {
        (_, Some(rejection)) => (Kind::REJECTED, rejection.code().into_bytes()),
        (Verdict::Abandoned, None) => (Kind::ABANDONED, Vec::new()),
        _ => (Kind::RECEIVED, Vec::new()),
    };
    let (index, opening) = desk.append(Event {
        kind,
        time: Timestamp::default(),
        peer: Some(peer.origin.clone()),
        direction: LeafDirection::In,
        class: item.class,
        seq: item.seq,
        object: item.object,
        chain: item.chain,
        restricted: Digest::NONE,
        agreement: item.agreement,
        body,
    })?;
    if kind == Kind::REJECTED {
        desk.put(rows::numbered(rows::REFUSED, index), peer.origin.node().as_str().as_bytes().to_vec())?;
    }
    desk.put(row, [&index.to_be_bytes()[..], &item.object.0].concat())?;
    let Shown { index: sent, opening: shown, path } = item.sent;
    let proof = TlogProof::of_leaf(&shown, LogIndex(sent), path, head.note().clone()).write();
    let held = item_row(rows::SENT_PROOF, &peer.origin, item.class, desk.number(item.seq));
    desk.seal(held, proof.as_bytes())?;
    state.seq = item.seq;
    state.chain = item.chain;
    desk.set_channel(key, state)?;
    if let (Verdict::Admitted(Admitted::Erasure(message)), Kind::RECEIVED) = (&item.verdict, kind) {
        erase::asked(desk, (&peer.origin, item.agreement), message.digest(), message.payload())?;
        outstanding::answered(desk, peer, message.payload(), index)?;
    }
    Ok((index, opening))
}

/// The receipt of an item that was taken before; another content under the same number is the sender's equivocation.
fn repeat(desk: &Desk<'_>, row: &[u8], item: &CheckedItem) -> Result<Answer, Broken> {
    let taken = desk.get(row)?.ok_or_else(|| StoreError::Damaged("a taken item's row is gone".into()))?;
    let (index, object) = taken
        .split_first_chunk::<8>()
        .ok_or_else(|| StoreError::Damaged("a taken item's row cannot be read".into()))?;
    if object != item.object.0 {
        return Err(Broken::Leaf("equivocation"));
    }
    let index = u64::from_be_bytes(*index);
    let bytes = desk.open(&rows::numbered(rows::OPENING, index))?;
    let opening = bytes.and_then(|bytes| Opening::parse(&bytes).ok());
    let opening = opening.ok_or_else(|| StoreError::Damaged(format!("the opening of leaf {index} cannot be read")))?;
    Ok((index, opening))
}

/// Keeps an admitted payload under the index of the leaf that will say `received`, and files it where people look for it.
/// The inner result is a refusal for what only memory can tell.
pub(super) fn keep(desk: &mut Desk<'_>, peer: &Peer, admitted: &Admitted, index: u64) -> filing::Filed {
    let issuer = peer.origin.node();
    // An alert's own row tells; anything else is taken once by its E, whatever number it comes under.
    let heard = admitted.digest().map(|digest| filing::heard_row(issuer, &digest));
    if heard.as_ref().map(|row| desk.get(row)).transpose()?.flatten().is_some() {
        return Ok(Err(Rejection::Content("duplicate")));
    }
    // Whoever had us say that it is erased does not send it afterwards.
    if let Some(digest) = admitted.digest()
        && erase::remains_at(desk, issuer, &digest)?.is_some()
    {
        return Ok(Err(Rejection::Content("withdrawn")));
    }
    let (filed, envelope) = match admitted {
        Admitted::Alert(verified) => (filing::file_alert(desk, issuer, verified, index)?, verified.envelope()),
        Admitted::Offer(verified) => (filing::file_offer(desk, issuer, verified, index)?, verified.envelope()),
        Admitted::Reply(verified) => (hear(desk, issuer, verified.payload(), index)?, verified.envelope()),
        Admitted::Summary(verified) => (filing::file_summary(desk, issuer, verified, index)?, verified.envelope()),
        Admitted::Budget(verified) => (filing::file_budget(desk, issuer, verified, index)?, verified.envelope()),
        Admitted::Erasure(verified) => {
            let asks = matches!(verified.payload().act, Act::Request { .. });
            let check = if asks { erase::check } else { outstanding::check };
            (check(desk, peer, verified.payload())?, verified.envelope())
        }
    };
    if filed.is_err() {
        return Ok(filed);
    }
    desk.seal(rows::numbered(rows::ENVELOPE, index), &envelope.encode_to_vec())?;
    heard.map(|row| desk.put(row, index.to_be_bytes().to_vec())).transpose()?;
    Ok(Ok(()))
}

/// Takes in a word about an alert, if it may be said now.
fn hear(desk: &mut Desk<'_>, speaker: NodeId, reply: &Reply, index: u64) -> filing::Filed {
    let own = desk.origin().node();
    let judged = conversation::judge(desk, (speaker, own), reply, &[])?;
    if judged.is_ok() {
        conversation::file(desk, (speaker, own), reply, index)?;
    }
    Ok(judged)
}
