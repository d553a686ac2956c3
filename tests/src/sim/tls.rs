//! The same federation on machines: every country has a runtime of its own, and between them run the product's own border, TLS 1.3 and
//! gRPC over a simulated TCP (turmoil) that is slow, held up, cut, or cut one way, under machines that are switched off in the middle.
//!
//! In: what people do and what goes wrong, as in [`super`]. Out: days that are skipped, and frames that come twice, which no TLS
//! connection lets through. A partition loses bytes for good: what runs over it is dead, and both ends have to notice by themselves.

use super::network::{Between, Weather};
use super::watch::Watch;
use super::{Network, Outcome, World};
use crate::pair::door;
use crate::sim::member::Member;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::mpsc;
use turmoil::net::{TcpListener, TcpStream};
use varde_node::edge::border::{Arrivals, Code, Listener, Refused, Sockets, Stream};
use varde_node::edge::contacts::{self, Contacts};

/// How long things go wrong.
pub(super) const DISTURBED: Duration = Duration::from_secs(60);
/// A simulation that has not ended after so long never will.
const LONGEST: Duration = Duration::from_secs(3_600);
/// Steps of the network.
const TICK: Duration = Duration::from_millis(5);
/// How long a byte is under way at most.
const LATENCY: Duration = Duration::from_millis(150);
/// How long bytes are held up in foul weather.
const HELD_UP: Duration = Duration::from_secs(4);

/// What is to be done with a machine, in this order.
type Switches = Arc<Mutex<Vec<(String, bool)>>>;

/// What a country runs on. Its folder outlives its process.
pub struct Machine {
    country: String,
    is_on: AtomicBool,
    switches: Switches,
}

impl Machine {
    /// Switches it on, unless it is.
    pub fn switch_on(&self) {
        self.switch(true);
    }

    /// Switches it off, in the middle of whatever it does.
    pub fn switch_off(&self) {
        self.switch(false);
    }

    fn switch(&self, on: bool) {
        if self.is_on.swap(on, Ordering::Relaxed) != on {
            self.switches.lock().unwrap_or_else(PoisonError::into_inner).push((self.country.clone(), on));
        }
    }
}

/// Runs a seed.
pub fn run(seed: u64) -> Outcome {
    let switches = Switches::default();
    let machine = |country: &str| {
        let (country, is_on) = (country.to_owned(), AtomicBool::new(true));
        Some(Machine { country, is_on, switches: switches.clone() })
    };
    let world = World::new(seed, Network::Tls, &machine);
    let (members, watch) = (world.members.clone(), world.watch.clone());
    let mut builder = turmoil::Builder::new();
    builder.rng_seed(seed).simulation_duration(LONGEST).tick_duration(TICK);
    builder.min_message_latency(Duration::from_millis(1)).max_message_latency(LATENCY).tcp_capacity(4096);
    let mut sim = builder.build();
    for member in &members {
        let (dir, member, watch) = (folder(member, &members), member.clone(), watch.clone());
        sim.host(door::name(&member.code.clone()), move || {
            let (dir, member, watch) = (dir.clone(), member.clone(), watch.clone());
            async move {
                live(&dir, &member, &watch).await;
                Ok(())
            }
        });
    }
    let outcome = Arc::new(Mutex::new(None));
    let ended = outcome.clone();
    sim.client("people", async move {
        let came = world.live().await;
        *ended.lock().unwrap_or_else(PoisonError::into_inner) = Some(came);
        Ok(())
    });
    loop {
        match sim.step() {
            Ok(true) => break,
            Ok(false) => {}
            Err(failure) => panic!("the simulation does not end: {failure}"),
        }
        for (country, on) in std::mem::take(&mut *switches.lock().unwrap_or_else(PoisonError::into_inner)) {
            if on { sim.bounce(door::name(&country)) } else { sim.crash(door::name(&country)) }
        }
    }
    let outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner).take();
    outcome.expect("an outcome of what has ended")
}

/// The folder of a country, with the pins of all others.
fn folder(member: &Arc<Member>, all: &[Arc<Member>]) -> Arc<TempDir> {
    let dir = tempfile::tempdir().expect("a folder");
    let others = all.iter().map(|other| other.code.as_str()).filter(|other| *other != member.code);
    door::pin(dir.path(), others).expect("pins");
    Arc::new(dir)
}

/// A country's process, until its machine is switched off.
async fn live(dir: &TempDir, member: &Member, watch: &Arc<Watch>) {
    let opened = match member.boot().await {
        Ok(()) => door::open(dir.path(), &member.code, &member.ground, Arc::new(SimSockets)).await,
        Err(failure) => return watch.fail(failure),
    };
    match (opened, member.life()) {
        (Ok((_border, arrivals)), Some(life)) => {
            let Arrivals { links, refused, .. } = arrivals;
            let (node, known) = (life.country.node.clone(), Arc::<Contacts>::default());
            let (tell, told) = mpsc::channel(16);
            life.spawn(judge(member.code.clone(), watch.clone(), refused, tell));
            life.spawn(contacts::keep_journal(node.clone(), known.clone(), told));
            life.spawn(contacts::run_links(node, known, links));
            drop(life);
            std::future::pending::<()>().await;
        }
        (Err(failure), _) => watch.fail(format!("{} cannot open its border: {failure}", member.code)),
        // It was killed meanwhile.
        (Ok(_), None) => {}
    }
}

/// Nobody is refused for anything but the network: all keys are right.
async fn judge(country: String, watch: Arc<Watch>, mut refused: mpsc::Receiver<Refused>, on: mpsc::Sender<Refused>) {
    while let Some(one) = refused.recv().await {
        // A machine that is switched off, or bytes that are lost, end a handshake or a first answer as well.
        let fair = matches!(one.code, Code::HandshakeTimeout | Code::NoStream | Code::NotOurProtocol);
        if one.code.is_notable() && !fair {
            watch.fail(format!("{country} refused {:?} with {:?} ({:?})", one.peer, one.code.name(), one.side));
        }
        if on.send(one).await.is_err() {
            return;
        }
    }
}

/// What the weather between two does to their bytes.
pub(super) async fn keep_weather(between: Arc<Between>) {
    let names = || between.ends().map(|end| door::name(&end.code));
    let mut before = Weather::Fair;
    loop {
        let now = between.weather.wait_for(|weather| *weather != before || *weather == Weather::Foul).await;
        let [a, b] = names();
        if before == Weather::Foul {
            turmoil::release(a.as_str(), b.as_str());
        }
        match now {
            Weather::Fair => turmoil::repair(a.as_str(), b.as_str()),
            Weather::Cut => turmoil::partition(a.as_str(), b.as_str()),
            Weather::Mute(0) => turmoil::partition_oneway(a.as_str(), b.as_str()),
            Weather::Mute(_) => turmoil::partition_oneway(b.as_str(), a.as_str()),
            Weather::Foul => {
                turmoil::hold(a.as_str(), b.as_str());
                let over = between.weather.wait_for(|weather| *weather != Weather::Foul);
                let _ = tokio::time::timeout(HELD_UP, over).await;
                turmoil::release(a.as_str(), b.as_str());
                tokio::time::sleep(LATENCY).await;
            }
        }
        before = now;
    }
}

/// Sockets of a simulated machine.
struct SimSockets;

#[tonic::async_trait]
impl Sockets for SimSockets {
    async fn listen(&self, at: SocketAddr) -> io::Result<Box<dyn Listener>> {
        Ok(Box::new(SimListener(TcpListener::bind(at).await?)))
    }

    async fn connect(&self, host: &str, port: u16) -> io::Result<(Stream, SocketAddr)> {
        let stream = TcpStream::connect((host, port)).await?;
        let remote = stream.peer_addr()?;
        Ok((Box::new(stream), remote))
    }
}

struct SimListener(TcpListener);

#[tonic::async_trait]
impl Listener for SimListener {
    fn local(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let (stream, remote) = self.0.accept().await?;
        Ok((Box::new(stream), remote))
    }
}
