//! Kills nodes in the middle of an exchange, again and again, and checks that nothing acknowledged is lost, nothing is
//! delivered twice, and the logs of both countries verify and reconcile.
//!
//! `crash [--rounds N] [--seed N] [--powercut]`: N rounds (default 200) of `kill -9` of either node; with `--powercut` (root
//! only) both stores lie on an ext4 file system that is stopped without flushing its journal instead (default 25 rounds).
//! Exit codes: 0 all holds, 1 something does not, 2 usage, 77 skipped (the reason is printed).

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use varde_proto::id::NodeId;
use varde_tests::harness::{Country, Trouble, pin_all};
use varde_tests::pair::origin;
use varde_tests::powercut::{Disk, NoDisk};
use varde_tests::staff::Staff;

struct Plan {
    rounds: u64,
    seed: u64,
    powercut: bool,
}

fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        eprintln!("usage: crash [--rounds N] [--seed N] [--powercut]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let outcome = runtime.map_err(Trouble::from).and_then(|runtime| runtime.block_on(run(&plan)));
    match outcome {
        Ok(Some(said)) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Ok(None) => ExitCode::from(77),
        Err(trouble) => {
            eprintln!("crash: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn plan(mut words: impl Iterator<Item = String>) -> Option<Plan> {
    let (mut rounds, mut seed, mut powercut) = (None, 1, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            "--rounds" => rounds = Some(words.next()?.parse().ok()?),
            "--seed" => seed = words.next()?.parse().ok()?,
            "--powercut" => powercut = true,
            _ => return None,
        }
    }
    Some(Plan { rounds: rounds.unwrap_or(if powercut { 25 } else { 200 }), seed, powercut })
}

/// What one direction's staff was told: ids whose release was acknowledged.
#[derive(Default)]
struct Told {
    acknowledged: Mutex<BTreeSet<String>>,
    stop: AtomicBool,
}

impl Told {
    fn ids(&self) -> BTreeSet<String> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Releases one alert after the other until told to stop; a node that is down is tried again.
async fn keep_releasing(dir: std::path::PathBuf, from: NodeId, to: NodeId, told: Arc<Told>) {
    while !told.stop.load(Ordering::Relaxed) {
        let Ok(staff) = Staff::connect(&dir, origin(from.as_str())).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !told.stop.load(Ordering::Relaxed) {
            match staff.release_route(to).await {
                Ok(id) => drop(told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).insert(id)),
                Err(_) => break,
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn run(plan: &Plan) -> Result<Option<String>, Trouble> {
    let home = tempfile::tempdir()?;
    let mut disk = match plan.powercut.then(|| mounted(home.path())).transpose() {
        Ok(disk) => disk,
        Err(NoDisk::Skipped(why)) => {
            println!("skipped: {why}");
            return Ok(None);
        }
        Err(NoDisk::Failed(why)) => return Err(Trouble::new(why)),
    };
    let at = disk.as_ref().map_or(home.path(), Disk::path).to_owned();
    let mut countries = [Country::init(&at, "NO")?, Country::init(&at, "LT")?];
    pin_all(&[&countries[0], &countries[1]])?;
    let started = Instant::now();
    for country in &mut countries {
        country.start()?;
    }
    let told = [Arc::<Told>::default(), Arc::<Told>::default()];
    let node = |code: &str| NodeId::parse(code).map_err(|e| Trouble::new(e.to_string()));
    let names = [node("NO")?, node("LT")?];
    let releasing = [0, 1].map(|n| {
        let dir = countries[n].dir().to_owned();
        tokio::spawn(keep_releasing(dir, names[n], names[1 - n], told[n].clone()))
    });
    let mut chance = ChaCha8Rng::seed_from_u64(plan.seed);
    for _ in 0..plan.rounds {
        tokio::time::sleep(Duration::from_millis(30 + chance.next_u64() % 500)).await;
        match &mut disk {
            Some(disk) => cut(disk, &mut countries)?,
            None => kill(&mut countries, chance.next_u64() % 3)?,
        }
    }
    for (told, task) in told.iter().zip(releasing) {
        told.stop.store(true, Ordering::Relaxed);
        task.await.map_err(|e| Trouble::new(e.to_string()))?;
    }
    let checked = check(&countries, &told).await?;
    let bundles = reconcile(&countries, home.path())?;
    let what = if plan.powercut { "power cuts" } else { "kills" };
    let seconds = started.elapsed().as_secs();
    Ok(Some(format!("{} {what} in {seconds} s, seed {}: {checked}; {bundles}", plan.rounds, plan.seed)))
}

fn mounted(home: &std::path::Path) -> Result<Disk, NoDisk> {
    let mut disk = Disk::new(home, 2048)?;
    disk.mount()?;
    Ok(disk)
}

/// Kills one node or both, and starts them again.
fn kill(countries: &mut [Country; 2], which: u64) -> Result<(), Trouble> {
    let [a, b] = countries;
    let mut killed: Vec<&mut Country> = match which {
        0 => vec![a],
        1 => vec![b],
        _ => vec![a, b],
    };
    for country in &mut killed {
        country.kill9()?;
    }
    killed.into_iter().try_for_each(Country::start)
}

/// Stops the file system under both nodes as a power cut would, ends them, and brings everything up again.
fn cut(disk: &mut Disk, countries: &mut [Country; 2]) -> Result<(), Trouble> {
    disk.cut().map_err(Trouble::new)?;
    for country in countries.iter_mut() {
        country.kill9()?;
    }
    disk.power_on().map_err(Trouble::new)?;
    countries.iter_mut().try_for_each(Country::start)
}

/// Waits until nothing is owed, then compares what was acknowledged with what arrived.
async fn check(countries: &[Country; 2], told: &[Arc<Told>; 2]) -> Result<String, Trouble> {
    let status = |e: tonic::Status| Trouble::new(format!("a node does not answer: {e}"));
    let staff = [
        Staff::connect(countries[0].dir(), origin("NO")).await?,
        Staff::connect(countries[1].dir(), origin("LT")).await?,
    ];
    let limit = Instant::now() + Duration::from_secs(180);
    while staff[0].owed().await.map_err(status)? + staff[1].owed().await.map_err(status)? > 0 {
        if Instant::now() > limit {
            return Err(Trouble::new("something is still owed three minutes after the last crash"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut sum = (0, 0);
    for (n, told) in told.iter().enumerate() {
        let arrived: Vec<String> = staff[1 - n].inbox().await.map_err(status)?.into_iter().map(|a| a.id).collect();
        let distinct: BTreeSet<String> = arrived.iter().cloned().collect();
        if distinct.len() != arrived.len() {
            return Err(Trouble::new(format!("{} alerts were delivered twice", arrived.len() - distinct.len())));
        }
        let acknowledged = told.ids();
        let lost = acknowledged.difference(&distinct).count();
        if lost > 0 {
            return Err(Trouble::new(format!("{lost} of {} acknowledged alerts are lost", acknowledged.len())));
        }
        sum = (sum.0 + acknowledged.len(), sum.1 + arrived.len());
    }
    Ok(format!("{} alerts acknowledged, {} arrived, none lost, none twice", sum.0, sum.1))
}

/// Both bundles verify, and reconcile with each other, without a finding.
fn reconcile(countries: &[Country; 2], home: &std::path::Path) -> Result<String, Trouble> {
    let mut bundles = Vec::new();
    for country in countries {
        let bundle = home.join(format!("{}.bundle", country.code()));
        let text = bundle.to_string_lossy().into_owned();
        country.varde(&["log", "export", "--out", &text])?.ok()?;
        country.varde(&["audit", "verify", &text])?.expect_code(0)?;
        bundles.push(text);
    }
    countries[0].varde(&["audit", "reconcile", &bundles[0], &bundles[1]])?.expect_code(0)?;
    Ok("both bundles verify and reconcile".into())
}
