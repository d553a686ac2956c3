//! The case record: one child's case as this country holds it.
//!
//! In: HTCDS 2.0 (UNMigration/HTCDS, CC BY 4.0) as far as it serves child cases, with the additions of this project:
//! forced criminality, restricts-movement, child situation, referral source, stages of the national referral mechanism,
//! determinants, countries with their role. No slot for a name, a number of an identity paper, an address, a telephone
//! or a text. Out: reading files (`varde record import`), storing ([`crate::flow`]), what may leave of it
//! ([`crate::national`]: minimise and aggregate).

mod codec;
mod date;
mod parts;
mod register;

pub use codec::NotARecord;
pub use date::StatedDate;
pub use parts::{
    Assertion, ChildId, Codes, CountryCode, Grading, Identity, Nuts1, Place, RecordId, Regime, StageEvent,
};
pub use register::{Reason, Refusal};

use varde_proto::time::Period;

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

/// What a source states about one case, by number of the vocabularies. Unchecked until [`Record::register`] takes it;
/// inside a [`Record`] every field keeps the bounds that are checked there. 0 is never a code: a single code that the source
/// does not give is 98 (unknown), a set is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Stated {
    /// Who keeps the file: a code or short name of an organisation, never a person. At most 64 bytes.
    pub agency: String,
    /// The agency's own reference of the case. At most 64 bytes; never leaves.
    pub reference: String,
    /// The law under which the record is kept.
    pub regime: Regime,
    /// Fact or assessment.
    pub assertion: Assertion,
    /// Source and information grading, where the source gives one.
    pub grading: Option<Grading>,
    /// First registration of the child as a victim, as the source says it; the day of import where it does not.
    pub registered_on: Option<StatedDate>,
    /// Until when it may be kept, where that is fixed.
    pub retain_until: Option<StatedDate>,
    /// Victim status.
    pub status: u16,
    /// Who decided on the status.
    pub decided_by: u16,
    /// State of the case file: active, follow-up, closed.
    pub case_status: u16,
    /// Age in whole years at `age_reference`, where it is known. Never leaves.
    pub age: Option<u8>,
    /// Age band. With an exact age, the band that holds it.
    pub age_band: u16,
    /// To which moment the age refers: registration, recruitment, exploitation.
    pub age_reference: u16,
    /// Gender (HTCDS).
    pub gender: u16,
    /// Citizenships; empty where not stated.
    pub citizenships: Vec<CountryCode>,
    /// First language, ISO 639-2, three small letters.
    pub language: Option<[u8; 3]>,
    /// The main form of exploitation; unknown where several are stated and none is named as the main one.
    pub primary_form: u16,
    /// Forms of exploitation, the main one included.
    pub forms: Codes,
    /// Means of control. Never needed to accept a child's record (Palermo Protocol, Art. 3(c)).
    pub means: Codes,
    /// Acts: recruitment, transportation, transfer, harbouring, receipt, exchange of control.
    pub acts: Codes,
    /// Methods of recruitment.
    pub recruitment: Codes,
    /// The recruiter's relation to the child.
    pub relations: Codes,
    /// Platforms on which the child was recruited or exploited (HTCDS).
    pub platforms: Codes,
    /// The child's situation.
    pub situations: Codes,
    /// Who referred the case or told of it.
    pub sources: Codes,
    /// Indicators (signs) that were seen.
    pub indicators: Codes,
    /// Risk and protection determinants.
    pub determinants: Codes,
    /// Sections of the industries of forced labour (ISIC Rev. 4): 1 for A to 21 for U.
    pub industries: Codes,
    /// Means of transport.
    pub transport: Codes,
    /// Kinds of border crossing.
    pub borders: Codes,
    /// Kinds of support (HTCDS support plan).
    pub services: Codes,
    /// How long the exploitation lasted: band.
    pub duration: u16,
    /// Countries and regions with their role, in the order of the child's way.
    pub places: Vec<Place>,
    /// Events of the national referral mechanism, in the order in which they were stated.
    pub stages: Vec<StageEvent>,
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
        (band::YOUNGEST..=band::PRESUMED_CHILD).contains(&self.stated.age_band)
    }

    /// Number of the vocabulary of sex: HTCDS gender rolled up to female, male, other, unknown.
    pub fn sex(&self) -> u16 {
        match self.stated.gender {
            1 => 1,
            2 => 2,
            98.. => self.stated.gender,
            _ => 97,
        }
    }

    /// The countries of one role, in the order of the child's way.
    pub fn countries(&self, role: u16) -> impl Iterator<Item = CountryCode> + '_ {
        self.stated.places.iter().filter(move |place| place.role == role).map(|place| place.country)
    }
}

/// Numbers of the vocabulary of age bands.
mod band {
    pub(super) const YOUNGEST: u16 = 1;
    pub(super) const PRESUMED_CHILD: u16 = 6;
    pub(super) const UNKNOWN: u16 = 98;

    /// The band of an age in years; 18 and over has none.
    pub(super) fn of(age: u8) -> Option<u16> {
        match age {
            0..=8 => Some(1),
            9..=13 => Some(2),
            14..=15 => Some(3),
            16..=17 => Some(4),
            _ => None,
        }
    }
}

#[cfg(test)]
pub(crate) mod sample;
