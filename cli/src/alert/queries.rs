//! `varde alert queries`

use super::standing::connect;
use super::time;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::time::Duration;
use varde_proto::vocabulary::{FoundAnswer, Vocabulary};
use varde_proto::wire::operator::{QueriesRequest, QueryDay};

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert queries\n  varde alert queries --json\n\n\
    Queries about found children, theirs and ours, by day and how they were answered. A country that asks much and is told NO\n\
    every time may be fishing: speak to its coordinator. One country may ask another 20 times in a day; both ends count.")]
pub(crate) struct Args {}

/// Lists them.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let days = connect(context, Duration::ZERO).await?.queries(QueriesRequest {}).await?.into_inner().days;
    let render = &context.render;
    if render.is_json() {
        let one = |day: &QueryDay| {
            let queries: Vec<_> = day
                .queries
                .iter()
                .map(|query| serde_json::json!({ "alert_id": query.id, "answer": answer(query.answer) }))
                .collect();
            let date = time(day.day_ms);
            let date = date.split('T').next().unwrap_or_default();
            serde_json::json!({ "issuer": day.issuer, "recipient": day.recipient, "day": date, "queries": queries })
        };
        render.document(&days.iter().map(one).collect::<Vec<_>>())?;
    } else if days.is_empty() {
        render.talk("Nobody has asked about a found child yet.");
    } else {
        let row = |day: &QueryDay| {
            let count = |wanted| day.queries.iter().filter(|query| query.answer == wanted).count().to_string();
            let [possible, no, call] =
                [FoundAnswer::POSSIBLE, FoundAnswer::NO, FoundAnswer::CALL_ME].map(|answer| count(answer.number()));
            let date = time(day.day_ms);
            let date = date.split('T').next().unwrap_or_default().to_owned();
            let total = day.queries.len().to_string();
            [date, day.issuer.clone(), day.recipient.clone(), total, possible, no, call, count(0)]
        };
        let head = ["day", "asked by", "asked", "queries", "POSSIBLE", "NO", "CALL_ME", "not answered"];
        render.table(head, days.iter().map(row));
    }
    Ok(Exit::Done)
}

fn answer(number: i32) -> Option<String> {
    FoundAnswer::from_number(number).map(|answer| answer.to_string())
}
