//! `varde`: the command line for a country's coordinators, analysts and auditors.
//!
//! In: reading arguments, speaking to the own node over its Unix socket, showing answers, and everything that needs no
//! node at all (`init`, `peer`, `audit`). Out: the node itself (`varde-node`), with which it shares only the operator
//! schema; a connection to anything but the own node.
//!
//! Exit codes: 0 done, 1 our fault, 2 usage, 3 findings or refused, 75 not ready (try later).

mod agreement;
mod alert;
mod args;
mod audit;
mod client;
mod completions;
mod context;
mod delivery;
mod erasures;
mod failure;
mod files;
mod home;
mod init;
mod key;
mod log;
mod misuse;
mod owner;
mod peer;
mod record;
mod render;
mod staff;
mod status;
mod trend;

use failure::Failure;
use render::Render;
use std::process::ExitCode;
use std::time::Duration;

fn main() -> ExitCode {
    let cli = match args::Cli::read() {
        Ok(cli) => cli,
        Err(error) => return misuse::explain(&error),
    };
    let render = Render::new(cli.json);
    let outcome = run(cli, render);
    let exit = match &outcome {
        Ok(exit) => *exit,
        Err(failure) => {
            render.failure(failure);
            failure.exit()
        }
    };
    exit.into()
}

fn run(cli: args::Cli, render: Render) -> Result<failure::Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::ours(format!("the system gives no event loop: {e}")))?;
    let context = context::Context::new(cli.dir, render, Duration::from_millis(cli.patience));
    runtime.block_on(args::dispatch(cli.noun, &context))
}
