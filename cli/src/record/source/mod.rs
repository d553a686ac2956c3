//! What a file of cases says: lines, cells, and the two formats. Pure but for reading the file; nothing here knows the node.

mod cells;
mod ctdc;
mod lines;
mod names;
mod varde;

pub(crate) use cells::{Header, NoHeader};
pub(crate) use lines::{Line, Lines};

use varde_proto::vocabulary::{
    AgeBand, AgeReference, Assertion, DecidedBy, Form, InformationGrade, LegalRegime, SourceGrade, VictimStatus,
    Vocabulary,
};
use varde_proto::wire::operator::{CaseRecord, CaseStatus, Duration, Gender};

/// Why a line is refused. The value itself is never kept: what stands in a report is its class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The column, as the file names it; empty where the line as a whole is at fault.
    pub(crate) column: String,
    /// What kind of value stands there.
    pub(crate) class: &'static str,
    /// A word of `a-z`, digits and `-`; [`explain`] says what it means.
    pub(crate) reason: &'static str,
}

impl Fault {
    /// A fault.
    pub(crate) fn new(column: &str, class: &'static str, reason: &'static str) -> Self {
        Self { column: column.to_owned(), class, reason }
    }
}

/// What a line states.
#[derive(Debug)]
pub(crate) struct Case {
    /// For the node.
    pub(crate) record: CaseRecord,
    /// The agency's name for the child; empty where it has none.
    pub(crate) child_reference: String,
    /// What was stated, by column and in one spelling, sorted: the identity of a row without a reference.
    pub(crate) canonical: Vec<(&'static str, String)>,
}

/// The formats that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Varde's own, described in docs/records.md
    Varde,
    /// A release of the Counter-Trafficking Data Collaborative
    Ctdc,
}

impl Format {
    /// Its word in reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Varde => "varde",
            Self::Ctdc => "ctdc",
        }
    }

    /// Whether it knows a column.
    pub(crate) fn knows(self, name: &str) -> bool {
        match self {
            Self::Varde => varde::column(name).is_some(),
            Self::Ctdc => ctdc::column(name).is_some(),
        }
    }

    /// The columns of which at least one must be there.
    pub(crate) fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Varde => &["age", "age_band"],
            Self::Ctdc => &["ageBroad"],
        }
    }
}

/// Reads the lines of one file: its header, and what each column is.
pub(crate) struct Reader {
    header: Header,
    columns: Columns,
}

/// One place a column of the file; nothing where the format does not use it.
enum Columns {
    Varde(Vec<Option<&'static varde::Column>>),
    Ctdc(Vec<Option<ctdc::Known>>),
}

impl Reader {
    /// A reader of the lines under a header.
    pub(crate) fn new(format: Format, header: Header) -> Self {
        let columns = match format {
            Format::Varde => Columns::Varde(header.names.iter().map(|name| varde::column(name)).collect()),
            Format::Ctdc => Columns::Ctdc(header.names.iter().map(|name| ctdc::column(name)).collect()),
        };
        Self { header, columns }
    }

    /// Reads one line.
    pub(crate) fn read(&self, line: &[u8]) -> Result<Case, Fault> {
        let cells = self.header.cells(line)?;
        match &self.columns {
            Columns::Varde(columns) => varde::read(&self.header, columns, &cells),
            Columns::Ctdc(columns) => ctdc::read(&self.header, columns, &cells),
        }
    }
}

/// A case of which nothing is stated: every single code UNKNOWN.
fn blank() -> CaseRecord {
    CaseRecord {
        regime: LegalRegime::GDPR.number(),
        assertion: Assertion::ASSESSMENT.number(),
        source_grade: SourceGrade::UNKNOWN.number(),
        information_grade: InformationGrade::UNKNOWN.number(),
        status: VictimStatus::UNKNOWN.number(),
        decided_by: DecidedBy::UNKNOWN.number(),
        case_status: CaseStatus::Unknown.into(),
        age_band: AgeBand::UNKNOWN.number(),
        age_reference: AgeReference::UNKNOWN.number(),
        gender: Gender::Unknown.into(),
        primary_form: Form::UNKNOWN.number(),
        duration: Duration::Unknown.into(),
        ..CaseRecord::default()
    }
}

/// The class of a value: enough to find the mistake, too little to learn the value.
pub(crate) fn class_of(value: &str) -> &'static str {
    let all = |test: fn(char) -> bool| value.chars().all(test);
    match value {
        "" => "blank",
        _ if value.len() > 64 => "long text",
        _ if all(|c| c.is_ascii_digit()) => "number",
        _ if all(|c| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ':' | '+')) => "number, date or range",
        _ if all(|c| c.is_alphabetic()) => "word",
        _ if all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') => "code",
        _ => "text",
    }
}

/// What a reason means, and what to do about it.
pub(crate) fn explain(reason: &str) -> &'static str {
    match reason {
        "out-of-scope-adult" => "the person is 18 or over; this node holds children's cases only",
        "unknown-code" => "the value is not in the column's list (docs/records.md)",
        "bad-date" => "a date is written 2026, 2026-07 or 2026-07-31, and must exist",
        "future-date" => "the date lies in the future",
        "retention-over" => "the date until which the record may be kept has passed",
        "contradiction" => "two columns contradict each other",
        "too-long" => "the text is longer than 64 bytes",
        "too-many" => "more values than one case can have",
        "bad-text" | "control-character" => "the cell holds control characters",
        "bad-value" => "the value is not written as its column asks (docs/records.md)",
        "not-utf-8" => "save the file as UTF-8",
        "bad-quoting" => "a quote stands inside a cell, or is never closed on its line",
        "wrong-number-of-cells" => "the line has not as many cells as the header",
        "line-too-long" => "the line is longer than 64 KiB",
        "held-differently" => "the reference is held already, with other content; nothing was changed",
        "reference-twice" => "the reference stands twice in the file, with different content",
        "unspecified" => "a code is missing",
        _ => "refused by the node",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_never_repeats_the_value() {
        let values = ["", "17", "2026-01-02", "18--20", "Oslo", "SEX_X", "a b", &"x".repeat(65)];
        let classes = values.map(class_of);
        assert_eq!(
            classes,
            ["blank", "number", "number, date or range", "number, date or range", "word", "code", "text", "long text"]
        );
    }
}
