//! Cuts the power under the store, again and again, and checks that everything acknowledged is there. Root only.
//!
//! `powercut [--rounds N] [--seed N] [--without-sync]`. Exit codes: 0 nothing lost, 1 something lost, 2 usage, 3 the test
//! itself failed, 77 skipped (the reason is printed). `--without-sync` leaves out the fdatasync that the store adds to sled's
//! flush; then something must be lost, or the test proves nothing.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use varde_proto::id::Digest;
use varde_tests::powercut::{Disk, NoDisk};
use varde_tests::workload::{self, Sync};

/// Rounds in which one store lives on; the next starts with an empty one.
const ROUNDS_A_STORE: u64 = 5;
const DISK_MEBIBYTES: u64 = 1024;

struct Plan {
    rounds: u64,
    seed: u64,
    sync: Sync,
}

#[derive(Default)]
struct Tally {
    acknowledged: u64,
    lost: u64,
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        ["write", dir, sync] => write(dir.as_ref(), sync),
        ["check", dir, acknowledged] => check(dir.as_ref(), acknowledged.parse().ok()),
        _ => match plan(&words) {
            Some(plan) => report(&plan, run(&plan)),
            None => {
                eprintln!("usage: powercut [--rounds N] [--seed N] [--without-sync]");
                ExitCode::from(2)
            }
        },
    }
}

fn plan(words: &[&str]) -> Option<Plan> {
    let mut plan = Plan { rounds: 25, seed: 1, sync: Sync::Kept };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--rounds" => plan.rounds = words.next()?.parse().ok()?,
            "--seed" => plan.seed = words.next()?.parse().ok()?,
            "--without-sync" => plan.sync = Sync::LeftOut,
            _ => return None,
        }
    }
    Some(plan)
}

fn report(plan: &Plan, result: Result<Tally, NoDisk>) -> ExitCode {
    match result {
        Ok(Tally { acknowledged, lost }) => {
            println!("power cuts: {}, acknowledged batches: {acknowledged}, rounds with a loss: {lost}", plan.rounds);
            ExitCode::from(u8::from(lost > 0))
        }
        Err(NoDisk::Skipped(why)) => {
            println!("skipped: {why}");
            ExitCode::from(77)
        }
        Err(NoDisk::Failed(why)) => {
            eprintln!("powercut: {why}");
            ExitCode::from(3)
        }
    }
}

fn run(plan: &Plan) -> Result<Tally, NoDisk> {
    let dir = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut tally = Tally::default();
    let mut disk = Disk::new(dir.path(), DISK_MEBIBYTES)?;
    disk.mount()?;
    let mut acknowledged = None;
    for round in 0..plan.rounds {
        if round % ROUNDS_A_STORE == 0 {
            start_over(&disk)?;
            acknowledged = None;
        }
        let before = acknowledged.map_or(0, |n: u64| n + 1);
        acknowledged = write_until_cut(&disk, plan, round)?.or(acknowledged);
        disk.power_on()?;
        tally.acknowledged += acknowledged.map_or(0, |n| n + 1) - before;
        match checked(&disk, acknowledged) {
            Ok(found) => println!("round {round}: acknowledged {:?}, {found} batches found", acknowledged),
            Err(lost) => {
                println!("round {round}: LOST: {lost}");
                tally.lost += 1;
                start_over(&disk)?;
                acknowledged = None;
            }
        }
    }
    disk.unmount()?;
    Ok(tally)
}

fn start_over(disk: &Disk) -> Result<(), String> {
    for part in ["store", "keyring"] {
        match std::fs::remove_dir_all(disk.path().join(part)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e.to_string()),
            _ => {}
        }
    }
    Ok(())
}

/// Runs the writer for a time drawn from the seed, cuts the power, and returns the last batch acknowledged before the cut.
fn write_until_cut(disk: &Disk, plan: &Plan, round: u64) -> Result<Option<u64>, String> {
    let sync = if plan.sync == Sync::Kept { "kept" } else { "left-out" };
    let mut writer = again(&["write", &disk.path().to_string_lossy(), sync])?;
    let next = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&next);
    let lines = BufReader::new(writer.stdout.take().ok_or("the writer has no output")?).lines();
    let ear = std::thread::spawn(move || {
        for number in lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("ACK ")?.parse::<u64>().ok()) {
            heard.store(number + 1, Ordering::SeqCst);
        }
    });
    let drawn = Digest::of(&[plan.seed.to_be_bytes(), round.to_be_bytes()].concat()).0;
    let span = Duration::from_millis(60 + u64::from(u16::from_be_bytes([drawn[0], drawn[1]])) % 900);
    std::thread::sleep(span);
    // Read before the cut: only what was acknowledged by then must be there.
    let acknowledged = next.load(Ordering::SeqCst).checked_sub(1);
    let cut = disk.cut();
    writer.kill().map_err(|e| e.to_string())?;
    writer.wait().map_err(|e| e.to_string())?;
    ear.join().map_err(|_| "the reader of acknowledgements stopped")?;
    cut.map(|()| acknowledged)
}

/// Checks in a process of its own, so that nothing the damage does to it harms the next round.
fn checked(disk: &Disk, acknowledged: Option<u64>) -> Result<u64, String> {
    let number = acknowledged.map_or("none".into(), |n| n.to_string());
    let mut checker = again(&["check", &disk.path().to_string_lossy(), &number])?;
    let deadline = Instant::now() + Duration::from_secs(120);
    while checker.try_wait().map_err(|e| e.to_string())?.is_none() {
        if Instant::now() > deadline {
            checker.kill().map_err(|e| e.to_string())?;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let output = checker.wait_with_output().map_err(|e| e.to_string())?;
    let told = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match output.status.success() {
        true => told.parse().map_err(|_| format!("the check said {told:?}")),
        false => Err(format!("{told} ({})", output.status)),
    }
}

/// This program again, in another part.
fn again(args: &[&str]) -> Result<Child, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let child = Command::new(program).args(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    child.map_err(|e| e.to_string())
}

fn write(dir: &Path, sync: &str) -> ExitCode {
    let sync = if sync == "kept" { Sync::Kept } else { Sync::LeftOut };
    // Ends by the cut, in an error that nobody reads.
    match workload::write(dir, sync, u64::MAX) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn check(dir: &Path, acknowledged: Option<u64>) -> ExitCode {
    let (text, code) = match workload::check(dir, acknowledged) {
        Ok(found) => (found.to_string(), ExitCode::SUCCESS),
        Err(lost) => (lost, ExitCode::FAILURE),
    };
    println!("{text}");
    code
}
