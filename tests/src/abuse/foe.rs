//! The attacker: how it connects, how fast it may go, what it counts.

use super::wire;
use crate::party::{Failure, key};
use crate::stage;
use crate::stranger::{Shown, Signing, client, connect_over};
use rustls::ClientConfig;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;
use varde_node::edge::clock::SystemClock;
use varde_node::port::Clock;
use varde_proto::home;
use varde_proto::identity::SecretKey;
use varde_proto::identity::certificate::Certificate;

/// The attacker of one attack.
pub(super) struct Foe {
    /// Whom it attacks.
    pub(super) target: SocketAddr,
    /// The directory of the country whose keys it has.
    pub(super) home: PathBuf,
    /// With that country's key.
    pub(super) pinned: Arc<ClientConfig>,
    /// With a key of no country.
    pub(super) unpinned: Arc<ClientConfig>,
    /// What it did.
    pub(super) done: Done,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) connections: AtomicU64,
    pub(super) operations: AtomicU64,
    pub(super) bytes: AtomicU64,
    /// Connections that are open now, and the most that ever were.
    open: AtomicU64,
    pub(super) at_once: AtomicU64,
    /// What the node should have ended and did not.
    pub(super) kept: AtomicU64,
}

/// A connection that is open, to be counted among those that are.
pub(super) struct Open<'a>(&'a Done);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Done {
    pub(super) fn add(&self, operations: u64, bytes: usize) {
        self.operations.fetch_add(operations, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a connection as open as long as what it returns is kept.
    pub(super) fn open(&self) -> Open<'_> {
        let now = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        self.at_once.fetch_max(now, Ordering::Relaxed);
        Open(self)
    }
}

/// Settings of a client with the TLS key of the country in `home`.
pub(super) fn with_key_of(home: &Path) -> Result<Arc<ClientConfig>, Failure> {
    let pem = std::fs::read_to_string(home.join(home::KEYS).join("tls.key"))?;
    with_key(Arc::new(SecretKey::from_pem(&pem).map_err(|e| e.to_string())?))
}

fn with_key(key: Arc<SecretKey>) -> Result<Arc<ClientConfig>, Failure> {
    let certificate = Certificate::issue(&key, SystemClock.now())?;
    Ok(Arc::new(client(Some(Shown { certificate, signing: Signing::Ours(key) }), b"h2")))
}

impl Foe {
    /// An attacker with the keys of the country in `home`, and a key of its own.
    pub(super) fn new(target: SocketAddr, home: &Path) -> Result<Self, Failure> {
        let (pinned, unpinned) = (with_key_of(home)?, with_key(Arc::new(key()))?);
        Ok(Self { target, home: home.to_owned(), pinned, unpinned, done: Done::default() })
    }

    /// Its rogue self, as a member that has greeted nobody yet.
    pub(super) fn rogue(&self) -> Result<crate::rogue::Rogue, Failure> {
        Ok(stage::rogue(&self.home, "EE", "NO")?)
    }

    /// A connection from one of many addresses of this machine.
    pub(super) async fn knock(&self, address: u32) -> Result<TcpStream, Failure> {
        let stream = connect_from(loopback(address), self.target).await?;
        self.done.connections.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    /// A connection that has proved the pinned key and greeted as HTTP/2 does.
    pub(super) async fn enter(&self) -> Result<TlsStream<TcpStream>, Failure> {
        let stream = self.knock(0).await?;
        let mut stream = connect_over(stream, self.pinned.clone()).await?;
        stream.write_all(&wire::preface()).await?;
        Ok(stream)
    }

    /// Writes, and counts what was taken.
    pub(super) async fn send(
        &self,
        to: &mut (impl tokio::io::AsyncWrite + Unpin),
        operations: u64,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        to.write_all(bytes).await?;
        self.done.add(operations, bytes.len());
        Ok(())
    }
}

/// Connects from an address of this machine.
pub(super) async fn connect_from(from: IpAddr, to: SocketAddr) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    Ok(socket.connect(to).await?)
}

/// 127.1.x.y: every address of 127.0.0.0/8 is this machine's (RFC 1122), so that one machine looks like many.
fn loopback(number: u32) -> IpAddr {
    let [_, _, high, low] = (number + 1).to_be_bytes();
    Ipv4Addr::new(127, 1, high, low).into()
}

/// Reads until the other side closes, at most for so long; whether it did.
pub(super) async fn until_closed(from: &mut (impl tokio::io::AsyncRead + Unpin), most: Duration) -> bool {
    let mut waste = [0; 4096];
    let read = async { while matches!(from.read(&mut waste).await, Ok(n) if n > 0) {} };
    tokio::time::timeout(most, read).await.is_ok()
}

/// So many operations a second, however many tasks do them, and none made up for.
pub(super) struct Pace {
    each: Duration,
    next: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(a_second: u32) -> Self {
        Self { each: Duration::from_secs(1) / a_second, next: Mutex::new(Instant::now()) }
    }

    /// Waits for the turn of so many operations.
    pub(super) async fn turn(&self, operations: u32) {
        let due = {
            let mut next = self.next.lock().await;
            let due = (*next).max(Instant::now());
            *next = due + self.each * operations;
            due
        };
        tokio::time::sleep_until(due).await;
    }
}
