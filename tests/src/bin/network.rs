//! Real nodes in network namespaces, on a network that is made bad at random, and checks that nothing acknowledged is lost, nothing
//! is delivered twice, every bundle verifies, and every two reconcile. Root only.
//!
//! `network [--minutes N] [--nodes 2..5] [--seed N] [--keep DIR]`: for so many minutes (default 3; fractions may be given) among so
//! many nodes (default 2), on the schedule of a seed (default 1). With `--keep` the nodes' logs, the schedule as it happened and the
//! bundles are left in an existing directory; without, only those of a run that failed, and it is said where.
//! Exit codes: 0 all holds, 1 something does not, 2 usage, 77 skipped (the reason is printed).

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use varde_tests::harness::Trouble;
use varde_tests::network::{NoRun, Plan, proxy, run};

const USAGE: &str = "usage: network [--minutes N] [--nodes 2..5] [--seed N] [--keep DIR]";
/// Nobody waits for longer.
const MOST_MINUTES: f64 = 24.0 * 60.0;

struct Asked {
    time: Duration,
    nodes: usize,
    seed: u64,
    keep: Option<PathBuf>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let Ok(runtime) = runtime else { return failed("the runtime could not start") };
    if let Some(("proxy", addresses)) = words.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        return runtime.block_on(proxy::serve(addresses)).map_or_else(|why| failed(&why), |()| ExitCode::SUCCESS);
    }
    let Some(asked) = asked(words.into_iter()) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let scratch = match tempfile::tempdir() {
        Ok(scratch) => scratch,
        Err(error) => return failed(&error.to_string()),
    };
    let Asked { time, nodes, seed, keep } = asked;
    let papers = keep.clone().unwrap_or_else(|| scratch.path().to_owned());
    let plan = Plan { time, nodes, seed, papers };
    match runtime.block_on(until_told_to_stop(&plan)) {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(NoRun::Skipped(why)) => {
            println!("skipped: {why}");
            ExitCode::from(77)
        }
        Err(NoRun::Failed(trouble)) => {
            let papers = keep.unwrap_or_else(|| scratch.keep());
            failed(&format!("{nodes} nodes, seed {seed}: {trouble}\nlogs, schedule and bundles: {}", papers.display()))
        }
    }
}

fn failed(why: &str) -> ExitCode {
    eprintln!("network: {why}");
    ExitCode::FAILURE
}

/// Told to stop, the run is dropped, and what it made goes with it.
async fn until_told_to_stop(plan: &Plan) -> Result<String, NoRun> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        done = run(plan) => done,
        _ = interrupt.recv() => Err(Trouble::new("interrupted").into()),
        _ = terminate.recv() => Err(Trouble::new("told to stop").into()),
    }
}

fn asked(mut words: impl Iterator<Item = String>) -> Option<Asked> {
    let mut asked = Asked { time: Duration::from_secs(180), nodes: 2, seed: 1, keep: None };
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--minutes" => {
                let minutes = value.parse().ok().filter(|m| (0.0..=MOST_MINUTES).contains(m))?;
                asked.time = Duration::from_secs_f64(60.0 * minutes);
            }
            "--nodes" => asked.nodes = value.parse().ok().filter(|n| (2..=5).contains(n))?,
            "--seed" => asked.seed = value.parse().ok()?,
            "--keep" => asked.keep = Some(value.into()),
            _ => return None,
        }
    }
    Some(asked)
}
