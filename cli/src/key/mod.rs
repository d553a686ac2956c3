//! `varde key`: which keys are in force, and the ceremonies by which one follows another. The identity key signs here, from its
//! file; two members of staff sign as well; then the running node takes the statement up within a second.

mod approve;
mod chain;
mod list;
mod revoke;
mod rotate;

pub(crate) use chain::read;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;
use varde_proto::identity::Role;

/// What to do with keys.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  varde key list --dir ./no\n  varde key rotate log --dir ./no\n  varde key approve 1 --as ./no/operators/b.key --dir ./no"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows this node's keys and its peers', since when and until when each is valid
    List(list::Args),
    /// Makes a new key for a role and proposes that it replaces the one in use
    Rotate(rotate::Args),
    /// Proposes that what a key signed above a size of the log never was valid
    Revoke(revoke::Args),
    /// Approves a proposed change of keys, as another person than who proposed it
    Approve(approve::Args),
}

/// Hands the arguments to their verb.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::List(args) => list::run(args, context),
        Verb::Rotate(args) => rotate::run(args, context),
        Verb::Revoke(args) => revoke::run(args, context).await,
        Verb::Approve(args) => approve::run(args, context).await,
    }
}

/// Reads a role whose key can change.
fn read_role(text: &str) -> Result<Role, String> {
    match Role::parse(text) {
        Some(Role::Id) => Err("the identity key is changed by the members of the network together, not here".into()),
        Some(role) => Ok(role),
        None => Err("a role is log, wit, msg, tls or staff".into()),
    }
}
