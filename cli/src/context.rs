//! What every command gets: the node's directory, the way to print, the clock.

use crate::failure::Failure;
use crate::owner;
use crate::render::Render;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;
use varde_proto::time::Timestamp;

/// The surroundings of one command.
#[derive(Debug)]
pub(crate) struct Context {
    dir: Option<PathBuf>,
    /// The way to print.
    pub(crate) render: Render,
    /// How long the node may take to answer, beyond what a command waits for.
    pub(crate) patience: Duration,
}

impl Context {
    /// From the global arguments.
    pub(crate) fn new(dir: Option<PathBuf>, render: Render, patience: Duration) -> Self {
        Self { dir, render, patience }
    }

    /// The directory given by `--dir` or `VARDE_DIR`, whether or not a node lives there yet.
    pub(crate) fn dir(&self) -> Result<&Path, Failure> {
        self.dir.as_deref().ok_or_else(|| {
            Failure::usage("which node? no directory was given")
                .next("add `--dir DIR`, or set VARDE_DIR; `varde init --help` says how to make a node")
                .reason("no-directory")
        })
    }

    /// The directory of a node that exists: it holds `varde.toml`.
    pub(crate) fn node_dir(&self) -> Result<&Path, Failure> {
        let dir = self.dir()?;
        let settings = dir.join("varde.toml");
        match std::fs::metadata(&settings) {
            Ok(found) if found.is_file() => return Ok(dir),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(owner::denied(&settings)),
            Ok(_) | Err(_) => {}
        }
        Err(Failure::usage(format!("no node lives in {}: it holds no varde.toml", dir.display()))
            .next("look at `--dir` and VARDE_DIR, or make a node there with `varde init`")
            .reason("no-node"))
    }

    #[allow(dead_code, reason = "for the nouns to come")]
    /// Now, in UTC.
    #[expect(
        clippy::disallowed_methods,
        reason = "the command line's one clock; everything below takes the time as an argument"
    )]
    pub(crate) fn now(&self) -> Result<Timestamp, Failure> {
        let past = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(past.as_millis()).unwrap_or(i64::MAX)).map_err(|e| {
            Failure::ours(format!("this machine's clock is wrong: {e}")).next("set the clock, then try again")
        })
    }
}
