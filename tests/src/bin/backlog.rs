//! An outage: a peer is away while alerts for it accumulate, comes back and catches up; and what two nodes that hold all of it
//! say to each other when nothing is new.
//!
//! `backlog [--alerts N]` (default 20,000). Two real nodes; while LT is down, staff of NO draft and release 4,000 alerts to it, one
//! by one, many at a time; the rest of the N is released with NO down, too, by its own parts on its own directory (`varde_tests::bulk`,
//! in a process of its own: this program as `backlog write DIR COUNTRY COUNT`), since people at a door would take hours. Then both
//! start, and what was withdrawn meanwhile must be erased at LT within ten seconds. Meanwhile: the memory of both processes, which must not grow with what passes or waits, but for the page table of what is
//! held (the last tenth of the catch-up against its middle, when the caches of the stores are full, and a bound); and `varde alert list` at both all the time, whole command, of which
//! the 99th percentile must be under 200 ms. At last the bytes between the two while nothing is new, in as many heartbeats as were
//! counted with 1,000 alerts held: the same, but for a keep-alive more or less.
//! A node takes 65,536 alerts at once and then 1,000 a second, by its own rule (`node/src/flow/connection/pace.rs`).
//! Exit codes: 0 all holds, 1 something does not, 2 usage.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that says what it found")]

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use varde_proto::home;
use varde_proto::id::NodeId;
use varde_tests::bulk;
use varde_tests::harness::{Country, Trouble, pin_all};
use varde_tests::pair::origin;
use varde_tests::staff::Staff;
use varde_tests::tap::Tap;

/// As the node has it: the part of this program that releases without a node is one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Alerts held when idle bytes are first counted.
const FEW: u64 = 1_000;
/// Alerts that staff release at the operator door while the peer is away.
const BY_HAND: u64 = 4_000;
/// People who release at the same time.
const PEOPLE: u64 = 48;
/// Seconds between heartbeats, shorter than usual so that there are many in a minute.
const HEARTBEAT: &str = "heartbeat_seconds = 2";
/// How long idle bytes are counted.
const IDLE: Duration = Duration::from_secs(40);
/// One keep-alive with its answer, in either direction (RFC 9113 section 6.7, RFC 8446 section 5.2): it falls into the time or
/// beside it.
const KEEP_ALIVES: u64 = 2 * 2 * (17 + 22);
/// What the memory of a node may be at most, beside what it must hold of every alert.
const MEMORY_KIB: u64 = 320 * 1024;
/// What a node holds in memory of every alert that lies in its store, in bytes: about 1.2 pages of the store an alert, for each of
/// which sled has a row in its table (56 bytes for each part of a page, 224 at least after a start, and 60 around it), and two or three
/// leaves of the log of 36 bytes. It is no backlog: an alert that was delivered years ago costs the same. A bound without it was wrong,
/// for it held for some number of alerts and failed for every larger one, whatever waited.
const HELD_BYTES: u64 = 640;
/// What comes to be held of an alert while the peer catches up: at NO the rows and the leaf of a receipt, at LT all of the alert.
const COMES_BYTES: [u64; 2] = [192, 512];
/// How much the last tenth of a catch-up may take more than its middle, beside what came to be held meanwhile.
const GROWTH_KIB: u64 = 32 * 1024;
/// The 99th percentile of `varde alert list` while its node catches up.
const LIST_MS: f64 = 200.0;
const LAST: f64 = 0.99;
/// How often they list.
const LISTING: Duration = Duration::from_secs(1);
/// How soon after its return a peer has erased what was withdrawn meanwhile, whatever else waits for it.
const TAKEN_BACK: Duration = Duration::from_secs(10);
/// The shortest time between two looks at a catch-up; of a long one there are fewer, a two-hundredth of its time so far apart, so that
/// looking costs the same however long it takes.
const LOOK: Duration = Duration::from_millis(100);

enum Asked {
    /// The whole outage, of so many alerts.
    Outage(u64),
    /// The part of the process that releases without a node: directory, recipient, how many.
    Write(PathBuf, NodeId, u64),
}

fn asked(words: &[String]) -> Option<Asked> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [] => Some(Asked::Outage(20_000)),
        ["--alerts", count] => count.parse().ok().filter(|count| *count > FEW).map(Asked::Outage),
        ["write", dir, to, count] => Some(Asked::Write(dir.into(), NodeId::parse(to).ok()?, count.parse().ok()?)),
        _ => None,
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some(asked) = asked(&words) else {
        eprintln!("usage: backlog [--alerts N], more than {FEW}");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let work = async {
        match asked {
            Asked::Outage(alerts) => run(alerts).await,
            Asked::Write(dir, to, count) => bulk::release(&dir, to, count).await.map(|()| Vec::new()),
        }
    };
    match runtime.map_err(Trouble::from).and_then(|runtime| runtime.block_on(work)) {
        Ok(breaches) if breaches.is_empty() => ExitCode::SUCCESS,
        Ok(breaches) => {
            breaches.iter().for_each(|breach| eprintln!("backlog: {breach}"));
            ExitCode::FAILURE
        }
        Err(trouble) => {
            eprintln!("backlog: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn told(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(error.to_string())
}

async fn run(alerts: u64) -> Result<Vec<String>, Trouble> {
    let home = tempfile::tempdir()?;
    let taps = [Tap::open().await?, Tap::open().await?];
    let mut at = Vec::new();
    for (tap, code) in taps.iter().zip(["NO", "LT"]) {
        let country = Country::init_with(home.path(), code, &["--endpoint", &tap.address.to_string()])?;
        let config = country.dir().join(home::CONFIG);
        let before = std::fs::read_to_string(&config)?;
        let text = before.replace("# heartbeat_seconds = 60", HEARTBEAT);
        if text == before {
            return Err(Trouble::new("the settings have no line for the heartbeat"));
        }
        std::fs::write(config, text)?;
        at.push(country);
    }
    pin_all(&[&at[0], &at[1]])?;
    let (Some(mut lt), Some(mut no)) = (at.pop(), at.pop()) else { return Err(Trouble::new("two countries")) };
    start(&mut no, &taps[0])?;
    start(&mut lt, &taps[1])?;
    let mut breaches = Vec::new();
    release(&no, FEW).await?;
    let idle_of_few = idle(&no, &taps).await?;
    let known = newest(&no)?;
    lt.stop()?;
    accumulate(&mut no, &taps[0], alerts - FEW, &known).await?;
    start(&mut lt, &taps[1])?;
    let back = Instant::now();
    breaches.extend(taken_back(&no, &known).await?);
    breaches.extend(catch_up(&no, &lt, alerts - FEW, back).await?);
    breaches.extend(arrived(&lt, alerts).await?);
    let idle_of_all = idle(&no, &taps).await?;
    let beats = IDLE.as_secs() / 2;
    println!(
        "nothing new, {beats} heartbeats: {idle_of_few} bytes with {FEW} alerts held, {idle_of_all} with {alerts}"
    );
    if idle_of_few.abs_diff(idle_of_all) > KEEP_ALIVES {
        breaches.push(format!("idle bytes went from {idle_of_few} to {idle_of_all}"));
    }
    no.stop()?;
    lt.stop()?;
    Ok(breaches)
}

fn start(country: &mut Country, tap: &Tap) -> Result<(), Trouble> {
    country.start()?;
    tap.lead_to(country.address());
    Ok(())
}

/// So many alerts to LT, the first by staff, the rest without a node; between them staff take one back that LT has. NO runs afterwards: where
/// the rest took more than ten minutes, it waits for LT before it signs anything, and can take nothing back before LT is there.
async fn accumulate(no: &mut Country, tap: &Tap, count: u64, known: &str) -> Result<(), Trouble> {
    let by_hand = count.min(BY_HAND);
    let began = Instant::now();
    release(no, by_hand).await?;
    let rate = by_hand as f64 / began.elapsed().as_secs_f64();
    println!("{by_hand} alerts released by staff while LT was away, {rate:.0} a second; NO: {}", memory(no)?);
    no.varde(&["alert", "withdraw", known, "--reason", "WITHDRAWN"])?.ok()?;
    let rest = count - by_hand;
    if rest == 0 {
        return Ok(());
    }
    no.stop()?;
    let began = Instant::now();
    let mut writer = Command::new(std::env::current_exe()?);
    let ended = writer.arg("write").arg(no.dir()).args(["LT", &rest.to_string()]).status()?;
    if !ended.success() {
        return Err(Trouble::new(format!("the alerts that no node released: their writer ended with {ended}")));
    }
    let rate = rest as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    start(no, tap)?;
    let seconds = began.elapsed().as_secs_f64();
    println!("{rest} released without a node, {rate:.0} a second; NO started in {seconds:.1} s: {}", memory(no)?);
    Ok(())
}

/// Staff of NO draft and release so many alerts to LT, `PEOPLE` at a time.
async fn release(no: &Country, count: u64) -> Result<(), Trouble> {
    let to = NodeId::parse("LT").map_err(|e| told(&e))?;
    let left = Arc::new(AtomicU64::new(count));
    let mut people = Vec::new();
    for _ in 0..PEOPLE {
        let (staff, left) = (Staff::connect(no.dir(), origin("NO")).await?, left.clone());
        let fewer = |left: u64| left.checked_sub(1);
        people.push(tokio::spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer).is_ok() {
                staff.release_route(to).await?;
            }
            Ok::<_, tonic::Status>(())
        }));
    }
    for person in people {
        person.await.map_err(|e| told(&e))?.map_err(|e| told(&e))?;
    }
    Ok(())
}

/// Bytes between the two while nothing is new.
async fn idle(no: &Country, taps: &[Tap; 2]) -> Result<u64, Trouble> {
    let staff = Staff::connect(no.dir(), origin("NO")).await?;
    while staff.owed().await.map_err(|e| told(&e))? > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let bytes = || taps.iter().map(Tap::bytes).sum::<u64>();
    // The last heads and cosignatures are told at the next heartbeats: until a few of them bring nothing.
    let (mut before, mut quiet) = (bytes(), 0);
    while quiet < 5 {
        tokio::time::sleep(Duration::from_secs(2)).await;
        quiet = if bytes() - before <= KEEP_ALIVES { quiet + 1 } else { 0 };
        before = bytes();
    }
    tokio::time::sleep(IDLE).await;
    Ok(bytes() - before)
}

/// One look at a catch-up.
struct Look {
    left: u64,
    /// Of NO and of LT.
    rss_kib: [u64; 2],
}

async fn catch_up(no: &Country, lt: &Country, count: u64, began: Instant) -> Result<Vec<String>, Trouble> {
    let staff = Staff::connect(no.dir(), origin("NO")).await?;
    let (mut looks, mut listed) = (Vec::new(), [Vec::new(), Vec::new()]);
    loop {
        let left = staff.owed().await.map_err(|e| told(&e))?;
        looks.push(Look { left, rss_kib: [kib(no, "VmRSS:")?, kib(lt, "VmRSS:")?] });
        if left == 0 {
            break;
        }
        if began.elapsed() >= LISTING * listed[0].len() as u32 {
            for (times, country) in listed.iter_mut().zip([no, lt]) {
                times.push((list(country)?, began.elapsed().as_secs()));
            }
        }
        tokio::time::sleep(LOOK.max(began.elapsed() / 200)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("{count} alerts caught up with in {seconds:.1} s, {:.0} a second", count as f64 / seconds);
    let mut breaches = Vec::new();
    for (place, country) in [no, lt].into_iter().enumerate() {
        let most = |of: std::ops::RangeInclusive<u64>| {
            let part = looks.iter().filter(|look| of.contains(&(100 * (count - look.left) / count)));
            part.map(|look| look.rss_kib[place]).max().unwrap_or_default()
        };
        let [first, middle, last] = [most(0..=9), most(40..=59), most(90..=100)];
        let [a, b, c] = [first, middle, last].map(|kib| kib >> 10);
        println!(
            "{}: {a} MiB in the first tenth, {b} in the middle, {c} in the last; {}",
            country.code(),
            memory(country)?
        );
        // The highest of the middle fifth is at its end: two fifths come after it, and a little.
        let comes = count / 2 * COMES_BYTES[place] / 1024;
        if last > middle + GROWTH_KIB + comes || kib(country, "VmHWM:")? > MEMORY_KIB + count * HELD_BYTES / 1024 {
            breaches.push(format!("the memory of {} grew from {middle} to {last} KiB", country.code()));
        }
    }
    for (mut times, country) in listed.into_iter().zip([no, lt]) {
        let (count, code) = (times.len(), country.code());
        times.sort_by(|a, b| a.0.total_cmp(&b.0));
        let slowest: Vec<_> = times.iter().rev().take(3).map(|(ms, at)| format!("{ms:.0} ms at {at} s")).collect();
        let (half, percentile) = (percentile(&times, 0.5), percentile(&times, LAST));
        println!(
            "varde alert list, 99th percentile at {code}: {percentile:.0} ms of {count} during the catch-up, half of them {half:.0} ms; \
             the slowest: {}",
            slowest.join(", ")
        );
        if percentile > LIST_MS {
            breaches.push(format!("varde alert list took {percentile:.0} ms at {code}"));
        }
    }
    Ok(breaches)
}

/// How long the whole command takes, in milliseconds.
fn list(country: &Country) -> Result<f64, Trouble> {
    let asked = Instant::now();
    country.varde(&["alert", "list", "--json"])?.ok()?;
    Ok(asked.elapsed().as_secs_f64() * 1e3)
}

/// The newest alert of a country.
fn newest(country: &Country) -> Result<String, Trouble> {
    let listed = country.varde(&["alert", "list", "--most", "1", "--json"])?.json(0)?;
    let id = listed[0]["alert_id"].as_str();
    id.map(str::to_owned).ok_or_else(|| Trouble::new(format!("nothing is listed: {listed}")))
}

/// What was taken back while LT was away is erased there long before it has caught up.
async fn taken_back(no: &Country, id: &str) -> Result<Vec<String>, Trouble> {
    let began = Instant::now();
    loop {
        let shown = no.varde(&["alert", "show", id, "--json"])?.json(0)?;
        let took = began.elapsed();
        if shown["own"]["erasures"][0]["state"] == "erased" {
            println!("what was withdrawn meanwhile was erased {} ms after LT's return", took.as_millis());
            return Ok(Vec::new());
        }
        if took > TAKEN_BACK {
            return Ok(vec![format!("what was withdrawn is not erased {took:?} after LT's return: {shown}")]);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// LT has all of them, and refused none.
async fn arrived(lt: &Country, alerts: u64) -> Result<Vec<String>, Trouble> {
    let inbox = Staff::connect(lt.dir(), origin("LT")).await?.inbox().await.map_err(|e| told(&e))?;
    let refused = lt.varde(&["alert", "refused", "--json"])?.json(0)?;
    println!("{} alerts in LT's inbox", inbox.len());
    if inbox.len() as u64 == alerts && refused.as_array().is_some_and(Vec::is_empty) {
        return Ok(Vec::new());
    }
    Ok(vec![format!("of {alerts} alerts {} arrived; refused: {refused}", inbox.len())])
}

/// Of times in their order; beside each stands when it was measured.
fn percentile(times: &[(f64, u64)], part: f64) -> f64 {
    let place = ((times.len() as f64) * part) as usize;
    times.get(place).or(times.last()).map(|(ms, _)| *ms).unwrap_or_default()
}

fn memory(country: &Country) -> Result<String, Trouble> {
    let [now, most] = [kib(country, "VmRSS:")?, kib(country, "VmHWM:")?].map(|kib| kib >> 10);
    Ok(format!("memory {now} MiB, at most {most}"))
}

/// A line of proc(5) `status`.
fn kib(country: &Country, what: &str) -> Result<u64, Trouble> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", country.pid().unwrap_or_default()))?;
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.ok_or_else(|| Trouble::new(format!("the system does not say {what}")))
}
