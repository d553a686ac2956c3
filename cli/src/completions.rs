//! `varde completions SHELL`: completions on stdout.

use crate::args::command;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap_complete::Shell;

/// Which shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  varde completions bash > ~/.local/share/bash-completion/completions/varde")]
pub(crate) struct Args {
    /// The shell that shall complete
    shell: Shell,
}

/// Writes the script.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "varde", &mut script);
    context.render.bytes(&script);
    Ok(Exit::Done)
}
