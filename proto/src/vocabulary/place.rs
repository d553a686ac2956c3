//! The NUTS-1 regions (classification of 2021, with those of EFTA, candidate countries and the United Kingdom): the
//! smallest place that an alert can name, and only where enough cases stand behind it.

use super::{Country, UnknownCode};
use std::fmt;
use std::sync::LazyLock;

/// A NUTS-1 region. Its code begins with Eurostat's country code, so `EL3` belongs to GR.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nuts1(u8);

struct Row {
    code: &'static str,
    country: Country,
    english: &'static str,
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| include_str!("../../vocabulary/nuts1.tsv").lines().skip(1).filter_map(read).collect());

fn read(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let code = cells.next()?;
    let country = Country::parse(cells.next()?).ok()?;
    Some(Row { code, country, english: cells.next()? })
}

impl Nuts1 {
    /// Reads a code such as `EL3`.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        let place = ROWS.iter().position(|row| row.code == text).and_then(|place| u8::try_from(place).ok());
        place.map(Self).ok_or_else(|| UnknownCode { list: "Nuts1", got: text.chars().take(80).collect() })
    }

    /// `EL3`.
    pub fn code(self) -> &'static str {
        self.row().map_or("", |row| row.code)
    }

    /// Its name in English.
    pub fn label(self) -> &'static str {
        self.row().map_or("", |row| row.english)
    }

    /// The country in which it lies.
    pub fn country(self) -> Country {
        self.row().map_or(Country::UNKNOWN, |row| row.country)
    }

    /// Every region, by country as Eurostat orders them.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..ROWS.len()).filter_map(|place| u8::try_from(place).ok()).map(Self)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.get(usize::from(self.0))
    }
}

impl fmt::Display for Nuts1 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
