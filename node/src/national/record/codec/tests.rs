//! The storage codec: round trips, damage, versions, bounds.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::national::record::{Industry, Reason, sample};
use proptest::prelude::*;
use varde_proto::vocabulary::{
    AgeBand, Assertion, CountryRole, Form, Indicator, LegalRegime, MeansOfControl, NrmStage,
};

fn codes<C: Code>() -> impl Strategy<Value = Vec<u16>> {
    let known: Vec<u16> = (1..=999).filter(|number| C::from_number(*number).is_some_and(C::is_known)).collect();
    proptest::collection::vec(proptest::sample::select(known), 0..5)
}

fn of<C: Code>(numbers: Vec<u16>) -> Codes<C> {
    Codes::new(numbers.into_iter().filter_map(C::from_number))
}

fn date() -> impl Strategy<Value = StatedDate> {
    (1900..=2026_u16, 0..=10_u8, 0..=28_u8)
        .prop_map(|(year, month, day)| StatedDate::new(year, month, if month == 0 { 0 } else { day }).unwrap())
}

fn place() -> impl Strategy<Value = Place> {
    (1..=10_u16, 0..Country::COUNT, any::<bool>(), proptest::option::of(date())).prop_map(|(role, row, fine, when)| {
        let country = Country::from_index(row).unwrap();
        let region = Nuts1::all().find(|region| fine && region.country() == country);
        Place { role: Code::from_number(role).unwrap(), country, region, when }
    })
}

fn stated() -> impl Strategy<Value = Stated> {
    let texts = ("[a-zA-Z0-9 æßλ-]{0,20}", "[A-Z0-9/]{0,20}", proptest::option::of("[a-z]{3}"));
    let people = (proptest::option::of(0..18_u8), 1..=6_u16, 1..=5_u16, 0..Country::COUNT);
    let sets = (codes::<Form>(), codes::<MeansOfControl>(), codes::<Indicator>(), codes::<Industry>());
    let lists = (
        proptest::collection::vec(place(), 0..6),
        proptest::collection::vec((10..=16_u16, proptest::option::of(date())), 0..6),
        proptest::option::of(date()),
    );
    (texts, people, sets, lists).prop_map(|((agency, reference, language), people, sets, lists)| Stated {
        agency,
        reference,
        language: language.map(|text| text.as_bytes().try_into().unwrap()),
        age: people.0,
        age_band: if people.0.is_some() { AgeBand::UNKNOWN } else { Code::from_number(people.1).unwrap() },
        gender: Code::from_number(people.2).unwrap(),
        citizenships: Country::from_index(people.3).into_iter().collect(),
        forms: of(sets.0),
        means: of(sets.1),
        indicators: of(sets.2),
        industries: of(sets.3),
        places: lists.0,
        stages: lists
            .1
            .into_iter()
            .map(|(stage, on)| StageEvent { stage: Code::from_number(stage).unwrap(), on })
            .collect(),
        registered_on: lists.2,
        regime: LegalRegime::LED,
        assertion: Assertion::FACT,
        ..Stated::nothing()
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
    let mut bytes = sample::record(1, Stated::nothing()).unwrap().to_stored();
    for end in 0..bytes.len() {
        assert_eq!(Record::from_stored(&bytes[..end]).unwrap_err(), NotARecord::Damaged);
    }
    bytes.push(0);
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Damaged);
}

#[test]
fn a_record_of_a_later_version_is_refused_by_name() {
    let mut bytes = sample::record(1, Stated::nothing()).unwrap().to_stored();
    bytes[0] = 2;
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Newer(2));
}

#[test]
fn a_stored_adult_is_damage() {
    let stated = Stated { age: Some(17), ..Stated::nothing() };
    let record = sample::record(1, stated).unwrap();
    let mut bytes = record.to_stored();
    let at = bytes.windows(4).position(|part| part == [1, 17, 0, 4]).unwrap();
    bytes[at + 1] = 18;
    assert_eq!(Record::from_stored(&bytes).unwrap_err(), NotARecord::Damaged);
    let adult = Stated { age: Some(18), ..Stated::nothing() };
    assert_eq!(sample::record(1, adult).unwrap_err().reason, Reason::OutOfScopeAdult);
}

#[test]
fn the_largest_record_fits_its_bound() {
    fn many<C: Code>() -> Codes<C> {
        Codes::new((1..=limits::RECORD_CODES as u16).filter_map(C::from_number))
    }
    let day = StatedDate::new(2020, 2, 2);
    let stated = Stated {
        agency: "a".repeat(limits::RECORD_TEXT_BYTES),
        reference: "r".repeat(limits::RECORD_TEXT_BYTES),
        registered_on: day,
        retain_until: StatedDate::new(2030, 1, 1),
        age: Some(3),
        age_band: AgeBand::AGE_0_8,
        language: Some(*b"nor"),
        citizenships: Country::all().take(limits::RECORD_CITIZENSHIPS).collect(),
        forms: many(),
        means: many(),
        means_groups: many(),
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
        places: vec![sample::place(CountryRole::TRANSIT, "NO", Some("NO0")).unwrap(); limits::RECORD_PLACES],
        stages: vec![StageEvent { stage: NrmStage::DETECTED, on: day }; limits::RECORD_STAGES],
        ..Stated::nothing()
    };
    assert!(check(&stated).is_ok());
    let record = Record { stated, ..sample::record(1, Stated { registered_on: day, ..Stated::nothing() }).unwrap() };
    assert!(record.to_stored().len() <= limits::RECORD_BYTES);
    assert!(Record::from_stored(&record.to_stored()).is_ok());
}
