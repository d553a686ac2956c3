//! Counting: from records to the exact tables of a cohort. Exact counts stay in memory until noise is on them; they are
//! neither stored, nor printed, nor sent.
//!
//! Each child is counted once, whatever its number of records: in the cohort of its first record entered at this node, which
//! no later record can move, and with the answers of its first record that counts it among the victims. So all that is known
//! about a child changes at most one cell of each table, by one, in one cohort.

use super::record::{ChildId, Record};
use std::collections::BTreeMap;
use varde_proto::id::NodeId;
use varde_proto::summary::{Here, TableName, age_row, form_row};
use varde_proto::time::Period;
use varde_proto::vocabulary::{Country, CountryRole, VictimStatus};

/// The exact tables of one cohort. No copy, no print.
pub struct Counts([Vec<u32>; 4]);

impl Counts {
    /// The cells of each table of the family in order, row-major.
    pub(super) fn into_tables(self) -> [Vec<u32>; 4] {
        self.0
    }
}

/// Counts a cohort, record by record.
pub struct Tally {
    node: NodeId,
    cohort: Period,
    /// Children seen so far: whether one may still be counted here.
    children: BTreeMap<ChildId, bool>,
    tables: [Vec<u32>; 4],
}

impl Tally {
    /// Nothing counted yet.
    pub fn new(node: NodeId, cohort: Period) -> Self {
        let tables = TableName::ALL.map(|table| vec![0; table.cells()]);
        Self { node, cohort, children: BTreeMap::new(), tables }
    }

    /// Takes the next record. Every record of the node is shown, in the order in which they were entered, whatever its cohort:
    /// only so is a child's first record known.
    pub fn add(&mut self, record: &Record) {
        let due = self.children.entry(record.child()).or_insert_with(|| record.registered_in(self.cohort));
        if !*due {
            return;
        }
        if let Some(rows) = rows(record, self.node) {
            *due = false;
            for ((table, cells), rows) in TableName::ALL.into_iter().zip(&mut self.tables).zip(rows) {
                if let Some(count) = table.cell(&rows).and_then(|cell| cells.get_mut(cell)) {
                    *count = count.saturating_add(table.contribution());
                }
            }
        }
    }

    /// The tables.
    pub fn finish(self) -> Counts {
        Counts(self.tables)
    }
}

/// Where a record counts, in each table; `None` for one outside the population.
fn rows(record: &Record, node: NodeId) -> Option<[Vec<usize>; 4]> {
    let stated = record.stated();
    if !is_victim(stated.status) {
        return None;
    }
    let age = age_row(stated.age_band)?;
    let (recruited, recruited_here) = place(record, CountryRole::RECRUITMENT, node);
    let (exploited, exploited_here) = place(record, CountryRole::EXPLOITATION, node);
    Some([
        vec![form_row(stated.primary_form)],
        vec![age],
        vec![recruited, exploited_here.row()],
        vec![exploited, recruited_here.row()],
    ])
}

/// Identified, presumed, or of a status that was not stated.
fn is_victim(status: VictimStatus) -> bool {
    let counted = [
        VictimStatus::PRESUMED,
        VictimStatus::IDENTIFIED_FORMAL,
        VictimStatus::IDENTIFIED_NON_FORMAL,
        VictimStatus::UNKNOWN,
        VictimStatus::NOT_COLLECTED,
        VictimStatus::WITHHELD,
    ];
    counted.contains(&status)
}

/// The row of the first known country of this role, and whether the node's own is among those known.
fn place(record: &Record, role: CountryRole, node: NodeId) -> (usize, Here) {
    let known = |country: &Country| *country != Country::UNKNOWN;
    let Some(first) = record.countries(role).find(known) else {
        return (Country::UNKNOWN.index(), Here::Unknown);
    };
    let here = record.countries(role).any(|country| country.code() == node.as_str());
    (first.index(), if here { Here::Yes } else { Here::No })
}

#[cfg(test)]
mod tests;
