//! `varde log status`: the newest signed head, and how far each channel has come.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::id::hex;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::{LogChannel, LogPeer, LogStandingReply, LogStandingRequest, log_client::LogClient};

/// What to show.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log status --dir ./no\n  varde log status --head > no.head\n\n\
    A head that somebody else keeps lets an auditor see later that nothing was taken back: \
    `varde audit verify DIR --view no.head`.")]
pub(crate) struct Args {
    /// Print the newest signed head alone, as a note
    #[arg(long)]
    head: bool,
}

#[derive(Serialize)]
struct Standing {
    origin: String,
    size: u64,
    root: String,
    newest: Option<String>,
    head: String,
    peers: Vec<Peer>,
}

#[derive(Serialize)]
struct Peer {
    country: String,
    origin: String,
    verified_size: u64,
    channels: Vec<Channel>,
}

#[derive(Serialize)]
struct Channel {
    direction: String,
    class: u32,
    seq: u64,
    settled: Option<u64>,
}

/// Asks and shows.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { head } = args;
    let channel = client::connect(context).await?;
    let reply = LogClient::new(channel).standing(LogStandingRequest {}).await?.into_inner();
    let standing = Standing::from(reply);
    let render = &context.render;
    if render.is_json() {
        render.document(&standing)?;
    } else if head {
        render.text(&standing.head);
    } else {
        show(standing, context);
    }
    Ok(Exit::Done)
}

impl From<LogStandingReply> for Standing {
    fn from(reply: LogStandingReply) -> Self {
        let LogStandingReply { origin, size, root, head, newest_ms, peers } = reply;
        let newest = Timestamp::from_ms(newest_ms).ok().filter(|time| time.ms() > 0);
        let peers = peers.into_iter().map(Peer::from).collect();
        Self { origin, size, root: hex(&root), newest: newest.map(|time| time.to_string()), head, peers }
    }
}

impl From<LogPeer> for Peer {
    fn from(peer: LogPeer) -> Self {
        let LogPeer { country, origin, verified_size, channels } = peer;
        let channel = |channel: LogChannel| {
            let LogChannel { direction, class, seq, settled } = channel;
            let settled = (direction == "to").then_some(settled);
            Channel { direction, class, seq, settled }
        };
        Self { country, origin, verified_size, channels: channels.into_iter().map(channel).collect() }
    }
}

fn show(standing: Standing, context: &Context) {
    let render = &context.render;
    let newest = standing.newest.map(|time| format!(", newest of {time}")).unwrap_or_default();
    render.line(format!("{}  {} leaves{newest}", standing.origin, standing.size));
    render.line(format!("root {}", standing.root));
    let rows = standing.peers.into_iter().flat_map(|peer| {
        let of = move |channel: Channel| {
            let settled = channel.settled.map(|settled| settled.to_string()).unwrap_or_default();
            let way = format!("{} {}", channel.direction, peer.country);
            [way, channel.class.to_string(), channel.seq.to_string(), settled, peer.verified_size.to_string()]
        };
        peer.channels.into_iter().map(of).collect::<Vec<_>>()
    });
    let rows: Vec<_> = rows.collect();
    if rows.is_empty() {
        render.talk("Nothing was exchanged yet.");
    } else {
        render.table(["channel", "class", "items", "receipted", "peer's log verified to"], rows);
    }
}
