//! `varde trend corridor FROM TO`: one corridor, seen from both ends, never averaged.

use super::figure::{self, Document};
use super::words;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::wire::operator::{
    CorridorSight, TrendCorridorReply, TrendCorridorRequest, TrendEdition, trends_client::TrendsClient,
};

/// Which corridor.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde trend corridor LT NO\n  varde trend corridor LT NO --cohort 2026-Q3 --json\n\n\
    Both countries count registrations at their own node: a child may be registered at one end, at\n\
    both or at none, so the two figures need not agree. They are shown side by side, never averaged."
)]
pub(super) struct Args {
    /// Country of recruitment
    #[arg(value_parser = super::country)]
    from: String,
    /// Country of exploitation
    #[arg(value_parser = super::country)]
    to: String,
    /// Period of first registration; without it, the newest that both have released
    #[arg(long, value_name = "PERIOD", value_parser = super::period)]
    cohort: Option<String>,
}

#[derive(Serialize)]
struct Corridor {
    from: String,
    to: String,
    sights: Vec<Sight>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<Gap>,
    /// How to read it; absent where nothing is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<&'static str>,
}

#[derive(Serialize)]
struct Sight {
    country: String,
    end: String,
    counts: String,
    /// reported, below-noise or not-published.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cohort: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    figure: Option<Document>,
    population: String,
}

#[derive(Serialize)]
struct Gap {
    estimate: f64,
    sd: f64,
    low: f64,
    high: f64,
    more_than_noise: bool,
}

/// Asks the node and shows the answer.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { from, to, cohort } = args;
    let channel = client::connect(context).await?;
    let request = TrendCorridorRequest { from, to, cohort: cohort.unwrap_or_default() };
    let reply = TrendsClient::new(channel).corridor(request.clone()).await?.into_inner();
    if context.render.is_json() {
        context.render.document(&document(request, &reply))?;
    } else {
        show(&request, &reply, context);
    }
    Ok(Exit::Done)
}

fn counts(request: &TrendCorridorRequest, end: &str) -> String {
    let TrendCorridorRequest { from, to, .. } = request;
    match end {
        "origin" => format!("children whom {from} registered, recruited in {from} and exploited in {to}"),
        _ => format!("children whom {to} registered, recruited in {from} and exploited in {to}"),
    }
}

fn document(request: TrendCorridorRequest, reply: &TrendCorridorReply) -> Corridor {
    let sights = reply.sights.iter().map(|sight| {
        let shown = figure::read(sight.figure.as_ref());
        let name = |part: fn(&TrendEdition) -> &String| sight.edition.as_ref().map(|edition| part(edition).clone());
        Sight {
            country: sight.country.clone(),
            end: sight.end.clone(),
            counts: counts(&request, &sight.end),
            state: shown.map_or("not-published", |figure| figure.state.name()).to_owned(),
            cohort: name(|edition| &edition.cohort),
            edition: name(|edition| &edition.edition),
            figure: shown.map(|figure| figure::document(&figure)),
            population: sight.population_text.clone(),
        }
    });
    let sights = sights.collect();
    let milli = |value: i64| value as f64 / 1000.0;
    let gap = figure::read(reply.gap.as_ref()).map(|gap| Gap {
        estimate: milli(gap.estimate),
        sd: milli(gap.sd),
        low: milli(gap.low),
        high: milli(gap.high),
        more_than_noise: reply.ends_differ,
    });
    let TrendCorridorRequest { from, to, .. } = request;
    let note = reply.sights.iter().any(|sight| sight.figure.is_some()).then_some(words::CHOSEN_CORRIDOR);
    Corridor { from, to, sights, gap, note }
}

fn show(request: &TrendCorridorRequest, reply: &TrendCorridorReply, context: &Context) {
    let render = &context.render;
    let (from, to) = (words::country(&request.from), words::country(&request.to));
    render.heading(&format!("Recruited in {from}, exploited in {to}"));
    render.table(["seen by", "period", "children", "95 % interval"], reply.sights.iter().map(row));
    render.line("");
    if let Some(gap) = figure::read(reply.gap.as_ref()) {
        let verdict = if reply.ends_differ {
            "more than noise explains. The two countries register different children, or by different rules"
        } else {
            "no more than noise explains"
        };
        let gap = format!("{} sees {} than {}: {verdict}.", request.from, figure::difference(&gap), request.to);
        words::wrapped(&gap).into_iter().for_each(|line| render.line(line));
    } else if reply.sights.iter().any(|sight| sight.figure.is_none()) {
        render.line("A country that has released nothing here is unknown, not zero. Ask it for its summary.");
    } else if request.from != request.to {
        render.line("The two figures are of different periods, so they are not compared.");
    }
    let Some(sight) = reply.sights.iter().find(|sight| sight.edition.is_some()) else { return };
    let method = sight.edition.as_ref().map(|edition| words::method(edition, sight.sigma2_q10)).unwrap_or_default();
    render.line("");
    for text in [&sight.population_text, &method, words::CHOSEN_CORRIDOR] {
        words::wrapped(text).into_iter().for_each(|line| render.line(line));
    }
}

fn row(sight: &CorridorSight) -> [String; 4] {
    let by = format!("{}, {}", words::country(&sight.country), sight.end);
    let edition = |edition: &TrendEdition| format!("{} {}", edition.cohort, edition.edition);
    let period = sight.edition.as_ref().map(edition).unwrap_or_default();
    match figure::read(sight.figure.as_ref()) {
        Some(shown) => [by, period, figure::value(&shown), figure::interval(&shown)],
        None => [by, period, "not released to this node".into(), String::new()],
    }
}
