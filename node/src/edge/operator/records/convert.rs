//! The one conversion of a case from the operator schema. Every field is named, so that a new one must be decided on.

use crate::flow::intake::Row;
use crate::national::record::{Code, Codes, Place, Reason, Refusal, StageEvent, Stated, StatedDate};
use varde_proto::limits;
use varde_proto::vocabulary::{Country, Nuts1};
use varde_proto::wire::operator::{CaseDate, CasePlace, CaseRecord, CaseStage, ImportRow};

fn refuse<T>(field: &'static str, reason: Reason) -> Result<T, Refusal> {
    Err(Refusal { field, reason })
}

/// Reads a row; its bounds and rules are checked where it becomes a record.
pub(super) fn row(row: ImportRow) -> Result<Row, Refusal> {
    let ImportRow { line, digest, ordinal, child_reference, record } = row;
    let Ok(digest) = digest[..].try_into() else { return refuse("digest", Reason::Unspecified) };
    if child_reference.len() > limits::RECORD_TEXT_BYTES {
        return refuse("child", Reason::TooLong);
    }
    let Some(record) = record else { return refuse("record", Reason::Unspecified) };
    Ok(Row { line, digest, ordinal, child_reference, stated: stated(record)? })
}

fn stated(record: CaseRecord) -> Result<Stated, Refusal> {
    // One name a line would hide that this is one list.
    #[rustfmt::skip]
    let CaseRecord {
        agency, reference, regime, assertion, source_grade, information_grade, registered_on, retain_until, status,
        decided_by, case_status, age, age_band, age_reference, gender, citizenships, language, primary_form, forms,
        means, means_groups, acts, recruitment, relations, platforms, situations, sources, indicators,
        determinants, industries, transport, borders, services, duration, places, stages,
    } = record;
    Ok(Stated {
        agency,
        reference,
        regime: code("regime", regime)?,
        assertion: code("assertion", assertion)?,
        source_grade: code("source_grade", source_grade)?,
        information_grade: code("information_grade", information_grade)?,
        registered_on: date("registered_on", registered_on)?,
        retain_until: date("retain_until", retain_until)?,
        status: code("status", status)?,
        decided_by: code("decided_by", decided_by)?,
        case_status: code("case_status", case_status)?,
        age: years(age)?,
        age_band: code("age_band", age_band)?,
        age_reference: code("age_reference", age_reference)?,
        gender: code("gender", gender)?,
        citizenships: citizenships.iter().map(|text| country("citizenship", text)).collect::<Result<_, _>>()?,
        language: iso_language(&language)?,
        primary_form: code("primary_form", primary_form)?,
        forms: codes("forms", forms)?,
        means: codes("means", means)?,
        means_groups: codes("means_groups", means_groups)?,
        acts: codes("acts", acts)?,
        recruitment: codes("recruitment", recruitment)?,
        relations: codes("relations", relations)?,
        platforms: codes("platforms", platforms)?,
        situations: codes("situations", situations)?,
        sources: codes("sources", sources)?,
        indicators: codes("indicators", indicators)?,
        determinants: codes("determinants", determinants)?,
        industries: codes("industries", industries)?,
        transport: codes("transport", transport)?,
        borders: codes("borders", borders)?,
        services: codes("services", services)?,
        duration: code("duration", duration)?,
        places: places.into_iter().map(place).collect::<Result<_, _>>()?,
        stages: stages.into_iter().map(stage).collect::<Result<_, _>>()?,
    })
}

fn code<C: Code>(field: &'static str, number: i32) -> Result<C, Refusal> {
    if number == 0 {
        return refuse(field, Reason::Unspecified);
    }
    let code = u16::try_from(number).ok().and_then(C::from_number);
    code.ok_or(Refusal { field, reason: Reason::UnknownCode })
}

fn codes<C: Code>(field: &'static str, numbers: Vec<i32>) -> Result<Codes<C>, Refusal> {
    if numbers.len() > limits::RECORD_CODES {
        return refuse(field, Reason::TooMany);
    }
    let codes: Result<Vec<C>, Refusal> = numbers.into_iter().map(|number| code(field, number)).collect();
    codes.map(Codes::new)
}

fn years(age: Option<u32>) -> Result<Option<u8>, Refusal> {
    match age.map(u8::try_from) {
        None => Ok(None),
        Some(Ok(years)) => Ok(Some(years)),
        Some(Err(_)) => refuse("age", Reason::OutOfScopeAdult),
    }
}

fn iso_language(text: &str) -> Result<Option<[u8; 3]>, Refusal> {
    if text.is_empty() {
        return Ok(None);
    }
    match text.as_bytes().try_into() {
        Ok(code) => Ok(Some(code)),
        Err(_) => refuse("language", Reason::UnknownCode),
    }
}

fn country(field: &'static str, text: &str) -> Result<Country, Refusal> {
    Country::parse(text).map_err(|_| Refusal { field, reason: Reason::UnknownCode })
}

fn date(field: &'static str, date: Option<CaseDate>) -> Result<Option<StatedDate>, Refusal> {
    let Some(CaseDate { year, month, day }) = date else { return Ok(None) };
    let part = |number: u32| u8::try_from(number).ok();
    let read = || StatedDate::new(u16::try_from(year).ok()?, part(month)?, part(day)?);
    read().map(Some).ok_or(Refusal { field, reason: Reason::BadDate })
}

fn place(place: CasePlace) -> Result<Place, Refusal> {
    let CasePlace { role, country: code_of_country, region, when } = place;
    let unknown = || Refusal { field: "places", reason: Reason::UnknownCode };
    Ok(Place {
        role: code("places", role)?,
        country: country("places", &code_of_country)?,
        region: if region.is_empty() { None } else { Some(Nuts1::parse(&region).map_err(|_| unknown())?) },
        when: date("places", when)?,
    })
}

fn stage(stage: CaseStage) -> Result<StageEvent, Refusal> {
    let CaseStage { stage, on } = stage;
    Ok(StageEvent { stage: code("stages", stage)?, on: date("stages", on)? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use varde_proto::wire::operator::{CaseStatus, Duration, Gender, Industry, Platform};

    fn wire() -> CaseRecord {
        CaseRecord {
            regime: 1,
            assertion: 2,
            source_grade: 98,
            information_grade: 98,
            status: 98,
            decided_by: 98,
            case_status: 98,
            age_band: 98,
            age_reference: 98,
            gender: 98,
            primary_form: 98,
            duration: 98,
            ..CaseRecord::default()
        }
    }

    #[test]
    fn a_row_that_states_nothing_is_the_unknown_case() {
        assert!(stated(wire()).unwrap() == Stated::nothing());
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_field_and_reason() {
        let date = |month| Some(CaseDate { year: 2026, month, day: 0 });
        let place = |country: &str| CasePlace { role: 6, country: country.into(), ..CasePlace::default() };
        let cases = [
            (CaseRecord { status: 0, ..wire() }, "status", Reason::Unspecified),
            (CaseRecord { gender: -1, ..wire() }, "gender", Reason::UnknownCode),
            (CaseRecord { forms: vec![10; 41], ..wire() }, "forms", Reason::TooMany),
            (CaseRecord { forms: vec![70_000], ..wire() }, "forms", Reason::UnknownCode),
            (CaseRecord { age: Some(300), ..wire() }, "age", Reason::OutOfScopeAdult),
            (CaseRecord { citizenships: vec!["ZZ".into()], ..wire() }, "citizenship", Reason::UnknownCode),
            (CaseRecord { language: "no".into(), ..wire() }, "language", Reason::UnknownCode),
            (CaseRecord { registered_on: date(13), ..wire() }, "registered_on", Reason::BadDate),
            (CaseRecord { places: vec![place("Norway")], ..wire() }, "places", Reason::UnknownCode),
            (CaseRecord { stages: vec![CaseStage::default()], ..wire() }, "stages", Reason::Unspecified),
        ];
        for (record, field, reason) in cases {
            assert_eq!(stated(record).unwrap_err(), Refusal { field, reason });
        }
    }

    #[test]
    fn the_lists_of_the_schema_and_of_the_record_are_the_same() {
        fn same<C: Code>(schema: impl Fn(i32) -> bool) {
            for number in 1..=9999_u16 {
                let known = C::from_number(number).is_some_and(C::is_known);
                assert_eq!(known, schema(number.into()), "{} {number}", std::any::type_name::<C>());
            }
        }
        use crate::national::record as national;
        same::<national::Gender>(|n| Gender::try_from(n).is_ok());
        same::<national::CaseStatus>(|n| CaseStatus::try_from(n).is_ok());
        same::<national::Duration>(|n| Duration::try_from(n).is_ok());
        same::<national::Platform>(|n| Platform::try_from(n).is_ok());
        same::<national::Industry>(|n| Industry::try_from(n).is_ok());
    }
}
