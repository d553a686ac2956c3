//! ROUTE_CORRIDOR: where children are moved, over at least k cases on each leg.

use super::explain::{field, never};
use super::gather::distinct;
use super::method::{forms, independent_sources, seeks_protection};
use super::share::codes;
use super::{Minimised, TooLittle};
use crate::national::record::{ChildId, Record};
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::alert::rules::{minimum_cases, minimum_cases_for_region};
use varde_proto::alert::{Leg, Observed, Place, RouteCorridor, Stop, Subject};
use varde_proto::draft::Explained;
use varde_proto::limits;
use varde_proto::time::Period;
use varde_proto::vocabulary::*;

/// One child's way: countries in order, each another than the one before.
type Way = Vec<Stop>;

pub(super) fn minimise(cases: &[Record], period: Period, tlp: Tlp) -> Result<Minimised, TooLittle> {
    let k = minimum_cases(tlp);
    let ways: Vec<(&Record, Way)> = cases.iter().map(|case| (case, way(case))).filter(|(_, w)| w.len() >= 2).collect();
    let mut fields = Vec::new();
    let (path, ways) = shared_path(&ways, k, &mut fields).ok_or(TooLittle::Way { wanted: k, tlp })?;
    let (stops, legs) = with_regions(&path, &ways, minimum_cases_for_region(tlp), &mut fields);
    let travellers: Vec<Record> = ways.iter().filter(|(_, w)| travels(w, &path)).map(|(r, _)| (*r).clone()).collect();
    let found = distinct(&travellers);
    let support = SupportBand::of(found).ok_or(TooLittle::Way { wanted: k, tlp })?;
    let legs = legs.iter().map(|children| leg(&travellers, children, k)).collect::<Option<Vec<Leg>>>();
    let legs = legs.ok_or(TooLittle::Way { wanted: k, tlp })?;
    explain_legs(&legs, &mut fields);
    fields.insert(0, field("children", found.to_string(), support.label(), "a band instead of a number", found));
    let forms = forms(&travellers, k, &mut fields);
    let own = |r: &Record| r.stated().sources.iter().collect::<Vec<_>>();
    let sources = codes("source_type", &travellers, k, own, &mut fields);
    let independent_sources = independent_sources(&travellers, &mut fields);
    fields.extend(never(&travellers));
    Ok(Minimised {
        subject: Subject::RouteCorridor(RouteCorridor { forms, stops, legs }),
        observed: Observed::Period(period),
        support,
        sources: sources.into_iter().collect(),
        independent_sources,
        asylum: travellers.iter().any(seeks_protection),
        feared: BTreeSet::new(),
        fields,
    })
}

/// The places of the record that lie on the way, in its order.
fn way(record: &Record) -> Way {
    use CountryRole as R;
    let order = [R::ORIGIN, R::RECRUITMENT, R::TRANSIT, R::EXPLOITATION, R::IDENTIFICATION];
    let mut way = Way::new();
    for role in order {
        let places = record.stated().places.iter().filter(|p| p.role == role && p.country.is_named());
        for place in places {
            let stop = Stop { role, place: Place { country: place.country, nuts1: place.region } };
            let stays = way.last().is_some_and(|last| last.place.country == place.country);
            // A child found where it was exploited is no further leg; nor is one recruited where it came from, whose place
            // of recruitment says more.
            match (stays, role) {
                (false, _) => way.push(stop),
                (true, R::RECRUITMENT) => drop(way.pop().map(|_| way.push(stop))),
                (true, _) => {}
            }
        }
    }
    way.truncate(limits::ALERT_STOPS);
    way
}

fn countries(way: &[Stop]) -> Vec<Country> {
    way.iter().map(|stop| stop.place.country).collect()
}

/// The place of a leg within a way.
fn leg_in(way: &[Stop], from: Country, to: Country) -> Option<usize> {
    way.windows(2).position(|pair| pair[0].place.country == from && pair[1].place.country == to)
}

/// Whether the way uses any leg of the path.
fn travels(way: &[Stop], path: &[Stop]) -> bool {
    path.windows(2).any(|pair| leg_in(way, pair[0].place.country, pair[1].place.country).is_some())
}

type Ways<'a> = Vec<(&'a Record, Way)>;

/// The path that most children took and of which every leg is shared by k; where no path through other countries is, the
/// one between the two ends.
fn shared_path<'a>(ways: &[(&'a Record, Way)], k: u64, fields: &mut Vec<Explained>) -> Option<(Way, Ways<'a>)> {
    let ends: Ways<'a> = ways.iter().filter_map(|(r, w)| Some((*r, vec![*w.first()?, *w.last()?]))).collect();
    let ends: Ways<'a> = ends.into_iter().filter(|(_, w)| w[0].place.country != w[1].place.country).collect();
    for (ways, how) in [(ways.to_vec(), "every leg is shared by k children"), (ends, "only where it begins and ends")] {
        let mut children = BTreeMap::<Vec<Country>, (BTreeSet<ChildId>, Way)>::new();
        for (record, way) in &ways {
            let entry = children.entry(countries(way)).or_insert_with(|| (BTreeSet::new(), way.clone()));
            entry.0.insert(record.child());
        }
        let enough = |path: &Way| path.windows(2).all(|pair| on_leg(&ways, pair).len() as u64 >= k);
        let candidates = children.values().filter(|(_, path)| enough(path));
        // Of paths that equally many children took, the longer one says more; then the order of countries decides.
        if let Some((own, path)) = candidates.max_by_key(|(own, path)| (own.len(), path.len())) {
            let path: Way = path.iter().map(|s| Stop { place: Place { nuts1: None, ..s.place }, ..*s }).collect();
            let stays = format!("{} different ways, by country, region and date", children.len());
            let leaves = super::share::list(countries(&path));
            fields.push(field("stops", stays, leaves, how, own.len() as u64));
            return Some((path, ways));
        }
    }
    None
}

/// Distinct children who travelled a leg.
fn on_leg(ways: &[(&Record, Way)], pair: &[Stop]) -> BTreeSet<ChildId> {
    let (from, to) = (pair[0].place.country, pair[1].place.country);
    ways.iter().filter(|(_, way)| leg_in(way, from, to).is_some()).map(|(r, _)| r.child()).collect()
}

/// Names the region of a stop where enough children on each adjacent leg share it; returns the children behind each leg.
fn with_regions(
    path: &[Stop],
    ways: &[(&Record, Way)],
    wanted: u64,
    fields: &mut Vec<Explained>,
) -> (Vec<Stop>, Vec<BTreeSet<ChildId>>) {
    let mut stops = path.to_vec();
    let mut legs: Vec<_> = path.windows(2).map(|pair| on_leg(ways, pair)).collect();
    let mut named = 0;
    for (n, stop) in stops.iter_mut().enumerate() {
        let Some(region) = commonest_region(ways, stop.place.country) else { continue };
        let there = children_at(ways, stop.place.country, region);
        let beside = |leg: usize| leg == n || leg + 1 == n;
        let narrowed = |(leg, children): (usize, &BTreeSet<ChildId>)| match beside(leg) {
            true => children & &there,
            false => children.clone(),
        };
        let next: Vec<_> = legs.iter().enumerate().map(narrowed).collect();
        if next.iter().enumerate().all(|(leg, children)| !beside(leg) || children.len() as u64 >= wanted) {
            stop.place.nuts1 = Some(region);
            legs = next;
            named += 1;
        }
    }
    let how = format!("the region of a stop leaves where {wanted} children on each leg beside it share it");
    let cases = legs.iter().map(BTreeSet::len).min().unwrap_or(0) as u64;
    fields.push(field("regions", "regions of every place", format!("{named} of {} stops", stops.len()), &how, cases));
    (stops, legs)
}

fn commonest_region(ways: &[(&Record, Way)], country: Country) -> Option<Nuts1> {
    let stops = ways.iter().flat_map(|(_, way)| way).filter(|stop| stop.place.country == country);
    let mut counts = BTreeMap::<Nuts1, usize>::new();
    for region in stops.filter_map(|stop| stop.place.nuts1) {
        *counts.entry(region).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(region, count)| (*count, std::cmp::Reverse(*region))).map(|(region, _)| region)
}

fn children_at(ways: &[(&Record, Way)], country: Country, region: Nuts1) -> BTreeSet<ChildId> {
    let there = |way: &Way| way.iter().any(|s| s.place.country == country && s.place.nuts1 == Some(region));
    ways.iter().filter(|(_, way)| there(way)).map(|(r, _)| r.child()).collect()
}

/// A record says how the child travelled, not on which leg; so a leg has a border or transport only where k of its children
/// have that one and no other.
fn leg(travellers: &[Record], children: &BTreeSet<ChildId>, k: u64) -> Option<Leg> {
    let on_it = || travellers.iter().filter(|r| children.contains(&r.child()));
    let borders = on_it().map(|r| (r.child(), r.stated().borders.as_slice()));
    let transports = on_it().map(|r| (r.child(), r.stated().transport.as_slice()));
    Some(Leg {
        border_type: only_one(borders, k).unwrap_or(BorderType::UNKNOWN),
        transport: only_one(transports, k).unwrap_or(Transport::UNKNOWN),
        support: SupportBand::of(children.len() as u64)?,
    })
}

fn only_one<'a, V: Vocabulary>(codes: impl Iterator<Item = (ChildId, &'a [V])>, k: u64) -> Option<V> {
    let mut children = BTreeMap::<V, BTreeSet<ChildId>>::new();
    for (child, codes) in codes {
        if let [one] = codes {
            children.entry(*one).or_default().insert(child);
        }
    }
    let enough = children.into_iter().filter(|(_, children)| children.len() as u64 >= k);
    enough.max_by_key(|(_, children)| children.len()).map(|(code, _)| code)
}

fn explain_legs(legs: &[Leg], fields: &mut Vec<Explained>) {
    for (n, leg) in legs.iter().enumerate() {
        let leaves = format!("{}, {}, {}", leg.border_type, leg.transport, leg.support.label());
        let how = "border and transport only where k of its children share them and no other";
        let name = format!("leg {}", n + 1);
        fields.push(field(&name, "means of travel of each child", leaves, how, leg.support.lowest()));
    }
}
