//! `varde.operator.v1.Alerts`: drafts, approval, release, and what lies here.

use super::listing::{own, regained};
use super::prospects;
use super::stories::story;
use super::{drawing, erasures, listing, versions};
use crate::edge::status::{Class, Trouble};
use crate::flow::alert::drafts::{self, Refused, Signed};
use crate::flow::alert::held::{self, Received, What};
use crate::flow::alert::{next, release, review};
use crate::flow::delivery::{self, State};
use crate::flow::{Node, arrivals, kept};
use crate::port::Peers;
use crate::rows;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use varde_proto::alert::show::{show, show_content};
use varde_proto::draft::{ApprovalOverride, Draft, act};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::limits;
use varde_proto::vocabulary::{ErasureReason, Vocabulary};
use varde_proto::wire::operator::alerts_server::{Alerts, AlertsServer};
use varde_proto::wire::operator::*;

/// Alerts that one call lists at most.
pub(super) const LISTED: usize = 1000;
/// Twice the time in which pins are looked at.
const TAKEN_UP: Duration = Duration::from_secs(5);

/// The service.
pub fn alerts_service(node: Arc<Node>) -> AlertsServer<Service> {
    AlertsServer::new(Service { node })
}

/// The service; see [`alerts_service`].
pub struct Service {
    node: Arc<Node>,
}

#[tonic::async_trait]
impl Alerts for Service {
    async fn draft(&self, request: Request<DraftRequest>) -> Result<Response<DraftReply>, Status> {
        let request = request.into_inner();
        let about = act::about_draft(&request);
        let DraftRequest { file, from, act, kind } = request;
        let node = self.node.clone();
        let drawing = tokio::task::spawn_blocking(move || drawing::draw(&node, &file, kind, from));
        let drafted = drawing.await.map_err(|e| Trouble::incident(&e).for_staff())?.map_err(told)?;
        let draft = drafts::keep(&self.node, drafted, &Signed { about, act }).await.map_err(told)?;
        let digest = draft.digest().0.to_vec().into();
        let state = Some(state(&self.node, &draft));
        Ok(Response::new(DraftReply { id: draft.content.id.to_string(), digest, state }))
    }

    async fn file(&self, request: Request<FileRequest>) -> Result<Response<FileReply>, Status> {
        let file = next::file(&self.node, read_id(&request.into_inner().id)?).map_err(told)?;
        Ok(Response::new(FileReply { file }))
    }

    async fn preview(&self, request: Request<PreviewRequest>) -> Result<Response<PreviewReply>, Status> {
        let draft = drafts::find(&self.node.ledger, read_id(&request.into_inner().id)?).map_err(told)?;
        let field = |e: &varde_proto::draft::Explained| FieldExplained {
            field: e.field.clone(),
            stays: e.stays.clone(),
            leaves: e.leaves.clone(),
            how: e.how.clone(),
            cases: e.cases,
        };
        Ok(Response::new(PreviewReply {
            leaves_json: show_content(&draft.content).to_string(),
            digest: draft.digest().0.to_vec().into(),
            fields: draft.fields.iter().map(field).collect(),
            state: Some(state(&self.node, &draft)),
            decision: Some(draft.decision.bare().to_wire()),
        }))
    }

    async fn approve(&self, request: Request<ApproveRequest>) -> Result<Response<ApproveReply>, Status> {
        let ApproveRequest { id, act } = request.into_inner();
        let id = read_id(&id)?;
        if let Some(found) = review::find(&self.node.ledger, id).map_err(ours)? {
            review::review(&self.node, id, &found, act).await.map_err(told)?;
            return Ok(Response::new(ApproveReply { state: None }));
        }
        let draft = drafts::approve(&self.node, id, act).await.map_err(told)?;
        Ok(Response::new(ApproveReply { state: Some(state(&self.node, &draft)) }))
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<ReleaseReply>, Status> {
        let begun = Instant::now();
        let ReleaseRequest { id, to, wait_ms, act, without_approval } = request.into_inner();
        let alone = read_override(without_approval)?;
        let to = to.iter().map(|country| read_country(country)).collect::<Result<Vec<_>, _>>()?;
        pins_taken_up(&self.node, &to).await;
        let kept = release::release_by(&self.node, read_id(&id)?, (&to, alone), act).await.map_err(told)?;
        let deliveries = answers(&self.node, kept, begun, wait_ms).await.map_err(ours)?;
        Ok(Response::new(ReleaseReply { deliveries: deliveries.into_iter().map(delivery_reply).collect() }))
    }

    async fn dry_run(&self, request: Request<ReleaseRequest>) -> Result<Response<DryRunReply>, Status> {
        prospects::dry_run(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn list(&self, request: Request<ListRequest>) -> Result<Response<ListReply>, Status> {
        let (ListRequest { after, most }, node) = (request.into_inner(), self.node.clone());
        let listing = tokio::task::spawn_blocking(move || listing::list(&node, &after, most as usize));
        listing.await.map_err(|e| Trouble::incident(&e).for_staff())?.map(Response::new)
    }

    async fn show(&self, request: Request<ShowRequest>) -> Result<Response<ShowReply>, Status> {
        let ShowRequest { id, issuer } = request.into_inner();
        let (id, issuer) = (read_id(&id)?, read_issuer(&issuer)?);
        if issuer.is_some_and(|issuer| issuer != self.node.me.origin.node()) {
            return show_received(&self.node, id, issuer).map(Response::new);
        }
        match drafts::find(&self.node.ledger, id) {
            Ok(draft) => show_own(&self.node, &draft).map(Response::new),
            Err(Refused::Absent(_)) => match erasures::show_withdrawn(&self.node, id)? {
                Some(reply) => Ok(Response::new(reply)),
                None => match show_regained(&self.node, id)? {
                    Some(reply) => Ok(Response::new(reply)),
                    None => show_received(&self.node, id, issuer).map(Response::new),
                },
            },
            Err(refused) => Err(told(refused)),
        }
    }

    async fn inbox(&self, request: Request<InboxRequest>) -> Result<Response<InboxReply>, Status> {
        let InboxRequest { before } = request.into_inner();
        let alerts = held::inbox(&self.node.ledger, before, LISTED).map_err(ours)?;
        let alerts = alerts.iter().map(|received| received_reply(&self.node, received)).collect::<Result<_, _>>()?;
        Ok(Response::new(InboxReply { alerts }))
    }

    async fn refused(&self, request: Request<RefusedRequest>) -> Result<Response<RefusedReply>, Status> {
        let RefusedRequest { before } = request.into_inner();
        let items = held::refused(&self.node.ledger, before, LISTED).map_err(ours)?;
        Ok(Response::new(RefusedReply { items: items.into_iter().map(versions::refused).collect() }))
    }

    async fn withdraw(&self, request: Request<WithdrawRequest>) -> Result<Response<WithdrawReply>, Status> {
        erasures::withdraw(&self.node, request.into_inner()).await.map(Response::new)
    }

    async fn hold(&self, request: Request<HoldRequest>) -> Result<Response<HoldReply>, Status> {
        erasures::hold(&self.node, request.into_inner()).await.map(Response::new)
    }
}

/// Waits for receipts for what is left of a call's time.
pub(super) async fn answers(
    node: &Node,
    kept: u64,
    begun: Instant,
    wait_ms: u32,
) -> Result<Vec<delivery::Delivery>, crate::port::StoreError> {
    let most = Duration::from_millis(wait_ms.min(limits::WAIT_MS).into());
    delivery::wait(&node.ledger, kept, most.saturating_sub(begun.elapsed())).await
}

/// A pin that was just added is taken up within a second; a release that follows it at once waits for that.
pub(super) async fn pins_taken_up(node: &Node, to: &[NodeId]) {
    let mut peers = node.peers.clone();
    let own = node.me.origin.node();
    let known = |peers: &Arc<Peers>| to.iter().all(|country| *country == own || peers.contains_key(country));
    let known = async { peers.wait_for(known).await.is_ok() };
    // Whoever is still unknown then is named by the release.
    let _ = tokio::time::timeout(TAKEN_UP, known).await;
}

pub(super) fn read_id(text: &str) -> Result<AlertId, Status> {
    AlertId::parse(text).map_err(|bad| {
        let trouble = Trouble::new(Class::Change, "bad-id", bad.to_string());
        trouble.next("`varde alert list` and `varde alert inbox` show the ids").for_staff()
    })
}

pub(super) fn read_country(text: &str) -> Result<NodeId, Status> {
    NodeId::parse(text).map_err(|bad| {
        let trouble = Trouble::new(Class::Change, "bad-country", bad.to_string());
        trouble.next("name the recipients like this: --to LT,EE").for_staff()
    })
}

/// Why something goes without a second person, if it does.
pub(super) fn read_override(number: i32) -> Result<Option<ApprovalOverride>, Status> {
    let unread = || told(Refused::NotACode("the reason to go without a second person"));
    (number != 0).then(|| ApprovalOverride::from_number(number).ok_or_else(unread)).transpose()
}

/// A country, if one is named.
pub(super) fn read_issuer(text: &str) -> Result<Option<NodeId>, Status> {
    Some(text).filter(|text| !text.is_empty()).map(read_country).transpose()
}

pub(super) fn ours(failure: crate::port::StoreError) -> Status {
    Trouble::incident(&failure).for_staff()
}

pub(super) fn told(refused: Refused) -> Status {
    story(refused).for_staff()
}

pub(super) fn state(node: &Node, draft: &Draft) -> DraftState {
    let (drafted_by, approved_by) = drafts::people(node, draft);
    let state = match (draft.sent.is_empty(), approved_by.is_empty()) {
        (false, _) => "released",
        (true, _) if drafts::is_offered(node, draft) => "offered",
        (true, false) => "approved",
        (true, true) => "draft",
    };
    DraftState {
        state: state.to_owned(),
        needs_approval: draft.needs_approval(),
        drafted_by,
        approved_by,
        drafted_ms: draft.drafted.ms(),
        cautions: draft.cautions().into_iter().map(caution).collect(),
        acts: acts(node, draft),
        without_approval: draft.decision.without_approval.map_or(0, Vocabulary::number),
        needs_review: review::find(&node.ledger, draft.content.id).is_ok_and(|found| found.is_some()),
    }
}

fn caution(caution: varde_proto::draft::Caution) -> Caution {
    Caution { code: caution.code().to_owned(), text: caution.text().to_owned() }
}

/// Who did what with a draft, the oldest first.
fn acts(node: &Node, draft: &Draft) -> Vec<ActDone> {
    let decision = &draft.decision;
    let drafted = decision.drafted.iter().map(|act| ("drafted", act));
    let approved = decision.approvals.iter().map(|act| ("approved", act));
    let release = if decision.without_approval.is_some() { "released-without-approval" } else { "released" };
    let released = decision.released.iter().map(|act| (release, act));
    let reviewed = draft.reviews.iter().map(|act| ("reviewed", act));
    let done = |(word, envelope)| {
        let by = drafts::signer(node, envelope);
        ActDone {
            act: str::to_owned(word),
            by: by.map(|operator| operator.name.clone()).unwrap_or_default(),
            key: by.map(|operator| operator.public_key.bytes().to_vec()).unwrap_or_default().into(),
            time_ms: act::time(envelope).map_or(0, varde_proto::time::Timestamp::ms),
        }
    };
    drafted.chain(approved).chain(released).chain(reviewed).map(done).collect()
}

/// Where one recipient stands.
pub(super) fn delivery_reply(delivery: delivery::Delivery) -> Delivery {
    let delivery::Delivery { country, sent_index, state, .. } = delivery;
    let (state, reason, receipt_index) = match state {
        State::Owed => ("owed", String::new(), 0),
        State::Ended => ("ended", String::new(), 0),
        State::Received { index, .. } => ("receipted", String::new(), index),
        State::Rejected { index, reason, .. } => ("refused", reason, index),
        State::Abandoned { index, .. } => ("abandoned", String::new(), index),
    };
    let sent_index = rows::counted(sent_index);
    Delivery { country: country.to_string(), state: state.to_owned(), reason, sent_index, receipt_index }
}

fn show_own(node: &Node, draft: &Draft) -> Result<ShowReply, Status> {
    let (json, object) = match draft.sent.first() {
        None => (show_content(&draft.content).to_string(), Vec::new()),
        Some(kept) => {
            let (object, alert) = held::released(&node.ledger, *kept).map_err(ours)?;
            (show(&alert).to_string(), object.0.to_vec())
        }
    };
    Ok(ShowReply {
        json,
        own: Some(own(node, draft)?),
        received: None,
        envelope_digest: object.into(),
        decision: Some(draft.decision.bare().to_wire()),
    })
}

fn show_regained(node: &Node, id: AlertId) -> Result<Option<ShowReply>, Status> {
    let Some((kept, object, alert)) = held::regained(&node.ledger, node.me.origin.node(), id).map_err(ours)? else {
        return Ok(None);
    };
    Ok(Some(ShowReply {
        json: show(&alert).to_string(),
        own: Some(regained(node, kept, &object, &alert)?),
        envelope_digest: object.0.to_vec().into(),
        ..ShowReply::default()
    }))
}

fn show_received(node: &Node, id: AlertId, issuer: Option<NodeId>) -> Result<ShowReply, Status> {
    let mut countries = kept::countries(&node.ledger).map_err(ours)?;
    countries.retain(|country| issuer.is_none_or(|issuer| issuer == *country));
    let mut found = held::find(&node.ledger, &countries, id).map_err(ours)?;
    // What is erased is in nobody's way.
    if found.iter().any(|received| matches!(received.what, What::Alert(_))) {
        found.retain(|received| matches!(received.what, What::Alert(_)));
    }
    let received = match &found[..] {
        [] => return Err(told(Refused::Absent(id))),
        [received] => received,
        several => return Err(told(Refused::SeveralIssuers(id, several.iter().map(|one| one.from).collect()))),
    };
    Ok(ShowReply {
        json: match &received.what {
            What::Alert(alert) => show(alert).to_string(),
            What::Remains(_) => "null".to_owned(),
        },
        own: None,
        received: Some(received_reply(node, received)?),
        envelope_digest: received.object.0.to_vec().into(),
        decision: None,
    })
}

fn received_reply(node: &Node, received: &Received) -> Result<ReceivedAlert, Status> {
    let mut reply = ReceivedAlert {
        from: received.from.to_string(),
        received_ms: received.received.ms(),
        state: if received.is_expired(node.clock.now()) { "expired" } else { "in-force" }.to_owned(),
        log_index: received.index,
        on_hold: erasures::is_held(node, &received.object)?,
        unseen: arrivals::is_unseen(&node.ledger, received.from, received.index).map_err(ours)?,
        ..ReceivedAlert::default()
    };
    let versions = versions::of(node, received.from, &received.object)?;
    let is_superseded = !versions.next.is_empty();
    reply.versions = Some(versions);
    match &received.what {
        What::Alert(alert) => {
            let content = alert.content();
            reply.versions = Some(versions::of_alert(node, received.from, &received.object, content)?);
            (reply.id, reply.kind) = (content.id.to_string(), content.kind().number());
            (reply.expires_ms, reply.tlp) = (content.expires_at.ms(), content.tlp.number());
        }
        What::Remains(remains) => {
            (reply.id, reply.kind) = (remains.id.to_string(), remains.kind.map_or(0, Vocabulary::number));
            match remains.reason {
                ErasureReason::EXPIRED => {}
                ErasureReason::SUPERSEDED => reply.state = "superseded".to_owned(),
                _ => reply.state = "withdrawn".to_owned(),
            }
        }
    }
    if is_superseded && reply.state == "in-force" {
        reply.state = "superseded".to_owned();
    }
    Ok(reply)
}
