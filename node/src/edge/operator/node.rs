//! `varde.operator.v1.Node`: how the node is.

use crate::edge::notify::Alarm;
use crate::edge::status::Trouble;
use crate::flow::room::Room;
use std::sync::Arc;
use tonic::{Request, Response, Status};
use varde_proto::id::{NodeId, Origin};
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::node_server::{Node, NodeServer};
use varde_proto::wire::operator::{PeerStatus, StatusReply, StatusRequest};

/// The node at a glance.
#[derive(Debug, Clone)]
pub struct Vitals {
    /// Its exchange log.
    pub origin: Origin,
    /// `ACTUAL`, `EXERCISE` or `TEST`.
    pub mode: &'static str,
    /// Where peers reach it, `ADDR:PORT`.
    pub listening: String,
    /// Leaves in the exchange log.
    pub log_size: u64,
    /// Case records held.
    pub records: u64,
    /// What a restored node waits for.
    pub recovering: Option<String>,
    /// Urgent alerts that nobody has seen, a thousand at most, and since when the oldest of them.
    pub unseen: Option<(u32, Timestamp)>,
    /// Alerts that were released without a second person and that none has looked at since, a thousand at most.
    pub unreviewed: u32,
    /// Bytes that are free under the node's directory, and what that means.
    pub free: u64,
    /// Whether that is enough.
    pub room: Room,
    /// Whether there is anybody to wake.
    pub notify: bool,
    /// What is wrong with waking them.
    pub alarm: Option<Alarm>,
    /// Every pinned peer, by country.
    pub peers: Vec<PeerVitals>,
}

/// One pinned peer at a glance.
#[derive(Debug, Clone)]
pub struct PeerVitals {
    /// Its country.
    pub country: NodeId,
    /// Its exchange log.
    pub origin: Origin,
    /// Whether a connection stands.
    pub connected: bool,
    /// Items logged as sent to it and not yet receipted.
    pub owed: u64,
    /// When its last frame came.
    pub last_heard: Option<Timestamp>,
    /// The code of why the last connection ended, or was not made, and when.
    pub last_failure: Option<(String, Timestamp)>,
}

type Error = Box<dyn std::error::Error + Send + Sync>;

/// The service, over a function that looks.
pub fn node_service<F>(look: F) -> NodeServer<Service<F>>
where
    F: Fn() -> Result<Vitals, Error> + Send + Sync + 'static,
{
    NodeServer::from_arc(Arc::new(Service { look }))
}

/// The service; see [`node_service`].
#[derive(Debug)]
pub struct Service<F> {
    look: F,
}

#[tonic::async_trait]
impl<F> Node for Service<F>
where
    F: Fn() -> Result<Vitals, Error> + Send + Sync + 'static,
{
    async fn status(&self, _request: Request<StatusRequest>) -> Result<Response<StatusReply>, Status> {
        let vitals = (self.look)().map_err(|e| Trouble::incident(e.as_ref()).for_staff())?;
        Ok(Response::new(reply(vitals)))
    }
}

fn reply(vitals: Vitals) -> StatusReply {
    let Vitals {
        origin,
        mode,
        listening,
        log_size,
        records,
        recovering,
        unseen,
        unreviewed,
        free,
        room,
        notify,
        alarm,
        peers,
    } = vitals;
    let (unseen, since) = unseen.unwrap_or_default();
    let (failing_since, failure) = alarm.map(|alarm| (alarm.since.ms(), alarm.what)).unwrap_or_default();
    StatusReply {
        origin: origin.to_string(),
        mode: mode.to_owned(),
        listening,
        log_size,
        records,
        recovering: recovering.unwrap_or_default(),
        peers: peers.into_iter().map(peer_reply).collect(),
        unseen,
        unseen_since_ms: since.ms(),
        unreviewed,
        disk_free_bytes: free,
        disk: match room {
            Room::Enough => "enough",
            Room::Low => "low",
            Room::None => "full",
        }
        .to_owned(),
        notify,
        notify_failure: failure,
        notify_failing_since_ms: failing_since,
    }
}

fn peer_reply(peer: PeerVitals) -> PeerStatus {
    let PeerVitals { country, origin, connected, owed, last_heard, last_failure } = peer;
    let (last_failure, failed) = last_failure.unwrap_or_default();
    PeerStatus {
        country: country.to_string(),
        origin: origin.to_string(),
        connected,
        owed,
        last_heard_ms: last_heard.map_or(0, Timestamp::ms),
        last_failure,
        last_failure_ms: failed.ms(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::edge::operator::{Door, SOCKET};
    use tonic::service::Routes;
    use tonic::transport::Endpoint;
    use varde_proto::wire::operator::node_client::NodeClient;

    async fn ask(look: fn() -> Result<Vitals, Error>) -> Result<StatusReply, Status> {
        let run = tempfile::tempdir().unwrap();
        let door = Door::open(run.path()).await.unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let serving = tokio::spawn(door.serve(Routes::new(node_service(look)), async {
            let _ = stopped.await;
        }));
        let socket = run.path().join(SOCKET);
        let channel = Endpoint::from_static("http://node.invalid")
            .connect_with_connector(tower::service_fn(move |_| {
                let socket = socket.clone();
                async move { tokio::net::UnixStream::connect(socket).await.map(hyper_util::rt::TokioIo::new) }
            }))
            .await
            .unwrap();
        let answer = NodeClient::new(channel).status(StatusRequest {}).await.map(Response::into_inner);
        stop.send(()).unwrap();
        serving.await.unwrap().unwrap();
        answer
    }

    #[tokio::test]
    async fn the_door_answers_how_the_node_is() {
        let reply = ask(|| {
            Ok(Vitals {
                origin: Origin::parse("varde.example/no/1")?,
                mode: "TEST",
                listening: "127.0.0.1:1".into(),
                log_size: 7,
                records: 3,
                recovering: None,
                unseen: None,
                unreviewed: 0,
                free: 1,
                room: Room::Low,
                notify: false,
                alarm: None,
                peers: Vec::new(),
            })
        });
        let reply = reply.await.unwrap();
        assert_eq!((reply.origin.as_str(), reply.log_size), ("varde.example/no/1", 7));
    }

    #[tokio::test]
    async fn a_fault_of_the_node_goes_out_as_an_incident() {
        let status = ask(|| Err("page 12 of the store is torn".into())).await.unwrap_err();
        assert_eq!(status.code(), tonic::Code::Internal);
        assert!(status.message().contains("incident") && !status.message().contains("page 12"));
    }
}
