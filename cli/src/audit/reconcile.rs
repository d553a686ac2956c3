//! `varde audit reconcile DIR DIR`

use super::{show, trust, verify};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::path::PathBuf;
use varde_proto::audit::{self, Given};

/// Which two bundles.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde audit reconcile no.bundle ee.bundle\n  \
    varde audit reconcile no.bundle ee.bundle --trust no.descriptor --trust ee.descriptor --json\n\n\
    Who holds the other side's receipt or head holds its signature: that decides who is to explain what.")]
pub(crate) struct Args {
    /// A folder with a bundle
    #[arg(value_name = "DIR")]
    first: PathBuf,
    /// A folder with a bundle of another node of the network
    #[arg(value_name = "DIR")]
    second: PathBuf,
    /// An identity you trust: its fingerprint, or its descriptor file; may be repeated
    #[arg(long, value_name = "FINGERPRINT|DESCRIPTOR")]
    trust: Vec<String>,
}

/// Verifies both, then compares them.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { first, second, trust } = args;
    let mut given = Given { trusted: trust::identities(&trust)?, views: Vec::new() };
    let (a, b) = (verify::one(&first, &mut given, context)?, verify::one(&second, &mut given, context)?);
    let between = audit::reconcile(&a, &b);
    show::between(&a, &b, &between, context);
    let findings = [a.findings, b.findings, between].concat();
    show::findings(&findings, context)
}
