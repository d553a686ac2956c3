//! The kinds of alert that are lists of fields and nothing else: each field once, with its name in the file of a draft and the code with
//! which it is refused. What a kind's
//! fields must keep beyond their form stands in [`super::rules`].
//!
//! In: the types, their one encoding, how they are shown and drafted, and an invented example of each. Out: MISSING_CHILD_POINTER,
//! MODUS_OPERANDI and ROUTE_CORRIDOR, which the node also draws from records (`content`, `encode`, `decode`, `show`).

#[cfg(any(test, feature = "operator"))]
pub(crate) mod example;
mod slot;

pub use slot::Family;
pub(super) use slot::Slot;

use super::content::{CountryInRole, Place, Subject, SuspectedDestination};
use crate::envelope::Rejection;
use crate::id::Digest;
#[cfg(feature = "operator")]
use crate::json::Fields;
use crate::json::Out;
use crate::time::{Period, Week};
use crate::vocabulary::*;
use crate::wire::peer;
use std::collections::BTreeSet;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident { $($(#[$what:meta])* $field:ident: $type:ty = $name:literal $code:literal $(or $unsaid:expr)?;)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub struct $kind {
            $($(#[$what])* pub $field: $type,)*
        }

        impl $kind {
            pub(super) fn to_wire(&self) -> peer::$kind {
                peer::$kind { $($field: self.$field.to_wire(),)* }
            }

            pub(super) fn from_wire(wire: peer::$kind) -> Result<Self, Rejection> {
                let peer::$kind { $($field,)* } = wire;
                Ok(Self { $($field: Slot::from_wire($field, $code)?,)* })
            }

            pub(super) fn show(&self) -> Vec<(&'static str, Out)> {
                [$(($name, self.$field.show()),)*].into_iter().filter_map(|(name, out)| Some((name, out?))).collect()
            }

            #[cfg(feature = "operator")]
            pub(crate) fn draft(fields: &mut Fields<'_>) -> Option<Self> {
                $(let $field = kinds!(@draft fields, $type, $name $(, $unsaid)?);)*
                Some(Self { $($field: $field?,)* })
            }
        }
    )*};
    (@draft $fields:ident, $type:ty, $name:literal) => {{
        let stated = <$type as Slot>::draft($fields, $name);
        $fields.need($name, <$type as Slot>::WANTED, stated)
    }};
    (@draft $fields:ident, $type:ty, $name:literal, $unsaid:expr) => {
        Some(<$type as Slot>::draft($fields, $name).unwrap_or($unsaid))
    };
}

kinds! {
    /// L1, RED. A child may be taken out of the issuing country.
    ChildAtRiskOfRemovalPointer {
        /// Why.
        removal_risks: BTreeSet<RemovalRisk> = "removal_risks" "removal-risks";
        /// Age band.
        age_band: AgeBand = "age_band" "age-band" or AgeBand::AGE_CHILD_NFS;
        /// FEMALE, MALE or UNKNOWN.
        sex: Sex = "sex" "sex" or Sex::UNKNOWN;
        /// Where the child is.
        current: Place = "current" "current";
        /// At most three, each once, by rising country.
        suspected_destinations: Vec<SuspectedDestination> = "suspected_destinations" "suspected-destinations" or Vec::new();
        /// When the journey is expected.
        travel_week: Option<Week> = "travel_week" "travel-week" or None;
        /// Over what kind of border.
        border_types: BTreeSet<BorderType> = "border_type" "border-type" or BTreeSet::new();
        /// Means of transport.
        transports: BTreeSet<Transport> = "transport" "transport" or BTreeSet::new();
        /// Situations that may leave the country.
        situations: BTreeSet<ChildSituation> = "situation" "situation" or BTreeSet::new();
        /// How urgent.
        risk_tier: RiskTier = "risk_tier" "risk-tier" or RiskTier::UNKNOWN;
        /// Suspected forms of exploitation.
        forms: BTreeSet<Form> = "forms" "forms" or [Form::UNKNOWN].into();
        /// Whether it stands in the Schengen Information System.
        sis_entry: SisEntry = "sis_entry" "sis-entry" or SisEntry::UNKNOWN;
        /// Alerts in other systems.
        external_alerts: BTreeSet<ExternalAlert> = "external_alerts" "external-alerts" or BTreeSet::new();
    }

    /// L1, RED. A child was found, and nobody knows who it is.
    FoundChildQuery {
        /// As the child says, or as it looks.
        age_band: AgeBand = "age_band" "age-band" or AgeBand::AGE_CHILD_NFS;
        /// Whether the age is disputed.
        age_disputed: YesNo = "age_disputed" "age-disputed" or YesNo::UNKNOWN;
        /// Where.
        found: Place = "found" "found";
        /// In which month.
        found_month: Period = "found_month" "found-month";
        /// What the child speaks: one at most.
        languages: BTreeSet<Language> = "languages" "languages" or BTreeSet::new();
        /// Situations that may leave the country.
        situations: BTreeSet<ChildSituation> = "situation" "situation" or BTreeSet::new();
    }

    /// L1, RED. Asks another country to go on caring for a child.
    CrossBorderReferralRequest {
        /// Why.
        reasons: BTreeSet<ReferralReason> = "reasons" "reasons";
        /// Age band.
        age_band: AgeBand = "age_band" "age-band" or AgeBand::AGE_CHILD_NFS;
        /// What the child needs.
        services: BTreeSet<Service> = "services" "services" or BTreeSet::new();
        /// How soon an answer is needed.
        urgency: ReferralUrgency = "urgency" "urgency" or ReferralUrgency::ROUTINE;
        /// Whether the child has a guardian.
        guardian_in_place: YesNo = "guardian_in_place" "guardian-in-place" or YesNo::UNKNOWN;
        /// Whether the child was told.
        child_informed: YesNo = "child_informed" "child-informed" or YesNo::UNKNOWN;
        /// What the child says of it.
        child_view: ChildView = "child_view" "child-view";
        /// How far the child's best interests were looked into.
        best_interests: BestInterests = "best_interests" "best-interests" or BestInterests::UNKNOWN;
    }

    /// L0. How children are approached, over at least k cases.
    RecruitmentPattern {
        /// Forms of exploitation.
        forms: BTreeSet<Form> = "forms" "forms";
        /// Where.
        platforms: BTreeSet<PlatformClass> = "platform" "platform";
        /// With what.
        lures: BTreeSet<Lure> = "lure" "lure" or BTreeSet::new();
        /// Whom: situations that may leave the country.
        target_situations: BTreeSet<ChildSituation> = "target_situation" "target-situation" or BTreeSet::new();
        /// Of adverts and messages.
        languages: BTreeSet<Language> = "languages" "languages" or BTreeSet::new();
        /// Countries by role.
        countries: BTreeSet<CountryInRole> = "countries" "countries" or BTreeSet::new();
        /// Which way it moves.
        trend: Trend = "trend" "trend" or Trend::UNKNOWN;
        /// What helps against it.
        countermeasures: BTreeSet<Countermeasure> = "countermeasures" "countermeasures" or BTreeSet::new();
    }

    /// L0. What is done with documents, over at least k cases.
    DocumentPattern {
        /// Forms of exploitation.
        forms: BTreeSet<Form> = "forms" "forms";
        /// Classes of documents.
        documents: BTreeSet<DocumentClass> = "documents" "documents";
        /// DO01 to DO06.
        patterns: BTreeSet<Indicator> = "patterns" "patterns";
        /// Whose documents.
        issuing_countries: BTreeSet<Country> = "issuing_countries" "issuing-countries" or BTreeSet::new();
        /// Countries by role.
        countries: BTreeSet<CountryInRole> = "countries" "countries" or BTreeSet::new();
        /// Which way it moves.
        trend: Trend = "trend" "trend" or Trend::UNKNOWN;
    }

    /// L0. Children disappear from reception or care, over at least k cases. Never the centre.
    CentreDisappearancePattern {
        /// The country, and a region where k cases allow it.
        place: Place = "place" "place";
        /// Half of them were gone after this time.
        median_elapsed: ElapsedBand = "median_elapsed" "median-elapsed" or ElapsedBand::UNKNOWN;
        /// Where they are thought to go.
        pull_countries: BTreeSet<Country> = "pull_countries" "pull-countries" or BTreeSet::new();
        /// RD01 to RD10.
        indicators: BTreeSet<Indicator> = "indicators" "indicators" or BTreeSet::new();
        /// Which way it moves.
        trend: Trend = "trend" "trend" or Trend::UNKNOWN;
        /// What helps against it.
        countermeasures: BTreeSet<Countermeasure> = "countermeasures" "countermeasures" or BTreeSet::new();
    }

    /// L0. Something happens that may put children at risk. Not about cases.
    SituationalWarning {
        /// What.
        events: BTreeSet<WarningEvent> = "events" "events";
        /// Forms of exploitation to be expected.
        forms: BTreeSet<Form> = "forms" "forms" or [Form::UNKNOWN].into();
        /// Countries by role.
        countries: BTreeSet<CountryInRole> = "countries" "countries" or BTreeSet::new();
        /// What prevents it.
        countermeasures: BTreeSet<Countermeasure> = "countermeasures" "countermeasures" or BTreeSet::new();
    }

    /// L0. What was done to prevent trafficking, and what came of it. Not about cases.
    PreventionPractice {
        /// Forms of exploitation that it was to prevent.
        forms: BTreeSet<Form> = "forms" "forms" or [Form::UNKNOWN].into();
        /// Whom it reached.
        audiences: BTreeSet<Audience> = "audience" "audience";
        /// What was done.
        methods: BTreeSet<PreventionMethod> = "method" "method";
        /// Against which pattern it helps.
        countermeasures: BTreeSet<Countermeasure> = "countermeasures" "countermeasures" or BTreeSet::new();
        /// What came of it.
        result: PracticeResult = "result" "result" or PracticeResult::NOT_EVALUATED;
        /// Countries by role.
        countries: BTreeSet<CountryInRole> = "countries" "countries" or BTreeSet::new();
    }

    /// L0. A trend summary was released or corrected. Not about cases.
    TrendSummaryNotice {
        /// The family of tables.
        family: Family = "family" "family";
        /// The cohort.
        cohort: Period = "cohort" "cohort";
        /// Which edition.
        edition: NoticeEdition = "edition" "edition";
        /// Digest of the release.
        release: Digest = "release" "release";
        /// Of the one that it corrects.
        revises: Option<Digest> = "revises" "revises" or None;
        /// Whether it cannot be compared with the one before.
        break_in_series: YesNo = "break_in_series" "break-in-series" or YesNo::UNKNOWN;
    }
}

/// Reads the content of one of these kinds; `None` for another's.
pub(super) fn from_wire(content: peer::alert::Content) -> Option<Result<Subject, Rejection>> {
    use peer::alert::Content as Wire;
    Some(match content {
        Wire::ChildAtRiskOfRemovalPointer(w) => {
            ChildAtRiskOfRemovalPointer::from_wire(w).map(Subject::ChildAtRiskOfRemovalPointer)
        }
        Wire::FoundChildQuery(w) => FoundChildQuery::from_wire(w).map(Subject::FoundChildQuery),
        Wire::CrossBorderReferralRequest(w) => {
            CrossBorderReferralRequest::from_wire(w).map(Subject::CrossBorderReferralRequest)
        }
        Wire::RecruitmentPattern(w) => RecruitmentPattern::from_wire(w).map(Subject::RecruitmentPattern),
        Wire::DocumentPattern(w) => DocumentPattern::from_wire(w).map(Subject::DocumentPattern),
        Wire::CentreDisappearancePattern(w) => {
            CentreDisappearancePattern::from_wire(w).map(Subject::CentreDisappearancePattern)
        }
        Wire::SituationalWarning(w) => SituationalWarning::from_wire(w).map(Subject::SituationalWarning),
        Wire::PreventionPractice(w) => PreventionPractice::from_wire(w).map(Subject::PreventionPractice),
        Wire::TrendSummaryNotice(w) => TrendSummaryNotice::from_wire(w).map(Subject::TrendSummaryNotice),
        Wire::MissingChildPointer(_) | Wire::ModusOperandi(_) | Wire::RouteCorridor(_) => return None,
    })
}

/// The message of one of these kinds; `None` for another's.
pub(super) fn to_wire(subject: &Subject) -> Option<peer::alert::Content> {
    use peer::alert::Content as Wire;
    Some(match subject {
        Subject::ChildAtRiskOfRemovalPointer(s) => Wire::ChildAtRiskOfRemovalPointer(s.to_wire()),
        Subject::FoundChildQuery(s) => Wire::FoundChildQuery(s.to_wire()),
        Subject::CrossBorderReferralRequest(s) => Wire::CrossBorderReferralRequest(s.to_wire()),
        Subject::RecruitmentPattern(s) => Wire::RecruitmentPattern(s.to_wire()),
        Subject::DocumentPattern(s) => Wire::DocumentPattern(s.to_wire()),
        Subject::CentreDisappearancePattern(s) => Wire::CentreDisappearancePattern(s.to_wire()),
        Subject::SituationalWarning(s) => Wire::SituationalWarning(s.to_wire()),
        Subject::PreventionPractice(s) => Wire::PreventionPractice(s.to_wire()),
        Subject::TrendSummaryNotice(s) => Wire::TrendSummaryNotice(s.to_wire()),
        Subject::MissingChildPointer(_) | Subject::ModusOperandi(_) | Subject::RouteCorridor(_) => return None,
    })
}

/// The fields of one of these kinds, as people see them; `None` for another's.
pub(super) fn show(subject: &Subject) -> Option<Vec<(&'static str, Out)>> {
    Some(match subject {
        Subject::ChildAtRiskOfRemovalPointer(s) => s.show(),
        Subject::FoundChildQuery(s) => s.show(),
        Subject::CrossBorderReferralRequest(s) => s.show(),
        Subject::RecruitmentPattern(s) => s.show(),
        Subject::DocumentPattern(s) => s.show(),
        Subject::CentreDisappearancePattern(s) => s.show(),
        Subject::SituationalWarning(s) => s.show(),
        Subject::PreventionPractice(s) => s.show(),
        Subject::TrendSummaryNotice(s) => s.show(),
        Subject::MissingChildPointer(_) | Subject::ModusOperandi(_) | Subject::RouteCorridor(_) => return None,
    })
}

/// Reads the fields of one of these kinds from a draft's file.
#[cfg(feature = "operator")]
pub(crate) fn draft(kind: AlertKind, fields: &mut Fields<'_>) -> Option<Subject> {
    match kind {
        AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER => {
            ChildAtRiskOfRemovalPointer::draft(fields).map(Subject::ChildAtRiskOfRemovalPointer)
        }
        AlertKind::FOUND_CHILD_QUERY => FoundChildQuery::draft(fields).map(Subject::FoundChildQuery),
        AlertKind::CROSS_BORDER_REFERRAL_REQUEST => {
            CrossBorderReferralRequest::draft(fields).map(Subject::CrossBorderReferralRequest)
        }
        AlertKind::RECRUITMENT_PATTERN => RecruitmentPattern::draft(fields).map(Subject::RecruitmentPattern),
        AlertKind::DOCUMENT_PATTERN => DocumentPattern::draft(fields).map(Subject::DocumentPattern),
        AlertKind::CENTRE_DISAPPEARANCE_PATTERN => {
            CentreDisappearancePattern::draft(fields).map(Subject::CentreDisappearancePattern)
        }
        AlertKind::SITUATIONAL_WARNING => SituationalWarning::draft(fields).map(Subject::SituationalWarning),
        AlertKind::PREVENTION_PRACTICE => PreventionPractice::draft(fields).map(Subject::PreventionPractice),
        AlertKind::TREND_SUMMARY_NOTICE => TrendSummaryNotice::draft(fields).map(Subject::TrendSummaryNotice),
        _ => None,
    }
}
