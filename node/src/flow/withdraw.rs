//! Withdrawing an alert of ours: its recipients are asked to erase it, what was not delivered yet is abandoned, and our own
//! copy goes as well, unless only some recipients are to lose it. What each still owes is in `flow::outstanding`.

use super::alert::drafts::{self, Refused, Signed as SignedAct};
use super::desk::Desk;
use super::erase::{self, NotErased};
use super::outbox::{self, NotSent, Owed, item_row};
use super::outstanding::{self, Answer, Duty};
use super::{Node, conversation, delivery, filing, kept};
use crate::port::{Peer, StoreError};
use crate::rows;
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::control::{Act, Erasure, leaf};
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope, Payload};
use varde_proto::id::{AlertId, Digest, NodeId, Origin};
use varde_proto::log::event::{Event, Kind};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{DeskRole, ErasureBasis, ErasureReason, LegalRegime};

/// What is taken back from whom.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// Why.
    pub reason: ErasureReason,
    /// From these countries only, and we keep it; empty for all and ourselves.
    pub from: Vec<NodeId>,
}

/// Withdraws a released alert in the name of a member of staff. One person may: it takes back, and shares nothing. Returns E.
pub async fn withdraw(node: &Node, id: AlertId, what: Withdrawal, act: Option<Envelope>) -> Result<Digest, Refused> {
    let (_, object) = own(node, id)?;
    // That comes with the release of the next version.
    if what.reason == ErasureReason::SUPERSEDED {
        return Err(Refused::Narrowing);
    }
    let about = act::about_withdraw(object, what.reason, &what.from);
    drafts::check(node, Verb::Withdraw, &SignedAct { about, act })?;
    take_back(node, id, what).await
}

/// Where a released alert of ours is kept, and its E.
pub(super) fn own(node: &Node, id: AlertId) -> Result<(u64, Digest), Refused> {
    match node.ledger.get(&filing::alert_row(node.me.origin.node(), id))? {
        Some(value) => Ok(filing::read_filed(&value)?),
        None => drafts::find(&node.ledger, id).and(Err(Refused::NeverReleased)),
    }
}

/// Withdraws a released alert: one commit says so, abandons what is still owed, and owes the requests. Returns E.
pub async fn take_back(node: &Node, id: AlertId, what: Withdrawal) -> Result<Digest, Refused> {
    let taken_back = prepare(node, id, what)?;
    let object = taken_back.object;
    let landed = node.ledger.commit(move |desk| taken_back.land(desk));
    landed.await?;
    Ok(object)
}

/// A withdrawal with its signed requests, before it is logged.
pub(super) struct TakenBack {
    what: Withdrawal,
    content: AlertContent,
    kept: u64,
    object: Digest,
    targets: Vec<Origin>,
    asks: Option<Request>,
    asked: Timestamp,
    due: Timestamp,
}

/// Finds who has it and signs what they are asked.
pub(super) fn prepare(node: &Node, id: AlertId, what: Withdrawal) -> Result<TakenBack, Refused> {
    let Withdrawal { reason, from } = &what;
    if (*reason == ErasureReason::NARROWED) == from.is_empty() || *reason == ErasureReason::EXPIRED {
        return Err(Refused::Narrowing);
    }
    let (kept, object) = own(node, id)?;
    let Some((_, alert)) = kept::if_kept::<Alert>(&node.ledger, kept)? else { return Err(Refused::Withdrawn) };
    let content = alert.content().clone();
    let targets = targets(node, kept, object, from)?;
    let (asked, due) = (node.clock.now(), erase::due(&content, node.clock.now()));
    let asks = request(node, (object, *reason, due), &content, &targets)?;
    Ok(TakenBack { what, content, kept, object, targets, asks, asked, due })
}

impl TakenBack {
    /// Who is to lose it.
    pub(super) fn countries(&self) -> Vec<NodeId> {
        self.targets.iter().map(Origin::node).collect()
    }

    /// Logs it.
    pub(super) fn land(&self, desk: &mut Desk<'_>) -> Result<(), Refused> {
        let Self { what: Withdrawal { reason, from }, content, kept, object, targets, asks, asked, due } = self;
        if erase::remains_at(desk, desk.origin().node(), object)?.is_some() {
            return Err(Refused::Withdrawn);
        }
        let wanted =
            leaf::Requested { request: Digest::NONE, reason: *reason, basis: basis(*reason, content), due: *due };
        for item in erase::items(desk, *kept)?.iter().filter(|item| is_target(targets, item)) {
            abandon(desk, item)?;
            let request = asks.as_ref().filter(|request| request.is_to(item)).map_or(Digest::NONE, Request::digest);
            desk.append(erase::about(item, Kind::ERASE_REQUEST, leaf::Requested { request, ..wanted }.encode()))?;
        }
        if targets.is_empty() && from.is_empty() {
            let item = erase::items(desk, *kept)?.into_iter().next();
            item.map(|item| desk.append(erase::about(&item, Kind::ERASE_REQUEST, wanted.encode()))).transpose()?;
        }
        let mut sent = BTreeMap::new();
        if let Some(request) = asks {
            let index = outbox::owe(desk, &request.signed, Digest::NONE)?;
            sent.extend(request.recipients.iter().map(|peer| (peer.origin.clone(), index)));
        }
        for peer in targets {
            let request = sent.get(peer).copied().unwrap_or(0);
            let (id, answer) = (content.id, Answer::None);
            let duty = Duty { id, reason: *reason, request, asked: *asked, due: *due, answer };
            outstanding::put(desk, object, peer, duty)?;
            conversation::close_with(desk, id, peer.node())?;
        }
        if from.is_empty() {
            erase::take_out(desk, *kept, content, wanted)?;
        }
        Ok(())
    }
}

fn is_target(targets: &[Origin], item: &Event) -> bool {
    item.peer.as_ref().is_some_and(|peer| targets.iter().any(|target| target.is_of_node(peer)))
}

/// Asks the logs of now for what a log that ended was asked to erase, or our own log that ended asked for; and those who were not pinned
/// when they were to be asked ([`outstanding::over`]).
pub(super) async fn ask_anew(node: &Node) -> Result<(), NotErased> {
    for (object, log, was, peer) in outstanding::over(node)? {
        let Some((basis, authority)) = asked_by(node, was)? else { continue };
        let asked = node.clock.now();
        let due = asked.after(was.due.since(was.asked));
        let (id, reason, act) = (was.id, was.reason, Act::Request { basis, authority, due });
        let message = |header| Erasure { header, object, id, reason, act: act.clone() };
        let Some(signed) = erase::signed(node, &peer.origin, message)? else { continue };
        let landed = node.ledger.commit(move |desk| {
            if !outstanding::take_away(desk, &object, &log, was)? {
                return Ok(());
            }
            let request = envelope::digest(signed.envelope());
            let wanted = leaf::Requested { request, reason, basis, due }.encode();
            let filed = desk.get(&filing::alert_row(desk.origin().node(), id))?;
            let filed = filed.map(|value| filing::read_filed(&value)).transpose()?;
            let items = filed.map(|(kept, _)| erase::items(desk, kept)).transpose()?.unwrap_or_default();
            for item in items.iter().filter(|item| is_target(std::slice::from_ref(&log), item)) {
                desk.append(erase::about(item, Kind::ERASE_REQUEST, wanted.clone()))?;
            }
            let request = outbox::owe(desk, &signed, Digest::NONE)?;
            let duty = Duty { id, reason, request, asked, due, answer: Answer::None };
            outstanding::put(desk, &object, &peer.origin, duty)
        });
        landed.await?;
    }
    Ok(())
}

/// On what the request rested, and who asked. Where nobody was asked, the alert that said so is gone: the focal point asks, as for every
/// alert, and by the law that applies unless an alert says that another one does.
fn asked_by(node: &Node, was: Duty) -> Result<Option<(ErasureBasis, DeskRole)>, StoreError> {
    if was.was_not_asked() {
        let by_right = was.reason == ErasureReason::DATA_SUBJECT;
        let basis = if by_right { ErasureBasis::GDPR_17 } else { ErasureBasis::AGREEMENT };
        return Ok(Some((basis, DeskRole::FOCAL_POINT)));
    }
    Ok(kept::if_kept::<Erasure>(&node.ledger, was.request)?.and_then(|(_, before)| match before.act {
        Act::Request { basis, authority, .. } => Some((basis, authority)),
        _ => None,
    }))
}

/// Whom it was sent to, as far as it is taken back from them and they have not shown already that it is erased.
fn targets(node: &Node, kept: u64, object: Digest, from: &[NodeId]) -> Result<Vec<Origin>, Refused> {
    let sent = delivery::of(&node.ledger, kept)?;
    if let Some(other) = from.iter().find(|country| !sent.iter().any(|delivery| delivery.country == **country)) {
        return Err(Refused::NotRecipient(*other));
    }
    let (mut targets, peers) = (Vec::new(), node.peers.borrow().clone());
    for delivery in sent.into_iter().filter(|delivery| from.is_empty() || from.contains(&delivery.country)) {
        // A country whose log goes on under a new generation has what it took before.
        let present = peers.get(&delivery.country).filter(|peer| peer.origin.is_of_node(&delivery.peer));
        let present = present.map_or_else(|| delivery.peer.clone(), |peer| peer.origin.clone());
        let erased = |log| outstanding::is_erased_at(&node.ledger, &object, log);
        if !erased(&delivery.peer)? && !erased(&present)? {
            targets.push(present);
        }
    }
    Ok(targets)
}

/// What a withdrawal rests on: the right of the person concerned under the law under which the alert was shared, or the agreement.
fn basis(reason: ErasureReason, content: &AlertContent) -> ErasureBasis {
    match reason {
        ErasureReason::DATA_SUBJECT if content.legal_regime == LegalRegime::LED => ErasureBasis::LED_16,
        ErasureReason::DATA_SUBJECT => ErasureBasis::GDPR_17,
        _ => ErasureBasis::AGREEMENT,
    }
}

/// The request, and to whom.
struct Request {
    signed: outbox::Signed,
    recipients: Vec<Arc<Peer>>,
}

impl Request {
    fn is_to(&self, item: &Event) -> bool {
        self.recipients.iter().any(|peer| item.peer.as_ref().is_some_and(|to| peer.origin.is_of_node(to)))
    }

    fn digest(&self) -> Digest {
        envelope::digest(self.signed.envelope())
    }
}

/// The request to those who are pinned now; the others stay on the list and cannot be asked.
fn request(
    node: &Node,
    (object, reason, due): (Digest, ErasureReason, Timestamp),
    content: &AlertContent,
    targets: &[Origin],
) -> Result<Option<Request>, NotSent> {
    let peers = node.peers.borrow().clone();
    let pinned = |target: &Origin| peers.get(&target.node()).filter(|peer| peer.origin == *target).cloned();
    let recipients: Vec<Arc<Peer>> = targets.iter().filter_map(pinned).collect();
    if recipients.is_empty() {
        return Ok(None);
    }
    let act = Act::Request { basis: basis(reason, content), authority: content.desk_role, due };
    let header = outbox::header(node, &recipients)?;
    let message = Erasure { header, object, id: content.id, reason, act };
    let signed = outbox::sign::<Erasure>(node, &message.to_wire(), &recipients, message.class())?;
    Ok(Some(Request { signed, recipients }))
}

/// Gives up an item that has no receipt yet: its number and E stay, its content does not travel any more.
/// Whether it was still owed.
pub(super) fn abandon(desk: &mut Desk<'_>, item: &Event) -> Result<bool, StoreError> {
    let Some(peer) = &item.peer else { return Ok(false) };
    let row = item_row(rows::OWED, peer, item.class, desk.number(item.seq));
    // What an earlier generation of our log owed is owed no more.
    let owed = desk.get(&row)?.as_deref().and_then(Owed::decode).filter(|owed| owed.object == item.object);
    let Some(owed) = owed else { return Ok(false) };
    let (leaf, _) = desk.append(Event { chain: item.chain, ..erase::about(item, Kind::ABANDONED, Vec::new()) })?;
    desk.put(row, Owed { leaf, ..owed }.encode())?;
    Ok(true)
}
