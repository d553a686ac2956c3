#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::national::record::{Reason, sample};
use proptest::prelude::*;

fn codes() -> impl Strategy<Value = Codes> {
    proptest::collection::vec(1..=9999_u16, 0..6).prop_map(Codes::new)
}

fn date() -> impl Strategy<Value = StatedDate> {
    (1900..=2026_u16, 0..=10_u8, 0..=28_u8)
        .prop_map(|(year, month, day)| StatedDate::new(year, month, if month == 0 { 0 } else { day }).unwrap())
}

fn country() -> impl Strategy<Value = CountryCode> {
    "[A-Z]{2}".prop_map(|text| CountryCode::parse(&text).unwrap())
}

fn place() -> impl Strategy<Value = Place> {
    (1..200_u16, country(), proptest::option::of("[0-9A-Z]"), proptest::option::of(date())).prop_map(
        |(role, country, last, when)| {
            let prefix = match country.as_str() {
                "GR" => "EL",
                "GB" => "UK",
                same => same,
            };
            let region = last.and_then(|last| Nuts1::parse(&format!("{prefix}{last}"), country));
            Place { role, country, region, when }
        },
    )
}

fn stated() -> impl Strategy<Value = Stated> {
    let texts = ("[a-zA-Z0-9 æßλ-]{0,20}", "[A-Z0-9/]{0,20}");
    let people = (proptest::option::of(0..18_u8), 1..7_u16, 1..6_u16, proptest::collection::vec(country(), 0..4));
    let sets = (codes(), codes(), codes(), codes(), codes());
    let lists = (
        proptest::collection::vec(place(), 0..6),
        proptest::collection::vec((1..60_u16, proptest::option::of(date())), 0..6),
        proptest::option::of(date()),
        proptest::option::of("[ABCX][1-4]"),
        proptest::option::of("[a-z]{3}"),
    );
    (texts, people, sets, lists).prop_map(|((agency, reference), people, sets, lists)| Stated {
        agency,
        reference,
        age: people.0,
        age_band: if people.0.is_some() { 98 } else { people.1 },
        gender: people.2,
        citizenships: people.3,
        forms: sets.0,
        means: sets.1,
        situations: sets.2,
        determinants: sets.3,
        services: sets.4,
        places: lists.0,
        stages: lists.1.into_iter().map(|(stage, on)| StageEvent { stage, on }).collect(),
        registered_on: lists.2,
        grading: lists.3.and_then(|text| Grading::parse(&text)),
        language: lists.4.map(|text| text.as_bytes().try_into().unwrap()),
        regime: Regime::Led,
        assertion: Assertion::Fact,
        ..sample::blank()
    })
}

proptest! {
    #[test]
    fn what_was_stored_reads_back_and_has_one_encoding(stated in stated()) {
        let record = sample::record(7, stated).unwrap();
        let bytes = record.to_stored();
        prop_assert!(Record::from_stored(&bytes).is_ok_and(|read| read == record));
    }

    #[test]
    fn a_changed_byte_is_refused_or_makes_another_valid_record(stated in stated(), at in 0..400_usize, to: u8) {
        let mut bytes = sample::record(7, stated).unwrap().to_stored();
        let at = at % bytes.len();
        bytes[at] = to;
        if let Ok(read) = Record::from_stored(&bytes) {
            prop_assert_eq!(read.to_stored(), bytes);
        }
    }

    #[test]
    fn any_bytes_are_refused_without_harm(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(read) = Record::from_stored(&bytes) {
            prop_assert_eq!(read.to_stored(), bytes);
        }
    }
}

#[test]
fn a_record_cut_anywhere_or_followed_by_a_byte_is_refused() {
    let mut bytes = sample::record(1, sample::blank()).unwrap().to_stored();
    for end in 0..bytes.len() {
        assert_eq!(Record::from_stored(&bytes[..end]).unwrap_err(), NotARecord::Damaged);
    }
    bytes.push(0);
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Damaged);
}

#[test]
fn a_record_of_a_later_version_is_refused_by_name() {
    let mut bytes = sample::record(1, sample::blank()).unwrap().to_stored();
    bytes[0] = 2;
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Newer(2));
}

#[test]
fn a_stored_adult_is_damage() {
    let stated = Stated { age: Some(17), age_band: 98, ..sample::blank() };
    let record = sample::record(1, stated).unwrap();
    let mut bytes = record.to_stored();
    let at = bytes.windows(2).position(|pair| pair == [1, 17]).unwrap();
    bytes[at + 1] = 18;
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Damaged);
    let adult = Stated { age: Some(18), ..sample::blank() };
    assert_eq!(sample::record(1, adult).unwrap_err().reason, Reason::OutOfScopeAdult);
}

#[test]
fn the_largest_record_fits_its_bound() {
    let many = || Codes::new(1000..1000 + limits::RECORD_CODES as u16);
    let day = StatedDate::new(2020, 2, 2);
    let stated = Stated {
        agency: "a".repeat(limits::RECORD_TEXT_BYTES),
        reference: "r".repeat(limits::RECORD_TEXT_BYTES),
        grading: Grading::parse("A1"),
        registered_on: day,
        retain_until: StatedDate::new(2030, 1, 1),
        age: Some(3),
        language: Some(*b"nor"),
        citizenships: vec![CountryCode::parse("NO").unwrap(); limits::RECORD_CITIZENSHIPS],
        forms: many(),
        means: many(),
        acts: many(),
        recruitment: many(),
        relations: many(),
        platforms: many(),
        situations: many(),
        sources: many(),
        indicators: many(),
        determinants: many(),
        industries: many(),
        transport: many(),
        borders: many(),
        services: many(),
        places: vec![sample::place(1, "NO", Some("NO0")).unwrap(); limits::RECORD_PLACES],
        stages: vec![StageEvent { stage: 10, on: day }; limits::RECORD_STAGES],
        ..sample::blank()
    };
    let record = sample::record(1, stated).unwrap();
    assert!(record.to_stored().len() <= limits::RECORD_BYTES);
    assert!(Record::from_stored(&record.to_stored()).is_ok());
}
