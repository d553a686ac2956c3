//! Doing again what a restored backup undid: neither a keyring of before nor a store of before brings back what was erased.
//!
//! In: destroying every bucket key that an erasure retired ([`purge`]), and erasing anew what the log says is erased
//! ([`replay`]). Out: how the log's own tail comes back from peers.

use super::{Remains, destroy, destroy_keys, due, expiry_row, issuer, remains};
use crate::flow::alert::index as made;
use crate::flow::desk::Desk;
use crate::flow::erase::Stage;
use crate::flow::ledger::Ledger;
use crate::flow::{Node, conversation, kept};
use crate::port::{Keyring, Store, StoreError};
use crate::{rows, vault};
use std::collections::BTreeMap;
use varde_proto::alert::Alert;
use varde_proto::control::leaf;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::log::event::{Event, Kind};
use varde_proto::vocabulary::ErasureReason;

/// Destroys every bucket key that an erasure retired according to the store and that the keyring still has: a keyring that was
/// restored from its backup has them again. To be called before anything is served; a start without such a backup finds
/// nothing to do, and reads one row for each bucket in which there was an erasure. Returns how many it destroyed.
pub fn purge(store: &dyn Store, keyring: &dyn Keyring) -> Result<u64, StoreError> {
    let mut destroyed = 0;
    for number in vault::retired(store)? {
        if keyring.key(number).is_some() {
            keyring.destroy(number)?;
            destroyed += 1;
        }
    }
    Ok(destroyed)
}

/// What [`replay`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Items that the restored store had again.
    pub erased: u64,
    /// Items that it had not, and that are noted, so that they cannot come again.
    pub noted: u64,
}

/// Erases anew whatever an `erase-done` leaf from index `from` on says is erased. To be called once after a restored backup,
/// when the log's tail and its openings are back and before anything is served, with the number of leaves that the backup had;
/// reads all that is kept. It logs nothing: the leaves are there.
pub async fn replay(node: &Node, from: u64) -> Result<Replayed, super::NotErased> {
    let mut done = erased(&node.ledger, from)?;
    let mut replayed = Replayed::default();
    for (index, erased) in back(&node.ledger, &mut done)? {
        let landed = node.ledger.commit(move |desk| again(desk, index, &erased));
        destroy_keys(node, landed.await?.into_value()).await?;
        replayed.erased += 1;
    }
    for ((_, object), erased) in done {
        let landed = node.ledger.commit(move |desk| note(desk, object, &erased));
        replayed.noted += u64::from(landed.await?.into_value());
    }
    Ok(replayed)
}

/// An `erase-done` leaf.
struct Erased {
    index: u64,
    event: Event,
}

/// Items by their issuer and E.
type Done = BTreeMap<(NodeId, Digest), Erased>;

fn erased(ledger: &Ledger, from: u64) -> Result<Done, StoreError> {
    let own = ledger.book().origin.clone();
    let mut done = BTreeMap::new();
    for index in from..ledger.book().tree.size().0 {
        let index = ledger.number(index);
        let event = ledger.opening_if_kept(index)?.map(|opening| opening.event().clone());
        if let Some(event) = event.filter(|event| event.kind == Kind::ERASE_DONE) {
            done.insert((issuer(&own, &event), event.object), Erased { index, event });
        }
    }
    Ok(done)
}

/// Those of these items that the store has, with where they are kept; the others are left.
fn back(ledger: &Ledger, done: &mut Done) -> Result<Vec<(u64, Erased)>, StoreError> {
    let (mut back, own) = (Vec::new(), ledger.book().origin.clone());
    for row in ledger.scan(&[rows::ENVELOPE], &[rows::ENVELOPE + 1], false) {
        let index = row?.0.get(1..).and_then(|number| number.try_into().ok()).map(u64::from_be_bytes);
        let index = index.ok_or_else(|| StoreError::Damaged("the row of an envelope has no number".into()))?;
        // Nothing else is erased; whoever had something else named as erased by a log that was lost brings nothing down.
        let opening = ledger.opening_if_kept(index)?.filter(|_| is_alert(ledger, index));
        let item = opening.map(|opening| (issuer(&own, opening.event()), opening.event().object));
        let erased = item.and_then(|item| done.remove(&item));
        back.extend(erased.map(|erased| (index, erased)));
    }
    Ok(back)
}

fn is_alert(ledger: &Ledger, index: u64) -> bool {
    kept::if_of_type::<Alert>(ledger, index).is_ok_and(|alert| alert.is_some())
}

/// Takes out an item that is back; returns the keys to destroy.
fn again(desk: &mut Desk<'_>, kept: u64, erased: &Erased) -> Result<Vec<u64>, StoreError> {
    let content = kept::at_desk::<Alert>(desk, kept)?.1.content().clone();
    let leaf::Done { request, reason } = said(erased);
    let (id, issuer) = (content.id, issuer(desk.origin(), &erased.event));
    let due = due(&content, erased.event.time);
    let kind = Some(content.kind());
    let mut remains = Remains { issuer, id, kind, kept, reason, request, due, stage: Stage::Done(erased.index) };
    desk.delete(expiry_row(content.expires_at, &erased.event.object));
    conversation::close(desk, id, kept)?;
    let destroying = destroy(desk, &remains)?;
    remains.stage = Stage::Done(erased.index);
    remains::put(desk, &erased.event.object, &remains, false)?;
    match destroying {
        Stage::Destroying(keys) => Ok(keys),
        _ => Ok(Vec::new()),
    }
}

/// Notes that an item is erased which the restored store never had; whether that was not known.
fn note(desk: &mut Desk<'_>, object: Digest, erased: &Erased) -> Result<bool, StoreError> {
    let whose = issuer(desk.origin(), &erased.event);
    if remains::at_desk(desk, whose, &object)?.is_some() {
        return Ok(false);
    }
    let leaf::Done { request, reason } = said(erased);
    let (issuer, due) = (whose, erased.event.time);
    // Its id is not in the log; the item is known again by E.
    let id = AlertId([0; 16]);
    let stage = Stage::Done(erased.index);
    let remains = Remains { issuer, id, kind: None, kept: erased.index, reason, request, due, stage };
    remains::put(desk, &object, &remains, false)?;
    if issuer == desk.origin().node() {
        made::put_remains(desk, erased.event.time, object)?;
    }
    Ok(true)
}

fn said(erased: &Erased) -> leaf::Done {
    let unread = leaf::Done { request: Digest::NONE, reason: ErasureReason::WITHDRAWN };
    leaf::Done::decode(&erased.event.body).unwrap_or(unread)
}
