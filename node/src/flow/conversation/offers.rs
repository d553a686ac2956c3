//! An alert is offered first: its conditions go out, each recipient accepts or cannot comply, and those who accepted get it. It goes by
//! itself when all have answered, or when the time for answers is over; whoever released it signed for all of them.
//!
//! In: offering, what came of it, delivering, taking back. Out: the answers, which are words (`super::say`, `super::judge`).

use super::{Between, State, Talk, said, say};
use crate::flow::alert::drafts::{self, Refused, Signed as SignedAct};
use crate::flow::alert::release;
use crate::flow::desk::Desk;
use crate::flow::ledger::Ledger;
use crate::flow::outbox;
use crate::flow::{Node, delivery, filing, kept};
use crate::port::{Peer, StoreError};
use crate::rows;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use varde_proto::alert::AlertContent;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope, Payload, Verified};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::offer::{Conditions, Offer};
use varde_proto::reply::{Said, Turn};
use varde_proto::time::Timestamp;

/// How often offers are looked at, if nothing else asks for it.
const LOOK: Duration = Duration::from_secs(60);
/// How long to rest between two looks, however much is logged meanwhile.
const REST: Duration = Duration::from_millis(200);
/// How long an answer is awaited where neither staff nor the alert says so.
const AWAITED: Duration = Duration::from_secs(72 * 3600);

/// The row under which an offer is filed, by its issuer and the alert's id.
pub(in crate::flow) fn row(issuer: NodeId, id: AlertId) -> Vec<u8> {
    rows::row(rows::OFFER, &[issuer.as_str().as_bytes(), &id.0])
}

/// The row of an offer of ours that is not decided yet.
pub(in crate::flow) fn open_row(id: AlertId) -> Vec<u8> {
    rows::row(rows::OFFERED, &[&id.0])
}

/// An offer as it lies here.
#[derive(Debug, Clone)]
pub struct Filed {
    /// Index under which it is kept.
    pub kept: u64,
    /// E.
    pub object: Digest,
    /// What it says.
    pub offer: Offer,
}

/// The offer of an alert.
pub fn find(ledger: &Ledger, issuer: NodeId, id: AlertId) -> Result<Option<Filed>, StoreError> {
    let filed = ledger.get(&row(issuer, id))?.map(|value| filing::read_filed(&value)).transpose()?;
    let Some((kept, object)) = filed else { return Ok(None) };
    let (_, offer) = kept::payload::<Offer>(ledger, kept)?;
    Ok(Some(Filed { kept, object, offer }))
}

/// Every offer of a country, ours or a peer's.
pub fn of(ledger: &Ledger, issuer: NodeId) -> Result<Vec<Filed>, StoreError> {
    let from = rows::row(rows::OFFER, &[issuer.as_str().as_bytes()]);
    let mut found = Vec::new();
    for row in ledger.scan(&from, &[&from[..], &[0xff; 17]].concat(), false) {
        let (kept, object) = filing::read_filed(&row?.1)?;
        let (_, offer) = kept::payload::<Offer>(ledger, kept)?;
        found.push(Filed { kept, object, offer });
    }
    Ok(found)
}

/// Offers a draft to these countries in the name of a member of staff, who signs for its release to them. Returns the index under which
/// the offer is kept.
pub async fn offer(
    node: &Node,
    id: AlertId,
    countries: &[NodeId],
    answer_by: Option<Timestamp>,
    act: Option<Envelope>,
) -> Result<u64, Refused> {
    let mut draft = release::releasable(node, id, countries, None)?;
    let about = act::about_release(draft.digest(), countries);
    let act::Signed { act, .. } = drafts::check(node, Verb::Release, &SignedAct { about, act })?;
    let decided = draft.decision.clone();
    draft.decision.released = Some(act.clone());
    let decision = draft.decision.commitment(&draft.salt);
    // What its recipients would refuse is not offered either.
    release::issue(node, draft.content.clone(), decision, countries)?;
    let recipients = outbox::recipients(node, countries)?;
    let answer_by = answer_by.unwrap_or_else(|| node.clock.now().after(AWAITED)).min(latest(&draft.content));
    let (header, conditions) = (outbox::header(node, &recipients)?, Conditions::of(&draft.content));
    let offer = Offer { header, id, conditions, answer_by };
    let signed = outbox::sign::<Offer>(node, &offer.to_wire(), &recipients, offer.class())?;
    let own = node.me.origin.node();
    let landed = node.ledger.commit(move |desk| {
        let now = drafts::at_desk(desk, id)?;
        if !now.sent.is_empty() || now.decision != decided {
            return Err(Refused::Changed);
        }
        if desk.get(&row(own, id))?.is_some() {
            return Err(Refused::Offered);
        }
        let kept = outbox::owe_by(desk, &signed, &act)?;
        let object = envelope::digest(signed.envelope());
        desk.put(row(own, id), filing::filed(kept, object))?;
        desk.put(open_row(id), Vec::new())?;
        for peer in signed.recipients() {
            super::begin_offer(desk, Between { issuer: own, recipient: peer.origin.node() }, &offer, (kept, object))?;
        }
        drafts::store(desk, &draft)?;
        Ok(kept)
    });
    Ok(landed.await?.into_value())
}

/// The latest time for answers that leaves an hour for what the alert itself asks for: an answer, a review, an end.
fn latest(content: &AlertContent) -> Timestamp {
    let first = content.reply_by.into_iter().chain([content.review_at, content.expires_at]).min();
    let first = first.unwrap_or(content.expires_at).ms();
    Timestamp::from_ms((first - 3_600_000).max(0)).unwrap_or_default()
}

/// What a recipient of an offer of ours has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Awaited,
    Accepted,
    Declined,
    /// Taken back from it, or it never got the offer.
    Off,
}

/// Who of the recipients of an offer of ours has answered what.
fn answers(node: &Node, filed: &Filed) -> Result<Vec<(NodeId, Answer)>, StoreError> {
    let own = node.me.origin.node();
    let one = |delivery: delivery::Delivery| {
        let between = Between { issuer: own, recipient: delivery.country };
        let (_, words) = said(node, between, filed.offer.id)?;
        let of_offer = words.iter().filter(|word| word.object == filed.object);
        let answer = of_offer.fold(Answer::Awaited, |answer, word| match word.said {
            _ if answer == Answer::Declined => answer,
            Said::Accept => Answer::Accepted,
            Said::CannotComply(..) => Answer::Declined,
            Said::Recall => Answer::Off,
            _ => answer,
        });
        let lost = !matches!(delivery.state, delivery::State::Owed | delivery::State::Received { .. });
        Ok((delivery.country, if lost { Answer::Off } else { answer }))
    };
    delivery::of(&node.ledger, filed.kept)?.into_iter().map(one).collect()
}

/// Of these countries, one to which an alert of ours that was offered must not go: it declined; or, while the offer is open, it has not
/// accepted.
pub(in crate::flow) fn not_accepted(
    node: &Node,
    id: AlertId,
    countries: &[NodeId],
) -> Result<Option<NodeId>, StoreError> {
    let Some(filed) = find(&node.ledger, node.me.origin.node(), id)? else { return Ok(None) };
    let (open, answers) = (node.ledger.get(&open_row(id))?.is_some(), answers(node, &filed)?);
    let may = |country: &&NodeId| match answers.iter().find(|(one, _)| one == *country) {
        Some((_, Answer::Accepted)) => true,
        Some((_, Answer::Declined)) => false,
        _ => !open,
    };
    Ok(countries.iter().find(|country| !may(country)).copied())
}

/// Whether a word of this country stands against delivering what it was offered, as the commit under way will leave it: read again
/// where it counts, because a word may have come meanwhile.
pub(in crate::flow) fn stands_against(desk: &Desk<'_>, id: AlertId, recipient: NodeId) -> Result<bool, StoreError> {
    let own = desk.origin().node();
    let Some(value) = desk.get(&row(own, id))? else { return Ok(false) };
    let (_, object) = filing::read_filed(&value)?;
    let words = Talk::read(desk.get(&Between { issuer: own, recipient }.row(id))?)?.unwrap_or_default().words;
    let open = desk.get(&open_row(id))?.is_some();
    let against = |said: &Said| matches!(said, Said::CannotComply(..)) || open && matches!(said, Said::Recall);
    Ok(super::turns(desk, words, &object)?.iter().any(|turn| against(&turn.said)))
}

/// Offers that could not be decided, and when each is tried again.
#[derive(Debug, Default)]
pub struct Failed(BTreeMap<AlertId, Instant>);

/// Delivers what was accepted, and strikes off answers that nobody can give any more, for as long as the node runs.
pub async fn keep_delivering(node: Arc<Node>) {
    let mut heads = node.ledger.heads();
    let (mut swept, mut from, mut failed) = (Instant::now(), Vec::new(), Failed::default());
    loop {
        if node.ledger.recovering().is_none() {
            if swept.elapsed() >= LOOK {
                swept = Instant::now();
                if let Err(failure) = super::sweep(&node, node.clock.now(), &mut from).await {
                    tracing::error!(%failure, "answers that nobody can give any more could not be struck off; it is tried again");
                }
            }
            if let Err(failure) = look(&node, node.clock.now(), &mut failed).await {
                tracing::error!(%failure, "an alert that was accepted could not be delivered; it is tried again within a minute");
            }
        }
        tokio::time::sleep(REST).await;
        tokio::select! {
            biased;
            changed = heads.changed() => if !changed { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Delivers each offered alert of which everybody has answered, or whose time for answers is over, to those who accepted.
pub async fn look(node: &Node, now: Timestamp, failed: &mut Failed) -> Result<(), Refused> {
    let damaged = || StoreError::Damaged("the row of an offer cannot be read".into());
    let mut done = Ok(());
    let open: Vec<_> = node.ledger.scan(&[rows::OFFERED], &[rows::OFFERED + 1], false).collect::<Result<_, _>>()?;
    failed.0.retain(|_, again| *again > Instant::now());
    for (name, _) in open {
        let id = name.get(1..).and_then(AlertId::from_bytes).ok_or_else(damaged)?;
        if failed.0.contains_key(&id) {
            continue;
        }
        // One that cannot go holds up no other.
        if let Err(failure) = decide(node, id, now).await {
            failed.0.insert(id, Instant::now() + LOOK);
            done = Err(failure);
        }
    }
    done
}

async fn decide(node: &Node, id: AlertId, now: Timestamp) -> Result<(), Refused> {
    let Some(filed) = find(&node.ledger, node.me.origin.node(), id)? else { return Ok(()) };
    let answers = answers(node, &filed)?;
    let delivered = super::ours(node, id)?.is_some();
    if !delivered {
        if now < filed.offer.answer_by && answers.iter().any(|(_, answer)| *answer == Answer::Awaited) {
            return Ok(());
        }
        let accepted: Vec<NodeId> =
            answers.iter().filter(|(_, answer)| *answer == Answer::Accepted).map(|(country, _)| *country).collect();
        let is_over = now >= filed.offer.answer_by;
        let spent = |country: &NodeId| release::is_spent(node, id, *country).unwrap_or(false);
        // One that was asked too often today may be asked tomorrow, while there is time.
        if !is_over && accepted.iter().any(spent) {
            return Ok(());
        }
        // A country to which it can no longer go (the agreement ended, it is not pinned any more) keeps it from no other.
        let able: Vec<NodeId> = accepted
            .into_iter()
            .filter(|country| !spent(country) && release::may_deliver(node, id, *country))
            .collect();
        if !able.is_empty() {
            match release::deliver(node, id, &able).await {
                // Released or erased by staff meanwhile.
                Err(Refused::Released | Refused::Absent(_)) => {}
                // What it was to follow is gone, or another has followed.
                Err(Refused::Withdrawn | Refused::Superseded(_) | Refused::NeverReleased) => {}
                // Nobody stands for it any more, or it breaks a rule of now.
                Err(
                    Refused::Changed
                    | Refused::DrafterGone
                    | Refused::Unapproved
                    | Refused::Problems(_)
                    | Refused::NotSent(_),
                ) if is_over => {}
                other => drop(other?),
            }
        }
    }
    close(node, &filed, &answers).await
}

/// Nothing is awaited about an offer any more: whoever has not declined and did not get the alert is told so.
async fn close(node: &Node, filed: &Filed, answers: &[(NodeId, Answer)]) -> Result<(), Refused> {
    let id = filed.offer.id;
    let got = match super::ours(node, id)? {
        Some((kept, _)) => delivery::of(&node.ledger, kept)?.into_iter().map(|one| one.country).collect(),
        None => Vec::new(),
    };
    let left = answers
        .iter()
        .filter(|(country, answer)| matches!(answer, Answer::Awaited | Answer::Accepted) && !got.contains(country));
    for (country, _) in left {
        say::recall(node, *country, filed).await?;
    }
    let landed = node.ledger.commit(move |desk| {
        desk.delete(open_row(id));
        Ok::<(), Refused>(())
    });
    Ok(landed.await.map(drop)?)
}

/// How far each recipient of an offer of ours is, or we are with a peer's.
pub fn standings(node: &Node, filed: &Filed, issuer: NodeId) -> Result<Vec<super::Standing>, StoreError> {
    let own = node.me.origin.node();
    let state = |words: &[super::Spoken], before: State| {
        words.iter().filter(|word| word.object == filed.object && !word.is_lost()).fold(
            before,
            |state, word| match word.said {
                Said::Accept => State::Accepted,
                Said::CannotComply(..) => State::Refused,
                Said::Recall => State::Withdrawn,
                _ => state,
            },
        )
    };
    let standing = |country, (before, since, reason)| {
        let (due, said) = said(node, Between { issuer, recipient: country }, filed.offer.id)?;
        let state = state(&said, before);
        let since = said.iter().rfind(|word| word.object == filed.object).map_or(since, |word| word.time);
        Ok(super::Standing { country, state, since, reason, due, said })
    };
    if issuer != own {
        let since = node.ledger.opening(filed.kept)?.event().time;
        return Ok(vec![standing(own, (State::Offered, since, None))?]);
    }
    let one = |delivery: delivery::Delivery| {
        let (before, since, reason) = super::standing::of_delivery(node, &delivery);
        let before = if before == State::Stored { State::Offered } else { before };
        standing(delivery.country, (before, since, reason))
    };
    delivery::of(&node.ledger, filed.kept)?.into_iter().map(one).collect()
}

/// Whether an alert that came, and is logged under an index, is what its issuer had offered us, and we had not said before that we cannot
/// comply.
pub(in crate::flow) fn admits(
    desk: &Desk<'_>,
    issuer: NodeId,
    content: &AlertContent,
    index: u64,
) -> Result<Result<(), &'static str>, StoreError> {
    let Some(value) = desk.get(&row(issuer, content.id))? else { return Ok(Ok(())) };
    let (kept, object) = filing::read_filed(&value)?;
    let (_, offer) = kept::at_desk::<Offer>(desk, kept)?;
    if offer.conditions != Conditions::of(content) {
        return Ok(Err("offer-differs"));
    }
    let between = Between { issuer, recipient: desk.origin().node() };
    let mut words = Talk::read(desk.get(&between.row(content.id))?)?.unwrap_or_default().words;
    words.retain(|word| *word < index);
    let declined = |turn: &Turn| matches!(turn.said, Said::CannotComply(..));
    Ok(if super::turns(desk, words, &object)?.iter().any(declined) { Err("offer-declined") } else { Ok(()) })
}

/// Files again an offer of ours that a peer gave back after a restored backup. Where its draft did not come back with it, or its alert has
/// not, it is taken back from whoever still waits.
pub(in crate::flow) fn sent_again(
    desk: &mut Desk<'_>,
    peer: &Peer,
    offer: &Verified<Offer>,
    index: u64,
) -> Result<(), StoreError> {
    let (own, id) = (desk.origin().node(), offer.payload().id);
    if desk.get(&row(own, id))?.is_none() {
        desk.put(row(own, id), filing::filed(index, offer.digest()))?;
        desk.put(open_row(id), Vec::new())?;
    }
    let between = Between { issuer: own, recipient: peer.origin.node() };
    super::begin_offer(desk, between, offer.payload(), (index, offer.digest()))
}
