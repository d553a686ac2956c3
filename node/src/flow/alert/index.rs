//! Our drafts and alerts in the order in which they were made, whatever became of them: a list reads no more of them than it shows,
//! however many there are.

use crate::flow::desk::Desk;
use crate::flow::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use varde_proto::id::{AlertId, Digest};
use varde_proto::time::Timestamp;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// A draft or an alert.
    Alert(AlertId),
    /// What remains of an alert of which a restored store knows E alone.
    Remains(Digest),
}

/// A page of them, and what the next one comes after; nothing, where this is the last.
#[derive(Debug)]
pub struct Page {
    /// The newest first.
    pub entries: Vec<Entry>,
    /// What the next page comes after.
    pub next: Vec<u8>,
}

fn row(at: Timestamp, name: &[u8]) -> Vec<u8> {
    rows::row(rows::MADE, &[&at.ms().to_be_bytes(), name])
}

/// Takes in a draft, or an alert of which there is no draft.
pub(in crate::flow) fn put(desk: &mut Desk<'_>, at: Timestamp, id: AlertId) -> Result<(), StoreError> {
    desk.put(row(at, &id.0), Vec::new())
}

/// Takes in what is known by its E alone.
pub(in crate::flow) fn put_remains(desk: &mut Desk<'_>, at: Timestamp, object: Digest) -> Result<(), StoreError> {
    desk.put(row(at, &object.0[..16]), object.0.to_vec())
}

/// Those that were made before the one that a page before ended with (empty: from the newest on), `most` at most.
pub fn page(ledger: &Ledger, after: &[u8], most: usize) -> Result<Page, StoreError> {
    let end = if after.is_empty() { vec![rows::MADE + 1] } else { rows::row(rows::MADE, &[after]) };
    let (mut entries, mut last) = (Vec::new(), Vec::new());
    for found in ledger.scan(&[rows::MADE], &end, true) {
        if entries.len() == most {
            return Ok(Page { entries, next: last });
        }
        let (name, object) = found?;
        let damaged = || StoreError::Damaged("a row of what was made cannot be read".into());
        let id = name.get(9..).and_then(AlertId::from_bytes).ok_or_else(damaged)?;
        entries.push(match object.as_slice() {
            [] => Entry::Alert(id),
            object => Entry::Remains(Digest::from_bytes(object).ok_or_else(damaged)?),
        });
        last = name.get(1..).unwrap_or_default().to_vec();
    }
    Ok(Page { entries, next: Vec::new() })
}
