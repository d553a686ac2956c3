//! What an alert says, as types: the envelope fields that are known when it is drafted, and the content of its kind.

use super::kinds::*;
use crate::id::{AlertId, Digest};
use crate::limits;
use crate::time::{Period, Timestamp};
use crate::vocabulary::*;
use std::collections::BTreeSet;

/// An alert before it is issued: everything but header, time of issue and the commitment to the sharing decision. Only
/// codes, periods, ids, times and a random token: no slot for a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertContent {
    /// Of the alert and of its draft: 128 random bits.
    pub id: AlertId,
    /// 1 for the first version.
    pub version: u32,
    /// E of the version before.
    pub supersedes: Option<Digest>,
    /// What it does to the chain of versions.
    pub msg_type: MsgType,
    /// Which desk of the issuer answers.
    pub desk_role: DeskRole,
    /// A period for patterns, a band of elapsed time for pointers.
    pub observed: Observed,
    /// When every holder erases it. To the day for patterns, to the minute for pointers.
    pub expires_at: Timestamp,
    /// When the issuer looks at it again. Same precision.
    pub review_at: Timestamp,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Handling codes.
    pub handling: BTreeSet<Handling>,
    /// What it may be used for.
    pub purposes: BTreeSet<Purpose>,
    /// What it may never be used for.
    pub prohibitions: BTreeSet<Prohibition>,
    /// Law under which the issuer processes.
    pub legal_regime: LegalRegime,
    /// The article.
    pub legal_basis: LegalBasis,
    /// Ground for recipients outside the EU and EEA.
    pub transfer_ground: TransferGround,
    /// L0 for patterns, L1 for pointers.
    pub personal_data_level: PersonalDataLevel,
    /// Where it comes from.
    pub sources: BTreeSet<SourceType>,
    /// How reliable the source is.
    pub source_grade: SourceGrade,
    /// How accurate the information is.
    pub information_grade: InformationGrade,
    /// Fact or assessment.
    pub assertion: Assertion,
    /// How certain it is.
    pub certainty: Certainty,
    /// Distinct children behind it.
    pub support: SupportBand,
    /// Independent sources behind it.
    pub independent_sources: IndependentSources,
    /// What the recipient is asked to do.
    pub requested_actions: BTreeSet<RequestedAction>,
    /// By when an answer is asked for, to the minute.
    pub reply_by: Option<Timestamp>,
    /// Over which legal channel the issuer is reached.
    pub contact_channel: ContactChannel,
    /// What the caller names there: 80 random bits.
    pub contact_token: [u8; limits::CONTACT_TOKEN_BYTES],
    /// The content of its kind.
    pub subject: Subject,
}

impl AlertContent {
    /// Its kind, which is its subject's.
    pub fn kind(&self) -> AlertKind {
        self.subject.kind()
    }
}

/// When what it tells of was observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observed {
    /// A quarter, for patterns.
    Period(Period),
    /// Time since the child was last seen, for pointers.
    Elapsed(ElapsedBand),
}

/// The content of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// A child is missing; talk to us.
    MissingChildPointer(MissingChildPointer),
    /// How traffickers work.
    ModusOperandi(ModusOperandi),
    /// Where children are moved.
    RouteCorridor(RouteCorridor),
    /// A child may be taken out of the country.
    ChildAtRiskOfRemovalPointer(ChildAtRiskOfRemovalPointer),
    /// A child was found, and nobody knows who it is.
    FoundChildQuery(FoundChildQuery),
    /// Asks another country to go on caring for a child.
    CrossBorderReferralRequest(CrossBorderReferralRequest),
    /// How children are approached.
    RecruitmentPattern(RecruitmentPattern),
    /// What is done with documents.
    DocumentPattern(DocumentPattern),
    /// Children disappear from reception or care.
    CentreDisappearancePattern(CentreDisappearancePattern),
    /// Something happens that may put children at risk.
    SituationalWarning(SituationalWarning),
    /// What was done to prevent trafficking.
    PreventionPractice(PreventionPractice),
    /// A trend summary was released.
    TrendSummaryNotice(TrendSummaryNotice),
}

impl Subject {
    /// Its kind.
    pub fn kind(&self) -> AlertKind {
        match self {
            Self::MissingChildPointer(_) => AlertKind::MISSING_CHILD_POINTER,
            Self::ModusOperandi(_) => AlertKind::MODUS_OPERANDI,
            Self::RouteCorridor(_) => AlertKind::ROUTE_CORRIDOR,
            Self::ChildAtRiskOfRemovalPointer(_) => AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER,
            Self::FoundChildQuery(_) => AlertKind::FOUND_CHILD_QUERY,
            Self::CrossBorderReferralRequest(_) => AlertKind::CROSS_BORDER_REFERRAL_REQUEST,
            Self::RecruitmentPattern(_) => AlertKind::RECRUITMENT_PATTERN,
            Self::DocumentPattern(_) => AlertKind::DOCUMENT_PATTERN,
            Self::CentreDisappearancePattern(_) => AlertKind::CENTRE_DISAPPEARANCE_PATTERN,
            Self::SituationalWarning(_) => AlertKind::SITUATIONAL_WARNING,
            Self::PreventionPractice(_) => AlertKind::PREVENTION_PRACTICE,
            Self::TrendSummaryNotice(_) => AlertKind::TREND_SUMMARY_NOTICE,
        }
    }
}

/// Says that somebody in the issuing country has a case to talk about, not who the child is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingChildPointer {
    /// Kind of missing child case.
    pub missing_type: MissingType,
    /// Age band.
    pub age_band: AgeBand,
    /// FEMALE, MALE or UNKNOWN.
    pub sex: Sex,
    /// Where the child was last seen.
    pub last_seen: Place,
    /// At most three, each once, by rising country.
    pub suspected_destinations: Vec<SuspectedDestination>,
    /// Means of transport.
    pub transports: BTreeSet<Transport>,
    /// Situations that may leave the country.
    pub situations: BTreeSet<ChildSituation>,
    /// How urgent.
    pub risk_tier: RiskTier,
    /// Suspected forms of exploitation.
    pub forms: BTreeSet<Form>,
    /// Alerts in other systems.
    pub external_alerts: BTreeSet<ExternalAlert>,
}

/// A country, and a region of it where that is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The country.
    pub country: Country,
    /// A region of that country.
    pub nuts1: Option<Nuts1>,
}

/// Where a missing child may have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SuspectedDestination {
    /// The country.
    pub country: Country,
    /// How certain.
    pub certainty: Certainty,
}

/// How traffickers work, over at least k cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModusOperandi {
    /// Forms of exploitation.
    pub forms: BTreeSet<Form>,
    /// Acts.
    pub acts: BTreeSet<Act>,
    /// Means of control, by group.
    pub means: BTreeSet<MeansGroup>,
    /// What recruiters were to the children.
    pub recruiter_relations: BTreeSet<RecruiterRelation>,
    /// How children were recruited.
    pub recruitment_methods: BTreeSet<RecruitmentMethod>,
    /// Signs.
    pub indicators: BTreeSet<Indicator>,
    /// Two bands or more, or the one that covers all children.
    pub age_bands: BTreeSet<AgeBand>,
    /// Both when each has k cases, else empty.
    pub sexes: BTreeSet<Sex>,
    /// Means of transport.
    pub transports: BTreeSet<Transport>,
    /// Countries by role.
    pub countries: BTreeSet<CountryInRole>,
    /// Which way it moves.
    pub trend: Trend,
    /// What helps against it.
    pub countermeasures: BTreeSet<Countermeasure>,
}

/// A country in a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CountryInRole {
    /// What it is in the pattern.
    pub role: CountryRole,
    /// The country.
    pub country: Country,
}

/// Where children are moved, over at least k cases on each leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteCorridor {
    /// Forms of exploitation.
    pub forms: BTreeSet<Form>,
    /// Two to eight, in the order of travel.
    pub stops: Vec<Stop>,
    /// One fewer than stops; leg n leads from stop n to stop n + 1.
    pub legs: Vec<Leg>,
}

/// A place on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// What the place is on the route.
    pub role: CountryRole,
    /// Where it is.
    pub place: Place,
}

/// The way between two stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leg {
    /// Kind of border crossing.
    pub border_type: BorderType,
    /// Means of transport.
    pub transport: Transport,
    /// Distinct children who were moved over this leg.
    pub support: SupportBand,
}
