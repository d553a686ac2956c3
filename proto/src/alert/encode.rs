//! The one encoding of an alert. Sets are rising, so equal content gives equal bytes.

use super::{Alert, AlertContent, Observed, Subject, content, kinds};
use crate::time::{Period, Timestamp};
use crate::vocabulary::{Nuts1, Vocabulary};
use crate::wire::peer::{self, alert::Content};
use bytes::Bytes;
use std::collections::BTreeSet;

pub(super) fn alert(alert: &Alert) -> peer::Alert {
    let mut wire = content(&alert.content);
    wire.header = Some(alert.header.clone());
    wire.issued_at_ms = alert.issued_at.ms();
    wire.decision = Bytes::copy_from_slice(&alert.decision.0);
    wire
}

pub(super) fn content(c: &AlertContent) -> peer::Alert {
    let (period, elapsed) = match c.observed {
        Observed::Period(period) => (Some(period), 0),
        Observed::Elapsed(band) => (None, band.number()),
    };
    peer::Alert {
        header: None,
        alert_id: Bytes::copy_from_slice(&c.id.0),
        version: c.version,
        supersedes: c.supersedes.map(|d| Bytes::copy_from_slice(&d.0)).unwrap_or_default(),
        msg_type: c.msg_type.number(),
        desk_role: c.desk_role.number(),
        kind: c.kind().number(),
        issued_at_ms: 0,
        observed_period: period.map(|p: Period| p.to_string()).unwrap_or_default(),
        elapsed,
        expires_at_ms: c.expires_at.ms(),
        review_at_ms: c.review_at.ms(),
        tlp: c.tlp.number(),
        handling: numbers(&c.handling),
        purposes: numbers(&c.purposes),
        prohibitions: numbers(&c.prohibitions),
        legal_regime: c.legal_regime.number(),
        legal_basis: c.legal_basis.number(),
        transfer_ground: c.transfer_ground.number(),
        personal_data_level: c.personal_data_level.number(),
        sources: numbers(&c.sources),
        source_grade: c.source_grade.number(),
        information_grade: c.information_grade.number(),
        assertion: c.assertion.number(),
        certainty: c.certainty.number(),
        support: c.support.number(),
        independent_sources: c.independent_sources.number(),
        requested_actions: numbers(&c.requested_actions),
        reply_by_ms: c.reply_by.map_or(0, Timestamp::ms),
        contact_channel: c.contact_channel.number(),
        contact_token: Bytes::copy_from_slice(&c.contact_token),
        decision: Bytes::new(),
        content: subject(&c.subject),
    }
}

fn subject(subject: &Subject) -> Option<Content> {
    match subject {
        Subject::MissingChildPointer(s) => Some(Content::MissingChildPointer(missing_child_pointer(s))),
        Subject::ModusOperandi(s) => Some(Content::ModusOperandi(modus_operandi(s))),
        Subject::RouteCorridor(s) => Some(Content::RouteCorridor(route_corridor(s))),
        other => kinds::to_wire(other),
    }
}

fn missing_child_pointer(s: &content::MissingChildPointer) -> peer::MissingChildPointer {
    let destination = |d: &content::SuspectedDestination| peer::SuspectedDestination {
        country: d.country.code().to_owned(),
        certainty: d.certainty.number(),
    };
    peer::MissingChildPointer {
        missing_type: s.missing_type.number(),
        age_band: s.age_band.number(),
        sex: s.sex.number(),
        last_seen_country: s.last_seen.country.code().to_owned(),
        last_seen_nuts1: region(s.last_seen.nuts1),
        suspected_destinations: s.suspected_destinations.iter().map(destination).collect(),
        transports: numbers(&s.transports),
        situations: numbers(&s.situations),
        risk_tier: s.risk_tier.number(),
        forms: numbers(&s.forms),
        external_alerts: numbers(&s.external_alerts),
    }
}

fn modus_operandi(s: &content::ModusOperandi) -> peer::ModusOperandi {
    let country = |c: &content::CountryInRole| peer::CountryInRole {
        role: c.role.number(),
        country: c.country.code().to_owned(),
    };
    peer::ModusOperandi {
        forms: numbers(&s.forms),
        acts: numbers(&s.acts),
        means: numbers(&s.means),
        recruiter_relations: numbers(&s.recruiter_relations),
        recruitment_methods: numbers(&s.recruitment_methods),
        indicators: numbers(&s.indicators),
        age_bands: numbers(&s.age_bands),
        sexes: numbers(&s.sexes),
        transports: numbers(&s.transports),
        countries: s.countries.iter().map(country).collect(),
        trend: s.trend.number(),
        countermeasures: numbers(&s.countermeasures),
    }
}

fn route_corridor(s: &content::RouteCorridor) -> peer::RouteCorridor {
    let stop = |s: &content::Stop| peer::Stop {
        role: s.role.number(),
        country: s.place.country.code().to_owned(),
        nuts1: region(s.place.nuts1),
    };
    let leg = |l: &content::Leg| peer::Leg {
        border_type: l.border_type.number(),
        transport: l.transport.number(),
        support: l.support.number(),
    };
    peer::RouteCorridor {
        forms: numbers(&s.forms),
        stops: s.stops.iter().map(stop).collect(),
        legs: s.legs.iter().map(leg).collect(),
    }
}

fn numbers<V: Vocabulary>(codes: &BTreeSet<V>) -> Vec<i32> {
    codes.iter().map(|code| code.number()).collect()
}

fn region(nuts1: Option<Nuts1>) -> String {
    nuts1.map(|region| region.code().to_owned()).unwrap_or_default()
}
