//! `varde alert status` and `varde alert overdue`

use super::release::read_country;
use super::{kind_name, parse, read_id, time};
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::time::Duration;
use tonic::transport::Channel;
use varde_proto::id::{AlertId, NodeId, hex};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{DeskRole, Vocabulary};
use varde_proto::wire::operator::conversation_client::ConversationClient;
use varde_proto::wire::operator::{
    OverdueAnswer, OverdueRequest, RecipientStanding, Spoken, StandingReply, StandingRequest,
};

/// One alert.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert status ID\n  varde alert status ID --json\n  varde alert status ID --issuer NO\n\n\
    One state for each recipient: queued (nothing has left), sent (on its way), offered, accepted (it goes soon), stored (its log has it; nobody has seen it),\n\
    seen (a person has), acted (it has answered), refused (by its node, with the reason), abandoned, expired, withdrawn\n\
    (asked to erase it), erased (and has shown it). Below it, what was said."
)]
pub(crate) struct Args {
    /// The alert's id, ours or a peer's
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// Whose alert is meant, where several have this id; without it ours
    #[arg(long, value_name = "CC", value_parser = read_country)]
    issuer: Option<NodeId>,
}

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert overdue\n  varde alert overdue --json\n\n\
    Answers that are late: other countries' to our alerts, and ours to theirs. Exit 3 when there are any.")]
pub(crate) struct OverdueArgs {}

/// A connection for what is said about alerts.
pub(super) async fn connect(context: &Context, work: Duration) -> Result<ConversationClient<Channel>, Failure> {
    Ok(ConversationClient::new(client::connect_for(context, work).await?))
}

/// How far an alert is.
pub(super) async fn standing(id: AlertId, issuer: Option<NodeId>, context: &Context) -> Result<StandingReply, Failure> {
    let issuer = issuer.map(|country| country.to_string()).unwrap_or_default();
    let request = StandingRequest { id: id.to_string(), issuer };
    Ok(connect(context, Duration::ZERO).await?.standing(request).await?.into_inner())
}

/// Shows how far it is.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let StandingReply { issuer, kind, recipients, .. } = standing(args.id, args.issuer, context).await?;
    let (render, now) = (&context.render, context.now()?);
    if render.is_json() {
        let list = recipients.iter().map(recipient).collect::<Result<Vec<_>, _>>()?;
        render.document(&serde_json::json!({
            "alert_id": args.id.to_string(), "issuer": issuer, "kind": kind_name(kind), "recipients": list,
        }))?;
        return Ok(Exit::Done);
    }
    let row = |one: &RecipientStanding| {
        let due = format!("{}{}", time(one.due_ms), if one.overdue { ", overdue" } else { "" });
        [one.country.clone(), words(one, now), time(one.since_ms), due]
    };
    render.table(["recipient", "state", "since", "answer due"], recipients.iter().map(row));
    for one in recipients.iter().filter(|one| !one.said.is_empty()) {
        render.line("");
        render.heading(&format!("said between {issuer} and {}", one.country));
        let word = |word: &Spoken| {
            let owed = match (word.owed, word.lost.as_str()) {
                (true, _) => " (not receipted yet)".to_owned(),
                (false, "") => String::new(),
                (false, lost) => format!(" (in vain: {lost})"),
            };
            [word.by.clone(), time(word.time_ms), desk(word.desk_role), format!("{}{owed}", word.text)]
        };
        render.table(["by", "at", "desk", "what"], one.said.iter().map(word));
    }
    Ok(Exit::Done)
}

/// The state; of what lies unseen how long it does.
fn words(one: &RecipientStanding, now: Timestamp) -> String {
    match (one.state.as_str(), Timestamp::from_ms(one.since_ms)) {
        ("stored", Ok(since)) => format!("stored, not seen for {}", age(now.since(since))),
        ("refused", _) if !one.reason.is_empty() => format!("refused: {}", one.reason),
        ("withdrawn", _) if one.reason == "not-asked" => "withdrawn, not asked: it is not pinned".to_owned(),
        (state, _) => state.to_owned(),
    }
}

/// A span in its two largest units.
fn age(span: Duration) -> String {
    let minutes = span.as_secs() / 60;
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn desk(number: i32) -> String {
    DeskRole::from_number(number).map(|role| role.to_string()).unwrap_or_default()
}

pub(super) fn recipient(one: &RecipientStanding) -> Result<serde_json::Value, Failure> {
    let said = |word: &Spoken| {
        Ok(serde_json::json!({
            "by": word.by, "at": time(word.time_ms), "desk_role": desk(word.desk_role), "said": parse(&word.said_json)?,
            "digest": hex(&word.digest), "owed": word.owed, "lost": (!word.lost.is_empty()).then_some(&word.lost),
        }))
    };
    Ok(serde_json::json!({
        "country": one.country, "state": one.state, "since": time(one.since_ms),
        "reason": (!one.reason.is_empty()).then_some(&one.reason),
        "due": (one.due_ms != 0).then(|| time(one.due_ms)), "overdue": one.overdue,
        "said": one.said.iter().map(said).collect::<Result<Vec<_>, Failure>>()?,
    }))
}

/// Lists what is late.
pub(crate) async fn overdue(args: OverdueArgs, context: &Context) -> Result<Exit, Failure> {
    let OverdueArgs {} = args;
    let late = connect(context, Duration::ZERO).await?.overdue(OverdueRequest {}).await?.into_inner().answers;
    let render = &context.render;
    if render.is_json() {
        let one = |one: &OverdueAnswer| {
            serde_json::json!({
                "alert_id": one.id, "kind": kind_name(one.kind), "issuer": one.issuer, "recipient": one.recipient,
                "due": time(one.due_ms), "seen": one.seen,
            })
        };
        render.document(&late.iter().map(one).collect::<Vec<_>>())?;
    } else if late.is_empty() {
        render.talk("No answer is late.");
    } else {
        let row = |one: &OverdueAnswer| {
            let seen = if one.seen { "seen" } else { "nothing said" };
            let (issuer, recipient) = (one.issuer.clone(), one.recipient.clone());
            [one.id.clone(), kind_name(one.kind), issuer, recipient, time(one.due_ms), seen.to_owned()]
        };
        render.table(["id", "kind", "alert of", "answer of", "was due", "so far"], late.iter().map(row));
    }
    Ok(if late.is_empty() { Exit::Done } else { Exit::Findings })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_has_its_two_largest_units() {
        let ages = [59, 60, 3599, 3600, 86_399, 90_000].map(|seconds| age(Duration::from_secs(seconds)));
        assert_eq!(ages, ["0 min", "1 min", "59 min", "1 h 0 min", "23 h 59 min", "1 d 1 h"]);
    }
}
