//! How many distinct children share a value, and which values enough of them share.

use crate::national::record::{ChildId, Record};
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::draft::Explained;
use varde_proto::limits;
use varde_proto::vocabulary::Vocabulary;

/// Distinct children by value.
pub(super) struct Shares<T>(BTreeMap<T, BTreeSet<ChildId>>);

impl<T: Ord + Copy> Shares<T> {
    /// Counts what `values` finds in each case; several records of one child count once.
    pub(super) fn of<I: IntoIterator<Item = T>>(cases: &[Record], values: impl Fn(&Record) -> I) -> Self {
        let mut shares = BTreeMap::<T, BTreeSet<ChildId>>::new();
        for case in cases {
            for value in values(case) {
                shares.entry(value).or_default().insert(case.child());
            }
        }
        Self(shares)
    }

    /// Distinct children who share a value.
    pub(super) fn count(&self, value: T) -> u64 {
        self.0.get(&value).map_or(0, |children| children.len() as u64)
    }

    /// The values that at least `k` children share; of more than `most`, those that most children share.
    pub(super) fn at_least(&self, k: u64, most: usize) -> BTreeSet<T> {
        let mut kept: Vec<_> = self.0.keys().map(|value| (self.count(*value), *value)).collect();
        kept.retain(|(count, _)| *count >= k);
        kept.sort_by(|a, b| (b.0, a.1).cmp(&(a.0, b.1)));
        kept.into_iter().take(most).map(|(_, value)| value).collect()
    }

    /// Distinct values.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Distinct children who share any of these values.
    pub(super) fn union(&self, values: &BTreeSet<T>) -> u64 {
        let children = values.iter().filter_map(|value| self.0.get(value)).flatten();
        children.collect::<BTreeSet<_>>().len() as u64
    }
}

/// Not one of UNKNOWN, NOT_COLLECTED and WITHHELD, which say nothing about a pattern.
pub(super) fn says_something<V: Vocabulary>(code: V) -> bool {
    ![98, 100, 101].contains(&code.number())
}

/// The codes of one field that enough children share, with the explanation.
pub(super) fn codes<V: Vocabulary, I: IntoIterator<Item = V>>(
    field: &str,
    cases: &[Record],
    k: u64,
    values: impl Fn(&Record) -> I,
    fields: &mut Vec<Explained>,
) -> BTreeSet<V> {
    let shares = Shares::of(cases, |case| values(case).into_iter().filter(|v| says_something(*v)).collect::<Vec<_>>());
    let kept = shares.at_least(k, limits::ALERT_CODES);
    let dropped = shares.len() - kept.len();
    fields.push(Explained {
        field: field.to_owned(),
        stays: counted(shares.0.iter().map(|(value, children)| (value.to_string(), children.len()))),
        leaves: list(&kept),
        how: match dropped {
            0 => format!("codes only, each shared by at least {k} children"),
            n => format!("{n} of {} codes dropped: fewer than {k} children share them", shares.len()),
        },
        cases: shares.union(&kept),
    });
    kept
}

/// `FORCED_BEGGING 7, CRIM_THEFT 2`
pub(super) fn counted(values: impl Iterator<Item = (String, usize)>) -> String {
    const SHOWN: usize = 12;
    let mut parts: Vec<String> = values.map(|(value, count)| format!("{value} {count}")).collect();
    let more = parts.len().saturating_sub(SHOWN);
    parts.truncate(SHOWN);
    if more > 0 {
        parts.push(format!("and {more} more"));
    }
    parts.join(", ")
}

/// The codes, parted by commas.
pub(super) fn list<T: std::fmt::Display>(values: impl IntoIterator<Item = T>) -> String {
    values.into_iter().map(|v| v.to_string()).collect::<Vec<_>>().join(", ")
}
