//! Both families of releases, their quirks, and the real file where it lies beside the repository.
#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::record::source::{Format, Line, Lines, Reader};
use std::collections::BTreeMap;
use varde_proto::vocabulary::{Form, MeansGroup, MeansOfControl};

fn knows(name: &str) -> bool {
    column(name).is_some()
}

fn line(header: &str, line: &str) -> Result<Case, Fault> {
    let header = Header::read(header.as_bytes(), knows).unwrap();
    Reader::new(Format::Ctdc, header).read(line.as_bytes())
}

fn age_of(age: &str, majority: &str) -> Result<(i32, i32), Fault> {
    let case = line("ageBroad,majorityStatusAtExploit", &format!("{age},{majority}"))?;
    Ok((case.record.age_band, case.record.age_reference))
}

#[test]
fn ages_are_read_in_the_spellings_of_all_releases() {
    let band = |band: AgeBand, reference: AgeReference| Ok((band.number(), reference.number()));
    let at_registration = AgeReference::AT_REGISTRATION;
    assert_eq!(age_of("0--8", ""), band(AgeBand::AGE_0_8, at_registration));
    for spelling in ["9--17", "09--17"] {
        assert_eq!(age_of(spelling, "Minor"), band(AgeBand::AGE_CHILD_NFS, at_registration));
    }
    for blank in ["", "-99", "0", "Unknown"] {
        assert_eq!(age_of(blank, "Minor"), band(AgeBand::AGE_CHILD_NFS, AgeReference::AT_EXPLOITATION));
        assert_eq!(age_of(blank, blank), band(AgeBand::UNKNOWN, AgeReference::UNKNOWN));
    }
}

#[test]
fn who_is_or_was_an_adult_is_outside_the_scope() {
    let reason = |age, majority| age_of(age, majority).map_err(|fault| (fault.column, fault.reason));
    for age in ["18--20", "48+"] {
        assert_eq!(reason(age, "Minor"), Err(("ageBroad".into(), ADULT)));
    }
    assert_eq!(reason("", "Adult"), Err(("majorityStatusAtExploit".into(), ADULT)));
    assert_eq!(reason("9--17", "Adult"), Err(("majorityStatusAtExploit".into(), "contradiction")));
    assert_eq!(reason("9--20", ""), Err(("ageBroad".into(), "bad-value")));
    for wrong in ["nine", "9-17", "17--9", "--", "+", "9--"] {
        assert_eq!(reason(wrong, ""), Err(("ageBroad".into(), "bad-value")), "{wrong}");
    }
}

#[test]
fn the_k_anonymised_release_is_read_with_its_quirks() {
    let header = "By using this file you accept the terms;yearOfRegistration;Datasource;gender;ageBroad;majorityStatus;\
                  citizenship;meansOfControlThreats;meansOfControlNotSpecified;isSexAndLabour;typeOfLabourBegging;\
                  RecruiterRelationship;CountryOfExploitation";
    let case = line(header, "x;2016;Hotline;Male;-99;Minor;RO;1;0;1;1;Family/Relative;XK").unwrap();
    let record = &case.record;
    assert_eq!(record.registered_on, Some(CaseDate { year: 2016, month: 0, day: 0 }));
    assert_eq!((record.gender, record.citizenships.as_slice()), (Gender::Masculine.into(), &["RO".to_owned()][..]));
    assert_eq!((record.age_band, record.age_reference), (5, 1));
    assert_eq!((record.means.len(), record.means_groups.as_slice()), (0, &[MeansGroup::THREATS.number()][..]));
    assert_eq!(record.sources, [SourceType::THB_HOTLINE.number()]);
    let forms = [Form::SEXUAL_EXPLOITATION, Form::LABOUR_EXPLOITATION, Form::FORCED_BEGGING].map(Form::number);
    assert_eq!(record.forms, forms);
    assert_eq!(record.places.first().map(|place| place.country.as_str()), Some("XK"));
}

#[test]
fn the_synthetic_releases_are_read_with_their_quirks() {
    let header = "gender,ageBroad,citizenship,CountryOfExploitation,traffickMonths,meansAbusePsyPhySex,isForcedLabour,\
                  sectorOfLabourAgriculture,meansOfControlDebtBondage";
    let case = line(header, "Woman,0--8,MDA,ROU,25+ (2+ yrs),1.0,1,1,1").unwrap();
    let record = &case.record;
    assert_eq!((record.gender, record.citizenships.as_slice()), (Gender::Feminine.into(), &["MD".to_owned()][..]));
    assert_eq!(record.means_groups, [MeansGroup::ABUSE.number()]);
    assert_eq!(record.means, [MeansOfControl::DEBT_BONDAGE.number()]);
    assert_eq!((record.forms.len(), record.industries.as_slice()), (1, &[1][..]));
    assert_eq!(record.duration, i32::from(Duration::From25Months));
    let gender = line("gender,ageBroad", "Transgender/NonConforming,0--8").unwrap().record.gender;
    assert_eq!(gender, i32::from(Gender::Other));
}

#[test]
fn the_spelling_of_a_release_does_not_change_the_row() {
    let one = line("ageBroad,citizenship,isForcedLabour", "9--17,MD,1").unwrap();
    let other = line("ISFORCEDLABOUR;CITIZENSHIP;AGEBROAD;gender", "1.0;MDA;09--17;-99").unwrap();
    assert_eq!(one.canonical, other.canonical);
}

#[test]
fn what_is_not_of_a_columns_list_is_refused_by_reason() {
    for (header, cell, reason) in [
        ("gender", "F", "unknown-code"),
        ("citizenship", "Norway", "unknown-code"),
        ("citizenship", "OTHER", "unknown-code"),
        ("yearOfRegistration", "16", "bad-date"),
        ("traffickMonths", "12", "unknown-code"),
        ("isForcedLabour", "2", "unknown-code"),
        ("isForcedLabour", "yes", "unknown-code"),
        ("majorityEntry", "Child", "unknown-code"),
    ] {
        assert_eq!(line(header, cell).unwrap_err().reason, reason, "{header}: {cell}");
    }
}

/// Counter-Trafficking Data Collaborative (CTDC), 2021, Global Synthetic Dataset: read where it lies, never copied.
#[test]
fn the_published_file_is_read_with_every_line_taken_or_explained() {
    let folder = std::env::var_os("VARDE_DATA").map_or_else(|| "../../shared/data".into(), std::path::PathBuf::from);
    let path = folder.join("ctdc_global_synthetic_2021.csv.gz");
    if !path.exists() {
        #[allow(clippy::print_stderr, reason = "a test says why it did not run")]
        {
            eprintln!("skipped: no external data at {}", path.display());
        }
        return;
    }
    let mut lines = Lines::open(&path).unwrap();
    let Some(Line::Bytes(first)) = lines.next().unwrap() else { panic!("no first line") };
    let header = Header::read(&first, knows).unwrap();
    assert!(header.names.iter().all(|name| knows(name)), "{:?}", header.names);
    let reader = Reader::new(Format::Ctdc, header);
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    while let Some(line) = lines.next().unwrap() {
        let Line::Bytes(line) = line else { panic!("line {} is too long", lines.number()) };
        let word = match reader.read(&line) {
            Err(fault) => fault.reason,
            Ok(case) if case.record.age_band == AgeBand::UNKNOWN.number() => "unknown age",
            Ok(_) => "child",
        };
        *counts.entry(word).or_default() += 1;
    }
    let wanted = [("child", 32_114), (ADULT, 89_312), ("unknown age", 71_599)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), wanted);
}
