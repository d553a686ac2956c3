//! The country list, version 1: 252 rows, being the 249 countries of ISO 3166-1, Kosovo under its user-assigned code XK,
//! OTHER and UNKNOWN. Rows are never reordered: trend tables are laid out by them.

use super::{Region, UnknownCode, Vocabulary};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

/// A country, OTHER or UNKNOWN. No country stands without its role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country(u8);

struct Row {
    alpha2: &'static str,
    alpha3: &'static str,
    eurostat: &'static str,
    bloc: &'static str,
    region: Region,
    english: &'static str,
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| include_str!("../../vocabulary/country.tsv").lines().skip(1).filter_map(read).collect());

/// Alerts name countries by alpha-2 codes only, and an auditor reads millions of alerts.
static BY_ALPHA2: LazyLock<BTreeMap<&'static str, Country>> =
    LazyLock::new(|| Country::all().map(|country| (country.code(), country)).collect());

fn read(line: &'static str) -> Option<Row> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    let (alpha2, alpha3, eurostat, bloc) = (next()?, next()?, next()?, next()?);
    let region = Region::parse(next()?).ok()?;
    Some(Row { alpha2, alpha3, eurostat, bloc, region, english: next()? })
}

impl Country {
    /// Rows of the list.
    pub const COUNT: usize = 252;
    /// A country or territory outside the list.
    pub const OTHER: Self = Self(250);
    /// Asked, not known.
    pub const UNKNOWN: Self = Self(251);

    /// Reads an ISO 3166-1 alpha-2 code in upper case, `XK`, `OTHER` or `UNKNOWN`.
    pub fn parse(text: &str) -> Result<Self, UnknownCode> {
        BY_ALPHA2.get(text).copied().ok_or_else(|| unknown(text))
    }

    /// Reads an ISO 3166-1 alpha-3 code in upper case, or `XKX`.
    pub fn from_alpha3(text: &str) -> Result<Self, UnknownCode> {
        Self::find(text, |row| row.alpha3)
    }

    /// Reads the code of Eurostat and NUTS, which say EL for Greece and UK for the United Kingdom.
    pub fn from_eurostat(text: &str) -> Result<Self, UnknownCode> {
        Self::find(text, |row| row.eurostat)
    }

    fn find(text: &str, column: impl Fn(&Row) -> &'static str) -> Result<Self, UnknownCode> {
        let place = ROWS.iter().position(|row| text != "-" && column(row) == text);
        let found = place.and_then(|place| u8::try_from(place).ok()).map(Self);
        found.ok_or_else(|| unknown(text))
    }

    /// The country of a row.
    pub fn from_index(index: usize) -> Option<Self> {
        u8::try_from(index).ok().filter(|_| index < Self::COUNT).map(Self)
    }

    /// Its row, 0 to 251.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// `NO`; for the last two rows `OTHER` and `UNKNOWN`.
    pub fn code(self) -> &'static str {
        self.row().map_or("UNKNOWN", |row| row.alpha2)
    }

    /// `NOR`; nothing for OTHER and UNKNOWN.
    pub fn alpha3(self) -> Option<&'static str> {
        self.row().map(|row| row.alpha3).filter(|code| *code != "-")
    }

    /// `EL` for Greece, `UK` for the United Kingdom, else the ISO code; nothing for OTHER and UNKNOWN.
    pub fn eurostat(self) -> Option<&'static str> {
        self.row().map(|row| row.eurostat).filter(|code| *code != "-")
    }

    /// Its name in English.
    pub fn label(self) -> &'static str {
        self.row().map_or("unknown", |row| row.english)
    }

    /// Its region after UN M49.
    pub fn region(self) -> Region {
        self.row().map_or(Region::UNKNOWN, |row| row.region)
    }

    /// Whether it is a member of the European Union.
    pub fn in_eu(self) -> bool {
        self.row().is_some_and(|row| row.bloc == "EU")
    }

    /// Whether it is in the European Economic Area (the Union, Iceland, Liechtenstein, Norway).
    pub fn in_eea(self) -> bool {
        self.row().is_some_and(|row| row.bloc != "-")
    }

    /// Whether it is a country, not OTHER or UNKNOWN.
    pub fn is_named(self) -> bool {
        self.0 < Self::OTHER.0
    }

    /// Every row, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).filter_map(Self::from_index)
    }

    fn row(self) -> Option<&'static Row> {
        ROWS.get(self.index())
    }
}

fn unknown(text: &str) -> UnknownCode {
    UnknownCode { list: "Country", got: text.chars().take(80).collect() }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
