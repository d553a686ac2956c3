//! The attacker as a process of its own: at the lowest priority, so that on a small machine it takes what the nodes leave; with
//! as many files as it may have; until its input ends.

use super::foe::Foe;
use super::{pinned, strangers};
use crate::harness::Trouble;
use crate::party::Failure;
use rustix::process::{Resource, Rlimit, getrlimit, nice, setrlimit};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The lowest priority.
const LAST: i32 = 19;
/// Files that are no connections.
const OWN_FILES: u32 = 200;
/// More files than any attack needs.
const FILES: u64 = 12_000;

/// How many connections this process may hold.
pub(super) fn files() -> u32 {
    let most = getrlimit(Resource::Nofile).current.unwrap_or(FILES);
    u32::try_from(most).unwrap_or(u32::MAX).saturating_sub(OWN_FILES)
}

/// How many connections an attacker may hold, once it has raised its limit.
pub(super) fn most_files() -> u64 {
    getrlimit(Resource::Nofile).maximum.unwrap_or(FILES).min(FILES).saturating_sub(OWN_FILES.into())
}

/// Raises the number of files of this process as far as it may, and as far as it needs.
fn more_files() -> Result<(), Failure> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let wanted = maximum.map_or(FILES, |most| most.min(FILES));
    if current.is_some_and(|now| now < wanted) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })?;
    }
    Ok(())
}

/// Attacks until standard input ends; then says on standard output what was done. One thread.
pub fn strike(name: &str, target: SocketAddr, home: &Path) -> Result<(), Failure> {
    nice(LAST)?;
    more_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let said = runtime.block_on(async {
        let foe = Arc::new(Foe::new(target, home)?);
        println!("striking");
        std::io::stdout().flush()?;
        let ended = tokio::task::spawn_blocking(|| std::io::copy(&mut std::io::stdin(), &mut std::io::sink()));
        tokio::select! {
            () = attack(name, foe.clone()) => return Err(Failure::from("there is no such attack, or it ended by itself")),
            ended = ended => ended?,
        }?;
        let done = &foe.done;
        let counts = [&done.connections, &done.operations, &done.bytes, &done.at_once, &done.kept];
        Ok::<_, Failure>(counts.map(|count| count.load(Ordering::Relaxed).to_string()).join(" "))
    })?;
    println!("{said}");
    // What still waits for an answer is left as it is.
    runtime.shutdown_background();
    Ok(())
}

async fn attack(name: &str, foe: Arc<Foe>) {
    match name {
        "slowloris" => strangers::slowloris(foe, 1).await,
        "slowloris-many" => strangers::slowloris(foe, 200).await,
        "connections" => strangers::connections(foe).await,
        "handshakes" => strangers::handshakes(foe).await,
        "noise" => strangers::noise(foe).await,
        "half-open" => pinned::half_open(foe).await,
        "half-open-streams" => pinned::half_open_streams(foe).await,
        "rapid-reset" => pinned::rapid_reset(foe).await,
        "giant-frames" => pinned::giants(foe).await,
        "metadata" => pinned::metadata(foe).await,
        "control" => pinned::control(foe).await,
        "garbage" => pinned::garbage(foe).await,
        "bad-proofs" => pinned::bad_proofs(foe).await,
        _ => {}
    }
}

/// The attacker's process.
pub(super) struct Striker {
    child: Child,
    out: BufReader<ChildStdout>,
}

/// What it did.
#[derive(Default)]
pub(super) struct Done {
    pub(super) connections: u64,
    pub(super) operations: u64,
    pub(super) bytes: u64,
    pub(super) at_once: u64,
    pub(super) kept: u64,
}

impl Done {
    pub(super) fn add(&mut self, more: &Self) {
        self.at_once = self.at_once.max(more.at_once);
        self.kept += more.kept;
        self.connections += more.connections;
        self.operations += more.operations;
        self.bytes += more.bytes;
    }
}

impl Striker {
    pub(super) fn start(attacker: &Path, name: &str, target: SocketAddr, home: &Path) -> Result<Self, Trouble> {
        let mut command = Command::new(attacker);
        command.args(["--strike", name, "--target", &target.to_string(), "--home"]).arg(home);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| Trouble::new("the attacker has no output"))?;
        let (mut out, mut line) = (BufReader::new(out), String::new());
        out.read_line(&mut line)?;
        if line.trim() == "striking" {
            return Ok(Self { child, out });
        }
        child.kill()?;
        Err(Trouble::new(format!("the attacker of {name} did not begin but said {line:?}")))
    }

    pub(super) fn stop(mut self) -> Result<Done, Trouble> {
        drop(self.child.stdin.take());
        let mut said = String::new();
        self.out.read_to_string(&mut said)?;
        let status = self.child.wait()?;
        let counts: Vec<u64> = said.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        match counts[..] {
            [connections, operations, bytes, at_once, kept] if status.success() => {
                Ok(Done { connections, operations, bytes, at_once, kept })
            }
            _ => Err(Trouble::new(format!("the attacker ended with {status}, saying {said:?}"))),
        }
    }
}

impl Drop for Striker {
    fn drop(&mut self) {
        // The process that we started; it has ended by itself when all went well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
