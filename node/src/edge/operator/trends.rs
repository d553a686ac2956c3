//! `varde.operator.v1.Trends`: releasing a cohort, and reading what was released. It only translates; what may be released
//! is [`crate::flow::summarise`]'s to decide, what is shown [`crate::flow::query`]'s.

mod reply;
mod trouble;

use super::alerts::{answers, delivery_reply, pins_taken_up};
use crate::edge::status::{Class, Trouble};
use crate::flow::query::{self, Selection};
use crate::flow::summarise::{Released, Request as ReleaseRequest, Summarise};
use crate::flow::{Node, summarise};
use crate::national::budget::Running;
use prost::Message;
use std::io::Read;
use std::sync::{Arc, OnceLock};
use tokio::time::Instant;
use tonic::{Request, Response, Status};
use varde_proto::draft::act::{self, Verb};
use varde_proto::id::{Digest, NodeId};
use varde_proto::identity::PublicKey;
use varde_proto::limits;
use varde_proto::summary::{Coverage, Edition, Place};
use varde_proto::time::Period;
use varde_proto::wire::operator::trends_server::{Trends, TrendsServer};
use varde_proto::wire::operator::{
    TrendCorridorReply, TrendCorridorRequest, TrendListReply, TrendListRequest, TrendReleaseReply, TrendReleaseRequest,
    TrendShowReply, TrendShowRequest,
};

/// The service, over a node and its one publisher.
pub fn trends_service(node: Arc<Node>, summarise: Arc<Summarise>) -> TrendsServer<Service> {
    TrendsServer::new(Service { node, summarise, program: OnceLock::new() })
}

/// The service; see [`trends_service`].
pub struct Service {
    node: Arc<Node>,
    summarise: Arc<Summarise>,
    program: OnceLock<Digest>,
}

#[tonic::async_trait]
impl Trends for Service {
    async fn release(&self, request: Request<TrendReleaseRequest>) -> Result<Response<TrendReleaseReply>, Status> {
        let begun = Instant::now();
        let request = request.into_inner();
        let wait_ms = request.wait_ms;
        let asked = self.read_release(request).await.map_err(Trouble::for_staff)?;
        pins_taken_up(&self.node, &asked.to).await;
        let released = self.summarise.release(asked).await.map_err(|e| trouble::of(&e).for_staff())?;
        let deliveries = answers(&self.node, released.kept, begun, wait_ms).await;
        let deliveries = deliveries.map_err(|e| Trouble::incident(&e).for_staff())?;
        let Released { kept, summary, first } = released;
        let issuer = self.node.me.origin.node();
        Ok(Response::new(TrendReleaseReply {
            edition: Some(reply::edition(&query::Held { issuer, index: kept, summary })),
            first,
            deliveries: deliveries.into_iter().map(delivery_reply).collect(),
        }))
    }

    async fn list(&self, request: Request<TrendListRequest>) -> Result<Response<TrendListReply>, Status> {
        let TrendListRequest {} = request.into_inner();
        let ledger = &self.node.ledger;
        let held = query::all(ledger).map_err(|e| Trouble::incident(&e).for_staff())?;
        let lines = summarise::lines(ledger).map_err(|e| Trouble::incident(&e).for_staff())?;
        let budget = lines.iter().map(|(_, entry)| reply::line(entry)).collect();
        Ok(Response::new(TrendListReply { editions: held.iter().map(reply::edition).collect(), budget }))
    }

    async fn show(&self, request: Request<TrendShowRequest>) -> Result<Response<TrendShowReply>, Status> {
        let TrendShowRequest { country, cohort } = request.into_inner();
        let selection = read_selection(&country, &cohort).map_err(Trouble::for_staff)?;
        let held = query::select(&self.node.ledger, selection).map_err(|e| Trouble::incident(&e).for_staff())?;
        Ok(Response::new(TrendShowReply { sheets: held.iter().map(reply::sheet).collect() }))
    }

    async fn corridor(&self, request: Request<TrendCorridorRequest>) -> Result<Response<TrendCorridorReply>, Status> {
        let TrendCorridorRequest { from, to, cohort } = request.into_inner();
        let ends = (read_country(&from), read_country(&to), read_cohort(&cohort));
        let (from, to, cohort) = match ends {
            (Ok(from), Ok(to), Ok(cohort)) => (from, to, cohort),
            (Err(wrong), ..) | (_, Err(wrong), _) | (.., Err(wrong)) => return Err(wrong.for_staff()),
        };
        let seen = query::corridor(&self.node.ledger, from, to, cohort);
        let seen = seen.map_err(|e| Trouble::incident(&e).for_staff())?;
        Ok(Response::new(reply::corridor(from, to, &seen)))
    }
}

impl Service {
    /// What is asked for, if one of our staff signed for exactly that.
    async fn read_release(&self, request: TrendReleaseRequest) -> Result<ReleaseRequest, Trouble> {
        let about = act::about_trend(&request);
        let TrendReleaseRequest { cohort, to, while_running, coverage, break_in_series, wait_ms: _, act } = request;
        let (origin, now) = (&self.node.me.origin, self.node.clock.now());
        let credentials: Vec<PublicKey> = self.node.operators.iter().map(|operator| operator.public_key).collect();
        let signed = act::check(act.as_ref(), Verb::Release, about, origin, now, &credentials);
        let signed = signed.map_err(|bad| trouble::act(&bad))?;
        let cohort = read_cohort(&cohort)?.ok_or_else(|| trouble::cohort("no period was given"))?;
        let coverage = Coverage::from_number(coverage)
            .ok_or_else(|| Trouble::new(Class::Change, "bad-coverage", "the coverage is not one of its list"))?;
        if to.len() > limits::RECIPIENTS {
            return Err(Trouble::new(Class::Change, "too-many-recipients", "there are more recipients than countries"));
        }
        Ok(ReleaseRequest {
            place: Place { cohort, edition: Edition::Flash },
            to: to.iter().map(|country| read_country(country)).collect::<Result<_, _>>()?,
            running: if while_running { Running::Freeze } else { Running::Refuse },
            coverage,
            break_in_series,
            program: self.program().await?,
            act: signed.act.encode_to_vec(),
        })
    }

    /// SHA-256 of the running program, read once.
    async fn program(&self) -> Result<Digest, Trouble> {
        if let Some(known) = self.program.get() {
            return Ok(*known);
        }
        let read = tokio::task::spawn_blocking(program_digest).await.unwrap_or_else(|e| Err(std::io::Error::other(e)));
        let digest = read.map_err(|e| Trouble::incident(&e))?;
        Ok(*self.program.get_or_init(|| digest))
    }
}

/// The kernel's own link to the program's file, which leads there even after the file was replaced by a newer one.
fn program_digest() -> std::io::Result<Digest> {
    use sha2::Digest as _;
    let mut file = std::fs::File::open("/proc/self/exe")?;
    let (mut hash, mut block) = (sha2::Sha256::new(), vec![0; 1 << 16]);
    loop {
        match file.read(&mut block)? {
            0 => return Ok(Digest(hash.finalize().into())),
            read => hash.update(&block[..read]),
        }
    }
}

fn read_selection(country: &str, cohort: &str) -> Result<Selection, Trouble> {
    let country = if country.is_empty() { None } else { Some(read_country(country)?) };
    Ok(Selection { country, cohort: read_cohort(cohort)? })
}

fn read_country(text: &str) -> Result<NodeId, Trouble> {
    NodeId::parse(text).map_err(|bad| {
        Trouble::new(Class::Change, "bad-country", bad.to_string()).next("write it as in ISO 3166-1, for example NO")
    })
}

/// An empty text is no period.
fn read_cohort(text: &str) -> Result<Option<Period>, Trouble> {
    if text.is_empty() {
        return Ok(None);
    }
    Period::parse(text).map(Some).map_err(|bad| trouble::cohort(&bad.to_string()))
}
