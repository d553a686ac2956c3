//! `varde alert approve`: the second person's yes.

use super::staff::{As, digest};
use super::{connect, decision, preview, read_id};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::draft::ApprovalOverride;
use varde_proto::draft::act::{Verb, about_review};
use varde_proto::id::AlertId;
use varde_proto::vocabulary::Vocabulary;
use varde_proto::wire::operator::{ApproveRequest, PreviewRequest};

/// One draft, and who approves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert preview ID\n  varde alert approve ID --as ./no/operators/b.key\n\n\
    Read the preview first, the sharing decision in it too: the signature is over exactly what it shows. Who drafted it cannot approve it.\n\
    Of an alert that was released without a second person it says that one has looked at it; if it should not have left,\n\
    `varde alert withdraw` takes it back.")]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    #[command(flatten)]
    staff: As,
}

/// Signs the draft's digest.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let staff = args.staff.open(context)?;
    let mut node = connect(context).await?;
    let id = args.id.to_string();
    let seen = node.preview(PreviewRequest { id: id.clone() }).await?.into_inner();
    let about = digest(&seen.digest)?;
    let released_alone = seen.state.as_ref().and_then(|state| ApprovalOverride::from_number(state.without_approval));
    let act = match released_alone {
        None => staff.sign(Verb::Approve, about, context)?,
        Some(why) => staff.sign(Verb::Review, about_review(about, why), context)?,
    };
    let reply = node.approve(ApproveRequest { id: id.clone(), act: Some(act) }).await?.into_inner();
    let state = reply.state.unwrap_or_default();
    if context.render.is_json() {
        context.render.document(&serde_json::json!({
            "alert_id": id, "state": state.state, "drafted_by": state.drafted_by, "approved_by": state.approved_by,
            "warnings": decision::warnings(&state.cautions),
        }))?;
    } else if released_alone.is_some() {
        context.render.talk("Noted: a second person has looked at what was released without one.");
    } else {
        context.render.line(format!("approved by {}", state.approved_by));
        context.render.talk(&preview::next(args.id, &state));
    }
    decision::warn(&state.cautions, context);
    Ok(Exit::Done)
}
