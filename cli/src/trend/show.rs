//! `varde trend show`: the figures of a release, each with its interval, and who is counted how.

use super::figure::{self, Document};
use super::list::{self, Edition};
use super::words;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::summary::{Figure, State};
use varde_proto::wire::operator::{
    TrendCell, TrendEdition, TrendSheet, TrendShowReply, TrendShowRequest, TrendTable, trends_client::TrendsClient,
};

/// Which release.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde trend show\n  varde trend show NO --cohort 2026-Q3\n  \
    varde trend show LT --table recruited-in --json\n\n\
    With --json every cell of the domain is there, with its unbiased estimate and standard deviation.\n\
    Add estimates, never shown numbers: those leave out what is hidden.")]
pub(super) struct Args {
    /// The country that released it; without it, every country that did
    #[arg(value_name = "CC", value_parser = super::country)]
    country: Option<String>,
    /// Period of first registration; without it, the newest of each country
    #[arg(long, value_name = "PERIOD", value_parser = super::period)]
    cohort: Option<String>,
    /// One table alone: form, age, recruited-in or exploited-in
    #[arg(long, value_name = "NAME", value_parser = ["form", "age", "recruited-in", "exploited-in"])]
    table: Option<String>,
}

#[derive(Serialize)]
struct Sheets {
    summaries: Vec<Sheet>,
}

#[derive(Serialize)]
struct Sheet {
    #[serde(flatten)]
    edition: Edition,
    population: String,
    population_text: String,
    method: String,
    /// How to read rows that are shown because they are large.
    note: &'static str,
    total: Option<Document>,
    tables: Vec<Table>,
}

#[derive(Serialize)]
struct Table {
    name: String,
    axes: Vec<String>,
    cells: Vec<Cell>,
    remainder: Option<Document>,
}

#[derive(Serialize)]
struct Cell {
    codes: Vec<String>,
    #[serde(flatten)]
    figure: Option<Document>,
}

/// Asks the node and shows the answer.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { country, cohort, table } = args;
    let channel = client::connect(context).await?;
    let request = TrendShowRequest { country: country.unwrap_or_default(), cohort: cohort.unwrap_or_default() };
    let TrendShowReply { mut sheets } = TrendsClient::new(channel).show(request.clone()).await?.into_inner();
    if let Some(wanted) = table {
        sheets.iter_mut().for_each(|sheet| sheet.tables.retain(|table| table.name == wanted));
    }
    if context.render.is_json() {
        context.render.document(&Sheets { summaries: sheets.into_iter().filter_map(document).collect() })?;
    } else if sheets.is_empty() {
        context.render.talk(&nothing(&request));
    } else {
        for (place, sheet) in sheets.iter().enumerate() {
            if place > 0 {
                context.render.line("");
            }
            show(sheet, context);
        }
    }
    Ok(Exit::Done)
}

fn nothing(request: &TrendShowRequest) -> String {
    let TrendShowRequest { country, cohort } = request;
    let who = if country.is_empty() { "No country".to_owned() } else { format!("{} has not", words::country(country)) };
    let what = if cohort.is_empty() { "a summary".to_owned() } else { format!("a summary of {cohort}") };
    let has = if country.is_empty() { " has" } else { "" };
    format!("{who}{has} released {what} to this node. `varde trend list` shows what lies here.")
}

fn document(sheet: TrendSheet) -> Option<Sheet> {
    let TrendSheet { edition, population, population_text, total, tables } = sheet;
    let edition = edition?;
    let method = words::method(&edition, widest(&tables));
    Some(Sheet {
        edition: list::edition(&edition),
        population,
        population_text,
        method,
        note: words::CHOSEN,
        total: figure::read(total.as_ref()).map(|total| figure::document(&total)),
        tables: tables.into_iter().map(table_document).collect(),
    })
}

fn widest(tables: &[TrendTable]) -> u64 {
    tables.iter().map(|table| table.sigma2_q10).max().unwrap_or_default()
}

fn table_document(table: TrendTable) -> Table {
    let TrendTable { name, axes, sigma2_q10: _, cells, remainder } = table;
    let cell = |TrendCell { codes, figure }| {
        let figure = figure::read(figure.as_ref()).map(|figure| figure::document(&figure));
        Cell { codes, figure }
    };
    let remainder = figure::read(remainder.as_ref()).map(|remainder| figure::document(&remainder));
    Table { name, axes, cells: cells.into_iter().map(cell).collect(), remainder }
}

fn show(sheet: &TrendSheet, context: &Context) {
    let render = &context.render;
    let Some(edition) = &sheet.edition else { return };
    render.heading(&words::heading(edition));
    if let Some(total) = figure::read(sheet.total.as_ref()) {
        render.line(format!("Children in all: {} ({})", figure::value(&total), figure::interval(&total)));
    }
    for table in &sheet.tables {
        show_table(table, edition, context);
    }
    render.line("");
    let coverage = words::coverage(&edition.coverage);
    let method = words::method(edition, widest(&sheet.tables));
    for text in [&sheet.population_text, coverage, &method, words::CHOSEN] {
        words::wrapped(text).into_iter().for_each(|line| render.line(line));
    }
}

fn show_table(table: &TrendTable, edition: &TrendEdition, context: &Context) {
    let mut reported: Vec<(&TrendCell, Figure)> =
        table.cells.iter().filter_map(|cell| Some((cell, figure::read(cell.figure.as_ref())?))).collect();
    let cells = reported.len();
    reported.retain(|(_, figure)| figure.state == State::Reported);
    reported.sort_by_key(|(_, figure)| std::cmp::Reverse(figure.estimate));
    let hidden = cells - reported.len();
    let rows = reported.iter().map(|(cell, figure)| {
        let what = words::cell(&table.name, &cell.codes, &edition.country);
        [what, figure::value(figure), figure::interval(figure)]
    });
    let remainder = figure::read(table.remainder.as_ref()).filter(|_| hidden > 0);
    let rest = remainder.map(|rest| {
        let what = format!("not shown separately ({hidden} rows, each below noise)");
        [what, figure::value(&rest), figure::interval(&rest)]
    });
    context.render.line("");
    let title = words::table(&table.name, &edition.country);
    context.render.table([title.as_str(), "children", "95 % interval"], rows.chain(rest));
}
