//! The parts of a record: sets of codes, places, events, ids.

use super::{Code, Record, Stated, StatedDate};
use std::fmt;
use varde_proto::vocabulary::{Country, CountryRole, NrmStage, Nuts1};

/// Codes of one list, ascending, each once.
#[derive(Clone, PartialEq, Eq)]
pub struct Codes<C>(Vec<C>);

impl<C: Code> Codes<C> {
    /// None.
    pub const NONE: Self = Self(Vec::new());

    /// Sorted and each once; how many there may be is checked when a record is registered.
    pub fn new(codes: impl IntoIterator<Item = C>) -> Self {
        let mut codes: Vec<C> = codes.into_iter().collect();
        codes.sort_unstable();
        codes.dedup();
        Self(codes)
    }

    /// The codes, ascending.
    pub fn as_slice(&self) -> &[C] {
        &self.0
    }

    /// The codes, ascending.
    pub fn iter(&self) -> impl Iterator<Item = C> + '_ {
        self.0.iter().copied()
    }

    /// Whether the code is among them.
    pub fn contains(&self, code: C) -> bool {
        self.0.binary_search(&code).is_ok()
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

/// A country with its role in the case (a country without a role says nothing).
#[derive(Clone, PartialEq, Eq)]
pub struct Place {
    /// What the country is in the case.
    pub role: CountryRole,
    /// The country.
    pub country: Country,
    /// The region of it, where it is known.
    pub region: Option<Nuts1>,
    /// When, where it is known.
    pub when: Option<StatedDate>,
}

/// An event of the child's way through the national referral mechanism. Stages are not linear, so events are kept and
/// the state is derived.
#[derive(Clone, PartialEq, Eq)]
pub struct StageEvent {
    /// What happened.
    pub stage: NrmStage,
    /// When, where it is known.
    pub on: Option<StatedDate>,
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

impl<C> fmt::Debug for Codes<C> {
    /// Prints no content.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Codes(not shown)")
    }
}

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

not_shown!(Place, StageEvent, RecordId, ChildId, Identity, Record, Stated);
