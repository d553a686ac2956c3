//! `varde.operator.v1.Log`: how the log stands, what it says, and the bundle for auditors as a stream of files.

use super::erasures;
use crate::edge::status::{Class, Trouble};
use crate::flow::bundle::{self, NotExported};
use crate::flow::logbook::{self, Line};
use crate::flow::witness::{self, Witnessed};
use crate::flow::{Node, journal, recover};
use crate::port::StoreError;
use crate::state::{ChannelKey, ChannelState, Direction};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use varde_proto::audit::{BundleSink, Scope};
use varde_proto::id::{Digest, NodeId};
use varde_proto::log::event::Event;
use varde_proto::wire::operator::log_server::{Log, LogServer};
use varde_proto::wire::operator::{
    LogChannel, LogExportRequest, LogFilePart, LogLine, LogPeer, LogShowReply, LogShowRequest, LogStandingReply,
    LogStandingRequest, OutstandingReply, OutstandingRequest,
};

/// Bytes of one piece of a file.
const PART_BYTES: usize = 64 * 1024;
/// Pieces that may wait for a reader.
const WAITING: usize = 16;
/// Lines shown when nobody says how many.
const LINES: usize = 50;

/// The service over a node.
pub fn log_service(node: Arc<Node>) -> LogServer<Service> {
    LogServer::new(Service { node })
}

/// The service; see [`log_service`].
pub struct Service {
    node: Arc<Node>,
}

fn failed(error: StoreError) -> Status {
    Trouble::incident(&error).for_staff()
}

#[tonic::async_trait]
impl Log for Service {
    type ExportStream = ReceiverStream<Result<LogFilePart, Status>>;

    async fn standing(&self, _request: Request<LogStandingRequest>) -> Result<Response<LogStandingReply>, Status> {
        standing(&self.node).map(Response::new).map_err(failed)
    }

    async fn show(&self, request: Request<LogShowRequest>) -> Result<Response<LogShowReply>, Status> {
        let LogShowRequest { from, most } = request.into_inner();
        let most = if most == 0 { LINES } else { most as usize };
        let node = self.node.clone();
        let read = tokio::task::spawn_blocking(move || {
            let lines = logbook::lines(&node.ledger, from, most)?;
            Ok(LogShowReply { lines: lines.into_iter().map(line).collect(), size: node.ledger.head().size().0 })
        });
        read.await.map_err(|error| Trouble::incident(&error).for_staff())?.map(Response::new).map_err(failed)
    }

    async fn export(&self, request: Request<LogExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let scope = scope(&self.node, &request.into_inner().for_country).map_err(Trouble::for_staff)?;
        let (parts, reader) = mpsc::channel(WAITING);
        let node = self.node.clone();
        tokio::task::spawn_blocking(move || {
            match bundle::write(&node, scope, Parts(parts.clone())) {
                Ok((_, size)) => tracing::info!(%scope, size, "a bundle was exported"),
                // Nobody reads any more.
                Err(NotExported::Written(error)) if parts.is_closed() => {
                    tracing::info!(%error, "an export was broken off")
                }
                Err(error @ NotExported::Erasing) => {
                    let trouble = Trouble::new(Class::Again, "erasing", error.to_string())
                        .means("a bundle of this moment could not say why something is gone; none was made")
                        .next("run it again in a moment; if it stays, the output of `varde-node` says why the erasure does not end");
                    drop(parts.blocking_send(Err(trouble.for_staff())));
                }
                Err(error) => drop(parts.blocking_send(Err(Trouble::incident(&error).for_staff()))),
            }
        });
        Ok(Response::new(ReceiverStream::new(reader)))
    }

    async fn outstanding(&self, _request: Request<OutstandingRequest>) -> Result<Response<OutstandingReply>, Status> {
        let node = self.node.clone();
        let read = tokio::task::spawn_blocking(move || erasures::outstanding(&node));
        read.await.map_err(|error| Trouble::incident(&error).for_staff())?.map(Response::new).map_err(failed)
    }
}

fn scope(node: &Node, country: &str) -> Result<Scope, Trouble> {
    if country.is_empty() {
        return Ok(Scope::National);
    }
    let Ok(wanted) = NodeId::parse(country) else {
        return Err(Trouble::new(Class::Change, "bad-country", format!("{country:?} is not a country"))
            .next("give two capital letters, for example EE"));
    };
    let pinned = node.peers.borrow().clone();
    // A peer whose pin was removed has its part of the log still.
    if pinned.contains_key(&wanted) || node.ledger.book().has_exchanged(wanted) {
        return Ok(Scope::For(wanted));
    }
    let pinned: Vec<&str> = pinned.keys().map(|peer| peer.as_str()).collect();
    let those = if pinned.is_empty() { "no country is".to_owned() } else { format!("pinned: {}", pinned.join(", ")) };
    Err(Trouble::new(Class::Change, "not-pinned", format!("{wanted} is not pinned at this node; {those}"))
        .means("the bundle would hold nothing of any exchange, so none was made")
        .next("name one of the pinned countries with --for, or leave it out for the whole log"))
}

fn standing(node: &Node) -> Result<LogStandingReply, StoreError> {
    let (head, recovering) = (node.ledger.head(), recover::standing(node));
    // What is not known to be signed already is shown to nobody.
    let shown = if recovering.is_some() { String::new() } else { node.ledger.show()?.write() };
    let Witnessed { by, needed, size, waiting_since } = witness::standing(node)?;
    let book = node.ledger.book();
    let peers = by.iter().map(|standing| LogPeer {
        country: standing.witness.node().to_string(),
        origin: standing.witness.to_string(),
        verified_size: book.head_of(&standing.witness).size,
        channels: book.channels_with(&standing.witness).map(channel).collect(),
        cosigned_size: standing.size,
        cosigned_time: standing.seconds,
    });
    Ok(LogStandingReply {
        origin: node.me.origin.to_string(),
        size: head.size().0,
        root: bytes_of(&head.root()),
        head: shown,
        recovering: recovering.unwrap_or_default(),
        newest_ms: book.last_time.ms(),
        peers: peers.collect(),
        quorum: u32::try_from(needed).unwrap_or(u32::MAX),
        witnessed: size,
        waiting_since_ms: waiting_since.map_or(0, varde_proto::time::Timestamp::ms),
    })
}

fn channel((key, state): (&ChannelKey, &ChannelState)) -> LogChannel {
    let direction = match key.direction {
        Direction::Out => "to",
        Direction::In => "from",
    };
    let (class, seq, settled) = (u32::from(key.class), state.seq, state.settled);
    LogChannel { direction: direction.to_owned(), class, seq, settled }
}

fn bytes_of(digest: &Digest) -> Bytes {
    if *digest == Digest::NONE { Bytes::new() } else { Bytes::copy_from_slice(&digest.0) }
}

fn line(line: Line) -> LogLine {
    match line {
        Line::Leaf { index, event: None } => LogLine { index, what: "erased".to_owned(), ..LogLine::default() },
        Line::Leaf { index, event: Some(event) } => {
            let reason = logbook::reason(&event);
            let Event { kind, time, peer, direction, class, seq, object, .. } = *event;
            LogLine {
                journal: false,
                index,
                time_ms: time.ms(),
                what: kind.name(),
                who: peer.map(|peer| peer.to_string()).unwrap_or_default(),
                direction: logbook::direction(direction).to_owned(),
                class: u32::from(class),
                seq,
                object: bytes_of(&object),
                reason,
                left_out: 0,
            }
        }
        Line::Refused(journal::Entry { time, code, who, left_out }) => {
            LogLine { journal: true, time_ms: time.ms(), what: code, who, left_out, ..LogLine::default() }
        }
    }
}

/// A bundle that goes out in pieces.
struct Parts(mpsc::Sender<Result<LogFilePart, Status>>);

/// Whoever asked for the bundle is gone.
#[derive(Debug, thiserror::Error)]
#[error("the reader went away")]
struct Gone;

impl BundleSink for Parts {
    type Error = Gone;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Gone> {
        let mut pieces = bytes.chunks(PART_BYTES).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let last = pieces.peek().is_none();
            let part = LogFilePart { path: path.to_owned(), bytes: Bytes::copy_from_slice(piece), last };
            self.0.blocking_send(Ok(part)).map_err(|_| Gone)?;
            if last {
                return Ok(());
            }
        }
    }
}
