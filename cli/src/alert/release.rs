//! `varde alert release`

use super::staff::{As, digest};
use super::{connect_for, decision, read_id};
use crate::context::Context;
use crate::delivery::{self, Wait};
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::draft::act::{Verb, about_release};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::wire::operator::{Caution, Delivery, PreviewRequest, ReleaseRequest};

/// One draft, its recipients, who releases it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert release ID --to LT\n  varde alert release ID --to LT,EE --wait 10s\n\n\
    Once it returns, the alert is signed and stands in the log; the node delivers it as soon as it reaches each\n\
    recipient. `varde alert show ID` says how far it is.\n\n\
    With --wait: exit 0 when every recipient has receipted it, 75 when it is released but some recipient has not\n\
    answered yet (it is sent as soon as that node is reached), 3 when a recipient refused it."
)]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// The recipients, and nobody else: two capital letters each, parted by commas, for example LT,EE
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', required = true, value_parser = read_country)]
    to: Vec<NodeId>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    staff: As,
}

/// Signs the release, sends it, says what became of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let look = format!("`varde alert show {}`", args.id);
    let (cautions, deliveries) = args.wait.hold(&look, Duration::ZERO, released(&args, context)).await?;
    if context.render.is_json() {
        let list: Vec<_> = deliveries.iter().map(delivery).collect();
        context.render.document(&serde_json::json!({
            "alert_id": args.id.to_string(), "deliveries": list, "warnings": decision::warnings(&cautions),
        }))?;
    } else {
        table(context, &deliveries);
    }
    decision::warn(&cautions, context);
    delivery::say("the alert", &deliveries, &look, &context.render);
    Ok(delivery::verdict(&deliveries, &args.wait))
}

async fn released(args: &Args, context: &Context) -> Result<(Vec<Caution>, Vec<Delivery>), Failure> {
    let staff = args.staff.open(context)?;
    let mut node = connect_for(context, args.wait.time()).await?;
    let id = args.id.to_string();
    let seen = node.preview(PreviewRequest { id: id.clone() }).await?.into_inner();
    let about = about_release(digest(&seen.digest)?, &args.to);
    let request = ReleaseRequest {
        id,
        to: args.to.iter().map(ToString::to_string).collect(),
        wait_ms: args.wait.milliseconds(),
        act: Some(staff.sign(Verb::Release, about, context)?),
    };
    let deliveries = node.release(request).await?.into_inner().deliveries;
    Ok((seen.state.unwrap_or_default().cautions, deliveries))
}

/// The table of recipients.
pub(super) fn table(context: &Context, deliveries: &[Delivery]) {
    let row = |d: &Delivery| {
        let receipt = if d.receipt_index == 0 { String::new() } else { d.receipt_index.to_string() };
        [d.country.clone(), d.state.clone(), d.reason.clone(), d.sent_index.to_string(), receipt]
    };
    context.render.table(["to", "state", "reason", "our leaf", "its leaf"], deliveries.iter().map(row));
}

/// One recipient as JSON.
pub(super) fn delivery(d: &Delivery) -> serde_json::Value {
    serde_json::json!({
        "country": d.country, "state": d.state, "reason": d.reason, "sent_index": d.sent_index,
        "receipt_index": (d.receipt_index != 0).then_some(d.receipt_index),
    })
}

pub(super) fn read_country(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text).map_err(|e| e.to_string())
}
