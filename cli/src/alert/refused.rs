//! `varde alert refused`: what peers sent and this node did not take.

use super::{connect_to_read, time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::wire::operator::{RefusedItem, RefusedRequest};

/// How many.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert refused\n  varde alert refused --most 20 --json\n\n\
    Each broke the rule named beside it (docs/alerts.md, docs/agreements.md). Its content is not kept, the peer was told the\n\
    rule, and what came after it was not held up. Ask the peer's coordinator to mend it and send it anew.")]
pub(crate) struct Args {
    /// How many are listed at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
}

/// Lists them.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let (mut node, _) = connect_to_read(context).await?;
    let mut items = node.refused(RefusedRequest { before: 0 }).await?.into_inner().items;
    items.truncate(args.most.into());
    let render = &context.render;
    if render.is_json() {
        let one = |item: &RefusedItem| {
            serde_json::json!({
                "from": item.from, "at": time(item.time_ms), "class": item.class, "seq": item.seq,
                "reason": item.reason, "log_index": item.log_index,
            })
        };
        render.document(&items.iter().map(one).collect::<Vec<_>>())?;
    } else if items.is_empty() {
        render.talk("Nothing was refused.");
    } else {
        let row = |item: RefusedItem| {
            let item_name = format!("{}/{}", item.class, item.seq);
            [item.from, time(item.time_ms), item_name, item.reason, item.log_index.to_string()]
        };
        render.table(["from", "at", "item", "reason", "our leaf"], items.into_iter().map(row));
    }
    Ok(Exit::Done)
}
