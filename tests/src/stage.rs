//! A real node under attack by a member with real keys: the rogue's border is real, its TLS is real, what it says is not.

use crate::harness::{Country, Trouble};
use crate::pair::origin;
use crate::rogue::{Rogue, Wire};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use varde_node::edge::border::{Arrivals, Border, Setup, SystemSockets};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::keys;
use varde_node::port::Clock;
use varde_proto::exchange::Frame;
use varde_proto::home::{self, ConnectionLimits};
use varde_proto::identity::{History, SecretKey};

fn secret(path: &Path) -> Result<SecretKey, Trouble> {
    SecretKey::from_pem(&std::fs::read_to_string(path)?).map_err(|e| Trouble::new(e.to_string()))
}

/// The rogue of a country whose keys lie in `dir`, against another one.
pub fn rogue(dir: &Path, from: &str, to: &str) -> Result<Rogue, Trouble> {
    let (genesis, _) = keys::load_genesis(dir).map_err(|e| Trouble::new(e.to_string()))?;
    let key = |name: &str| secret(&dir.join(home::KEYS).join(format!("{name}.key")));
    let keys = [secret(&dir.join(home::IDENTITY_KEY))?, key("log")?, key("msg")?];
    Ok(Rogue::new(origin(from), origin(to), genesis.mode(), keys))
}

/// A border without a node behind it.
pub struct Front {
    /// Closes when dropped.
    pub border: Border,
    arrivals: Arrivals,
}

impl Front {
    /// Opens the border of the country in `dir`.
    pub async fn open(dir: &Path) -> Result<Self, Trouble> {
        let told = |e: &dyn std::fmt::Display| Trouble::new(e.to_string());
        let (genesis, envelope) = keys::load_genesis(dir).map_err(|e| told(&e))?;
        let history = History::found(&genesis, &envelope);
        let tls = keys::load_keys(dir, &history, SystemClock.now()).map_err(|e| told(&e))?.tls;
        let setup = Setup {
            dir,
            genesis: &genesis,
            tls: tokio::sync::watch::channel(tls).1,
            listen: ([127, 0, 0, 1], 0).into(),
            sockets: Arc::new(SystemSockets),
            limits: ConnectionLimits::default(),
            heartbeat: Duration::from_secs(60),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let (border, arrivals) = Border::open(setup).await.map_err(|e| told(&e))?;
        Ok(Self { border, arrivals })
    }

    /// The next connection with the target, as the rogue holds it.
    pub async fn wire(&mut self, target: &Country) -> Result<Wire, Trouble> {
        loop {
            let link = tokio::time::timeout(Duration::from_secs(60), self.arrivals.links.recv()).await;
            let link = link.ok().flatten().ok_or_else(|| Trouble::new("no connection within a minute"))?;
            if link.peer.node().as_str() == target.code() {
                return Ok(hold(link));
            }
        }
    }
}

fn hold(link: varde_node::edge::border::Link) -> Wire {
    let (to, mut said) = mpsc::channel::<Frame>(16);
    let (give, from) = mpsc::channel(16);
    let varde_node::edge::border::Link { outgoing, mut incoming, fate, .. } = link;
    tokio::spawn(async move {
        while let Some(frame) = said.recv().await {
            if outgoing.send(frame.into_wire()).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(async move {
        let _fate = fate;
        while let Some(frame) = incoming.recv().await {
            if give.send(Frame::from_wire(frame)).await.is_err() {
                return;
            }
        }
    });
    Wire { to, from }
}
