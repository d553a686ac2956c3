//! `varde alert withdraw` and `varde alert hold`

use super::release::read_country;
use super::staff::{As, digest};
use super::{connect, connect_for, read_code, read_id};
use crate::context::Context;
use crate::delivery::Wait;
use crate::erasures;
use crate::failure::{Exit, Failure};
use std::time::Duration;
use tonic::transport::Channel;
use varde_proto::draft::act::{Verb, about_hold, about_withdraw};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::vocabulary::{ErasureReason, Vocabulary};
use varde_proto::wire::operator::alerts_client::AlertsClient;
use varde_proto::wire::operator::{ErasureStanding, HoldRequest, ShowReply, ShowRequest, WithdrawRequest};

/// One released alert, why, who withdraws it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert withdraw ID --reason WITHDRAWN\n  varde alert withdraw ID --reason DATA_SUBJECT --wait 30s\n  \
    varde alert withdraw ID --reason NARROWED --from LT\n\n\
    Once it returns, every recipient is owed a signed request to erase the alert, and our own copy is gone, unless only\n\
    some recipients are to lose it. Each answers with a proof from its log; `varde log outstanding` lists who still owes\n\
    it. There is no way back.\n\n\
    With --wait: exit 0 when every recipient has shown that it is erased, 75 when one has not answered yet, 3 when one\n\
    refused, keeps it on hold (`on-hold`: for a court or an inquiry; it erases it by itself when the hold ends) or could\n\
    not be asked."
)]
pub(crate) struct WithdrawArgs {
    /// The alert's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// WITHDRAWN: nobody is to use it any more. DATA_SUBJECT: the person whom it is about asked for its erasure. NARROWED:
    /// some recipients lose it (--from), the others keep it, and so does this node
    #[arg(long, value_name = "CODE", value_parser = read_reason)]
    reason: ErasureReason,
    /// With NARROWED: who loses it while the others keep it, for example LT,EE
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', value_parser = read_country)]
    from: Vec<NodeId>,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    staff: As,
}

/// One alert, ours or a peer's, who decides.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert hold ID\n  varde alert hold ID --lift\n  varde alert hold ID --issuer NO\n\n\
    While it is on hold an alert is not erased, whoever asks and although its time is over; whoever asked is told. What was\n\
    asked or due meanwhile is done when the hold is lifted. Both are logged."
)]
pub(crate) struct HoldArgs {
    /// The alert's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// End the hold
    #[arg(long)]
    lift: bool,
    /// Whose alert is meant, where several have this id
    #[arg(long, value_name = "CC", value_parser = read_country)]
    issuer: Option<NodeId>,
    #[command(flatten)]
    staff: As,
}

/// Signs the withdrawal, says what became of it.
pub(crate) async fn withdraw(args: WithdrawArgs, context: &Context) -> Result<Exit, Failure> {
    let look = format!("`varde alert show {}`", args.id);
    let (standings, on_hold) = args.wait.hold(&look, Duration::ZERO, withdrawn(&args, context)).await?;
    let render = &context.render;
    if render.is_json() {
        let list: Vec<_> = standings.iter().map(erasures::document).collect();
        render.document(&serde_json::json!({ "alert_id": args.id.to_string(), "erasures": list }))?;
    } else {
        erasures::table(&standings, render);
        let own = match (args.from.is_empty(), on_hold) {
            (true, true) => "our own copy stays while our hold keeps it, and the requests stand",
            (true, false) => "our own copy is gone, and the requests stand",
            (false, _) => "the requests stand",
        };
        render.talk(&format!(
            "Withdrawn: {own} in the log; the node delivers them by itself. `varde log outstanding` lists who still owes \
             an erasure."
        ));
        if standings.iter().any(|one| one.state == "not-asked") {
            render.talk(
                "Who is not pinned cannot be asked: that happens by itself once `varde peer add` has pinned it again.",
            );
        }
    }
    Ok(verdict(&standings, args.wait.milliseconds() > 0))
}

/// Why somebody takes an alert back; that its time is over is nobody's reason, and a later version comes with `varde alert correct`.
fn read_reason(text: &str) -> Result<ErasureReason, String> {
    let staffs = |reason: &ErasureReason| !matches!(*reason, ErasureReason::EXPIRED | ErasureReason::SUPERSEDED);
    let reason = read_code(text).ok().filter(staffs);
    reason.ok_or_else(|| "it is none of WITHDRAWN, DATA_SUBJECT, NARROWED".to_owned())
}

fn verdict(standings: &[ErasureStanding], waited: bool) -> Exit {
    let is = |states: &[&str]| standings.iter().any(|one| states.contains(&one.state.as_str()));
    if is(&["refused", "on-hold", "not-asked"]) {
        Exit::Findings
    } else if waited && is(&["owed", "asked"]) {
        Exit::NotReady
    } else {
        Exit::Done
    }
}

/// How far every recipient is, and whether a hold keeps our own copy.
async fn withdrawn(args: &WithdrawArgs, context: &Context) -> Result<(Vec<ErasureStanding>, bool), Failure> {
    let staff = args.staff.open(context)?;
    let mut node = connect_for(context, args.wait.time()).await?;
    let (shown, object) = released(&mut node, args.id, String::new()).await?;
    let Some(own) = shown.own else {
        return Err(Failure::refused("this alert came from a peer; only who issued it can withdraw it")
            .next("ask the peer's coordinator; it is erased here when its time is over")
            .reason("not-ours"));
    };
    let request = WithdrawRequest {
        id: args.id.to_string(),
        reason: args.reason.number(),
        wait_ms: args.wait.milliseconds(),
        act: Some(staff.sign(Verb::Withdraw, about_withdraw(object, args.reason, &args.from), context)?),
        from: args.from.iter().map(ToString::to_string).collect(),
    };
    Ok((node.withdraw(request).await?.into_inner().erasures, own.on_hold))
}

/// An alert that was exchanged, and its E.
async fn released(
    node: &mut AlertsClient<Channel>,
    id: AlertId,
    issuer: String,
) -> Result<(ShowReply, Digest), Failure> {
    let shown = node.show(ShowRequest { id: id.to_string(), issuer }).await?.into_inner();
    if shown.envelope_digest.is_empty() {
        return Err(Failure::refused("this draft was never released: nobody has it, and nobody can ask to erase it")
            .next("`varde alert list` shows what was released, `varde alert inbox` what came")
            .reason("never-released"));
    }
    let object = digest(&shown.envelope_digest)?;
    Ok((shown, object))
}

/// Signs the hold or its end.
pub(crate) async fn hold(args: HoldArgs, context: &Context) -> Result<Exit, Failure> {
    let HoldArgs { id, lift, issuer, staff } = args;
    let issuer = issuer.map(|country| country.to_string()).unwrap_or_default();
    let staff = staff.open(context)?;
    let mut node = connect(context).await?;
    let (shown, object) = released(&mut node, id, issuer.clone()).await?;
    let was_held = shown.own.is_some_and(|own| own.on_hold) || shown.received.is_some_and(|received| received.on_hold);
    let verb = if lift { Verb::Lift } else { Verb::Hold };
    let act = Some(staff.sign(verb, about_hold(object, !lift), context)?);
    node.hold(HoldRequest { id: id.to_string(), lift, act, issuer }).await?;
    let render = &context.render;
    if render.is_json() {
        let changed = was_held == lift;
        render.document(&serde_json::json!({ "alert_id": id.to_string(), "on_hold": !lift, "changed": changed }))?;
    } else if lift && was_held {
        render.talk("The hold is lifted; if its erasure was asked or due meanwhile, it is erased now.");
    } else if lift {
        render.talk("It is not on hold; nothing changed.");
    } else if was_held {
        render.talk(&format!("It is on hold already, until `varde alert hold {id} --lift`; nothing changed."));
    } else {
        render.talk(&format!("On hold: it is not erased until `varde alert hold {id} --lift`."));
    }
    Ok(Exit::Done)
}
