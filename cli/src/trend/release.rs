//! `varde trend release`: a cohort is counted once, and its summary owed to the countries named.

use super::words;
use crate::client;
use crate::context::Context;
use crate::delivery::{self, Delivered, Wait};
use crate::failure::{Exit, Failure};
use crate::staff::As;
use serde::Serialize;
use varde_proto::draft::act::{self, Verb};
use varde_proto::id::hex;
use varde_proto::summary::{Coverage, Rho};
use varde_proto::wire::operator::{TrendEdition, TrendReleaseReply, TrendReleaseRequest, trends_client::TrendsClient};

/// What shows how far a release is.
const LOOK: &str = "`varde status` (what is owed to whom)";

/// A cohort and its recipients.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde trend release --cohort 2026-Q3 --to LT,EE\n  \
    varde trend release --cohort 2026 --to LT --coverage over-ninety --wait 10s\n\n\
    A cohort is released once. Asked again, the node gives the release of then: nothing is counted\n\
    again, and a country that had it not gets the same figures. Periods that overlap (a quarter and\n\
    its year) exclude each other. The privacy budget is spent before the first record is counted,\n\
    and never given back.")]
pub(super) struct Args {
    /// Period of first registration: 2026, 2026-H1 or 2026-Q3
    #[arg(long, value_name = "PERIOD", value_parser = super::period)]
    cohort: String,
    /// The countries that shall have it, parted by commas, for example LT,EE
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', required = true, value_parser = super::country)]
    to: Vec<String>,
    /// How many of the known cases are registered: not-declared, under-half, half-to-ninety, over-ninety
    /// [default: not-declared]
    #[arg(long, value_name = "BAND", value_parser = coverage)]
    coverage: Option<Coverage>,
    /// The figures are not comparable with the period before
    #[arg(long)]
    break_in_series: bool,
    /// Release although the period is not over: children registered later in it are never counted
    #[arg(long)]
    while_running: bool,
    #[command(flatten)]
    wait: Wait,
    #[command(flatten)]
    credential: As,
}

fn coverage(name: &str) -> Result<Coverage, String> {
    Coverage::parse(name).ok_or_else(|| "not-declared, under-half, half-to-ninety or over-ninety".to_owned())
}

#[derive(Serialize)]
struct Released {
    country: String,
    cohort: String,
    edition: String,
    first: bool,
    release: String,
    rho: String,
    deliveries: Vec<Delivered>,
}

/// Signs the act, asks the node, shows who has it.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { cohort, to, coverage, break_in_series, while_running, wait, credential } = args;
    let bare = TrendReleaseRequest {
        cohort,
        to,
        while_running,
        coverage: coverage.unwrap_or_default().number(),
        break_in_series,
        wait_ms: wait.milliseconds(),
        act: None,
    };
    let act = credential.open(context)?.sign(Verb::Release, act::about_trend(&bare), context)?;
    let request = TrendReleaseRequest { act: Some(act), ..bare };
    let released = async {
        let channel = client::connect_for(context, client::COUNTING + wait.time()).await?;
        Ok(TrendsClient::new(channel).release(request).await?.into_inner())
    };
    let TrendReleaseReply { edition, first, deliveries } = wait.hold(LOOK, client::COUNTING, released).await?;
    let edition = edition.ok_or_else(|| Failure::ours("the node's answer names no release"))?;
    let rho = Rho::from_nano(edition.rho_nano).to_string();
    if context.render.is_json() {
        context.render.document(&Released {
            country: edition.country.clone(),
            cohort: edition.cohort.clone(),
            edition: edition.edition.clone(),
            first,
            release: hex(&edition.release),
            rho,
            deliveries: delivery::list(&deliveries),
        })?;
    } else {
        context.render.line(words::heading(&edition));
        context.render.talk(&if first {
            format!("Counted once, noise added, rho {rho} spent. It will never be counted again.")
        } else {
            "It was released before: these are the figures of then, and nothing more was spent.".to_owned()
        });
        delivery::show(&deliveries, &context.render);
        context.render.talk("See it with `varde trend show`.");
    }
    if !first {
        stands(&edition, coverage, break_in_series).iter().for_each(|text| context.render.talk(text));
    }
    delivery::say("the summary", &deliveries, LOOK, &context.render);
    Ok(delivery::verdict(&deliveries, &wait))
}

/// What was said now and does not hold, because the edition says it otherwise since it was first released.
fn stands(edition: &TrendEdition, coverage: Option<Coverage>, break_in_series: bool) -> Vec<String> {
    let TrendEdition { cohort, edition: name, coverage: declared, break_in_series: broken, .. } = edition;
    let mut said = Vec::new();
    if let Some(now) = coverage.map(Coverage::name).filter(|now| now != declared) {
        said.push(format!(
            "{cohort} {name} was released before, with coverage {declared}; that stands, and --coverage {now} changed nothing."
        ));
    }
    if break_in_series && !broken {
        said.push(format!(
            "{cohort} {name} was released before, without a break in series; that stands, and --break-in-series changed nothing."
        ));
    }
    said
}
