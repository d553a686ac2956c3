//! The rows of a file for the node, in bounded batches, each with its identity (docs/records.md, "The same row twice"). What
//! is kept for a whole file is one short hash a distinct row, some 50 bytes.

use super::source::{Case, Fault, Line, Lines, Reader};
use prost::Message;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use varde_proto::limits;
use varde_proto::wire::operator::{ImportBatch, ImportRow};

/// Reads a file line by line and makes batches of it.
pub(super) struct Rows {
    lines: Lines,
    reader: Reader,
    seen: Seen,
    waiting: Option<ImportRow>,
    digest: Sha256,
}

/// What became of one line in the file: taken into the batch, refused here, or a repetition of a reference.
pub(super) struct Refused {
    /// Its number.
    pub(super) line: u64,
    /// Why.
    pub(super) fault: Fault,
}

/// One batch and what was refused on the way to it. At the end of the file the batch is empty.
#[derive(Default)]
pub(super) struct Next {
    pub(super) batch: ImportBatch,
    pub(super) refused: Vec<Refused>,
    /// Rows whose reference stood in the file before, with the same content.
    pub(super) repeated: u64,
}

impl Rows {
    /// The rows after the header.
    pub(super) fn new(lines: Lines, reader: Reader) -> Self {
        Self { lines, reader, seen: Seen::default(), waiting: None, digest: Sha256::new() }
    }

    /// How far the file is read.
    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    /// SHA-256 of the lines read so far.
    pub(super) fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// The next batch: at most 200 rows and 256 KiB.
    pub(super) fn next(&mut self, dry_run: bool) -> io::Result<Next> {
        let mut next = Next { batch: ImportBatch { dry_run, rows: Vec::new() }, ..Next::default() };
        let mut bytes = 64;
        // A file of refused lines is answered in pieces too, so that what is held stays bounded.
        while next.batch.rows.len() < limits::IMPORT_BATCH_ROWS && next.refused.len() < limits::IMPORT_BATCH_ROWS {
            let Some(row) = self.waiting.take().map_or_else(|| self.row(&mut next), |row| Ok(Some(row)))? else {
                break;
            };
            bytes += row.encoded_len() + 8;
            if bytes > limits::IMPORT_BATCH_BYTES && !next.batch.rows.is_empty() {
                self.waiting = Some(row);
                break;
            }
            next.batch.rows.push(row);
        }
        Ok(next)
    }

    /// The next row that is for the node; what is refused before it is noted. `None` at the end, or when enough is noted.
    fn row(&mut self, next: &mut Next) -> io::Result<Option<ImportRow>> {
        while next.refused.len() < limits::IMPORT_BATCH_ROWS {
            let Some(line) = self.lines.next()? else { return Ok(None) };
            let number = self.lines.number();
            match self.read(&line).map(|case| case.map(|case| self.seen.identify(number, case))) {
                Ok(None) => {}
                Ok(Some(Seat::New(row))) => return Ok(Some(*row)),
                Ok(Some(Seat::Repeated)) => next.repeated += 1,
                Ok(Some(Seat::Changed)) => {
                    let fault = Fault::new("reference", "reference", "reference-twice");
                    next.refused.push(Refused { line: number, fault });
                }
                Err(fault) => next.refused.push(Refused { line: number, fault }),
            }
        }
        Ok(None)
    }

    /// A line's case; an empty line is none.
    fn read(&mut self, line: &Line) -> Result<Option<Case>, Fault> {
        let bytes = match line {
            Line::TooLong => return Err(Fault::new("", "long line", "line-too-long")),
            Line::Bytes(bytes) => bytes,
        };
        self.digest.update(bytes);
        self.digest.update(b"\n");
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        self.reader.read(bytes).map(Some)
    }
}

/// What a file has shown so far: of each row without a reference how often, of each reference which content.
#[derive(Default)]
struct Seen {
    rows: BTreeMap<[u8; 16], u32>,
    references: BTreeMap<[u8; 16], [u8; 16]>,
}

enum Seat {
    New(Box<ImportRow>),
    Repeated,
    Changed,
}

impl Seen {
    fn identify(&mut self, line: u64, case: Case) -> Seat {
        let Case { record, child_reference, canonical } = case;
        let digest = digest(&canonical);
        let mut ordinal = 0;
        if record.reference.is_empty() {
            let count = self.rows.entry(short(&digest)).or_default();
            ordinal = *count;
            *count += 1;
        } else {
            let name = Sha256::new().chain_update((record.agency.len() as u64).to_be_bytes());
            let name = name.chain_update(&record.agency).chain_update(&record.reference).finalize().into();
            match self.references.entry(short(&name)) {
                Entry::Occupied(held) if *held.get() == short(&digest) => return Seat::Repeated,
                Entry::Occupied(_) => return Seat::Changed,
                Entry::Vacant(free) => drop(free.insert(short(&digest))),
            }
        }
        let digest = digest.to_vec().into();
        Seat::New(Box::new(ImportRow { line, digest, ordinal, child_reference, record: Some(record) }))
    }
}

/// SHA-256 of the canonical fields: a first line, then `column`, length and value of each, sorted by column.
fn digest(canonical: &[(&'static str, String)]) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(b"varde/row/v1\n");
    for (column, value) in canonical {
        hash.update(format!("{column} {}\n", value.len()));
        hash.update(value);
    }
    hash.finalize().into()
}

fn short(digest: &[u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&digest[..16]);
    short
}

#[cfg(test)]
mod tests;
