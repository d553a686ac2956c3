//! Findings for people and for scripts.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::path::Path;
use varde_proto::audit::{Audit, Code, Counts, Finding, Log, Severity, codes};
use varde_proto::id::Origin;
use varde_proto::log::Direction;

/// A finding as scripts get it.
#[derive(Debug, Serialize)]
pub(super) struct Row {
    code: &'static str,
    severity: String,
    promise: Option<&'static str>,
    origin: Option<String>,
    index: Option<u64>,
    peer: Option<String>,
    class: Option<u8>,
    seq: Option<u64>,
    not_before: Option<String>,
    not_after: Option<String>,
    text: String,
    next: &'static str,
}

impl From<&Finding> for Row {
    fn from(finding: &Finding) -> Self {
        let Finding { code, origin, index, peer, class, seq, not_before, not_after, text } = finding;
        Self {
            code: code.name,
            severity: code.severity.to_string(),
            promise: Some(code.promise).filter(|promise| !promise.is_empty()),
            origin: origin.as_ref().map(Origin::to_string),
            index: index.map(|index| index.0),
            peer: peer.as_ref().map(Origin::to_string),
            class: *class,
            seq: *seq,
            not_before: not_before.map(|time| time.to_string()),
            not_after: not_after.map(|time| time.to_string()),
            text: text.clone(),
            next: code.next,
        }
    }
}

/// What the columns of [`line()`] are.
pub(super) const HEAD: [&str; 7] = ["severity", "code", "log", "leaf", "peer", "item", "what"];

/// Findings on stdout, what to do about them on stderr; the exit code says whether anything is wrong.
pub(super) fn findings(findings: &[Finding], context: &Context) -> Result<Exit, Failure> {
    let render = &context.render;
    if render.is_json() {
        render.document(&findings.iter().map(Row::from).collect::<Vec<_>>())?;
    } else if !findings.is_empty() {
        render.table(HEAD, findings.iter().map(line));
        advise(findings, context);
    }
    Ok(exit(findings))
}

/// 3 when anything is wrong; notes alone leave it 0.
pub(super) fn exit(findings: &[Finding]) -> Exit {
    if findings.iter().any(is_wrong) { Exit::Findings } else { Exit::Done }
}

/// Whether it is more than a note.
pub(super) fn is_wrong(finding: &Finding) -> bool {
    finding.code.severity == Severity::Finding
}

/// A finding as a row for people.
pub(super) fn line(finding: &Finding) -> [String; 7] {
    let country = |origin: &Option<Origin>| origin.as_ref().map(|o| o.node().to_string()).unwrap_or_default();
    let item = match (finding.class, finding.seq) {
        (Some(class), Some(seq)) => format!("{class}/{seq}"),
        _ => String::new(),
    };
    let when = match (finding.not_before, finding.not_after) {
        (Some(from), Some(to)) if from == to => format!(" ({from})"),
        (Some(from), Some(to)) => format!(" (between {from} and {to})"),
        (Some(from), None) => format!(" (after {from})"),
        (None, Some(to)) => format!(" (before {to})"),
        (None, None) => String::new(),
    };
    [
        finding.code.severity.to_string(),
        finding.code.name.to_owned(),
        country(&finding.origin),
        finding.index.map(|index| index.0.to_string()).unwrap_or_default(),
        country(&finding.peer),
        item,
        format!("{}{when}", finding.text),
    ]
}

/// For each code once: what to do next.
fn advise(findings: &[Finding], context: &Context) {
    let mut said = Vec::new();
    for finding in findings {
        if !said.contains(&finding.code.name) {
            said.push(finding.code.name);
            let promise = if finding.code.promise.is_empty() { "" } else { &format!(" ({})", finding.code.promise) };
            context.render.talk(&format!("{}{promise}: {}", finding.code.name, finding.code.next));
        }
    }
}

/// The verdict on one bundle and how much was checked, on stdout.
pub(super) fn verdict(root: &Path, audit: &Audit, context: &Context) {
    if !context.render.is_json() {
        context.render.line(format!("{}: {}", root.display(), summary(audit)));
    }
}

/// What bounds how far a verdict reaches, and stands beside it.
const AGED: [Code; 2] = [codes::NO_OUTSIDE_VIEW, codes::STALE];

/// The verdict on one bundle and how much was checked.
pub(super) fn summary(audit: &Audit) -> String {
    let verdict = if audit.is_clean() { "clean" } else { "NOT CLEAN" };
    let what = match &audit.log {
        None => "it could not be read as a bundle".to_owned(),
        Some(log) => {
            let Counts { opened, heads, envelopes, receipts, decisions, until, quorum } = log.counts;
            let until = until.map(|time| format!(" until {time}")).unwrap_or_default();
            let quorum = quorum.map_or("seen by no quorum of witnesses".into(), |time| {
                format!("seen by a quorum of witnesses until {time}")
            });
            let aged = audit.findings.iter().map(|finding| finding.code).filter(|code| AGED.contains(code));
            let aged: String = aged.map(|code| format!(", {}", code.name)).collect();
            format!(
                "{} ({}), {} leaves{until}; checked {opened} openings, {heads} heads, {envelopes} envelopes, \
                 {receipts} receipts, {decisions} sharing decisions; {quorum}{aged}",
                log.origin,
                log.scope,
                log.size().0
            )
        }
    };
    format!("{verdict}: {what}")
}

/// The verdict on two bundles side by side.
pub(super) fn between(a: &Audit, b: &Audit, findings: &[Finding]) -> Option<String> {
    let (a, b) = (a.log.as_ref()?, b.log.as_ref()?);
    let items = |log: &Log, other: &Log| {
        let channels = log.channels().filter(|(c, _)| c.peer == other.origin && c.direction == Direction::Out);
        channels.map(|(_, items)| items.len()).sum::<usize>()
    };
    let wrong: Vec<_> = findings.iter().filter(|finding| is_wrong(finding)).collect();
    let verdict = match &wrong[..] {
        [] => "agree",
        [one] if one.code == codes::NOT_COMPARABLE => "were not compared",
        some if some.iter().all(|one| one.code == codes::PARTLY_COMPARED) => "were compared IN PART",
        _ => "DO NOT AGREE",
    };
    let (there, back) = (items(a, b), items(b, a));
    let unread = |log: &Log| match log.unread() {
        0 => String::new(),
        leaves => format!("; {leaves} leaves of {} cannot be read", log.origin.node()),
    };
    let unread = unread(a) + &unread(b);
    let (a, b) = (a.origin.node(), b.origin.node());
    Some(format!("{a} and {b} {verdict}: {there} items from {a} to {b}, {back} from {b} to {a}{unread}"))
}
