//! `varde.operator.v1.Log`: how the log stands, what it says, and the bundle for auditors as a stream of files.

use super::{backups, erasures, stories};
use crate::edge::backup;
use crate::edge::generation;
use crate::edge::status::{Class, Trouble};
use crate::flow::bundle::{self, NotExported};
use crate::flow::ended::Doubt;
use crate::flow::ledger::CommitError;
use crate::flow::logbook::{self, Line};
use crate::flow::recover::ended;
use crate::flow::witness::{self, Witnessed};
use crate::flow::{Node, fork, gossip, journal, recover};
use crate::port::StoreError;
use crate::state::{ChannelKey, ChannelState, Direction};
use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};
use varde_proto::audit::{BundleSink, Scope};
use varde_proto::control::leaf as bodies;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::log::body::Recovery;
use varde_proto::log::event::{Event, Kind};
use varde_proto::wire::operator::log_server::{Log, LogServer};
use varde_proto::wire::operator::{
    LogAlarm, LogBackupRequest, LogChannel, LogExportRequest, LogFilePart, LogFork, LogForksReply, LogForksRequest,
    LogIncidentReply, LogIncidentRequest, LogLine, LogPeer, LogShowReply, LogShowRequest, LogStandingReply,
    LogStandingRequest, LogUnfreezeReply, LogUnfreezeRequest, OutstandingReply, OutstandingRequest,
};

/// Bytes of one piece of a file.
pub(super) const PART_BYTES: usize = 64 * 1024;
/// Pieces that may wait for a reader.
const WAITING: usize = 16;
/// Bundles and backups that are read at the same time: each takes one of the few threads for work aside for as long as its reader
/// lets it wait.
static READERS: Semaphore = Semaphore::const_new(4);

fn place() -> Result<SemaphorePermit<'static>, Status> {
    READERS.try_acquire().map_err(|_| {
        Trouble::new(Class::Again, "busy", "four bundles or backups are being read from this node")
            .means("nothing was made")
            .next("wait until one of them is finished; one that hangs ends with the command that reads it")
            .for_staff()
    })
}

/// Lines shown when nobody says how many.
const LINES: usize = 50;

/// The service over the node of a directory.
pub fn log_service(node: Arc<Node>, dir: PathBuf) -> LogServer<Service> {
    LogServer::new(Service { node, dir })
}

/// The service; see [`log_service`].
pub struct Service {
    node: Arc<Node>,
    dir: PathBuf,
}

fn failed(error: StoreError) -> Status {
    Trouble::incident(&error).for_staff()
}

#[tonic::async_trait]
impl Log for Service {
    type ExportStream = ReceiverStream<Result<LogFilePart, Status>>;
    type BackupStream = ReceiverStream<Result<LogFilePart, Status>>;

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

    async fn forks(&self, _request: Request<LogForksRequest>) -> Result<Response<LogForksReply>, Status> {
        forks(&self.node).map(|forks| Response::new(LogForksReply { forks })).map_err(failed)
    }

    async fn unfreeze(&self, request: Request<LogUnfreezeRequest>) -> Result<Response<LogUnfreezeReply>, Status> {
        let LogUnfreezeRequest { origin, act } = request.into_inner();
        let log = Origin::parse(&origin).map_err(|_| not_frozen().for_staff())?;
        let done = fork::unfreeze(&self.node, &log, act).await.map_err(|refused| story(refused).for_staff())?;
        Ok(Response::new(LogUnfreezeReply { done }))
    }

    async fn export(&self, request: Request<LogExportRequest>) -> Result<Response<Self::ExportStream>, Status> {
        let scope = scope(&self.node, &request.into_inner().for_country).map_err(Trouble::for_staff)?;
        let (parts, reader) = mpsc::channel(WAITING);
        let node = self.node.clone();
        // Two people have decided that this log ends; when the node starts again, nobody can ask for it any more.
        let ended = generation::is_over(&self.dir, &node);
        let place = place()?;
        tokio::task::spawn_blocking(move || {
            let _place = place;
            let sink = Parts(parts.clone());
            let written =
                if ended { bundle::write_last(&node, scope, sink) } else { bundle::write(&node, scope, sink) };
            match written {
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

    async fn backup(&self, _request: Request<LogBackupRequest>) -> Result<Response<Self::BackupStream>, Status> {
        let place = place()?;
        let made = backup::make(&self.node, &self.dir).await.map_err(|error| match error {
            CommitError::Refused(error) => failed(error),
            CommitError::Stopped => Trouble::incident(&error).for_staff(),
        })?;
        let (parts, reader) = mpsc::channel(WAITING);
        tokio::task::spawn_blocking(move || {
            let _place = place;
            match backups::send(made, &mut Parts(parts.clone())) {
                Ok(()) => tracing::info!("a backup was handed out"),
                Err(error) => drop(parts.blocking_send(Err(failed(error)))),
            }
        });
        Ok(Response::new(ReceiverStream::new(reader)))
    }

    async fn incident(&self, _request: Request<LogIncidentRequest>) -> Result<Response<LogIncidentReply>, Status> {
        incident(&self.node).map(Response::new).map_err(failed)
    }

    async fn outstanding(&self, _request: Request<OutstandingRequest>) -> Result<Response<OutstandingReply>, Status> {
        let node = self.node.clone();
        let read = tokio::task::spawn_blocking(move || erasures::outstanding(&node));
        read.await.map_err(|error| Trouble::incident(&error).for_staff())?.map(Response::new).map_err(failed)
    }
}

fn incident(node: &Node) -> Result<LogIncidentReply, StoreError> {
    let origin = node.me.origin.to_string();
    let Some(ended::Known { reason, newest, stored, shown, silent }) = ended::known(node)? else {
        return Ok(LogIncidentReply { origin, ..LogIncidentReply::default() });
    };
    let root = |root: &Digest| Bytes::copy_from_slice(&root.0);
    Ok(LogIncidentReply {
        origin,
        reason: reason.name().to_owned(),
        newest: newest.map(|head| head.write()).unwrap_or_default(),
        stored_size: stored.size,
        stored_root: root(&stored.root),
        shown_size: shown.map_or(0, |shown| shown.size),
        shown_root: shown.map(|shown| root(&shown.root)).unwrap_or_default(),
        silent: silent.iter().map(ToString::to_string).collect(),
    })
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
    let alarms = alarms(node)?;
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
        alarms,
    })
}

fn forks(node: &Node) -> Result<Vec<LogFork>, StoreError> {
    let fork = |(log, standing, claim): fork::Forked| {
        let [one, other] = claim.notes().each_ref().map(|note| note.write());
        let first = fork::first(node, &log, standing)?;
        Ok(LogFork {
            origin: log.to_string(),
            size: claim.size().0,
            one,
            other,
            evidence: bytes_of(&standing.evidence),
            frozen: standing.frozen,
            decided_by: first.unwrap_or_default(),
        })
    };
    fork::all(&node.ledger)?.into_iter().map(fork).collect()
}

fn not_frozen() -> Trouble {
    Trouble::new(Class::Absent, "not-frozen", "no log of this name is frozen")
        .next("`varde peer evidence` shows which are")
}

fn story(refused: fork::Refused) -> Trouble {
    match refused {
        fork::Refused::NotFrozen => not_frozen(),
        fork::Refused::Act(bad) => stories::act(bad),
        fork::Refused::SamePerson => Trouble::new(Class::Ask, "same-person", refused.to_string())
            .means("four eyes: two people answer for dealing again with a log that showed two faces")
            .next("another member of staff runs: varde peer unfreeze CC --as THEIR-KEY-FILE"),
        fork::Refused::Store(failure) => Trouble::incident(&failure),
        fork::Refused::Stopped => Trouble::new(Class::Again, "stopped", "the node has stopped writing")
            .means("its store failed; whether this was written is known after a restart")
            .next("look at the node's log, put the disk right, start the node, then `varde peer evidence`"),
    }
}

fn alarms(node: &Node) -> Result<Vec<LogAlarm>, StoreError> {
    let forked = fork::all(&node.ledger)?.into_iter().filter(|(_, standing, _)| standing.frozen);
    let forked = forked.map(|(log, _, claim)| LogAlarm {
        code: if log == node.me.origin { "forked-ourselves" } else { "frozen" }.to_owned(),
        origin: log.to_string(),
        size: claim.size().0,
        ..LogAlarm::default()
    });
    let apart = gossip::divergences(node).into_iter().map(|apart| LogAlarm {
        code: match apart.doubt {
            Doubt::Apart => "unproven-divergence",
            Doubt::GoesOn => "ended-log-goes-on",
        }
        .to_owned(),
        origin: apart.log.to_string(),
        size: apart.head.size,
        told_by: apart.teller.to_string(),
        since_ms: apart.since.ms(),
    });
    Ok(forked.chain(apart).collect())
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
        Line::Leaf { index, event: None } => LogLine { index, what: "unreadable".to_owned(), ..LogLine::default() },
        Line::Leaf { index, event: Some(event) } => {
            let reason = reason(&event);
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

/// What a leaf says beside its kind, for people.
fn reason(event: &Event) -> String {
    match event.kind {
        Kind::HOLD if bodies::read_hold(&event.body) == Some(false) => "lifted".to_owned(),
        Kind::RECOVERY => Recovery::read(&event.body).map(|read| regained(&read)).unwrap_or_default(),
        _ => logbook::reason(event),
    }
}

fn regained(recovery: &Recovery) -> String {
    let back = recovery.size.saturating_sub(recovery.backup_size);
    let mute: u64 = recovery.missing.iter().map(|(from, to)| to.saturating_sub(*from)).sum();
    format!("{back} leaves came back from peers, {mute} of them unreadable")
}

/// Files that go out in pieces.
pub(super) struct Parts(mpsc::Sender<Result<LogFilePart, Status>>);

/// Whoever asked for them is gone.
#[derive(Debug, thiserror::Error)]
#[error("the reader went away")]
pub(super) struct Gone;

impl Parts {
    /// Sends a piece of a file.
    pub(super) fn send(&mut self, part: LogFilePart) -> Result<(), Gone> {
        self.0.blocking_send(Ok(part)).map_err(|_| Gone)
    }
}

impl BundleSink for Parts {
    type Error = Gone;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Gone> {
        let mut pieces = bytes.chunks(PART_BYTES).peekable();
        loop {
            let piece = pieces.next().unwrap_or_default();
            let last = pieces.peek().is_none();
            let part = LogFilePart { path: path.to_owned(), bytes: Bytes::copy_from_slice(piece), last };
            self.send(part)?;
            if last {
                return Ok(());
            }
        }
    }
}
