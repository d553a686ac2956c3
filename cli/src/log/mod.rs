//! `varde log`: the own node's exchange log. What an auditor does with its bundle is `varde audit`.

mod backup;
pub(crate) mod bump;
mod export;
mod outstanding;
mod restore;
mod show;
mod status;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;

/// What to do with the log.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:\n  varde log show --dir ./no\n  varde log export --dir ./no --out no.bundle")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows the newest leaves, and what was refused without a place in the log
    Show(show::Args),
    /// Shows the newest signed head, how far peers have witnessed it, and how far each channel has come
    Status(status::Args),
    /// Writes a bundle for auditors into a new folder
    Export(export::Args),
    /// Makes a backup of the running node: its store and keyring
    Backup(backup::Args),
    /// Lays a backup down in a stopped node's directory, which takes it up at its next start
    Restore(restore::Args),
    /// Decides, as one of two people, that the log of a locked node ends and the node goes on under a new one
    Bump(bump::Args),
    /// Lists which peer still owes the erasure of which alert of ours
    Outstanding(outstanding::Args),
}

/// Hands the arguments to their verb.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Show(args) => show::run(args, context).await,
        Verb::Status(args) => status::run(args, context).await,
        Verb::Export(args) => export::run(args, context).await,
        Verb::Backup(args) => backup::run(args, context).await,
        Verb::Restore(args) => restore::run(args, context),
        Verb::Bump(args) => bump::run(args, context).await,
        Verb::Outstanding(args) => outstanding::run(args, context).await,
    }
}
