//! The part of an explanation that is the same for every alert: what a record holds and an alert has no field for.

use crate::national::record::Record;
use varde_proto::draft::Explained;

/// One field, explained.
pub(super) fn field(
    name: &str,
    stays: impl Into<String>,
    leaves: impl Into<String>,
    how: &str,
    cases: u64,
) -> Explained {
    Explained { field: name.into(), stays: stays.into(), leaves: leaves.into(), how: how.into(), cases }
}

/// A part of a record that an alert has no field for, and whether a record states it.
type Kept = (&'static str, fn(&Record) -> bool);

/// What never leaves, because an alert has no field for it.
pub(super) fn never(cases: &[Record]) -> Vec<Explained> {
    let count = |has: fn(&Record) -> bool| cases.iter().filter(|case| has(case)).count();
    let rows: [Kept; 8] = [
        ("agency and its reference", |r| !r.stated().reference.is_empty() || !r.stated().agency.is_empty()),
        ("age in years", |r| r.stated().age.is_some()),
        ("language", |r| r.stated().language.is_some()),
        ("dates", |_| true),
        ("platforms", |r| !r.stated().platforms.is_empty()),
        ("determinants", |r| !r.stated().determinants.is_empty()),
        ("stages of the referral", |r| !r.stated().stages.is_empty()),
        ("support given", |r| !r.stated().services.is_empty()),
    ];
    let row = |(name, has): Kept| match count(has) {
        0 => None,
        n => Some(field(name, format!("in {n} of {} records", cases.len()), "", "an alert has no field for it", 0)),
    };
    rows.into_iter().filter_map(row).collect()
}
