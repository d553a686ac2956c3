//! A member of staff of a test: speaks to a node's operator door as the command line does, over the socket and signed with a
//! credential, but thousands of times without starting a process each time.

use crate::harness::Trouble;
use hyper_util::rt::TokioIo;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;
use tonic::transport::{Channel, Endpoint, Uri};
use varde_node::edge::clock::SystemClock;
use varde_node::port::Clock;
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::template;
use varde_proto::home;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::identity::SecretKey;
use varde_proto::vocabulary::AlertKind;
use varde_proto::wire::operator::alerts_client::AlertsClient;
use varde_proto::wire::operator::node_client::NodeClient;
use varde_proto::wire::operator::*;

/// A connection to a node's operator door.
pub struct Staff {
    channel: Channel,
    key: SecretKey,
    origin: Origin,
}

impl Staff {
    /// Connects to the running node in `dir` with credential `a`.
    pub async fn connect(dir: &Path, origin: Origin) -> Result<Self, Trouble> {
        let pem = std::fs::read_to_string(dir.join(home::operator("a")))?;
        let key = SecretKey::from_pem(&pem).map_err(|e| Trouble::new(e.to_string()))?;
        let socket: PathBuf = dir.join(home::OPERATOR_SOCKET);
        let connector = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://node.invalid").connect_with_connector(connector).await;
        let channel = channel.map_err(|e| Trouble::new(format!("the operator door does not open: {e}")))?;
        Ok(Self { channel, key, origin })
    }

    fn act(&self, verb: Verb, about: Digest) -> varde_proto::envelope::Envelope {
        act::sign(verb, about, &self.origin, SystemClock.now(), &self.key)
    }

    /// Drafts the template of a route and releases it to one country. When it returns an id, the node has acknowledged.
    pub async fn release_route(&self, to: NodeId) -> Result<String, tonic::Status> {
        self.release_route_to(&[to]).await
    }

    /// The same to several countries at once.
    pub async fn release_route_to(&self, to: &[NodeId]) -> Result<String, tonic::Status> {
        let draft = self.draft_route().await?;
        self.release(&draft, to, 0).await?;
        Ok(draft.id)
    }

    /// The same, waiting for the receipt: how long that took from the release on, without the drafting. An error where there is
    /// no receipt within ten seconds.
    pub async fn exchange_route(&self, to: NodeId) -> Result<Duration, tonic::Status> {
        let draft = self.draft_route().await?;
        let released = Instant::now();
        let deliveries = self.release(&draft, &[to], 10_000).await?;
        let took = released.elapsed();
        if deliveries.iter().all(|delivery| delivery.state == "receipted") && !deliveries.is_empty() {
            return Ok(took);
        }
        Err(tonic::Status::deadline_exceeded(format!("no receipt but {deliveries:?}")))
    }

    async fn draft_route(&self) -> Result<DraftReply, tonic::Status> {
        let mut alerts = AlertsClient::new(self.channel.clone());
        let file = template(AlertKind::ROUTE_CORRIDOR, SystemClock.now()).unwrap_or_default();
        let mut draft = DraftRequest { file: file.into_bytes().into(), from: None, act: None, kind: 0 };
        draft.act = Some(self.act(Verb::Draft, act::about_draft(&draft)));
        Ok(alerts.draft(draft).await?.into_inner())
    }

    async fn release(&self, draft: &DraftReply, to: &[NodeId], wait_ms: u32) -> Result<Vec<Delivery>, tonic::Status> {
        let mut alerts = AlertsClient::new(self.channel.clone());
        let digest = Digest::from_bytes(&draft.digest).unwrap_or_default();
        let act = Some(self.act(Verb::Release, act::about_release(digest, to)));
        let to = to.iter().map(NodeId::to_string).collect();
        let release = ReleaseRequest { id: draft.id.clone(), to, wait_ms, act, without_approval: 0 };
        Ok(alerts.release(release).await?.into_inner().deliveries)
    }

    /// The whole inbox, page by page.
    pub async fn inbox(&self) -> Result<Vec<ReceivedAlert>, tonic::Status> {
        let mut alerts = AlertsClient::new(self.channel.clone());
        let mut all: Vec<ReceivedAlert> = Vec::new();
        loop {
            let before = all.last().map_or(0, |alert| alert.log_index);
            let page = alerts.inbox(InboxRequest { before }).await?.into_inner().alerts;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Items owed to all peers together.
    pub async fn owed(&self) -> Result<u64, tonic::Status> {
        Ok(self.status().await?.peers.iter().map(|peer| peer.owed).sum())
    }

    /// What the node says of itself.
    pub async fn status(&self) -> Result<StatusReply, tonic::Status> {
        Ok(NodeClient::new(self.channel.clone()).status(StatusRequest {}).await?.into_inner())
    }
}
