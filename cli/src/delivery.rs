//! What became of something sent, recipient by recipient, and how long to wait for it.

use crate::failure::{Exit, Failure};
use crate::render::Render;
use serde::Serialize;
use std::future::Future;
use std::time::Duration;
use varde_proto::limits;
use varde_proto::wire::operator::Delivery;

/// What the node may take beyond the wait to say how things stand, on a machine with much else to do.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait for receipts.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// Wait this long for receipts, for example 10s or 2m; then exit 0 when all have answered, 75 when it is owed, 3 when refused
    #[arg(long, value_name = "TIME", value_parser = parse)]
    wait: Option<Duration>,
}

impl Wait {
    /// How long; nothing for no waiting.
    pub(crate) fn time(&self) -> Duration {
        self.wait.unwrap_or_default()
    }

    /// For the request; 0 for no waiting.
    pub(crate) fn milliseconds(&self) -> u32 {
        self.wait.map_or(0, |wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
    }

    /// The whole conversation with the node within `work`, the wait and a little more, whatever the node does. `look` is the
    /// command that says how it ended.
    pub(crate) async fn hold<T>(
        &self,
        look: &str,
        work: Duration,
        conversation: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let Some(wait) = self.wait else { return conversation.await };
        within(work + wait + GRACE, look, conversation).await
    }
}

async fn within<T>(
    most: Duration,
    look: &str,
    conversation: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(most, conversation).await.unwrap_or_else(|_| Err(silent(most, look)))
}

fn silent(most: Duration, look: &str) -> Failure {
    Failure::not_ready(format!("the node did not answer within {most:?}"))
        .means("it may be busy, or its disk slow or full. What it has begun it finishes: this may be released or not")
        .next(format!("look first: {look} shows what became of it"))
        .reason("no-answer")
}

/// Reads `500ms`, `10s` or `2m`.
fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60_000,
        _ => return Err("a time is written 500ms, 10s or 2m".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "a time is written 500ms, 10s or 2m".to_owned())?;
    let wait = number.saturating_mul(unit);
    let most = u64::from(limits::WAIT_MS);
    if wait <= most { Ok(Duration::from_millis(wait)) } else { Err(format!("at most {}s", most / 1000)) }
}

/// As scripts see it.
#[derive(Debug, Serialize)]
pub(crate) struct Delivered {
    country: String,
    state: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
    sent_index: u64,
    receipt_index: Option<u64>,
}

/// For a document.
pub(crate) fn list(deliveries: &[Delivery]) -> Vec<Delivered> {
    let one = |delivery: &Delivery| {
        let Delivery { country, state, reason, sent_index, receipt_index } = delivery.clone();
        let receipt_index = (!["owed", "ended"].contains(&state.as_str())).then_some(receipt_index);
        Delivered { country, state, reason, sent_index, receipt_index }
    };
    deliveries.iter().map(one).collect()
}

/// For people.
pub(crate) fn show(deliveries: &[Delivery], render: &Render) {
    let rows = deliveries.iter().map(|d| [d.country.clone(), d.state.clone(), d.reason.clone()]);
    render.table(["to", "state", "reason"], rows);
}

/// Says in words what is not simply done. `thing` was released; `look` is the command that shows how it goes on.
pub(crate) fn say(thing: &str, deliveries: &[Delivery], look: &str, render: &Render) {
    let owed: Vec<&str> = deliveries.iter().filter(|d| d.state == "owed").map(|d| d.country.as_str()).collect();
    if !owed.is_empty() {
        render.talk(&on_its_way(thing, &owed.join(", "), look));
    }
    for Delivery { country, .. } in deliveries.iter().filter(|delivery| delivery.state == "ended") {
        render.talk(&format!(
            "{country}: it was given up without a receipt, because a log ended and another follows it. If it still matters, release \
             {thing} anew"
        ));
    }
    for Delivery { country, state, reason, .. } in deliveries {
        if !["owed", "receipted", "ended"].contains(&state.as_str()) {
            let why = if reason.is_empty() { state } else { reason };
            render.talk(&format!(
                "{country}: it did not take {thing} ({why}); nothing of it is kept there. `varde log show` has its signed answer"
            ));
        }
    }
}

fn on_its_way(thing: &str, to: &str, look: &str) -> String {
    format!(
        "Released: {thing} is signed and stands in the log. There is no receipt yet from {to}. The node delivers it by \
         itself as soon as it reaches them, also after a restart; there is nothing more to do. {look} shows how far it is."
    )
}

/// How the command ends: what was refused comes before what is still owed, and that matters only to who waited for it.
pub(crate) fn verdict(deliveries: &[Delivery], waited: &Wait) -> Exit {
    let is = |state: &str| deliveries.iter().any(|delivery| delivery.state == state);
    if is("refused") || is("abandoned") || is("ended") {
        Exit::Findings
    } else if waited.wait.is_some() && is("owed") {
        Exit::NotReady
    } else {
        Exit::Done
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_number_and_a_unit() {
        assert_eq!(parse("10s"), Ok(Duration::from_secs(10)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "10", "s", "10h", "-1s", "1.5s", "11m", "99999999999999999999s"] {
            assert!(parse(wrong).is_err(), "{wrong} was read");
        }
    }

    #[test]
    fn the_exit_code_says_the_worst_that_became_of_it() {
        let of = |states: &[&str], wait| {
            let at = |state: &&str| Delivery { state: (*state).to_owned(), ..Delivery::default() };
            verdict(&states.iter().map(at).collect::<Vec<_>>(), &Wait { wait }).code()
        };
        let second = Some(Duration::from_secs(1));
        assert_eq!(of(&["receipted", "receipted"], second), 0);
        assert_eq!((of(&["receipted", "owed"], second), of(&["receipted", "owed"], None)), (75, 0));
        assert_eq!((of(&["owed", "refused"], second), of(&["refused"], None)), (3, 3));
        assert_eq!(of(&["abandoned"], None), 3);
    }

    #[tokio::test]
    async fn a_node_that_never_answers_cannot_outlast_the_wait() {
        let never = std::future::pending::<Result<(), Failure>>();
        let failure = within(Duration::ZERO, "`varde trend list`", never).await.unwrap_err();
        assert_eq!(failure.exit(), Exit::NotReady);
        assert!(failure.to_text().contains("`varde trend list`"), "{}", failure.to_text());
        assert_eq!(within(Duration::from_secs(60), "", async { Ok(7) }).await, Ok(7));
    }

    #[test]
    fn what_is_owed_does_not_read_like_a_failure() {
        let said = on_its_way("the alert", "EE, LT", "`varde alert show 7c`");
        for words in ["signed", "in the log", "no receipt yet from EE, LT", "by itself", "`varde alert show 7c`"] {
            assert!(said.contains(words), "{words:?} is missing in {said}");
        }
    }
}
