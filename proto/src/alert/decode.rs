//! From the wire to types, naming every field: a new wire field must be decided on here. What a field refuses has the
//! field's name as its code.

use super::{Alert, AlertContent, Observed, Subject, content, kinds};
use crate::envelope::Rejection;
use crate::id::{AlertId, Digest};
use crate::limits;
use crate::time::{Period, Timestamp};
use crate::vocabulary::{AlertKind, Country, ElapsedBand, Nuts1, Vocabulary};
use crate::wire::peer::{self, alert::Content};
use std::collections::BTreeSet;

type Read<T> = Result<T, Rejection>;

fn refuse<T>(field: &'static str) -> Read<T> {
    Err(Rejection::Content(field))
}

/// What only an issued alert has.
pub(super) struct Issue {
    header: Option<peer::Header>,
    issued_at_ms: i64,
    decision: bytes::Bytes,
}

pub(super) fn alert(wire: peer::Alert) -> Read<Alert> {
    let (content, issue) = content(wire)?;
    let Issue { header: Some(header), issued_at_ms, decision } = issue else { return refuse("header") };
    let decision = Digest::from_bytes(&decision).map_or(refuse("decision"), Ok)?;
    Ok(Alert { header, issued_at: time(issued_at_ms, "issued-at")?, decision, content })
}

#[rustfmt::skip]
pub(super) fn content(wire: peer::Alert) -> Read<(AlertContent, Issue)> {
    let peer::Alert {
        header, alert_id, version, supersedes, msg_type, desk_role, kind, issued_at_ms, observed_period, elapsed,
        expires_at_ms, review_at_ms, tlp, handling, purposes, prohibitions, legal_regime, legal_basis, transfer_ground,
        personal_data_level, sources, source_grade, information_grade, assertion, certainty, support,
        independent_sources, requested_actions, reply_by_ms, contact_channel, contact_token, decision, content,
    } = wire;
    let subject = subject(kind, content)?;
    let content = AlertContent {
        id: AlertId::from_bytes(&alert_id).map_or(refuse("alert-id"), Ok)?,
        version,
        supersedes: superseded(&supersedes)?,
        msg_type: code(msg_type, "msg-type")?,
        desk_role: code(desk_role, "desk-role")?,
        observed: observed(&observed_period, elapsed)?,
        expires_at: time(expires_at_ms, "expires-at")?,
        review_at: time(review_at_ms, "review-at")?,
        tlp: code(tlp, "tlp")?,
        handling: set(&handling, "handling")?,
        purposes: set(&purposes, "purposes")?,
        prohibitions: set(&prohibitions, "prohibitions")?,
        legal_regime: code(legal_regime, "legal-regime")?,
        legal_basis: code(legal_basis, "legal-basis")?,
        transfer_ground: code(transfer_ground, "transfer-ground")?,
        personal_data_level: code(personal_data_level, "personal-data-level")?,
        sources: set(&sources, "sources")?,
        source_grade: code(source_grade, "source-grade")?,
        information_grade: code(information_grade, "information-grade")?,
        assertion: code(assertion, "assertion")?,
        certainty: code(certainty, "certainty")?,
        support: code(support, "support")?,
        independent_sources: code(independent_sources, "independent-sources")?,
        requested_actions: set(&requested_actions, "requested-actions")?,
        reply_by: if reply_by_ms == 0 { None } else { Some(time(reply_by_ms, "reply-by")?) },
        contact_channel: code(contact_channel, "contact-channel")?,
        contact_token: contact_token.as_ref().try_into().or(refuse("contact-token"))?,
        subject,
    };
    Ok((content, Issue { header, issued_at_ms, decision }))
}

fn superseded(bytes: &[u8]) -> Read<Option<Digest>> {
    if bytes.is_empty() { Ok(None) } else { Digest::from_bytes(bytes).map_or(refuse("supersedes"), |d| Ok(Some(d))) }
}

fn observed(period: &str, elapsed: i32) -> Read<Observed> {
    match (period, elapsed) {
        ("", 0) => refuse("observed-missing"),
        ("", band) => Ok(Observed::Elapsed(code::<ElapsedBand>(band, "elapsed")?)),
        (period, 0) => Period::parse(period).map(Observed::Period).or(refuse("observed-period")),
        _ => refuse("observed-twice"),
    }
}

fn subject(kind: i32, content: Option<Content>) -> Read<Subject> {
    let kind: AlertKind = code(kind, "kind")?;
    let subject = match content {
        None => return refuse("kind-not-accepted"),
        Some(Content::MissingChildPointer(wire)) => Subject::MissingChildPointer(missing_child_pointer(wire)?),
        Some(Content::ModusOperandi(wire)) => Subject::ModusOperandi(modus_operandi(wire)?),
        Some(Content::RouteCorridor(wire)) => Subject::RouteCorridor(route_corridor(wire)?),
        Some(other) => kinds::from_wire(other).unwrap_or_else(|| refuse("kind-not-accepted"))?,
    };
    if subject.kind() == kind { Ok(subject) } else { refuse("kind-mismatch") }
}

#[rustfmt::skip]
fn missing_child_pointer(wire: peer::MissingChildPointer) -> Read<content::MissingChildPointer> {
    let peer::MissingChildPointer {
        missing_type, age_band, sex, last_seen_country, last_seen_nuts1, suspected_destinations, transports, situations,
        risk_tier, forms, external_alerts,
    } = wire;
    Ok(content::MissingChildPointer {
        missing_type: code(missing_type, "missing-type")?,
        age_band: code(age_band, "age-band")?,
        sex: code(sex, "sex")?,
        last_seen: place(&last_seen_country, &last_seen_nuts1, "last-seen")?,
        suspected_destinations: destinations(suspected_destinations)?,
        transports: set(&transports, "transports")?,
        situations: set(&situations, "situations")?,
        risk_tier: code(risk_tier, "risk-tier")?,
        forms: set(&forms, "forms")?,
        external_alerts: set(&external_alerts, "external-alerts")?,
    })
}

pub(super) fn destinations(wire: Vec<peer::SuspectedDestination>) -> Read<Vec<content::SuspectedDestination>> {
    let one = |d: peer::SuspectedDestination| {
        let peer::SuspectedDestination { country: c, certainty } = d;
        let country = country(&c, "suspected-destinations")?;
        Ok(content::SuspectedDestination { country, certainty: code(certainty, "suspected-destinations")? })
    };
    let destinations: Vec<_> = wire.into_iter().map(one).collect::<Read<_>>()?;
    let rising = destinations.windows(2).all(|pair| pair[0].country < pair[1].country);
    if rising && destinations.len() <= limits::ALERT_DESTINATIONS {
        Ok(destinations)
    } else {
        refuse("suspected-destinations")
    }
}

#[rustfmt::skip]
fn modus_operandi(wire: peer::ModusOperandi) -> Read<content::ModusOperandi> {
    let peer::ModusOperandi {
        forms, acts, means, recruiter_relations, recruitment_methods, indicators, age_bands, sexes, transports,
        countries, trend, countermeasures,
    } = wire;
    Ok(content::ModusOperandi {
        forms: set(&forms, "forms")?,
        acts: set(&acts, "acts")?,
        means: set(&means, "means")?,
        recruiter_relations: set(&recruiter_relations, "recruiter-relations")?,
        recruitment_methods: set(&recruitment_methods, "recruitment-methods")?,
        indicators: set(&indicators, "indicators")?,
        age_bands: set(&age_bands, "age-bands")?,
        sexes: set(&sexes, "sexes")?,
        transports: set(&transports, "transports")?,
        countries: countries_in_role(countries)?,
        trend: code(trend, "trend")?,
        countermeasures: set(&countermeasures, "countermeasures")?,
    })
}

pub(super) fn countries_in_role(wire: Vec<peer::CountryInRole>) -> Read<BTreeSet<content::CountryInRole>> {
    let one = |c: peer::CountryInRole| {
        let peer::CountryInRole { role, country: c } = c;
        Ok(content::CountryInRole { role: code(role, "countries")?, country: country(&c, "countries")? })
    };
    let list: Vec<_> = wire.into_iter().map(one).collect::<Read<_>>()?;
    rising(list, limits::ALERT_COUNTRIES, "countries")
}

fn route_corridor(wire: peer::RouteCorridor) -> Read<content::RouteCorridor> {
    let peer::RouteCorridor { forms, stops, legs } = wire;
    if stops.len() > limits::ALERT_STOPS || legs.len() > limits::ALERT_STOPS {
        return refuse("stops");
    }
    let stop = |s: peer::Stop| {
        let peer::Stop { role, country, nuts1 } = s;
        Ok(content::Stop { role: code(role, "stops")?, place: place(&country, &nuts1, "stops")? })
    };
    let leg = |l: peer::Leg| {
        let peer::Leg { border_type, transport, support } = l;
        Ok(content::Leg {
            border_type: code(border_type, "legs")?,
            transport: code(transport, "legs")?,
            support: code(support, "legs")?,
        })
    };
    Ok(content::RouteCorridor {
        forms: set(&forms, "forms")?,
        stops: stops.into_iter().map(stop).collect::<Read<_>>()?,
        legs: legs.into_iter().map(leg).collect::<Read<_>>()?,
    })
}

fn code<V: Vocabulary>(number: i32, field: &'static str) -> Read<V> {
    V::from_number(number).map_or(refuse(field), Ok)
}

pub(super) fn set<V: Vocabulary>(numbers: &[i32], field: &'static str) -> Read<BTreeSet<V>> {
    let codes: Vec<V> = numbers.iter().map(|n| code(*n, field)).collect::<Read<_>>()?;
    rising(codes, limits::ALERT_CODES, field)
}

pub(super) fn rising<T: Ord>(list: Vec<T>, most: usize, field: &'static str) -> Read<BTreeSet<T>> {
    let canonical = list.len() <= most && list.windows(2).all(|pair| pair[0] < pair[1]);
    if canonical { Ok(list.into_iter().collect()) } else { refuse(field) }
}

fn time(ms: i64, field: &'static str) -> Read<Timestamp> {
    Timestamp::from_ms(ms).or(refuse(field))
}

pub(super) fn country(text: &str, field: &'static str) -> Read<Country> {
    Country::parse(text).or(refuse(field))
}

pub(super) fn place(c: &str, nuts1: &str, field: &'static str) -> Read<content::Place> {
    let nuts1 = if nuts1.is_empty() { None } else { Some(Nuts1::parse(nuts1).or(refuse(field))?) };
    Ok(content::Place { country: country(c, field)?, nuts1 })
}
