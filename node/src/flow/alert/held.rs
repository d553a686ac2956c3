//! Alerts as they lie here: what came from peers, and what of ours has left.

use crate::flow::erase::{self, Remains};
use crate::flow::ledger::Ledger;
use crate::flow::{filing, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::Alert;
use varde_proto::envelope;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::ErasureReason;

/// An alert that came from a peer.
#[derive(Debug)]
pub struct Received {
    /// The peer's country.
    pub from: NodeId,
    /// Index of our `received` leaf.
    pub index: u64,
    /// When we logged it.
    pub received: Timestamp,
    /// E.
    pub object: Digest,
    /// What there is of it.
    pub what: What,
}

/// What there is of an alert that came.
#[derive(Debug)]
pub enum What {
    /// All of it.
    Alert(Box<Alert>),
    /// It was erased, or is being erased.
    Remains(Remains),
}

impl Received {
    /// Whether its time is over; from then on it is for nobody's use.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        match &self.what {
            What::Alert(alert) => alert.content().expires_at <= now,
            What::Remains(remains) => remains.reason == ErasureReason::EXPIRED,
        }
    }
}

/// Alerts from peers that were logged before an index (0: before now), the newest first, `most` at most.
pub fn inbox(ledger: &Ledger, before: u64, most: usize) -> Result<Vec<Received>, StoreError> {
    let end = if before == 0 { vec![rows::INBOX + 1] } else { rows::numbered(rows::INBOX, before) };
    let rows = ledger.scan(&[rows::INBOX], &end, true).take(most);
    rows.map(|row| {
        let (name, country) = row?;
        let index = name.get(1..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
        let from = std::str::from_utf8(&country).ok().and_then(|c| NodeId::parse(c).ok());
        match (index, from) {
            (Some(index), Some(from)) => received(ledger, from, index),
            _ => Err(StoreError::Damaged("a row of the inbox cannot be read".into())),
        }
    })
    .collect()
}

fn received(ledger: &Ledger, from: NodeId, index: u64) -> Result<Received, StoreError> {
    let opening = ledger.opening(index)?;
    let (received, object) = (opening.event().time, opening.event().object);
    let what = match kept::if_kept::<Alert>(ledger, index)? {
        Some((_, alert)) => What::Alert(Box::new(alert)),
        None => What::Remains(
            erase::find(ledger, from, &object)?
                .ok_or_else(|| StoreError::Damaged(format!("the alert kept under {index} is gone")))?,
        ),
    };
    Ok(Received { from, index, received, object, what })
}

/// An item from a peer that was refused here; its content is not kept.
#[derive(Debug)]
pub struct Refusal {
    /// The peer's country.
    pub from: NodeId,
    /// Index of our `rejected` leaf.
    pub index: u64,
    /// When we logged it.
    pub time: Timestamp,
    /// Class of its channel.
    pub class: u8,
    /// Its number there.
    pub seq: u64,
    /// The rule that it broke, as the peer was told.
    pub reason: String,
}

/// Items that were refused here and logged before an index (0: before now), the newest first, `most` at most.
pub fn refused(ledger: &Ledger, before: u64, most: usize) -> Result<Vec<Refusal>, StoreError> {
    let end = if before == 0 { vec![rows::REFUSED + 1] } else { rows::numbered(rows::REFUSED, before) };
    let refusal = |row: Result<crate::port::Row, StoreError>| {
        let (name, country) = row?;
        let index = name.get(1..).and_then(|n| n.try_into().ok()).map(u64::from_be_bytes);
        let from = std::str::from_utf8(&country).ok().and_then(|c| NodeId::parse(c).ok());
        let (Some(index), Some(from)) = (index, from) else {
            return Err(StoreError::Damaged("the row of a refused item cannot be read".into()));
        };
        let opening = ledger.opening(index)?;
        let event = opening.event();
        let (time, class, seq) = (event.time, event.class, event.seq);
        Ok(Refusal { from, index, time, class, seq, reason: String::from_utf8_lossy(&event.body).into_owned() })
    };
    ledger.scan(&[rows::REFUSED], &end, true).take(most).map(refusal).collect()
}

/// Alerts with this id that came from peers. An id is random, so there is one at most; two countries that claim the same are
/// both shown.
pub fn find(ledger: &Ledger, peers: &[NodeId], id: AlertId) -> Result<Vec<Received>, StoreError> {
    let mut found = Vec::new();
    for from in peers {
        if let Some(value) = ledger.get(&filing::alert_row(*from, id))? {
            found.push(received(ledger, *from, filing::read_filed(&value)?.0)?);
        }
    }
    Ok(found)
}

/// An alert of ours that was released.
pub fn released(ledger: &Ledger, index: u64) -> Result<(Digest, Alert), StoreError> {
    let (envelope, alert) = kept::payload::<Alert>(ledger, index)?;
    Ok((envelope::digest(&envelope), alert))
}

/// An alert of ours that peers gave back after a restored backup, and of which this node has no draft: where it is kept, its E and itself.
pub fn regained(ledger: &Ledger, own: NodeId, id: AlertId) -> Result<Option<(u64, Digest, Alert)>, StoreError> {
    let Some(value) = ledger.get(&filing::alert_row(own, id))? else { return Ok(None) };
    let (kept, object) = filing::read_filed(&value)?;
    Ok(kept::if_kept::<Alert>(ledger, kept)?.map(|(_, alert)| (kept, object, alert)))
}
