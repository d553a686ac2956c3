//! `varde log outstanding`: who still owes the erasure of which alert of ours.

use crate::client;
use crate::context::Context;
use crate::erasures;
use crate::failure::{Exit, Failure};
use crate::status;
use varde_proto::wire::operator::{OutstandingRequest, log_client::LogClient};

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log outstanding\n  varde log outstanding --json\n\n\
    Exit 0 when nothing is overdue, 3 when something is: 72 hours for a pointer to one child, 30 days\n\
    otherwise. Recipients erase at once; what is listed for long is for a telephone call. `on-hold` says that the\n\
    recipient must keep it for now, for a court or an inquiry; it erases it by itself when the hold ends.")]
pub(crate) struct Args {}

/// Asks and shows.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let channel = client::connect(context).await?;
    status::locked(channel.clone(), context).await?;
    let all = LogClient::new(channel).outstanding(OutstandingRequest {}).await?.into_inner().erasures;
    let render = &context.render;
    if render.is_json() {
        render.document(&all.iter().map(erasures::document).collect::<Vec<_>>())?;
    } else if all.is_empty() {
        render.talk(
            "Nothing is outstanding: every recipient has shown that what was withdrawn or has expired is erased there.",
        );
    } else {
        erasures::table(&all, render);
    }
    Ok(if all.iter().any(|one| one.overdue) { Exit::Findings } else { Exit::Done })
}
