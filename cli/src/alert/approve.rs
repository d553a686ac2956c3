//! `varde alert approve`: the second person's yes.

use super::staff::{As, digest};
use super::{connect, decision, preview, read_id};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::staff::Credential;
use tonic::transport::Channel;
use varde_proto::draft::ApprovalOverride;
use varde_proto::draft::act::{Verb, about_review};
use varde_proto::id::AlertId;
use varde_proto::vocabulary::Vocabulary;
use varde_proto::wire::operator::alerts_client::AlertsClient;
use varde_proto::wire::operator::{ApproveRequest, PreviewRequest, ShowRequest};

/// One draft, and who approves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert preview ID\n  varde alert approve ID --as ./no/operators/b.key\n\n\
    Read the preview first, the sharing decision in it too: the signature is over exactly what it shows. Who drafted it cannot approve it.\n\
    With --released, of an alert that was released without a second person: that one has looked at it, whether or not it was\n\
    taken back since. If it should not have left, `varde alert withdraw` takes it back.")]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// It was released without a second person: say that you have looked at what left, and to whom (`varde alert show ID`)
    #[arg(long)]
    released: bool,
    #[command(flatten)]
    staff: As,
}

/// Signs the draft's digest.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let staff = args.staff.open(context)?;
    let mut node = connect(context).await?;
    let id = args.id.to_string();
    if args.released {
        return reviewed(&args, node, &staff, context).await;
    }
    let seen = node.preview(PreviewRequest { id: id.clone() }).await?.into_inner();
    let act = staff.sign(Verb::Approve, digest(&seen.digest)?, context)?;
    let reply = node.approve(ApproveRequest { id: id.clone(), act: Some(act) }).await?.into_inner();
    let state = reply.state.unwrap_or_default();
    if context.render.is_json() {
        context.render.document(&serde_json::json!({
            "alert_id": id, "state": state.state, "drafted_by": state.drafted_by, "approved_by": state.approved_by,
            "warnings": decision::warnings(&state.cautions),
        }))?;
    } else {
        context.render.line(format!("approved by {}", state.approved_by));
        context.render.talk(&preview::next(args.id, &state));
    }
    decision::warn(&state.cautions, context);
    Ok(Exit::Done)
}

/// Signs that somebody has looked at what left.
async fn reviewed(
    args: &Args,
    mut node: AlertsClient<Channel>,
    staff: &Credential,
    context: &Context,
) -> Result<Exit, Failure> {
    let id = args.id.to_string();
    let shown = node.show(ShowRequest { id: id.clone(), issuer: String::new() }).await?.into_inner();
    let state = shown.own.and_then(|own| own.state).unwrap_or_default();
    let Some(why) = ApprovalOverride::from_number(state.without_approval).filter(|_| state.needs_review) else {
        return Err(Failure::refused("it was not released without a second person, or one has looked at it already")
            .next(format!("`varde alert show {id}`"))
            .reason("nothing-to-review"));
    };
    let act = staff.sign(Verb::Review, about_review(digest(&shown.envelope_digest)?, why), context)?;
    node.approve(ApproveRequest { id: id.clone(), act: Some(act) }).await?;
    if context.render.is_json() {
        context.render.document(&serde_json::json!({ "alert_id": id, "reviewed": true }))?;
    } else {
        context.render.talk("Noted: a second person has looked at what was released without one.");
    }
    Ok(Exit::Done)
}
