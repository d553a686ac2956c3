//! What a source states about one case.

use super::{CaseStatus, Codes, Duration, Gender, Industry, Place, Platform, StageEvent, StatedDate};
use varde_proto::vocabulary::{
    Act, AgeBand, AgeReference, Assertion, BorderType, ChildSituation, Country, DecidedBy, Determinant, Form,
    Indicator, InformationGrade, LegalRegime, MeansGroup, MeansOfControl, RecruiterRelation, RecruitmentMethod,
    Service, SourceGrade, SourceType, Transport, VictimStatus,
};

/// What a source states about one case. Unchecked until [`super::Record::register`] takes it; inside a record every field
/// keeps the bounds that are checked there. A single code that the source does not give is UNKNOWN, a set is empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Stated {
    /// Who keeps the file: a code or short name of an organisation, never a person. At most 64 bytes.
    pub agency: String,
    /// The agency's own reference of the case. At most 64 bytes; never leaves.
    pub reference: String,
    /// The law under which the record is kept: GDPR or LED.
    pub regime: LegalRegime,
    /// Fact or assessment (Directive (EU) 2016/680, Art. 7(1)).
    pub assertion: Assertion,
    /// How reliable the source is (Regulation (EU) 2016/794, Art. 29).
    pub source_grade: SourceGrade,
    /// How accurate the information is (the same article).
    pub information_grade: InformationGrade,
    /// First registration of the child as a victim, as the source says it; the day of import where it does not.
    pub registered_on: Option<StatedDate>,
    /// Until when it may be kept, where that is fixed.
    pub retain_until: Option<StatedDate>,
    /// How far the identification of the child has come.
    pub status: VictimStatus,
    /// Who decided on the status.
    pub decided_by: DecidedBy,
    /// State of the case file.
    pub case_status: CaseStatus,
    /// Age in whole years at `age_reference`, where it is known. Never leaves.
    pub age: Option<u8>,
    /// Age band. With an exact age, the band that holds it.
    pub age_band: AgeBand,
    /// To which moment the age refers.
    pub age_reference: AgeReference,
    /// Gender.
    pub gender: Gender,
    /// Citizenships; empty where not stated.
    pub citizenships: Vec<Country>,
    /// First language, ISO 639-2, three small letters.
    pub language: Option<[u8; 3]>,
    /// The main form of exploitation; unknown where several are stated and none is named as the main one.
    pub primary_form: Form,
    /// Forms of exploitation, the main one included.
    pub forms: Codes<Form>,
    /// Means of control. Never needed to accept a child's record (Palermo Protocol, Art. 3(c)).
    pub means: Codes<MeansOfControl>,
    /// Groups of means, from sources that state no more than the group.
    pub means_groups: Codes<MeansGroup>,
    /// Acts of trafficking.
    pub acts: Codes<Act>,
    /// Methods of recruitment.
    pub recruitment: Codes<RecruitmentMethod>,
    /// The recruiter's relation to the child.
    pub relations: Codes<RecruiterRelation>,
    /// Platforms on which the child was recruited or exploited. Never leave by name.
    pub platforms: Codes<Platform>,
    /// The child's situation.
    pub situations: Codes<ChildSituation>,
    /// Who referred the case or told of it.
    pub sources: Codes<SourceType>,
    /// Indicators (signs) that were seen.
    pub indicators: Codes<Indicator>,
    /// Risk and protection determinants.
    pub determinants: Codes<Determinant>,
    /// Sections of the industries of forced labour.
    pub industries: Codes<Industry>,
    /// Means of transport.
    pub transport: Codes<Transport>,
    /// Kinds of border crossing.
    pub borders: Codes<BorderType>,
    /// Kinds of support.
    pub services: Codes<Service>,
    /// How long the exploitation lasted.
    pub duration: Duration,
    /// Countries and regions with their role, in the order of the child's way.
    pub places: Vec<Place>,
    /// Events of the national referral mechanism, in the order in which they were stated.
    pub stages: Vec<StageEvent>,
}

impl Stated {
    /// A case of which the source states nothing but that it is one: GDPR, an assessment, all else unknown.
    pub fn nothing() -> Self {
        Self {
            agency: String::new(),
            reference: String::new(),
            regime: LegalRegime::GDPR,
            assertion: Assertion::ASSESSMENT,
            source_grade: SourceGrade::UNKNOWN,
            information_grade: InformationGrade::UNKNOWN,
            registered_on: None,
            retain_until: None,
            status: VictimStatus::UNKNOWN,
            decided_by: DecidedBy::UNKNOWN,
            case_status: CaseStatus::UNKNOWN,
            age: None,
            age_band: AgeBand::UNKNOWN,
            age_reference: AgeReference::UNKNOWN,
            gender: Gender::UNKNOWN,
            citizenships: Vec::new(),
            language: None,
            primary_form: Form::UNKNOWN,
            forms: Codes::NONE,
            means: Codes::NONE,
            means_groups: Codes::NONE,
            acts: Codes::NONE,
            recruitment: Codes::NONE,
            relations: Codes::NONE,
            platforms: Codes::NONE,
            situations: Codes::NONE,
            sources: Codes::NONE,
            indicators: Codes::NONE,
            determinants: Codes::NONE,
            industries: Codes::NONE,
            transport: Codes::NONE,
            borders: Codes::NONE,
            services: Codes::NONE,
            duration: Duration::UNKNOWN,
            places: Vec::new(),
            stages: Vec::new(),
        }
    }
}
