//! Rules over MODUS_OPERANDI and ROUTE_CORRIDOR, and the forms of all patterns: nothing that narrows one down to
//! fewer than k children.

use super::{Rule, minimum_cases, minimum_cases_for_region, reaches};
use crate::alert::{AlertContent, Leg, ModusOperandi, Place, RouteCorridor, Subject};
use crate::vocabulary::*;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "forms-missing",
        field: "content.forms",
        wanted: "at least one form of exploitation",
        next: "name it, or UNKNOWN",
        holds: |c| forms(c).is_none_or(|some| some),
    },
    Rule {
        code: "age-bands-too-narrow",
        field: "content.age_bands",
        wanted: "two or more of the four bands, or AGE_CHILD_NFS alone",
        next: "use AGE_CHILD_NFS",
        holds: |c| modus(c, age_bands_are_wide),
    },
    Rule {
        code: "sexes-not-both",
        field: "content.sex",
        wanted: "FEMALE and MALE together, each with k cases behind it, or nothing",
        next: "leave it out",
        holds: |c| modus(c, |m| m.sexes.is_empty() || m.sexes == [Sex::FEMALE, Sex::MALE].into()),
    },
    Rule {
        code: "sexes-below-k",
        field: "content.sex",
        wanted: "support_count of at least 2k when both sexes are named",
        next: "leave it out",
        holds: |c| modus(c, |m| m.sexes.is_empty() || c.support.highest() >= 2 * minimum_cases(c.tlp)),
    },
    Rule {
        code: "countries-missing",
        field: "content.countries",
        wanted: "at least one country with its role",
        next: "name the country of exploitation or of recruitment",
        holds: |c| modus(c, |m| !m.countries.is_empty()),
    },
    Rule {
        code: "stops-number",
        field: "content.stops",
        wanted: "two to eight stops",
        next: "name at least where the route begins and ends",
        holds: |c| route(c, |r| r.stops.len() >= 2),
    },
    Rule {
        code: "legs-number",
        field: "content.legs",
        wanted: "one leg fewer than stops",
        next: "describe each way between two stops once",
        holds: |c| route(c, |r| r.legs.len() + 1 == r.stops.len()),
    },
    Rule {
        code: "stops-named",
        field: "content.stops",
        wanted: "countries, not OTHER or UNKNOWN",
        next: "leave the unknown end of the route out",
        holds: |c| route(c, |r| r.stops.iter().all(|s| s.place.country.is_named())),
    },
    Rule {
        code: "stops-role",
        field: "content.stops",
        wanted: "a role on the way: ORIGIN, RECRUITMENT, TRANSIT, EXPLOITATION, IDENTIFICATION",
        next: "leave citizenship, residence and reporting out of a route",
        holds: |c| route(c, |r| r.stops.iter().all(|s| role_is_on_the_way(s.role))),
    },
    Rule {
        code: "stops-repeated",
        field: "content.stops",
        wanted: "another place than the stop before",
        next: "take one of the two out",
        holds: |c| route(c, |r| r.stops.windows(2).all(|pair| pair[0].place != pair[1].place)),
    },
    Rule {
        code: "stops-region-country",
        field: "content.stops",
        wanted: "a NUTS-1 region of the stop's own country (EL belongs to GR, UK to GB)",
        next: "correct the region, or leave it out",
        holds: |c| route(c, |r| r.stops.iter().all(|s| region_lies_in(s.place))),
    },
    Rule {
        code: "legs-below-k",
        field: "content.legs",
        wanted: "k cases on every leg: 10 for GREEN and CLEAR, 5 for AMBER, 3 for AMBER_STRICT",
        next: "leave the thin leg out, or choose a stricter tlp",
        holds: |c| route(c, |r| r.legs.iter().all(|leg| reaches(leg.support, minimum_cases(c.tlp)))),
    },
    Rule {
        code: "legs-above-support",
        field: "content.legs",
        wanted: "no leg with more cases than support_count",
        next: "count support_count over all children of the route",
        holds: |c| route(c, |r| r.legs.iter().all(|leg| leg.support <= c.support)),
    },
    Rule {
        code: "region-below-k",
        field: "content.stops",
        wanted: "k cases (and 5 where the tlp is RED) on each leg beside a stop with a region",
        next: "leave the region out and name the country alone",
        holds: |c| route(c, |r| regions_reach(r, minimum_cases_for_region(c.tlp))),
    },
];

fn forms(c: &AlertContent) -> Option<bool> {
    match &c.subject {
        Subject::ModusOperandi(m) => Some(!m.forms.is_empty()),
        Subject::RouteCorridor(r) => Some(!r.forms.is_empty()),
        Subject::RecruitmentPattern(p) => Some(!p.forms.is_empty()),
        Subject::DocumentPattern(p) => Some(!p.forms.is_empty()),
        Subject::SituationalWarning(p) => Some(!p.forms.is_empty()),
        Subject::PreventionPractice(p) => Some(!p.forms.is_empty()),
        _ => None,
    }
}

fn modus(c: &AlertContent, holds: impl Fn(&ModusOperandi) -> bool) -> bool {
    match &c.subject {
        Subject::ModusOperandi(m) => holds(m),
        _ => true,
    }
}

fn route(c: &AlertContent, holds: impl Fn(&RouteCorridor) -> bool) -> bool {
    match &c.subject {
        Subject::RouteCorridor(r) => holds(r),
        _ => true,
    }
}

fn age_bands_are_wide(m: &ModusOperandi) -> bool {
    let all_children = m.age_bands == [AgeBand::AGE_CHILD_NFS].into();
    let narrow = [AgeBand::AGE_0_8, AgeBand::AGE_9_13, AgeBand::AGE_14_15, AgeBand::AGE_16_17];
    all_children || (m.age_bands.len() >= 2 && m.age_bands.iter().all(|band| narrow.contains(band)))
}

fn role_is_on_the_way(role: CountryRole) -> bool {
    use CountryRole as R;
    let off = [R::CITIZENSHIP, R::HABITUAL_RESIDENCE, R::CURRENT, R::SUSPECTED_DESTINATION, R::REPORTING];
    !off.contains(&role)
}

pub(super) fn region_lies_in(place: Place) -> bool {
    place.nuts1.is_none_or(|region| region.country() == place.country)
}

fn regions_reach(r: &RouteCorridor, cases: u64) -> bool {
    let enough = |leg: Option<&Leg>| leg.is_none_or(|leg| reaches(leg.support, cases));
    let beside = |n: usize| enough(r.legs.get(n)) && enough(n.checked_sub(1).and_then(|before| r.legs.get(before)));
    r.stops.iter().enumerate().all(|(n, stop)| stop.place.nuts1.is_none() || beside(n))
}
