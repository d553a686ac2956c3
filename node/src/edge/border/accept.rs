//! The accept loop: who may come in, how many, and for how long they may take. Every handshake is a task of its own with a
//! time limit, so that nobody who is silent stops another. A refused party sees a closed connection.

use super::code::{Code, Refused, Reporter, Side};
use super::connection::{Connection, Held, PeerInfo};
use super::fate::Fate;
use super::meter::Allowance;
use super::pins::{Peer, Pins};
use super::sockets::{Listener, Stream};
use super::tls;
use super::turns::{Turn, Turns};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use varde_proto::home::ConnectionLimits;
use varde_proto::id::NodeId;
use varde_proto::identity::PublicKey;

/// What a handshake may take.
pub(crate) const HANDSHAKE: Duration = Duration::from_secs(5);
/// What a peer may take from its proven key to the stream that it came for.
const OPEN: Duration = Duration::from_secs(10);
/// After an accept error (no file descriptors left, above all) the loop rests.
const REST: Duration = Duration::from_millis(100);

/// A connection that a pinned peer opened.
pub(crate) type Accepted = Connection<TlsStream<Stream>>;

/// What every handshake shares.
pub(crate) struct Door {
    /// The server side of TLS.
    pub(crate) tls: TlsAcceptor,
    /// Whom we know.
    pub(crate) pins: watch::Receiver<Arc<Pins>>,
    /// Where refusals are told.
    pub(crate) reporter: Reporter,
    /// How many of what.
    pub(crate) limits: ConnectionLimits,
    /// Where accepted connections go.
    pub(crate) accepted: mpsc::Sender<Accepted>,
}

/// Accepts until the receiver of accepted connections is gone.
pub(crate) async fn run(listener: Box<dyn Listener>, door: Door) {
    let (counters, turns) = (Counters::new(&door.limits), Turns::new(door.limits.handshakes));
    let shared = Arc::new(Shared { door, counters, turns });
    let mut tasks = JoinSet::new();
    loop {
        let next = tokio::select! {
            () = shared.door.accepted.closed() => break,
            Some(_) = tasks.join_next() => continue,
            next = listener.accept() => next,
        };
        let (stream, remote) = match next {
            Ok(next) => next,
            Err(error) => {
                tracing::warn!(%error, "the system accepts no connection");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        match shared.turns.take(remote.ip()) {
            Ok(turn) => {
                let shared = shared.clone();
                tasks.spawn(async move { shared.admit(stream, remote, turn).await });
            }
            Err(code) => shared.refuse(code, remote, None),
        }
    }
}

/// A stream after its handshake, whose it is, and the key that it proved.
type Proved = (TlsStream<Stream>, Arc<Peer>, PublicKey);

struct Shared {
    door: Door,
    counters: Counters,
    turns: Turns,
}

impl Shared {
    async fn admit(&self, stream: Stream, remote: SocketAddr, turn: Turn) {
        let handshake = tokio::select! {
            done = tokio::time::timeout(HANDSHAKE, self.handshake(stream, remote)) => done,
            () = turn.lost() => return self.refuse(Code::TooManyHandshakes, remote, None),
        };
        match handshake {
            Ok(Some((stream, peer, key))) => {
                drop(turn);
                self.turns.proven(peer.node(), remote.ip());
                self.enter(stream, (peer, key), remote).await;
            }
            Ok(None) => {}
            Err(_) => self.refuse(Code::HandshakeTimeout, remote, None),
        }
    }

    async fn handshake(&self, stream: Stream, remote: SocketAddr) -> Option<Proved> {
        let stream = match self.door.tls.accept(stream).into_fallible().await {
            Ok(stream) => stream,
            Err((error, stream)) => {
                self.refuse(tls::code_of(&error), remote, None);
                linger(stream).await;
                return None;
            }
        };
        let (_, session) = stream.get_ref();
        let pins = self.door.pins.borrow().clone();
        let shown = tls::shown_key(session.peer_certificates());
        let refused = match shown.and_then(|key| Some((pins.by_tls_key(&key)?.clone(), key))) {
            Some((peer, key)) if session.alpn_protocol() == Some(b"h2") => return Some((stream, peer, key)),
            Some(_) => Code::TlsParameters,
            None => Code::Unpinned,
        };
        self.refuse(refused, remote, None);
        None
    }

    async fn enter(&self, stream: TlsStream<Stream>, (peer, key): (Arc<Peer>, PublicKey), remote: SocketAddr) {
        let node = peer.node();
        match self.counters.connection(node) {
            Ok(held) => {
                let fate = Fate::new();
                let info = PeerInfo { peer, key, remote, side: Side::Accepted, fate: fate.clone() };
                let connection = Connection::new(stream, info, self.door.pins.clone(), held);
                // The receiver is gone only when the node stops.
                let _ = self.door.accepted.send(connection).await;
                // Keep-alives alone would hold its place among the connections for a day.
                if tokio::time::timeout(OPEN, fate.use_or_end()).await.is_err() {
                    fate.end(Code::NoStream);
                    self.refuse(Code::NoStream, remote, Some(node));
                }
            }
            Err(code) => self.refuse(code, remote, Some(node)),
        }
    }

    fn refuse(&self, code: Code, remote: SocketAddr, peer: Option<NodeId>) {
        self.door.reporter.report(Refused { code, side: Side::Accepted, remote: Some(remote), peer });
    }
}

/// Reads away what the refused party still sends, for half a second, so that the closing alert is not lost to a reset. A
/// peer's operator then reads "the peer does not know our key" instead of a guess.
async fn linger(mut stream: Stream) {
    let read_away = async {
        let mut waste = [0; 1024];
        if stream.shutdown().await.is_ok() {
            for _ in 0..64 {
                if !matches!(stream.read(&mut waste).await, Ok(n) if n > 0) {
                    break;
                }
            }
        }
    };
    // Past the half second the connection is dropped as it is.
    let _ = tokio::time::timeout(Duration::from_millis(500), read_away).await;
}

/// Counts connections, in all and of one peer, and what a peer sends.
struct Counters {
    connections: Arc<Semaphore>,
    peers: Mutex<BTreeMap<NodeId, OfPeer>>,
    per_peer: u32,
}

/// A peer's places, and what it may send.
type OfPeer = (Arc<Semaphore>, Arc<Allowance>);

impl Counters {
    fn new(limits: &ConnectionLimits) -> Self {
        let ConnectionLimits { total, per_peer, .. } = *limits;
        Self { connections: Arc::new(Semaphore::new(total as usize)), peers: Mutex::default(), per_peer }
    }

    fn connection(&self, node: NodeId) -> Result<Held, Code> {
        let fresh = || (Arc::new(Semaphore::new(self.per_peer as usize)), Arc::new(Allowance::new()));
        let (of_peer, allowance) = {
            let mut peers = self.peers.lock().unwrap_or_else(PoisonError::into_inner);
            peers.entry(node).or_insert_with(fresh).clone()
        };
        let of_peer = of_peer.try_acquire_owned().map_err(|_| Code::TooManyFromPeer)?;
        let of_all = self.connections.clone().try_acquire_owned().map_err(|_| Code::TooManyConnections)?;
        Ok(Held::new(vec![of_peer, of_all], allowance))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_peer_cannot_hold_all_connections() {
        let counters = Counters::new(&ConnectionLimits { handshakes: 1, total: 2, per_peer: 1 });
        let countries: Vec<_> = ["EE", "LT", "DK"].into_iter().filter_map(|c| NodeId::parse(c).ok()).collect();
        let held = counters.connection(countries[0]);
        assert!(held.is_ok());
        assert_eq!(counters.connection(countries[0]).err(), Some(Code::TooManyFromPeer));
        let other = counters.connection(countries[1]);
        assert!(other.is_ok());
        assert_eq!(counters.connection(countries[2]).err(), Some(Code::TooManyConnections));
        drop(held);
        assert!(counters.connection(countries[0]).is_ok());
    }
}
