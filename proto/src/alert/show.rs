//! The JSON in which people see an alert: the fields and codes by name, in the order of the domain's tables. A draft's file
//! has the same form, less what the node sets.

use super::{Alert, AlertContent, MissingChildPointer, ModusOperandi, Observed, Place, RouteCorridor, Subject};
use crate::id::hex;
use crate::json::Out;
use crate::wire::peer::Mode;

/// An issued alert.
pub fn show(alert: &Alert) -> Out {
    let c = &alert.content;
    let mode = Mode::try_from(alert.header.mode).unwrap_or_default();
    let mut fields = vec![
        ("alert_id", Out::text(c.id)),
        ("version", Out::Number(c.version.into())),
        ("msg_type", Out::text(c.msg_type)),
    ];
    fields.extend(supersedes(c));
    fields.extend([
        ("mode", Out::text(mode.as_str_name().trim_start_matches("MODE_"))),
        ("issuer", Out::text(&alert.header.issuer)),
        ("recipients", Out::texts(&alert.header.recipients)),
        ("issued_at", Out::text(alert.issued_at)),
    ]);
    fields.extend(terms(c));
    fields.extend([
        ("contact_token", Out::text(hex(&c.contact_token))),
        ("decision_record_digest", Out::text(alert.decision)),
        ("content", content(c)),
    ]);
    Out::Object(fields)
}

/// A content that is not issued yet: what a recipient would see of it.
pub fn show_content(c: &AlertContent) -> Out {
    let mut fields = vec![("alert_id", Out::text(c.id)), ("version", Out::Number(c.version.into()))];
    if c.supersedes.is_some() {
        fields.push(("msg_type", Out::text(c.msg_type)));
    }
    fields.extend(supersedes(c));
    fields.extend(terms(c));
    fields.extend([("contact_token", Out::text(hex(&c.contact_token))), ("content", content(c))]);
    Out::Object(fields)
}

/// E of the version before, where there is one.
fn supersedes(c: &AlertContent) -> Option<(&'static str, Out)> {
    c.supersedes.map(|before| ("supersedes", Out::text(before)))
}

/// The fields that every kind has and that a draft can state.
pub fn terms(c: &AlertContent) -> Vec<(&'static str, Out)> {
    let legal = vec![
        ("regime", Out::text(c.legal_regime)),
        ("article", Out::text(c.legal_basis)),
        ("transfer_ground", Out::text(c.transfer_ground)),
    ];
    let grading = vec![("source", Out::text(c.source_grade)), ("information", Out::text(c.information_grade))];
    let mut fields = vec![("kind", Out::text(c.kind()))];
    if let Observed::Period(period) = c.observed {
        fields.push(("observed_period", Out::text(period)));
    }
    fields.extend([
        ("desk_role", Out::text(c.desk_role)),
        ("expires_at", Out::text(c.expires_at)),
        ("review_at", Out::text(c.review_at)),
        ("tlp", Out::text(c.tlp)),
        ("handling", Out::texts(&c.handling)),
        ("purposes", Out::texts(&c.purposes)),
        ("prohibitions", Out::texts(&c.prohibitions)),
        ("legal_basis", Out::Object(legal)),
        ("personal_data_level", Out::text(c.personal_data_level)),
        ("source_type", Out::texts(&c.sources)),
        ("grading", Out::Object(grading)),
        ("assertion", Out::text(c.assertion)),
        ("certainty", Out::text(c.certainty)),
        ("support_count", Out::text(c.support)),
        ("independent_sources", Out::text(c.independent_sources)),
        ("requested_action", Out::texts(&c.requested_actions)),
    ]);
    if let Some(time) = c.reply_by {
        fields.push(("reply_by", Out::text(time)));
    }
    fields.push(("contact_channel", Out::text(c.contact_channel)));
    fields
}

/// The content of its kind.
pub fn content(c: &AlertContent) -> Out {
    Out::Object(match &c.subject {
        Subject::MissingChildPointer(p) => missing_child_pointer(p, c.observed),
        Subject::ModusOperandi(m) => modus_operandi(m),
        Subject::RouteCorridor(r) => route_corridor(r),
        other => {
            let elapsed = match c.observed {
                Observed::Elapsed(band) => Some(("elapsed_band", Out::text(band))),
                Observed::Period(_) => None,
            };
            elapsed.into_iter().chain(super::kinds::show(other).unwrap_or_default()).collect()
        }
    })
}

fn missing_child_pointer(p: &MissingChildPointer, observed: Observed) -> Vec<(&'static str, Out)> {
    let destination = |d: &super::SuspectedDestination| {
        Out::Object(vec![("country", Out::text(d.country)), ("certainty", Out::text(d.certainty))])
    };
    let mut fields = vec![("missing_type", Out::text(p.missing_type))];
    if let Observed::Elapsed(band) = observed {
        fields.push(("elapsed_band", Out::text(band)));
    }
    fields.extend([
        ("age_band", Out::text(p.age_band)),
        ("sex", Out::text(p.sex)),
        ("last_seen", Out::Object(place(p.last_seen))),
        ("suspected_destinations", Out::List(p.suspected_destinations.iter().map(destination).collect())),
        ("transport", Out::texts(&p.transports)),
        ("situation", Out::texts(&p.situations)),
        ("risk_tier", Out::text(p.risk_tier)),
        ("forms", Out::texts(&p.forms)),
        ("external_alerts", Out::texts(&p.external_alerts)),
    ]);
    fields
}

fn modus_operandi(m: &ModusOperandi) -> Vec<(&'static str, Out)> {
    let country =
        |c: &super::CountryInRole| Out::Object(vec![("role", Out::text(c.role)), ("country", Out::text(c.country))]);
    vec![
        ("forms", Out::texts(&m.forms)),
        ("acts", Out::texts(&m.acts)),
        ("means_groups", Out::texts(&m.means)),
        ("recruiter_relation", Out::texts(&m.recruiter_relations)),
        ("recruitment_method", Out::texts(&m.recruitment_methods)),
        ("indicators", Out::texts(&m.indicators)),
        ("age_bands", Out::texts(&m.age_bands)),
        ("sex", Out::texts(&m.sexes)),
        ("transport", Out::texts(&m.transports)),
        ("countries", Out::List(m.countries.iter().map(country).collect())),
        ("trend", Out::text(m.trend)),
        ("countermeasures", Out::texts(&m.countermeasures)),
    ]
}

fn route_corridor(r: &RouteCorridor) -> Vec<(&'static str, Out)> {
    let stop = |s: &super::Stop| {
        let mut fields = vec![("role", Out::text(s.role))];
        fields.extend(place(s.place));
        Out::Object(fields)
    };
    let leg = |l: &super::Leg| {
        Out::Object(vec![
            ("border_type", Out::text(l.border_type)),
            ("transport", Out::text(l.transport)),
            ("support_count", Out::text(l.support)),
        ])
    };
    vec![
        ("forms", Out::texts(&r.forms)),
        ("stops", Out::List(r.stops.iter().map(stop).collect())),
        ("legs", Out::List(r.legs.iter().map(leg).collect())),
    ]
}

fn place(place: Place) -> Vec<(&'static str, Out)> {
    let mut fields = vec![("country", Out::text(place.country))];
    if let Some(region) = place.nuts1 {
        fields.push(("nuts1", Out::text(region)));
    }
    fields
}
