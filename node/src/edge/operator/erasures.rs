//! The alerts service, erasures: withdrawing, holds, and how far each recipient is.

use super::alerts::{delivery_reply, ours, read_country, read_id, read_issuer, told};
use super::versions;
use crate::flow::alert::drafts::Refused;
use crate::flow::alert::review;
use crate::flow::erase::{self, Remains, hold};
use crate::flow::outstanding::{self, Outstanding, Standing};
use crate::flow::withdraw::{self, Withdrawal};
use crate::flow::{Node, delivery, filing};
use crate::port::StoreError;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;
use varde_proto::id::{AlertId, Digest};
use varde_proto::limits;
use varde_proto::vocabulary::{ErasureReason, Vocabulary};
use varde_proto::wire::operator::*;

/// Withdraws an alert and waits for the proofs for what is left of the call's time.
pub(super) async fn withdraw(node: &Node, request: WithdrawRequest) -> Result<WithdrawReply, Status> {
    let begun = Instant::now();
    let WithdrawRequest { id, reason, wait_ms, act, from } = request;
    let reason = ErasureReason::from_number(reason).ok_or_else(|| told(Refused::NotACode("the reason")))?;
    let from = from.iter().map(|country| read_country(country)).collect::<Result<_, _>>()?;
    let what = Withdrawal { reason, from };
    let object = withdraw::withdraw(node, read_id(&id)?, what, act).await.map_err(told)?;
    let most = Duration::from_millis(wait_ms.min(limits::WAIT_MS).into()).saturating_sub(begun.elapsed());
    let known = outstanding::wait(node, object, most).await.map_err(ours)?;
    Ok(WithdrawReply { erasures: replies(node, known).map_err(ours)? })
}

/// Begins a hold, or ends it.
pub(super) async fn hold(node: &Node, request: HoldRequest) -> Result<HoldReply, Status> {
    let HoldRequest { id, lift, act, issuer } = request;
    let alert = (read_id(&id)?, read_issuer(&issuer)?);
    hold::hold(node, alert, !lift, act).await.map_err(told)?;
    Ok(HoldReply {})
}

/// What is not shown to be erased.
pub(super) fn outstanding(node: &Node) -> Result<OutstandingReply, StoreError> {
    Ok(OutstandingReply { erasures: replies(node, outstanding::outstanding(node, node.clock.now())?)? })
}

fn replies(node: &Node, known: Vec<Outstanding>) -> Result<Vec<ErasureStanding>, StoreError> {
    known.into_iter().map(|one| reply(node, &one)).collect()
}

fn reply(node: &Node, one: &Outstanding) -> Result<ErasureStanding, StoreError> {
    let (state, code) = match &one.standing {
        Standing::NotAsked => ("not-asked", ""),
        Standing::Owed => ("owed", ""),
        Standing::Asked => ("asked", ""),
        Standing::Expired => ("expired", ""),
        Standing::Refused(code) => ("refused", code.as_str()),
        Standing::OnHold => ("on-hold", ""),
        Standing::Erased => ("erased", ""),
    };
    let proof = one.proof(&node.ledger)?.unwrap_or_default();
    Ok(ErasureStanding {
        alert_id: one.id.to_string(),
        country: one.peer.node().to_string(),
        state: state.to_owned(),
        code: code.to_owned(),
        reason: one.reason.number(),
        asked_ms: one.asked.ms(),
        due_ms: one.due.ms(),
        overdue: one.is_overdue(node.clock.now()),
        answer_index: one.answer.unwrap_or(0),
        proof: String::from_utf8_lossy(&proof).into_owned(),
    })
}

/// What remains of an alert of ours that is known by its E alone.
pub(super) fn remains(node: &Node, object: &Digest) -> Result<Option<OwnAlert>, Status> {
    let remains = erase::find(&node.ledger, node.me.origin.node(), object).map_err(ours)?;
    remains.map(|remains| mute(node, object, &remains)).transpose()
}

/// An alert of ours that was withdrawn, if there is one of this id.
pub(super) fn show_withdrawn(node: &Node, id: AlertId) -> Result<Option<ShowReply>, Status> {
    let Some(object) = own_object(node, id)? else { return Ok(None) };
    let Some(remains) = erase::find(&node.ledger, node.me.origin.node(), &object).map_err(ours)? else {
        return Ok(None);
    };
    Ok(Some(ShowReply {
        json: "null".to_owned(),
        own: Some(mute(node, &object, &remains)?),
        envelope_digest: object.0.to_vec().into(),
        ..ShowReply::default()
    }))
}

fn mute(node: &Node, object: &Digest, remains: &Remains) -> Result<OwnAlert, Status> {
    let deliveries = delivery::of(&node.ledger, remains.kept).map_err(ours)?;
    let issued = node.ledger.opening(remains.kept).map_err(ours)?.event().time;
    let unreviewed = review::find(&node.ledger, remains.id).map_err(ours)?;
    let gone = if remains.reason == ErasureReason::SUPERSEDED { "superseded" } else { "withdrawn" };
    Ok(OwnAlert {
        id: remains.id.to_string(),
        kind: remains.kind.map_or(0, Vocabulary::number),
        state: Some(DraftState {
            state: gone.to_owned(),
            without_approval: unreviewed.as_ref().map_or(0, |found| found.why.number()),
            needs_review: unreviewed.is_some(),
            ..DraftState::default()
        }),
        issued_ms: issued.ms(),
        expires_ms: 0,
        deliveries: deliveries.into_iter().map(delivery_reply).collect(),
        erasures: of(node, object)?,
        on_hold: is_held(node, object)?,
        versions: Some(versions::of(node, remains.issuer, object)?),
    })
}

/// How far the recipients of an item of ours are with erasing it.
pub(super) fn of(node: &Node, object: &Digest) -> Result<Vec<ErasureStanding>, Status> {
    outstanding::of(node, object).and_then(|known| replies(node, known)).map_err(ours)
}

/// E of a released alert of ours.
pub(super) fn own_object(node: &Node, id: AlertId) -> Result<Option<Digest>, Status> {
    let filed = node.ledger.get(&filing::alert_row(node.me.origin.node(), id)).map_err(ours)?;
    filed.map(|value| filing::read_filed(&value).map(|(_, object)| object)).transpose().map_err(ours)
}

/// Whether a hold keeps an alert from being erased.
pub(super) fn is_held(node: &Node, object: &Digest) -> Result<bool, Status> {
    Ok(hold::leaf(&node.ledger, object).map_err(ours)?.is_some())
}
