//! What became of the lines of a file: counted by reason, each refused line in the report file, the first few on stderr.

use super::source::{Fault, explain};
use crate::failure::Failure;
use crate::render::Render;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Refused lines that are shown at once; all of them stand in the report file.
const SHOWN: u64 = 20;

/// Counts, and the report file.
pub(super) struct Tally {
    render: Render,
    report: Option<(PathBuf, csv::Writer<File>)>,
    pub(super) added: u64,
    pub(super) known: u64,
    pub(super) refused: u64,
    reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Starts at zero. The report is a new file: one that exists is never overwritten, the imported one least of all.
    pub(super) fn new(render: Render, report: Option<&Path>) -> Result<Self, Failure> {
        let report = match report {
            None => None,
            Some(path) => {
                let file = File::create_new(path).map_err(|e| match e.kind() {
                    std::io::ErrorKind::AlreadyExists => exists(path),
                    _ => unwritable(path, &e.to_string()),
                })?;
                let mut writer = csv::Writer::from_writer(file);
                writer
                    .write_record(["line", "column", "class", "reason"])
                    .map_err(|e| unwritable(path, &e.to_string()))?;
                Some((path.to_owned(), writer))
            }
        };
        Ok(Self { render, report, added: 0, known: 0, refused: 0, reasons: BTreeMap::new() })
    }

    /// Starts at zero again, with the same report file.
    pub(super) fn again(self) -> Self {
        Self { added: 0, known: 0, refused: 0, reasons: BTreeMap::new(), ..self }
    }

    /// Notes a refused line.
    pub(super) fn refuse(&mut self, line: u64, column: &str, class: &str, reason: &str) -> Result<(), Failure> {
        self.refused += 1;
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        if let Some((path, writer)) = &mut self.report {
            let row = [&line.to_string(), column, class, reason];
            writer.write_record(row).map_err(|e| unwritable(path, &e.to_string()))?;
        }
        if self.refused <= SHOWN {
            let place = if column.is_empty() { String::new() } else { format!(", column {column}") };
            self.render.talk(&format!("line {line}{place}: {class}: {reason} ({})", explain(reason)));
        }
        Ok(())
    }

    /// Notes a line that was refused before it reached the node.
    pub(super) fn fault(&mut self, line: u64, fault: &Fault) -> Result<(), Failure> {
        self.refuse(line, &fault.column, fault.class, fault.reason)
    }

    /// Ends the report file and says how many lines were not shown.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        if let Some((path, writer)) = &mut self.report {
            writer.flush().map_err(|e| unwritable(path, &e.to_string()))?;
        }
        if self.refused > SHOWN {
            let more = self.refused - SHOWN;
            let place = match &self.report {
                Some((path, _)) => format!("every one stands in {}", path.display()),
                None => "with --report FILE every one is written to a file".to_owned(),
            };
            self.render.talk(&format!("... and {more} more refused lines; {place}"));
        }
        Ok(())
    }

    /// Refused lines by reason, the most frequent first.
    pub(super) fn reasons(&self) -> Vec<(&str, u64)> {
        let mut reasons: Vec<_> = self.reasons.iter().map(|(reason, count)| (reason.as_str(), *count)).collect();
        reasons.sort_by(|one, other| other.1.cmp(&one.1).then(one.0.cmp(other.0)));
        reasons
    }

    /// Where the report lies.
    pub(super) fn report(&self) -> Option<&Path> {
        self.report.as_ref().map(|(path, _)| path.as_path())
    }
}

fn exists(path: &Path) -> Failure {
    Failure::usage(format!("{} exists, and a report never overwrites a file", path.display()))
        .means("nothing was read and nothing was stored")
        .next("name a new file with --report, or move that one away")
}

fn unwritable(path: &Path, why: &str) -> Failure {
    Failure::usage(format!("cannot write the report {}: {why}", path.display()))
        .means("the import was stopped; what was counted before is stored")
        .next("choose another file, then import again: nothing is taken twice")
        .reason("report-unwritable")
}
