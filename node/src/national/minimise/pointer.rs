//! MISSING_CHILD_POINTER from one record: that there is a case, not who the child is.

use super::explain::{field, never};
use super::method::seeks_protection;
use super::share::{list, says_something};
use super::{Minimised, TooLittle};
use crate::national::record::Record;
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::alert::{MissingChildPointer, Observed, Place, Subject, SuspectedDestination};
use varde_proto::draft::Explained;
use varde_proto::limits;
use varde_proto::vocabulary::*;

/// What a record does not hold and the person who drafts knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Kind of missing child case.
    pub missing_type: MissingType,
    /// Time since the child was last seen.
    pub elapsed: ElapsedBand,
    /// How urgent.
    pub risk_tier: RiskTier,
}

/// A pointer to the child of this record.
pub fn pointer(record: &Record, missing: Missing) -> Result<Minimised, TooLittle> {
    if !record.is_child() {
        return Err(TooLittle::NotAChild);
    }
    let mut fields = vec![field("children", "1", SupportBand::SINGLE.label(), "a pointer is to one child", 1)];
    let subject = Subject::MissingChildPointer(MissingChildPointer {
        missing_type: missing.missing_type,
        age_band: age_band(record, &mut fields),
        sex: sex(record, &mut fields),
        last_seen: last_seen(record, &mut fields).ok_or(TooLittle::Nowhere)?,
        suspected_destinations: destinations(record, &mut fields),
        transports: BTreeSet::new(),
        situations: situations(record, &mut fields),
        risk_tier: missing.risk_tier,
        forms: forms(record, &mut fields),
        external_alerts: BTreeSet::new(),
    });
    let citizenships = &record.stated().citizenships;
    if !citizenships.is_empty() {
        fields.push(field("citizenship", list(citizenships), "", "left out: a child may fear that country", 0));
    }
    fields.extend(never(std::slice::from_ref(record)));
    Ok(Minimised {
        subject,
        observed: Observed::Elapsed(missing.elapsed),
        support: SupportBand::SINGLE,
        sources: record.stated().sources.iter().filter(|s| says_something(*s)).take(limits::ALERT_CODES).collect(),
        independent_sources: IndependentSources::ONE,
        asylum: seeks_protection(record),
        feared: feared(record),
        fields,
    })
}

fn age_band(record: &Record, fields: &mut Vec<Explained>) -> AgeBand {
    let stated = record.stated();
    let stays = stated.age.map_or(stated.age_band.label(), |years| format!("{years} years"));
    fields.push(field("age_band", stays, stated.age_band.label(), "a band instead of an age", 1));
    stated.age_band
}

fn sex(record: &Record, fields: &mut Vec<Explained>) -> Sex {
    let own = record.sex();
    let leaves = if [Sex::FEMALE, Sex::MALE].contains(&own) { own } else { Sex::UNKNOWN };
    let how = if own == leaves { "as it is" } else { "unknown instead: so rare that it would point to the child" };
    fields.push(field("sex", own.label(), leaves.label(), how, 1));
    leaves
}

/// Where the child is now, or was identified, or was exploited: the first of these that the record names.
fn last_seen(record: &Record, fields: &mut Vec<Explained>) -> Option<Place> {
    let places = &record.stated().places;
    let named = |role: CountryRole| places.iter().rev().find(move |p| p.role == role && p.country.is_named());
    let place = named(CountryRole::CURRENT)
        .or_else(|| named(CountryRole::IDENTIFICATION))
        .or_else(|| named(CountryRole::EXPLOITATION))?;
    let leaves = place.region.map_or(place.country.to_string(), |region| format!("{} {region}", place.country));
    let stays = format!("{} places with roles and dates", places.len());
    fields.push(field("last_seen", stays, leaves, "one country and its large region, no date", 1));
    Some(Place { country: place.country, nuts1: place.region })
}

fn destinations(record: &Record, fields: &mut Vec<Explained>) -> Vec<SuspectedDestination> {
    let countries = record.countries(CountryRole::SUSPECTED_DESTINATION).filter(|c| c.is_named());
    let certainty: BTreeMap<Country, Certainty> = countries.map(|c| (c, Certainty::POSSIBLE)).collect();
    let total = certainty.len();
    let kept: Vec<_> = certainty
        .into_iter()
        .take(limits::ALERT_DESTINATIONS)
        .map(|(country, certainty)| SuspectedDestination { country, certainty })
        .collect();
    let leaves = list(kept.iter().map(|d| d.country));
    fields.push(field("suspected_destinations", format!("{total} countries"), leaves, "at most three, no region", 1));
    kept
}

fn situations(record: &Record, fields: &mut Vec<Explained>) -> BTreeSet<ChildSituation> {
    let own = &record.stated().situations;
    let kept: BTreeSet<_> = own.iter().filter(|s| s.shareable()).collect();
    let dropped = own.len() - kept.len();
    let how = match dropped {
        0 => "all of them may leave".to_owned(),
        n => format!("{n} left out: asylum, health and offence data stay"),
    };
    fields.push(field("situation", list(own.iter()), list(&kept), &how, 1));
    kept
}

fn forms(record: &Record, fields: &mut Vec<Explained>) -> BTreeSet<Form> {
    let own = &record.stated().forms;
    let mut kept: BTreeSet<_> = own.iter().filter(|f| says_something(*f)).map(Form::rolls_up_to).collect();
    if kept.is_empty() {
        kept.insert(Form::UNKNOWN);
    }
    fields.push(field("forms", list(own.iter()), list(&kept), "the group, not the exact form", 1));
    kept
}

/// The countries that a child who seeks protection may fear, as far as the record names them.
fn feared(record: &Record) -> BTreeSet<Country> {
    if !seeks_protection(record) {
        return BTreeSet::new();
    }
    let left =
        [CountryRole::ORIGIN, CountryRole::HABITUAL_RESIDENCE].into_iter().flat_map(|role| record.countries(role));
    record.stated().citizenships.iter().copied().chain(left).filter(|country| country.is_named()).collect()
}
