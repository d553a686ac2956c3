//! `varde alert show`

use super::{connect_to_read, decision, lists, parse, preview, read_id, release, time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::id::{AlertId, NodeId, hex};
use varde_proto::wire::operator::{ShowReply, ShowRequest, Versions};

/// One alert.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert show ID\n  varde alert show ID --json\n  varde alert show ID --issuer NO"
)]
pub(crate) struct Args {
    /// The alert's id, ours or a peer's
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// Whose alert is meant, where several have this id; without it ours
    #[arg(long, value_name = "CC", value_parser = release::read_country)]
    issuer: Option<NodeId>,
}

/// Shows it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let issuer = args.issuer.map(|country| country.to_string()).unwrap_or_default();
    let request = ShowRequest { id: args.id.to_string(), issuer };
    let (mut node, recovering) = connect_to_read(context).await?;
    let reply = node.show(request).await?.into_inner();
    let ShowReply { json, own, received, envelope_digest, decision: decided } = reply;
    let render = &context.render;
    let alert = parse(&json)?;
    if render.is_json() {
        let received = received.map(|r| {
            serde_json::json!({
                "from": r.from, "received_at": time(r.received_ms), "state": r.state, "log_index": r.log_index,
                "on_hold": r.on_hold, "versions": lists::versions(r.versions.as_ref()),
            })
        });
        render.document(&serde_json::json!({
            "alert_id": args.id.to_string(),
            "decision": decision::document(decided, &alert),
            "alert": alert,
            "envelope_digest": (!envelope_digest.is_empty()).then(|| hex(&envelope_digest)),
            "own": own.as_ref().map(lists::own),
            "received": received,
            "recovering": recovering,
        }))?;
        return Ok(Exit::Done);
    }
    if alert.is_null() {
        render.talk("Erased: what it said cannot be read any more, here or in a copy of the node's directory.");
    } else {
        render.text(&format!("{json}\n"));
    }
    if let Some(own) = own {
        let state = own.state.unwrap_or_default();
        decision::show(decided, &alert, &state.acts, context);
        if own.deliveries.is_empty() {
            render.talk(&preview::next(args.id, &state));
        } else {
            render.line("");
            release::table(context, &own.deliveries);
        }
        if !own.erasures.is_empty() {
            render.line("");
            crate::erasures::table(&own.erasures, render);
        }
        hold(args.id, own.on_hold, context);
        versions(own.versions.as_ref(), context);
    }
    if let Some(r) = received {
        render.talk(&format!(
            "from {}, received {}, {}; leaf {} of our log",
            r.from,
            time(r.received_ms),
            r.state,
            r.log_index
        ));
        hold(args.id, r.on_hold, context);
        versions(r.versions.as_ref(), context);
    }
    Ok(Exit::Done)
}

fn versions(versions: Option<&Versions>, context: &Context) {
    let Some(Versions { number, before, next }) = versions else { return };
    if !before.is_empty() {
        context.render.talk(&format!("Version {number}; it takes the place of {before}."));
    }
    if !next.is_empty() {
        context.render.talk(&format!("A later version has taken its place: varde alert show {next}"));
    }
}

fn hold(id: AlertId, held: bool, context: &Context) {
    if held {
        context.render.talk(&format!("On hold: it is not erased until `varde alert hold {id} --lift`."));
    }
}
