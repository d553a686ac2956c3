//! `varde peer`: who the own node is to others, and whom it knows. Works with the node stopped or running: a pin is a file in
//! `DIR/peers`, which the node takes up within a second.

mod add;
mod ask;
mod export;
mod forked;
mod list;
pub(crate) mod pins;
mod remove;
mod succeed;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;

/// What to do with peers.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  varde peer export --dir ./no > no.descriptor\n  varde peer add lt.descriptor --dir ./no --fingerprint 64-HEX-DIGITS"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Writes this node's signed descriptor to stdout, to be given to a peer
    Export(export::Args),
    /// Prints the fingerprint of this node's identity key, to be read out to a peer
    Fingerprint(export::FingerprintArgs),
    /// Pins a peer from its descriptor, after its fingerprint was compared
    Add(add::Args),
    /// Shows the pinned peers
    List(list::Args),
    /// Removes a pin; a connection with that peer is closed within a second
    Remove(remove::Args),
    /// Shows what proves that a log was forked
    Evidence(forked::EvidenceArgs),
    /// Decides, as one of two people, that a frozen log is dealt with again
    Unfreeze(forked::UnfreezeArgs),
}

/// Hands the arguments to their verb.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Export(args) => export::run(args, context),
        Verb::Fingerprint(args) => export::fingerprint(args, context),
        Verb::Add(args) => add::run(args, context),
        Verb::List(args) => list::run(args, context),
        Verb::Remove(args) => remove::run(args, context),
        Verb::Evidence(args) => forked::evidence(args, context).await,
        Verb::Unfreeze(args) => forked::unfreeze(args, context).await,
    }
}
