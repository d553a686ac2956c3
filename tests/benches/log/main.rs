//! How the log behaves as it grows: appending, proving, opening, at a thousand entries and at a million.
//!
//! `cargo bench -p varde-tests --bench log [-- ENTRIES]`. Exits with 1 when an entry costs over 1.3 times as much to append at the
//! larger size (time of the median commit, and processor time), when a proof has more hashes than the tree has levels, or when
//! a store of a million entries takes over 3 s to open. The store, keyring, vault and writer are the node's own. The two logs
//! stand side by side and commit in turn, so that both meet the same disk.

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::{Duration, Instant};
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::sled::SledStore;
use varde_node::flow::ledger::Ledger;
use varde_node::port::StoreError;
use varde_proto::home;
use varde_proto::id::LogIndex;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::merkle::verify_inclusion;
use varde_proto::time::Timestamp;
use varde_tests::bench::{cpu_seconds, scratch};
use varde_tests::pair::Ground;

/// The node's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ENTRIES: u64 = 1_000_000;
const SMALL: u64 = 1_000;
const BATCH: u64 = 256;
/// Commits that are measured, and entries in each.
const COMMITS: u64 = 40;
const MEASURED: u64 = 25;
const FLAT: f64 = 1.3;
const OPENING: Duration = Duration::from_secs(3);
/// How long closing a store may take.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> Outcome<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    if let [part, dir] = &args[..] {
        return if part == "open" { open_and_tell(Path::new(dir)) } else { Err("usage: log [ENTRIES]".into()) };
    }
    let entries = args.first().map_or(Ok(ENTRIES), |arg| arg.parse())?;
    let dir = scratch()?;
    let [small_dir, large_dir] = ["small", "large"].map(|name| dir.path().join(name));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let logs = [open(&small_dir, true)?, open(&large_dir, true)?];
    runtime.block_on(grow(&logs[0], SMALL))?;
    runtime.block_on(grow(&logs[1], entries))?;
    let [small, large] = runtime.block_on(measure(&logs))?;
    drop((logs, runtime));
    released(&large_dir)?;
    // Once to bring the files into the page cache, once to be measured.
    let _ = child(&large_dir)?;
    let opening = child(&large_dir)?;
    println!("{:>10} {:>16} {:>16} {:>12} {:>12}", "entries", "append us/entry", "CPU us/entry", "proof us", "path");
    for at in [&small, &large] {
        println!("{:>10} {:>16.1} {:>16.1} {:>12.1} {:>12}", at.size, at.append_us, at.cpu_us, at.proof_us, at.path);
    }
    println!("opening with {} entries: {:.2} s", large.size, opening.as_secs_f64());
    let flat = large.append_us <= small.append_us * FLAT && large.cpu_us <= small.cpu_us * FLAT;
    let short = [&small, &large].iter().all(|at| at.path <= levels(at.size));
    let kept = flat && short && opening <= OPENING;
    println!("{}", if kept { "within bounds" } else { "OUT OF BOUNDS: 1.3 times, a hash a level, 3 s" });
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What appending and proving cost at a size.
struct At {
    size: u64,
    append_us: f64,
    cpu_us: f64,
    proof_us: f64,
    /// Hashes of the longest proof.
    path: u64,
}

fn levels(size: u64) -> u64 {
    u64::from(size.next_power_of_two().trailing_zeros())
}

fn open(dir: &Path, fresh: bool) -> Outcome<Ledger> {
    std::fs::create_dir_all(dir)?;
    let store = SledStore::open_with(&dir.join(home::STORE), Box::new(std::fs::File::sync_data))?;
    let entropy = Arc::new(SystemEntropy);
    let keyring = FileKeyring::open(&dir.join(home::KEYRING), fresh, entropy.clone())?;
    let (keyring, clock, heartbeat) = (Arc::new(keyring), Arc::new(SystemClock), Duration::from_secs(60));
    let guard = Arc::new(FileGuard::open(&dir.join(home::GUARD))?);
    let (divergence, key_files, told) = (heartbeat, Default::default(), Default::default());
    let ground =
        Ground { store: Arc::new(store), keyring, clock, entropy, guard, heartbeat, divergence, key_files, told };
    Ok(Ledger::open(ground.parts("NO"))?)
}

/// One commit of so many leaves.
async fn append(ledger: &Ledger, leaves: u64) -> Outcome<()> {
    let decide = move |desk: &mut varde_node::flow::desk::Desk<'_>| {
        for _ in 0..leaves {
            desk.append(Event::local(Kind::ANCHOR, Timestamp::default()))?;
        }
        Ok::<(), StoreError>(())
    };
    ledger.commit(decide).await.map_err(|failed| failed.to_string())?;
    Ok(())
}

async fn grow(ledger: &Ledger, size: u64) -> Outcome<()> {
    loop {
        let missing = size.saturating_sub(ledger.head().size().0);
        if missing == 0 {
            return Ok(());
        }
        append(ledger, missing.min(BATCH)).await?;
    }
}

async fn measure(logs: &[Ledger; 2]) -> Outcome<[At; 2]> {
    let mut at = [At::before(&logs[0])?, At::before(&logs[1])?];
    let mut spans = [Vec::new(), Vec::new()];
    for _ in 0..COMMITS {
        for ((log, at), spans) in logs.iter().zip(&mut at).zip(&mut spans) {
            let (started, before) = (Instant::now(), cpu_seconds());
            append(log, MEASURED).await?;
            spans.push(started.elapsed());
            at.cpu_us += (cpu_seconds() - before) * 1e6 / (COMMITS * MEASURED) as f64;
        }
    }
    for (at, spans) in at.iter_mut().zip(&mut spans) {
        spans.sort_unstable();
        at.append_us = spans[spans.len() / 2].as_secs_f64() * 1e6 / MEASURED as f64;
    }
    Ok(at)
}

impl At {
    /// What proofs cost, before anything more is appended.
    fn before(log: &Ledger) -> Outcome<Self> {
        let size = log.head().size().0;
        let (started, mut path) = (Instant::now(), 0);
        for step in 0..1000 {
            path = path.max(prove(log, size * step / 1000)?);
        }
        let proof_us = started.elapsed().as_secs_f64() * 1e6 / 1000.0;
        Ok(Self { size, append_us: 0.0, cpu_us: 0.0, proof_us, path })
    }
}

/// Makes and checks the proof of a leaf; how many hashes it has.
fn prove(ledger: &Ledger, index: u64) -> Outcome<u64> {
    let (head, book) = (ledger.head(), ledger.book());
    let leaf = book.tree.leaf(LogIndex(index)).ok_or("no such leaf")?;
    let path = book.tree.inclusion(LogIndex(index), head.size()).ok_or("no such proof")?;
    verify_inclusion(LogIndex(index), head.size(), &leaf, &path, &head.root())?;
    Ok(path.len() as u64)
}

/// Waits until the writer of a log that was let go has closed its store.
fn released(dir: &Path) -> Outcome<()> {
    let started = Instant::now();
    loop {
        match SledStore::open_with(&dir.join(home::STORE), Box::new(std::fs::File::sync_data)) {
            Err(StoreError::InUse) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            opened => return Ok(opened.map(drop)?),
        }
    }
}

/// Opens the store in a process of its own.
fn child(dir: &Path) -> Outcome<Duration> {
    let output = Command::new(std::env::current_exe()?).arg("open").arg(dir).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(Duration::from_secs_f64(String::from_utf8(output.stdout)?.trim().parse()?))
}

fn open_and_tell(dir: &Path) -> Outcome<ExitCode> {
    let started = Instant::now();
    let ledger = open(dir, false)?;
    let taken = started.elapsed();
    if ledger.head().size().0 == 0 {
        return Err("the log is empty".into());
    }
    println!("{}", taken.as_secs_f64());
    Ok(ExitCode::SUCCESS)
}
