//! Varde's own format: one column a field, codes by name, several values parted by `|`. docs/records.md describes it.

use super::names::{Reason, code, codes, country, date, place, several, stage, text};
use super::{Case, Fault, Header, blank};
use varde_proto::limits;
use varde_proto::vocabulary::{
    Act, AgeBand, AgeReference, Assertion, BorderType, ChildSituation, DecidedBy, Determinant, Form, Indicator,
    InformationGrade, LegalRegime, MeansGroup, MeansOfControl, RecruiterRelation, RecruitmentMethod, Service,
    SourceGrade, SourceType, Transport, VictimStatus, Vocabulary,
};
use varde_proto::wire::operator::{CaseStatus, Duration, Gender, Industry, Platform};

/// A column's name, and how its cell is read.
pub(super) type Column = (&'static str, fn(&mut Case, &str) -> Result<(), Reason>);

/// Every column.
const COLUMNS: &[Column] = &[
    ("agency", |case, cell| set(&mut case.record.agency, text(cell))),
    ("reference", |case, cell| set(&mut case.record.reference, text(cell))),
    ("child", |case, cell| set(&mut case.child_reference, text(cell))),
    ("regime", |case, cell| set(&mut case.record.regime, code::<LegalRegime>(cell))),
    ("assertion", |case, cell| set(&mut case.record.assertion, code::<Assertion>(cell))),
    ("source_grade", |case, cell| set(&mut case.record.source_grade, code::<SourceGrade>(cell))),
    ("information_grade", |case, cell| set(&mut case.record.information_grade, code::<InformationGrade>(cell))),
    ("registered_on", |case, cell| set(&mut case.record.registered_on, date(cell).map(Some))),
    ("retain_until", |case, cell| set(&mut case.record.retain_until, date(cell).map(Some))),
    ("status", |case, cell| set(&mut case.record.status, code::<VictimStatus>(cell))),
    ("decided_by", |case, cell| set(&mut case.record.decided_by, code::<DecidedBy>(cell))),
    ("case_status", |case, cell| {
        set(&mut case.record.case_status, local("CASE_STATUS", cell, CaseStatus::from_str_name))
    }),
    ("age", |case, cell| set(&mut case.record.age, years(cell).map(Some))),
    ("age_band", |case, cell| set(&mut case.record.age_band, code::<AgeBand>(cell))),
    ("age_reference", |case, cell| set(&mut case.record.age_reference, code::<AgeReference>(cell))),
    ("gender", |case, cell| set(&mut case.record.gender, local("GENDER", cell, Gender::from_str_name))),
    ("citizenship", |case, cell| {
        set(&mut case.record.citizenships, several(cell, limits::RECORD_CITIZENSHIPS, country))
    }),
    ("language", |case, cell| set(&mut case.record.language, language(cell))),
    ("primary_form", |case, cell| set(&mut case.record.primary_form, code::<Form>(cell))),
    ("forms", |case, cell| set(&mut case.record.forms, codes::<Form>(cell))),
    ("means", |case, cell| set(&mut case.record.means, codes::<MeansOfControl>(cell))),
    ("means_groups", |case, cell| set(&mut case.record.means_groups, codes::<MeansGroup>(cell))),
    ("acts", |case, cell| set(&mut case.record.acts, codes::<Act>(cell))),
    ("recruitment", |case, cell| set(&mut case.record.recruitment, codes::<RecruitmentMethod>(cell))),
    ("relations", |case, cell| set(&mut case.record.relations, codes::<RecruiterRelation>(cell))),
    ("platforms", |case, cell| set(&mut case.record.platforms, locals("PLATFORM", cell, Platform::from_str_name))),
    ("situations", |case, cell| set(&mut case.record.situations, codes::<ChildSituation>(cell))),
    ("sources", |case, cell| set(&mut case.record.sources, codes::<SourceType>(cell))),
    ("indicators", |case, cell| set(&mut case.record.indicators, codes::<Indicator>(cell))),
    ("determinants", |case, cell| set(&mut case.record.determinants, codes::<Determinant>(cell))),
    ("industries", |case, cell| set(&mut case.record.industries, locals("INDUSTRY", cell, Industry::from_str_name))),
    ("transport", |case, cell| set(&mut case.record.transport, codes::<Transport>(cell))),
    ("borders", |case, cell| set(&mut case.record.borders, codes::<BorderType>(cell))),
    ("services", |case, cell| set(&mut case.record.services, codes::<Service>(cell))),
    ("duration", |case, cell| set(&mut case.record.duration, local("DURATION", cell, Duration::from_str_name))),
    ("places", |case, cell| set(&mut case.record.places, several(cell, limits::RECORD_PLACES, place))),
    ("stages", |case, cell| set(&mut case.record.stages, several(cell, limits::RECORD_STAGES, stage))),
];

/// The column of this name.
pub(super) fn column(name: &str) -> Option<&'static Column> {
    COLUMNS.iter().find(|(column, _)| *column == name)
}

/// Reads a line. A blank cell states nothing.
pub(super) fn read(header: &Header, columns: &[Option<&Column>], cells: &[String]) -> Result<Case, Fault> {
    let mut case = Case { record: blank(), child_reference: String::new(), canonical: Vec::new() };
    for (place, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let Some((column, put)) = column else { continue };
        if cell.is_empty() {
            continue;
        }
        put(&mut case, cell).map_err(|reason| match reason {
            "out-of-scope-adult" => Fault::new(column, "number of 18 or over", reason),
            _ => header.bad(place, cell, reason),
        })?;
        case.canonical.push((column, cell.clone()));
    }
    case.canonical.sort();
    let record = &mut case.record;
    let aged = record.age.is_some() || record.age_band != AgeBand::UNKNOWN.number();
    if aged && record.age_reference == AgeReference::UNKNOWN.number() {
        record.age_reference = AgeReference::AT_REGISTRATION.number();
    }
    Ok(case)
}

fn set<T>(field: &mut T, value: Result<T, Reason>) -> Result<(), Reason> {
    *field = value?;
    Ok(())
}

/// A code of a list that only a case has.
fn local<E: Into<i32>>(list: &str, name: &str, find: fn(&str) -> Option<E>) -> Result<i32, Reason> {
    let code = find(&format!("{list}_{name}")).map(Into::into);
    code.filter(|number| *number != 0).ok_or("unknown-code")
}

fn locals<E: Into<i32>>(list: &str, names: &str, find: fn(&str) -> Option<E>) -> Result<Vec<i32>, Reason> {
    several(names, limits::RECORD_CODES, |name| local(list, name, find))
}

fn years(text: &str) -> Result<u32, Reason> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() <= 3;
    match text.parse() {
        Ok(0..=17) if digits => text.parse().map_err(|_| "bad-value"),
        Ok(18_u32..) if digits => Err("out-of-scope-adult"),
        _ => Err("bad-value"),
    }
}

fn language(text: &str) -> Result<String, Reason> {
    let fits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_lowercase());
    if fits { Ok(text.to_owned()) } else { Err("unknown-code") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{Format, Reader};
    use super::*;

    fn line(header: &str, line: &str) -> Result<Case, Fault> {
        let header = Header::read(header.as_bytes(), |name| column(name).is_some()).unwrap();
        Reader::new(Format::Varde, header).read(line.as_bytes())
    }

    #[test]
    fn codes_are_read_by_name_and_blank_cells_state_nothing() {
        let header = "age,gender,forms,industries,places,citizenship,own column";
        let case = line(header, "15,FEMININE,FORCED_BEGGING|CRIM_THEFT,A|T,EXPLOITATION:IT,RO|MD,kept out").unwrap();
        assert_eq!((case.record.age, case.record.gender), (Some(15), 1));
        assert_eq!((case.record.forms, case.record.industries), (vec![30, 41], vec![1, 20]));
        assert_eq!(case.record.citizenships, ["RO", "MD"]);
        assert_eq!(case.record.age_reference, 1);
        assert_eq!(case.canonical.len(), 6, "a column that is not used is no part of a row's identity");
        let nothing = line(header, ",,,,,,").unwrap();
        assert!(nothing.record == blank() && nothing.canonical.is_empty());
    }

    #[test]
    fn the_order_of_the_columns_does_not_change_the_row() {
        let (one, other) = (line("age,gender", "9,MASCULINE").unwrap(), line("gender;age", "MASCULINE;9").unwrap());
        assert_eq!(one.canonical, other.canonical);
    }

    #[test]
    fn what_a_column_does_not_take_is_refused_by_reason() {
        for (column, cell, reason) in [
            ("age", "18", "out-of-scope-adult"),
            ("age", "200", "out-of-scope-adult"),
            ("age", "-1", "bad-value"),
            ("age", "+9", "bad-value"),
            ("age_band", "9-17", "unknown-code"),
            ("gender", "UNSPECIFIED", "unknown-code"),
            ("forms", "FORCED_BEGGING|", "unknown-code"),
            ("forms", &["OTHER"; 41].join("|"), "too-many"),
            ("agency", &"x".repeat(65), "too-long"),
            ("language", "no", "unknown-code"),
            ("registered_on", "31.12.2024", "bad-date"),
            ("citizenship", "ROU", "unknown-code"),
        ] {
            assert_eq!(line(column, cell).unwrap_err().reason, reason, "{column}: {cell}");
        }
    }

    #[test]
    fn the_documented_columns_are_those_that_are_read() {
        let page = include_str!("../../../../docs/records.md");
        for (column, _) in COLUMNS {
            assert!(page.contains(&format!("| `{column}` |")), "docs/records.md does not describe {column}");
        }
    }
}
