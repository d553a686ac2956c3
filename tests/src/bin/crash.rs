//! Kills nodes in the middle of an exchange, again and again, and checks that nothing acknowledged is lost, nothing is
//! delivered twice, and the logs of both countries verify and reconcile.
//!
//! `crash [--rounds N] [--seed N] [--powercut]`: N rounds (default 200) of `kill -9` of either node; with `--powercut` (root
//! only) both stores lie on an ext4 file system that is stopped without flushing its journal instead (default 25 rounds).
//! Exit codes: 0 all holds, 1 something does not, 2 usage, 77 skipped (the reason is printed).

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::process::ExitCode;
use std::time::{Duration, Instant};
use varde_tests::accounts::{self, Desk};
use varde_tests::harness::{Country, Trouble, pin_all};
use varde_tests::powercut::{Disk, NoDisk};

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
    let mut desks = Desk::open_all(&countries, Duration::from_millis(5))?;
    let mut chance = ChaCha8Rng::seed_from_u64(plan.seed);
    for _ in 0..plan.rounds {
        tokio::time::sleep(Duration::from_millis(30 + chance.next_u64() % 500)).await;
        match &mut disk {
            Some(disk) => cut(disk, &mut countries)?,
            None => kill(&mut countries, chance.next_u64() % 3)?,
        }
    }
    for desk in &mut desks {
        desk.close().await?;
    }
    accounts::settled(&countries, Duration::from_secs(180)).await?;
    let checked = accounts::compare(&countries, &desks).await?;
    let bundles = accounts::reconcile(&countries, home.path())?;
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
