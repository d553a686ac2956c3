//! `varde record import`: a file's rows to the node, batch by batch, and what became of them.

use super::rows::{Next, Rows};
use super::source::{Format, Header, Line, Lines, NoHeader, Reader, explain};
use super::tally::Tally;
use super::trouble;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use indicatif::ProgressBar;
use std::path::PathBuf;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Channel;
use varde_proto::wire::operator::records_client::RecordsClient;
use varde_proto::wire::operator::{ImportAnswer, ImportBatch};

/// Batches on their way at once: the node works on one while the next is read.
const UNDER_WAY: usize = 3;

/// What to import, and how.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Lines that cannot be taken are refused with their number, column, class of value and reason, and \
    stop no other line. Importing a file again adds nothing.\n\n\
    Examples:\n  varde record import cases.csv --format varde --dry-run\n  \
    varde record import ctdc.csv.gz --format ctdc --report refused.csv"
)]
pub(super) struct Args {
    /// CSV file, plain or gzip, UTF-8, with a header line
    file: PathBuf,
    /// Whose columns it has
    #[arg(long, value_enum)]
    format: Format,
    /// Check every line and say what would happen; store nothing
    #[arg(long)]
    dry_run: bool,
    /// Store nothing at all if any line is refused (reads the file twice)
    #[arg(long)]
    strict: bool,
    /// Write every refused line to this CSV file: line, column, class, reason
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

/// Runs it.
pub(super) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let mut rows = open(&args)?;
    let unused: Vec<String> = rows.1;
    if !unused.is_empty() {
        let names = unused.join(", ");
        context.render.talk(&format!("columns that the format {} does not use: {names}", args.format.word()));
    }
    let mut node = RecordsClient::new(client::connect(context).await?);
    let mut tally = Tally::new(context.render, args.report.as_deref())?;
    let rehearse = args.dry_run || args.strict;
    let rehearsed = transfer(&mut rows.0, &mut node, &mut tally, &Way { args: &args, context, rehearse }).await?;
    let stops = args.strict && tally.refused > 0;
    if args.strict && !args.dry_run && !stops {
        let mut again = open(&args)?.0;
        tally = tally.again();
        let stored =
            transfer(&mut again, &mut node, &mut tally, &Way { args: &args, context, rehearse: false }).await?;
        if stored.digest != rehearsed.digest {
            return Err(Failure::refused(format!("{} changed while it was read", args.file.display()))
                .means(format!("{} records were added from what it held the second time", tally.added))
                .next("import it again with --strict once nothing writes to it")
                .reason("file-changed"));
        }
    }
    tally.finish()?;
    let stored = !args.dry_run && !stops;
    show(&args, context, &tally, &unused, rehearsed.lines, stored)?;
    if stops || (args.strict && tally.refused > 0) { Ok(Exit::Findings) } else { Ok(Exit::Done) }
}

/// The file past its header, and the columns that the format does not use.
fn open(args: &Args) -> Result<(Rows, Vec<String>), Failure> {
    let no_header = |why: &str| trouble::no_header(&args.file, args.format, why);
    let unopened = |error: std::io::Error| trouble::unopened(&args.file, &error);
    let mut lines = Lines::open(&args.file).map_err(unopened)?;
    let first = match lines.next().map_err(unopened)? {
        Some(Line::Bytes(line)) => line,
        Some(Line::TooLong) => return Err(no_header("its first line is longer than 64 KiB")),
        None => return Err(trouble::empty(&args.file)),
    };
    let knows = |name: &str| args.format.knows(name);
    let header = Header::read(&first, knows).map_err(|bad| match bad {
        NoHeader::Utf16 => no_header("it is written in UTF-16; save it as UTF-8"),
        NoHeader::NotText => no_header("its first line is no UTF-8 text"),
        NoHeader::Twice(name) => no_header(&format!("the column {name} stands there twice")),
        NoHeader::NoneKnown => no_header("its first line names none of the format's columns"),
    })?;
    let needs = args.format.needs();
    if !header.names.iter().any(|name| needs.iter().any(|need| need.eq_ignore_ascii_case(name))) {
        let needed = needs.join(" or ");
        return Err(no_header(&format!("it has no column {needed}, without which nobody is known to be a child")));
    }
    let unused = header.names.iter().filter(|name| !knows(name)).cloned().collect();
    Ok((Rows::new(lines, Reader::new(args.format, header)), unused))
}

/// What a passage over the file saw.
struct Passage {
    /// Lines after the header.
    lines: u64,
    digest: [u8; 32],
}

/// One passage over the file.
struct Way<'a> {
    args: &'a Args,
    context: &'a Context,
    /// Nothing is stored.
    rehearse: bool,
}

/// What is said with the node during a passage.
struct Talk<'a> {
    batches: mpsc::Sender<ImportBatch>,
    answers: Streaming<ImportAnswer>,
    under_way: usize,
    context: &'a Context,
}

/// Sends every row, takes every answer.
async fn transfer(
    rows: &mut Rows,
    node: &mut RecordsClient<Channel>,
    tally: &mut Tally,
    way: &Way<'_>,
) -> Result<Passage, Failure> {
    let (batches, stream) = mpsc::channel(UNDER_WAY);
    let answers = node.import(ReceiverStream::new(stream)).await?.into_inner();
    let bar = way.context.render.progress(rows.lines().progress().1, "bytes");
    let talk = Talk { batches, answers, under_way: 0, context: way.context };
    let outcome = converse(rows, talk, tally, &bar, way).await;
    bar.finish_and_clear();
    outcome.map(|()| Passage { lines: rows.lines().number().saturating_sub(1), digest: rows.digest() })
}

async fn converse(
    rows: &mut Rows,
    mut talk: Talk<'_>,
    tally: &mut Tally,
    bar: &ProgressBar,
    way: &Way<'_>,
) -> Result<(), Failure> {
    loop {
        let Next { batch, refused, repeated } = match rows.next(way.rehearse) {
            Ok(next) => next,
            Err(error) => {
                // What was sent is answered first, so that the number of records kept is exact.
                talk.settle(1, tally).await?;
                return Err(trouble::damaged(&way.args.file, rows.lines().number(), tally, way.rehearse, &error));
            }
        };
        let end = batch.rows.is_empty() && refused.is_empty();
        tally.known += repeated;
        for refused in refused {
            tally.fault(refused.line, &refused.fault)?;
        }
        bar.set_position(rows.lines().progress().0);
        if !batch.rows.is_empty() && talk.batches.send(batch).await.is_ok() {
            talk.under_way += 1;
        }
        talk.settle(if end { 1 } else { UNDER_WAY }, tally).await?;
        if end {
            return Ok(());
        }
    }
}

/// A node that fell silent may have stored what it was sent; nobody needs to find out which.
fn again(failure: Failure) -> Failure {
    if failure.exit() != Exit::NotReady {
        return failure;
    }
    failure
        .next("see whether the node answers (`varde status`), then import the same file again: nothing is taken twice")
}

impl Talk<'_> {
    /// Takes answers until fewer than `most` are outstanding. One that fails says why the node stopped listening.
    async fn settle(&mut self, most: usize, tally: &mut Tally) -> Result<(), Failure> {
        while self.under_way >= most {
            self.take_answer(tally).await?;
            self.under_way -= 1;
        }
        Ok(())
    }

    async fn take_answer(&mut self, tally: &mut Tally) -> Result<(), Failure> {
        let Some(ImportAnswer { added, known, refused }) =
            client::next(&mut self.answers, self.context).await.map_err(again)?
        else {
            return Err(Failure::not_ready("the node ended the import")
                .means(format!("{} records were added before", tally.added))
                .next("import the same file again: nothing is taken twice")
                .reason("import-ended"));
        };
        tally.added += added;
        tally.known += known;
        for row in refused {
            tally.refuse(row.line, &row.column, "checked by the node", &row.reason)?;
        }
        Ok(())
    }
}

fn show(
    args: &Args,
    context: &Context,
    tally: &Tally,
    unused: &[String],
    lines: u64,
    stored: bool,
) -> Result<(), Failure> {
    let reasons = tally.reasons();
    if context.render.is_json() {
        let by_reason: serde_json::Map<String, serde_json::Value> =
            reasons.iter().map(|(reason, count)| ((*reason).to_owned(), (*count).into())).collect();
        return context.render.document(&serde_json::json!({
            "file": args.file, "format": args.format.word(), "stored": stored, "dry_run": args.dry_run,
            "strict": args.strict, "lines": lines, "added": tally.added, "known": tally.known,
            "refused": tally.refused, "reasons": by_reason, "unused_columns": unused, "report": tally.report(),
        }));
    }
    let added = if stored { "added" } else { "would be added" };
    let mut rows = vec![
        ["lines".to_owned(), lines.to_string(), String::new()],
        [added.to_owned(), tally.added.to_string(), String::new()],
        ["held already".to_owned(), tally.known.to_string(), String::new()],
        ["refused".to_owned(), tally.refused.to_string(), String::new()],
    ];
    let refused =
        |(reason, count): &(&str, u64)| [format!("  {reason}"), count.to_string(), explain(reason).to_owned()];
    rows.extend(reasons.iter().map(refused));
    context.render.table(["rows", "number", "meaning"], rows);
    if lines == 0 {
        context.render.talk("The file has a header and no lines under it: there was nothing to take.");
    }
    if !stored {
        context.render.talk(if args.dry_run { "dry run: nothing was stored" } else { "--strict: nothing was stored" });
    }
    Ok(())
}
