//! What is wrong with a file as a whole: what happened, what was kept, what to do. What is wrong with a line is in
//! [`super::source`].

use super::source::Format;
use super::tally::Tally;
use crate::failure::Failure;
use crate::owner;
use std::io::{Error, ErrorKind};
use std::path::Path;

const NOTHING: &str = "nothing was read and nothing was stored";

/// The file cannot be opened.
pub(super) fn unopened(path: &Path, error: &Error) -> Failure {
    let shown = path.display();
    let failure = match error.kind() {
        ErrorKind::NotFound => Failure::usage(format!("there is no file {shown}"))
            .next("look at the path: it is taken from the folder you stand in"),
        ErrorKind::IsADirectory => Failure::usage(format!("{shown} is a folder"))
            .next("give one file; several are imported one after the other"),
        ErrorKind::PermissionDenied => return owner::denied(path),
        ErrorKind::UnexpectedEof => Failure::usage(format!("{shown} is cut short: it begins as gzip and breaks off"))
            .next("make or fetch it again (`gzip -t` says whether it is whole), then import it"),
        _ => Failure::usage(format!("cannot read {shown}: {error}")).next("see that the file is whole, then try again"),
    };
    failure.means(NOTHING).reason("unreadable")
}

/// The file has no bytes, or its gzip holds none.
pub(super) fn empty(path: &Path) -> Failure {
    Failure::usage(format!("{} is empty", path.display()))
        .means(NOTHING)
        .next("make the file again: it needs a header line that names the columns (docs/records.md), and a line for each case")
        .reason("empty")
}

/// The file's first line is no header of the format.
pub(super) fn no_header(path: &Path, format: Format, why: &str) -> Failure {
    Failure::usage(format!("{} is no {} file: {why}", path.display(), format.word()))
        .means("nothing was stored")
        .next("look at --format and at the file's first line; docs/records.md names the columns")
        .reason("no-header")
}

/// The file broke off after `line` lines. Every batch that was sent is answered by then.
pub(super) fn damaged(path: &Path, line: u64, tally: &Tally, rehearsed: bool, error: &Error) -> Failure {
    let shown = path.display();
    let failure = match error.kind() {
        ErrorKind::UnexpectedEof => Failure::usage(format!("{shown} is cut short: it breaks off after line {line}"))
            .next(
                "make or fetch it again (`gzip -t` says whether it is whole), then import it: nothing is taken twice",
            ),
        _ => Failure::usage(format!("{shown} cannot be read after line {line}: {error}"))
            .next("mend the file, or fetch it again, then import it: nothing is taken twice"),
    };
    let kept = match (rehearsed, tally.added) {
        (true, _) => "this was a rehearsal: nothing was stored".to_owned(),
        (false, 0) => "nothing new was stored".to_owned(),
        (false, added) => {
            format!("{added} records of the lines before were added and are kept; the rest was not taken")
        }
    };
    failure.means(kept).reason("unreadable")
}
