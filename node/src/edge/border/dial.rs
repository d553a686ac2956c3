//! The client side: one attempt to reach a pinned peer, every failure with its name.

use super::accept::HANDSHAKE;
use super::code::{Code, Side};
use super::connection::{Connection, Held, PeerInfo};
use super::fate::Fate;
use super::link::{Link, code_of, link};
use super::pins::{Peer, Pins};
use super::registry::Registry;
use super::sockets::{Sockets, Stream};
use super::tls::{self, TlsSetup};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Streaming};
use varde_proto::limits;
use varde_proto::wire::peer::Frame;
use varde_proto::wire::peer::exchange_client::ExchangeClient;

/// What name resolution and the TCP handshake may take.
const CONNECT: Duration = Duration::from_secs(10);
/// What the peer may take to open its half of the stream.
const OPEN: Duration = Duration::from_secs(10);

/// Reaches one peer.
pub(crate) struct Dialler {
    /// Byte streams.
    pub(crate) sockets: Arc<dyn Sockets>,
    /// TLS.
    pub(crate) tls: TlsSetup,
    /// Which links live.
    pub(crate) registry: Registry,
}

/// A link that was dialled, and the task that carries it.
pub(crate) struct Dialled {
    /// For `flow`.
    pub(crate) link: Link,
    /// Ends with the link.
    pub(crate) carried: tokio::task::JoinHandle<()>,
}

impl Dialler {
    /// Connects, proves both keys, opens the stream. An attempt that fails leaves nothing behind.
    pub(crate) async fn dial(&self, peer: &Arc<Peer>) -> Result<Dialled, (Code, Option<SocketAddr>)> {
        let (stream, remote) = self.connect(peer).await.map_err(|code| (code, None))?;
        self.open(peer, stream, remote).await.map_err(|code| (code, Some(remote)))
    }

    async fn connect(&self, peer: &Peer) -> Result<(Stream, SocketAddr), Code> {
        let endpoint = peer.descriptor.endpoint().ok_or(Code::Unreachable)?;
        let host = endpoint.host().trim_start_matches('[').trim_end_matches(']');
        match tokio::time::timeout(CONNECT, self.sockets.connect(host, endpoint.port())).await {
            Ok(connected) => connected.map_err(|_| Code::Unreachable),
            Err(_) => Err(Code::ConnectTimeout),
        }
    }

    async fn open(&self, peer: &Arc<Peer>, stream: Stream, remote: SocketAddr) -> Result<Dialled, Code> {
        let stream = self.handshake(peer, stream).await?;
        let fate = Fate::new();
        let key = tls::shown_key(stream.get_ref().1.peer_certificates()).ok_or(Code::Unpinned)?;
        let info = PeerInfo { peer: peer.clone(), key, remote, side: Side::Dialled, fate: fate.clone() };
        let connection = Connection::new(stream, info, self.pins(), Held::alone());
        let channel = http2(connection).await.map_err(|()| fate.ended().unwrap_or(Code::NotOurProtocol))?;
        let mut client = ExchangeClient::new(channel)
            .max_decoding_message_size(limits::MESSAGE_BYTES)
            .max_encoding_message_size(limits::MESSAGE_BYTES);
        let (link, ends, outgoing) = link(peer.clone(), Side::Dialled, fate.clone());
        let incoming = exchange(&mut client, outgoing, &fate).await?;
        let live = self.registry.enter(peer.node(), Side::Dialled, &fate).ok_or(Code::Superseded)?;
        let carried = tokio::spawn(async move {
            ends.carry(incoming, live).await;
            drop(client);
        });
        Ok(Dialled { link, carried })
    }

    async fn handshake(&self, peer: &Peer, stream: Stream) -> Result<TlsStream<Stream>, Code> {
        let config = self.tls.client(peer.tls.clone()).map_err(|_| Code::TlsParameters)?;
        // Not sent, and not what trust rests on: the pin is.
        let name = ServerName::try_from("peer.invalid").map_err(|_| Code::TlsParameters)?;
        let connect = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream = match tokio::time::timeout(HANDSHAKE, connect).await {
            Ok(stream) => stream.map_err(|error| tls::code_of(&error))?,
            Err(_) => return Err(Code::HandshakeTimeout),
        };
        if stream.get_ref().1.alpn_protocol() == Some(b"h2") { Ok(stream) } else { Err(Code::TlsParameters) }
    }

    fn pins(&self) -> watch::Receiver<Arc<Pins>> {
        self.tls.pins.clone()
    }
}

/// Opens the stream. In TLS 1.3 the dialling side finishes first, so that a key the peer does not know shows only here.
async fn exchange(
    client: &mut ExchangeClient<Channel>,
    outgoing: ReceiverStream<Frame>,
    fate: &Fate,
) -> Result<Streaming<Frame>, Code> {
    match tokio::time::timeout(OPEN, client.exchange(Request::new(outgoing))).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(fate.ended().filter(|code| *code != Code::Closed).unwrap_or_else(|| code_of(&status))),
        Err(_) => Err(Code::NotOurProtocol),
    }
}

/// HTTP/2 over a connection that is already there.
async fn http2(connection: Connection<TlsStream<Stream>>) -> Result<Channel, ()> {
    let once = Mutex::new(Some(TokioIo::new(connection)));
    let connector = tower::service_fn(move |_| {
        let connection = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { connection.ok_or_else(|| io::Error::other(Code::ConnectionLost)) }
    });
    Endpoint::from_static("https://peer.invalid")
        .initial_stream_window_size(super::serve::STREAM_WINDOW)
        .initial_connection_window_size(super::serve::CONNECTION_WINDOW)
        .http2_keep_alive_interval(super::serve::KEEP_ALIVE)
        .keep_alive_timeout(super::serve::KEEP_ALIVE_ANSWER)
        .keep_alive_while_idle(true)
        .http2_max_header_list_size(super::serve::HEADER_BYTES)
        .connect_with_connector(connector)
        .await
        .map_err(|error| tracing::debug!(%error, "no HTTP/2 with the peer"))
}
