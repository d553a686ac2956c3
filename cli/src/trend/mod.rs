//! `varde trend`: releasing a cohort's summary, and reading what this country and its neighbours have released.
//!
//! In: arguments, words for figures, tables. Out: every figure is computed by the node (`varde_proto::summary`); nothing here
//! computes with them.

mod corridor;
mod figure;
mod list;
mod release;
mod show;
mod words;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;

/// Trends.
#[derive(Debug, clap::Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
#[command(
    after_help = "Examples:\n  varde trend release --cohort 2026-Q3 --to LT,EE\n  varde trend show NO --table recruited-in\n  \
    varde trend corridor LT NO --json"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Counts a cohort once, adds noise, and sends it to the countries named
    Release(release::Args),
    /// What was released by whom, and what of our privacy budget is spent
    List(list::Args),
    /// Figures of a release, with intervals
    Show(show::Args),
    /// Children recruited in FROM and exploited in TO, as each of the two countries sees it
    Corridor(corridor::Args),
}

/// Hands the arguments to their verb.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Release(args) => release::run(args, context).await,
        Verb::List(args) => list::run(args, context).await,
        Verb::Show(args) => show::run(args, context).await,
        Verb::Corridor(args) => corridor::run(args, context).await,
    }
}

/// Reads a period, so that a misspelt one is a usage error with an example.
fn period(text: &str) -> Result<String, String> {
    varde_proto::time::Period::parse(text).map(|period| period.to_string()).map_err(|e| e.to_string())
}

/// Reads a country in any case.
fn country(text: &str) -> Result<String, String> {
    let code = text.to_ascii_uppercase();
    match varde_proto::vocabulary::Country::parse(&code) {
        Ok(country) if country.is_named() => Ok(code),
        Ok(_) | Err(_) => Err(format!("{text} is not a country of ISO 3166-1; write it as NO or LT")),
    }
}
