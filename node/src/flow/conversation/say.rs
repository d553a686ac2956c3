//! Saying a word: signed as any payload, judged as the other side will judge it, and owed to it in the commit that files it here.

use super::{Between, file, judge, offers, quiet, standing};
use crate::flow::Node;
use crate::flow::alert::drafts::{self, Refused, Signed as SignedAct};
use crate::flow::alert::held;
use crate::flow::outbox::{self, NotSent};
use crate::flow::{erase, filing, kept};
use varde_proto::alert::Alert;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{Envelope, Payload};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::reply::{self, Reply};
use varde_proto::vocabulary::{AlertKind, DeskRole};

/// What a member of staff wants to say.
#[derive(Debug, Clone)]
pub struct Word {
    /// About which alert.
    pub id: AlertId,
    /// Of which country, where several use the id. For a ruling: which recipient is told.
    pub with: Option<NodeId>,
    /// Which desk speaks.
    pub desk_role: DeskRole,
    /// What is said.
    pub said: reply::Said,
}

/// What became of a word.
#[derive(Debug)]
pub enum Said {
    /// Owed to the other side; the index under which it is kept.
    Owed(u64),
    /// The alarm here is over, and nobody can be told: why.
    Here(String),
}

/// Says it in the name of a member of staff, who signed what [`act::about_reply`] gives. That somebody has an alert in hand counts here even
/// where it cannot be told, or was told before: nobody is woken for ever because a channel has ended.
pub async fn say(node: &Node, word: Word, act: Option<Envelope>) -> Result<Said, Refused> {
    let (other, object, kind) = about_what(node, &word)?;
    let about = act::about_reply(object, other, word.desk_role, &word.said);
    let signed = drafts::check(node, Verb::Reply, &SignedAct { about, act })?;
    let (id, seen) = (word.id, word.said == reply::Said::Seen);
    let told = match kind {
        Some(kind) => tell(node, (other, object, kind), word, Some(signed.act)).await,
        None => Err(Refused::Withdrawn),
    };
    match told {
        Err(Refused::NotSent(why)) if seen => hush(node, other, id).await.map(|()| Said::Here(why.to_string())),
        Err(refused @ Refused::Withdrawn) if seen => {
            hush(node, other, id).await.map(|()| Said::Here(refused.to_string()))
        }
        told => told.map(Said::Owed),
    }
}

async fn hush(node: &Node, issuer: NodeId, id: AlertId) -> Result<(), Refused> {
    let landed = node.ledger.commit(move |desk| quiet(desk, issuer, id).map_err(Refused::Store));
    Ok(landed.await.map(drop)?)
}

/// The node itself takes an offer of ours back from a country, if it can be told.
pub(super) async fn recall(node: &Node, from: NodeId, filed: &offers::Filed) -> Result<(), Refused> {
    let conditions = &filed.offer.conditions;
    let (id, desk_role, said) = (filed.offer.id, conditions.desk_role, reply::Said::Recall);
    let word = Word { id, with: Some(from), desk_role, said };
    match tell(node, (from, filed.object, conditions.kind), word, None).await {
        // It is not pinned, nothing is agreed with it any more, or it was taken back meanwhile.
        Err(Refused::NotSent(_)) => Ok(()),
        other => other.map(drop),
    }
}

/// Signs a word, judges it, owes it and files it; `act` is of whoever says it.
async fn tell(
    node: &Node,
    (other, object, kind): (NodeId, Digest, AlertKind),
    word: Word,
    act: Option<Envelope>,
) -> Result<u64, Refused> {
    let recipients = outbox::recipients(node, &[other])?;
    let Word { id, desk_role, said, .. } = word;
    let reply = Reply { header: outbox::header(node, &recipients)?, object, id, kind, desk_role, said };
    let envelope = outbox::sign::<Reply>(node, &reply.to_wire(), &recipients, reply.class())?;
    let own = node.me.origin.node();
    let lost = standing::lost(node, Between::of_word(&reply.said, own, other), id)?;
    let landed = node.ledger.commit(move |desk| {
        judge(desk, (own, other), &reply, &lost)?.map_err(NotSent::Refused)?;
        let kept = match &act {
            Some(act) => outbox::owe_by(desk, &envelope, act)?,
            None => outbox::owe(desk, &envelope, Digest::NONE)?,
        };
        file(desk, (own, other), &reply, kept)?;
        Ok::<u64, Refused>(kept)
    });
    Ok(landed.await?.into_value())
}

/// To whom it is said, and about what: E, and its kind as far as it is known.
type About = (NodeId, Digest, Option<AlertKind>);

/// To whom it is said, and about what.
fn about_what(node: &Node, word: &Word) -> Result<About, Refused> {
    if word.said.is_about_offer() == Some(true) {
        return about_offer(node, word);
    }
    if word.said.is_by_issuer() {
        let own = node.me.origin.node();
        let filed = node.ledger.get(&filing::alert_row(own, word.id))?.ok_or(Refused::Absent(word.id))?;
        let (kept, object) = filing::read_filed(&filed)?;
        let other = word.with.ok_or(Refused::NotSent(NotSent::Nobody))?;
        // A ruling often is that it was taken back.
        let kind = match kept::if_kept::<Alert>(&node.ledger, kept)? {
            Some((_, alert)) => Some(alert.content().kind()),
            None => erase::find(&node.ledger, own, &object)?.and_then(|remains| remains.kind),
        };
        return Ok((other, object, Some(kind.ok_or(Refused::Withdrawn)?)));
    }
    let mut countries = kept::countries(&node.ledger)?;
    countries.retain(|country| word.with.is_none_or(|with| with == *country));
    let mut found = held::find(&node.ledger, &countries, word.id)?;
    found.retain(|one| word.with.is_some() || matches!(one.what, held::What::Alert(_)));
    match &found[..] {
        // What was offered and has not come can be seen, too.
        [] if word.said == reply::Said::Seen => about_offer(node, word),
        [] => Err(Refused::Absent(word.id)),
        [one] => match &one.what {
            held::What::Alert(alert) => Ok((one.from, one.object, Some(alert.content().kind()))),
            // That it was seen ends the alarm here, whatever became of it.
            held::What::Remains(remains) if word.said == reply::Said::Seen => Ok((one.from, one.object, remains.kind)),
            held::What::Remains(_) => Err(Refused::Withdrawn),
        },
        several => Err(Refused::SeveralIssuers(word.id, several.iter().map(|one| one.from).collect())),
    }
}

/// The same of an offer.
fn about_offer(node: &Node, word: &Word) -> Result<About, Refused> {
    let own = node.me.origin.node();
    if word.said.is_by_issuer() {
        let filed = offers::find(&node.ledger, own, word.id)?.ok_or(Refused::Absent(word.id))?;
        let other = word.with.ok_or(Refused::NotSent(NotSent::Nobody))?;
        return Ok((other, filed.object, Some(filed.offer.conditions.kind)));
    }
    let mut found = Vec::new();
    for country in kept::countries(&node.ledger)?.into_iter().filter(|one| word.with.is_none_or(|with| with == *one)) {
        found.extend(offers::find(&node.ledger, country, word.id)?.map(|filed| (country, filed)));
    }
    match &found[..] {
        [] => Err(Refused::Absent(word.id)),
        [(country, filed)] => Ok((*country, filed.object, Some(filed.offer.conditions.kind))),
        several => Err(Refused::SeveralIssuers(word.id, several.iter().map(|(country, _)| *country).collect())),
    }
}
