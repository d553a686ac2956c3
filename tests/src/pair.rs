//! Two nodes in one process, with real ledgers, keys and proofs, joined by a link of channels instead of a socket. For tests
//! of the exchange itself; real processes and real TLS are the harness's.

pub mod door;
mod key_files;
mod pinboard;
pub mod promises;

pub use key_files::{KeyFiles, keys};

use crate::rogue::Wire;
use pinboard::{Pinboard, Told};
use prost::Message;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::flow::connection::{self, Ended, Pace, UnderWay};
use varde_node::flow::gossip::Memory;
use varde_node::flow::ledger::{CommitError, Ledger, Parts};
use varde_node::flow::receive::Me;
use varde_node::flow::{Node, founding, journal::Journal};
use varde_node::port::{Clock, Entropy, Guard, Keyring, Link, Peer, Peers, Store, StoreError};
use varde_proto::agreement::default_agreement;
use varde_proto::alert::*;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::Frame;
use varde_proto::home::Operator;
use varde_proto::id::{AlertId, Digest, NodeId, Origin};
use varde_proto::identity::{Acceptance, Descriptor, Endpoint, Genesis, History, Role, RoleKeys, SecretKey};
use varde_proto::time::{Period, Timestamp};
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::Mode;
use zeroize::Zeroizing;

/// A country of a test, with the keys that make its peers believe it.
pub struct Country {
    /// Its node.
    pub node: Arc<Node>,
    /// K_id, K_log, K_msg.
    pub keys: [SecretKey; 3],
    pins: watch::Sender<Arc<Peers>>,
    told: Arc<Told>,
}

/// The origin of a country's first log.
pub fn origin(country: &str) -> Origin {
    Origin::new("varde.example", NodeId::parse(country).expect("a country"), 1).expect("an origin")
}

fn key(country: &str, role: u8) -> SecretKey {
    let bytes = country.as_bytes();
    SecretKey::from_seed(&Zeroizing::new([bytes[0] ^ role, bytes[1], role].repeat(11)[..32].try_into().expect("32")))
}

/// The staff of every country.
pub const STAFF: [&str; 2] = ["a", "b"];

/// The credential of one of a country's staff.
pub fn staff(country: &str, name: &str) -> SecretKey {
    key(country, name.bytes().next().unwrap_or_default())
}

/// K_id, K_log and K_msg of a country: for whoever plays it.
pub fn secrets(country: &str) -> [SecretKey; 3] {
    [1, 2, 3].map(|role| key(country, role))
}

/// K_wit of a country.
pub fn witness_key(country: &str) -> SecretKey {
    key(country, 4)
}

/// What was made once, by name: making keys and their proofs again costs more than most tests.
fn once<T: Clone>(made: &Mutex<BTreeMap<String, T>>, name: String, make: impl FnOnce() -> T) -> T {
    let made = || made.lock().expect("no test panics while it holds this");
    if let Some(known) = made().get(&name) {
        return known.clone();
    }
    let new = make();
    made().insert(name, new.clone());
    new
}

/// The genesis of a country's log; always the same.
fn genesis(country: &str) -> Genesis {
    static MADE: Mutex<BTreeMap<String, Genesis>> = Mutex::new(BTreeMap::new());
    once(&MADE, country.into(), || found_genesis(country))
}

fn found_genesis(country: &str) -> Genesis {
    let roles = [Role::Id, Role::Log, Role::Wit, Role::Msg, Role::Tls, Role::Staff];
    let keys = [1, 2, 4, 3, 5, 6].map(|role| key(country, role));
    let held: Vec<_> = roles.into_iter().zip(&keys).collect();
    let keys = RoleKeys::prove(&origin(country), &held).expect("keys");
    Genesis::found(origin(country), Mode::Test, keys, Timestamp::default(), [1; 32]).expect("a genesis")
}

/// What a country shows its peers, for two years from a day in 2026.
fn descriptor(country: &str) -> Envelope {
    descriptor_with(country, None)
}

/// The same, with the place where it is reached.
fn descriptor_with(country: &str, endpoint: Option<Endpoint>) -> Envelope {
    let issued = Timestamp::from_ms(1_795_284_000_000).expect("a time");
    Descriptor::issue(&genesis(country), endpoint, issued, [2; 32]).sign(&key(country, 1)).expect("a descriptor")
}

/// What a country of a test stands on.
#[derive(Clone)]
pub struct Ground {
    /// Where rows are kept.
    pub store: Arc<dyn Store>,
    /// Under what they are sealed.
    pub keyring: Arc<dyn Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// What was last shown.
    pub guard: Arc<dyn Guard>,
    /// How often a peer is told of a head.
    pub heartbeat: Duration,
    /// How long a head of another log may stay unconnected before it is an alarm.
    pub divergence: Duration,
    /// Its folder of keys.
    pub key_files: Arc<KeyFiles>,
    /// What its peers said of their keys, as it lies beside the pins.
    pub told: Arc<Told>,
}

impl Ground {
    /// What a country's ledger is opened with.
    pub fn parts(&self, country: &str) -> Parts {
        Parts {
            store: self.store.clone(),
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            entropy: self.entropy.clone(),
            keys: self.key_files.open(country, &*self.store),
            guard: self.guard.clone(),
            origin: origin(country),
        }
    }
}

impl Country {
    /// A country on this store; its keyring lies in `keyring`. Its keys follow from its name, so it can be opened again.
    pub async fn open(country: &str, store: Arc<dyn Store>, keyring: &Path) -> Self {
        Self::open_with(country, store, keyring, &[], Duration::from_secs(600)).await
    }

    /// The same, with keys that came later, and with another time until a head that stays unconnected is an alarm.
    pub async fn open_with(
        country: &str,
        store: Arc<dyn Store>,
        keyring: &Path,
        more: &[Arc<SecretKey>],
        divergence: Duration,
    ) -> Self {
        let entropy = Arc::new(SystemEntropy);
        let fresh = !keyring.exists();
        let guard = Arc::new(FileGuard::open(&keyring.with_extension("guard")).expect("a sign guard"));
        let keyring = Arc::new(FileKeyring::open(keyring, fresh, entropy.clone()).expect("a keyring"));
        let heartbeat = Duration::from_secs(1);
        let (key_files, told) = (Arc::new(KeyFiles::holding(more)), Arc::default());
        let clock = Arc::new(SystemClock);
        let ground = Ground { store, keyring, clock, entropy, guard, heartbeat, divergence, key_files, told };
        let ledger = Ledger::open(ground.parts(country)).expect("a ledger");
        Self::found(country, ledger, ground).await.expect("founded")
    }

    /// A country on a ledger whose writer runs already.
    pub async fn found(country: &str, ledger: Ledger, ground: Ground) -> Result<Self, founding::NotFounded> {
        let genesis = genesis(country).sign(&key(country, 1)).expect("a genesis");
        founding::found(&ledger, &genesis, "quorum none\n").await?;
        ground.key_files.foresee(country, &ledger);
        let (pins, peers) = watch::channel(Arc::default());
        let (board, kept) = Pinboard::new(ground.told.clone());
        let node = Arc::new(Node {
            keys: ledger.keys().clone(),
            board: Arc::new(board),
            ledger,
            me: Me { origin: origin(country), mode: Mode::Test },
            heartbeat: ground.heartbeat,
            gossip: Memory::new(ground.divergence),
            clock: ground.clock,
            entropy: ground.entropy,
            peers,
            operators: STAFF
                .map(|name| Operator { name: name.into(), public_key: staff(country, name).public() })
                .into(),
            journal: Journal::default(),
            pace: Pace::default(),
            under_way: UnderWay::default(),
        });
        let kept = (ground.told.clone(), kept);
        tokio::spawn(pinboard::take_up(Arc::downgrade(&node), pins.clone(), kept));
        Ok(Self { node, keys: secrets(country), pins, told: ground.told })
    }

    /// Its origin.
    pub fn origin(&self) -> &Origin {
        &self.node.me.origin
    }

    /// Pins another country, under the default agreement.
    pub async fn pin(&self, other: &Country) -> Arc<Peer> {
        let mut peer = peer(self.origin().node().as_str(), other.origin().node().as_str());
        if let Some(known) = self.pins.borrow().get(&other.origin().node()) {
            peer.keys = known.keys.clone();
        }
        let peer = Arc::new(peer);
        let mut more: BTreeMap<_, _> = (**self.pins.borrow()).clone();
        more.insert(other.origin().node(), peer.clone());
        self.pin_all(Arc::new(more)).await.expect("a roster");
        peer
    }

    /// Pins these countries and no others.
    pub async fn pin_all(&self, peers: Arc<Peers>) -> Result<(), CommitError<StoreError>> {
        let peers = Arc::new(self.told.of(&peers));
        self.pins.send_replace(peers.clone());
        pinboard::log(&self.node, &self.pins, &peers).await
    }
}

/// Another country as a country pins it, under the default agreement.
pub fn peer(country: &str, other: &str) -> Peer {
    static MADE: Mutex<BTreeMap<String, Peer>> = Mutex::new(BTreeMap::new());
    once(&MADE, format!("{country} {other}"), || pinned(country, other))
}

fn pinned(country: &str, other: &str) -> Peer {
    let ours = Acceptance {
        from: origin(country),
        with: origin(other),
        mode: Mode::Test,
        agreement: default_agreement(),
        accepted: Timestamp::default(),
        salt: [1; 32],
    };
    Peer {
        origin: origin(other),
        id_key: key(other, 1).public(),
        keys: Arc::new(History::pinned(&Descriptor::open(&descriptor(other)).expect("a descriptor"))),
        descriptor: descriptor(other),
        words: vec![ours.sign(&key(country, 1)).expect("an acceptance")],
        texts: Vec::new(),
        accepted: Vec::new(),
    }
}

/// A running connection: how each side ends.
pub type Sides = (JoinHandle<Ended>, JoinHandle<Ended>);

/// Connects two countries that pinned each other. Frames pass through their wire form both ways.
pub async fn connect(a: &Country, b: &Country) -> Sides {
    let (b_seen_by_a, a_seen_by_b) = (a.pin(b).await, b.pin(a).await);
    let (to_b, from_a) = pipe();
    let (to_a, from_b) = pipe();
    let at_a = connection::run(a.node.clone(), b_seen_by_a, Link { outgoing: to_b, incoming: from_b });
    let at_b = connection::run(b.node.clone(), a_seen_by_b, Link { outgoing: to_a, incoming: from_a });
    (tokio::spawn(at_a), tokio::spawn(at_b))
}

/// Lets a rogue that a country has pinned talk to it.
pub fn admit(country: &Country, rogue: &Arc<Peer>) -> (Wire, JoinHandle<Ended>) {
    let (to, incoming) = pipe();
    let (outgoing, from) = pipe();
    let ended = tokio::spawn(connection::run(country.node.clone(), rogue.clone(), Link { outgoing, incoming }));
    (Wire { to, from }, ended)
}

/// One direction of a link: what goes in is encoded, decoded and comes out.
pub fn pipe() -> (mpsc::Sender<Frame>, mpsc::Receiver<Result<Frame, varde_proto::exchange::BadFrame>>) {
    let (outgoing, mut taken) = mpsc::channel::<Frame>(16);
    let (give, incoming) = mpsc::channel(16);
    tokio::spawn(async move {
        while let Some(frame) = taken.recv().await {
            let bytes = frame.into_wire().encode_to_vec();
            let frame = varde_proto::wire::peer::Frame::decode(bytes.as_slice()).expect("own frames decode");
            if give.send(Frame::from_wire(frame)).await.is_err() {
                return;
            }
        }
    });
    (outgoing, incoming)
}

/// The content of an alert that keeps every rule.
pub fn route(id: [u8; 16]) -> AlertContent {
    route_at(id, SystemClock.now())
}

/// The same, issued at a time.
pub fn route_at(id: [u8; 16], now: Timestamp) -> AlertContent {
    let defaults = defaults(AlertKind::ROUTE_CORRIDOR);
    let stop = |role, code: &str| Stop {
        role,
        place: Place { country: varde_proto::vocabulary::Country::parse(code).expect("a country"), nuts1: None },
    };
    AlertContent {
        id: AlertId(id),
        version: 1,
        supersedes: None,
        msg_type: MsgType::ALERT,
        desk_role: DeskRole::FOCAL_POINT,
        observed: Observed::Period(Period::Quarter(2026, 3)),
        expires_at: now.after(defaults.life).to_day(),
        review_at: now.after(defaults.review).to_day(),
        tlp: defaults.tlp,
        handling: defaults.handling.iter().copied().collect(),
        purposes: defaults.purposes.iter().copied().collect(),
        prohibitions: defaults.prohibitions.iter().copied().collect(),
        legal_regime: defaults.legal.0,
        legal_basis: defaults.legal.1,
        transfer_ground: defaults.legal.2,
        personal_data_level: PersonalDataLevel::L0,
        sources: [SourceType::POLICE, SourceType::NGO_OUTREACH].into(),
        source_grade: SourceGrade::B,
        information_grade: InformationGrade::CORROBORATED,
        assertion: Assertion::ASSESSMENT,
        certainty: Certainty::LIKELY,
        support: SupportBand::FROM_10_TO_19,
        independent_sources: IndependentSources::TWO,
        requested_actions: defaults.requested_actions.iter().copied().collect(),
        reply_by: None,
        contact_channel: ContactChannel::FOCAL_POINT,
        contact_token: *b"\xf0\x9e\x11\x5a\x07\xc3\xee\x80\x4d\x62",
        subject: Subject::RouteCorridor(RouteCorridor {
            forms: [Form::LABOUR_EXPLOITATION].into(),
            stops: vec![stop(CountryRole::RECRUITMENT, "LT"), stop(CountryRole::EXPLOITATION, "NO")],
            legs: vec![Leg {
                border_type: BorderType::AIR,
                transport: Transport::LOW_COST_AIR,
                support: SupportBand::FROM_5_TO_9,
            }],
        }),
    }
}

/// Releases an alert to these countries; returns the index under which it is kept.
pub async fn release(country: &Country, content: AlertContent, to: &[&str]) -> u64 {
    let to: Vec<NodeId> = to.iter().map(|c| NodeId::parse(c).expect("a country")).collect();
    let decision = Digest::of(b"decision");
    let signed = varde_node::flow::alert::release::issue(&country.node, content.clone(), decision, &to);
    let signed = signed.expect("issued");
    let owe = move |desk: &mut varde_node::flow::desk::Desk<'_>| {
        varde_node::flow::alert::release::owe(desk, &signed, &content, decision)
    };
    country.node.ledger.commit(owe).await.expect("logged").into_value()
}
