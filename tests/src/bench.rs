//! What the benchmarks under `tests/benches` share: figures of one run, as one line that a person and a parent process read.
//!
//! Out: what is measured. Rates depend on the disk and on who else works on it; ratios within one run are what counts.

use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tempfile::TempDir;

/// One case of one run: steps, each done before the next.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Steps a second.
    pub per_second: f64,
    /// Median of a step, milliseconds.
    pub p50_ms: f64,
    /// 99th percentile of a step, milliseconds.
    pub p99_ms: f64,
    /// Processor time a step, user and system, microseconds.
    pub cpu_us: f64,
    /// fsync and fdatasync calls a step.
    pub syncs: f64,
    /// Bytes of disk in use a step.
    pub disk_bytes: f64,
    /// Highest resident memory of the process, MiB.
    pub peak_mib: f64,
}

impl Figures {
    /// From the time each step took and what the whole run used. Processor time and memory are those of this process.
    pub fn new(mut spans: Vec<Duration>, syncs: u64, disk_bytes: u64) -> Self {
        let steps = spans.len().max(1) as f64;
        let total: Duration = spans.iter().sum();
        spans.sort_unstable();
        let place =
            |part: f64| spans.get(((spans.len() as f64) * part) as usize).map_or(0.0, |s| s.as_secs_f64() * 1e3);
        Self {
            per_second: steps / total.as_secs_f64().max(1e-9),
            p50_ms: place(0.5),
            p99_ms: place(0.99),
            cpu_us: cpu_seconds() * 1e6 / steps,
            syncs: syncs as f64 / steps,
            disk_bytes: disk_bytes as f64 / steps,
            peak_mib: peak_mib(),
        }
    }

    /// The head of a table of these, a step being a `step`.
    pub fn head(step: &str) -> String {
        format!(
            "{:24}{:>12}{:>9}{:>9}{:>10}{:>8}{:>12}{:>10}",
            "",
            format!("{step}es/s"),
            "p50 ms",
            "p99 ms",
            "CPU us",
            "syncs",
            "disk bytes",
            "peak MiB"
        )
    }

    /// One line of the table.
    pub fn line(&self, name: &str) -> String {
        let Self { per_second, p50_ms, p99_ms, cpu_us, syncs, disk_bytes, peak_mib } = self;
        format!(
            "{name:24}{per_second:>12.0}{p50_ms:>9.2}{p99_ms:>9.2}{cpu_us:>10.0}{syncs:>8.2}{disk_bytes:>12.0}{peak_mib:>10.0}"
        )
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { per_second, p50_ms, p99_ms, cpu_us, syncs, disk_bytes, peak_mib } = self;
        write!(f, "{per_second} {p50_ms} {p99_ms} {cpu_us} {syncs} {disk_bytes} {peak_mib}")
    }
}

impl FromStr for Figures {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
        match numbers.map_err(|e| e.to_string())?[..] {
            [per_second, p50_ms, p99_ms, cpu_us, syncs, disk_bytes, peak_mib] => {
                Ok(Self { per_second, p50_ms, p99_ms, cpu_us, syncs, disk_bytes, peak_mib })
            }
            _ => Err(format!("not seven figures: {text:?}")),
        }
    }
}

/// The run in the middle, by rate.
pub fn median(mut runs: Vec<Figures>) -> Figures {
    runs.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    runs.swap_remove(runs.len() / 2)
}

/// User and system time of this process, all threads, seconds.
pub fn cpu_seconds() -> f64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    used.tv_sec as f64 + used.tv_nsec as f64 / 1e9
}

/// Highest resident memory of this process, MiB.
pub fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
}

/// A directory on the disk that is measured: in `VARDE_BENCH_DIR`, or where temporary files lie.
pub fn scratch() -> io::Result<TempDir> {
    tempfile::tempdir_in(std::env::var_os("VARDE_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into))
}

/// Bytes of disk in use below a directory.
pub fn disk_bytes(dir: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        sum += if path.is_dir() { disk_bytes(&path)? } else { std::fs::metadata(&path)?.blocks() * 512 };
    }
    Ok(sum)
}
