//! One stream of frames between two processes over mutual TLS 1.3 with pinned Ed25519 keys: the wire of the exchange, with
//! nothing of the node behind it.

use crate::Outcome;
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin as Pinned;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::{TlsAcceptor, TlsConnector, server};
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::server::Connected;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};
use varde_proto::id::{NodeId, Origin};
use varde_proto::identity::SecretKey;
use varde_proto::identity::certificate::Certificate;
use varde_proto::limits::MESSAGE_BYTES;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Frame;
use varde_proto::wire::peer::exchange_client::ExchangeClient;
use varde_proto::wire::peer::exchange_server::{Exchange, ExchangeServer};
use zeroize::Zeroizing;

const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 8 << 20;
/// 2026-11-21; only the two ends of this benchmark see the certificates.
const ISSUED_MS: i64 = 1_795_219_200_000;
/// Frames that wait to be sent.
pub(crate) const QUEUE: usize = 64;

/// Who is who, by the number of its seed.
pub(crate) fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([seed; 32]))
}

pub(crate) fn origin(country: &str) -> Outcome<Origin> {
    Ok(Origin::new("bench.example", NodeId::parse(country)?, 1)?)
}

fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768];
    Arc::new(provider)
}

fn certificate(seed: u8) -> Outcome<(CertificateDer<'static>, PrivateKeyDer<'static>)> {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    let now = Timestamp::from_ms(ISSUED_MS)?;
    let der = Certificate::issue(&key(seed), now)?;
    let private = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]).to_pkcs8_der()?;
    Ok((der.into(), PrivatePkcs8KeyDer::from(private.as_bytes().to_vec()).into()))
}

/// Accepts exactly one key.
#[derive(Debug)]
struct Pin(Vec<u8>);

impl Pin {
    fn of(seed: u8) -> Arc<Self> {
        Arc::new(Self(key(seed).public().bytes().to_vec()))
    }

    fn check(&self, end: &CertificateDer<'_>) -> Result<(), Error> {
        let read = Certificate::read(end).map_err(|e| Error::General(e.to_string()))?;
        if read.key.bytes()[..] == self.0 { Ok(()) } else { Err(Error::General("not the pinned key".into())) }
    }

    fn signature(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &provider().signature_verification_algorithms)
    }
}

macro_rules! tls13_only {
    () => {
        fn verify_tls12_signature(
            &self,
            _: &[u8],
            _: &CertificateDer<'_>,
            _: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Err(Error::General("TLS 1.3 only".into()))
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            certificate: &CertificateDer<'_>,
            signed: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, Error> {
            Pin::signature(message, certificate, signed)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            vec![SignatureScheme::ED25519]
        }
    };
}

impl ServerCertVerifier for Pin {
    fn verify_server_cert(
        &self,
        end: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(end).map(|()| ServerCertVerified::assertion())
    }

    tls13_only!();
}

impl ClientCertVerifier for Pin {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(end).map(|()| ClientCertVerified::assertion())
    }

    tls13_only!();
}

/// Opens one stream to `remote`: what to send, and what comes back.
pub(crate) async fn dial(remote: SocketAddr, seed: u8, pinned: u8) -> Outcome<(mpsc::Sender<Frame>, Streaming<Frame>)> {
    let (certificate, private) = certificate(seed)?;
    let mut config = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Pin::of(pinned))
        .with_client_auth_cert(vec![certificate], private)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(remote).await?;
    stream.set_nodelay(true)?;
    let name = ServerName::try_from("peer.invalid")?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    let once = Mutex::new(Some(TokioIo::new(stream)));
    let connector = tower::service_fn(move |_| {
        let stream = once.lock().ok().and_then(|mut once| once.take());
        async move { stream.ok_or_else(|| io::Error::other("one connection only")) }
    });
    let channel = Endpoint::from_static("https://peer.invalid")
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .connect_with_connector(connector)
        .await?;
    let mut client = ExchangeClient::new(channel).max_decoding_message_size(MESSAGE_BYTES);
    let (sender, outgoing) = mpsc::channel(QUEUE);
    let incoming = client.exchange(Request::new(ReceiverStream::new(outgoing))).await?.into_inner();
    Ok((sender, incoming))
}

/// Handles one stream: what comes, and where to answer.
pub(crate) type Handler = Arc<dyn Fn(Streaming<Frame>, mpsc::Sender<Result<Frame, Status>>) + Send + Sync>;

struct Door(Handler);

#[tonic::async_trait]
impl Exchange for Door {
    type ExchangeStream = ReceiverStream<Result<Frame, Status>>;

    async fn exchange(&self, request: Request<Streaming<Frame>>) -> Result<Response<Self::ExchangeStream>, Status> {
        let (sender, outgoing) = mpsc::channel(QUEUE);
        (self.0)(request.into_inner(), sender);
        Ok(Response::new(ReceiverStream::new(outgoing)))
    }
}

/// Serves streams on `listener` until the process ends.
pub(crate) async fn serve(listener: TcpListener, seed: u8, pinned: u8, handler: Handler) -> Outcome<()> {
    let (certificate, private) = certificate(seed)?;
    let mut config = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(Pin::of(pinned))
        .with_single_cert(vec![certificate], private)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (sender, accepted) = mpsc::channel::<io::Result<Accepted>>(4);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let ready = stream.set_nodelay(true).map(|()| acceptor.accept(stream));
            let shaken = match ready {
                Ok(shake) => shake.await.map(Accepted),
                Err(e) => Err(e),
            };
            if shaken.is_ok() && sender.send(shaken).await.is_err() {
                return;
            }
        }
    });
    let service = ExchangeServer::new(Door(handler)).max_decoding_message_size(MESSAGE_BYTES);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming(ReceiverStream::new(accepted))
        .await?;
    Ok(())
}

/// A connection whose handshake is done, as tonic takes it.
struct Accepted(server::TlsStream<TcpStream>);

impl Connected for Accepted {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Accepted {
    fn poll_read(mut self: Pinned<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Accepted {
    fn poll_write(mut self: Pinned<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pinned::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pinned<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pinned::new(&mut self.0).poll_shutdown(cx)
    }
}
