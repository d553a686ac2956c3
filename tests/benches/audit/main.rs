//! What it costs to verify a bundle: `varde audit verify`, as people run it, on a bundle of a million entries.
//!
//! `cargo bench -p varde-tests --bench audit [-- ENTRIES]`. Exits with 1 when a million entries and their signatures take over
//! 60 s on two cores, when `varde` ever holds over 200 MiB, or when it finds anything. The bare checks of the same signatures by
//! two threads stand beside it: below that time nobody can come. Memory is the highest that was resident. On a machine that has
//! other things to do, compare the processor times.

mod maker;

use ed25519_dalek::{Signature, VerifyingKey};
use maker::{Made, Signed};
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use varde_tests::bench::{cpu_seconds, scratch};
use varde_tests::harness::binaries;

/// An outcome whose failure is only printed.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// The bounds are for so many entries.
const ENTRIES: u64 = 1_000_000;
const LONGEST: Duration = Duration::from_secs(60);
const MOST_MIB: f64 = 200.0;

fn main() -> Outcome<ExitCode> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let entries = args.first().map_or(Ok(ENTRIES), |arg| arg.parse())?;
    let varde = &binaries()?.varde;
    let dir = scratch()?;
    let mut kept = true;
    println!(
        "{:>10} {:>10} {:>12} {:>10} {:>10} {:>10}",
        "entries", "signed", "bundle MiB", "verify s", "bare s", "peak MiB"
    );
    for entries in [entries / 10, entries] {
        let bundle = dir.path().join(entries.to_string());
        let made = maker::make(&bundle, entries)?;
        let bare = bare(&made)?;
        let Verified { taken, cpu, peak } = verify(varde, &bundle, &made)?;
        println!(
            "{:>10} {:>10} {:>12.0} {:>10.1} {:>10.1} {:>10.1} {:>10.1} {:>10.0}",
            made.entries,
            made.signatures,
            made.bytes as f64 / 1024.0 / 1024.0,
            taken.as_secs_f64(),
            cpu,
            bare.0.as_secs_f64(),
            bare.1,
            peak
        );
        // Fewer entries are measured against their share of the time, more against the bound itself.
        let share = LONGEST.mul_f64((made.entries as f64 / ENTRIES as f64).min(1.0)) + Duration::from_secs(1);
        kept &= taken <= share && peak <= MOST_MIB;
    }
    println!("{}", if kept { "within bounds" } else { "OUT OF BOUNDS: 60 s a million entries, 200 MiB" });
    Ok(if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What `varde audit verify` used.
struct Verified {
    taken: Duration,
    /// Processor time, seconds.
    cpu: f64,
    /// The most memory it held, MiB.
    peak: f64,
}

/// Runs `varde audit verify`.
fn verify(varde: &Path, bundle: &Path, made: &Made) -> Outcome<Verified> {
    let started = Instant::now();
    let mut child = Command::new(varde)
        .args(["audit", "verify", "--trust", &made.fingerprint])
        .arg(bundle)
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut peak, mut cpu) = (0.0_f64, 0.0_f64);
    while child.try_wait()?.is_none() {
        peak = peak.max(resident(&child));
        cpu = cpu.max(busy(&child));
        std::thread::sleep(Duration::from_millis(20));
    }
    let taken = started.elapsed();
    let output = child.wait_with_output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || !said.contains(": clean: ") {
        return Err(format!("an honest bundle is not clean ({}):\n{said}", output.status).into());
    }
    Ok(Verified { taken, cpu, peak })
}

/// The most memory that a process held so far, MiB; 0 once it has ended.
fn resident(child: &Child) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// Processor time of a process so far, seconds: fields 14 and 15 of its `stat`, in hundredths.
fn busy(child: &Child) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = after_name.split_whitespace().skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// The same number of signatures, checked as strictly by two threads and nothing else: time and processor time.
fn bare(made: &Made) -> Outcome<(Duration, f64)> {
    let signed: Vec<(VerifyingKey, &[u8], Signature)> = made
        .sample
        .iter()
        .map(|Signed { key, text, signature }| {
            Ok((VerifyingKey::from_bytes(key)?, text.as_slice(), Signature::from_slice(signature)?))
        })
        .collect::<Outcome<_>>()?;
    let half = usize::try_from(made.signatures.div_ceil(2))?;
    let check = || signed.iter().cycle().take(half).all(|(key, text, sig)| key.verify_strict(text, sig).is_ok());
    let (started, before) = (Instant::now(), cpu_seconds());
    let good = std::thread::scope(|scope| {
        let other = scope.spawn(check);
        check() && other.join().is_ok_and(|good| good)
    });
    if !good {
        return Err("a signature of the sample does not verify".into());
    }
    Ok((started.elapsed(), cpu_seconds() - before))
}
