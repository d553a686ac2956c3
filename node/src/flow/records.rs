//! Reading the records that are held, one at a time, so that memory stays flat however many there are. Writing them is
//! [`super::intake`].

use super::ledger::Ledger;
use crate::national::record::Record;
use crate::port::StoreError;
use crate::rows;

/// Facts that count what is held.
pub(super) const RECORDS: &str = "records";
pub(super) const CHILDREN: &str = "children";

/// How many records are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Held {
    /// All of them.
    pub records: u64,
    /// Those known to be a child's; the others are of unknown age.
    pub children: u64,
}

/// Counts without reading a record.
pub fn held(ledger: &Ledger) -> Result<Held, StoreError> {
    let count = |name: &str| {
        let value = ledger.get(&rows::row(rows::FACT, &[name.as_bytes()]))?;
        super::desk::read_number(value.as_deref(), name)
    };
    Ok(Held { records: count(RECORDS)?, children: count(CHILDREN)? })
}

/// Every record in the order of import. What does not read back is an error: a record is never silently left out.
pub fn records(ledger: &Ledger) -> impl Iterator<Item = Result<Record, StoreError>> + '_ {
    ledger.scan(&[rows::RECORD], &[rows::RECORD + 1], false).map(|row| {
        let (name, value) = row?;
        let plain = ledger.unseal(&name, &value)?;
        Record::from_stored(&plain).map_err(|bad| StoreError::Damaged(bad.to_string()))
    })
}
