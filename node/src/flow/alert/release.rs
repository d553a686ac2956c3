//! Release: a draft becomes an alert addressed to named countries, is judged as they will judge it, and is owed to each.

use super::drafts::{self, Refused, Signed as SignedAct};
use super::{next, review};
use crate::flow::conversation::Between;
use crate::flow::conversation::offers;
use crate::flow::desk::Desk;
use crate::flow::outbox::{self, NotSent, Signed};
use crate::flow::{Node, conversation, filing, queries, versions};
use crate::port::StoreError;
use prost::Message;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::{ApprovalOverride, Decision, Draft};
use varde_proto::envelope::{self, Envelope, Payload};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Alert as WireAlert;

/// Releases a draft to these countries in the name of a member of staff; a draft about one child only after another one
/// approved it, and one that was offered only to those who accepted. Returns the index under which the alert is kept.
pub async fn release(node: &Node, id: AlertId, countries: &[NodeId], act: Option<Envelope>) -> Result<u64, Refused> {
    release_by(node, id, (countries, None), act).await
}

/// The same, where it cannot wait for a second person, for this reason: one looks at it afterwards.
pub async fn release_by(
    node: &Node,
    id: AlertId,
    (countries, alone): (&[NodeId], Option<ApprovalOverride>),
    act: Option<Envelope>,
) -> Result<u64, Refused> {
    let mut draft = releasable(node, id, countries, alone)?;
    let about = match alone {
        None => act::about_release(draft.digest(), countries),
        Some(why) => act::about_release_without_approval(draft.digest(), countries, why),
    };
    let act::Signed { act, .. } = drafts::check(node, Verb::Release, &SignedAct { about, act })?;
    draft.decision.without_approval = alone;
    give(node, draft, countries, act).await
}

/// Delivers a draft that was offered to those of the countries who accepted, in the name of whoever offered it.
pub async fn deliver(node: &Node, id: AlertId, accepted: &[NodeId]) -> Result<u64, Refused> {
    let draft = drafts::find(&node.ledger, id)?;
    if !draft.sent.is_empty() {
        return Err(Refused::Released);
    }
    let act = draft.decision.released.clone().ok_or(Refused::Changed)?;
    // The people are asked for again: a credential that was taken away since vouches for nothing.
    let staff = drafts::credentials(node);
    if act::signer(&act, &staff).is_none() {
        return Err(Refused::DrafterGone);
    }
    if draft.needs_approval() && !drafts::is_approved(&draft, &staff) {
        return Err(Refused::Unapproved);
    }
    shielded(&draft)?;
    give(node, draft, accepted, act).await
}

/// Whether a draft keeps the rules of now: one that was kept by an earlier version may not.
fn shielded(draft: &Draft) -> Result<(), Refused> {
    let problems = varde_proto::draft::check(&draft.content, &draft.decision);
    if problems.is_empty() { Ok(()) } else { Err(Refused::Problems(problems)) }
}

/// Whether a country was asked about as many found children today as one may be.
pub(in crate::flow) fn is_spent(node: &Node, id: AlertId, recipient: NodeId) -> Result<bool, Refused> {
    let draft = drafts::find(&node.ledger, id)?;
    let between = Between { issuer: node.me.origin.node(), recipient };
    Ok(queries::is_spent(&node.ledger, between, &draft.content, node.clock.now())?)
}

/// Whether it could go to this country now.
pub(in crate::flow) fn may_deliver(node: &Node, id: AlertId, country: NodeId) -> bool {
    let issued = drafts::find(&node.ledger, id).and_then(|draft| {
        spared(&draft, &[country])?;
        let decision = draft.decision.commitment(&draft.salt);
        Ok(issue(node, draft.content, decision, &[country])?)
    });
    !matches!(issued, Err(Refused::NotSent(_) | Refused::Never(_)))
}

/// A draft that may be released to these countries now, as far as people, offers and the sharing decision go.
pub(in crate::flow) fn releasable(
    node: &Node,
    id: AlertId,
    countries: &[NodeId],
    alone: Option<ApprovalOverride>,
) -> Result<Draft, Refused> {
    drafts::admits(&node.ledger)?;
    let draft = drafts::find(&node.ledger, id)?;
    if !draft.sent.is_empty() {
        return Err(Refused::Released);
    }
    spared(&draft, countries)?;
    shielded(&draft)?;
    let (own, now) = (node.me.origin.node(), node.clock.now());
    for country in countries {
        if queries::is_spent(&node.ledger, Between { issuer: own, recipient: *country }, &draft.content, now)? {
            return Err(Refused::TooManyQueries(*country));
        }
    }
    match (draft.needs_approval() && !drafts::is_approved(&draft, &drafts::credentials(node)), alone) {
        (true, None) => return Err(Refused::Unapproved),
        (false, Some(_)) => return Err(Refused::NothingToOverride),
        _ => {}
    }
    next::taking_back(node, &draft.content)?;
    match offers::not_accepted(node, id, countries)? {
        Some(country) => Err(Refused::NotAccepted(country)),
        None => Ok(draft),
    }
}

/// Whether none of these countries is one that must never get it.
fn spared(draft: &Draft, countries: &[NodeId]) -> Result<(), Refused> {
    let never = |country: &&NodeId| draft.decision.never_to.iter().any(|one| one.code() == country.as_str());
    countries.iter().find(never).map_or(Ok(()), |country| Err(Refused::Never(*country)))
}

/// What would become of a release to one country alone, or to all of them at once: the same steps, and nothing is logged.
pub fn judge(node: &Node, id: AlertId, countries: &[NodeId], alone: Option<ApprovalOverride>) -> Result<(), Refused> {
    let draft = releasable(node, id, countries, alone)?;
    let decision = draft.decision.commitment(&draft.salt);
    issue(node, draft.content, decision, countries)?;
    Ok(())
}

async fn give(node: &Node, mut draft: Draft, countries: &[NodeId], act: Envelope) -> Result<u64, Refused> {
    spared(&draft, countries)?;
    let id = draft.content.id;
    let staff = drafts::credentials(node);
    let by = act::signer(&act, &staff).and_then(|who| staff.get(who).copied());
    let alone = draft.decision.without_approval.zip(by);
    let decided = Decision { without_approval: None, ..draft.decision.clone() };
    draft.decision.released = Some(act);
    let decision = draft.decision.commitment(&draft.salt);
    let signed = issue(node, draft.content.clone(), decision, countries)?;
    // By the day that the query itself names, as whoever is asked will count.
    let issued = issued(&signed);
    let before = next::taking_back(node, &draft.content)?;
    let landed = node.ledger.commit(move |desk| {
        let now = drafts::at_desk(desk, id)?;
        if !now.sent.is_empty() {
            return Err(Refused::Released);
        }
        if now.decision != decided {
            return Err(Refused::Changed);
        }
        let own = desk.origin().node();
        versions::judge(desk, own, &draft.content, &envelope::digest(signed.envelope()))?.map_err(NotSent::Refused)?;
        for peer in signed.recipients() {
            let between = Between { issuer: own, recipient: peer.origin.node() };
            if offers::stands_against(desk, id, peer.origin.node())? {
                return Err(Refused::NotAccepted(peer.origin.node()));
            }
            if !queries::count(desk, between, &draft.content, issued)? {
                return Err(Refused::TooManyQueries(peer.origin.node()));
            }
        }
        let kept = owe(desk, &signed, &draft.content, decision)?;
        if let Some(before) = &before {
            before.land(desk)?;
        }
        if let Some((why, key)) = &alone {
            review::put(desk, id, *why, key)?;
        }
        draft.sent = (kept..).take(signed.recipients().count()).collect();
        drafts::store(desk, &draft)?;
        Ok(kept)
    });
    Ok(landed.await?.into_value())
}

/// Issues a content to these countries. Nothing is logged yet. `decision` is the salted commitment to the sharing decision,
/// which stays here.
pub fn issue(node: &Node, content: AlertContent, decision: Digest, countries: &[NodeId]) -> Result<Signed, NotSent> {
    let recipients = outbox::recipients(node, countries)?;
    let header = outbox::header(node, &recipients)?;
    let alert = Alert::issue(content, header, node.clock.now(), decision).map_err(NotSent::Refused)?;
    outbox::sign::<Alert>(node, &alert.to_wire(), &recipients, alert.class())
}

/// When it says that it was issued.
fn issued(signed: &Signed) -> Timestamp {
    let alert = WireAlert::decode(signed.envelope().payload.clone());
    alert.ok().and_then(|alert| Timestamp::from_ms(alert.issued_at_ms).ok()).unwrap_or_default()
}

/// Logs an issued alert as sent, owes it, and files it under its id. Returns the index under which it is kept.
pub fn owe(desk: &mut Desk<'_>, signed: &Signed, content: &AlertContent, decision: Digest) -> Result<u64, StoreError> {
    let kept = outbox::owe(desk, signed, decision)?;
    let row = filing::alert_row(desk.origin().node(), content.id);
    let object = envelope::digest(signed.envelope());
    desk.put(row, filing::filed(kept, object))?;
    let own = desk.origin().node();
    let filed = (kept, object);
    versions::file(desk, own, content, (object, issued(signed)))?;
    signed.recipients().try_for_each(|peer| conversation::begin(desk, (own, &peer.origin), content, filed))?;
    Ok(kept)
}
