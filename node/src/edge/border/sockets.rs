//! Where byte streams come from: the system's TCP. Behind a small trait, so that a simulated network can carry the same border.

use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// A byte stream to another machine.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}

/// A byte stream, whatever carries it.
pub type Stream = Box<dyn Bytes>;

/// Where byte streams come from.
#[tonic::async_trait]
pub trait Sockets: Send + Sync + 'static {
    /// Listens; port 0 takes a free one.
    async fn listen(&self, at: SocketAddr) -> io::Result<Box<dyn Listener>>;
    /// Connects to a name or an address; says which address answered.
    async fn connect(&self, host: &str, port: u16) -> io::Result<(Stream, SocketAddr)>;
}

/// Takes what others open.
#[tonic::async_trait]
pub trait Listener: Send + Sync + 'static {
    /// Where it listens.
    fn local(&self) -> io::Result<SocketAddr>;
    /// The next stream, and who opened it. May be dropped while it waits; nothing is lost then.
    async fn accept(&self) -> io::Result<(Stream, SocketAddr)>;
}

/// The system's own.
#[derive(Debug)]
pub struct SystemSockets;

#[tonic::async_trait]
impl Sockets for SystemSockets {
    async fn listen(&self, at: SocketAddr) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(TcpListener::bind(at).await?))
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<(Stream, SocketAddr)> {
        let addresses = match host.parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => look_up(host.to_owned(), port).await?,
        };
        let stream = TcpStream::connect(addresses.as_slice()).await?;
        let remote = stream.peer_addr()?;
        stream.set_nodelay(true)?;
        Ok((Box::new(stream), remote))
    }
}

/// Names that are looked up at the same time. A look-up takes one of the few threads for work aside, and keeps it until the resolver
/// answers, also when nobody waits for it any more.
static LOOK_UPS: Semaphore = Semaphore::const_new(4);

async fn look_up(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let permit = LOOK_UPS.acquire().await.map_err(io::Error::other)?;
    let found = tokio::spawn(async move {
        let found = tokio::net::lookup_host((host.as_str(), port)).await.map(Iterator::collect);
        drop(permit);
        found
    });
    found.await.map_err(io::Error::other)?
}

#[tonic::async_trait]
impl Listener for TcpListener {
    fn local(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let (stream, remote) = TcpListener::accept(self).await?;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no delay could not be set");
        }
        Ok((Box::new(stream), remote))
    }
}
