//! What is asked over plain HTTP and what is answered: `POST /add-checkpoint` and `GET /<sha256 of the origin>/checkpoint` for
//! the foreign logs of the settings; `GET /log/checkpoint` and `GET /log/tile/...` of our own log where it is published.
//!
//! Whatever is not one of these is 404, and no answer says more than the specifications do.

use super::DEADLINE;
use super::pace::Pace;
use super::published::{self, Published};
use crate::flow::Node;
use crate::flow::foreign::{self, NotCosigned};
use crate::port::StoreError;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request, Response, StatusCode};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use varde_proto::home::{ForeignLog, WitnessDoor};
use varde_proto::id::Digest;
use varde_proto::limits;
use varde_proto::log::tiles::Tile;
use varde_proto::log::witness::{self, AddCheckpoint, Cosigned, Refused};

type Reply = Response<Full<Bytes>>;

const TILE_TYPE: &str = "application/octet-stream";

/// What every request shares.
pub(super) struct Service {
    node: Arc<Node>,
    door: WitnessDoor,
    pace: Mutex<Pace>,
    published: Mutex<Published>,
}

/// What a path names.
enum Asked<'a> {
    Add,
    Monitored(&'a ForeignLog),
    Checkpoint,
    Tile(Tile),
}

/// Answers one request.
pub(super) async fn answer(service: Arc<Service>, request: Request<Incoming>) -> Result<Reply, Infallible> {
    if !held(&service.pace).admits(service.node.clock.now()) {
        return Ok(later("too many requests"));
    }
    let path = request.uri().path().to_owned();
    let Some(asked) = service.asked(&path) else { return Ok(text(StatusCode::NOT_FOUND, "there is nothing here")) };
    // To HEAD the answer is that to GET; its body is left out on the way.
    let (methods, allowed): (&[Method], _) = match asked {
        Asked::Add => (&[Method::POST], "POST"),
        Asked::Monitored(_) | Asked::Checkpoint | Asked::Tile(_) => (&[Method::GET, Method::HEAD], "GET, HEAD"),
    };
    if !methods.contains(request.method()) {
        let mut reply = text(StatusCode::METHOD_NOT_ALLOWED, "another method is needed");
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Ok(reply);
    }
    let shown = match asked {
        Asked::Add => return Ok(service.add_checkpoint(request).await),
        Asked::Monitored(log) => foreign::newest(&service.node, log).map(|note| note.map(|note| plain(note.write()))),
        Asked::Checkpoint => published::checkpoint(&service.node, service.shown()).map(|note| Some(plain(note))),
        Asked::Tile(tile) => published::tile(&service.node, service.shown(), tile)
            .map(|bytes| bytes.map(|bytes| reply(StatusCode::OK, TILE_TYPE, bytes))),
    };
    Ok(match shown {
        Ok(reply) => reply.unwrap_or_else(|| text(StatusCode::NOT_FOUND, "there is nothing here")),
        Err(failure) => failed(&failure),
    })
}

impl Service {
    pub(super) fn new(node: Arc<Node>, door: WitnessDoor) -> Self {
        let pace = Mutex::new(Pace::new(node.clock.now()));
        Self { node, door, pace, published: Mutex::default() }
    }

    fn asked(&self, path: &str) -> Option<Asked<'_>> {
        match path.strip_prefix('/')? {
            "add-checkpoint" => Some(Asked::Add),
            "log/checkpoint" if self.door.publish => Some(Asked::Checkpoint),
            path => match path.strip_prefix("log/") {
                Some(tile) if self.door.publish => Tile::parse(tile).map(Asked::Tile),
                Some(_) => None,
                None => {
                    let hash = Digest::parse(path.strip_suffix("/checkpoint")?).ok()?;
                    self.log(|log| Digest::of(log.origin.as_bytes()) == hash).map(Asked::Monitored)
                }
            },
        }
    }

    fn log(&self, wanted: impl Fn(&ForeignLog) -> bool) -> Option<&ForeignLog> {
        self.door.logs.iter().find(|log| wanted(log))
    }

    fn shown(&self) -> u64 {
        held(&self.published).size(&self.node)
    }

    async fn add_checkpoint(&self, request: Request<Incoming>) -> Reply {
        let read = Limited::new(request.into_body(), limits::ADD_CHECKPOINT_BYTES).collect();
        let body = match tokio::time::timeout(DEADLINE, read).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => {
                return text(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
            }
            Ok(Err(_)) => return text(StatusCode::BAD_REQUEST, "the body broke off"),
            Err(_) => return text(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        };
        match tokio::time::timeout(DEADLINE, self.decide(&body)).await.unwrap_or(Err(NotCosigned::Stopped)) {
            Ok(cosigned) => said(&Ok(cosigned)),
            Err(NotCosigned::Refused(refused)) => said(&Err(refused)),
            Err(why @ NotCosigned::TooSoon) => later(&why.to_string()),
            Err(why @ NotCosigned::TooLarge) => text(StatusCode::PAYLOAD_TOO_LARGE, &why.to_string()),
            Err(NotCosigned::Store(failure)) => failed(&failure),
            Err(NotCosigned::Stopped) => text(StatusCode::SERVICE_UNAVAILABLE, "the witness cannot answer now"),
        }
    }

    async fn decide(&self, body: &[u8]) -> Result<Cosigned, NotCosigned> {
        let knows = |origin: &str| self.log(|log| log.origin == origin).is_some();
        let request = AddCheckpoint::parse(body).map_err(|bad| bad.refused(knows))?;
        let log = self.log(|log| log.origin == request.origin()).ok_or(Refused::UnknownLog)?;
        let may_step = |now| held(&self.pace).may_step(&log.origin, now);
        foreign::add_checkpoint(&self.node, log, request, may_step).await
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn said(verdict: &Result<Cosigned, Refused>) -> Reply {
    let answer = witness::answer(verdict);
    reply(StatusCode::from_u16(answer.status).unwrap_or_default(), answer.content_type, answer.body)
}

fn failed(failure: &StoreError) -> Reply {
    tracing::error!(%failure, "the witness could not answer");
    text(StatusCode::INTERNAL_SERVER_ERROR, "the witness could not do it")
}

fn later(sentence: &str) -> Reply {
    let mut reply = text(StatusCode::TOO_MANY_REQUESTS, sentence);
    reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    reply
}

fn plain(body: String) -> Reply {
    reply(StatusCode::OK, witness::TEXT_TYPE, body)
}

fn text(status: StatusCode, sentence: &str) -> Reply {
    reply(status, witness::TEXT_TYPE, format!("{sentence}\n"))
}

fn reply(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    reply
}
