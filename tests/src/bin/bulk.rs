//! Imports the whole published file twice into a real node and holds both processes to their bounds: every line taken or
//! explained, nothing new the second time, at most 300 MiB of memory in each. Run once: `cargo run -p varde-tests --bin bulk`.
//!
//! Counter-Trafficking Data Collaborative (CTDC), 2021, Global Synthetic Dataset: read where it lies, never copied.
#![allow(clippy::print_stdout, reason = "a program that says what it found")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};
use varde_tests::harness::{Country, Trouble};

const ROWS: u64 = 193_025;
const BOUND_KIB: u64 = 300 * 1024;

fn main() -> ExitCode {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("VARDE_DATA").map_or(beside, PathBuf::from);
    let file = folder.join("ctdc_global_synthetic_2021.csv.gz");
    if !file.exists() {
        println!("skipped: no external data at {}", file.display());
        return ExitCode::SUCCESS;
    }
    match import_twice(&file) {
        Ok(wrong) if wrong.is_empty() => ExitCode::SUCCESS,
        Ok(wrong) => {
            wrong.iter().for_each(|wrong| println!("FAILED: {wrong}"));
            ExitCode::FAILURE
        }
        Err(trouble) => {
            println!("FAILED: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn import_twice(file: &Path) -> Result<Vec<String>, Trouble> {
    let home = tempfile::tempdir()?;
    let mut country = Country::init(home.path(), "NO")?;
    country.start()?;
    let mut wrong = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            wrong.push(what.to_owned());
        }
    };
    for round in 1..=2 {
        let report = home.path().join(format!("refused-{round}.csv"));
        let (took, document, cli) = import(&country, file, &report)?;
        let count = |key: &str| document[key].as_u64().unwrap_or_default();
        let (added, known, refused) = (count("added"), count("known"), count("refused"));
        let node = country.pid().and_then(peak_kib).unwrap_or(u64::MAX);
        let seconds = took.as_secs_f64();
        println!(
            "round {round}: {added} added, {known} known, {refused} refused in {seconds:.1} s; peak memory: \
             node {} MiB, command line {} MiB",
            node / 1024,
            cli / 1024
        );
        let explained = std::fs::read_to_string(&report)?.lines().count() as u64 - 1;
        check(added + known + refused == ROWS && count("lines") == ROWS, "a line is not accounted for");
        check(explained == refused, "a refused line is not in the report");
        check(round == 1 || added == 0, "the second import added records");
        check(node <= BOUND_KIB && cli <= BOUND_KIB, "a process took more than 300 MiB");
    }
    country.stop()?;
    Ok(wrong)
}

/// How long it took, what it said, and its peak memory in KiB.
fn import(country: &Country, file: &Path, report: &Path) -> Result<(Duration, Value, u64), Trouble> {
    let mut command = country.command()?;
    command.args(["record", "import", "--format", "ctdc", "--json", "--report"]).arg(report).arg(file);
    let started = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut peak = 0;
    while child.try_wait()?.is_none() {
        peak = peak.max(peak_kib(child.id()).unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output()?;
    let document = serde_json::from_slice(&output.stdout);
    let document =
        document.map_err(|e| Trouble::new(format!("the import said no document ({}): {e}", output.status)))?;
    Ok((started.elapsed(), document, peak))
}

/// The most memory that a process ever held (proc(5), `VmHWM`).
fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
