//! `varde audit verify DIR...`

use super::folder::{self, Folder};
use super::report::{self, Report};
use super::{crew, show, trust};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use std::path::{Path, PathBuf};
use varde_proto::audit::{self, Audit, BundleSource, Finding, Given};
use varde_proto::identity::Genesis;
use varde_proto::limits;
use varde_proto::log::{Checkpoint, Note};

/// Which bundles, and what the reader already knows.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde audit verify no.bundle --trust no.descriptor\n  \
    varde audit verify no.bundle ee.bundle --json\n  \
    varde audit verify no.bundle --view head-from-ee.txt --report no.html\n\n\
    Without --trust a bundle vouches for itself, and the first note names the fingerprint to compare.")]
pub(crate) struct Args {
    /// Folders, each with a bundle as `varde log export` writes it
    #[arg(required = true, value_name = "BUNDLE")]
    bundles: Vec<PathBuf>,
    /// An identity you trust: its fingerprint, or its descriptor file; may be repeated. Once one is given, every bundle needs its own
    #[arg(long, value_name = "FINGERPRINT|DESCRIPTOR")]
    trust: Vec<String>,
    /// A head of the bundle's log that you had from somebody else, as a note; may be repeated, for one bundle
    #[arg(long, value_name = "FILE")]
    view: Vec<PathBuf>,
    /// Also write what was found as one page of HTML; the file must not exist
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
}

/// Verifies each.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { bundles, trust, view, report } = args;
    if bundles.len() > 1 && !view.is_empty() {
        return Err(Failure::usage("--view is about one log, and several bundles were given")
            .next("verify the bundles one by one")
            .reason("view-of-which"));
    }
    let read = |path: &PathBuf| {
        let note = files::read_text(path, limits::NOTE_BYTES)?.into_bytes();
        bundles.first().map_or(Ok(()), |bundle| of_this_log(path, &note, bundle, context))?;
        Ok(note)
    };
    let views = view.iter().map(read).collect::<Result<_, Failure>>()?;
    let mut given = Given { trusted: trust::identities(&trust)?, views };
    let report = Report::begin(report.as_deref())?;
    let mut audits: Vec<(&Path, Audit)> = Vec::new();
    for bundle in &bundles {
        let audit = one(bundle, &mut given, context, |_| true)?;
        // Of a log that was verified, only a page has more to say.
        audits.push((bundle, if report.is_some() { audit } else { Audit { log: None, ..audit } }));
    }
    let findings: Vec<Finding> = audits.iter().flat_map(|(_, audit)| audit.findings.clone()).collect();
    if let Some(report) = report {
        let audits: Vec<(&Path, &Audit)> = audits.iter().map(|(root, audit)| (*root, audit)).collect();
        report.write(&report::page(&audits, None, &findings))?;
    }
    show::findings(&findings, context)
}

/// A head of another log says nothing about this bundle: the wrong file was given.
fn of_this_log(path: &Path, note: &[u8], bundle: &Path, context: &Context) -> Result<(), Failure> {
    let seen = Note::parse(note).ok().and_then(|note| Checkpoint::parse(note.text()).ok());
    let folder = Folder::open(bundle, context)?;
    let genesis = folder.read("keys/genesis", limits::ARMOR_BYTES as u64);
    folder.done();
    let genesis = genesis.ok().flatten().and_then(|text| Genesis::open_text(&String::from_utf8(text).ok()?).ok());
    match seen.zip(genesis) {
        Some((seen, (genesis, _))) if seen.origin() != genesis.origin().as_str() => Err(Failure::usage(format!(
            "--view {}: it is a head of {}, and {} is of {}",
            path.display(),
            seen.origin(),
            bundle.display(),
            genesis.origin()
        ))
        .means("nothing was verified")
        .next("give a head of the log that the bundle is of")
        .reason("view-of-another-log")),
        _ => Ok(()),
    }
}

/// Verifies one, and says how much there was to check. Its fingerprint vouches for no other log after that.
/// `told` says which notes on how far it reaches are for its reader.
pub(super) fn one(
    root: &Path,
    given: &mut Given,
    context: &Context,
    told: impl Fn(&Finding) -> bool,
) -> Result<Audit, Failure> {
    let folder = Folder::open(root, context)?;
    let audit = crew::with(|crew| audit::verify_with(&folder, given, crew));
    folder.done();
    let mut audit = audit.map_err(|error| folder::unreadable(folder.root(), &error))?;
    if let Some(log) = &audit.log {
        audit.findings.extend(audit::age(log, given, context.now()?).into_iter().filter(told));
        given.bind(log);
    }
    show::verdict(root, &audit, context);
    Ok(audit)
}
