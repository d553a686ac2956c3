//! `varde log show`: leaves, and the journal of what was refused without a place in the log, marked.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::id::hex;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::{LogLine, LogShowRequest, log_client::LogClient};

/// Which leaves.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log show --dir ./no\n  varde log show --from 0 --most 200 --json\n\n\
    Lines marked `journal` are no leaves: connections and frames that were refused before anything could be logged.")]
pub(crate) struct Args {
    /// First leaf to show; without it, the newest are shown
    #[arg(long, value_name = "INDEX")]
    from: Option<u64>,
    /// Leaves to show at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    most: u32,
}

#[derive(Serialize)]
struct Line {
    journal: bool,
    index: Option<u64>,
    time: Option<String>,
    what: String,
    who: Option<String>,
    direction: Option<String>,
    class: Option<u32>,
    seq: Option<u64>,
    object: Option<String>,
    reason: Option<String>,
    left_out: u32,
}

impl From<LogLine> for Line {
    fn from(line: LogLine) -> Self {
        let LogLine { journal, index, time_ms, what, who, direction, class, seq, object, reason, left_out } = line;
        let text = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            journal,
            index: (!journal).then_some(index),
            time: Timestamp::from_ms(time_ms).ok().filter(|time| time.ms() > 0).map(|time| time.to_string()),
            what,
            who: text(who),
            direction: text(direction),
            class: (seq > 0).then_some(class),
            seq: (seq > 0).then_some(seq),
            object: (!object.is_empty()).then(|| hex(&object)),
            reason: text(reason),
            left_out,
        }
    }
}

/// Asks and shows.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { from, most } = args;
    let channel = client::connect(context).await?;
    let reply = LogClient::new(channel).show(LogShowRequest { from, most }).await?.into_inner();
    let lines: Vec<Line> = reply.lines.into_iter().map(Line::from).collect();
    let render = &context.render;
    if render.is_json() {
        render.document(&lines)?;
        return Ok(Exit::Done);
    }
    let shown = lines.iter().filter(|line| !line.journal).count() as u64;
    render.table(["leaf", "time", "what", "who", "item", "reason"], lines.into_iter().map(row));
    if shown < reply.size {
        render.talk(&format!("{shown} of {} leaves; `--from` and `--most` show others.", reply.size));
    }
    Ok(Exit::Done)
}

fn row(line: Line) -> [String; 6] {
    let leaf = line.index.map_or_else(|| "journal".to_owned(), |index| index.to_string());
    let who = line.who.unwrap_or_default();
    let item = match (line.class, line.seq) {
        (Some(class), Some(seq)) => format!("{class}/{seq}"),
        _ => String::new(),
    };
    let left_out = if line.left_out > 0 { format!("{} more before this one", line.left_out) } else { String::new() };
    let with = [line.direction.unwrap_or_default(), who].join(" ").trim().to_owned();
    [leaf, line.time.unwrap_or_default(), line.what, with, item, line.reason.unwrap_or(left_out)]
}
