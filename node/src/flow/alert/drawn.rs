//! Drafts drawn from case records: what may leave of them, under the terms that a person states.

use super::drafts::{Drafted, Refused, fresh};
use crate::flow::{Node, records};
use crate::national::minimise::{self, Gathering, Minimised, Missing, Query};
use crate::national::record::Record;
use varde_proto::draft::{self, Decision, Harm, Terms};
use varde_proto::id::hex;
use varde_proto::vocabulary::{AlertKind, Prohibition, SourceType};

/// A pattern over the records that match. Reads every record, so it may take seconds: not for a thread that others wait on.
pub fn pattern(node: &Node, query: Query, terms: &str) -> Result<Drafted, Refused> {
    let kind = query.kind;
    let (terms, decision) = draft::read_terms(terms, kind).map_err(Refused::Problems)?;
    let mut gathering = Gathering::new(query)?;
    for record in records::records(&node.ledger) {
        gathering.add(&record?);
    }
    let found = gathering.minimise(terms.tlp(kind))?;
    put_together(node, found, terms, decision)
}

/// A pointer to the child of one record, by its agency's reference or its own id. Reads records until two match.
pub fn pointer(node: &Node, name: &str, missing: Missing, terms: &str) -> Result<Drafted, Refused> {
    let (terms, decision) = draft::read_terms(terms, AlertKind::MISSING_CHILD_POINTER).map_err(Refused::Problems)?;
    let found = minimise::pointer(&find(node, name)?, missing)?;
    put_together(node, found, terms, decision)
}

fn find(node: &Node, name: &str) -> Result<Record, Refused> {
    let mut found = None;
    for record in records::records(&node.ledger) {
        let record = record?;
        if record.stated().reference != name && hex(&record.id().0) != name {
            continue;
        }
        if found.replace(record).is_some() {
            return Err(Refused::SeveralRecords);
        }
    }
    found.filter(|_| !name.is_empty()).ok_or(Refused::NoRecord)
}

fn put_together(node: &Node, found: Minimised, terms: Terms, decision: Decision) -> Result<Drafted, Refused> {
    let Minimised { subject, observed, support, sources, independent_sources, asylum, feared, fields } = found;
    let kind = subject.kind();
    let (mut terms, mut decision) = (terms, decision);
    let sources = if sources.is_empty() { vec![SourceType::UNKNOWN] } else { sources };
    terms.sources = terms.sources.or_else(|| Some(sources.into_iter().collect()));
    terms.independent_sources = terms.independent_sources.or(Some(independent_sources));
    if asylum {
        let stated = terms.prohibitions.take();
        let mut prohibitions =
            stated.unwrap_or_else(|| varde_proto::alert::defaults(kind).prohibitions.iter().copied().collect());
        prohibitions.insert(Prohibition::X4);
        terms.prohibitions = Some(prohibitions);
        decision.harms.insert(Harm::ASYLUM_APPLICANT);
        decision.never_to.extend(feared);
    }
    let content = terms.put_over(subject, observed, support, fresh(node));
    let problems = draft::check(&content, &decision);
    if problems.is_empty() { Ok(Drafted { content, decision, fields }) } else { Err(Refused::Problems(problems)) }
}
