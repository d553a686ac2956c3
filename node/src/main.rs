//! `varde-node --dir DIR`: runs the node of that directory in the foreground until it is told to stop.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// A store replaces what it caches without end: the allocator of the C library walks ever longer lists of what was let go, so that
/// appending took longer the longer the log was (docs/decisions).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Threads for work that would hold up others (reading the store, checking frames), at most. Each keeps memory of its own, in the allocator
/// and of pages of the store that it let go last; the default of 512 took hundreds of MiB as soon as many people worked at once, which more
/// threads than processors served no sooner.
const ASIDE: usize = 16;

const HELP: &str = "\
Runs the node of one country in the foreground.

Usage: varde-node --dir DIR

  --dir DIR   the node's directory, as `varde init` made it (or VARDE_DIR)
  --help      this text
  --version   the version

Prints `ready ADDR:PORT` once it serves. Its log goes to stderr; VARDE_LOG sets how much (error, warn, info, debug).
Ends in order on SIGTERM or SIGINT within eleven seconds.
Exit codes: 0 ended as told, 1 our fault or the machine's, 2 wrong arguments or settings, 75 another process holds the
directory (try again once it has ended).
";

enum Asked {
    Run(PathBuf),
    Print(String),
}

fn main() -> ExitCode {
    let dir = match read_arguments(std::env::args_os().skip(1)) {
        Ok(Asked::Run(dir)) => dir,
        Ok(Asked::Print(text)) => return print(&text),
        Err(wrong) => return complain(2, &format!("{wrong}\nTry: varde-node --help")),
    };
    let level = std::env::var("VARDE_LOG").unwrap_or_else(|_| "info".to_owned());
    let filter = tracing_subscriber::EnvFilter::try_new(level).unwrap_or_default();
    let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(colours).with_target(false).init();
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = match runtime.max_blocking_threads(ASIDE).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(1, &format!("the runtime could not start: {error}")),
    };
    let outcome = runtime.block_on(varde_node::edge::start::run(&dir, announce, told_to_stop()));
    runtime.shutdown_timeout(std::time::Duration::from_secs(1));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(stopped) => complain(stopped.exit_code(), &stopped.to_string()),
    }
}

fn read_arguments(mut arguments: impl Iterator<Item = std::ffi::OsString>) -> Result<Asked, String> {
    let mut dir = std::env::var_os("VARDE_DIR").map(PathBuf::from);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--help" | "-h") => return Ok(Asked::Print(HELP.to_owned())),
            Some("--version" | "-V") => {
                return Ok(Asked::Print(format!("varde-node {}\n", env!("CARGO_PKG_VERSION"))));
            }
            Some("--dir") => dir = Some(arguments.next().ok_or("--dir wants a directory")?.into()),
            Some(text) if text.starts_with("--dir=") => dir = Some(text.trim_start_matches("--dir=").into()),
            _ => return Err(format!("{} is not an argument of varde-node", argument.to_string_lossy())),
        }
    }
    dir.map(Asked::Run).ok_or_else(|| "which node? Give its directory with --dir DIR".to_owned())
}

/// The one line on stdout, which scripts wait for.
fn announce(address: std::net::SocketAddr) {
    print(&format!("ready {address}\n"));
}

async fn told_to_stop() {
    match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(mut terminate), Ok(mut interrupt)) => {
            tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
        }
        // Without handlers the signals end the process by themselves, which loses nothing that was acknowledged.
        _ => std::future::pending().await,
    }
}

fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn complain(code: u8, text: &str) -> ExitCode {
    // Nobody is left to tell if stderr is gone.
    let _ = writeln!(std::io::stderr(), "varde-node: {text}");
    ExitCode::from(code)
}
