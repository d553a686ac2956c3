//! `varde log status`: the newest signed head, how far its peers have witnessed it, and how far each channel has come.

use super::bump;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::time::Duration;
use varde_proto::id::hex;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::{
    LogAlarm, LogChannel, LogPeer, LogStandingReply, LogStandingRequest, log_client::LogClient,
};

/// A leaf that no quorum has cosigned for so long is a matter for people (docs/protocol.md, "Witnesses").
const LONG: Duration = Duration::from_secs(10 * 60);

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
    /// What a restored node waits for.
    recovering: Option<String>,
    /// Of a locked node: how far people have decided that its log ends.
    bump: Option<&'static str>,
    witnessed: Witnessed,
    alarms: Vec<Alarm>,
    peers: Vec<Peer>,
}

/// What is wrong with a log, ours or another's.
#[derive(Serialize)]
struct Alarm {
    code: String,
    origin: String,
    size: u64,
    told_by: Option<String>,
    since: Option<String>,
}

/// How far a quorum of the peers has cosigned the log.
#[derive(Serialize)]
struct Witnessed {
    quorum: u32,
    peers: usize,
    size: u64,
    /// Time of the first leaf beyond.
    waiting_since: Option<String>,
    /// It has waited for longer than [`LONG`].
    overdue: bool,
}

#[derive(Serialize)]
struct Peer {
    country: String,
    origin: String,
    verified_size: u64,
    cosigned_size: u64,
    cosigned_at: Option<String>,
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
    let mut standing = Standing::read(reply, context.now()?);
    if standing.recovering.is_some() {
        standing.bump = bump::decided(context)?;
    }
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

impl Standing {
    fn read(reply: LogStandingReply, now: Timestamp) -> Self {
        let LogStandingReply {
            origin,
            size,
            root,
            head,
            newest_ms,
            peers,
            quorum,
            witnessed,
            waiting_since_ms,
            recovering,
            alarms,
        } = reply;
        let recovering = Some(recovering).filter(|text| !text.is_empty());
        let waiting = time(waiting_since_ms);
        let overdue = waiting.is_some_and(|since| now.since(since) > LONG);
        let witnessed = Witnessed {
            quorum,
            peers: peers.len(),
            size: witnessed,
            waiting_since: waiting.map(|since| since.to_string()),
            overdue,
        };
        let peers = peers.into_iter().map(Peer::from).collect();
        let newest = time(newest_ms).map(|time| time.to_string());
        let alarms = alarms.into_iter().map(Alarm::from).collect();
        Self { origin, size, root: hex(&root), newest, head, recovering, bump: None, witnessed, alarms, peers }
    }
}

impl From<LogAlarm> for Alarm {
    fn from(alarm: LogAlarm) -> Self {
        let LogAlarm { code, origin, size, told_by, since_ms } = alarm;
        let told_by = (!told_by.is_empty()).then_some(told_by);
        Self { code, origin, size, told_by, since: time(since_ms).map(|time| time.to_string()) }
    }
}

impl Alarm {
    /// What happened, what it means, what to do next.
    fn story(&self) -> String {
        let Self { code, origin, size, told_by, since } = self;
        match code.as_str() {
            "frozen" => format!(
                "{origin} is FROZEN: its key signed two different heads of {size} leaves, so it showed two histories. Nothing is \
                 taken from it and nothing sent. See `varde peer evidence`, call its coordinator, and the others."
            ),
            "forked-ourselves" => format!(
                "THIS NODE'S KEY signed two different heads of {size} leaves of {origin}. It was stolen, or this node went back in \
                 time; every peer that knows freezes this log. Stop the node, keep its directory, see `varde peer evidence`, \
                 and call the peers."
            ),
            "ended-log-goes-on" => format!(
                "{origin} ENDED, and {} told at {} of a head of it of {size} leaves: more than its node said when it went on under \
                 another name, and than this node verified. Somebody goes on with it, or kept more of it than was asked for. Call its \
                 coordinator, and whoever told.",
                told_by.as_deref().unwrap_or("a peer"),
                since.as_deref().unwrap_or("an unknown time")
            ),
            _ => format!(
                "{origin}: a head of {size} leaves, of which {} told at {}, is not shown to be of one log with what this node \
                 verified. It may only be out of reach: see `varde status`. If it is connected, ask its coordinator why: it shows \
                 others another log or other keys, or who told it has made it up.",
                told_by.as_deref().unwrap_or("a peer"),
                since.as_deref().unwrap_or("an unknown time")
            ),
        }
    }
}

impl From<LogPeer> for Peer {
    fn from(peer: LogPeer) -> Self {
        let LogPeer { country, origin, verified_size, channels, cosigned_size, cosigned_time } = peer;
        let cosigned_at = i64::try_from(cosigned_time).ok().and_then(|seconds| time(seconds.checked_mul(1000)?));
        let cosigned_at = cosigned_at.map(|time| time.to_string());
        let channel = |channel: LogChannel| {
            let LogChannel { direction, class, seq, settled } = channel;
            let settled = (direction == "to").then_some(settled);
            Channel { direction, class, seq, settled }
        };
        let channels = channels.into_iter().map(channel).collect();
        Self { country, origin, verified_size, cosigned_size, cosigned_at, channels }
    }
}

/// A time, if one is said.
fn time(ms: i64) -> Option<Timestamp> {
    Timestamp::from_ms(ms).ok().filter(|time| time.ms() > 0)
}

fn show(standing: Standing, context: &Context) {
    let render = &context.render;
    let newest = standing.newest.as_ref().map(|time| format!(", newest of {time}")).unwrap_or_default();
    render.line(format!("{}  {} leaves{newest}", standing.origin, standing.size));
    render.line(format!("root {}", standing.root));
    if let Some(recovering) = &standing.recovering {
        render.line(format!("RESTORED, and locked until its log is whole: {recovering}"));
    }
    standing.bump.iter().for_each(|decided| render.line(bump::meaning(decided)));
    show_witnesses(&standing, context);
    standing.alarms.iter().for_each(|alarm| render.line(alarm.story()));
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
        render.table(["channel", "class", "items", "receipted", "peer's leaves verified"], rows);
    }
}

fn show_witnesses(standing: &Standing, context: &Context) {
    let (render, Witnessed { quorum, peers, size, waiting_since, overdue }) = (&context.render, &standing.witnessed);
    if *peers == 0 {
        return render.talk("No peer is pinned, so nobody witnesses this log.");
    }
    render.line(match size {
        0 => format!("not witnessed yet: {quorum} of {peers} peers are needed"),
        _ => format!("the first {size} leaves are witnessed, by {quorum} of {peers} peers or more"),
    });
    let rows = standing.peers.iter().map(|peer| {
        let at = peer.cosigned_at.clone().unwrap_or_default();
        [peer.country.clone(), peer.cosigned_size.to_string(), at]
    });
    render.table(["witness", "leaves cosigned", "at"], rows);
    if let (Some(since), true) = (waiting_since, overdue) {
        render.talk(&format!(
            "Leaf {size} of {since} has waited for {quorum} witnesses for over ten minutes. Nothing is held up by that: see with \
             `varde status` which peer is not connected, and ask its coordinator."
        ));
    }
}
