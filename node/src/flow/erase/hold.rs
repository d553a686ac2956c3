//! A hold: an item must not be erased for now, because a court or an inquiry needs it. It is logged when it begins and when it
//! ends; what was asked or due meanwhile is done when it ends.

use super::{about, begin_held, event, issuer, remains};
use crate::flow::alert::drafts::{self, Refused, Signed};
use crate::flow::desk::Desk;
use crate::flow::ledger::{CommitError, Committed, Ledger};
use crate::flow::{Node, filing, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::control::leaf as bodies;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::Envelope;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::log::event::Kind;

fn row(object: &Digest) -> Vec<u8> {
    rows::row(rows::HOLD, &[&object.0])
}

/// The leaf with which a hold on an item began, if there is one.
pub fn leaf(ledger: &Ledger, object: &Digest) -> Result<Option<u64>, StoreError> {
    read(ledger.get(&row(object))?)
}

/// The same, as the commit under way will leave it.
pub(super) fn at_desk(desk: &Desk<'_>, object: &Digest) -> Result<Option<u64>, StoreError> {
    read(desk.get(&row(object))?)
}

fn read(value: Option<Vec<u8>>) -> Result<Option<u64>, StoreError> {
    let number = |bytes: Vec<u8>| bytes.try_into().map(u64::from_be_bytes);
    value.map(number).transpose().map_err(|_| StoreError::Damaged("the row of a hold cannot be read".into()))
}

/// Begins a hold on an alert, ours or a peer's, or ends it, in the name of a member of staff.
pub async fn hold(
    node: &Node,
    (id, issuer): (AlertId, Option<NodeId>),
    begins: bool,
    act: Option<Envelope>,
) -> Result<(), Refused> {
    let (index, object) = find(node, id, issuer)?;
    let about = act::about_hold(object, begins);
    drafts::check(node, if begins { Verb::Hold } else { Verb::Lift }, &Signed { about, act })?;
    let landed = node.ledger.commit(move |desk| set(desk, index, object, begins));
    match landed.await.map(Committed::into_value) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Refused::Erased(id)),
        Err(CommitError::Refused(failure)) => Err(failure.into()),
        Err(CommitError::Stopped) => Err(Refused::Stopped),
    }
}

/// Begins or ends a hold on what is kept under an index. Doing it twice changes nothing; `false` where it is erased already.
pub fn set(desk: &mut Desk<'_>, index: u64, object: Digest, begins: bool) -> Result<bool, StoreError> {
    let whose = issuer(desk.origin(), &event(desk, index)?);
    match (at_desk(desk, &object)?.is_some(), begins) {
        (false, true) if remains::of_kept(desk, whose, &object, index)?.is_some() => return Ok(false),
        (false, true) => {
            let leaf = log(desk, index, true)?;
            desk.put(row(&object), leaf.to_be_bytes().to_vec())?;
        }
        (true, false) => {
            log(desk, index, false)?;
            desk.delete(row(&object));
            begin_held(desk, whose, object)?;
        }
        _ => {}
    }
    Ok(true)
}

/// Takes note again of a hold that a leaf of ours began, or that had ended when the item was erased.
pub(in crate::flow) fn set_again(desk: &mut Desk<'_>, object: &Digest, leaf: Option<u64>) -> Result<(), StoreError> {
    match leaf {
        Some(leaf) => desk.put(row(object), leaf.to_be_bytes().to_vec()),
        None => {
            desk.delete(row(object));
            Ok(())
        }
    }
}

/// Logs a hold of what is kept under an index once more.
pub(super) fn say_anew(desk: &mut Desk<'_>, index: u64, object: &Digest) -> Result<(), StoreError> {
    let leaf = log(desk, index, true)?;
    desk.put(row(object), leaf.to_be_bytes().to_vec())
}

fn log(desk: &mut Desk<'_>, index: u64, begins: bool) -> Result<u64, StoreError> {
    let item = event(desk, index)?;
    let (leaf, _) = desk.append(about(&item, Kind::HOLD, bodies::hold(begins)))?;
    Ok(leaf)
}

/// Where an alert is kept, ours or a peer's, and its E. An id says whose alert is meant only as long as no other country uses it:
/// then the issuer must be named.
pub fn find(node: &Node, id: AlertId, issuer: Option<NodeId>) -> Result<(u64, Digest), Refused> {
    let mut countries = kept::countries(&node.ledger)?;
    countries.push(node.me.origin.node());
    let mut found = Vec::new();
    for country in countries.into_iter().filter(|country| issuer.is_none_or(|issuer| issuer == *country)) {
        if let Some(value) = node.ledger.get(&filing::alert_row(country, id))? {
            let (index, object) = filing::read_filed(&value)?;
            let here = node.ledger.get(&rows::numbered(rows::ENVELOPE, index))?.is_some();
            found.push((country, here, (index, object)));
        }
    }
    // What is erased, or was never here, is in nobody's way.
    if found.iter().any(|(_, here, _)| *here) {
        found.retain(|(_, here, _)| *here);
    }
    match found[..] {
        [] => Err(Refused::Absent(id)),
        [(_, _, kept)] => Ok(kept),
        _ => Err(Refused::SeveralIssuers(id, found.into_iter().map(|(country, ..)| country).collect())),
    }
}
