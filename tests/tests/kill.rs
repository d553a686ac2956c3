//! What was acknowledged is there after the process was killed at any moment.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use varde_tests::workload;

/// Reads acknowledgements until `count` have come, kills the writer, reads what it still said, and returns the last number.
fn run_and_kill(dir: &Path, count: usize) -> Option<u64> {
    let mut writer = Command::new(env!("CARGO_BIN_EXE_storewriter")).arg(dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let number = |line: String| line.strip_prefix("ACK ").and_then(|n| n.parse().ok());
    let mut last = lines.by_ref().take(count).map_while(Result::ok).filter_map(number).last();
    // The moment within a commit is the scheduler's; a spin of a random length spreads it further.
    let spin =
        u32::from_be_bytes(varde_proto::id::Digest::of(&count.to_be_bytes()).0[..4].try_into().unwrap()) % 2_000_000;
    (0..spin).for_each(|n| {
        std::hint::black_box(n);
    });
    writer.kill().unwrap();
    writer.wait().unwrap();
    last = lines.map_while(Result::ok).filter_map(number).last().or(last);
    last
}

/// `VARDE_ROUNDS` sets the number of kills; a store lives through six of them.
#[test]
fn nothing_acknowledged_is_lost_when_the_writer_is_killed() {
    let rounds: usize = std::env::var("VARDE_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    let mut dir = tempfile::tempdir().unwrap();
    for round in 0..rounds {
        if round % 6 == 0 {
            dir = tempfile::tempdir().unwrap();
        }
        // The first kill of a store falls into its making.
        let wanted = if round % 6 == 0 { 0 } else { 1 + round * 37 % 150 };
        let acknowledged = run_and_kill(dir.path(), wanted);
        assert!(acknowledged.is_some() || wanted == 0, "the writer acknowledged nothing in round {round}");
        workload::check(dir.path(), acknowledged).unwrap_or_else(|lost| panic!("round {round}: {lost}"));
    }
}
