//! What came from peers, read from the log in its order: for those who listen, and those who are to be woken.

use super::ledger::Ledger;
use super::{erase, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::Alert;
use varde_proto::control::{Act, Erasure};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::offer::Offer;
use varde_proto::reply::{Reply, Said};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, PersonalDataLevel};

/// Leaves that are read at once.
const LEAVES: u64 = 256;

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// An alert.
    Alert,
    /// The offer of an alert.
    Offer,
    /// A word about an alert, ours or the peer's.
    Reply(Said),
    /// The request to erase an alert.
    Withdrawal,
}

/// Something that came.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Index of our `received` leaf.
    pub index: u64,
    /// What.
    pub what: What,
    /// From which country.
    pub from: NodeId,
    /// When we logged it.
    pub time: Timestamp,
    /// The alert that it is or that it is about.
    pub id: AlertId,
    /// Its kind, where that is known.
    pub kind: Option<AlertKind>,
}

impl Arrival {
    /// Whether it is about one child.
    pub fn is_urgent(&self) -> bool {
        self.kind.is_some_and(|kind| kind.level() == PersonalDataLevel::L1)
    }
}

/// What came in the leaves from an index on, some at a time, and the index from which to read on. What was erased since is left out.
pub fn since(ledger: &Ledger, from: u64) -> Result<(Vec<Arrival>, u64), StoreError> {
    let to = ledger.number(ledger.head().size().0).min(from + LEAVES);
    let mut found = Vec::new();
    for index in from..to {
        let event = ledger.opening_if_kept(index)?.map(|opening| opening.event().clone());
        if let Some(event) = event.filter(|event| event.kind == Kind::RECEIVED && event.direction == Direction::In) {
            found.extend(arrival(ledger, index, &event)?);
        }
    }
    Ok((found, to.max(from)))
}

fn arrival(ledger: &Ledger, index: u64, event: &Event) -> Result<Option<Arrival>, StoreError> {
    let Some(from) = event.peer.as_ref().map(varde_proto::id::Origin::node) else { return Ok(None) };
    let came = |what, id, kind| Some(Arrival { index, what, from, time: event.time, id, kind });
    if let Some(alert) = kept::if_of_type::<Alert>(ledger, index)? {
        let content = alert.content();
        return Ok(came(What::Alert, content.id, Some(content.kind())));
    }
    if let Some(offer) = kept::if_of_type::<Offer>(ledger, index)? {
        return Ok(came(What::Offer, offer.id, Some(offer.conditions.kind)));
    }
    if let Some(reply) = kept::if_of_type::<Reply>(ledger, index)? {
        return Ok(came(What::Reply(reply.said), reply.id, Some(reply.kind)));
    }
    match kept::if_of_type::<Erasure>(ledger, index)? {
        Some(Erasure { act: Act::Request { .. }, id, object, .. }) => {
            let kind = erase::find(ledger, from, &object)?.and_then(|remains| remains.kind);
            Ok(came(What::Withdrawal, id, kind))
        }
        _ => Ok(None),
    }
}

/// An urgent alert that nobody here has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unseen {
    /// Index of our `received` leaf.
    pub index: u64,
    /// From which country.
    pub from: NodeId,
    /// When we logged it.
    pub since: Timestamp,
    /// Its id.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
}

/// The row that says that nobody has seen what came from a country and is kept under an index.
pub(super) fn unseen_row(from: NodeId, index: u64) -> Vec<u8> {
    rows::row(rows::UNSEEN, &[from.as_str().as_bytes(), &index.to_be_bytes()])
}

/// Whether nobody has seen it.
pub fn is_unseen(ledger: &Ledger, from: NodeId, index: u64) -> Result<bool, StoreError> {
    Ok(ledger.get(&unseen_row(from, index))?.is_some())
}

/// Urgent alerts and offers that nobody has seen, the newest of each country, `of_each` at most.
pub fn unseen(ledger: &Ledger, of_each: usize, now: Timestamp) -> Result<Vec<Unseen>, StoreError> {
    let mut found = Vec::new();
    for from in kept::countries(ledger)? {
        let rows = ledger.scan(&unseen_row(from, 0), &unseen_row(from, u64::MAX), true);
        let before = found.len();
        for row in rows.take(LEAVES as usize) {
            if found.len() - before == of_each {
                break;
            }
            let index = row?.0.get(3..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
            let index =
                index.ok_or_else(|| StoreError::Damaged("the row of what nobody has seen has no number".into()))?;
            // Taken out in the commit in which it came, or since the row was read.
            let Some((id, kind)) = what(ledger, index, now)? else { continue };
            found.push(Unseen { index, from, since: ledger.opening(index)?.event().time, id, kind });
        }
    }
    Ok(found)
}

/// Id and kind of an alert or an offer whose time is not over.
fn what(ledger: &Ledger, index: u64, now: Timestamp) -> Result<Option<(AlertId, AlertKind)>, StoreError> {
    if let Some(alert) = kept::if_of_type::<Alert>(ledger, index)? {
        let content = alert.content();
        return Ok(Some((content.id, content.kind())).filter(|_| content.expires_at > now));
    }
    let offer = kept::if_of_type::<Offer>(ledger, index)?.filter(|offer| offer.answer_by > now);
    Ok(offer.map(|offer| (offer.id, offer.conditions.kind)))
}

/// How many urgent alerts nobody has seen, `most` at most, and since when the oldest of them lies here.
pub fn unseen_count(ledger: &Ledger, most: usize) -> Result<Option<(u32, Timestamp)>, StoreError> {
    let (mut count, mut oldest) = (0, None);
    for row in ledger.scan(&[rows::UNSEEN], &[rows::UNSEEN + 1], false).take(most) {
        let index = row?.0.get(3..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
        oldest = [oldest, index].into_iter().flatten().min();
        count += 1;
    }
    let opening = oldest.map(|index| ledger.opening_if_kept(index)).transpose()?.flatten();
    Ok(opening.map(|opening| (count, opening.event().time)))
}
