//! Commits batches and prints `ACK n` after each, until it is killed. Usage: `storewriter DIR`

use std::process::ExitCode;
use varde_tests::workload::{self, Sync};

fn main() -> ExitCode {
    let Some(dir) = std::env::args_os().nth(1) else {
        eprintln!("usage: storewriter DIR");
        return ExitCode::from(2);
    };
    match workload::write(dir.as_ref(), Sync::Kept, u64::MAX) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("storewriter: {error}");
            ExitCode::FAILURE
        }
    }
}
