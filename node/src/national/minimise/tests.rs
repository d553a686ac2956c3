#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::national::record::sample::{place, record};
use crate::national::record::{ChildId, Codes, Gender, Identity, Record, RecordId, Stated, StatedDate};
use proptest::prelude::*;
use std::collections::BTreeSet;
use varde_proto::alert::{CountryInRole, Leg, MissingChildPointer, ModusOperandi, RouteCorridor, rules};
use varde_proto::draft::{Fresh, Terms};
use varde_proto::id::AlertId;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::*;

const QUARTER: Period = Period::Quarter(2026, 1);

fn country(code: &str) -> Country {
    Country::parse(code).unwrap()
}

/// A girl of 12, recruited in LT to beg in NO, registered in February 2026.
fn stated() -> Stated {
    Stated {
        agency: "police".into(),
        registered_on: StatedDate::new(2026, 2, 3),
        status: VictimStatus::IDENTIFIED_FORMAL,
        age: Some(12),
        age_band: AgeBand::AGE_9_13,
        gender: Gender::FEMININE,
        citizenships: vec![country("LT")],
        primary_form: Form::FORCED_BEGGING,
        forms: Codes::new([Form::FORCED_BEGGING]),
        means: Codes::new([MeansOfControl::TAKES_EARNINGS]),
        sources: Codes::new([SourceType::POLICE]),
        transport: Codes::new([Transport::MINIBUS]),
        borders: Codes::new([BorderType::LAND_ROAD]),
        places: vec![
            place(CountryRole::RECRUITMENT, "LT", Some("LT0")).unwrap(),
            place(CountryRole::EXPLOITATION, "NO", Some("NO0")).unwrap(),
        ],
        ..Stated::nothing()
    }
}

fn cases(count: u8, change: impl Fn(u8, &mut Stated)) -> Vec<Record> {
    let one = |n: u8| {
        let mut stated = stated();
        change(n, &mut stated);
        record(n + 1, stated).unwrap()
    };
    (0..count).map(one).collect()
}

fn query(kind: AlertKind) -> Query {
    Query { kind, forms: BTreeSet::new(), period: QUARTER, countries: BTreeSet::new() }
}

fn minimise(query: Query, cases: &[Record], tlp: Tlp) -> Result<Minimised, TooLittle> {
    let mut gathering = Gathering::new(query).unwrap();
    cases.iter().for_each(|case| gathering.add(case));
    gathering.minimise(tlp)
}

fn method(cases: &[Record]) -> ModusOperandi {
    match minimise(query(AlertKind::MODUS_OPERANDI), cases, Tlp::AMBER).unwrap().subject {
        Subject::ModusOperandi(m) => m,
        other => panic!("{other:?}"),
    }
}

fn route(cases: &[Record]) -> RouteCorridor {
    match minimise(query(AlertKind::ROUTE_CORRIDOR), cases, Tlp::AMBER).unwrap().subject {
        Subject::RouteCorridor(r) => r,
        other => panic!("{other:?}"),
    }
}

fn way(r: &RouteCorridor) -> String {
    r.stops
        .iter()
        .map(|s| s.place.nuts1.map_or(s.place.country.to_string(), |n| n.to_string()))
        .collect::<Vec<_>>()
        .join(">")
}

#[test]
fn fewer_children_than_the_colour_demands_are_no_pattern() {
    let four = cases(4, |_, _| {});
    let of = |tlp| minimise(query(AlertKind::MODUS_OPERANDI), &four, tlp).map(|m| m.support);
    assert_eq!(of(Tlp::AMBER), Err(TooLittle::Children { found: 4, wanted: 5, tlp: Tlp::AMBER }));
    assert_eq!(of(Tlp::GREEN), Err(TooLittle::Children { found: 4, wanted: 10, tlp: Tlp::GREEN }));
    assert_eq!(of(Tlp::AMBER_STRICT), Ok(SupportBand::FROM_3_TO_4));
    assert_eq!(of(Tlp::RED), Ok(SupportBand::FROM_3_TO_4));
}

#[test]
fn a_child_with_several_records_counts_once() {
    let same = |n: u8| {
        let ids = (RecordId([n; 16]), ChildId([1; 16]), Identity([n; 32]));
        let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
        Record::register(stated(), ids.0, ids.1, ids.2, now).unwrap()
    };
    let nine: Vec<_> = (0..9).map(same).collect();
    let refused = minimise(query(AlertKind::MODUS_OPERANDI), &nine, Tlp::AMBER);
    assert_eq!(refused, Err(TooLittle::Children { found: 1, wanted: 5, tlp: Tlp::AMBER }));
}

#[test]
fn only_victims_of_the_quarter_that_match_the_query_are_counted() {
    let all = cases(30, |n, s| match n % 5 {
        0 => s.status = VictimStatus::NOT_A_VICTIM,
        1 => s.registered_on = StatedDate::new(2026, 5, 1),
        2 => s.forms = Codes::new([Form::ORGAN_REMOVAL]),
        3 => s.places[1] = place(CountryRole::EXPLOITATION, "DK", None).unwrap(),
        _ => s.forms = Codes::new([Form::CRIM_THEFT]),
    });
    let asked = Query {
        forms: [Form::FORCED_CRIMINALITY].into(),
        countries: [CountryInRole { role: CountryRole::EXPLOITATION, country: country("NO") }].into(),
        ..query(AlertKind::MODUS_OPERANDI)
    };
    let found = minimise(asked, &all, Tlp::AMBER).unwrap();
    assert_eq!(found.support, SupportBand::of(6).unwrap());
    assert_eq!(found.fields[0].stays, "6");
}

#[test]
fn a_value_that_few_children_share_is_dropped_and_an_exact_form_is_widened() {
    let m = method(&cases(10, |n, s| {
        let exact = [Form::CRIM_THEFT, Form::CRIM_ONLINE, Form::CRIM_VIOLENCE][usize::from(n % 3)];
        (s.primary_form, s.forms) = (exact, Codes::new([exact]));
        s.means =
            Codes::new(if n < 4 { vec![MeansOfControl::DEBT_BONDAGE] } else { vec![MeansOfControl::THREAT_FAMILY] });
        s.indicators = Codes::new(if n < 2 { vec![Indicator::UB01] } else { vec![Indicator::UB01, Indicator::DO03] });
    }));
    assert_eq!(m.forms, [Form::FORCED_CRIMINALITY].into());
    assert_eq!(m.means, [MeansGroup::THREATS].into());
    assert_eq!(m.indicators, [Indicator::UB01, Indicator::DO03].into());
}

#[test]
fn ages_leave_as_two_bands_or_as_none() {
    let boys_of_15 = |many: u8| {
        move |n: u8, s: &mut Stated| {
            if n < many {
                (s.age, s.age_band, s.gender) = (Some(15), AgeBand::AGE_14_15, Gender::MASCULINE);
            }
        }
    };
    let mixed = method(&cases(10, boys_of_15(5)));
    assert_eq!(mixed.age_bands, [AgeBand::AGE_9_13, AgeBand::AGE_14_15].into());
    assert_eq!(mixed.sexes, [Sex::FEMALE, Sex::MALE].into());
    let few = method(&cases(10, boys_of_15(4)));
    assert_eq!(few.age_bands, [AgeBand::AGE_CHILD_NFS].into());
    assert!(few.sexes.is_empty());
}

#[test]
fn citizenship_leaves_only_when_it_is_asked_for() {
    let ten = cases(10, |_, _| {});
    let of = |m: &ModusOperandi| m.countries.iter().any(|c| c.role == CountryRole::CITIZENSHIP);
    assert!(!of(&method(&ten)));
    let asked = CountryInRole { role: CountryRole::CITIZENSHIP, country: country("LT") };
    let asked = Query { countries: [asked].into(), ..query(AlertKind::MODUS_OPERANDI) };
    let Subject::ModusOperandi(m) = minimise(asked, &ten, Tlp::AMBER).unwrap().subject else { panic!() };
    assert!(of(&m));
}

#[test]
fn the_trend_is_told_from_the_quarter_before_unless_that_had_few() {
    let of = |now: u8, before: u8| {
        let shift = |n: u8, s: &mut Stated| {
            if n >= now {
                s.registered_on = StatedDate::new(2025, 12, 1);
            }
        };
        method(&cases(now + before, shift)).trend
    };
    assert_eq!(of(8, 0), Trend::NEW);
    assert_eq!(of(8, 3), Trend::UNKNOWN);
    assert_eq!(of(8, 6), Trend::RISING);
    assert_eq!(of(8, 7), Trend::STABLE);
    assert_eq!(of(6, 9), Trend::FALLING);
}

#[test]
fn children_who_seek_protection_make_the_alert_spare_their_country() {
    let asylum = |n: u8, s: &mut Stated| {
        if n == 3 {
            s.situations = Codes::new([ChildSituation::ASYLUM_APPLICANT]);
        }
    };
    assert!(minimise(query(AlertKind::MODUS_OPERANDI), &cases(9, asylum), Tlp::AMBER).unwrap().asylum);
    assert!(!minimise(query(AlertKind::MODUS_OPERANDI), &cases(9, |_, _| {}), Tlp::AMBER).unwrap().asylum);
}

#[test]
fn a_route_keeps_the_stops_that_enough_children_share() {
    let through = |many: u8| {
        move |n: u8, s: &mut Stated| {
            if n < many {
                s.places.insert(1, place(CountryRole::TRANSIT, "SE", None).unwrap());
            }
        }
    };
    let shared = route(&cases(9, through(6)));
    assert_eq!(way(&shared), "LT0>SE>NO0");
    assert_eq!(shared.legs.iter().map(|l| l.support).collect::<Vec<_>>(), [SupportBand::FROM_5_TO_9; 2]);
    let dropped = route(&cases(9, through(4)));
    assert_eq!(way(&dropped), "LT0>NO0");
    let leg =
        Leg { border_type: BorderType::LAND_ROAD, transport: Transport::MINIBUS, support: SupportBand::FROM_5_TO_9 };
    assert_eq!(dropped.legs, [leg]);
}

#[test]
fn a_way_that_too_few_share_has_only_its_two_ends() {
    let scattered = cases(8, |n, s| {
        let transit = ["SE", "DK", "FI", "PL"][usize::from(n % 4)];
        s.places.insert(1, place(CountryRole::TRANSIT, transit, None).unwrap());
    });
    assert_eq!(way(&route(&scattered)), "LT0>NO0");
    let everywhere = cases(8, |n, s| {
        s.places[0] = place(CountryRole::RECRUITMENT, ["SE", "DK", "FI", "PL"][usize::from(n % 4)], None).unwrap();
    });
    let refused = minimise(query(AlertKind::ROUTE_CORRIDOR), &everywhere, Tlp::AMBER);
    assert_eq!(refused, Err(TooLittle::Way { wanted: 5, tlp: Tlp::AMBER }));
}

#[test]
fn a_region_leaves_only_where_enough_children_on_the_leg_share_it() {
    let some = cases(9, |n, s| {
        s.places[0] = place(CountryRole::RECRUITMENT, "PL", Some(if n < 4 { "PL2" } else { "PL7" })).unwrap();
    });
    let r = route(&some);
    assert_eq!((way(&r).as_str(), r.legs[0].support), ("PL7>NO0", SupportBand::FROM_5_TO_9));
    let thin = cases(9, |n, s| {
        s.places[0] = place(CountryRole::RECRUITMENT, "PL", Some(["PL2", "PL7", "PL8"][usize::from(n % 3)])).unwrap();
    });
    assert_eq!(way(&route(&thin)), "PL>NO0");
}

const MISSING: Missing =
    Missing { missing_type: MissingType::RUNAWAY, elapsed: ElapsedBand::UNDER_24_HOURS, risk_tier: RiskTier::HIGH };

fn pointed(change: impl Fn(&mut Stated)) -> Result<(MissingChildPointer, bool), TooLittle> {
    let case = cases(1, |_, s| change(s)).remove(0);
    let minimised = pointer(&case, MISSING)?;
    match minimised.subject {
        Subject::MissingChildPointer(p) => Ok((p, minimised.asylum)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pointer_drops_what_may_not_be_shared() {
    let (p, asylum) = pointed(|s| {
        s.gender = Gender::TRANSGENDER_FEMININE;
        s.situations = Codes::new([
            ChildSituation::UNACCOMPANIED,
            ChildSituation::ASYLUM_APPLICANT,
            ChildSituation::PREGNANT_OR_PARENT,
        ]);
        for code in ["SE", "DK", "FI", "DE", "UNKNOWN"] {
            s.places.push(place(CountryRole::SUSPECTED_DESTINATION, code, None).unwrap());
        }
    })
    .unwrap();
    assert_eq!((p.sex, p.age_band), (Sex::UNKNOWN, AgeBand::AGE_9_13));
    assert_eq!(p.situations, [ChildSituation::UNACCOMPANIED].into());
    assert_eq!(p.suspected_destinations.len(), 3);
    assert_eq!(p.last_seen.nuts1, Nuts1::parse("NO0").ok());
    assert!(asylum);
}

#[test]
fn a_record_that_is_not_known_to_be_a_childs_or_names_no_place_makes_no_pointer() {
    let adult = pointed(|s| (s.age, s.age_band) = (None, AgeBand::UNKNOWN));
    assert_eq!(adult.unwrap_err(), TooLittle::NotAChild);
    assert_eq!(pointed(|s| s.places.truncate(1)).unwrap_err(), TooLittle::Nowhere);
}

fn fresh() -> Fresh {
    let now = Timestamp::parse("2026-11-21T18:07:00Z").unwrap();
    Fresh { now, id: AlertId([0xe1; 16]), contact_token: [0xe2; 10] }
}

fn any_case() -> impl Strategy<Value = (u8, u8, u8, u8, u8, u8, u8)> {
    (0..40_u8, 0..5_u8, 0..4_u8, 0..3_u8, 0..4_u8, 0..4_u8, 0..6_u8)
}

fn scattered(from: (u8, u8, u8, u8, u8, u8, u8), number: u8) -> Record {
    let (child, form, age, sex, transit, region, situation) = from;
    let mut s = stated();
    let forms = [Form::FORCED_BEGGING, Form::CRIM_THEFT, Form::CRIM_ONLINE, Form::SEX_LIVE_ONLINE, Form::UNKNOWN];
    s.forms = Codes::new([forms[usize::from(form)], forms[usize::from(number % 5)]]);
    s.primary_form = forms[usize::from(form)];
    (s.age, s.age_band) = (None, AgeBand::all().nth(usize::from(age)).unwrap());
    s.gender = [Gender::FEMININE, Gender::MASCULINE, Gender::UNKNOWN][usize::from(sex)];
    if let Some(code) = ["SE", "DK", "PL"].get(usize::from(transit)) {
        s.places.insert(1, place(CountryRole::TRANSIT, code, None).unwrap());
    }
    let nuts = ["PL2", "PL7", "PL8", "PL9"][usize::from(region)];
    s.places[0] = place(CountryRole::RECRUITMENT, "PL", Some(nuts)).unwrap();
    s.situations = Codes::new([ChildSituation::all().nth(usize::from(situation)).unwrap()]);
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    Record::register(s, RecordId([number; 16]), ChildId([child; 16]), Identity([number; 32]), now).unwrap()
}

/// Distinct children of whom `has` holds: counted again, apart from the code under test.
fn recount(cases: &[Record], has: impl Fn(&Record) -> bool) -> u64 {
    cases.iter().filter(|case| has(case)).map(Record::child).collect::<BTreeSet<_>>().len() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn whatever_the_records_nothing_leaves_that_fewer_than_k_share(
        from in proptest::collection::vec(any_case(), 0..60),
        colour in 1..6_i32,
        kind in 5..7_i32,
    ) {
        let cases: Vec<Record> = from.into_iter().zip(1..).map(|(f, n)| scattered(f, n)).collect();
        let tlp = Tlp::from_number(colour).unwrap();
        let k = rules::minimum_cases(tlp);
        let Ok(found) = minimise(query(AlertKind::from_number(kind).unwrap()), &cases, tlp) else { return Ok(()) };
        match &found.subject {
            Subject::ModusOperandi(m) => {
                for form in m.forms.iter().filter(|f| **f != Form::UNKNOWN) {
                    let shares = |r: &Record| r.stated().forms.iter().any(|f| f == *form || f.rolls_up_to() == *form);
                    prop_assert!(recount(&cases, shares) >= k, "{form}");
                }
                for band in m.age_bands.iter().filter(|b| **b != AgeBand::AGE_CHILD_NFS) {
                    prop_assert!(recount(&cases, |r| r.stated().age_band == *band) >= k, "{band}");
                }
                for sex in &m.sexes {
                    prop_assert!(recount(&cases, |r| r.sex() == *sex) >= k, "{sex}");
                }
                for pair in &m.countries {
                    prop_assert!(recount(&cases, |r| r.countries(pair.role).any(|c| c == pair.country)) >= k);
                }
            }
            Subject::RouteCorridor(r) => {
                for stop in &r.stops {
                    let at = |p: &crate::national::record::Place| {
                        p.country == stop.place.country && (stop.place.nuts1.is_none() || p.region == stop.place.nuts1)
                    };
                    prop_assert!(recount(&cases, |r| r.stated().places.iter().any(at)) >= k, "{stop:?}");
                }
            }
            other => prop_assert!(false, "a query made {}", other.kind()),
        }
        let terms = Terms {
            tlp: Some(tlp),
            sources: Some(if found.sources.is_empty() { [SourceType::UNKNOWN].into() } else { found.sources.iter().copied().collect() }),
            ..Terms::default()
        };
        let content = terms.put_over(found.subject, found.observed, found.support, fresh());
        let broken: Vec<_> = rules::broken(&content).iter().map(|rule| rule.code).collect();
        prop_assert!(broken.iter().all(|code| *code == "support-one-source"), "{broken:?}");
    }

    #[test]
    fn whatever_the_record_its_pointer_keeps_the_rules(from in any_case()) {
        let case = scattered(from, 1);
        let found = pointer(&case, MISSING).unwrap();
        let content = Terms::default().put_over(found.subject, found.observed, found.support, fresh());
        prop_assert!(rules::broken(&content).is_empty());
    }
}
