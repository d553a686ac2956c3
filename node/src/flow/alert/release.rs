//! Release: a draft becomes an alert addressed to named countries, is judged as they will judge it, and is owed to each.

use crate::flow::desk::Desk;
use crate::flow::outbox::{self, NotSent, Signed};
use crate::flow::{Node, filing};
use crate::port::StoreError;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::envelope::{self, Payload};
use varde_proto::id::{Digest, NodeId};

/// Issues a draft's content to these countries. Nothing is logged yet. `decision` is the salted commitment to the sharing
/// decision, which stays here.
pub fn issue(node: &Node, content: AlertContent, decision: Digest, countries: &[NodeId]) -> Result<Signed, NotSent> {
    let recipients = outbox::recipients(node, countries)?;
    let header = outbox::header(node, &recipients)?;
    let alert = Alert::issue(content, header, node.clock.now(), decision).map_err(NotSent::Refused)?;
    outbox::sign::<Alert>(node, &alert.to_wire(), &recipients, alert.class())
}

/// Logs an issued alert as sent, owes it, and files it under its id. Returns the index under which it is kept.
pub fn owe(desk: &mut Desk<'_>, signed: &Signed, content: &AlertContent, decision: Digest) -> Result<u64, StoreError> {
    let kept = outbox::owe(desk, signed, decision)?;
    let row = filing::alert_row(desk.origin().node(), content.id);
    let object = envelope::digest(signed.envelope());
    desk.put(row, [&kept.to_be_bytes()[..], &object.0].concat());
    Ok(kept)
}
