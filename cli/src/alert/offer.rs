//! `varde alert offer` and `varde alert offers`

use super::release::{self, read_country};
use super::reply;
use super::staff::{As, digest};
use super::standing::{connect, standing};
use super::{connect_for, decision, kind_name, parse, read_id, time};
use crate::context::Context;
use crate::delivery::{self, Wait};
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::draft::act::{Verb, about_release};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::reply::Said;
use varde_proto::vocabulary::DeskRole;
use varde_proto::wire::operator::{Caution, Delivery, OfferRequest, OfferStanding, OffersRequest, PreviewRequest};

/// One draft, to whom it is offered, until when.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert offer ID --to LT,EE\n  varde alert offer ID --to LT --answer-by 8h --wait 10s\n  \
    varde alert offer ID --recall\n\n\
    Each country is sent the conditions of the alert and nothing of the case: kind, colour, handling codes, purposes,\n\
    prohibitions, what it will be asked to do. It accepts or says that it cannot comply (`varde alert reply ID --accept`,\n\
    `--cannot-comply`). When all have answered, or the time for answers is over, the alert goes by itself to those who\n\
    accepted; to go ahead earlier, release it to them. The signature is that of a release to all of them, and a draft\n\
    about one child needs its second person first. --recall takes the offer back from whoever has not got the alert."
)]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// To whom it is offered: two capital letters each, parted by commas, for example LT,EE
    #[arg(
        long,
        value_name = "CC,CC",
        value_delimiter = ',',
        required_unless_present = "recall",
        conflicts_with = "recall",
        value_parser = read_country
    )]
    to: Vec<NodeId>,
    /// How long answers are awaited, for example 8h or 3d; without it 72 hours. At the latest an hour before what the alert itself
    /// asks for: an answer, a review, its end
    #[arg(long, value_name = "TIME", value_parser = read_span, conflicts_with = "recall")]
    answer_by: Option<Duration>,
    /// Take the offer back
    #[arg(long)]
    recall: bool,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    staff: As,
}

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert offers\n  varde alert offers --json\n\n\
    Ours and those of peers, the newest first. Answer one with `varde alert reply ID --accept` or `--cannot-comply CODES`.")]
pub(crate) struct ListArgs {}

/// Reads `8h` or `3d`.
fn read_span(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is written 30m, 8h or 3d, up to 90d".to_owned();
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
    let unit = match unit {
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit));
    seconds.filter(|seconds| (1..=90 * 86_400).contains(seconds)).map(Duration::from_secs).ok_or_else(wrong)
}

/// Signs the offer, sends it, says what became of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let look = format!("`varde alert status {}`", args.id);
    let work = async { if args.recall { recalled(&args, context).await } else { offered(&args, context).await } };
    let (cautions, deliveries) = args.wait.hold(&look, Duration::ZERO, work).await?;
    if context.render.is_json() {
        let list: Vec<_> = deliveries.iter().map(release::delivery).collect();
        context.render.document(&serde_json::json!({
            "alert_id": args.id.to_string(), "deliveries": list, "warnings": decision::warnings(&cautions),
        }))?;
    } else {
        release::table(context, &deliveries);
    }
    decision::warn(&cautions, context);
    let thing = if args.recall { "the recall" } else { "the offer" };
    delivery::say(thing, &deliveries, &look, &context.render);
    Ok(delivery::verdict(&deliveries, &args.wait))
}

async fn offered(args: &Args, context: &Context) -> Result<(Vec<Caution>, Vec<Delivery>), Failure> {
    let staff = args.staff.open(context)?;
    let id = args.id.to_string();
    let mut alerts = connect_for(context, args.wait.time()).await?;
    let seen = alerts.preview(PreviewRequest { id: id.clone() }).await?.into_inner();
    let about = about_release(digest(&seen.digest)?, &args.to);
    let now = context.now()?;
    let request = OfferRequest {
        id,
        to: args.to.iter().map(ToString::to_string).collect(),
        answer_by_ms: args.answer_by.map_or(0, |span| now.after(span).ms()),
        wait_ms: args.wait.milliseconds(),
        act: Some(staff.sign(Verb::Release, about, context)?),
    };
    let deliveries = connect(context, args.wait.time()).await?.offer(request).await?.into_inner().deliveries;
    Ok((seen.state.unwrap_or_default().cautions, deliveries))
}

/// Says to each that the offer is taken back.
async fn recalled(args: &Args, context: &Context) -> Result<(Vec<Caution>, Vec<Delivery>), Failure> {
    let staff = args.staff.open(context)?;
    let standing = standing(args.id, None, context).await?;
    // Of an alert that was delivered these are the states of the alert.
    let open: &[&str] =
        if standing.object.is_empty() { &["queued", "sent", "offered", "accepted"] } else { &["offered", "accepted"] };
    let (mut deliveries, mut failed) = (Vec::new(), None);
    for one in standing.recipients.iter().filter(|one| open.contains(&one.state.as_str())) {
        let to = NodeId::parse(&one.country).map_err(|e| Failure::ours(format!("the node's answer: {e}")))?;
        let word = (Said::Recall, DeskRole::FOCAL_POINT);
        // One that cannot be told keeps it from no other.
        match reply::say(args.id, word, (&standing, Some(to)), (&staff, &args.wait), context).await {
            Ok(said) => deliveries.extend(said.deliveries),
            Err(failure) => failed = Some(failure),
        }
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    if deliveries.is_empty() {
        return Err(Failure::refused("there is no offer of this alert that can be taken back")
            .next(format!("`varde alert status {}` shows how far it is; a released alert is withdrawn", args.id))
            .reason("no-open-offer"));
    }
    Ok((Vec::new(), deliveries))
}

/// Lists offers.
pub(crate) async fn list(args: ListArgs, context: &Context) -> Result<Exit, Failure> {
    let ListArgs {} = args;
    let offers = connect(context, Duration::ZERO).await?.offers(OffersRequest {}).await?.into_inner().offers;
    let render = &context.render;
    if render.is_json() {
        let one = |one: &OfferStanding| {
            let recipients: Vec<_> =
                one.recipients.iter().map(super::standing::recipient).collect::<Result<_, Failure>>()?;
            Ok(serde_json::json!({
                "alert_id": one.id, "issuer": one.issuer, "conditions": parse(&one.conditions_json)?,
                "answer_by": time(one.answer_by_ms), "recipients": recipients,
            }))
        };
        render.document(&offers.iter().map(one).collect::<Result<Vec<_>, Failure>>()?)?;
    } else if offers.is_empty() {
        render.talk("Nothing was offered yet.");
    } else {
        let row = |one: &OfferStanding| {
            let to: Vec<_> = one.recipients.iter().map(|r| format!("{} {}", r.country, r.state)).collect();
            let answer_by = time(one.answer_by_ms);
            [one.id.clone(), kind_name(one.kind), one.issuer.clone(), to.join(", "), answer_by]
        };
        render.table(["id", "kind", "offered by", "to", "answer by"], offers.iter().map(row));
        render.talk("the conditions: varde alert offers --json");
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_one_unit_and_an_end() {
        let read = |text| read_span(text).map(|span| span.as_secs()).ok();
        assert_eq!([read("30m"), read("8h"), read("3d")], [Some(1800), Some(28_800), Some(259_200)]);
        assert_eq!([read("0h"), read("91d"), read("8"), read("h"), read(""), read("8é")], [None; 6]);
    }
}
