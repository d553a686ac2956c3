//! From case records to what may leave of them: counting distinct children, dropping whatever fewer than k of them share,
//! widening what is too exact, and saying so field by field.
//!
//! In: patterns over many cases ([`Gathering`]), a pointer from one ([`pointer()`]), and the explanation of both. Out: the
//! rules that the result is judged by (`varde_proto::alert::rules`, which sender and receiver share), and keeping drafts
//! (`flow::alert`).
//!
//! The minimum k is that of the colour under which it will leave: 10 for GREEN and CLEAR, 5 for AMBER, 3 for AMBER_STRICT,
//! and none for RED, which a second person must approve.

mod explain;
mod gather;
mod method;
mod pointer;
mod route;
mod share;

pub use gather::{Gathering, Query};
pub use pointer::{Missing, pointer};

use varde_proto::alert::{Observed, Subject};
use varde_proto::draft::Explained;
use varde_proto::time::Period;
use varde_proto::vocabulary::{AlertKind, IndependentSources, SourceType, SupportBand, Tlp};

/// What may leave, and what was done to make it so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minimised {
    /// The content of its kind.
    pub subject: Subject,
    /// When it was observed.
    pub observed: Observed,
    /// How many distinct children stand behind it.
    pub support: SupportBand,
    /// Types of source that enough children share.
    pub sources: Vec<SourceType>,
    /// How many agencies say so.
    pub independent_sources: IndependentSources,
    /// Whether a child among them seeks or has protection: then X4 must hold.
    pub asylum: bool,
    /// The countries that such a child may fear, as far as the record names them.
    pub feared: std::collections::BTreeSet<varde_proto::vocabulary::Country>,
    /// Field by field.
    pub fields: Vec<Explained>,
}

/// Why nothing may leave. Shown to our own staff only: the counts are exact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TooLittle {
    /// Fewer distinct children than the colour demands.
    #[error("{found} distinct children match, and {tlp} demands {wanted}")]
    Children {
        /// Distinct children that match.
        found: u64,
        /// k.
        wanted: u64,
        /// The colour.
        tlp: Tlp,
    },
    /// No way between two countries is shared by enough children.
    #[error("no way between two countries is shared by {wanted} distinct children, which {tlp} demands")]
    Way {
        /// k.
        wanted: u64,
        /// The colour.
        tlp: Tlp,
    },
    /// No country in any role is shared by enough children.
    #[error("no country is shared by {wanted} distinct children, which {tlp} demands")]
    Country {
        /// k.
        wanted: u64,
        /// The colour.
        tlp: Tlp,
    },
    /// A record of which it is not known that it is a child's.
    #[error("the record is not known to be a child's")]
    NotAChild,
    /// A record that does not say in which country the child was last.
    #[error("the record names no country in which the child was last")]
    Nowhere,
    /// A period that is not a quarter.
    #[error("{0} is not a quarter")]
    NotAQuarter(Period),
    /// A kind that is not drawn from records.
    #[error("{0} is not drawn from records by a query")]
    Kind(AlertKind),
}

#[cfg(test)]
mod tests;
