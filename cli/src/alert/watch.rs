//! `varde alert watch`

use super::standing::connect;
use super::{kind_name, time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::wire::operator::{Arrival, WatchRequest};

/// How long it may listen: a year.
const LONG: Duration = Duration::from_secs(366 * 86_400);

/// For how many.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert watch\n  varde alert watch --json\n  varde alert watch --count 1\n\n\
    One line for each alert, reply and withdrawal that comes from now on, and for each alarm; with --json one document a\n\
    line. The first line, `listening`, says that from here on nothing is missed. It ends with Ctrl-C, after --count arrivals\n\
    with 0, and with 75 when the node stops. It shows what came and marks nothing as seen: `varde alert reply ID --seen`\n\
    does. So that somebody is woken when nobody watches, see [notify] in varde.toml.")]
pub(crate) struct Args {
    /// End after so many arrivals
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

/// Prints what comes, as it comes.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut arrivals = connect(context, LONG).await?.watch(WatchRequest {}).await?.into_inner();
    let mut left = args.count;
    loop {
        let arrival = match arrivals.message().await {
            Ok(Some(arrival)) => arrival,
            // What the node has to say of it; a conversation that breaks off without a word is one with a node that is gone.
            Err(status) if !status.details().is_empty() => return Err(status.into()),
            Ok(None) | Err(_) => break,
        };
        show(&arrival, context)?;
        if arrival.what != "listening" {
            left = left.map(|left| left - 1);
        }
        if left == Some(0) {
            return Ok(Exit::Done);
        }
    }
    Err(Failure::not_ready("the node has stopped, or its log has")
        .next("start it again, then look at `varde alert inbox` for what came meanwhile")
        .reason("stopped"))
}

fn show(arrival: &Arrival, context: &Context) -> Result<(), Failure> {
    let Arrival { what, from, time_ms, id, kind, urgent, text } = arrival;
    let kind = if *kind == 0 { String::new() } else { kind_name(*kind) };
    if context.render.is_json() {
        let full = |text: &String| (!text.is_empty()).then(|| text.clone());
        context.render.line(
            serde_json::json!({
                "what": what, "from": full(from), "at": (*time_ms != 0).then(|| time(*time_ms)), "alert_id": full(id),
                "kind": full(&kind), "urgent": urgent, "text": full(text),
            })
            .to_string(),
        );
        return Ok(());
    }
    let urgency = if *urgent { "URGENT" } else { "" };
    let parts = [time(*time_ms), what.clone(), urgency.to_owned(), kind, from.clone(), id.clone(), text.clone()];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    context.render.line(parts.join("  "));
    Ok(())
}
