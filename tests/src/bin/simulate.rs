//! Runs the federation in virtual time, seed after seed, and says which seeds failed and how.
//!
//! `simulate [--tls] [--steps] [--seeds N] [--first N] [--jobs N]`: so many seeds (default 500) from the first (default 1) on, on so many threads
//! (default: all cores). With `--tls` every country has a machine of its own, and between them run TLS and gRPC over a simulated TCP;
//! without it, frames pass by channels, and a year passes. With `--steps` it says what was done in each seed, step by step. Tens of thousands take half the time with RUSTFLAGS='--cfg varde_simulation', which remembers the verdict on a
//! signature that another node checked. Exit codes: 0 all holds, 1 something does not, 2 usage.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use varde_tests::sim::{self, Outcome};

struct Plan {
    seeds: u64,
    first: u64,
    jobs: usize,
    tls: bool,
    steps: bool,
}

fn plan(mut words: impl Iterator<Item = String>) -> Option<Plan> {
    let jobs = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    let mut plan = Plan { seeds: 500, first: 1, jobs, tls: false, steps: false };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--tls" => plan.tls = true,
            "--steps" => plan.steps = true,
            "--seeds" => plan.seeds = words.next()?.parse().ok()?,
            "--first" => plan.first = words.next()?.parse().ok()?,
            "--jobs" => plan.jobs = words.next()?.parse().ok().filter(|jobs| *jobs > 0)?,
            _ => return None,
        }
    }
    Some(plan)
}

/// Frames and commits of one seed.
const MOST_EVENTS: u64 = 10_000;
/// So many seeds do everything that is ever done.
const MANY: u64 = 20;

/// What the seeds of all threads came to.
#[derive(Default)]
struct Tally {
    took: Vec<Duration>,
    events: Vec<u64>,
    countries: usize,
    released: usize,
    said: usize,
    agreed: usize,
    withdrawn: usize,
    days: Vec<u64>,
    restored: usize,
    failed: Vec<u64>,
}

fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else {
        eprintln!("usage: simulate [--tls] [--steps] [--seeds N] [--first N] [--jobs N]");
        return ExitCode::from(2);
    };
    let (next, tally) = (AtomicU64::new(plan.first), Mutex::new(Tally::default()));
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed - plan.first >= plan.seeds {
                        return;
                    }
                    count(&tally, seed, &plan);
                }
            });
        }
    });
    let mut tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    say(&plan, &mut tally, begun.elapsed());
    let idle = idle(&tally).filter(|_| plan.seeds >= MANY);
    if let Some(what) = idle {
        println!("in all these seeds there was nothing of this: {what}");
    }
    if tally.failed.is_empty() && idle.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What nobody did in any seed: a run without it shows nothing of it.
fn idle(tally: &Tally) -> Option<&'static str> {
    let done = [
        ("alerts acknowledged", tally.released),
        ("words about alerts", tally.said),
        ("words about agreements", tally.agreed),
        ("withdrawals", tally.withdrawn),
        ("restores", tally.restored),
    ];
    done.into_iter().find(|(_, count)| *count == 0).map(|(what, _)| what)
}

fn count(tally: &Mutex<Tally>, seed: u64, plan: &Plan) {
    let begun = Instant::now();
    let outcome = std::panic::catch_unwind(|| if plan.tls { sim::tls::run(seed) } else { sim::run(seed) });
    let took = begun.elapsed();
    let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
    tally.took.push(took);
    match outcome {
        Ok(Outcome {
            countries, events, released, said, agreed, withdrawn, days, restored, failures, steps, ..
        }) => {
            steps.iter().filter(|_| plan.steps).for_each(|step| println!("  {step}"));
            tally.events.push(events);
            tally.countries += countries;
            tally.released += released;
            tally.said += said;
            tally.agreed += agreed;
            tally.withdrawn += withdrawn;
            tally.days.push(days);
            tally.restored += restored;
            for failure in failures.iter().take(5) {
                println!("seed {seed} ({countries} countries): {failure}");
            }
            if events > MOST_EVENTS {
                println!("seed {seed} ({countries} countries): {events} events, of {MOST_EVENTS} that a seed may have");
            }
            if !failures.is_empty() || events > MOST_EVENTS {
                tally.failed.push(seed);
            }
        }
        Err(_) => {
            println!("seed {seed}: panicked");
            tally.failed.push(seed);
        }
    }
}

fn say(plan: &Plan, tally: &mut Tally, wall: Duration) {
    tally.took.sort_unstable();
    tally.events.sort_unstable();
    tally.days.sort_unstable();
    let (took, events) = (&tally.took, &tally.events);
    let (middle, last) = (took.len() / 2, took.len().saturating_sub(1));
    println!(
        "{} seeds from {} on in {:.0} s: {} countries, {} alerts acknowledged, {} words about them, {} withdrawals, {} words about \
         agreements, {} restores; a seed: median {} ms, longest {} ms, median {} events, most {} events, median {} days, most {} days; \
         {} failed {:?}",
        took.len(),
        plan.first,
        wall.as_secs_f64(),
        tally.countries,
        tally.released,
        tally.said,
        tally.withdrawn,
        tally.agreed,
        tally.restored,
        took.get(middle).map_or(0, Duration::as_millis),
        took.get(last).map_or(0, Duration::as_millis),
        events.get(events.len() / 2).copied().unwrap_or(0),
        events.last().copied().unwrap_or(0),
        tally.days.get(tally.days.len() / 2).copied().unwrap_or(0),
        tally.days.last().copied().unwrap_or(0),
        tally.failed.len(),
        tally.failed,
    );
}
