//! A line as cells (RFC 4180, less one freedom: no line break within quotes, which no column of ours can hold, so that a
//! quote left open spoils one line and not the rest of the file), and the header that names them.

use super::{Fault, class_of};
use std::borrow::Cow;

/// Cuts a line into cells. A fault names the cell by its place, counted from 0.
pub(crate) fn split(line: &[u8], delimiter: u8) -> Result<Vec<Cow<'_, [u8]>>, (usize, &'static str)> {
    let mut cells = Vec::with_capacity(48);
    let mut rest = line;
    loop {
        let (cell, after) = match rest.first() {
            Some(b'"') => quoted(&rest[1..]).ok_or((cells.len(), "bad-quoting"))?,
            _ => {
                let end = rest.iter().position(|byte| *byte == delimiter).unwrap_or(rest.len());
                if rest[..end].contains(&b'"') {
                    return Err((cells.len(), "bad-quoting"));
                }
                (Cow::Borrowed(&rest[..end]), &rest[end..])
            }
        };
        cells.push(cell);
        match after.split_first() {
            None => return Ok(cells),
            Some((first, tail)) if *first == delimiter => rest = tail,
            Some(_) => return Err((cells.len() - 1, "bad-quoting")),
        }
    }
}

/// The cell up to its closing quote, and what follows that; `None` where the quote is never closed.
fn quoted(text: &[u8]) -> Option<(Cow<'_, [u8]>, &[u8])> {
    let close = text.iter().position(|byte| *byte == b'"')?;
    if text.get(close + 1) != Some(&b'"') {
        return Some((Cow::Borrowed(&text[..close]), &text[close + 1..]));
    }
    let mut cell = Vec::new();
    let mut rest = text;
    loop {
        let close = rest.iter().position(|byte| *byte == b'"')?;
        cell.extend_from_slice(&rest[..close]);
        if rest.get(close + 1) != Some(&b'"') {
            return Some((Cow::Owned(cell), &rest[close + 1..]));
        }
        cell.push(b'"');
        rest = &rest[close + 2..];
    }
}

/// The names of the columns, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// What parts the cells: `,`, `;` or a tab.
    pub(crate) delimiter: u8,
    /// The names, without blanks around them.
    pub(crate) names: Vec<String>,
}

/// Why a first line is no header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoHeader {
    /// UTF-16, as some spreadsheets save it.
    Utf16,
    /// Not text.
    NotText,
    /// A column stands there twice.
    Twice(String),
    /// None of the columns that the format knows.
    NoneKnown,
}

impl Header {
    /// Reads the first line. The delimiter is the one that finds the most columns that `known` accepts.
    pub(crate) fn read(line: &[u8], known: impl Fn(&str) -> bool) -> Result<Self, NoHeader> {
        if line.starts_with(&[0xff, 0xfe]) || line.starts_with(&[0xfe, 0xff]) {
            return Err(NoHeader::Utf16);
        }
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| NoHeader::NotText)?;
        if text.chars().any(|c| c.is_control() && c != '\t') {
            return Err(NoHeader::NotText);
        }
        let candidates = [b',', b';', b'\t'].into_iter().filter_map(|delimiter| Self::cut(line, delimiter));
        let score = |header: &Self| header.names.iter().filter(|name| known(name)).count();
        let best = candidates.max_by_key(score).filter(|header| score(header) > 0).ok_or(NoHeader::NoneKnown)?;
        let twice = best.names.iter().enumerate().find(|(n, name)| best.names[..*n].contains(name) && known(name));
        match twice {
            Some((_, name)) => Err(NoHeader::Twice(name.clone())),
            None => Ok(best),
        }
    }

    fn cut(line: &[u8], delimiter: u8) -> Option<Self> {
        let cells = split(line, delimiter).ok()?;
        let names = cells.iter().map(|cell| String::from_utf8_lossy(cell).trim().to_owned()).collect();
        Some(Self { delimiter, names })
    }

    /// Cuts a line into as many cells as there are columns, each checked to be clean text and trimmed.
    pub(crate) fn cells(&self, line: &[u8]) -> Result<Vec<String>, Fault> {
        let cells = split(line, self.delimiter).map_err(|(place, reason)| self.fault(place, "quoted text", reason))?;
        if cells.len() != self.names.len() {
            let class = if cells.len() < self.names.len() { "too few cells" } else { "too many cells" };
            return Err(Fault::new("", class, "wrong-number-of-cells"));
        }
        let clean = |(place, cell): (usize, &Cow<'_, [u8]>)| match std::str::from_utf8(cell) {
            Err(_) => Err(self.fault(place, "not UTF-8", "not-utf-8")),
            Ok(text) if text.chars().any(char::is_control) => {
                Err(self.fault(place, "control characters", "control-character"))
            }
            Ok(text) => Ok(text.trim().to_owned()),
        };
        cells.iter().enumerate().map(clean).collect()
    }

    /// A fault of the cell in `place`.
    fn fault(&self, place: usize, class: &'static str, reason: &'static str) -> Fault {
        Fault::new(self.names.get(place).map_or("", String::as_str), class, reason)
    }

    /// A fault of a value.
    pub(crate) fn bad(&self, place: usize, value: &str, reason: &'static str) -> Fault {
        self.fault(place, class_of(value), reason)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn cells(line: &str) -> Vec<String> {
        split(line.as_bytes(), b',').unwrap().iter().map(|c| String::from_utf8_lossy(c).into_owned()).collect()
    }

    #[test]
    fn quotes_protect_delimiters_and_themselves() {
        assert_eq!(cells(r#"a,"b,c","say ""x""",,"""#.trim_end_matches('"')), ["a", "b,c", "say \"x\"", "", ""]);
        assert_eq!(cells(""), [""]);
        assert_eq!(cells(r#""","""""#), ["", "\""]);
    }

    #[test]
    fn a_quote_in_the_wrong_place_is_a_fault_of_its_cell() {
        for (line, place) in [(r#"a,"open"#, 1), (r#"a"b,c"#, 0), (r#""a"b,c"#, 0), (r#"a,b,""""#, 2)] {
            assert_eq!(split(line.as_bytes(), b','), Err((place, "bad-quoting")), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_another_program_writes_is_read_back(cells in proptest::collection::vec("[^\\n\\r]{0,12}", 1..8)) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Necessary).from_writer(Vec::new());
            writer.write_record(&cells).unwrap();
            let written = writer.into_inner().unwrap();
            let read = split(written.strip_suffix(b"\n").unwrap(), b',').unwrap();
            let read: Vec<_> = read.iter().map(|cell| String::from_utf8_lossy(cell).into_owned()).collect();
            proptest::prop_assert_eq!(read, cells);
        }

        #[test]
        fn any_line_is_cut_or_refused_without_harm(line: Vec<u8>) {
            if let Ok(cells) = split(&line, b',') {
                proptest::prop_assert!(!cells.is_empty() && cells.len() <= line.len() + 1);
            }
        }
    }

    #[test]
    fn the_delimiter_is_found_by_the_columns_it_finds() {
        let known = |name: &str| ["age", "gender"].contains(&name);
        for line in ["age,gender", "age;gender", "\u{feff}age\tgender", "\"terms, of use; x\";age;gender"] {
            let header = Header::read(line.as_bytes(), known).unwrap();
            assert!(header.names.ends_with(&["age".into(), "gender".into()]), "{line}");
        }
    }

    #[test]
    fn a_first_line_that_is_no_header_is_refused_by_name() {
        let read = |line: &[u8]| Header::read(line, |name| name == "age").unwrap_err();
        assert_eq!(read(b"12,Female"), NoHeader::NoneKnown);
        assert_eq!(read(b"age|gender"), NoHeader::NoneKnown);
        assert_eq!(read(b"age,x,age"), NoHeader::Twice("age".into()));
        assert_eq!(read(b"\xff\xfea\0g\0e\0"), NoHeader::Utf16);
        assert_eq!(read(b"age,\0"), NoHeader::NotText);
        assert_eq!(read(b"age,\xff"), NoHeader::NotText);
    }

    #[test]
    fn a_line_is_refused_by_column_and_class_and_never_by_value() {
        let header = Header::read(b"age,gender", |_| true).unwrap();
        let fault = |line: &[u8]| {
            let Fault { column, class, reason } = header.cells(line).unwrap_err();
            (column, class, reason)
        };
        assert_eq!(fault(b"1"), (String::new(), "too few cells", "wrong-number-of-cells"));
        assert_eq!(fault(b"1,2,3"), (String::new(), "too many cells", "wrong-number-of-cells"));
        assert_eq!(fault(b"1,\xff"), ("gender".into(), "not UTF-8", "not-utf-8"));
        assert_eq!(fault(b"1\0,x"), ("age".into(), "control characters", "control-character"));
        assert_eq!(header.cells(b" 1 , x ").unwrap(), ["1", "x"]);
    }
}
