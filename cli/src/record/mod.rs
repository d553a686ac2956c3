//! `varde record`: case records into the own node, and how many it holds. A record is never shown here.

mod import;
mod rows;
mod source;
mod tally;
mod trouble;

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;
use varde_proto::wire::operator::CountRequest;
use varde_proto::wire::operator::records_client::RecordsClient;

/// Case records of this country: they never leave it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde record import cases.csv --format varde --dry-run\n  varde record count --dir ./no"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Take the cases of a CSV file into the node
    Import(import::Args),
    /// How many records the node holds
    #[command(after_help = "Examples:\n  varde record count --dir ./no\n  varde record count --json")]
    Count,
}

/// Runs it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Import(args) => import::run(args, context).await,
        Verb::Count => count(context).await,
    }
}

async fn count(context: &Context) -> Result<Exit, Failure> {
    let mut node = RecordsClient::new(client::connect(context).await?);
    let held = node.count(CountRequest {}).await?.into_inner();
    let unknown = held.records.saturating_sub(held.children);
    if context.render.is_json() {
        let document = serde_json::json!({
            "records": held.records, "children": held.children, "of_unknown_age": unknown,
        });
        context.render.document(&document)?;
    } else {
        let lines = [("records", held.records), ("children", held.children), ("of unknown age", unknown)];
        context.render.table(["held", "number"], lines.map(|(what, count)| [what.to_owned(), count.to_string()]));
    }
    Ok(Exit::Done)
}
