//! MODUS_OPERANDI: how traffickers work, over at least k cases.

use super::explain::{field, never};
use super::gather::{Query, distinct, in_role};
use super::share::{Shares, codes, counted, list, says_something};
use super::{Minimised, TooLittle};
use crate::national::record::Record;
use std::collections::BTreeSet;
use varde_proto::alert::rules::minimum_cases;
use varde_proto::alert::{CountryInRole, ModusOperandi, Observed, Subject};
use varde_proto::draft::Explained;
use varde_proto::limits;
use varde_proto::vocabulary::*;

pub(super) fn minimise(cases: &[Record], before: u64, query: &Query, tlp: Tlp) -> Result<Minimised, TooLittle> {
    let k = minimum_cases(tlp);
    let found = distinct(cases);
    let Some(support) = SupportBand::of(found) else {
        return Err(TooLittle::Children { found, wanted: k, tlp });
    };
    let mut fields = vec![field("children", found.to_string(), support.label(), "a band instead of a number", found)];
    let countries = countries(cases, k, query, &mut fields);
    if countries.is_empty() {
        return Err(TooLittle::Country { wanted: k, tlp });
    }
    let subject = Subject::ModusOperandi(ModusOperandi {
        forms: forms(cases, k, &mut fields),
        acts: codes("acts", cases, k, |r| r.stated().acts.iter().collect::<Vec<_>>(), &mut fields),
        means: codes("means_groups", cases, k, means_groups, &mut fields),
        recruiter_relations: codes("recruiter_relation", cases, k, |r| own(r.stated().relations.iter()), &mut fields),
        recruitment_methods: codes("recruitment_method", cases, k, |r| own(r.stated().recruitment.iter()), &mut fields),
        indicators: codes("indicators", cases, k, |r| own(r.stated().indicators.iter()), &mut fields),
        age_bands: age_bands(cases, k, &mut fields),
        sexes: sexes(cases, k, &mut fields),
        transports: codes("transport", cases, k, |r| own(r.stated().transport.iter()), &mut fields),
        countries,
        trend: trend(found, before, k, &mut fields),
        countermeasures: BTreeSet::new(),
    });
    let sources = codes("source_type", cases, k, |r| own(r.stated().sources.iter()), &mut fields);
    let independent_sources = independent_sources(cases, &mut fields);
    fields.extend(never(cases));
    Ok(Minimised {
        subject,
        observed: Observed::Period(query.period),
        support,
        sources: sources.into_iter().collect(),
        independent_sources,
        asylum: cases.iter().any(seeks_protection),
        feared: BTreeSet::new(),
        fields,
    })
}

fn own<T>(values: impl Iterator<Item = T>) -> Vec<T> {
    values.collect()
}

/// Forms that k children share; where the exact form is shared by fewer, the form it rolls up to.
pub(super) fn forms(cases: &[Record], k: u64, fields: &mut Vec<Explained>) -> BTreeSet<Form> {
    let exact = Shares::of(cases, |r| r.stated().forms.iter().filter(|f| says_something(*f)).collect::<Vec<_>>());
    let rolled = Shares::of(cases, |r| r.stated().forms.iter().map(Form::rolls_up_to).collect::<Vec<_>>());
    let mut kept = exact.at_least(k, limits::ALERT_CODES / 2);
    let wider = rolled.at_least(k, limits::ALERT_CODES / 2).into_iter().filter(|f| says_something(*f));
    let missing: Vec<Form> = wider.filter(|form| !kept.iter().any(|k| k.rolls_up_to() == *form)).collect();
    let widened = missing.len();
    kept.extend(missing);
    if kept.is_empty() {
        kept.insert(Form::UNKNOWN);
    }
    let counts = Form::all().map(|f| (f.to_string(), exact.count(f) as usize)).filter(|(_, count)| *count > 0);
    let how = match widened {
        0 => format!("each shared by at least {k} children"),
        n => format!("{n} widened to the group, because fewer than {k} children share the exact form"),
    };
    let behind = exact.union(&kept).max(rolled.union(&kept));
    fields.push(field("forms", counted(counts), list(&kept), &how, behind));
    kept
}

fn means_groups(record: &Record) -> Vec<MeansGroup> {
    let stated = record.stated();
    stated.means.iter().filter_map(MeansOfControl::group).chain(stated.means_groups.iter()).collect()
}

/// The four bands where at least two of them are shared by k children, else the one that covers all children.
fn age_bands(cases: &[Record], k: u64, fields: &mut Vec<Explained>) -> BTreeSet<AgeBand> {
    let shares = Shares::of(cases, |r| [r.stated().age_band]);
    let exact = [AgeBand::AGE_0_8, AgeBand::AGE_9_13, AgeBand::AGE_14_15, AgeBand::AGE_16_17];
    let kept: BTreeSet<AgeBand> = exact.into_iter().filter(|band| shares.count(*band) >= k).collect();
    let counts = AgeBand::all().map(|b| (b.to_string(), shares.count(b) as usize)).filter(|(_, count)| *count > 0);
    let (leaves, how) = if kept.len() >= 2 {
        (kept, format!("bands that {k} children share"))
    } else {
        ([AgeBand::AGE_CHILD_NFS].into(), format!("one band for all children: fewer than two bands are shared by {k}"))
    };
    fields.push(field("age_bands", counted(counts), list(&leaves), &how, distinct(cases)));
    leaves
}

/// Both sexes where each is shared by k children, else none.
fn sexes(cases: &[Record], k: u64, fields: &mut Vec<Explained>) -> BTreeSet<Sex> {
    let shares = Shares::of(cases, |r| [r.sex()]);
    let both = [Sex::FEMALE, Sex::MALE];
    let apart = shares.union(&both.into()) >= 2 * k;
    let enough = apart && both.iter().all(|sex| shares.count(*sex) >= k);
    let leaves: BTreeSet<Sex> = if enough { both.into() } else { BTreeSet::new() };
    let how = match enough {
        true => format!("both are shared by {k} children"),
        false => format!("left out: each sex must be shared by {k} children"),
    };
    let counts = Sex::all().map(|s| (s.to_string(), shares.count(s) as usize)).filter(|(_, count)| *count > 0);
    fields.push(field("sex", counted(counts), list(&leaves), &how, shares.union(&leaves)));
    leaves
}

/// Countries in the roles of the crime, each shared by k children. Citizenship leaves only when it was asked for: it points
/// to a group of people.
fn countries(cases: &[Record], k: u64, query: &Query, fields: &mut Vec<Explained>) -> BTreeSet<CountryInRole> {
    use CountryRole as R;
    let asked = query.countries.iter().any(|c| c.role == R::CITIZENSHIP).then_some(R::CITIZENSHIP);
    let roles: Vec<R> =
        [R::ORIGIN, R::RECRUITMENT, R::TRANSIT, R::EXPLOITATION, R::IDENTIFICATION].into_iter().chain(asked).collect();
    let pairs = |record: &Record| {
        let of = |role: &R| {
            let role = *role;
            in_role(record, role)
                .into_iter()
                .filter(|c| c.is_named())
                .map(move |country| CountryInRole { role, country })
        };
        roles.iter().flat_map(of).collect::<Vec<_>>()
    };
    let shares = Shares::of(cases, pairs);
    let kept = shares.at_least(k, limits::ALERT_COUNTRIES);
    let name = |c: &CountryInRole| format!("{} {}", c.role, c.country);
    let how = format!("{} of {} dropped: fewer than {k} children share them", shares.len() - kept.len(), shares.len());
    let stays = format!("{} pairs of country and role, with regions and dates", shares.len());
    fields.push(field("countries", stays, list(kept.iter().map(name)), &how, shares.union(&kept)));
    if asked.is_none() && cases.iter().any(|r| !r.stated().citizenships.is_empty()) {
        let with = cases.iter().filter(|r| !r.stated().citizenships.is_empty()).count();
        let how = "left out: it was not asked for, and it points to a group of people";
        fields.push(field("citizenship", format!("in {with} of {} records", cases.len()), "", how, 0));
    }
    kept
}

/// Against the quarter before, with a third either way as the same.
fn trend(found: u64, before: u64, k: u64, fields: &mut Vec<Explained>) -> Trend {
    let trend = match before {
        0 => Trend::NEW,
        few if few < k => Trend::UNKNOWN,
        _ if 3 * found >= 4 * before => Trend::RISING,
        _ if 3 * found <= 2 * before => Trend::FALLING,
        _ => Trend::STABLE,
    };
    let how = "against the quarter before; unknown where that has fewer than k children";
    fields.push(field("trend", format!("{found}, {before} the quarter before"), trend.label(), how, found));
    trend
}

pub(super) fn independent_sources(cases: &[Record], fields: &mut Vec<Explained>) -> IndependentSources {
    let agencies: BTreeSet<&str> = cases.iter().map(|r| r.stated().agency.as_str()).filter(|a| !a.is_empty()).collect();
    let class = IndependentSources::of(agencies.len() as u64).unwrap_or(IndependentSources::ONE);
    let stays = format!("{} agencies by name", agencies.len());
    fields.push(field("independent_sources", stays, class.label(), "their number only, up to three", 0));
    class
}

/// Whether the child seeks or has protection from its country.
pub(super) fn seeks_protection(record: &Record) -> bool {
    let situations = &record.stated().situations;
    situations.contains(ChildSituation::ASYLUM_APPLICANT)
        || situations.contains(ChildSituation::BENEFICIARY_OF_PROTECTION)
}
