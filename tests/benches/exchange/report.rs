//! The table: one row a case, everything an alert costs.

use crate::log::Used;
use std::time::Duration;

/// The figures of one case.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) per_second: f64,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) cpu_us: [f64; 2],
    pub(crate) syncs: f64,
    pub(crate) disk_bytes: f64,
    /// Of the messages, without TLS and HTTP/2; where the case can see them.
    pub(crate) wire_bytes: Option<f64>,
}

impl Row {
    /// From a run of `alerts` in `span`; `used` by sender and receiver.
    pub(crate) fn new(
        alerts: usize,
        span: Duration,
        mut spans: Vec<Duration>,
        used: [Used; 2],
        wire_bytes: Option<u64>,
    ) -> Self {
        let count = alerts.max(1) as f64;
        spans.sort_unstable();
        Self {
            per_second: count / span.as_secs_f64().max(1e-9),
            p50: percentile(&spans, 0.5),
            p99: percentile(&spans, 0.99),
            cpu_us: used.map(|side| side.cpu_seconds * 1e6 / count),
            syncs: (used[0].syncs + used[1].syncs) as f64 / count,
            disk_bytes: (used[0].disk_bytes + used[1].disk_bytes) as f64 / count,
            wire_bytes: wire_bytes.map(|bytes| bytes as f64 / count),
        }
    }

    pub(crate) fn head() -> String {
        format!(
            "{:38}{:>11}{:>9}{:>9}{:>10}{:>10}{:>9}{:>9}{:>9}",
            "", "alerts/s", "p50 ms", "p99 ms", "CPU us A", "CPU us B", "fsyncs", "disk B", "wire B"
        )
    }

    pub(crate) fn line(&self, name: &str) -> String {
        let Self { per_second, p50, p99, cpu_us: [a, b], syncs, disk_bytes, wire_bytes } = self;
        let ms = |span: &Duration| match span.is_zero() {
            true => "-".to_owned(),
            false => format!("{:.2}", span.as_secs_f64() * 1e3),
        };
        let (p50, p99) = (ms(p50), ms(p99));
        let wire_bytes = wire_bytes.map_or("-".into(), |bytes| format!("{bytes:.0}"));
        format!(
            "{name:38}{per_second:>11.0}{p50:>9}{p99:>9}{a:>10.1}{b:>10.1}{syncs:>9.3}{disk_bytes:>9.0}{wire_bytes:>9}"
        )
    }
}

/// A place in sorted spans; zero when there are none.
pub(crate) fn percentile(sorted: &[Duration], part: f64) -> Duration {
    sorted.get((sorted.len() as f64 * part) as usize).copied().unwrap_or_default()
}
