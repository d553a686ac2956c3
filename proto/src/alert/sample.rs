//! One valid alert of each kind, for tests.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::id::AlertId;
use crate::time::Period;
use crate::vocabulary::*;
use bytes::Bytes;

pub(crate) const NOW: &str = "2026-11-21T18:07:33Z";

pub(crate) fn now() -> Timestamp {
    Timestamp::parse(NOW).unwrap()
}

pub(crate) fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: peer::Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/ee/1".into(), "varde.example/lt/1".into()],
        agreement: Bytes::from(vec![4; 32]),
        salt: Bytes::from(vec![9; 32]),
    }
}

pub(crate) fn issue(content: AlertContent) -> Result<Alert, Rejection> {
    Alert::issue(content, header(), now(), Digest::of(b"decision"))
}

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

fn envelope(subject: Subject) -> AlertContent {
    let kind = subject.kind();
    let defaults = defaults(kind);
    let cut = |time| rules::precision(kind).cut(time);
    let pattern = kind.level() == PersonalDataLevel::L0;
    AlertContent {
        id: AlertId(*b"\x8f\x02\xd1\x77\x10\xaa\xbc\x3e\x91\x00\xfe\x44\x5b\xc9\xd0\x01"),
        version: 1,
        supersedes: None,
        msg_type: MsgType::ALERT,
        desk_role: DeskRole::FOCAL_POINT,
        observed: match pattern {
            true => Observed::Period(Period::Quarter(2026, 3)),
            false if rules::precision(kind) == rules::Precision::Day => Observed::Elapsed(ElapsedBand::UNKNOWN),
            false => Observed::Elapsed(ElapsedBand::FROM_1_TO_3_DAYS),
        },
        expires_at: cut(now().after(defaults.life)),
        review_at: cut(now().after(defaults.review)),
        tlp: defaults.tlp,
        handling: defaults.handling.iter().copied().collect(),
        purposes: defaults.purposes.iter().copied().collect(),
        prohibitions: defaults.prohibitions.iter().copied().collect(),
        legal_regime: defaults.legal.0,
        legal_basis: defaults.legal.1,
        transfer_ground: defaults.legal.2,
        personal_data_level: kind.level(),
        sources: [SourceType::POLICE, SourceType::NGO_OUTREACH].into(),
        source_grade: SourceGrade::B,
        information_grade: InformationGrade::CORROBORATED,
        assertion: Assertion::ASSESSMENT,
        certainty: Certainty::LIKELY,
        support: defaults.support.unwrap_or(SupportBand::FROM_10_TO_19),
        independent_sources: IndependentSources::TWO,
        requested_actions: defaults.requested_actions.iter().copied().collect(),
        reply_by: defaults.reply.map(|span| now().after(span).to_minute()),
        contact_channel: ContactChannel::FOCAL_POINT,
        contact_token: *b"\xf0\x9e\x11\x5a\x07\xc3\xee\x80\x4d\x62",
        subject,
    }
}

pub(crate) fn modus_operandi() -> AlertContent {
    envelope(Subject::ModusOperandi(ModusOperandi {
        forms: [Form::FORCED_BEGGING, Form::CRIM_THEFT].into(),
        acts: [Act::RECRUITMENT, Act::TRANSPORTATION].into(),
        means: [MeansGroup::DEBT_BONDAGE_EARNINGS, MeansGroup::THREATS].into(),
        recruiter_relations: [RecruiterRelation::FAMILY].into(),
        recruitment_methods: [RecruitmentMethod::FAMILY].into(),
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
        countermeasures: [Countermeasure::EARLY_GUARDIAN].into(),
    }))
}

pub(crate) fn route_corridor() -> AlertContent {
    let stop = |role, code: &str, nuts1: Option<&str>| Stop {
        role,
        place: Place { country: country(code), nuts1: nuts1.map(|n| Nuts1::parse(n).unwrap()) },
    };
    let leg = |border_type, transport| Leg { border_type, transport, support: SupportBand::FROM_5_TO_9 };
    envelope(Subject::RouteCorridor(RouteCorridor {
        forms: [Form::LABOUR_EXPLOITATION].into(),
        stops: vec![
            stop(CountryRole::RECRUITMENT, "LT", None),
            stop(CountryRole::TRANSIT, "GR", Some("EL3")),
            stop(CountryRole::EXPLOITATION, "NO", None),
        ],
        legs: vec![leg(BorderType::AIR, Transport::LOW_COST_AIR), leg(BorderType::LAND_ROAD, Transport::COACH)],
    }))
}

pub(crate) fn missing_child_pointer() -> AlertContent {
    envelope(Subject::MissingChildPointer(MissingChildPointer {
        missing_type: MissingType::MISSING_IN_MIGRATION,
        age_band: AgeBand::AGE_14_15,
        sex: Sex::UNKNOWN,
        last_seen: Place { country: country("NO"), nuts1: Some(Nuts1::parse("NO0").unwrap()) },
        suspected_destinations: vec![
            SuspectedDestination { country: country("DK"), certainty: Certainty::POSSIBLE },
            SuspectedDestination { country: country("SE"), certainty: Certainty::LIKELY },
        ],
        transports: [Transport::TRAIN].into(),
        situations: [ChildSituation::UNACCOMPANIED].into(),
        risk_tier: RiskTier::HIGH,
        forms: [Form::UNKNOWN].into(),
        external_alerts: [ExternalAlert::SIS_32_1_A].into(),
    }))
}

/// An example of a kind that is a list of fields.
pub(crate) fn of(kind: AlertKind) -> AlertContent {
    envelope(kinds::example::of(kind).unwrap())
}

pub(crate) fn all() -> Vec<AlertContent> {
    let more = AlertKind::all().filter_map(kinds::example::of).map(envelope);
    [modus_operandi(), route_corridor(), missing_child_pointer()].into_iter().chain(more).collect()
}
