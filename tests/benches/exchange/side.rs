//! A node of the real parts (border, TLS, ledger, vault, keyring, sled), put together as `varde-node` does it, with its syncs
//! counted. Keys follow from the country's name, so that either process can write what it must know of the other.

use crate::Outcome;
use crate::log::Used;
use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;
use varde_node::edge::border::{Border, Setup, SystemSockets};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::contacts::{self, Contacts};
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::keys::NodeKeys;
use varde_node::edge::store::sled::SledStore;
use varde_node::flow::Node;
use varde_node::flow::connection::{Pace, UnderWay};
use varde_node::flow::founding;
use varde_node::flow::journal::Journal;
use varde_node::flow::keys::{Keys, Missing};
use varde_node::flow::ledger::{Ledger, Parts};
use varde_node::flow::receive::Me;
use varde_node::port::{Clock, Peers};
use varde_proto::agreement::default_agreement;
use varde_proto::home::{self, ConnectionLimits};
use varde_proto::id::{NodeId, Origin};
use varde_proto::identity::{Acceptance, Descriptor, Endpoint, Genesis, History, PublicKey, Role, RoleKeys, SecretKey};
use varde_proto::log::head::log_vkey;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;
use varde_tests::bench::{disk_bytes, scratch};
use zeroize::Zeroizing;

/// Who a country is, as both processes know it.
struct Identity {
    id: SecretKey,
    keys: NodeKeys,
    genesis: Genesis,
}

impl Identity {
    fn of(country: &str) -> Outcome<Self> {
        let origin = Origin::new("bench.example", NodeId::parse(country)?, 1)?;
        let seed = |role: u8| {
            let mut seed = Zeroizing::new([role; 32]);
            seed[..2].copy_from_slice(country.as_bytes());
            SecretKey::from_seed(&seed)
        };
        let id = seed(0);
        let [log, wit, msg, tls, staff] = [1, 2, 3, 4, 5].map(|role| Arc::new(seed(role)));
        let keys = NodeKeys { log, wit, msg, tls, staff };
        let all: [(Role, &SecretKey); 6] = [
            (Role::Id, &id),
            (Role::Log, &keys.log),
            (Role::Wit, &keys.wit),
            (Role::Msg, &keys.msg),
            (Role::Tls, &keys.tls),
            (Role::Staff, &keys.staff),
        ];
        let proven = RoleKeys::prove(&origin, &all)?;
        let genesis = Genesis::found(origin, Mode::Test, proven, Timestamp::from_ms(1_795_000_000_000)?, [1; 32])?;
        Ok(Self { id, keys, genesis })
    }

    /// Writes the two files by which this country pins the other.
    fn pin(&self, other: &Self, remote: Option<SocketAddr>, dir: &Path) -> Outcome<()> {
        let now = SystemClock.now();
        let endpoint = remote.map(|address| Endpoint::parse(&address.to_string())).transpose()?;
        let descriptor = Descriptor::issue(&other.genesis, endpoint, now, [2; 32]).sign_text(&other.id)?;
        let country = other.genesis.origin().node();
        let acceptance = Acceptance {
            from: self.genesis.origin().clone(),
            with: other.genesis.origin().clone(),
            mode: Mode::Test,
            agreement: default_agreement(),
            accepted: now,
            salt: [3; 32],
        };
        std::fs::create_dir_all(dir.join(home::PEERS))?;
        std::fs::write(dir.join(home::acceptance(country)), acceptance.sign_text(&self.id)?)?;
        Ok(std::fs::write(dir.join(home::descriptor(country)), descriptor)?)
    }
}

/// A running node.
pub(crate) struct Side {
    pub(crate) node: Arc<Node>,
    border: Border,
    syncs: Arc<AtomicU64>,
    dir: TempDir,
}

impl Side {
    /// Starts `country` in a fresh directory, pinned with `other`; it dials `remote` if that is given.
    pub(crate) async fn start(country: &str, other: &str, remote: Option<SocketAddr>) -> Outcome<Self> {
        let (own, peer) = (Identity::of(country)?, Identity::of(other)?);
        let dir = scratch()?;
        own.pin(&peer, remote, dir.path())?;
        let syncs = Arc::new(AtomicU64::new(0));
        let (ledger, keys) = ledger(&own, dir.path(), Arc::clone(&syncs))?;
        let vkey = log_vkey(own.genesis.origin(), &own.keys.log.public())?;
        let genesis = own.genesis.sign(&own.id)?;
        founding::found(&ledger, &genesis, &format!("log {}\nquorum none\n", vkey.text())).await?;
        let setup = Setup {
            dir: dir.path(),
            genesis: &own.genesis,
            tls: watch::channel(own.keys.tls.clone()).1,
            listen: ([127, 0, 0, 1], 0).into(),
            sockets: Arc::new(SystemSockets),
            limits: ConnectionLimits::default(),
            heartbeat: std::time::Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let (border, arrivals) = Border::open(setup).await?;
        let (sender, peers) = watch::channel(Arc::new(Peers::new()));
        let node = Arc::new(Node {
            ledger,
            me: Me { origin: own.genesis.origin().clone(), mode: Mode::Test },
            keys,
            board: Arc::new(contacts::Folder::of(dir.path())),
            heartbeat: std::time::Duration::from_secs(60),
            gossip: varde_node::flow::gossip::Memory::new(std::time::Duration::from_secs(600)),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            peers,
            operators: Vec::new(),
            journal: Journal::default(),
            // What is measured is the exchange, not the pace at which a node is willing to take it for ever.
            pace: Pace::new(u32::MAX, u32::MAX),
            under_way: UnderWay::default(),
        });
        let known = Arc::new(Contacts::default());
        let mut tasks = JoinSet::new();
        contacts::attend(&mut tasks, &node, &known, arrivals, sender);
        tasks.detach_all();
        node.peers.clone().wait_for(|peers| !peers.is_empty()).await?;
        Ok(Self { node, border, syncs, dir })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.border.local()
    }

    /// What was used so far; the difference of two is what a case used.
    pub(crate) fn used(&self) -> Outcome<Used> {
        Ok(Used {
            cpu_seconds: varde_tests::bench::cpu_seconds(),
            syncs: self.syncs.load(Ordering::Relaxed),
            disk_bytes: disk_bytes(self.dir.path())?,
        })
    }
}

fn ledger(own: &Identity, dir: &Path, syncs: Arc<AtomicU64>) -> Outcome<(Ledger, Arc<Keys>)> {
    let count = move |file: &File| {
        syncs.fetch_add(1, Ordering::Relaxed);
        file.sync_data()
    };
    let store = SledStore::open_with(&dir.join(home::STORE), Box::new(count))?;
    let entropy = Arc::new(SystemEntropy);
    let keyring = FileKeyring::open(&dir.join(home::KEYRING), true, entropy.clone())?;
    let history = History::found(&own.genesis, &own.genesis.sign(&own.id)?);
    let find = |role, key: &PublicKey| {
        let held = [&own.keys.log, &own.keys.wit, &own.keys.msg].into_iter().find(|held| held.public() == *key);
        held.cloned().ok_or_else(|| Box::<dyn std::error::Error>::from(Missing(role)))
    };
    let keys = Arc::new(Keys::open(history, &store, find)?);
    let ledger = Ledger::open(Parts {
        store: Arc::new(store),
        keyring: Arc::new(keyring),
        clock: Arc::new(SystemClock),
        entropy,
        keys: keys.clone(),
        guard: Arc::new(FileGuard::open(&dir.join(home::GUARD))?),
        origin: own.genesis.origin().clone(),
    })?;
    Ok((ledger, keys))
}
