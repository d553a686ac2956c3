//! `varde status`: the node's log, records and peers at a glance.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
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
}

/// Asks the node and shows the answer.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let channel = client::connect(context).await?;
    let reply = NodeClient::new(channel).status(StatusRequest {}).await?.into_inner();
    let node = Node::from(reply);
    if context.render.is_json() {
        context.render.document(&node)?;
    } else {
        show(&node, context);
    }
    Ok(Exit::Done)
}

impl From<StatusReply> for Node {
    fn from(reply: StatusReply) -> Self {
        let StatusReply { origin, mode, listening, log_size, records, peers } = reply;
        Self { origin, mode, listening, log_size, records, peers: peers.into_iter().map(Peer::from).collect() }
    }
}

impl From<PeerStatus> for Peer {
    fn from(peer: PeerStatus) -> Self {
        let PeerStatus { country, origin, connected, owed, last_heard_ms, last_failure } = peer;
        let heard = Timestamp::from_ms(last_heard_ms).ok().filter(|t| t.ms() > 0);
        Self {
            country,
            origin,
            connected,
            owed,
            last_heard: heard.map(|t| t.to_string()),
            last_failure: Some(last_failure).filter(|f| !f.is_empty()),
        }
    }
}

fn show(node: &Node, context: &Context) {
    let render = &context.render;
    render.line(format!("{}  {}  listening on {}", node.origin, node.mode, node.listening));
    render.line(format!("{} leaves in the exchange log, {} records", node.log_size, node.records));
    if node.peers.is_empty() {
        render.talk("No peers yet: `varde peer add FILE` pins one.");
        return;
    }
    let rows = node.peers.iter().map(|p| {
        let link = if p.connected { "connected" } else { "not connected" };
        let heard = p.last_heard.clone().unwrap_or_else(|| "never".into());
        [p.country.clone(), link.into(), p.owed.to_string(), heard, p.last_failure.clone().unwrap_or_default()]
    });
    render.table(["peer", "link", "owed", "last heard", "last failure"], rows);
}
