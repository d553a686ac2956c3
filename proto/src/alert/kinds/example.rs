//! An invented example of each kind: what its template says, and what tests begin with.

use super::*;
use crate::vocabulary::Nuts1;

/// The example of a kind; `None` of one whose example stands elsewhere.
pub(crate) fn of(kind: AlertKind) -> Option<Subject> {
    Some(match kind {
        AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER => at_risk_of_removal(),
        AlertKind::FOUND_CHILD_QUERY => found_child(),
        AlertKind::CROSS_BORDER_REFERRAL_REQUEST => referral(),
        AlertKind::RECRUITMENT_PATTERN => recruitment(),
        AlertKind::DOCUMENT_PATTERN => documents(),
        AlertKind::CENTRE_DISAPPEARANCE_PATTERN => disappearances(),
        AlertKind::SITUATIONAL_WARNING => warning(),
        AlertKind::PREVENTION_PRACTICE => practice(),
        AlertKind::TREND_SUMMARY_NOTICE => notice()?,
        _ => return None,
    })
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap_or(Country::UNKNOWN)
}

fn in_role(role: CountryRole, code: &str) -> CountryInRole {
    CountryInRole { role, country: country(code) }
}

fn at_risk_of_removal() -> Subject {
    Subject::ChildAtRiskOfRemovalPointer(ChildAtRiskOfRemovalPointer {
        removal_risks: [RemovalRisk::TRAFFICKING].into(),
        age_band: AgeBand::AGE_14_15,
        sex: Sex::UNKNOWN,
        current: Place { country: country("NO"), nuts1: Nuts1::parse("NO0").ok() },
        suspected_destinations: vec![SuspectedDestination { country: country("DK"), certainty: Certainty::LIKELY }],
        travel_week: Week::parse("2026-W50").ok(),
        border_types: [BorderType::SEA_FERRY].into(),
        transports: [Transport::FERRY].into(),
        situations: [ChildSituation::IN_ALTERNATIVE_CARE].into(),
        risk_tier: RiskTier::HIGH,
        forms: [Form::UNKNOWN].into(),
        sis_entry: SisEntry::ENTERED,
        external_alerts: [ExternalAlert::SIS_32_1_D].into(),
    })
}

fn found_child() -> Subject {
    Subject::FoundChildQuery(FoundChildQuery {
        age_band: AgeBand::AGE_14_15,
        age_disputed: YesNo::NO,
        found: Place { country: country("NO"), nuts1: Nuts1::parse("NO0").ok() },
        found_month: Period::Month(2026, 11),
        languages: [Language::ENG].into(),
        situations: [ChildSituation::UNACCOMPANIED].into(),
    })
}

fn referral() -> Subject {
    Subject::CrossBorderReferralRequest(CrossBorderReferralRequest {
        reasons: [ReferralReason::RELOCATION].into(),
        age_band: AgeBand::AGE_14_15,
        services: [Service::GUARDIANSHIP, Service::SAFE_ACCOMMODATION].into(),
        urgency: ReferralUrgency::ROUTINE,
        guardian_in_place: YesNo::YES,
        child_informed: YesNo::YES,
        child_view: ChildView::AGREES,
        best_interests: BestInterests::ASSESSED,
    })
}

fn recruitment() -> Subject {
    Subject::RecruitmentPattern(RecruitmentPattern {
        forms: [Form::SEXUAL_EXPLOITATION].into(),
        platforms: [PlatformClass::GAME, PlatformClass::MESSAGING].into(),
        lures: [Lure::MODEL].into(),
        target_situations: [ChildSituation::IN_ALTERNATIVE_CARE].into(),
        languages: [Language::ENG].into(),
        countries: [in_role(CountryRole::RECRUITMENT, "LT"), in_role(CountryRole::EXPLOITATION, "NO")].into(),
        trend: Trend::NEW,
        countermeasures: [Countermeasure::PLATFORM_REPORTING].into(),
    })
}

fn documents() -> Subject {
    Subject::DocumentPattern(DocumentPattern {
        forms: [Form::LABOUR_EXPLOITATION].into(),
        documents: [DocumentClass::TRAVEL_CONSENT].into(),
        patterns: [Indicator::DO03].into(),
        issuing_countries: [country("BG")].into(),
        countries: [in_role(CountryRole::TRANSIT, "SE")].into(),
        trend: Trend::RISING,
    })
}

fn disappearances() -> Subject {
    Subject::CentreDisappearancePattern(CentreDisappearancePattern {
        place: Place { country: country("NO"), nuts1: None },
        median_elapsed: ElapsedBand::FROM_1_TO_3_DAYS,
        pull_countries: [country("DK"), country("SE")].into(),
        indicators: [Indicator::RD01, Indicator::RD02].into(),
        trend: Trend::RISING,
        countermeasures: [Countermeasure::EARLY_GUARDIAN].into(),
    })
}

fn warning() -> Subject {
    Subject::SituationalWarning(SituationalWarning {
        events: [WarningEvent::DISPLACEMENT].into(),
        forms: [Form::UNKNOWN].into(),
        countries: [in_role(CountryRole::TRANSIT, "RO")].into(),
        countermeasures: [Countermeasure::SCREENING_AT_BORDER].into(),
    })
}

fn practice() -> Subject {
    Subject::PreventionPractice(PreventionPractice {
        forms: [Form::FORCED_BEGGING].into(),
        audiences: [Audience::TEACHERS].into(),
        methods: [PreventionMethod::TRAINING].into(),
        countermeasures: [Countermeasure::TRAIN_FRONTLINE].into(),
        result: PracticeResult::EFFECTIVE,
        countries: [in_role(CountryRole::REPORTING, "NO")].into(),
    })
}

fn notice() -> Option<Subject> {
    Some(Subject::TrendSummaryNotice(TrendSummaryNotice {
        family: Family::parse("first")?,
        cohort: Period::Quarter(2026, 3),
        edition: NoticeEdition::FLASH,
        release: Digest::of(b"an invented release"),
        revises: None,
        break_in_series: YesNo::NO,
    }))
}
