//! `varde.operator.v1.Conversation`: what is said about alerts, how far each recipient is, and who is late.

use super::alerts::{answers, delivery_reply, ours, pins_taken_up, read_country, read_id, read_issuer, told};
use super::watching;
use crate::edge::notify::Bell;
use crate::edge::status::{Class, Trouble};
use crate::flow::Node;
use crate::flow::alert::drafts::{self, Refused};
use crate::flow::alert::held;
use crate::flow::conversation::{self, Fate, Standing, Told, Word, offers};
use crate::flow::{delivery, erase, kept, queries};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use varde_proto::alert::Alert;
use varde_proto::id::{AlertId, NodeId};
use varde_proto::json::Out;
use varde_proto::reply::{Said, show};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{DeskRole, FoundAnswer, Vocabulary};
use varde_proto::wire::operator::conversation_server::{Conversation, ConversationServer};
use varde_proto::wire::operator::*;

/// Late answers that one call lists at most.
const LISTED: usize = 1000;

/// The service.
pub fn conversation_service(
    node: Arc<Node>,
    bell: Arc<Bell>,
    stopping: watch::Receiver<bool>,
) -> ConversationServer<Service> {
    ConversationServer::new(Service { node, bell, stopping })
}

/// The service; see [`conversation_service`].
pub struct Service {
    node: Arc<Node>,
    bell: Arc<Bell>,
    /// Becomes true when the node is told to stop.
    stopping: watch::Receiver<bool>,
}

#[tonic::async_trait]
impl Conversation for Service {
    type WatchStream = ReceiverStream<Result<Arrival, Status>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(watching::watch(self.node.clone(), &self.bell, self.stopping.clone())))
    }

    async fn say(&self, request: Request<SayRequest>) -> Result<Response<SayReply>, Status> {
        let begun = Instant::now();
        let SayRequest { id, country, said, wait_ms, act } = request.into_inner();
        let word = word(&id, &country, said.unwrap_or_default())?;
        pins_taken_up(&self.node, word.with.as_slice()).await;
        let kept = match conversation::say(&self.node, word, act).await.map_err(told)? {
            Told::Owed(kept) => kept,
            Told::Here(why) => {
                return Ok(Response::new(SayReply { deliveries: Vec::new(), only_here: why }));
            }
        };
        let deliveries = answers(&self.node, kept, begun, wait_ms).await.map_err(ours)?;
        Ok(Response::new(sent(deliveries)))
    }

    async fn offer(&self, request: Request<OfferRequest>) -> Result<Response<SayReply>, Status> {
        let begun = Instant::now();
        let OfferRequest { id, to, answer_by_ms, wait_ms, act } = request.into_inner();
        let to = to.iter().map(|country| read_country(country)).collect::<Result<Vec<_>, _>>()?;
        let answer_by = Some(answer_by_ms).filter(|ms| *ms != 0).and_then(|ms| Timestamp::from_ms(ms).ok());
        pins_taken_up(&self.node, &to).await;
        let kept = offers::offer(&self.node, read_id(&id)?, &to, answer_by, act).await.map_err(told)?;
        let deliveries = answers(&self.node, kept, begun, wait_ms).await.map_err(ours)?;
        Ok(Response::new(sent(deliveries)))
    }

    async fn offers(&self, _: Request<OffersRequest>) -> Result<Response<OffersReply>, Status> {
        let (node, own) = (self.node.clone(), self.node.me.origin.node());
        let mut countries = kept::countries(&node.ledger).map_err(ours)?;
        countries.push(own);
        let mut found = Vec::new();
        for issuer in countries {
            let filed = offers::of(&node.ledger, issuer).map_err(ours)?;
            found.extend(filed.into_iter().map(|filed| (issuer, filed)));
        }
        found.sort_by_key(|(_, filed)| std::cmp::Reverse(filed.kept));
        found.truncate(LISTED);
        let offers = found.iter().map(|(issuer, filed)| offered(&node, *issuer, filed)).collect::<Result<_, _>>()?;
        Ok(Response::new(OffersReply { offers }))
    }

    async fn queries(&self, _: Request<QueriesRequest>) -> Result<Response<QueriesReply>, Status> {
        let day = |day: queries::Day| QueryDay {
            issuer: day.issuer.to_string(),
            recipient: day.recipient.to_string(),
            day_ms: day.day.ms(),
            queries: day.queries.into_iter().map(query).collect(),
        };
        let days = queries::ledger(&self.node, LISTED).map_err(ours)?;
        Ok(Response::new(QueriesReply { days: days.into_iter().map(day).collect() }))
    }

    async fn standing(&self, request: Request<StandingRequest>) -> Result<Response<StandingReply>, Status> {
        let StandingRequest { id, issuer } = request.into_inner();
        let (id, issuer) = (read_id(&id)?, read_issuer(&issuer)?);
        let own = self.node.me.origin.node();
        let found = if issuer.is_none_or(|issuer| issuer == own) { of_ours(&self.node, id)? } else { None };
        match found {
            Some(reply) => Ok(Response::new(reply)),
            None => of_received(&self.node, id, issuer).map(Response::new),
        }
    }

    async fn overdue(&self, _: Request<OverdueRequest>) -> Result<Response<OverdueReply>, Status> {
        let late = conversation::overdue(&self.node, self.node.clock.now(), LISTED).map_err(ours)?;
        let answer = |late: conversation::Overdue| OverdueAnswer {
            id: late.id.to_string(),
            kind: late.kind.number(),
            issuer: late.issuer.to_string(),
            recipient: late.recipient.to_string(),
            due_ms: late.due.ms(),
            seen: late.is_seen,
        };
        Ok(Response::new(OverdueReply { answers: late.into_iter().map(answer).collect() }))
    }
}

fn query((id, answer): (AlertId, Option<FoundAnswer>)) -> Query {
    Query { id: id.to_string(), answer: answer.map_or(0, Vocabulary::number) }
}

fn sent(deliveries: Vec<delivery::Delivery>) -> SayReply {
    SayReply { deliveries: deliveries.into_iter().map(delivery_reply).collect(), only_here: String::new() }
}

/// What staff wants to say, read as strictly as what a peer says.
fn word(id: &str, country: &str, said: varde_proto::wire::peer::Reply) -> Result<Word, Status> {
    let refuse = |rule: &str| {
        Trouble::new(Class::Change, "bad-reply", format!("this cannot be said: {rule}"))
            .means("nothing was sent")
            .next("`varde alert reply --help` shows what can be said")
            .for_staff()
    };
    let with = if country.is_empty() { None } else { Some(read_country(country)?) };
    let desk_role = DeskRole::from_number(said.desk_role).ok_or_else(|| refuse("reply-desk"))?;
    let said = Said::from_wire(&said).map_err(refuse)?;
    Ok(Word { id: read_id(id)?, with, desk_role, said })
}

/// How far the recipients of an alert of ours are; `None` where none of ours was released under this id.
fn of_ours(node: &Node, id: AlertId) -> Result<Option<StandingReply>, Status> {
    let own = node.me.origin.node();
    let offer = offers::find(&node.ledger, own, id).map_err(ours)?;
    let offered = offer.as_ref().map(|filed| offers::standings(node, filed, own)).transpose().map_err(ours)?;
    let offered = offered.unwrap_or_default();
    let Some((kept, object)) = conversation::ours(node, id).map_err(ours)? else {
        if let Some(filed) = offer {
            return Ok(Some(StandingReply {
                offer: filed.object.0.to_vec().into(),
                ..reply(node, own, filed.offer.conditions.kind.number(), offered)
            }));
        }
        return match drafts::find(&node.ledger, id) {
            Ok(_) => Err(told(Refused::NeverReleased)),
            Err(Refused::Absent(_)) => Ok(None),
            Err(refused) => Err(told(refused)),
        };
    };
    let alert = kept::if_kept::<Alert>(&node.ledger, kept).map_err(ours)?.map(|(_, alert)| alert);
    let remains = erase::find(&node.ledger, own, &object).map_err(ours)?;
    let kind = alert.as_ref().map(|alert| alert.content().kind()).or_else(|| remains.and_then(|remains| remains.kind));
    let expires = alert.map(|alert| alert.content().expires_at);
    let mut standings = conversation::of_ours(node, (id, kept, object), expires).map_err(ours)?;
    // Those to whom it was offered and who did not get it.
    let others = offered.into_iter().filter(|offer| !standings.iter().any(|one| one.country == offer.country));
    standings.extend(others.collect::<Vec<_>>());
    Ok(Some(StandingReply {
        object: object.0.to_vec().into(),
        offer: offer.map(|filed| filed.object.0.to_vec().into()).unwrap_or_default(),
        ..reply(node, own, kind.map_or(0, Vocabulary::number), standings)
    }))
}

/// How far we are with an alert of a peer.
fn of_received(node: &Node, id: AlertId, issuer: Option<NodeId>) -> Result<StandingReply, Status> {
    let mut countries = kept::countries(&node.ledger).map_err(ours)?;
    countries.retain(|country| issuer.is_none_or(|issuer| issuer == *country));
    let mut found = held::find(&node.ledger, &countries, id).map_err(ours)?;
    // What is erased is in nobody's way.
    if found.iter().any(|received| matches!(received.what, held::What::Alert(_))) {
        found.retain(|received| matches!(received.what, held::What::Alert(_)));
    }
    let received = match &found[..] {
        [] => return of_offer(node, id, &countries),
        [received] => received,
        several => return Err(told(Refused::SeveralIssuers(id, several.iter().map(|one| one.from).collect()))),
    };
    let kind = match &received.what {
        held::What::Alert(alert) => Some(alert.content().kind()),
        held::What::Remains(remains) => remains.kind,
    };
    let standing = conversation::of_received(node, id, received).map_err(ours)?;
    let offer = offers::find(&node.ledger, received.from, id).map_err(ours)?;
    Ok(StandingReply {
        object: received.object.0.to_vec().into(),
        offer: offer.map(|filed| filed.object.0.to_vec().into()).unwrap_or_default(),
        ..reply(node, received.from, kind.map_or(0, Vocabulary::number), vec![standing])
    })
}

/// How far we are with what was offered and has not come.
fn of_offer(node: &Node, id: AlertId, countries: &[NodeId]) -> Result<StandingReply, Status> {
    for issuer in countries {
        if let Some(filed) = offers::find(&node.ledger, *issuer, id).map_err(ours)? {
            let standings = offers::standings(node, &filed, *issuer).map_err(ours)?;
            return Ok(StandingReply {
                offer: filed.object.0.to_vec().into(),
                ..reply(node, *issuer, filed.offer.conditions.kind.number(), standings)
            });
        }
    }
    Err(told(Refused::Absent(id)))
}

fn offered(node: &Node, issuer: NodeId, filed: &offers::Filed) -> Result<OfferStanding, Status> {
    let now = node.clock.now();
    let standings = offers::standings(node, filed, issuer).map_err(ours)?;
    Ok(OfferStanding {
        id: filed.offer.id.to_string(),
        issuer: issuer.to_string(),
        kind: filed.offer.conditions.kind.number(),
        conditions_json: filed.offer.conditions.show().to_string(),
        answer_by_ms: filed.offer.answer_by.ms(),
        recipients: standings.into_iter().map(|one| recipient(one, now)).collect(),
    })
}

fn reply(node: &Node, issuer: NodeId, kind: i32, standings: Vec<Standing>) -> StandingReply {
    let now = node.clock.now();
    let recipients = standings.into_iter().map(|one| recipient(one, now)).collect();
    StandingReply { issuer: issuer.to_string(), kind, recipients, ..StandingReply::default() }
}

fn recipient(standing: Standing, now: Timestamp) -> RecipientStanding {
    let Standing { country, state, since, reason, due, said } = standing;
    let spoken = |one: conversation::Spoken| Spoken {
        by: one.by.to_string(),
        time_ms: one.time.ms(),
        desk_role: one.desk_role.number(),
        said_json: Out::Object(show::show(&one.said)).to_string(),
        text: show::line(&one.said),
        digest: one.digest.0.to_vec().into(),
        owed: one.fate == Fate::Owed,
        lost: match one.fate {
            Fate::Refused(reason) => reason,
            Fate::GivenUp => "given-up".to_owned(),
            Fate::Held | Fate::Owed => String::new(),
        },
    };
    RecipientStanding {
        country: country.to_string(),
        state: state.name().to_owned(),
        since_ms: since.ms(),
        reason: reason.unwrap_or_default(),
        due_ms: due.map_or(0, Timestamp::ms),
        overdue: due.is_some_and(|due| due <= now),
        said: said.into_iter().map(spoken).collect(),
    }
}
