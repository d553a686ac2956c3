//! A node, put together and taken apart: directory, keys, store, log, border, operator door; and what runs between them.

use super::backup;
use super::border::{Arrivals, Border, BorderError, Setup, SystemSockets};
use super::ceremony;
use super::clock::SystemClock;
use super::contacts::{self, Contacts, Folder};
use super::entropy::SystemEntropy;
use super::generation::{self, NotBumped, TakenUp};
use super::guard::FileGuard;
use super::keyring::FileKeyring;
use super::keys::{self, BadHome};
use super::notify::{self, Bell};
use super::operator::{self, Door, DoorError, PeerVitals, Vitals};
use super::space;
use super::store::sled::{self, SledStore};
use super::witness;
use crate::flow::alert::review;
use crate::flow::connection::{Pace, UnderWay};
use crate::flow::conversation::offers;
use crate::flow::erase;
use crate::flow::founding::{self, NotFounded};
use crate::flow::gossip::Memory;
use crate::flow::journal::Journal;
use crate::flow::keys::{self as flow_keys, Keys};
use crate::flow::ledger::{Ledger, Parts};
use crate::flow::receive::Me;
use crate::flow::summarise::Summarise;
use crate::flow::{Node, arrivals, recover};
use crate::port::{Clock, Entropy, Peers, StoreError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tonic::service::Routes;
use varde_proto::envelope::Envelope;
use varde_proto::home::{self, BadConfig, Config};
use varde_proto::identity::{Genesis, Role};
use varde_proto::log::head::log_vkey;

/// Urgent alerts that nobody has seen, as far as `varde status` counts them.
const UNSEEN: usize = 1000;

/// Why a node does not start, or ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// No settings.
    #[error("{path} cannot be read: {source}. {}", unread(source, path))]
    NoConfig {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Settings that are refused.
    #[error("{path}: {source}")]
    Config {
        /// Which file.
        path: PathBuf,
        /// Where and why.
        source: BadConfig,
    },
    /// The settings and the genesis do not belong together.
    #[error("varde.toml says {0}, the genesis of this node another {0}: restore varde.toml as `varde init` wrote it")]
    OtherGenesis(&'static str),
    /// Keys or genesis.
    #[error(transparent)]
    Home(#[from] BadHome),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Another process holds the directory.
    #[error(
        "{} is held by another process{}; nothing was changed.\nOne directory is one node: use the one that runs \
         (`varde status --dir {}`), or stop it and start again", .dir.display(), named(*.by), .dir.display()
    )]
    Held {
        /// The node's directory.
        dir: PathBuf,
        /// The process, where it said who it is.
        by: Option<u32>,
    },
    /// A store that is not there, in the directory of a node that has run.
    #[error(
        "there is no store in {}, and its guard is not that of a new node: this node has run before, and beginning anew would be a second \
         log under its keys. Nothing was changed.\nPut `store` and `keyring` back in their place, or lay a backup down \
         (`varde log restore BACKUP --dir {}`)", .dir.display(), .dir.display()
    )]
    StoreGone {
        /// The node's directory.
        dir: PathBuf,
    },
    /// A new generation of the log.
    #[error("{0}.\n{next}", next = .0.next())]
    Bump(#[from] NotBumped),
    /// The log's first leaves.
    #[error(transparent)]
    Founding(#[from] NotFounded),
    /// The border.
    #[error(transparent)]
    Border(#[from] BorderError),
    /// The plain HTTP door of the witness.
    #[error("the witness cannot listen on {address}: {source}; choose another address under [witness] in varde.toml")]
    Witness {
        /// Where.
        address: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The operator door.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The store failed while the node ran.
    #[error(
        "the store failed; the log above says how. Nothing acknowledged is lost: look at the disk, then start again"
    )]
    StoreFailed,
}

impl Stopped {
    /// 2 where arguments or settings must be put right, 75 where another process must end first, 1 otherwise.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoConfig { .. }
            | Self::Config { .. }
            | Self::OtherGenesis(_)
            | Self::Home(_)
            | Self::Bump(_)
            | Self::StoreGone { .. } => 2,
            Self::Held { .. } => 75,
            Self::Store(_)
            | Self::Founding(_)
            | Self::Border(_)
            | Self::Witness { .. }
            | Self::Door(_)
            | Self::StoreFailed => 1,
        }
    }
}

fn named(process: Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}

fn unread(error: &std::io::Error, path: &Path) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => "Run the node as the user who owns its directory".to_owned(),
        _ => {
            format!("Is {} a node's directory? `varde init` makes one", path.parent().unwrap_or(path).display())
        }
    }
}

/// Runs the node in `dir` until `stop`. `ready` is called once it serves, with the address for peers.
pub async fn run(
    dir: &Path,
    ready: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    let config = read_config(dir)?;
    take_up_generation(dir, &config)?;
    let (genesis, genesis_envelope) = keys::load_genesis(dir)?;
    if config.mode != genesis.mode() {
        return Err(Stopped::OtherGenesis("mode"));
    }
    if config.network != genesis.origin().network() || config.country != genesis.origin().node() {
        return Err(Stopped::OtherGenesis("network or country"));
    }
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (ledger, keys) = open_ledger(dir, (&genesis, &genesis_envelope), clock.clone(), entropy.clone())?;
    let (show_tls, tls) = watch::channel(keys::load_keys(dir, &keys.history(), clock.now())?.tls);
    let first = genesis.keys().get(Role::Log).ok_or_else(|| BadHome::OtherKey(dir.join(home::KEYS)))?;
    let vkey = log_vkey(genesis.origin(), first).map_err(|_| BadHome::OtherKey(dir.join(home::KEYS)))?;
    let (follows, policy) = (generation::follows(dir, &genesis)?, format!("log {}\nquorum none\n", vkey.text()));
    founding::found_after(&ledger, &genesis_envelope, follows, &policy).await?;

    let setup = Setup {
        dir,
        genesis: &genesis,
        tls,
        listen: config.listen,
        sockets: Arc::new(SystemSockets),
        limits: config.connections,
        heartbeat: config.heartbeat,
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let (border, arrivals) = Border::open(setup).await?;
    let (peers_sender, peers) = watch::channel(Arc::new(Peers::new()));
    let node = Arc::new(Node {
        ledger: ledger.clone(),
        me: Me { origin: genesis.origin().clone(), mode: genesis.mode() },
        keys,
        board: Arc::new(Folder::of(dir)),
        heartbeat: config.heartbeat,
        gossip: Memory::new(config.divergence),
        clock,
        entropy,
        peers,
        operators: config.operators,
        journal: Journal::default(),
        pace: Pace::default(),
        under_way: UnderWay::default(),
    });
    let door = open_witness(config.witness).await?;
    let space = tokio::spawn(space::keep_looking(dir.to_owned(), config.disk, node.ledger.clone()));
    let bell = Arc::new(Bell::new(config.notify));
    let ceremonies = tokio::spawn(ceremony::follow(dir.to_owned(), node.clone(), show_tls));
    let ended = serve(dir, (node, bell), (border, arrivals, door), peers_sender, ready, stop).await;
    ceremonies.abort();
    space.abort();
    ended
}

async fn serve(
    dir: &Path,
    (node, bell): (Arc<Node>, Arc<Bell>),
    (border, arrivals, witness): (Border, Arrivals, Option<witness::Listener>),
    peers: watch::Sender<Arc<Peers>>,
    ready: impl FnOnce(std::net::SocketAddr),
    stop: impl Future<Output = ()>,
) -> Result<(), Stopped> {
    let contacts = Arc::new(Contacts::default());
    let local = border.local();
    let mut tasks = tokio::task::JoinSet::new();
    contacts::attend(&mut tasks, &node, &contacts, arrivals, peers);
    if let Some(witness) = witness {
        tasks.spawn(witness.run(node.clone()));
    }
    let summarise = Summarise::new(node.clone());
    tasks.spawn(summarise.clone().recover_at_start());
    tasks.spawn(erase::keep_erasing(node.clone()));
    tasks.spawn(offers::keep_delivering(node.clone()));
    tasks.spawn(notify::keep_waking(node.clone(), bell.clone()));
    let door = Door::open(&dir.join(home::RUN)).await.map_err(|error| match error {
        DoorError::InUse(_) => Stopped::Held { dir: dir.to_owned(), by: None },
        other => Stopped::Door(other),
    })?;
    let (close, mut closed) = watch::channel(false);
    let services = services(dir, (node.clone(), bell, closed.clone()), summarise, contacts, local.to_string());
    let door = tokio::spawn(door.serve(services, async move {
        let _ = closed.wait_for(|closed| *closed).await;
    }));
    ready(local);
    let mut stopped = node.ledger.stopped();
    let outcome = tokio::select! {
        () = stop => Ok(()),
        _ = stopped.wait_for(|stopped| *stopped) => Err(Stopped::StoreFailed),
    };
    close.send_replace(true);
    tasks.shutdown().await;
    border.close().await;
    match door.await {
        Ok(served) => outcome.and(served.map_err(Stopped::Door)),
        Err(_) => outcome,
    }
}

/// What the operator door serves, one line a service.
fn services(
    dir: &Path,
    (node, bell, stopping): (Arc<Node>, Arc<Bell>, watch::Receiver<bool>),
    summarise: Arc<Summarise>,
    contacts: Arc<Contacts>,
    listening: String,
) -> Routes {
    let records = operator::records_service(node.ledger.clone());
    let alerts = operator::alerts_service(node.clone());
    let trends = operator::trends_service(node.clone(), summarise);
    let log = operator::log_service(node.clone(), dir.to_owned());
    let agreements = operator::agreements_service(node.clone());
    let conversation = operator::conversation_service(node.clone(), bell.clone(), stopping);
    let look = operator::node_service({
        let dir = dir.to_owned();
        move || vitals(&node, (&bell, space::free(&dir)?), &contacts, &listening)
    });
    Routes::new(look)
        .add_service(records)
        .add_service(agreements)
        .add_service(alerts)
        .add_service(conversation)
        .add_service(trends)
        .add_service(log)
}

fn vitals(
    node: &Node,
    (bell, free): (&Bell, u64),
    contacts: &Contacts,
    listening: &str,
) -> Result<Vitals, Box<dyn std::error::Error + Send + Sync>> {
    let peers = node.peers.borrow().clone();
    let peers = peers.values().map(|peer| {
        let contact = contacts.of(peer.origin.node());
        PeerVitals {
            country: peer.origin.node(),
            origin: peer.origin.clone(),
            connected: contact.connections > 0,
            owed: node.ledger.book().owed(peer.origin.node()),
            last_heard: contact.last_heard,
            last_failure: contact.last_failure,
        }
    });
    Ok(Vitals {
        origin: node.me.origin.clone(),
        mode: varde_proto::identity::mode::name(node.me.mode),
        listening: listening.to_owned(),
        log_size: node.ledger.head().size().0,
        records: node.ledger.count("records")?,
        recovering: recover::standing(node),
        unseen: arrivals::unseen_count(&node.ledger, UNSEEN)?,
        unreviewed: u32::try_from(review::unreviewed(&node.ledger, UNSEEN)?).unwrap_or(u32::MAX),
        free,
        room: node.ledger.space().room(),
        notify: bell.is_set(),
        alarm: bell.alarm().borrow().clone(),
        peers: peers.collect(),
    })
}

fn take_up_generation(dir: &Path, config: &Config) -> Result<(), Stopped> {
    match generation::take_up(dir, &config.operators) {
        Ok(TakenUp::Nothing) => {}
        Ok(TakenUp::Log(log)) => tracing::warn!(log = log.as_str(), "the log goes on under a new generation"),
        Ok(TakenUp::Outdated) => tracing::warn!(
            "two people decided that the log ends, and its store or guard is another one since: it goes on, and `bump` was set aside"
        ),
        Err(NotBumped::Store(StoreError::InUse)) => {
            return Err(Stopped::Held { dir: dir.to_owned(), by: sled::holder(&dir.join(home::STORE)) });
        }
        Err(refused) => return Err(refused.into()),
    }
    Ok(())
}

/// Opens the plain HTTP door, where the settings name one.
async fn open_witness(door: Option<home::WitnessDoor>) -> Result<Option<witness::Listener>, Stopped> {
    let Some(door) = door else { return Ok(None) };
    let address = door.listen;
    let failed = |source| Stopped::Witness { address, source };
    let listener = witness::Listener::bind(door).await.map_err(failed)?;
    tracing::info!(address = %listener.local().map_err(failed)?, "the witness answers plain HTTP");
    Ok(Some(listener))
}

fn read_config(dir: &Path) -> Result<Config, Stopped> {
    let path = dir.join(home::CONFIG);
    match std::fs::read_to_string(&path) {
        Ok(text) => Config::parse(&text).map_err(|source| Stopped::Config { path, source }),
        Err(source) => Err(Stopped::NoConfig { path, source }),
    }
}

/// Opens the store, the keyring and the guard of the node in `dir`, and the ledger over them.
pub fn open_ledger(
    dir: &Path,
    (genesis, envelope): (&Genesis, &Envelope),
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
) -> Result<(Ledger, Arc<Keys>), Stopped> {
    let store = dir.join(home::STORE);
    if backup::take_up(dir)? {
        tracing::warn!("a backup was restored; `varde log status` shows how far the log is made whole");
    }
    let (new_store, guard) = (!store.exists(), FileGuard::open(&dir.join(home::GUARD))?);
    if new_store && !guard.is_unused() {
        return Err(Stopped::StoreGone { dir: dir.to_owned() });
    }
    let keyring = FileKeyring::open(&dir.join(home::KEYRING), new_store, entropy.clone())?;
    let store = SledStore::open(&store).map_err(|error| match error {
        StoreError::InUse => Stopped::Held { dir: dir.to_owned(), by: sled::holder(&store) },
        other => Stopped::Store(other),
    })?;
    if generation::is_gone(&store, &guard, genesis.origin())? {
        return Err(Stopped::StoreGone { dir: dir.to_owned() });
    }
    let purged = erase::purge(&store, &keyring)?;
    if purged > 0 {
        tracing::warn!(purged, "the keyring had keys again that erasures had destroyed; they are destroyed anew");
    }
    let history = flow_keys::recorded(&store, genesis, envelope)?;
    let held = history.clone();
    let keys = Keys::open(history, &store, |role, key| keys::load(dir, &held, role, key))?;
    let keys = Arc::new(keys);
    let ledger = Ledger::open(Parts {
        store: Arc::new(store),
        keyring: Arc::new(keyring),
        clock,
        entropy,
        keys: keys.clone(),
        guard: Arc::new(guard),
        origin: genesis.origin().clone(),
    })?;
    let filed = ceremony::filed(dir, keys.history().number() + 1);
    ledger.foresee(filed, |history, role, key| keys::load(dir, history, role, key))?;
    Ok((ledger, keys))
}
