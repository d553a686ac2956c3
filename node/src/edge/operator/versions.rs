//! The alerts service, what stands beside an alert: which follows which, by the ids that people use, and what was refused.

use super::alerts::ours;
use crate::flow::alert::held::Refusal;
use crate::flow::{Node, versions};
use crate::port::StoreError;
use tonic::Status;
use varde_proto::alert::AlertContent;
use varde_proto::id::{Digest, NodeId};
use varde_proto::wire::operator::{RefusedItem, Versions};

/// Of an alert that is here.
pub(super) fn of_alert(
    node: &Node,
    issuer: NodeId,
    object: &Digest,
    content: &AlertContent,
) -> Result<Versions, Status> {
    let next = versions::next(&node.ledger, issuer, object).map_err(ours)?.map(|id| id.to_string()).unwrap_or_default();
    Ok(Versions { next, ..before(node, issuer, content).map_err(ours)? })
}

/// Of an alert of which there may be no more than remains.
pub(super) fn of(node: &Node, issuer: NodeId, object: &Digest) -> Result<Versions, Status> {
    let known = versions::find(&node.ledger, issuer, object).map_err(ours)?;
    let next = versions::next(&node.ledger, issuer, object).map_err(ours)?;
    Ok(Versions {
        number: known.map_or(0, |version| version.number),
        before: String::new(),
        next: next.map(|id| id.to_string()).unwrap_or_default(),
    })
}

/// What the content says of itself; what follows it does not stand in it.
pub(super) fn before(node: &Node, issuer: NodeId, content: &AlertContent) -> Result<Versions, StoreError> {
    let before = content.supersedes.map(|before| versions::find(&node.ledger, issuer, &before)).transpose()?;
    let before = before.flatten().map(|version| version.id.to_string()).unwrap_or_default();
    Ok(Versions { number: content.version, before, next: String::new() })
}

/// One item that was refused here.
pub(super) fn refused(one: Refusal) -> RefusedItem {
    let Refusal { from, index, time, class, seq, reason } = one;
    RefusedItem { from: from.to_string(), time_ms: time.ms(), class: class.into(), seq, reason, log_index: index }
}
