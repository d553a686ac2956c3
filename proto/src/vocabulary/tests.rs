#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::collections::BTreeSet;

/// Columns that say what a code is in another list; `-` there needs a note that says why.
const CROSSWALKS: [&str; 13] = [
    "htcds",
    "ctdc",
    "glotip",
    "eu",
    "group",
    "regime",
    "m49",
    "sis_32",
    "interpol",
    "cap",
    "cap_category",
    "cap_urgency",
    "cap_severity",
];

#[test]
fn every_code_has_a_label_and_every_file_only_lines_of_the_schema() {
    for (list, table) in lists() {
        assert_eq!(table.columns()[..2], ["name", "en"], "{list}");
        assert!(table.strangers().is_empty(), "{list}: {:?} are not in the schema", table.strangers());
        for number in table.numbers() {
            let label = table.cell(number, "en");
            assert!(label.is_some_and(|l| !l.is_empty()), "{list} {number} has no label");
        }
    }
}

#[test]
fn every_code_maps_or_says_why_not() {
    for (list, table) in lists() {
        for column in table.columns().iter().filter(|c| CROSSWALKS.contains(c)) {
            for number in table.numbers().filter(|n| table.cell(*n, column).is_none()) {
                // The four answers that name nothing stand in no other list: vocabulary.proto says so once for all.
                let names_nothing = number >= 97 && column == &"regime";
                let why = table.cell(number, "note").is_some() || names_nothing;
                assert!(why, "{list} {number} maps to nothing in {column} and does not say why");
            }
        }
    }
}

#[test]
fn labels_use_the_agreed_terms_for_children() {
    let banned = [
        "child prostitut",
        "pornograph",
        "sex tourism",
        "sex work",
        "client",
        "customer",
        "juvenile",
        "minor ",
        "illegal child",
        "illegal migrant",
        "young offender",
        "rescued",
        "roma",
        "gyps",
    ];
    for (list, table) in lists() {
        for number in table.numbers() {
            // The language of Romania is no label of a group.
            let label = table.cell(number, "en").unwrap_or_default().to_lowercase().replace("romanian", "");
            for term in banned {
                assert!(!format!("{label} ").contains(term), "{list}: {label:?} uses {term:?}");
            }
        }
    }
}

#[test]
fn a_descriptive_list_has_the_four_answers_that_name_nothing() {
    for (list, table) in lists() {
        let has = |number| table.name(number).is_some();
        let closed = !has(97) && !has(98) && !has(100) && !has(101);
        let derived = list == "Region";
        assert!(closed || derived || [97, 98, 100, 101].into_iter().all(has), "{list}");
    }
    assert_eq!([Tlp::CLOSED, SupportBand::CLOSED, Form::CLOSED], [true, true, false]);
}

#[test]
fn a_number_is_a_code_or_nothing() {
    assert_eq!(Form::from_number(0), None);
    assert_eq!(Form::from_number(-1), None);
    assert_eq!(Form::from_number(47_123_456), None);
    assert_eq!(Form::from_number(555).unwrap().to_string(), "unrecognised code 555");
    assert_eq!(Tlp::from_number(6), None);
    assert_eq!(Form::parse("FORCED_BEGGING"), Ok(Form::FORCED_BEGGING));
    assert!(Form::parse("forced_begging").is_err() && Form::parse("UNSPECIFIED").is_err());
    for form in Form::all() {
        assert_eq!(Form::parse(form.name().unwrap()), Ok(form));
    }
}

#[test]
fn forms_roll_up_as_the_statistics_count_them() {
    for form in Form::all() {
        let top = form.rolls_up_to();
        assert_eq!(top.rolls_up_to(), top, "{form} rolls up in two steps");
        let expected = match form.number() {
            11..=15 => 10,
            21 | 22 => 20,
            41..=46 => 40,
            own => own,
        };
        assert_eq!(top.number(), expected, "{form}");
        assert_eq!(form.cell("glotip"), top.cell("glotip"), "{form}");
        assert_eq!(form.cell("eu"), top.cell("eu"), "{form}");
    }
}

#[test]
fn means_fall_into_the_eight_groups_of_the_merge() {
    let of = |group: MeansGroup| -> Vec<i32> {
        MeansOfControl::all().filter(|m| m.group() == Some(group)).map(Vocabulary::number).collect()
    };
    assert_eq!(of(MeansGroup::DEBT_BONDAGE_EARNINGS), [4, 8]);
    assert_eq!(of(MeansGroup::THREATS), [1, 2, 3, 17]);
    assert_eq!(of(MeansGroup::ABUSE), [6, 7, 12]);
    assert_eq!(of(MeansGroup::FALSE_PROMISES), [5]);
    assert_eq!(of(MeansGroup::DRUGS_ALCOHOL), [13]);
    assert_eq!(of(MeansGroup::DENIES_BASIC_NEEDS), [9, 10, 11, 16]);
    assert_eq!(of(MeansGroup::EXCESSIVE_HOURS), [14]);
    assert_eq!(of(MeansGroup::WITHHOLDS_DOCUMENTS), [15]);
}

#[test]
fn asylum_health_and_offence_data_may_not_leave() {
    let shareable: Vec<i32> = ChildSituation::all().filter(|s| s.shareable()).map(Vocabulary::number).collect();
    assert_eq!(shareable, [1, 2, 6, 8, 9, 10, 15]);
    assert!(!ChildSituation::from_number(77).unwrap().shareable());
}

#[test]
fn every_age_below_18_has_one_band() {
    let bands: Vec<_> = (0..=18).map(AgeBand::of).collect();
    assert!(bands[..18].iter().all(Option::is_some) && bands[18].is_none());
    assert_eq!((bands[8], bands[9]), (Some(AgeBand::AGE_0_8), Some(AgeBand::AGE_9_13)));
    assert_eq!((bands[15], bands[16]), (Some(AgeBand::AGE_14_15), Some(AgeBand::AGE_16_17)));
}

#[test]
fn support_bands_cover_every_count_once() {
    let expected = [(1, 1), (2, 2), (3, 4), (5, 9), (10, 19), (20, 49), (50, u64::MAX), (0, 0)];
    let bands: Vec<_> = SupportBand::all().map(|b| (b.lowest(), b.highest())).collect();
    assert_eq!(bands, expected);
    assert_eq!(SupportBand::of(0), None);
    for count in 1..60 {
        let band = SupportBand::of(count).unwrap();
        assert!((band.lowest()..=band.highest()).contains(&count));
    }
}

#[test]
fn the_country_list_has_252_rows_in_a_fixed_order() {
    let codes: Vec<_> = Country::all().map(Country::code).collect();
    assert_eq!(codes.len(), 252);
    assert!(codes[..249].windows(2).all(|pair| pair[0] < pair[1]));
    assert_eq!(codes[249..], ["XK", "OTHER", "UNKNOWN"]);
    assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), 252);
    for (index, country) in Country::all().enumerate() {
        assert_eq!((country.index(), Country::parse(country.code())), (index, Ok(country)));
        assert_eq!(country.is_named(), country.alpha3().is_some());
    }
    assert_eq!(Country::all().filter(|c| c.in_eu()).count(), 27);
    assert_eq!(Country::all().filter(|c| c.in_eea()).count(), 30);
    assert!(Country::parse("-").is_err() && Country::parse("no").is_err() && Country::parse("EL").is_err());
}

#[test]
fn greece_and_the_united_kingdom_have_two_codes() {
    assert_eq!(Country::from_eurostat("EL"), Country::parse("GR"));
    assert_eq!(Country::from_eurostat("UK"), Country::parse("GB"));
    assert!(Country::from_eurostat("GR").is_err());
    assert_eq!(Country::from_alpha3("GRC").unwrap().eurostat(), Some("EL"));
    assert_eq!(Nuts1::parse("EL3").unwrap().country(), Country::parse("GR").unwrap());
    assert_eq!(Nuts1::parse("UKM").unwrap().country(), Country::parse("GB").unwrap());
    assert!(Nuts1::parse("GR3").is_err());
}

#[test]
fn every_region_of_the_world_has_a_country_and_every_nuts_code_its_country() {
    let regions: BTreeSet<_> = Country::all().map(Country::region).collect();
    assert_eq!(regions, Region::all().collect());
    assert_eq!(regions.len(), 24);
    assert_eq!(Nuts1::all().count(), 126);
    let in_union = Nuts1::all().filter(|n| n.country().in_eu()).count();
    assert_eq!(in_union, 92, "the NUTS 2021 classification has 92 regions of level 1");
    for region in Nuts1::all() {
        assert!(region.code().starts_with(region.country().eurostat().unwrap()), "{region}");
        assert_eq!(Nuts1::parse(region.code()), Ok(region));
    }
}

#[test]
fn what_an_alert_is_in_cap_is_a_word_of_cap() {
    let words = |table: &Table, column| table.numbers().filter_map(|n| table.cell(n, column)).collect::<BTreeSet<_>>();
    let within = |table: &Table, column, allowed: &[&str]| {
        let (used, allowed) = (words(table, column), allowed.iter().copied().collect());
        assert!(!used.is_empty() && used.is_subset(&allowed), "{column}: {used:?}");
    };
    within(MsgType::table(), "cap", &["Alert", "Update", "Cancel", "Ack", "Error"]);
    within(Tlp::table(), "cap", &["Public", "Restricted", "Private"]);
    within(Certainty::table(), "cap", &["Observed", "Likely", "Possible", "Unlikely", "Unknown"]);
    within(RiskTier::table(), "cap_urgency", &["Immediate", "Expected", "Future", "Past", "Unknown"]);
    within(RiskTier::table(), "cap_severity", &["Extreme", "Severe", "Moderate", "Minor", "Unknown"]);
    let categories = ["Safety", "Security", "Rescue", "Other"];
    within(AlertKind::table(), "cap_category", &categories);
    within(AlertKind::table(), "interpol", &["Yellow", "Purple", "Orange"]);
    let sis: BTreeSet<_> = words(AlertKind::table(), "sis_32").iter().flat_map(|cell| cell.split(' ')).collect();
    assert_eq!(sis, ["32(1)(a)", "32(1)(b)", "32(1)(c)", "32(1)(d)"].into());
}
