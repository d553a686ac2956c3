//! `varde record import`: a file's rows to the node, batch by batch, and what became of them.

use super::rows::{Next, Rows};
use super::source::{Format, Header, Line, Lines, NoHeader, Reader, explain};
use super::tally::Tally;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use indicatif::ProgressBar;
use std::path::{Path, PathBuf};
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
    let rehearsed = transfer(&mut rows.0, &mut node, &mut tally, context, rehearse).await?;
    let stops = args.strict && tally.refused > 0;
    if args.strict && !args.dry_run && !stops {
        let mut again = open(&args)?.0;
        tally = tally.again();
        let stored = transfer(&mut again, &mut node, &mut tally, context, false).await?;
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
    let mut lines = Lines::open(&args.file).map_err(|e| unreadable(&args.file, 0, &e))?;
    let first = match lines.next().map_err(|e| unreadable(&args.file, 0, &e))? {
        Some(Line::Bytes(line)) => line,
        Some(Line::TooLong) => return Err(no_header(args, "its first line is longer than 64 KiB")),
        None => return Err(no_header(args, "it is empty")),
    };
    let knows = |name: &str| args.format.knows(name);
    let header = Header::read(&first, knows).map_err(|bad| match bad {
        NoHeader::Utf16 => no_header(args, "it is written in UTF-16; save it as UTF-8"),
        NoHeader::NotText => no_header(args, "its first line is no UTF-8 text"),
        NoHeader::Twice(name) => no_header(args, &format!("the column {name} stands there twice")),
        NoHeader::NoneKnown => no_header(args, "its first line names none of the format's columns"),
    })?;
    let needs = args.format.needs();
    if !header.names.iter().any(|name| needs.iter().any(|need| need.eq_ignore_ascii_case(name))) {
        let needed = needs.join(" or ");
        return Err(no_header(
            args,
            &format!("it has no column {needed}, without which nobody is known to be a child"),
        ));
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

/// Sends every row, takes every answer.
async fn transfer(
    rows: &mut Rows,
    node: &mut RecordsClient<Channel>,
    tally: &mut Tally,
    context: &Context,
    rehearse: bool,
) -> Result<Passage, Failure> {
    let (batches, stream) = mpsc::channel(UNDER_WAY);
    let mut answers = node.import(ReceiverStream::new(stream)).await?.into_inner();
    let bar = context.render.progress(rows.lines().progress().1, "bytes");
    let outcome = converse(rows, batches, &mut answers, tally, &bar, rehearse).await;
    bar.finish_and_clear();
    outcome.map(|()| Passage { lines: rows.lines().number().saturating_sub(1), digest: rows.digest() })
}

async fn converse(
    rows: &mut Rows,
    batches: mpsc::Sender<ImportBatch>,
    answers: &mut Streaming<ImportAnswer>,
    tally: &mut Tally,
    bar: &ProgressBar,
    rehearse: bool,
) -> Result<(), Failure> {
    let mut under_way = 0;
    loop {
        let Next { batch, refused, repeated } =
            rows.next(rehearse).map_err(|e| damaged(rows.lines().number(), tally.added, &e))?;
        let end = batch.rows.is_empty() && refused.is_empty();
        tally.known += repeated;
        for refused in refused {
            tally.fault(refused.line, &refused.fault)?;
        }
        bar.set_position(rows.lines().progress().0);
        if !batch.rows.is_empty() && batches.send(batch).await.is_ok() {
            under_way += 1;
        }
        // An answer that fails says why the node stopped listening.
        while under_way >= if end { 1 } else { UNDER_WAY } {
            take_answer(answers, tally).await?;
            under_way -= 1;
        }
        if end {
            return Ok(());
        }
    }
}

async fn take_answer(answers: &mut Streaming<ImportAnswer>, tally: &mut Tally) -> Result<(), Failure> {
    let Some(ImportAnswer { added, known, refused }) = answers.message().await? else {
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
    if !stored {
        context.render.talk(if args.dry_run { "dry run: nothing was stored" } else { "--strict: nothing was stored" });
    }
    Ok(())
}

fn no_header(args: &Args, why: &str) -> Failure {
    Failure::usage(format!("{} is no {} file: {why}", args.file.display(), args.format.word()))
        .means("nothing was stored")
        .next("look at --format and at the file's first line; docs/records.md names the columns")
        .reason("no-header")
}

fn unreadable(path: &Path, line: u64, error: &std::io::Error) -> Failure {
    let place = if line == 0 { String::new() } else { format!(" after line {line}") };
    Failure::usage(format!("cannot read {}{place}: {error}", path.display())).reason("unreadable")
}

fn damaged(line: u64, added: u64, error: &std::io::Error) -> Failure {
    Failure::usage(format!("the file cannot be read after line {line}: {error}"))
        .means(format!("{added} records were added before; rows on their way may be stored too"))
        .next("mend the file, then import it again: nothing is taken twice")
        .reason("unreadable")
}
