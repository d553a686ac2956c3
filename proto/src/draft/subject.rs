//! The object `content` of a draft's file, by kind. What a reception centre may not know has a default or may stay out.

use crate::alert::kinds;
use crate::alert::{
    CountryInRole, Leg, MissingChildPointer, ModusOperandi, Observed, Place, RouteCorridor, Stop, Subject,
    SuspectedDestination,
};
use crate::json::{Fields, Problems};
use crate::time::Period;
use crate::vocabulary::*;
use std::collections::BTreeSet;

/// Reads the content of a kind; what is missing or wrong is reported.
pub(super) fn read(
    kind: AlertKind,
    body: Option<Fields<'_>>,
    outer: &Fields<'_>,
    period: Option<Period>,
    problems: &Problems,
) -> Option<(Subject, Observed)> {
    let pointer = kind.level() == PersonalDataLevel::L1;
    let period = match pointer {
        true => None,
        false => outer.need("observed_period", "a quarter such as 2026-Q3", period).map(Observed::Period),
    };
    let mut fields = outer.need("content", "the fields of the kind", body)?;
    let read = match kind {
        AlertKind::MISSING_CHILD_POINTER => missing_child_pointer(&mut fields, problems),
        AlertKind::MODUS_OPERANDI => modus_operandi(&mut fields, problems).map(Subject::ModusOperandi).zip(period),
        AlertKind::ROUTE_CORRIDOR => route_corridor(&mut fields, problems).map(Subject::RouteCorridor).zip(period),
        other if pointer => {
            let elapsed = Observed::Elapsed(fields.code("elapsed_band").unwrap_or(ElapsedBand::UNKNOWN));
            kinds::draft(other, &mut fields).map(|subject| (subject, elapsed))
        }
        other => kinds::draft(other, &mut fields).zip(period),
    };
    fields.finish();
    read
}

fn missing_child_pointer(fields: &mut Fields<'_>, problems: &Problems) -> Option<(Subject, Observed)> {
    let missing_type = fields.code("missing_type");
    let missing_type = fields.need("missing_type", "the kind of missing child case", missing_type);
    let elapsed = fields.code("elapsed_band");
    let elapsed = fields.need("elapsed_band", "the time since the child was last seen, as a band", elapsed);
    let last_seen = fields.object("last_seen").map(|mut inner| (place(&mut inner), inner.finish()).0);
    let last_seen = fields.need("last_seen", "the country, { \"country\": \"NO\" }", last_seen);
    let pointer = MissingChildPointer {
        age_band: fields.code("age_band").unwrap_or(AgeBand::AGE_CHILD_NFS),
        sex: fields.code("sex").unwrap_or(Sex::UNKNOWN),
        suspected_destinations: destinations(fields, problems),
        transports: fields.codes("transport").unwrap_or_default(),
        situations: fields.codes("situation").unwrap_or_default(),
        risk_tier: fields.code("risk_tier").unwrap_or(RiskTier::UNKNOWN),
        forms: fields.codes("forms").unwrap_or_else(|| [Form::UNKNOWN].into()),
        external_alerts: fields.codes("external_alerts").unwrap_or_default(),
        missing_type: missing_type?,
        last_seen: last_seen??,
    };
    Some((Subject::MissingChildPointer(pointer), Observed::Elapsed(elapsed?)))
}

fn destinations(fields: &mut Fields<'_>, problems: &Problems) -> Vec<SuspectedDestination> {
    let mut list: Vec<SuspectedDestination> = Vec::new();
    for (path, node) in fields.list("suspected_destinations").unwrap_or_default() {
        let mut inner = Fields::of(node, &path, problems);
        let country = country(&mut inner);
        let certainty = inner.code("certainty").unwrap_or(Certainty::POSSIBLE);
        if list.iter().any(|d| Some(d.country) == country) {
            inner.report("country", None, "every country once", "one that stands there already", "take one out");
        }
        list.extend(country.map(|country| SuspectedDestination { country, certainty }));
        inner.finish();
    }
    if list.len() > crate::limits::ALERT_DESTINATIONS {
        fields.report("suspected_destinations", None, "at most three countries", "more", "keep the likeliest");
    }
    list.sort();
    list
}

fn modus_operandi(fields: &mut Fields<'_>, problems: &Problems) -> Option<ModusOperandi> {
    let forms = fields.codes("forms");
    let forms = fields.need("forms", "the forms of exploitation", forms);
    let mut countries = BTreeSet::new();
    for (path, node) in fields.list("countries").unwrap_or_default() {
        let mut inner = Fields::of(node, &path, problems);
        let (role, country) = (role(&mut inner), country(&mut inner));
        countries.extend(role.zip(country).map(|(role, country)| CountryInRole { role, country }));
        inner.finish();
    }
    Some(ModusOperandi {
        acts: fields.codes("acts").unwrap_or_default(),
        means: fields.codes("means_groups").unwrap_or_default(),
        recruiter_relations: fields.codes("recruiter_relation").unwrap_or_default(),
        recruitment_methods: fields.codes("recruitment_method").unwrap_or_default(),
        indicators: fields.codes("indicators").unwrap_or_default(),
        age_bands: fields.codes("age_bands").unwrap_or_else(|| [AgeBand::AGE_CHILD_NFS].into()),
        sexes: fields.codes("sex").unwrap_or_default(),
        transports: fields.codes("transport").unwrap_or_default(),
        countries,
        trend: fields.code("trend").unwrap_or(Trend::UNKNOWN),
        countermeasures: fields.codes("countermeasures").unwrap_or_default(),
        forms: forms?,
    })
}

fn route_corridor(fields: &mut Fields<'_>, problems: &Problems) -> Option<RouteCorridor> {
    let forms = fields.codes("forms");
    let forms = fields.need("forms", "the forms of exploitation", forms);
    let mut stops = Vec::new();
    for (path, node) in fields.list("stops").unwrap_or_default() {
        let mut inner = Fields::of(node, &path, problems);
        stops.extend(role(&mut inner).zip(place(&mut inner)).map(|(role, place)| Stop { role, place }));
        inner.finish();
    }
    let mut legs = Vec::new();
    for (path, node) in fields.list("legs").unwrap_or_default() {
        let mut inner = Fields::of(node, &path, problems);
        let support = inner.code("support_count");
        let support = inner.need("support_count", "how many distinct children were moved over this leg", support);
        let border_type = inner.code("border_type").unwrap_or(BorderType::UNKNOWN);
        let transport = inner.code("transport").unwrap_or(Transport::UNKNOWN);
        legs.extend(support.map(|support| Leg { border_type, transport, support }));
        inner.finish();
    }
    Some(RouteCorridor { forms: forms?, stops, legs })
}

fn role(fields: &mut Fields<'_>) -> Option<CountryRole> {
    let role = fields.code("role");
    fields.need("role", "what the country is: RECRUITMENT, TRANSIT, EXPLOITATION ...", role)
}

fn country(fields: &mut Fields<'_>) -> Option<Country> {
    let country = fields.country("country");
    fields.need("country", "an alpha-2 code such as NO", country)
}

fn place(fields: &mut Fields<'_>) -> Option<Place> {
    let nuts1 = fields.nuts1("nuts1");
    country(fields).map(|country| Place { country, nuts1 })
}
