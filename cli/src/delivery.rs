//! What became of something sent, recipient by recipient, and how long to wait for it.

use crate::failure::{Exit, Failure};
use crate::render::Render;
use serde::Serialize;
use std::time::Duration;
use varde_proto::limits;
use varde_proto::wire::operator::Delivery;

/// How long to wait for receipts.
#[derive(Debug, clap::Args)]
pub(crate) struct Wait {
    /// Wait this long for receipts, for example 10s or 2m; then exit 0 when all have it, 75 when it is owed, 3 when refused
    #[arg(long, value_name = "TIME", value_parser = parse)]
    wait: Option<Duration>,
}

impl Wait {
    /// For the request; 0 for no waiting.
    pub(crate) fn milliseconds(&self) -> u32 {
        self.wait.map_or(0, |wait| u32::try_from(wait.as_millis()).unwrap_or(u32::MAX))
    }
}

/// Reads `500ms`, `10s` or `2m`.
fn parse(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
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
        let receipt_index = (state != "owed").then_some(receipt_index);
        Delivered { country, state, reason, sent_index, receipt_index }
    };
    deliveries.iter().map(one).collect()
}

/// For people.
pub(crate) fn show(deliveries: &[Delivery], render: &Render) {
    let rows = deliveries.iter().map(|d| [d.country.clone(), d.state.clone(), d.reason.clone()]);
    render.table(["to", "state", "reason"], rows);
}

/// How the command ends: what is still owed matters only to who waited for it.
pub(crate) fn verdict(deliveries: &[Delivery], waited: &Wait) -> Result<Exit, Failure> {
    let is = |state: &str| deliveries.iter().any(|delivery| delivery.state == state);
    if is("refused") {
        Ok(Exit::Findings)
    } else if waited.wait.is_some() && is("owed") {
        Ok(Exit::NotReady)
    } else {
        Ok(Exit::Done)
    }
}

#[cfg(test)]
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
    fn only_who_waits_hears_that_it_is_owed() {
        let at = |state: &str| vec![Delivery { state: state.into(), ..Delivery::default() }];
        let (waited, not) = (Wait { wait: Some(Duration::from_secs(1)) }, Wait { wait: None });
        assert_eq!(verdict(&at("owed"), &waited), Ok(Exit::NotReady));
        assert_eq!(verdict(&at("owed"), &not), Ok(Exit::Done));
        assert_eq!(verdict(&at("receipted"), &waited), Ok(Exit::Done));
        assert_eq!(verdict(&at("refused"), &not), Ok(Exit::Findings));
    }
}
