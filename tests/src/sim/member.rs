//! A simulated country: what outlives its process, and the process that runs now, if one does.

use super::ground::{
    BucketKeys, Calendar, LastCommit, Rows, Shown, SimChance, SimClock, SimGuard, SimKeyring, SimStore,
};
use super::tls::Machine;
use crate::pair::promises::word;
use crate::pair::{Country, Ground, KeyFiles};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::{AbortHandle, JoinSet};
use varde_node::flow::conversation::offers;
use varde_node::flow::ledger::Ledger;
use varde_node::flow::{Node, erase, witness};
use varde_node::port::{Clock, Peers};
use varde_proto::agreement::Agreement;
use varde_proto::identity::{Role, SecretKey};

/// How long a machine may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

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

/// A backup of a country.
#[derive(Clone)]
pub struct Backup {
    /// The leaves that it has.
    pub size: u64,
    rows: Rows,
    keys: BucketKeys,
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
    /// Backups of its store and its keyring.
    pub backups: Mutex<Vec<Backup>>,
    keyring: Arc<SimKeyring>,
    /// What it stands on.
    pub ground: Ground,
    /// Its folder of pins, and of what was signed with each.
    peers: Mutex<Arc<Peers>>,
    life: Shown<Option<Arc<Life>>>,
    /// One start at a time: two processes on one store are what the real store forbids.
    starting: tokio::sync::Mutex<()>,
    /// What it runs on, if its network is of machines.
    machine: Option<Machine>,
}

impl Member {
    /// A country that was never started.
    pub fn new(code: &str, seed: u64, heartbeat: Duration, calendar: Arc<Calendar>, peers: Peers) -> Self {
        let (store, clock) = (Arc::new(SimStore::default()), Arc::new(SimClock::new(calendar)));
        let (guard, keyring) = (Arc::new(SimGuard::default()), Arc::new(SimKeyring::new(seed)));
        let ground = Ground {
            store: store.clone(),
            keyring: keyring.clone(),
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
            keyring,
            ground,
            peers: Mutex::new(Arc::new(peers)),
            life: Shown::new(None),
            starting: Default::default(),
            machine: None,
        }
    }

    /// The same, on a machine of its own.
    pub fn on(self, machine: Machine) -> Self {
        Self { machine: Some(machine), ..self }
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
            keyring: self.keyring.clone(),
            ground,
            peers: Mutex::new(self.peers()),
            life: Shown::new(None),
            starting: Default::default(),
            machine: None,
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
        let Some(machine) = &self.machine else { return self.boot().await };
        machine.switch_on();
        match tokio::time::timeout(PATIENCE, self.running()).await {
            Ok(_) => Ok(()),
            Err(_) => Err(format!("{} does not start within {PATIENCE:?}", self.code)),
        }
    }

    /// Starts the node here, unless it runs.
    pub async fn boot(&self) -> Result<(), String> {
        let _alone = self.starting.lock().await;
        if self.life().is_some() {
            return Ok(());
        }
        self.store.kill_in_commit(None);
        let failed = |what: &str, why: String| format!("{} {what}: {why}", self.code);
        erase::purge(&*self.store, &*self.keyring)
            .map_err(|error| failed("cannot destroy keys anew", error.to_string()))?;
        let (ledger, writer) = Ledger::prepare(self.ground.parts(&self.code))
            .map_err(|error| failed("cannot open its store", error.to_string()))?;
        let mut tasks = JoinSet::new();
        tasks.spawn(writer.run());
        let country = Country::found(&self.code, ledger, self.ground.clone()).await;
        let country = country.map_err(|error| failed("cannot be founded", error.to_string()))?;
        let mut pinned = self.peers();
        country.pin_all(pinned.clone()).await.map_err(|error| failed("cannot pin", error.to_string()))?;
        // What was signed while it started.
        while !Arc::ptr_eq(&pinned, &self.peers()) {
            pinned = self.peers();
            country.pin_all(pinned.clone()).await.map_err(|error| failed("cannot pin", error.to_string()))?;
        }
        tasks.spawn(take_up_statements(country.node.clone(), self.ground.key_files.clone()));
        tasks.spawn(erase::keep_erasing(country.node.clone()));
        tasks.spawn(offers::keep_delivering(country.node.clone()));
        self.life.set(Some(Arc::new(Life { country, tasks: tasks.into() })));
        Ok(())
    }

    fn peers(&self) -> Arc<Peers> {
        self.peers.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its coordinator signs that an agreement with another country is accepted, or ended. The file is there from now on; a node that
    /// is killed meanwhile reads it when it starts.
    pub async fn say(&self, other: &str, agreement: &Arc<Agreement>, ends: bool) {
        let said = word(&self.code, other, agreement, ends, self.clock.now());
        let mut peers = (*self.peers()).clone();
        for peer in peers.values_mut().filter(|peer| peer.origin.node().as_str() == other) {
            let mut more = (**peer).clone();
            more.words.push(said.clone());
            more.texts.push(agreement.clone());
            *peer = Arc::new(more);
        }
        let peers = Arc::new(peers);
        *self.peers.lock().unwrap_or_else(PoisonError::into_inner) = peers.clone();
        if let Some(life) = self.life() {
            let _ = tokio::time::timeout(Duration::from_secs(5), life.country.pin_all(peers)).await;
        }
    }

    /// Makes a backup of the store and the keyring as they are now, unless a peer has been silent for a month: one that is made then is
    /// worth nothing once the peer is back (docs/threats.md, "What still lacks").
    pub fn back_up(&self) {
        let Some(life) = self.life() else { return };
        let last = life.country.node.ledger.book().last_time.seconds();
        let silent = |seconds: u64| seconds > 0 && last.saturating_sub_unsigned(seconds) > 30 * 86_400;
        if !witness::standing(&life.country.node).is_ok_and(|known| !known.by.iter().any(|one| silent(one.seconds))) {
            return;
        }
        let size = life.country.node.ledger.book().tree.size().0;
        let backup = Backup { size, rows: self.store.snapshot(), keys: self.keyring.snapshot() };
        self.backups.lock().unwrap_or_else(PoisonError::into_inner).push(backup);
    }

    /// Puts the store and the keyring back; nothing runs on them.
    pub fn put_back(&self, backup: Backup) {
        self.store.restore(backup.rows);
        self.keyring.restore(backup.keys);
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
            if let Some(machine) = &self.machine {
                machine.switch_off();
            }
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
