//! Counting, over invented records.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::super::record::sample::{place, record};
use super::super::record::{ChildId, Identity, Record, RecordId, Stated, StatedDate};
use super::*;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AgeBand, Form, Vocabulary};

const COHORT: Period = Period::Quarter(2026, 3);

fn case(form: Form, recruited: &[&str], exploited: &[&str]) -> Stated {
    let mut stated = Stated::nothing();
    stated.status = VictimStatus::IDENTIFIED_FORMAL;
    stated.age = Some(15);
    stated.primary_form = form;
    stated.registered_on = StatedDate::new(2026, 8, 2);
    let places = [(CountryRole::RECRUITMENT, recruited), (CountryRole::EXPLOITATION, exploited)];
    for (role, countries) in places {
        stated.places.extend(countries.iter().map(|country| place(role, country, None).unwrap()));
    }
    stated
}

fn of_child(number: u8, child: u8, stated: Stated) -> Record {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap();
    Record::register(stated, RecordId([number; 16]), ChildId([child; 16]), Identity([number; 32]), now).unwrap()
}

fn count(records: &[Record]) -> [Vec<u32>; 4] {
    let mut tally = Tally::new(NodeId::parse("NO").unwrap(), COHORT);
    records.iter().for_each(|record| tally.add(record));
    tally.finish().into_tables()
}

/// Every cell that is not empty, by the names of its rows.
fn filled(tables: &[Vec<u32>; 4]) -> Vec<(String, u32)> {
    let mut filled = Vec::new();
    for (table, cells) in TableName::ALL.into_iter().zip(tables) {
        let counted = cells.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.extend(counted.map(|(cell, count)| (table.rows(cell).join(" "), *count)));
    }
    filled
}

#[test]
fn a_child_counts_in_one_cell_of_each_table() {
    let records = [record(1, case(Form::FORCED_BEGGING, &["LT", "NO"], &["NO", "SE"])).unwrap()];
    let wanted = [("FORCED_BEGGING", 1), ("AGE_14_15", 1), ("LT YES", 1), ("NO YES", 1)];
    assert_eq!(filled(&count(&records)), wanted.map(|(rows, count)| (rows.to_owned(), count)));
}

#[test]
fn what_is_not_stated_is_unknown_and_what_is_elsewhere_is_not_here() {
    let records = [
        record(1, case(Form::UNKNOWN, &[], &["SE"])).unwrap(),
        record(2, case(Form::UNKNOWN, &["OTHER"], &[])).unwrap(),
    ];
    let rows: Vec<String> = filled(&count(&records)).into_iter().map(|(rows, _)| rows).collect();
    assert_eq!(rows, ["UNKNOWN", "AGE_14_15", "OTHER UNKNOWN", "UNKNOWN NO", "SE UNKNOWN", "UNKNOWN NO"]);
}

#[test]
fn those_outside_the_population_are_not_counted() {
    let mut at_risk = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    at_risk.status = VictimStatus::AT_RISK;
    let mut not_a_victim = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    not_a_victim.status = VictimStatus::NOT_A_VICTIM;
    let mut other = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    other.status = VictimStatus::OTHER;
    let mut ageless = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    (ageless.age, ageless.age_band) = (None, AgeBand::UNKNOWN);
    let mut elsewhen = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    elsewhen.registered_on = StatedDate::new(2026, 10, 1);
    let mut year_only = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    year_only.registered_on = StatedDate::new(2026, 0, 0);
    let outside = [at_risk, not_a_victim, other, ageless, elsewhen, year_only];
    let records: Vec<Record> = (1..).zip(outside).map(|(n, stated)| record(n, stated).unwrap()).collect();
    assert_eq!(filled(&count(&records)), []);
}

/// A13 of docs/disclosure.md: however often and however variously a child is registered.
#[test]
fn a_child_with_many_records_changes_each_table_by_one() {
    let others = [
        record(1, case(Form::SEXUAL_EXPLOITATION, &["LT"], &["NO"])).unwrap(),
        record(2, case(Form::FORCED_BEGGING, &["RO"], &["NO"])).unwrap(),
    ];
    let forms: Vec<Form> = Form::all().collect();
    let many = (10..60_u8).map(|n| {
        let form = forms[usize::from(n) % forms.len()];
        let (from, to) = (["LT", "LV", "EE", "RO"], ["NO", "DK"]);
        of_child(n, 99, case(form, &from[..usize::from(n % 4)], &to[..usize::from(n % 3)]))
    });
    let without = count(&others);
    let with = count(&others.iter().cloned().chain(many).collect::<Vec<_>>());
    for (before, after) in without.iter().zip(&with) {
        let changed: Vec<u32> = before.iter().zip(after).map(|(b, a)| a - b).filter(|change| *change > 0).collect();
        assert_eq!(changed, [1]);
    }
}

#[test]
fn a_childs_cohort_is_that_of_its_first_record_whatever_comes_later() {
    let mut earlier = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    earlier.registered_on = StatedDate::new(2026, 2, 1);
    // Entered later, though it states an earlier day: the child stays where it is.
    let backdated = [of_child(1, 7, case(Form::SEXUAL_EXPLOITATION, &[], &[])), of_child(2, 7, earlier.clone())];
    assert_eq!(count(&backdated)[1].iter().sum::<u32>(), 1);
    let first_elsewhere = [of_child(1, 7, earlier), of_child(2, 7, case(Form::SEXUAL_EXPLOITATION, &[], &[]))];
    assert_eq!(count(&first_elsewhere)[1].iter().sum::<u32>(), 0);
    // At risk first, identified later in the same cohort: counted, once.
    let mut at_risk = case(Form::SEXUAL_EXPLOITATION, &[], &[]);
    at_risk.status = VictimStatus::AT_RISK;
    let grown = [
        of_child(1, 7, at_risk),
        of_child(2, 7, case(Form::SEXUAL_EXPLOITATION, &[], &[])),
        of_child(3, 7, case(Form::FORCED_BEGGING, &[], &[])),
    ];
    assert_eq!(filled(&count(&grown))[0], ("SEXUAL_EXPLOITATION".to_owned(), 1));
}
