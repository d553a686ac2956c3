//! A complete, valid example of each kind's `FILE.json`, to be changed and drafted. Everything in it is invented.

use super::{Decision, Fresh, Terms};
use crate::alert::kinds::example;
use crate::alert::{
    AlertContent, CountryInRole, Leg, MissingChildPointer, ModusOperandi, Observed, Place, RouteCorridor, Stop,
    Subject, SuspectedDestination, show,
};
use crate::id::AlertId;
use crate::json::Out;
use crate::time::{Period, Timestamp, Week, year_and_month};
use crate::vocabulary::*;
use std::time::Duration;

/// The template of a kind, with times from `now` on; nothing for a kind that cannot be drafted yet.
pub fn template(kind: AlertKind, now: Timestamp) -> Option<String> {
    let quarter = Observed::Period(Period::quarter_of(now));
    let mut subject = subject(kind)?;
    date(&mut subject, now);
    let (observed, support) = match kind {
        AlertKind::FOUND_CHILD_QUERY | AlertKind::CROSS_BORDER_REFERRAL_REQUEST => {
            (Observed::Elapsed(ElapsedBand::UNKNOWN), SupportBand::SINGLE)
        }
        _ if kind.level() == PersonalDataLevel::L1 => {
            (Observed::Elapsed(ElapsedBand::FROM_1_TO_3_DAYS), SupportBand::SINGLE)
        }
        _ if !kind.is_about_cases() => (quarter, SupportBand::NO_CASES),
        _ => (quarter, SupportBand::FROM_10_TO_19),
    };
    let terms = Terms {
        sources: Some([SourceType::POLICE, SourceType::NGO_OUTREACH].into()),
        source_grade: Some(SourceGrade::B),
        information_grade: Some(InformationGrade::CORROBORATED),
        certainty: Some(Certainty::LIKELY),
        independent_sources: Some(IndependentSources::TWO),
        ..Terms::default()
    };
    // Neither the id nor the token is written: the node draws them.
    let fresh = Fresh { now, id: AlertId([0; 16]), contact_token: [0; 10] };
    let content = terms.put_over(subject, observed, support, fresh);
    Some(file_of(&content, &decision(kind)))
}

/// `FILE.json` of what was drafted before, to be changed and drafted again.
pub fn file_of(content: &AlertContent, decision: &Decision) -> String {
    let mut fields = show::terms(content);
    fields.push(("content", show::content(content)));
    fields.push(("decision", decision.to_json()));
    format!("{}\n", Out::Object(fields))
}

/// Sets the dates of an example to a time.
fn date(subject: &mut Subject, now: Timestamp) {
    let (year, month) = year_and_month(now);
    match subject {
        Subject::ChildAtRiskOfRemovalPointer(p) => p.travel_week = Week::of(now.after(Duration::from_secs(7 * 86_400))),
        Subject::FoundChildQuery(q) => q.found_month = Period::Month(year, month),
        Subject::TrendSummaryNotice(n) => n.cohort = Period::quarter_of(now),
        _ => {}
    }
}

/// Whether this is what a template says: invented, whatever terms stand over it and whenever it was printed.
pub(super) fn is_invented(stated: &Subject) -> bool {
    let (mut stated, Some(mut example)) = (stated.clone(), subject(stated.kind())) else { return false };
    date(&mut stated, Timestamp::default());
    date(&mut example, Timestamp::default());
    stated == example
}

fn subject(kind: AlertKind) -> Option<Subject> {
    match kind {
        AlertKind::MODUS_OPERANDI => Some(modus_operandi()),
        AlertKind::ROUTE_CORRIDOR => Some(route_corridor()),
        AlertKind::MISSING_CHILD_POINTER => Some(missing_child_pointer()),
        other => example::of(other),
    }
}

/// What a template decides: as invented as what it says.
pub(super) fn decision(kind: AlertKind) -> Decision {
    use super::{ChildHeard, GuardianInformed, Necessity};
    let pattern = kind.level() == PersonalDataLevel::L0;
    let silent = Decision { best_interests_by: DeskRole::FOCAL_POINT, ..Decision::silent(pattern) };
    if pattern {
        return silent;
    }
    Decision {
        necessity: Necessity::POINTER_NEEDED_TO_ACT,
        child_heard: match kind {
            AlertKind::MISSING_CHILD_POINTER => ChildHeard::NOT_MISSING,
            AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER => ChildHeard::NOT_SAFE_TO_ASK,
            AlertKind::FOUND_CHILD_QUERY => ChildHeard::INFORMED_NO_VIEW,
            _ => ChildHeard::AGREES,
        },
        guardian_informed: match kind {
            AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER => GuardianInformed::NOT_SUSPECTED_INVOLVED,
            AlertKind::FOUND_CHILD_QUERY => GuardianInformed::NO_GUARDIAN,
            _ => GuardianInformed::INFORMED,
        },
        ..silent
    }
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap_or(Country::UNKNOWN)
}

fn modus_operandi() -> Subject {
    Subject::ModusOperandi(ModusOperandi {
        forms: [Form::FORCED_BEGGING, Form::CRIM_THEFT].into(),
        acts: [Act::RECRUITMENT, Act::TRANSPORTATION].into(),
        means: [MeansGroup::DEBT_BONDAGE_EARNINGS, MeansGroup::THREATS].into(),
        recruiter_relations: [RecruiterRelation::FRIEND_ACQUAINTANCE].into(),
        recruitment_methods: [RecruitmentMethod::STREET_OR_TRANSPORT_HUB].into(),
        indicators: [Indicator::UB01, Indicator::UB08, Indicator::DO03].into(),
        age_bands: [AgeBand::AGE_9_13, AgeBand::AGE_14_15].into(),
        sexes: [Sex::FEMALE, Sex::MALE].into(),
        transports: [Transport::MINIBUS].into(),
        countries: [
            CountryInRole { role: CountryRole::RECRUITMENT, country: country("BG") },
            CountryInRole { role: CountryRole::EXPLOITATION, country: country("NO") },
        ]
        .into(),
        trend: Trend::RISING,
        countermeasures: [Countermeasure::VERIFY_GUARDIANSHIP_CLAIMS].into(),
    })
}

fn route_corridor() -> Subject {
    let stop = |role, code| Stop { role, place: Place { country: country(code), nuts1: None } };
    let leg = |border_type, transport, support| Leg { border_type, transport, support };
    Subject::RouteCorridor(RouteCorridor {
        forms: [Form::LABOUR_EXPLOITATION].into(),
        stops: vec![
            stop(CountryRole::RECRUITMENT, "LT"),
            stop(CountryRole::TRANSIT, "SE"),
            stop(CountryRole::EXPLOITATION, "NO"),
        ],
        legs: vec![
            leg(BorderType::SEA_FERRY, Transport::FERRY, SupportBand::FROM_10_TO_19),
            leg(BorderType::LAND_ROAD, Transport::COACH, SupportBand::FROM_5_TO_9),
        ],
    })
}

fn missing_child_pointer() -> Subject {
    Subject::MissingChildPointer(MissingChildPointer {
        missing_type: MissingType::MISSING_IN_MIGRATION,
        age_band: AgeBand::AGE_14_15,
        sex: Sex::UNKNOWN,
        last_seen: Place { country: country("NO"), nuts1: Nuts1::parse("NO0").ok() },
        suspected_destinations: vec![SuspectedDestination { country: country("DK"), certainty: Certainty::LIKELY }],
        transports: [Transport::TRAIN].into(),
        situations: [ChildSituation::UNACCOMPANIED, ChildSituation::MISSING_FROM_CARE_OR_RECEPTION].into(),
        risk_tier: RiskTier::HIGH,
        forms: [Form::UNKNOWN].into(),
        external_alerts: [ExternalAlert::SIS_32_1_A, ExternalAlert::CASE_116000].into(),
    })
}
