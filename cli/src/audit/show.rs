//! Findings for people and for scripts.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::audit::{Finding, Log, Severity};
use varde_proto::id::Origin;

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

/// Findings on stdout, what to do about them on stderr; the exit code says whether anything is wrong.
pub(super) fn findings(findings: &[Finding], context: &Context) -> Result<Exit, Failure> {
    let render = &context.render;
    if render.is_json() {
        render.document(&findings.iter().map(Row::from).collect::<Vec<_>>())?;
    } else if !findings.is_empty() {
        let head = ["severity", "code", "log", "leaf", "peer", "item", "what"];
        render.table(head, findings.iter().map(line));
        advise(findings, context);
    }
    Ok(exit(findings))
}

/// 3 when anything is wrong; notes alone leave it 0.
pub(super) fn exit(findings: &[Finding]) -> Exit {
    let wrong = findings.iter().any(|finding| finding.code.severity == Severity::Finding);
    if wrong { Exit::Findings } else { Exit::Done }
}

fn line(finding: &Finding) -> [String; 7] {
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

/// How much of a bundle was checked, on stderr.
pub(super) fn checked(root: &std::path::Path, log: Option<&Log>, context: &Context) {
    if context.render.is_json() {
        return;
    }
    let text = match log {
        None => format!("{}: could not be read as a bundle", root.display()),
        Some(log) => {
            let counts = log.counts;
            let until = counts.until.map(|time| format!(", newest of {time}")).unwrap_or_default();
            format!(
                "{}: {} ({}), {} leaves{until}: {} openings, {} heads, {} envelopes, {} receipts checked",
                root.display(),
                log.origin,
                log.scope,
                log.size().0,
                counts.opened,
                counts.heads,
                counts.envelopes,
                counts.receipts
            )
        }
    };
    context.render.talk(&text);
}
