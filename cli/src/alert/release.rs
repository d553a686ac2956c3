//! `varde alert release`

use super::staff::{As, digest};
use super::{connect, read_id};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::draft::act::{Verb, about_release};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::wire::operator::{Delivery, PreviewRequest, ReleaseRequest};

/// The longest wait that the node grants.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

/// One draft, its recipients, who releases it.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert release ID --to LT,EE\n  varde alert release ID --to LT,EE --wait 10s\n\n\
    With --wait: exit 0 when every recipient has receipted it, 75 when it is released but some recipient has not\n\
    answered yet (it is sent as soon as that node is reached), 3 when a recipient refused it."
)]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// The recipients, and nobody else: two capital letters each
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', required = true, value_parser = read_country)]
    to: Vec<NodeId>,
    /// How long to wait for receipts, for example 10s or 2m
    #[arg(long, value_name = "TIME", value_parser = read_span)]
    wait: Option<Duration>,
    #[command(flatten)]
    staff: As,
}

/// Signs the release, sends it, says what became of it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let staff = args.staff.open(context)?;
    let mut node = connect(context).await?;
    let id = args.id.to_string();
    let seen = node.preview(PreviewRequest { id: id.clone() }).await?.into_inner();
    let about = about_release(digest(&seen.digest)?, &args.to);
    let request = ReleaseRequest {
        id: id.clone(),
        to: args.to.iter().map(ToString::to_string).collect(),
        wait_ms: args.wait.map_or(0, |span| u32::try_from(span.as_millis()).unwrap_or(u32::MAX)),
        act: Some(staff.sign(Verb::Release, about, context)?),
    };
    let deliveries = node.release(request).await?.into_inner().deliveries;
    if context.render.is_json() {
        let list: Vec<_> = deliveries.iter().map(delivery).collect();
        context.render.document(&serde_json::json!({ "alert_id": id, "deliveries": list }))?;
    } else {
        table(context, &deliveries);
    }
    say(&id, &deliveries, context);
    Ok(exit(&deliveries, args.wait.is_some()))
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

/// The exit code: what a recipient refused comes before what is still owed, and that counts only for who waited.
fn exit(deliveries: &[Delivery], waited: bool) -> Exit {
    let any = |states: &[&str]| deliveries.iter().any(|d| states.contains(&d.state.as_str()));
    match (any(&["refused", "abandoned"]), any(&["owed"])) {
        (true, _) => Exit::Findings,
        (false, true) if waited => Exit::NotReady,
        (false, _) => Exit::Done,
    }
}

fn say(id: &str, deliveries: &[Delivery], context: &Context) {
    for d in deliveries {
        match d.state.as_str() {
            "receipted" => {}
            "owed" => context.render.talk(&format!(
                "{}: released and logged; it goes out as soon as that node is reached. Follow it with `varde alert show {id}`",
                d.country
            )),
            _ => context.render.talk(&format!(
                "{}: it did not take the alert ({}); nothing of it is kept there. `varde log show` has its signed answer",
                d.country, if d.reason.is_empty() { &d.state } else { &d.reason }
            )),
        }
    }
}

fn read_country(text: &str) -> Result<NodeId, String> {
    NodeId::parse(text).map_err(|e| e.to_string())
}

fn read_span(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        _ => 0,
    };
    let span = number.parse::<u64>().ok().filter(|_| unit > 0).and_then(|n| n.checked_mul(unit));
    let span = span.map(Duration::from_millis).filter(|span| *span <= LONGEST_WAIT);
    span.ok_or_else(|| format!("a time is written like 500ms, 10s or 2m, 10m at most, not {text:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_code_says_the_worst_that_became_of_it() {
        let of = |states: &[&str], waited| {
            let delivery = |state: &&str| Delivery { state: (*state).to_owned(), ..Delivery::default() };
            exit(&states.iter().map(delivery).collect::<Vec<_>>(), waited).code()
        };
        assert_eq!(of(&["receipted", "receipted"], true), 0);
        assert_eq!(of(&["receipted", "owed"], true), 75);
        assert_eq!(of(&["receipted", "owed"], false), 0);
        assert_eq!(of(&["owed", "refused"], true), 3);
        assert_eq!(of(&["refused"], false), 3);
    }

    #[test]
    fn a_time_has_a_unit_and_an_end() {
        assert_eq!(read_span("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(read_span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(read_span("10m"), Ok(Duration::from_secs(600)));
        for wrong in ["10", "s", "11m", "-1s", "1h", "99999999999999999999s", ""] {
            assert!(read_span(wrong).is_err(), "{wrong}");
        }
    }
}
