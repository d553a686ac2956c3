//! The parts of a record: sets of codes, countries, places, events, grading.

use super::{Record, Stated, StatedDate};
use std::fmt;

/// Numbers of one vocabulary, ascending, each once. A number that this version does not know is kept.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Codes(Vec<u16>);

impl Codes {
    /// Sorted and each once; how many there may be is checked when a record is registered.
    pub fn new(numbers: impl IntoIterator<Item = u16>) -> Self {
        let mut numbers: Vec<u16> = numbers.into_iter().collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self(numbers)
    }

    /// The numbers, ascending.
    pub fn as_slice(&self) -> &[u16] {
        &self.0
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.0.iter().copied()
    }

    /// Whether the number is among them.
    pub fn contains(&self, number: u16) -> bool {
        self.0.binary_search(&number).is_ok()
    }

    /// Whether nothing was stated.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// Two capital letters: ISO 3166-1 alpha-2, or XK.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode([u8; 2]);

impl CountryCode {
    /// Reads `NO`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Some(Self([*a, *b])),
            _ => None,
        }
    }

    /// `NO`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

/// A NUTS-1 region: the country as NUTS writes it (`EL` for GR, `UK` for GB) and one more character, for example `RO3`.
/// Anything smaller has no place in a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nuts1([u8; 3]);

impl Nuts1 {
    /// Reads a region of `country`.
    pub fn parse(text: &str, country: CountryCode) -> Option<Self> {
        let prefix = match country.as_str() {
            "GR" => "EL",
            "GB" => "UK",
            same => same,
        };
        let last = text.strip_prefix(prefix)?.as_bytes();
        let fits = matches!(last, [c] if c.is_ascii_uppercase() || c.is_ascii_digit());
        if fits { text.as_bytes().try_into().ok().map(Self) } else { None }
    }

    /// `RO3`.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }
}

/// A country with its role in the case (a country without a role says nothing), in the order of the child's way.
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// Number of the vocabulary of country roles: recruitment, transit, exploitation, ...
    pub role: u16,
    /// The country.
    pub country: CountryCode,
    /// The region, where it is known.
    pub region: Option<Nuts1>,
    /// When, at most to the month.
    pub when: Option<StatedDate>,
}

/// An event of the child's way through the national referral mechanism. Stages are not linear, so events are kept and
/// the state is derived.
#[derive(Clone, PartialEq, Eq)]
pub struct StageEvent {
    /// Number of the vocabulary of stages.
    pub stage: u16,
    /// When it happened, where it is known.
    pub on: Option<StatedDate>,
}

/// Source and information grading of Regulation (EU) 2016/794, Art. 29: `A1` to `X4`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grading {
    source: u8,
    information: u8,
}

impl Grading {
    /// Reads `B2`: source A, B, C or X, information 1 to 4.
    pub fn parse(text: &str) -> Option<Self> {
        match text.as_bytes() {
            [source @ (b'A' | b'B' | b'C' | b'X'), information @ b'1'..=b'4'] => {
                Some(Self { source: *source, information: information - b'0' })
            }
            _ => None,
        }
    }

    /// How reliable the source is: A, B, C, or X where that cannot be assessed.
    pub fn source(self) -> char {
        char::from(self.source)
    }

    /// How sure the information is: 1 (accuracy not in doubt) to 4 (not known personally, not corroborated).
    pub fn information(self) -> u8 {
        self.information
    }
}

impl fmt::Display for Grading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.source(), self.information)
    }
}

/// Under which law the record is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Regulation (EU) 2016/679.
    Gdpr,
    /// Directive (EU) 2016/680, police and prosecution.
    Led,
}

/// Directive (EU) 2016/680, Art. 7(1): facts are kept apart from assessments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assertion {
    /// Established.
    Fact,
    /// Somebody's judgement.
    Assessment,
}

/// Random, made by this node for one record; never derived from case data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub [u8; 16]);

/// Random, made by this node for one child, so that a child with several records is counted once. Never leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub [u8; 16]);

/// The keyed hash under which the source's row is known here, so that it is taken once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(pub [u8; 32]);

/// Prints no content, so that no log line and no failure can.
macro_rules! not_shown {
    ($($part:ident),*) => {$(
        impl fmt::Debug for $part {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($part), "(not shown)"))
            }
        }
    )*};
}

not_shown!(Codes, Place, StageEvent, RecordId, ChildId, Identity, Record, Stated);
