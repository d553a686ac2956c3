//! `varde alert list` and `varde alert inbox`

use super::{connect_to_read, kind_name, time};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::draft::ApprovalOverride;
use varde_proto::vocabulary::{Tlp, Vocabulary};
use varde_proto::wire::operator::{InboxRequest, ListRequest, OwnAlert, ReceivedAlert, Versions};

/// How many.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde alert list\n  varde alert list --most 1000 --json\n  varde alert list --all --json"
)]
pub(crate) struct ListArgs {
    /// How many are listed at most, the newest first
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    most: u16,
    /// List all of them, however many
    #[arg(long, conflicts_with = "most")]
    all: bool,
}

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert inbox\n  varde alert inbox --json\n\n\
    An alert is in-force, expired, superseded or withdrawn; one that is not in force is for nobody's use. `on hold` beside it: it is not erased\n\
    until the hold ends (`varde alert hold`). NOT SEEN: it is urgent, and nobody here has said that they have it in hand\n\
    (`varde alert reply ID --seen`).")]
pub(crate) struct InboxArgs {}

/// Our drafts and released alerts, the newest first.
pub(crate) async fn list(args: ListArgs, context: &Context) -> Result<Exit, Failure> {
    let ListArgs { most, all } = args;
    let (mut node, _) = connect_to_read(context).await?;
    let (mut alerts, mut after): (Vec<OwnAlert>, _) = (Vec::new(), Default::default());
    loop {
        let most = if all { 0 } else { most.into() };
        let page = node.list(ListRequest { after, most }).await?.into_inner();
        alerts.extend(page.alerts);
        after = page.next;
        if after.is_empty() || !all {
            break;
        }
    }
    let render = &context.render;
    if render.is_json() {
        render.document(&alerts.iter().map(own).collect::<Vec<_>>())?;
    } else if alerts.is_empty() {
        render.talk("No drafts yet: `varde alert draft` makes one.");
    } else {
        let row = |alert: OwnAlert| {
            let state = alert.state.unwrap_or_default();
            let to: Vec<_> = alert.deliveries.iter().map(|d| format!("{} {}", d.country, d.state)).collect();
            let needs = state.needs_approval && state.approved_by.is_empty() && state.state == "draft";
            let word = match (needs, state.needs_review) {
                (true, _) => "draft, needs approval".to_owned(),
                (_, true) => format!("{}, NO SECOND PERSON YET", state.state),
                _ => state.state,
            };
            [alert.id, kind_name(alert.kind), held(word, alert.on_hold), to.join(", "), time(alert.expires_ms)]
        };
        render.table(["id", "kind", "state", "to", "expires"], alerts.into_iter().map(row));
        if !after.is_empty() {
            render.talk("There are older ones: --most N, or --all");
        }
    }
    Ok(Exit::Done)
}

/// A state, and whether a hold keeps the alert from being erased.
fn held(state: String, on_hold: bool) -> String {
    if on_hold { format!("{state}, on hold") } else { state }
}

/// The same of what came, and whether it is urgent and nobody has seen it.
fn came(state: String, on_hold: bool, unseen: bool) -> String {
    let state = held(state, on_hold);
    if unseen { format!("{state}, NOT SEEN") } else { state }
}

/// One of ours as JSON.
pub(super) fn own(alert: &OwnAlert) -> serde_json::Value {
    let state = alert.state.clone().unwrap_or_default();
    serde_json::json!({
        "alert_id": alert.id,
        "kind": kind_name(alert.kind),
        "state": state.state,
        "needs_approval": state.needs_approval,
        "drafted_by": state.drafted_by,
        "approved_by": state.approved_by,
        "acts": super::decision::acts(&state.acts),
        "drafted_at": time(state.drafted_ms),
        "issued_at": time(alert.issued_ms),
        "expires_at": time(alert.expires_ms),
        "deliveries": alert.deliveries.iter().map(super::release::delivery).collect::<Vec<_>>(),
        "erasures": alert.erasures.iter().map(crate::erasures::document).collect::<Vec<_>>(),
        "on_hold": alert.on_hold,
        "versions": versions(alert.versions.as_ref()),
        "without_approval": ApprovalOverride::from_number(state.without_approval).map(|why| why.to_string()),
        "needs_review": state.needs_review,
    })
}

/// Where an alert stands among its versions; null for the only one.
pub(super) fn versions(versions: Option<&Versions>) -> Option<serde_json::Value> {
    let Versions { number, before, next } = versions?;
    let id = |id: &String| (!id.is_empty()).then(|| id.clone());
    let only = *number < 2 && next.is_empty();
    (!only).then(|| serde_json::json!({ "number": number, "before": id(before), "next": id(next) }))
}

/// An item of the inbox: the fields that scripts rely on.
#[derive(Serialize)]
struct Item {
    alert_id: String,
    kind: String,
    from: String,
    received_at: String,
    state: String,
    tlp: String,
    expires_at: String,
    on_hold: bool,
    /// Urgent, and nobody here has seen it.
    unseen: bool,
    versions: Option<serde_json::Value>,
}

fn tlp(alert: &ReceivedAlert) -> String {
    Tlp::from_number(alert.tlp).map(|tlp| tlp.to_string()).unwrap_or_default()
}

/// Page by page.
async fn whole_inbox(context: &Context) -> Result<Vec<ReceivedAlert>, Failure> {
    let (mut node, _) = connect_to_read(context).await?;
    let mut all: Vec<ReceivedAlert> = Vec::new();
    loop {
        let before = all.last().map_or(0, |alert| alert.log_index);
        let page = node.inbox(InboxRequest { before }).await?.into_inner().alerts;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Alerts from peers, the newest first.
pub(crate) async fn inbox(args: InboxArgs, context: &Context) -> Result<Exit, Failure> {
    let InboxArgs {} = args;
    let alerts = whole_inbox(context).await?;
    let render = &context.render;
    if render.is_json() {
        let item = |a: ReceivedAlert| Item {
            tlp: tlp(&a),
            versions: versions(a.versions.as_ref()),
            alert_id: a.id,
            kind: kind_name(a.kind),
            from: a.from,
            received_at: time(a.received_ms),
            expires_at: time(a.expires_ms),
            state: a.state,
            on_hold: a.on_hold,
            unseen: a.unseen,
        };
        render.document(&alerts.into_iter().map(item).collect::<Vec<_>>())?;
    } else if alerts.is_empty() {
        render.talk("No alert has come yet.");
    } else {
        let row = |a: ReceivedAlert| {
            let (tlp, expires) = (tlp(&a), time(a.expires_ms));
            [a.id, kind_name(a.kind), a.from, tlp, time(a.received_ms), expires, came(a.state, a.on_hold, a.unseen)]
        };
        render.table(["id", "kind", "from", "tlp", "received", "expires", "state"], alerts.into_iter().map(row));
        render.talk("read one: varde alert show ID");
    }
    Ok(Exit::Done)
}
