//! The case record: one child's case as this country holds it.
//!
//! In: HTCDS 2.0 (UNMigration/HTCDS, CC BY 4.0) as far as it serves child cases, with the additions of this project:
//! forced criminality, restricts-movement, child situation, referral source, stages of the national referral mechanism,
//! determinants, countries with their role. No slot for a name, a number of an identity paper, an address, a telephone
//! or a text. Out: reading files (`varde record import`), storing ([`crate::flow`]), what may leave of it
//! ([`crate::national`]: minimise and aggregate).

mod codec;
mod date;
mod lists;
mod parts;
mod register;
mod stated;

pub use codec::NotARecord;
pub use date::StatedDate;
pub use lists::{CaseStatus, Code, Duration, Gender, Industry, Platform};
pub use parts::{ChildId, Codes, Identity, Place, RecordId, StageEvent};
pub use register::{Reason, Refusal};
pub use stated::Stated;

use varde_proto::time::Period;
use varde_proto::vocabulary::{Country, CountryRole, Sex};

/// One case as the country holds it. It never leaves, and the compiler agrees: nothing makes a payload of it.
///
/// ```compile_fail,E0277
/// fn crosses_border<P: varde_proto::envelope::Payload>() {}
/// crosses_border::<varde_node::national::record::Record>();
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    id: RecordId,
    child: ChildId,
    identity: Identity,
    registered_on: StatedDate,
    stated: Stated,
}

impl Record {
    /// Its local id.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// The child's local id: the same in every record of one child, as far as the source says so.
    pub fn child(&self) -> ChildId {
        self.child
    }

    /// The keyed hash of the source's row.
    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Frozen at import: the cohort in which the child is counted, for good.
    pub fn registered_on(&self) -> StatedDate {
        self.registered_on
    }

    /// Whether it counts in the cohort `period`.
    pub fn registered_in(&self, period: Period) -> bool {
        self.registered_on.lies_in(period)
    }

    /// Everything the source stated, checked. Every field is for this country's eyes; what may leave, and how coarse, is
    /// decided in minimise and aggregate.
    pub fn stated(&self) -> &Stated {
        &self.stated
    }

    /// Whether the case is known to be a child's: an age that is not known is kept, and stands outside every child table.
    pub fn is_child(&self) -> bool {
        self.stated.age_band.years().is_some()
    }

    /// Gender rolled up to sex.
    pub fn sex(&self) -> Sex {
        match self.stated.gender {
            Gender::FEMININE => Sex::FEMALE,
            Gender::MASCULINE => Sex::MALE,
            Gender::UNKNOWN => Sex::UNKNOWN,
            Gender::NOT_COLLECTED => Sex::NOT_COLLECTED,
            _ => Sex::OTHER,
        }
    }

    /// The countries of one role, in the order of the child's way.
    pub fn countries(&self, role: CountryRole) -> impl Iterator<Item = Country> + '_ {
        self.stated.places.iter().filter(move |place| place.role == role).map(|place| place.country)
    }
}

#[cfg(test)]
pub(crate) mod sample;
