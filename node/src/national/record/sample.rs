//! Invented records for the tests of this crate.

use super::{ChildId, Identity, Place, Record, RecordId, Stated, StatedDate};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{Country, CountryRole, Nuts1};

/// A place in March 2026.
pub(crate) fn place(role: CountryRole, country: &str, region: Option<&str>) -> Option<Place> {
    let region = match region {
        Some(text) => Some(Nuts1::parse(text).ok()?),
        None => None,
    };
    Some(Place { role, country: Country::parse(country).ok()?, region, when: StatedDate::new(2026, 3, 0) })
}

/// The case as a record, imported on 2026-11-21; `number` makes its ids.
pub(crate) fn record(number: u8, stated: Stated) -> Result<Record, super::Refusal> {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap_or_default();
    let (id, child) = (RecordId([number; 16]), ChildId([number; 16]));
    Record::register(stated, id, child, Identity([number; 32]), now)
}
