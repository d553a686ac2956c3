//! `varde alert`: drafts, approval, release, withdrawal, the alerts that came, and what is said about them. A person signs what they draft, approve, release
//! and withdraw with a credential of the node's staff (`--as`).

mod approve;
mod decision;
mod draft;
mod lists;
mod offer;
mod preview;
mod proof;
mod queries;
mod refused;
mod release;
mod reply;
mod show;
mod staff;
mod standing;
mod version;
mod watch;
mod withdraw;

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::status;
use clap::Subcommand;
use std::time::Duration;
use tonic::transport::Channel;
use varde_proto::id::AlertId;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, Vocabulary};
use varde_proto::wire::operator::alerts_client::AlertsClient;

/// Alerts to other countries and from them: draft, preview, approve, release, read.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples, from draft to receipt:\n  \
    varde alert draft --kind MODUS_OPERANDI --period 2026-Q3 --form FORCED_BEGGING,FORCED_CRIMINALITY\n  \
    varde alert preview ID\n  varde alert release ID --to LT,EE --wait 10s")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Prepare an alert from a file, from a query over records, or from one record
    Draft(draft::Args),
    /// Show what stays in the country and what would leave, field by field
    Preview(preview::Args),
    /// Approve a draft that another person made
    Approve(approve::Args),
    /// Send a draft to the countries named, and to nobody else
    Release(release::Args),
    /// Offer a draft under its conditions first: those who accept get it
    Offer(offer::Args),
    /// List offers, ours and those that came
    Offers(offer::ListArgs),
    /// List our drafts and released alerts
    List(lists::ListArgs),
    /// Show one alert, ours or a peer's
    Show(show::Args),
    /// List the alerts that came from peers
    Inbox(lists::InboxArgs),
    /// Draft the version that corrects a released alert
    Correct(version::CorrectArgs),
    /// Draft the version with which a released alert goes on
    Renew(version::RenewArgs),
    /// List what peers sent and this node refused, with the reason
    Refused(refused::Args),
    /// Take a released alert back: every recipient, or some, must erase it
    Withdraw(withdraw::WithdrawArgs),
    /// Print a recipient's proof that it erased an alert of ours
    Proof(proof::Args),
    /// Keep an alert from being erased for now, or end that
    Hold(withdraw::HoldArgs),
    /// Say something about an alert, in codes: that it was seen, what came of it, that it is disputed
    Reply(reply::Args),
    /// Show how far each recipient of an alert is, and what was said about it
    Status(standing::Args),
    /// List answers that are late, other countries' and ours
    Overdue(standing::OverdueArgs),
    /// List queries about found children, theirs and ours, by day
    Queries(queries::Args),
    /// Print what comes from peers as it comes, and alarms
    Watch(watch::Args),
}

/// Runs it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::Draft(args) => draft::run(args, context).await,
        Verb::Preview(args) => preview::run(args, context).await,
        Verb::Approve(args) => approve::run(args, context).await,
        Verb::Release(args) => release::run(args, context).await,
        Verb::Offer(args) => offer::run(args, context).await,
        Verb::Offers(args) => offer::list(args, context).await,
        Verb::List(args) => lists::list(args, context).await,
        Verb::Show(args) => show::run(args, context).await,
        Verb::Inbox(args) => lists::inbox(args, context).await,
        Verb::Correct(args) => version::correct(args, context).await,
        Verb::Renew(args) => version::renew(args, context).await,
        Verb::Withdraw(args) => withdraw::withdraw(args, context).await,
        Verb::Refused(args) => refused::run(args, context).await,
        Verb::Proof(args) => proof::run(args, context).await,
        Verb::Hold(args) => withdraw::hold(args, context).await,
        Verb::Reply(args) => reply::run(args, context).await,
        Verb::Status(args) => standing::run(args, context).await,
        Verb::Overdue(args) => standing::overdue(args, context).await,
        Verb::Queries(args) => queries::run(args, context).await,
        Verb::Watch(args) => watch::run(args, context).await,
    }
}

async fn connect(context: &Context) -> Result<AlertsClient<Channel>, Failure> {
    connect_for(context, Duration::ZERO).await
}

/// To read what lies here, and what a locked node waits for.
async fn connect_to_read(context: &Context) -> Result<(AlertsClient<Channel>, Option<String>), Failure> {
    let channel = client::connect(context).await?;
    let recovering = status::locked(channel.clone(), context).await?;
    Ok((AlertsClient::new(channel), recovering))
}

async fn connect_for(context: &Context, work: Duration) -> Result<AlertsClient<Channel>, Failure> {
    Ok(AlertsClient::new(client::connect_for(context, work).await?))
}

/// An id on the command line.
fn read_id(text: &str) -> Result<AlertId, String> {
    AlertId::parse(text).map_err(|e| e.to_string())
}

/// A code on the command line: its name, in small letters and with hyphens too.
fn read_code<V: Vocabulary>(text: &str) -> Result<V, String> {
    V::parse(&text.to_ascii_uppercase().replace('-', "_")).map_err(|unknown| {
        let names = || V::all().filter_map(V::name);
        match varde_proto::json::nearest(text, names()) {
            Some(near) => format!("{unknown}; did you mean {near}?"),
            None => format!("{unknown}; it has {}", names().collect::<Vec<_>>().join(", ")),
        }
    })
}

fn kind_name(number: i32) -> String {
    AlertKind::from_number(number).map_or_else(|| format!("kind {number}"), |kind| kind.to_string())
}

/// A document that the node sends as text.
fn parse(json: &str) -> Result<serde_json::Value, Failure> {
    serde_json::from_str(json).map_err(|e| Failure::ours(format!("the node's answer is not JSON: {e}")))
}

/// A time of the node; empty for none.
fn time(ms: i64) -> String {
    let time = Timestamp::from_ms(ms).ok().filter(|_| ms != 0);
    time.map(|t| t.to_string()).unwrap_or_default()
}
