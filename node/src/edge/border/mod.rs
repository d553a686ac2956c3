//! The border: connections with peers' nodes.
//!
//! In: whom we know ([`Pins`]), TLS with pinned keys, the accept loop with its limits, dialling with back-off, and the
//! [`Link`] that `flow` gets of each connection, whoever dialled. Out: reading the frames (`varde_proto::exchange`), what they
//! mean (`flow`), the door for our own staff (`edge::operator`). A party that is refused sees a closed connection; each refusal is told as a [`Refused`].

mod accept;
mod certificate;
mod code;
mod connection;
mod dial;
mod fate;
mod link;
mod meter;
mod pins;
mod promises;
mod redial;
mod registry;
mod serve;
mod sockets;
#[cfg(test)]
pub(crate) mod testing;
mod tls;
mod turns;

pub use certificate::NoCertificate;
pub use code::{Code, Refused, Side};
pub use connection::PeerInfo;
pub use fate::Fate;
pub use link::Link;
pub use pins::{Peer, Pins};
pub use registry::replaces;
pub use sockets::{Bytes, Listener, Sockets, Stream, SystemSockets};

use crate::port::{Clock, Entropy};
use code::Reporter;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;
use varde_proto::home::ConnectionLimits;
use varde_proto::identity::{Genesis, SecretKey};

/// Why the border does not open.
#[derive(Debug, thiserror::Error)]
pub enum BorderError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// No certificate.
    #[error("{0}")]
    Certificate(#[from] NoCertificate),
    /// The TLS library refuses its settings.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// What the border needs.
pub struct Setup<'a> {
    /// The node's directory.
    pub dir: &'a Path,
    /// Who we are.
    pub genesis: &'a Genesis,
    /// Our TLS key of now; the watch changes when another follows.
    pub tls: watch::Receiver<Arc<SecretKey>>,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where byte streams come from.
    pub sockets: Arc<dyn Sockets>,
    /// How many connections.
    pub limits: ConnectionLimits,
    /// Peers who are away are dialled more often than this.
    pub heartbeat: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
}

/// What comes from the border.
#[derive(Debug)]
pub struct Arrivals {
    /// Each new connection with a peer.
    pub links: mpsc::Receiver<Link>,
    /// Each refusal and failure, for the journal.
    pub refused: mpsc::Receiver<Refused>,
    /// Whom we know, now.
    pub pins: watch::Receiver<Arc<Pins>>,
}

/// The open border; [`Border::close`] closes it.
#[derive(Debug)]
pub struct Border {
    local: SocketAddr,
    stop: watch::Sender<bool>,
    registry: registry::Registry,
    server: JoinHandle<()>,
    tasks: JoinSet<()>,
}

impl Border {
    /// Listens, and begins to dial. Must be called within a tokio runtime.
    pub async fn open(setup: Setup<'_>) -> Result<(Self, Arrivals), BorderError> {
        let Setup { dir, genesis, tls, listen, sockets, limits, heartbeat, clock, entropy } = setup;
        let unable = |source| BorderError::Listen { address: listen, source };
        let listener = sockets.listen(listen).await.map_err(unable)?;
        let local = listener.local().map_err(unable)?;
        let renewal = certificate::Renewal::start(dir, tls, clock.clone())?;
        let (watcher, pins) = pins::Watcher::new(dir, genesis.clone(), clock.clone());
        let setup = tls::TlsSetup { pins: pins.clone(), shown: renewal.shown(), clock };
        let tls = TlsAcceptor::from(Arc::new(setup.server()?));

        let (stop, stopping) = watch::channel(false);
        let (reporter, refused) = Reporter::new();
        let (to_flow, links) = mpsc::channel(16);
        let (accepted, connections) = mpsc::channel(16);
        let registry = registry::Registry::new(genesis.origin().node());
        let door = accept::Door { tls, pins: pins.clone(), reporter: reporter.clone(), limits, accepted };
        let service = serve::Service { registry: registry.clone(), links: to_flow.clone(), reporter: reporter.clone() };
        let dialler = Arc::new(dial::Dialler { sockets, tls: setup, registry: registry.clone() });
        let redial = redial::Redial { dialler, links: to_flow, reporter, heartbeat, entropy };

        let mut tasks = JoinSet::new();
        tasks.spawn(watcher.run());
        tasks.spawn(renewal.run());
        tasks.spawn(accept::run(listener, door));
        tasks.spawn(redial::run(redial, pins.clone(), stopping.clone()));
        let server = tokio::spawn(serve::run(service, connections, stopping));
        Ok((Self { local, stop, registry, server, tasks }, Arrivals { links, refused, pins }))
    }

    /// Where it listens.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Stops accepting and dialling, lets connections end in order, and is done within eleven seconds: at once, if `flow` has
    /// let go of its links.
    pub async fn close(mut self) {
        let _ = self.stop.send(true);
        if tokio::time::timeout(Duration::from_secs(11), &mut self.server).await.is_err() {
            self.server.abort();
        }
        self.registry.end_all(Code::Stopping);
        self.tasks.shutdown().await;
    }
}
