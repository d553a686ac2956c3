//! The server side: one RPC, which makes a [`Link`] of a connection that a peer opened.

use super::accept::Accepted;
use super::code::{Code, Refused, Reporter};
use super::connection::PeerInfo;
use super::link::{Link, link};
use super::registry::Registry;
use crate::edge::status::{Class, Trouble};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt};
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};
use varde_proto::limits;
use varde_proto::wire::peer::Frame;
use varde_proto::wire::peer::exchange_server::{Exchange, ExchangeServer};

/// After the signal to stop, connections have this long to end in order.
const DRAIN: Duration = Duration::from_secs(10);
/// Streams at once on one connection: one is used, a second may overlap while it is replaced.
const STREAMS: u32 = 4;
pub(super) const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
pub(super) const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
pub(super) const KEEP_ALIVE: Duration = Duration::from_secs(20);
pub(super) const KEEP_ALIVE_ANSWER: Duration = Duration::from_secs(10);
pub(super) const HEADER_BYTES: u32 = 16 * 1024;

/// What makes links of accepted connections.
pub(crate) struct Service {
    /// Which links live.
    pub(crate) registry: Registry,
    /// Where new links go.
    pub(crate) links: mpsc::Sender<Link>,
    /// Where refusals are told.
    pub(crate) reporter: Reporter,
}

/// Serves accepted connections until `stop`; then lets them end in order, and drops them after ten seconds.
pub(crate) async fn run(service: Service, accepted: mpsc::Receiver<Accepted>, mut stop: watch::Receiver<bool>) {
    let exchange = ExchangeServer::new(service)
        .max_decoding_message_size(limits::MESSAGE_BYTES)
        .max_encoding_message_size(limits::MESSAGE_BYTES);
    let mut stopping = stop.clone();
    let signal = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    let server = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(STREAMS)
        .concurrency_limit_per_connection(STREAMS as usize)
        .load_shed(true)
        .http2_keepalive_interval(Some(KEEP_ALIVE))
        .http2_keepalive_timeout(Some(KEEP_ALIVE_ANSWER))
        .http2_max_header_list_size(HEADER_BYTES)
        .http2_max_local_error_reset_streams(Some(256))
        .add_service(exchange)
        .serve_with_incoming_shutdown(ReceiverStream::new(accepted).map(Ok::<_, std::io::Error>), signal);
    // The server may wait without end for a connection that does not answer (hyper issue 4170); so it is given a limit.
    let limit = async {
        let _ = stop.wait_for(|stop| *stop).await;
        tokio::time::sleep(DRAIN).await;
    };
    tokio::select! {
        ended = server => if let Err(error) = ended {
            tracing::error!(%error, "the server for peers ended");
        },
        () = limit => tracing::warn!("some peers did not let go within ten seconds"),
    }
}

#[tonic::async_trait]
impl Exchange for Service {
    type ExchangeStream = std::pin::Pin<Box<dyn Stream<Item = Result<Frame, Status>> + Send>>;

    async fn exchange(&self, request: Request<Streaming<Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let Some(PeerInfo { peer, remote, side, fate, .. }) = request.extensions().get::<PeerInfo>().cloned() else {
            return Err(Trouble::incident(&Code::Unpinned).for_peer());
        };
        let node = peer.node();
        let Some(live) = self.registry.enter(node, side, &fate) else {
            return Err(Trouble::new(Class::Ask, "superseded", "another connection with this peer is kept").for_peer());
        };
        let (link, ends, outgoing) = link(peer, side, fate.clone());
        if self.links.try_send(link).is_err() {
            return Err(Trouble::new(Class::Again, "busy", "this node stops, or takes no more links now").for_peer());
        }
        fate.used();
        let reporter = self.reporter.clone();
        tokio::spawn(async move {
            ends.carry(request.into_inner(), live).await;
            if let Some(code) = fate.ended().filter(|code| *code != Code::Closed) {
                reporter.report(Refused { code, side, remote: Some(remote), peer: Some(node) });
            }
        });
        Ok(Response::new(Box::pin(outgoing.map(Ok))))
    }
}
