//! `varde audit`: what an auditor does with bundles and proofs. No node, no network: files in, findings out.

mod crew;
mod explain;
mod folder;
mod proof;
mod receipt;
mod reconcile;
mod report;
mod show;
mod trust;
mod verify;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;

/// What to audit.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:\n  varde audit verify no.bundle --trust no.descriptor\n  \
    varde audit reconcile no.bundle ee.bundle\n  \
    varde audit explain split-view\n\n\
    Exit codes: 0 nothing is wrong (notes may be shown), 1 our fault, 2 usage or bundles that cannot be compared, 3 findings.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Verifies bundles, each by itself
    Verify(verify::Args),
    /// Verifies two bundles, then compares what one says it sent with what the other says it received
    Reconcile(reconcile::Args),
    /// Takes one receipt out of a bundle: a tlog-proof, on stdout
    Receipt(receipt::Args),
    /// Verifies a tlog-proof of any log against a policy
    Proof(proof::Args),
    /// Says what a finding means, what proves it, and who is to do what
    Explain(explain::Args),
}

/// Hands the arguments to their verb.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Verify(args) => verify::run(args, context),
        Verb::Reconcile(args) => reconcile::run(args, context),
        Verb::Receipt(args) => receipt::run(args, context),
        Verb::Proof(args) => proof::run(args, context),
        Verb::Explain(args) => explain::run(&args, context),
    }
}
