//! Summaries as the command line gets them.

use crate::flow::query::{Held, Seen};
use varde_proto::id::NodeId;
use varde_proto::summary::{Display, Figure, LedgerEntry, Sight, Table, TableDisplay, family};
use varde_proto::wire::operator::{
    BudgetLine, CorridorSight, TrendCell, TrendCorridorReply, TrendEdition, TrendFigure, TrendSheet, TrendTable,
};

/// A release without its figures.
pub(super) fn edition(held: &Held) -> TrendEdition {
    let release = held.summary.release();
    TrendEdition {
        country: held.issuer.to_string(),
        cohort: release.cohort().to_string(),
        edition: release.edition().name().to_owned(),
        rho_nano: release.rho().nano(),
        rho_nano_cohort: release.spent().nano(),
        rho_nano_cap: family::COHORT_CAP.nano(),
        published_ms: release.published().ms(),
        coverage: release.coverage().name().to_owned(),
        break_in_series: release.break_in_series(),
        software: release.software().to_owned(),
        release: release.digest().0.to_vec().into(),
        reserve: release.reserve().0.to_vec().into(),
        log_index: held.index,
        recipients: held.recipients().iter().map(NodeId::to_string).collect(),
    }
}

/// A line of our budget.
pub(super) fn line(entry: &LedgerEntry) -> BudgetLine {
    BudgetLine {
        seq: entry.seq,
        act: entry.act.name().to_owned(),
        cohort: entry.cohort.to_string(),
        edition: entry.edition.name().to_owned(),
        rho_nano: entry.act.rho().unwrap_or_default().nano(),
        rho_nano_cohort: entry.spent.nano(),
        time_ms: entry.time.ms(),
    }
}

/// A release with its figures.
pub(super) fn sheet(held: &Held) -> TrendSheet {
    let release = held.summary.release();
    let Display { total, tables } = release.display();
    TrendSheet {
        edition: Some(edition(held)),
        population: family::POPULATION.to_owned(),
        population_text: family::POPULATION_TEXT.to_owned(),
        total: Some(figure(total)),
        tables: release.tables().iter().zip(tables).map(|(cells, shown)| table(cells, shown)).collect(),
    }
}

fn table(table: &Table, shown: &TableDisplay) -> TrendTable {
    let name = table.name();
    let codes = |cell| name.rows(cell).into_iter().map(str::to_owned).collect();
    let cell = |(cell, shown): (usize, &Figure)| TrendCell { codes: codes(cell), figure: Some(figure(shown)) };
    TrendTable {
        name: name.name().to_owned(),
        axes: name.axes().iter().map(|axis| axis.name().to_owned()).collect(),
        sigma2_q10: table.sigma2_q10(),
        cells: shown.figures.iter().enumerate().map(cell).collect(),
        remainder: Some(figure(&shown.remainder)),
    }
}

fn figure(figure: &Figure) -> TrendFigure {
    let Figure { state, estimate, sd, low, high } = *figure;
    TrendFigure { state: state.name().to_owned(), estimate, sd, low, high }
}

/// A corridor from both ends.
pub(super) fn corridor(from: NodeId, to: NodeId, seen: &Seen) -> TrendCorridorReply {
    let Seen { origin, destination, corridor } = seen;
    let sight = |end: &str, country: NodeId, held: &Option<Held>, sight: Option<Sight>| CorridorSight {
        country: country.to_string(),
        end: end.to_owned(),
        edition: held.as_ref().map(edition),
        figure: sight.map(|sight| figure(&sight.figure)),
        population_text: family::POPULATION_TEXT.to_owned(),
        sigma2_q10: held.as_ref().zip(sight).map_or(0, |(held, sight)| variance(held, sight)),
    };
    TrendCorridorReply {
        sights: vec![
            sight("origin", from, origin, corridor.origin),
            sight("destination", to, destination, corridor.destination),
        ],
        gap: corridor.gap.as_ref().map(figure),
        ends_differ: corridor.ends_differ(),
    }
}

fn variance(held: &Held, sight: Sight) -> u64 {
    let tables = held.summary.release().tables().iter();
    tables.filter(|table| table.name() == sight.table).map(Table::sigma2_q10).next().unwrap_or_default()
}
