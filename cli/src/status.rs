//! `varde status`: the node's log, records and peers at a glance.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::log::bump;
use serde::Serialize;
use tonic::transport::Channel;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::{PeerStatus, StatusReply, StatusRequest, node_client::NodeClient};

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde status --dir ./no\n  VARDE_DIR=./no varde status --json")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Node {
    origin: String,
    mode: String,
    listening: String,
    log_size: u64,
    records: u64,
    /// What a restored node waits for.
    recovering: Option<String>,
    /// Of a locked node: how far people have decided that its log ends.
    bump: Option<&'static str>,
    /// Urgent alerts that nobody has seen, and since when the oldest of them lies here.
    unseen: u32,
    unseen_since: Option<String>,
    /// Alerts that were released without a second person and that none has looked at since.
    unreviewed: u32,
    /// Room under the node's directory: `enough`, `low` or `full`; and how much is free, in MiB.
    disk: String,
    disk_free_mib: u64,
    /// `off` without `[notify]` in varde.toml, `on`, or `failing`.
    notify: &'static str,
    notify_failure: Option<String>,
    notify_failing_since: Option<String>,
    peers: Vec<Peer>,
}

#[derive(Serialize)]
struct Peer {
    country: String,
    origin: String,
    connected: bool,
    owed: u64,
    last_heard: Option<String>,
    last_failure: Option<String>,
    last_failure_at: Option<String>,
}

/// Asks the node and shows the answer.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let channel = client::connect(context).await?;
    let reply = NodeClient::new(channel).status(StatusRequest {}).await?.into_inner();
    let mut node = Node::from(reply);
    if node.recovering.is_some() {
        node.bump = bump::decided(context)?;
    }
    if context.render.is_json() {
        context.render.document(&node)?;
    } else {
        show(&node, context);
    }
    Ok(Exit::Done)
}

/// What a locked node waits for, if it is locked; then it is said on stderr, because what it lists is not all that there is.
pub(crate) async fn locked(channel: Channel, context: &Context) -> Result<Option<String>, Failure> {
    let recovering = NodeClient::new(channel).status(StatusRequest {}).await?.into_inner().recovering;
    if recovering.is_empty() {
        return Ok(None);
    }
    context.render.talk(
        "This node is locked until its log is whole: what is shown is what its store has; after a restore that is as of the \
         backup. See `varde log status`.",
    );
    Ok(Some(recovering))
}

impl From<StatusReply> for Node {
    fn from(reply: StatusReply) -> Self {
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        let notify = match (reply.notify, reply.notify_failure.is_empty()) {
            (false, _) => "off",
            (true, true) => "on",
            (true, false) => "failing",
        };
        Self {
            origin: reply.origin,
            mode: reply.mode,
            listening: reply.listening,
            log_size: reply.log_size,
            records: reply.records,
            recovering: text(reply.recovering),
            bump: None,
            unseen: reply.unseen,
            unseen_since: time(reply.unseen_since_ms),
            unreviewed: reply.unreviewed,
            disk: reply.disk,
            disk_free_mib: reply.disk_free_bytes / (1024 * 1024),
            notify,
            notify_failure: text(reply.notify_failure),
            notify_failing_since: time(reply.notify_failing_since_ms),
            peers: reply.peers.into_iter().map(Peer::from).collect(),
        }
    }
}

impl From<PeerStatus> for Peer {
    fn from(peer: PeerStatus) -> Self {
        let PeerStatus { country, origin, connected, owed, last_heard_ms, last_failure, last_failure_ms } = peer;
        Self {
            country,
            origin,
            connected,
            owed,
            last_heard: time(last_heard_ms),
            last_failure: Some(last_failure).filter(|f| !f.is_empty()),
            last_failure_at: time(last_failure_ms),
        }
    }
}

/// A time of the node; none for 0.
fn time(ms: i64) -> Option<String> {
    Timestamp::from_ms(ms).ok().filter(|time| time.ms() > 0).map(|time| time.to_string())
}

/// What somebody must be told of first: urgent alerts that nobody has in hand, and that nobody can be woken.
fn alarms(node: &Node) -> Vec<String> {
    let mut lines = Vec::new();
    if node.unseen > 0 {
        let since = node.unseen_since.as_deref().unwrap_or_default();
        let woken = if node.notify == "off" { "; nobody is woken: varde.toml has no [notify]" } else { "" };
        lines.push(format!(
            "URGENT: {} that nobody has seen, the oldest since {since}{woken}. `varde alert inbox` lists them, `varde alert reply ID \
             --seen` takes one in hand",
            if node.unseen == 1 { "1 alert".to_owned() } else { format!("{} alerts", node.unseen) }
        ));
    }
    match node.disk.as_str() {
        "low" => lines.push(format!(
            "DISK: {} MiB free, which is little: make room before nothing more is taken",
            node.disk_free_mib
        )),
        "full" => lines.push(format!(
            "DISK FULL: {} MiB free; nothing more is taken from peers or staff, and nothing is lost: make room",
            node.disk_free_mib
        )),
        _ => {}
    }
    if node.unreviewed > 0 {
        let count = if node.unreviewed == 1 { "1 alert".to_owned() } else { format!("{} alerts", node.unreviewed) };
        lines.push(format!(
            "{count} released without a second person, and none has looked since: `varde alert list` names them, another member of staff \
             runs `varde alert approve ID --released --as THEIR-KEY-FILE`"
        ));
    }
    if let Some(failure) = &node.notify_failure {
        let since = node.notify_failing_since.as_deref().unwrap_or_default();
        lines.push(format!(
            "ALARM since {since}: {failure}. Nobody may be woken; try the command by hand as the node's user"
        ));
    }
    lines
}

fn show(node: &Node, context: &Context) {
    let render = &context.render;
    render.line(format!("{}  {}  listening on {}", node.origin, node.mode, node.listening));
    render.line(format!("{} leaves in the exchange log, {} records", node.log_size, node.records));
    if let Some(recovering) = &node.recovering {
        render.line(format!("RESTORED, and locked until its log is whole: {recovering}"));
    }
    alarms(node).iter().for_each(|line| render.line(line));
    node.bump.iter().for_each(|decided| render.line(bump::meaning(decided)));
    if node.peers.is_empty() {
        render.talk("No peers yet: `varde peer add FILE` pins one.");
        return;
    }
    let rows = node.peers.iter().map(|p| {
        let link = if p.connected { "connected" } else { "not connected" };
        let heard = p.last_heard.clone().unwrap_or_else(|| "never".into());
        [p.country.clone(), link.into(), p.owed.to_string(), heard, failure(p)]
    });
    render.table(["peer", "link", "owed", "last heard", "last failure"], rows);
}

/// The last failure with its time. What stands now has mended what failed before.
fn failure(peer: &Peer) -> String {
    let Some(code) = &peer.last_failure else { return String::new() };
    let at = peer.last_failure_at.as_ref().map(|time| format!(" at {time}")).unwrap_or_default();
    format!("{code}{at}{}", if peer.connected { ", since mended" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_has_its_time_and_is_called_mended_while_the_link_stands() {
        let at = Timestamp::parse("2026-11-21T12:00:00Z").map(Timestamp::ms).unwrap_or_default();
        let peer = |connected, last_failure: &str, last_failure_ms| {
            Peer::from(PeerStatus {
                connected,
                last_failure: last_failure.into(),
                last_failure_ms,
                ..PeerStatus::default()
            })
        };
        assert_eq!(failure(&peer(true, "unreachable", at)), "unreachable at 2026-11-21T12:00:00Z, since mended");
        assert_eq!(failure(&peer(false, "unreachable", at)), "unreachable at 2026-11-21T12:00:00Z");
        assert_eq!(failure(&peer(true, "", 0)), "");
    }
}
