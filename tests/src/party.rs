//! Countries with a border and nothing behind it: the transport alone, over real sockets and real TLS, in one process.
//!
//! In: directories made without the command line, pins written as `varde peer add` writes them, a clock that tests set. Out:
//! processes, which are the [`crate::harness`]'s.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tempfile::TempDir;
use varde_node::edge::border::{Arrivals, Border, BorderError, Setup, SystemSockets};
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::keys::NodeKeys;
use varde_node::port::Clock;
use varde_proto::home::{self, ConnectionLimits};
use varde_proto::id::Origin;
use varde_proto::identity::{Descriptor, Endpoint, Genesis, Role, RoleKeys, SecretKey};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;

/// A clock that tests set.
#[derive(Debug)]
pub struct TestClock(AtomicI64);

impl TestClock {
    /// Begins at a time in 2026.
    pub fn new() -> Arc<Self> {
        Arc::new(Self(AtomicI64::new(1_795_284_000_000)))
    }

    /// Moves the time.
    pub fn forward(&self, days: i64) {
        self.0.fetch_add(days * 86_400_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

/// One country: its keys, its directory.
pub struct Party {
    dir: TempDir,
    id: SecretKey,
    /// Its keys.
    pub keys: NodeKeys,
    /// Who it is.
    pub genesis: Genesis,
    /// Its clock.
    pub clock: Arc<TestClock>,
}

impl Party {
    /// A country of the network varde.example in mode TEST, with random keys.
    pub fn new(country: &str, clock: &Arc<TestClock>) -> Result<Self, Failure> {
        let origin = Origin::parse(&format!("varde.example/{}/1", country.to_lowercase()))?;
        let (id, staff) = (key(), Arc::new(key()));
        let keys =
            NodeKeys { log: Arc::new(key()), wit: Arc::new(key()), msg: Arc::new(key()), tls: Arc::new(key()), staff };
        let all: [(Role, &SecretKey); 6] = [
            (Role::Id, &id),
            (Role::Log, &keys.log),
            (Role::Wit, &keys.wit),
            (Role::Msg, &keys.msg),
            (Role::Tls, &keys.tls),
            (Role::Staff, &keys.staff),
        ];
        let proven = RoleKeys::prove(&origin, &all)?;
        let genesis = Genesis::found(origin, Mode::Test, proven, clock.now(), [1; 32])?;
        let dir = tempfile::tempdir()?;
        std::fs::create_dir(dir.path().join(home::PEERS))?;
        Ok(Self { dir, id, keys, genesis, clock: clock.clone() })
    }

    /// Opens its border on a free port of the loopback.
    pub async fn open(&self, limits: ConnectionLimits) -> Result<(Border, Arrivals), BorderError> {
        Border::open(Setup {
            dir: self.dir.path(),
            genesis: &self.genesis,
            tls: tokio::sync::watch::channel(self.keys.tls.clone()).1,
            listen: ([127, 0, 0, 1], 0).into(),
            sockets: Arc::new(SystemSockets),
            limits,
            heartbeat: std::time::Duration::from_secs(60),
            clock: self.clock.clone(),
            entropy: Arc::new(SystemEntropy),
        })
        .await
    }

    /// Its descriptor; with the port where it listens, or without an endpoint.
    pub fn descriptor(&self, port: Option<u16>) -> Result<String, Failure> {
        let endpoint = port.map(|port| Endpoint::parse(&format!("127.0.0.1:{port}"))).transpose()?;
        Ok(Descriptor::issue(&self.genesis, endpoint, self.clock.now(), [2; 32]).sign_text(&self.id)?)
    }

    /// Pins another country, as `varde peer add` does: written beside, then renamed.
    pub fn pin(&self, other: &Self, port: Option<u16>) -> Result<(), Failure> {
        let path = self.pin_file(other);
        let beside = path.with_extension("new");
        std::fs::write(&beside, other.descriptor(port)?)?;
        Ok(std::fs::rename(beside, path)?)
    }

    /// Removes a pin.
    pub fn unpin(&self, other: &Self) -> Result<(), Failure> {
        Ok(std::fs::remove_file(self.pin_file(other))?)
    }

    /// Its directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn pin_file(&self, other: &Self) -> std::path::PathBuf {
        self.dir.path().join(home::descriptor(other.genesis.origin().node()))
    }
}

/// What went wrong while a test was being set up.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A fresh key from the system's chance.
pub fn key() -> SecretKey {
    let mut seed = zeroize::Zeroizing::new([0; 32]);
    varde_node::port::Entropy::fill(&SystemEntropy, seed.as_mut_slice());
    SecretKey::from_seed(&seed)
}
