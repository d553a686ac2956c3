//! Releases of a node that does not run: its own parts on its own directory, without its doors. Every alert is drafted, signed for by
//! staff, judged, logged and owed as a running node does it, by the same functions, many in one commit; what is left out is the
//! operator's socket and the process behind it.
//!
//! In: opening the parts, releasing, closing them. Out: when (`backlog`, which does it in a process of its own, so that everything is
//! closed when that ends).

use crate::harness::Trouble;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use varde_node::edge::border::{Border, Setup, SystemSockets};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::contacts::{self, Folder};
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::{keys, start};
use varde_node::flow::Node;
use varde_node::flow::alert::drafts::{self, Signed};
use varde_node::flow::alert::release;
use varde_node::flow::connection::{Pace, UnderWay};
use varde_node::flow::gossip::Memory;
use varde_node::flow::journal::Journal;
use varde_node::flow::receive::Me;
use varde_node::port::{Clock, Peers};
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::template;
use varde_proto::home::{self, Config};
use varde_proto::id::NodeId;
use varde_proto::identity::SecretKey;
use varde_proto::vocabulary::AlertKind;
use varde_proto::wire::operator::DraftRequest;

/// Releases under way at the same time: as many as fill one commit while the one before is written, twice over.
const AT_ONCE: u64 = 512;
/// How long the pins may take to be read.
const PINNED: Duration = Duration::from_secs(10);

fn told(error: impl std::fmt::Display) -> Trouble {
    Trouble::new(error.to_string())
}

/// Releases so many alerts of the template of a route to one country, in the name of the credential `a`, from the node in `dir`,
/// which must not be running.
pub async fn release(dir: &Path, to: NodeId, count: u64) -> Result<(), Trouble> {
    let (node, border) = open(dir).await?;
    let pem = std::fs::read_to_string(dir.join(home::operator("a")))?;
    let staff = Arc::new(SecretKey::from_pem(&pem).map_err(told)?);
    let known = |peers: &Arc<Peers>| peers.contains_key(&to);
    tokio::time::timeout(PINNED, node.peers.clone().wait_for(known)).await.map_err(told)?.map_err(told)?;
    let left = Arc::new(AtomicU64::new(count));
    let mut people = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (node, staff, left) = (node.clone(), staff.clone(), left.clone());
        people.spawn(async move {
            let fewer = |left: u64| left.checked_sub(1);
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok() {
                release_one(&node, &staff, to).await?;
            }
            Ok::<_, Trouble>(())
        });
    }
    while let Some(person) = people.join_next().await {
        person.map_err(told)??;
    }
    border.close().await;
    Ok(())
}

async fn release_one(node: &Node, staff: &SecretKey, to: NodeId) -> Result<(), Trouble> {
    let sign = |verb, about| Some(act::sign(verb, about, &node.me.origin, SystemClock.now(), staff));
    let file = template(AlertKind::ROUTE_CORRIDOR, SystemClock.now()).unwrap_or_default();
    let drafted = drafts::from_file(node, &file, None).map_err(told)?;
    let about = act::about_draft(&DraftRequest { file: file.into_bytes().into(), ..DraftRequest::default() });
    let draft = drafts::keep(node, drafted, &Signed { about, act: sign(Verb::Draft, about) }).await.map_err(told)?;
    let released = sign(Verb::Release, act::about_release(draft.digest(), &[to]));
    release::release(node, draft.content.id, &[to], released).await.map(drop).map_err(told)
}

/// A node without its doors, and the border that reads its pins.
async fn open(dir: &Path) -> Result<(Arc<Node>, Border), Trouble> {
    let config = Config::parse(&std::fs::read_to_string(dir.join(home::CONFIG))?).map_err(told)?;
    let (genesis, envelope) = keys::load_genesis(dir).map_err(told)?;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let (ledger, keys) =
        start::open_ledger(dir, (&genesis, &envelope), clock.clone(), entropy.clone()).map_err(told)?;
    let tls = keys::load_keys(dir, &keys.history(), clock.now()).map_err(told)?.tls;
    let setup = Setup {
        dir,
        genesis: &genesis,
        tls: watch::channel(tls).1,
        listen: ([127, 0, 0, 1], 0).into(),
        sockets: Arc::new(SystemSockets),
        limits: config.connections,
        heartbeat: config.heartbeat,
        clock: clock.clone(),
        entropy: entropy.clone(),
    };
    let (border, arrivals) = Border::open(setup).await.map_err(told)?;
    let (sender, peers) = watch::channel(Arc::new(Peers::new()));
    let node = Arc::new(Node {
        ledger,
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
    let mut tasks = JoinSet::new();
    contacts::attend(&mut tasks, &node, &Arc::default(), arrivals, sender);
    tasks.detach_all();
    Ok((node, border))
}
