//! Somebody is woken: the commands that `[notify]` of `varde.toml` names, run when an alert comes, and again until somebody has seen it.
//! They are told kind, urgency, id and sender; what they print goes nowhere, and what they inherit is a path to programs.
//!
//! In: running them, and the alarm when they fail. Out: when to (`state::waking`), and what came (`flow::arrivals`).

use crate::flow::Node;
use crate::flow::arrivals::{self, Unseen, What};
use crate::port::StoreError;
use crate::state::waking::{Waiting, Waking};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::time::Instant;
use varde_proto::home::Notify;
use varde_proto::id::{AlertId, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::AlertKind;

/// How long a command may take; then it is ended, and has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Urgent alerts of each country that are looked at: the newest of those that nobody has seen.
const OF_EACH: usize = 16;
/// How soon a routine alert is tried again that did not ring.
const RETRY: Duration = Duration::from_secs(60);
/// How long to rest between two rounds, however much is logged meanwhile.
const REST: Duration = Duration::from_millis(200);
/// How often to look, if nothing else asks for it.
const LOOK: Duration = Duration::from_secs(60);

/// Something is wrong with waking people, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong.
    pub what: String,
}

/// Who is woken by what, and whether that works.
#[derive(Debug)]
pub struct Bell {
    settings: Option<Notify>,
    /// What is wrong with each part, until that part works.
    wrong: Mutex<BTreeMap<&'static str, Alarm>>,
    alarm: watch::Sender<Option<Alarm>>,
}

/// What a command is run for.
struct Call {
    kind: AlertKind,
    urgency: &'static str,
    id: AlertId,
    from: NodeId,
}

/// The parts of which one may work while another does not.
const FIRST: &str = "[notify] command";
const SECOND: &str = "[notify] second";
const READING: &str = "reading what came";

impl Bell {
    /// The bell of these settings.
    pub fn new(settings: Option<Notify>) -> Self {
        Self { settings, wrong: Mutex::default(), alarm: watch::channel(None).0 }
    }

    /// Whether there is anybody to wake.
    pub fn is_set(&self) -> bool {
        self.settings.is_some()
    }

    /// Whether it works, and whenever that changes.
    pub fn alarm(&self) -> watch::Receiver<Option<Alarm>> {
        self.alarm.subscribe()
    }

    /// Wakes whoever is on duty; whoever comes second as well, if it is time or nobody else could be reached. Whether the first was.
    async fn ring(&self, call: &Call, also_second: bool, now: Timestamp) -> bool {
        let Some(settings) = &self.settings else { return false };
        let first = run(&settings.command, call).await;
        let worked = first.is_ok();
        self.note(FIRST, first, now);
        if let Some(second) = settings.second.as_ref().filter(|_| also_second || !worked) {
            self.note(SECOND, run(second, call).await, now);
        }
        worked
    }

    /// Notes whether a part works.
    fn note(&self, part: &'static str, outcome: Result<(), String>, now: Timestamp) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(()) => drop(wrong.remove(part)),
            Err(why) => {
                let what = format!("{part}: {why}");
                tracing::error!(what, "people may not be woken: nobody may know of an alert");
                let since = wrong.get(part).map_or(now, |alarm| alarm.since);
                wrong.insert(part, Alarm { since, what });
            }
        }
        let oldest = wrong.values().min_by_key(|alarm| alarm.since).cloned();
        self.alarm.send_if_modified(|alarm| {
            let changed = *alarm != oldest;
            *alarm = oldest;
            changed
        });
    }
}

/// Runs a command; what went wrong otherwise.
async fn run(command: &[String], call: &Call) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).args([&call.kind.to_string(), call.urgency, &call.id.to_string(), call.from.as_str()]);
    command.env_clear().env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| format!("it cannot be started: {error}"))?;
    match tokio::time::timeout(PATIENCE, child.wait()).await {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(format!("it ended with {status}")),
        Ok(Err(error)) => Err(format!("it cannot be waited for: {error}")),
        Err(_) => Err(format!("it had not ended after {} seconds", PATIENCE.as_secs())),
    }
}

/// Wakes people for as long as the node runs: one call at a time, and before each the store is looked at again.
pub async fn keep_waking(node: Arc<Node>, bell: Arc<Bell>) {
    let Some(settings) = &bell.settings else { return };
    let mut heads = node.ledger.heads();
    let mut duty = Duty {
        waking: Waking::new(settings.repeat, settings.second_after),
        begun: Instant::now(),
        read: node.ledger.number(node.ledger.head().size().0),
        routine_from: Duration::ZERO,
        node,
        bell: &bell,
    };
    loop {
        let round = duty.round().await;
        let more = *round.as_ref().unwrap_or(&false);
        bell.note(READING, round.map(drop).map_err(|failure| failure.to_string()), duty.node.clock.now());
        tokio::time::sleep(REST).await;
        if more {
            continue;
        }
        let now = duty.begun.elapsed();
        // Whatever is due stays due until it was rung for; nothing is looked at more than once a second for that.
        let next = duty.waking.next().map_or(now + LOOK, |next| next.clamp(now + Duration::from_secs(1), now + LOOK));
        tokio::select! {
            changed = heads.changed() => if !changed { return },
            () = tokio::time::sleep_until(duty.begun + next) => {}
        }
    }
}

/// What was read and rung for.
struct Duty<'a> {
    node: Arc<Node>,
    bell: &'a Bell,
    waking: Waking,
    begun: Instant,
    /// How far the log was read for routine alerts.
    read: u64,
    /// When a routine alert is tried again, after one did not ring.
    routine_from: Duration,
}

impl Duty<'_> {
    /// Rings for what comes next; whether there may be more.
    async fn round(&mut self) -> Result<bool, StoreError> {
        Ok(self.urgent().await? || self.routine().await?)
    }

    /// Rings for what nobody has seen.
    async fn urgent(&mut self) -> Result<bool, StoreError> {
        let (ledger, now) = (self.node.ledger.clone(), self.node.clock.now());
        let unseen = aside(move || arrivals::unseen(&ledger, OF_EACH, now)).await?;
        let waiting = |one: &Unseen| Waiting { index: one.index, from: one.from, age: now.since(one.since) };
        let waiting: Vec<Waiting> = unseen.iter().map(waiting).collect();
        let Some(ring) = self.waking.due(&waiting, self.begun.elapsed()) else { return Ok(false) };
        let Some(Unseen { kind, id, from, .. }) = unseen.into_iter().find(|one| one.index == ring.index) else {
            return Ok(false);
        };
        let worked = self.bell.ring(&Call { kind, urgency: "urgent", id, from }, ring.also_second, now).await;
        self.waking.rang(ring, from, worked, self.begun.elapsed());
        Ok(true)
    }

    /// Rings for the next of what else came.
    async fn routine(&mut self) -> Result<bool, StoreError> {
        if self.begun.elapsed() < self.routine_from {
            return Ok(false);
        }
        let (ledger, from) = (self.node.ledger.clone(), self.read);
        let (came, to) = aside(move || arrivals::since(&ledger, from)).await?;
        for one in came.iter().filter(|one| matches!(one.what, What::Alert | What::Offer) && !one.is_urgent()) {
            let now = self.begun.elapsed();
            let Some(kind) = one.kind.filter(|kind| self.waking.is_new(one.from, *kind, now)) else { continue };
            self.read = one.index;
            let call = Call { kind, urgency: "routine", id: one.id, from: one.from };
            if self.bell.ring(&call, false, self.node.clock.now()).await {
                self.read = one.index + 1;
                self.waking.rang_routine(one.from, kind, self.begun.elapsed());
                return Ok(true);
            }
            self.routine_from = self.begun.elapsed() + RETRY;
            return Ok(false);
        }
        self.read = to;
        Ok(to > from)
    }
}

/// Reads the store where it holds up nobody.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Err(StoreError::Damaged("looking for what came broke off".into())))
}
