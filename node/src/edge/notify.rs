//! Somebody is woken: the commands that `[notify]` of `varde.toml` names, run when an alert comes, and again until somebody has seen it.
//! They are told kind, urgency, id and sender; what they print goes nowhere, and what they inherit is a path to programs.
//!
//! In: running them, and the alarm when they fail. Out: when to (`state::waking`), and what came (`flow::arrivals`).

use crate::flow::Node;
use crate::flow::arrivals::{self, Unseen, What};
use crate::port::StoreError;
use crate::state::waking::{Ring, Waking};
use std::collections::BTreeMap;
use std::process::Stdio;
use std::sync::Arc;
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
/// Urgent alerts that are looked at in one round: the newest of those that nobody has seen.
const LOOKED_AT: usize = 256;
/// How long to rest between two rounds, however much is logged meanwhile.
const REST: Duration = Duration::from_millis(200);
/// How often to look, if nothing else asks for it.
const LOOK: Duration = Duration::from_secs(60);

/// The commands do not work, and since when.
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
    alarm: watch::Sender<Option<Alarm>>,
}

/// Whom a command is run for.
struct Call {
    kind: AlertKind,
    urgency: &'static str,
    id: AlertId,
    from: NodeId,
}

impl Bell {
    /// The bell of these settings.
    pub fn new(settings: Option<Notify>) -> Self {
        Self { settings, alarm: watch::channel(None).0 }
    }

    /// Whether there is anybody to wake.
    pub fn is_set(&self) -> bool {
        self.settings.is_some()
    }

    /// Whether it works, and whenever that changes.
    pub fn alarm(&self) -> watch::Receiver<Option<Alarm>> {
        self.alarm.subscribe()
    }

    /// Wakes whoever is on duty; whoever comes second as well, if it is time or nobody else could be reached. Whether anybody was.
    async fn ring(&self, call: &Call, also_second: bool, now: Timestamp) -> bool {
        let Some(settings) = &self.settings else { return false };
        let first = run(&settings.command, call).await;
        let second = match &settings.second {
            Some(second) if also_second || first.is_err() => Some(run(second, call).await),
            _ => None,
        };
        let wrong = [("command", Some(&first)), ("second", second.as_ref())]
            .into_iter()
            .find_map(|(name, outcome)| outcome?.as_ref().err().map(|what| format!("[notify] {name}: {what}")));
        if let Some(what) = &wrong {
            tracing::error!(what, "the command that wakes people failed: nobody may know of an alert");
        }
        self.alarm.send_if_modified(|alarm| {
            let since = alarm.as_ref().map_or(now, |alarm| alarm.since);
            let next = wrong.map(|what| Alarm { since, what });
            let changed = *alarm != next;
            *alarm = next;
            changed
        });
        first.is_ok() || second.is_some_and(|outcome| outcome.is_ok())
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

/// Wakes people for as long as the node runs.
pub async fn keep_waking(node: Arc<Node>, bell: Arc<Bell>) {
    let Some(settings) = &bell.settings else { return };
    let mut heads = node.ledger.heads();
    let (begun, mut waking) = (Instant::now(), Waking::new(settings.repeat, settings.second_after));
    let mut read = node.ledger.number(node.ledger.head().size().0);
    loop {
        let round = async {
            urgent(&node, &bell, &mut waking, begun).await?;
            routine(&node, &bell, &mut waking, (begun, &mut read)).await
        };
        let more = round.await.unwrap_or_else(|failure| {
            tracing::error!(%failure, "what came cannot be read, so nobody is woken for it; it is tried again within a minute");
            false
        });
        tokio::time::sleep(REST).await;
        if more {
            continue;
        }
        let next = waking.next().map_or(begun.elapsed() + LOOK, |next| next.min(begun.elapsed() + LOOK));
        tokio::select! {
            changed = heads.changed() => if !changed { return },
            () = tokio::time::sleep_until(begun + next) => {}
        }
    }
}

/// Rings for what nobody has seen.
async fn urgent(node: &Arc<Node>, bell: &Bell, waking: &mut Waking, begun: Instant) -> Result<(), StoreError> {
    let ledger = node.ledger.clone();
    let unseen = aside(move || arrivals::unseen(&ledger, LOOKED_AT)).await?;
    let now = node.clock.now();
    let ages: BTreeMap<u64, Duration> = unseen.iter().map(|one| (one.index, now.since(one.since))).collect();
    for Ring { index, also_second } in waking.due(&ages, begun.elapsed()) {
        let Some(Unseen { kind, id, from, .. }) = unseen.iter().find(|one| one.index == index).copied() else {
            continue;
        };
        let call = Call { kind, urgency: "urgent", id, from };
        let worked = bell.ring(&call, also_second, now).await;
        waking.rang(index, worked, begun.elapsed());
        if !worked {
            waking.put_off(&ages, begun.elapsed());
            break;
        }
    }
    Ok(())
}

/// Rings for the next of what else came, and returns whether there may be more: what is urgent is looked at in between.
async fn routine(
    node: &Arc<Node>,
    bell: &Bell,
    waking: &mut Waking,
    (begun, read): (Instant, &mut u64),
) -> Result<bool, StoreError> {
    let (ledger, from) = (node.ledger.clone(), *read);
    let (came, to) = aside(move || arrivals::since(&ledger, from)).await?;
    for one in came.iter().filter(|one| matches!(one.what, What::Alert | What::Offer) && !one.is_urgent()) {
        if let Some(kind) = one.kind.filter(|kind| waking.is_new(one.from, *kind, begun.elapsed())) {
            let call = Call { kind, urgency: "routine", id: one.id, from: one.from };
            bell.ring(&call, false, node.clock.now()).await;
            *read = one.index + 1;
            return Ok(true);
        }
    }
    *read = to;
    Ok(to > from)
}

/// Reads the store where it holds up nobody.
async fn aside<T: Send + 'static>(
    read: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|_| Err(StoreError::Damaged("looking for what came broke off".into())))
}
