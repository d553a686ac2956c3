//! `varde alert show`

use super::{connect, lists, preview, read_id, release, time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::id::{AlertId, hex};
use varde_proto::wire::operator::{ShowReply, ShowRequest};

/// One alert.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert show ID\n  varde alert show ID --json")]
pub(crate) struct Args {
    /// The alert's id, ours or a peer's
    #[arg(value_parser = read_id)]
    id: AlertId,
}

/// Shows it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let request = ShowRequest { id: args.id.to_string() };
    let ShowReply { json, own, received, envelope_digest } = connect(context).await?.show(request).await?.into_inner();
    let render = &context.render;
    if render.is_json() {
        let alert: serde_json::Value =
            serde_json::from_str(&json).map_err(|e| Failure::ours(format!("the node's answer is not JSON: {e}")))?;
        let received = received.map(|r| {
            serde_json::json!({
                "from": r.from, "received_at": time(r.received_ms), "state": r.state, "log_index": r.log_index,
            })
        });
        render.document(&serde_json::json!({
            "alert_id": args.id.to_string(),
            "alert": alert,
            "envelope_digest": (!envelope_digest.is_empty()).then(|| hex(&envelope_digest)),
            "own": own.as_ref().map(lists::own),
            "received": received,
        }))?;
        return Ok(Exit::Done);
    }
    render.text(&format!("{json}\n"));
    if let Some(own) = own {
        if !own.deliveries.is_empty() {
            render.line("");
            release::table(context, &own.deliveries);
        }
        render.talk(&preview::next(args.id, &own.state.unwrap_or_default()));
    }
    if let Some(r) = received {
        render.talk(&format!(
            "from {}, received {}, {}; leaf {} of our log",
            r.from,
            time(r.received_ms),
            r.state,
            r.log_index
        ));
    }
    Ok(Exit::Done)
}
