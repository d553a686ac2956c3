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
        let StatusReply { origin, mode, listening, log_size, records, peers, recovering } = reply;
        let (recovering, peers) =
            (Some(recovering).filter(|text| !text.is_empty()), peers.into_iter().map(Peer::from).collect());
        Self { origin, mode, listening, log_size, records, recovering, bump: None, peers }
    }
}

impl From<PeerStatus> for Peer {
    fn from(peer: PeerStatus) -> Self {
        let PeerStatus { country, origin, connected, owed, last_heard_ms, last_failure, last_failure_ms } = peer;
        let time = |ms: i64| Timestamp::from_ms(ms).ok().filter(|t| t.ms() > 0).map(|t| t.to_string());
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

fn show(node: &Node, context: &Context) {
    let render = &context.render;
    render.line(format!("{}  {}  listening on {}", node.origin, node.mode, node.listening));
    render.line(format!("{} leaves in the exchange log, {} records", node.log_size, node.records));
    if let Some(recovering) = &node.recovering {
        render.line(format!("RESTORED, and locked until its log is whole: {recovering}"));
    }
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
