//! Saying a word: signed as any payload, judged as the other side will judge it, and owed to it in the commit that files it here.

use super::{file, judge, offers};
use crate::flow::Node;
use crate::flow::alert::drafts::{self, Refused, Signed as SignedAct};
use crate::flow::alert::held;
use crate::flow::outbox::{self, NotSent};
use crate::flow::{filing, kept};
use varde_proto::alert::Alert;
use varde_proto::draft::act::Verb;
use varde_proto::envelope::{Envelope, Payload};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::reply::{Reply, Said};
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
    pub said: Said,
}

/// Says it in the name of a member of staff, who signed `about`. Returns the index under which it is kept.
pub async fn say(node: &Node, word: Word, about: Digest, act: Option<Envelope>) -> Result<u64, Refused> {
    let signed = drafts::check(node, Verb::Reply, &SignedAct { about, act })?;
    let (other, object, kind) = about_what(node, &word)?;
    let recipients = outbox::recipients(node, &[other])?;
    let Word { id, desk_role, said, .. } = word;
    let reply = Reply { header: outbox::header(node, &recipients)?, object, id, kind, desk_role, said };
    let envelope = outbox::sign::<Reply>(node, &reply.to_wire(), &recipients, reply.class())?;
    let own = node.me.origin.node();
    let landed = node.ledger.commit(move |desk| {
        judge(desk, (own, other), &reply)?.map_err(NotSent::Refused)?;
        let kept = outbox::owe_by(desk, &envelope, &signed.act)?;
        file(desk, (own, other), &reply, kept)?;
        Ok::<u64, Refused>(kept)
    });
    Ok(landed.await?.into_value())
}

/// To whom it is said, and about what: E and kind.
fn about_what(node: &Node, word: &Word) -> Result<(NodeId, Digest, AlertKind), Refused> {
    if word.said.is_about_offer() == Some(true) {
        return about_offer(node, word);
    }
    if word.said.is_by_issuer() {
        let own = node.me.origin.node();
        let filed = node.ledger.get(&filing::alert_row(own, word.id))?.ok_or(Refused::Absent(word.id))?;
        let (kept, object) = filing::read_filed(&filed)?;
        let other = word.with.ok_or(Refused::NotSent(NotSent::Nobody))?;
        let (_, alert) = kept::if_kept::<Alert>(&node.ledger, kept)?.ok_or(Refused::Withdrawn)?;
        return Ok((other, object, alert.content().kind()));
    }
    let mut countries = kept::countries(&node.ledger)?;
    countries.retain(|country| word.with.is_none_or(|with| with == *country));
    let mut found = held::find(&node.ledger, &countries, word.id)?;
    found.retain(|one| word.with.is_some() || matches!(one.what, held::What::Alert(_)));
    match &found[..] {
        // What was offered and has not come can be seen, too.
        [] if word.said == Said::Seen => about_offer(node, word),
        [] => Err(Refused::Absent(word.id)),
        [one] => match &one.what {
            held::What::Alert(alert) => Ok((one.from, one.object, alert.content().kind())),
            held::What::Remains(_) => Err(Refused::Withdrawn),
        },
        several => Err(Refused::SeveralIssuers(word.id, several.iter().map(|one| one.from).collect())),
    }
}

/// The same of an offer.
fn about_offer(node: &Node, word: &Word) -> Result<(NodeId, Digest, AlertKind), Refused> {
    let own = node.me.origin.node();
    if word.said.is_by_issuer() {
        let filed = offers::find(&node.ledger, own, word.id)?.ok_or(Refused::Absent(word.id))?;
        let other = word.with.ok_or(Refused::NotSent(NotSent::Nobody))?;
        return Ok((other, filed.object, filed.offer.conditions.kind));
    }
    let mut found = Vec::new();
    for country in kept::countries(&node.ledger)?.into_iter().filter(|one| word.with.is_none_or(|with| with == *one)) {
        found.extend(offers::find(&node.ledger, country, word.id)?.map(|filed| (country, filed)));
    }
    match &found[..] {
        [] => Err(Refused::Absent(word.id)),
        [(country, filed)] => Ok((*country, filed.object, filed.offer.conditions.kind)),
        several => Err(Refused::SeveralIssuers(word.id, several.iter().map(|(country, _)| *country).collect())),
    }
}
