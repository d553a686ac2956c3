//! Attacks a real node from outside, one attack after the other, while an honest country exchanges alerts with it: nobody else
//! may notice.
//!
//! `abuse [--only NAME] [--seconds N]`: each attack for N seconds (default 4; some need longer) in three rounds, compared with as
//! long without it, before and after each round; where that is too slow, or too little to go by, once more in fifteen rounds, and
//! then it counts. Before several attacks, exchanges undisturbed for ten times N seconds: a store fills its cache whoever is there.
//! One line an attack: median and 95th percentile of the time from the release of an alert to its receipt, undisturbed and
//! attacked, and the middle one of the rounds' ratios of each (at most 2); how fast a newcomer is let in (within a second); the
//! node's memory before, and at most meanwhile (64 MiB more, and 96 MiB more than before the first attack); what its log and its
//! store grew by. The attacker is one thread of a process of its own at the lowest priority, because on a
//! small machine it would otherwise starve the node by computing and not by attacking; it keeps to the rates that are printed,
//! each far above what an honest country needs.
//! Exit codes: 0 all holds, 1 something does not, 2 usage.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that says what it found")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use varde_tests::abuse::{ATTACKS, Attack, Scene, strike};
use varde_tests::harness::Trouble;

enum Asked {
    Suffer(Vec<Attack>, u64),
    /// How this program calls itself.
    Strike(String, SocketAddr, PathBuf),
}

fn main() -> ExitCode {
    let outcome = match asked(std::env::args().skip(1)) {
        Some(Asked::Suffer(attacks, seconds)) => suffer(&attacks, seconds),
        Some(Asked::Strike(name, target, home)) => {
            strike(&name, target, &home).map(|()| Vec::new()).map_err(|e| Trouble::new(e.to_string()))
        }
        None => {
            eprintln!("usage: abuse [--only NAME] [--seconds N]");
            ATTACKS.iter().for_each(|attack| eprintln!("  {attack}"));
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(breaches) if breaches.is_empty() => ExitCode::SUCCESS,
        Ok(breaches) => {
            breaches.iter().for_each(|breach| eprintln!("abuse: {breach}"));
            ExitCode::FAILURE
        }
        Err(trouble) => {
            eprintln!("abuse: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn asked(mut words: impl Iterator<Item = String>) -> Option<Asked> {
    let (mut attacks, mut seconds) = (ATTACKS.to_vec(), 4);
    let (mut name, mut target, mut home) = (None, None, None);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--only" => attacks.retain(|attack| attack.name == value),
            "--seconds" => seconds = value.parse().ok().filter(|n| (1..=600).contains(n))?,
            "--strike" => name = Some(value),
            "--target" => target = Some(value.parse().ok()?),
            "--home" => home = Some(value.into()),
            _ => return None,
        }
    }
    match (name, target, home) {
        (None, None, None) if !attacks.is_empty() => Some(Asked::Suffer(attacks, seconds)),
        (Some(name), Some(target), Some(home)) => Some(Asked::Strike(name, target, home)),
        _ => None,
    }
}

fn suffer(attacks: &[Attack], seconds: u64) -> Result<Vec<String>, Trouble> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut scene = Scene::set(&std::env::current_exe()?).await?;
        let mut breaches = Vec::new();
        if attacks.len() > 1 {
            println!("{}", scene.warm(Duration::from_secs(10 * seconds)).await?);
        }
        for attack in attacks {
            println!("{attack}");
            let mut report = scene.suffer(attack, seconds, 3).await?;
            println!("  {}", report.line);
            breaches.append(&mut report.breaches);
            breaches.append(&mut report.late);
            if !(report.doubts.is_empty() && report.idle.is_empty()) {
                // Others work on this machine too. What the attack does, it does again, and for longer.
                report = scene.suffer(attack, 5 * seconds, 15).await?;
                println!("  again: {}", report.line);
                for found in [&mut report.breaches, &mut report.late, &mut report.doubts, &mut report.idle] {
                    breaches.append(found);
                }
            }
        }
        Ok(breaches)
    })
}
