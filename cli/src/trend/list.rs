//! `varde trend list`: releases that this node holds, and its own budget.

use super::words;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::status;
use serde::Serialize;
use varde_proto::id::hex;
use varde_proto::summary::Rho;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::{
    BudgetLine, TrendEdition, TrendListReply, TrendListRequest, trends_client::TrendsClient,
};

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde trend list\n  varde trend list --json")]
pub(super) struct Args {}

#[derive(Serialize)]
struct Document {
    /// What a locked node waits for.
    recovering: Option<String>,
    releases: Vec<Edition>,
    budget: Vec<Line>,
}

/// A release without its figures.
#[derive(Debug, Serialize)]
pub(super) struct Edition {
    country: String,
    cohort: String,
    edition: String,
    published: String,
    rho: String,
    rho_spent: String,
    rho_cap: String,
    coverage: String,
    break_in_series: bool,
    software: String,
    release: String,
    reserve: String,
    log_index: u64,
    to: Vec<String>,
}

#[derive(Serialize)]
struct Line {
    seq: u64,
    act: String,
    cohort: String,
    edition: String,
    rho: String,
    rho_spent: String,
    time: String,
}

/// Asks the node and shows the answer.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let channel = client::connect(context).await?;
    let recovering = status::locked(channel.clone(), context).await?;
    let reply = TrendsClient::new(channel).list(TrendListRequest {}).await?.into_inner();
    let TrendListReply { editions, budget } = reply;
    if context.render.is_json() {
        let releases = editions.iter().map(edition).collect();
        let budget = budget.into_iter().map(line).collect();
        context.render.document(&Document { recovering, releases, budget })?;
    } else {
        show(&editions, budget, context);
    }
    Ok(Exit::Done)
}

/// For a document.
pub(super) fn edition(edition: &TrendEdition) -> Edition {
    let rho = |nano: u64| Rho::from_nano(nano).to_string();
    let TrendEdition { country, cohort, edition: name, coverage, software, recipients, .. } = edition.clone();
    Edition {
        country,
        cohort,
        edition: name,
        published: words::day(edition.published_ms),
        rho: rho(edition.rho_nano),
        rho_spent: rho(edition.rho_nano_cohort),
        rho_cap: rho(edition.rho_nano_cap),
        coverage,
        break_in_series: edition.break_in_series,
        software,
        release: hex(&edition.release),
        reserve: hex(&edition.reserve),
        log_index: edition.log_index,
        to: recipients,
    }
}

fn line(line: BudgetLine) -> Line {
    let BudgetLine { seq, act, cohort, edition, rho_nano, rho_nano_cohort, time_ms } = line;
    let time = Timestamp::from_ms(time_ms).map(|time| time.to_string()).unwrap_or_default();
    let (rho, rho_spent) = (Rho::from_nano(rho_nano).to_string(), Rho::from_nano(rho_nano_cohort).to_string());
    Line { seq, act, cohort, edition, rho, rho_spent, time }
}

fn show(editions: &[TrendEdition], budget: Vec<BudgetLine>, context: &Context) {
    let render = &context.render;
    if editions.is_empty() {
        render.talk("No release lies here yet: `varde trend release --cohort 2026-Q3 --to LT` makes one.");
    } else {
        let rows = editions.iter().map(edition).map(|e| {
            let spent = format!("{} of {}", e.rho_spent, e.rho_cap);
            [e.country, e.cohort, e.edition, e.published, e.coverage, spent, e.to.join(" ")]
        });
        render.table(["country", "cohort", "edition", "published", "coverage", "rho spent", "to"], rows);
    }
    if !budget.is_empty() {
        render.line("");
        render.heading("This node's privacy budget, line by line");
        let rows = budget
            .into_iter()
            .map(line)
            .map(|l| [l.seq.to_string(), l.act, l.cohort, l.edition, l.rho, l.rho_spent, l.time]);
        render.table(["line", "act", "cohort", "edition", "rho", "cohort in all", "time"], rows);
    }
}
