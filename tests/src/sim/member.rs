//! A simulated country: what outlives its process, and the process that runs now, if one does.

use super::ground::{LastCommit, Rows, Shown, SimChance, SimClock, SimGuard, SimKeyring, SimStore};
use crate::pair::{Country, Ground, KeyFiles};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use varde_node::flow::Node;
use varde_node::flow::ledger::Ledger;
use varde_node::port::Peers;
use varde_proto::identity::{Role, SecretKey};

/// A process: it ends with the tasks that it is made of.
pub struct Life {
    /// The running node.
    pub country: Country,
    tasks: Mutex<JoinSet<()>>,
}

impl Life {
    /// Lets the process do something until it ends.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner).spawn(task)
    }
}

/// Takes up within a second or so what people decided about keys.
async fn take_up_statements(node: Arc<Node>, files: Arc<KeyFiles>) {
    loop {
        // What a node that is being killed could not write is taken up by the next one.
        let _ = files.take_up(&node).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// A country.
pub struct Member {
    /// Two capital letters.
    pub code: String,
    /// Its rows.
    pub store: Arc<SimStore>,
    /// Its clock.
    pub clock: Arc<SimClock>,
    /// Its sign guard, of which there is no backup.
    pub guard: Arc<SimGuard>,
    /// Backups of its store, with the leaves that each has.
    pub backups: Mutex<Vec<(u64, Rows)>>,
    ground: Ground,
    peers: Arc<Peers>,
    life: Shown<Option<Arc<Life>>>,
    /// One start at a time: two processes on one store are what the real store forbids.
    starting: tokio::sync::Mutex<()>,
}

impl Member {
    /// A country that was never started.
    pub fn new(code: &str, seed: u64, heartbeat: Duration, began: tokio::time::Instant, peers: Peers) -> Self {
        let (store, clock) = (Arc::new(SimStore::default()), Arc::new(SimClock::new(began)));
        let guard = Arc::new(SimGuard::default());
        let ground = Ground {
            store: store.clone(),
            keyring: Arc::new(SimKeyring::new(seed)),
            clock: clock.clone(),
            entropy: Arc::new(SimChance::new(!seed)),
            guard: guard.clone(),
            heartbeat,
            divergence: 10 * heartbeat,
            key_files: Arc::default(),
            told: Arc::default(),
        };
        Self {
            code: code.to_owned(),
            store,
            clock,
            guard,
            backups: Mutex::default(),
            ground,
            peers: Arc::new(peers),
            life: Shown::new(None),
            starting: Default::default(),
        }
    }

    /// Another node under the same keys, from a copy of this one's store; not started.
    pub fn twin(&self) -> Self {
        let store = Arc::new(SimStore::default());
        store.restore(self.store.snapshot());
        let chance = Arc::new(SimChance::new(self.store.commits()));
        let guard = Arc::new(SimGuard::of(self.ground.guard.shown()));
        let ground = Ground { store: store.clone(), entropy: chance, guard: guard.clone(), ..self.ground.clone() };
        Self {
            code: self.code.clone(),
            store,
            clock: self.clock.clone(),
            guard,
            backups: Mutex::default(),
            ground,
            peers: self.peers.clone(),
            life: Shown::new(None),
            starting: Default::default(),
        }
    }

    /// The process that runs now.
    pub fn life(&self) -> Option<Arc<Life>> {
        self.life.get()
    }

    /// Waits for a process.
    pub async fn running(&self) -> Arc<Life> {
        loop {
            if let Some(life) = self.life.wait_for(Option::is_some).await {
                return life;
            }
        }
    }

    /// Starts the node, unless it runs. What its store does not let it read is a failure of the simulation.
    pub async fn start(&self) -> Result<(), String> {
        let _alone = self.starting.lock().await;
        if self.life().is_some() {
            return Ok(());
        }
        self.store.kill_in_commit(None);
        let failed = |what: &str, why: String| format!("{} {what}: {why}", self.code);
        let (ledger, writer) = Ledger::prepare(self.ground.parts(&self.code))
            .map_err(|error| failed("cannot open its store", error.to_string()))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        let country = Country::found(&self.code, ledger, self.ground.clone()).await;
        let country = country.map_err(|error| failed("cannot be founded", error.to_string()))?;
        country.pin_all(self.peers.clone()).await.map_err(|error| failed("cannot pin", error.to_string()))?;
        tasks.spawn(take_up_statements(country.node.clone(), self.ground.key_files.clone()));
        self.life.set(Some(Arc::new(Life { country, tasks: tasks.into() })));
        Ok(())
    }

    /// Makes a backup of the store as it is now.
    pub fn back_up(&self) {
        let Some(life) = self.life() else { return };
        let size = life.country.node.ledger.book().tree.size().0;
        self.backups.lock().unwrap_or_else(PoisonError::into_inner).push((size, self.store.snapshot()));
    }

    /// Two people decide that a key gives way to a new one, unless they wait for an earlier one.
    pub fn rotate(&self, role: Role, new: SecretKey, salt: [u8; 32]) -> Result<(), String> {
        let Some(life) = self.life().filter(|_| !self.is_locked()) else { return Ok(()) };
        let (node, files) = (&life.country.node, &self.ground.key_files);
        let (history, now) = (node.keys.history(), node.clock.now());
        let number = history.number() + 1;
        let failed = |why: String| format!("{} cannot rotate its {role} key: {why}", self.code);
        if !files.is_decided(number) {
            let old = history.current(role).pop().ok_or_else(|| failed("there is none".into()))?;
            let old = files.find(&self.code, role, &old).map_err(|missing| failed(missing.to_string()))?;
            let signed = history.rotate(&life.country.keys[0], role, (Some(&old), &new), now, salt);
            files.decide(number, signed.map_err(|bad| failed(bad.to_string()))?, Arc::new(new));
        }
        Ok(())
    }

    /// Whether its log is locked, or nobody can say.
    pub fn is_locked(&self) -> bool {
        self.life().is_none_or(|life| *life.country.node.ledger.locked().borrow())
    }

    /// Kills the node between two steps of whatever it is doing.
    pub fn kill(&self) {
        if let Some(life) = self.life.set(None) {
            life.tasks.lock().unwrap_or_else(PoisonError::into_inner).abort_all();
        }
    }

    /// Kills the node in its next commit; if it commits nothing for a while, then.
    pub async fn kill_in_commit(&self, last: LastCommit) {
        let Some(life) = self.life() else { return };
        self.store.kill_in_commit(Some(last));
        let mut stopped = life.country.node.ledger.stopped();
        let _ = tokio::time::timeout(Duration::from_secs(5), stopped.wait_for(|stopped| *stopped)).await;
        self.kill();
    }
}
