//! `varde audit reconcile DIR DIR`

use super::report::{self, Report};
use super::{show, trust, verify};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::path::PathBuf;
use varde_proto::audit::{self, Finding, Given, Incomparable, Severity, codes};

/// Which two bundles.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde audit reconcile no.bundle ee.bundle\n  \
    varde audit reconcile no.bundle ee.bundle --trust no.descriptor --trust ee.descriptor --json\n  \
    varde audit reconcile no.bundle ee.bundle --report no-ee.html\n\n\
    Who holds the other side's receipt or head holds its signature: that decides who is to explain what.\n\n\
    Exit codes: 0 they agree, 3 something is found, 2 they cannot be compared (two countries that do not know each other, two\n\
    networks, one country twice, an export made for somebody else) and nothing else is found.")]
pub(crate) struct Args {
    /// A folder with a bundle
    #[arg(value_name = "BUNDLE")]
    first: PathBuf,
    /// A folder with a bundle of another node of the network
    #[arg(value_name = "BUNDLE")]
    second: PathBuf,
    /// An identity you trust: its fingerprint, or its descriptor file; may be repeated. Once one is given, either bundle needs its own
    #[arg(long, value_name = "FINGERPRINT|DESCRIPTOR")]
    trust: Vec<String>,
    /// Also write what was found as one page of HTML; the file must not exist
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// Verifies both, then compares them.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { first, second, trust, report } = args;
    let mut given = Given { trusted: trust::identities(&trust)?, views: Vec::new() };
    let report = Report::begin(report.as_deref())?;
    // Each of the two is the other's outside view.
    let told = |note: &Finding| note.code != codes::NO_OUTSIDE_VIEW;
    let a = verify::one(&first, &mut given, context, told)?;
    let b = verify::one(&second, &mut given, context, told)?;
    let between = audit::reconcile(&a, &b);
    let reason = audit::incomparable(&a, &b);
    let findings = [&a.findings[..], &b.findings, &between].concat();
    let verdict = show::between(&a, &b, &between);
    if let Some(verdict) = verdict.as_ref().filter(|_| !context.render.is_json()) {
        context.render.line(verdict);
    }
    if let Some(report) = report {
        report.write(&report::page(&[(&first, &a), (&second, &b)], verdict.as_deref(), &findings))?;
    }
    let exit = show::findings(&findings, context)?;
    match reason.filter(|_| nothing_else(&findings)) {
        Some(reason) => Err(not_compared(reason, given.trusted.is_empty())),
        None => Ok(exit),
    }
}

/// Whether the only thing wrong is the choice of bundles. Whatever else is found comes first: a country that would rather
/// not be compared cannot hide a finding behind a reason not to (see `audit::comparable`).
fn nothing_else(findings: &[Finding]) -> bool {
    let wrong = |finding: &&Finding| finding.code.severity == Severity::Finding;
    findings.iter().filter(wrong).all(|finding| finding.code == codes::NOT_COMPARABLE)
}

fn not_compared(reason: Incomparable, unpinned: bool) -> Failure {
    let unpinned = if unpinned { ", and whose they are was not checked (--trust)" } else { "" };
    Failure::usage(format!("cannot be compared: {}", reason.why))
        .means(format!("whether the two logs agree is not known; in each by itself nothing wrong was found{unpinned}"))
        .next(reason.next)
        .reason("not-comparable")
}
