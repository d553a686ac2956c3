//! `varde alert release`

use super::staff::{As, digest};
use super::{connect_for, decision, read_code, read_id};
use crate::context::Context;
use crate::delivery::{self, Wait};
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::draft::ApprovalOverride;
use varde_proto::draft::act::{Verb, about_release, about_release_without_approval};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::vocabulary::Vocabulary;
use varde_proto::wire::operator::{Caution, Delivery, DryRunReply, PreviewRequest, Prospect, ReleaseRequest};

/// One draft, its recipients, who releases it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert release ID --to LT\n  varde alert release ID --to LT,EE --wait 10s\n  \
    varde alert release ID --to LT,EE --dry-run\n  \
    varde alert release ID --to LT --without-approval IMMEDIATE_DANGER\n\n\
    Once it returns, the alert is signed and stands in the log; the node delivers it as soon as it reaches each\n\
    recipient. `varde alert show ID` says how far it is.\n\n\
    With --wait: exit 0 when every recipient has receipted it, 75 when it is released but some recipient has not\n\
    answered yet (it is sent as soon as that node is reached), 3 when a recipient refused it. With --dry-run: 3 when\n\
    somebody would not get it."
)]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// The recipients, and nobody else: two capital letters each, parted by commas, for example LT,EE
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', required = true, value_parser = read_country)]
    to: Vec<NodeId>,
    /// Release it without the second person whom it needs, because of this: IMMEDIATE_DANGER or SECOND_PERSON_UNREACHABLE. It
    /// stands on a list (`varde status`) until another person has looked at it (`varde alert approve ID --released`)
    #[arg(long, value_name = "CODE", value_parser = read_code::<ApprovalOverride>)]
    without_approval: Option<ApprovalOverride>,
    /// Only say who would get what, who would not, and why; nothing is signed or sent
    #[arg(long, conflicts_with_all = ["wait", "credential"])]
    dry_run: bool,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    staff: As,
}

/// Signs the release, sends it, says what became of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run {
        return dry_run(&args, context).await;
    }
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
    let digest = digest(&seen.digest)?;
    let about = match args.without_approval {
        None => about_release(digest, &args.to),
        Some(why) => about_release_without_approval(digest, &args.to, why),
    };
    let request = ReleaseRequest {
        id,
        to: args.to.iter().map(ToString::to_string).collect(),
        wait_ms: args.wait.milliseconds(),
        act: Some(staff.sign(Verb::Release, about, context)?),
        without_approval: why(args),
    };
    let deliveries = node.release(request).await?.into_inner().deliveries;
    Ok((seen.state.unwrap_or_default().cautions, deliveries))
}

fn why(args: &Args) -> i32 {
    args.without_approval.map_or(0, Vocabulary::number)
}

/// Who would get what, by the steps of the release itself.
async fn dry_run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let to = args.to.iter().map(ToString::to_string).collect();
    let request = ReleaseRequest { id: args.id.to_string(), to, wait_ms: 0, act: None, without_approval: why(args) };
    let reply = connect_for(context, Duration::ZERO).await?.dry_run(request).await?.into_inner();
    let DryRunReply { leaves_json, prospects, together, erases } = reply;
    let together = together.filter(|together| !together.code.is_empty());
    let render = &context.render;
    if render.is_json() {
        let one = |one: &Prospect| {
            serde_json::json!({
                "country": (!one.country.is_empty()).then_some(&one.country), "gets_it": one.code.is_empty(),
                "code": (!one.code.is_empty()).then_some(&one.code), "why": (!one.why.is_empty()).then_some(&one.why),
                "next": (!one.next.is_empty()).then_some(&one.next),
            })
        };
        render.document(&serde_json::json!({
            "alert_id": args.id.to_string(), "leaves": super::parse(&leaves_json)?,
            "recipients": prospects.iter().map(one).collect::<Vec<_>>(), "together": together.as_ref().map(one),
            "erases": erases,
        }))?;
    } else {
        if prospects.iter().any(|one| one.code.is_empty()) {
            render.heading("What each recipient would see");
            render.text(&format!("{leaves_json}\n"));
        }
        let row = |one: &Prospect| {
            let verdict = if one.code.is_empty() { "would get it" } else { "would NOT get it" };
            [one.country.clone(), verdict.to_owned(), one.why.clone(), one.next.clone()]
        };
        render.table(["to", "", "why not", "what to do"], prospects.iter().map(row));
        if let Some(Prospect { why, next, .. }) = &together {
            render.talk(&format!("Not to all of them at once: {why}; {next}"));
        }
        if !erases.is_empty() {
            render.talk(&format!("Asked to erase the version before: {}.", erases.join(", ")));
        }
        render.talk("Nothing was signed or sent.");
    }
    let all = together.is_none() && prospects.iter().all(|one| one.code.is_empty());
    Ok(if all { Exit::Done } else { Exit::Findings })
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
