//! The one way into a record: what a source stated is completed, checked and given its local ids.

use super::{ChildId, Codes, Identity, Record, RecordId, Stated, StatedDate, band};
use std::time::Duration;
use varde_proto::limits;
use varde_proto::time::Timestamp;

const OTHER: u16 = 97;
const UNKNOWN: u16 = 98;
/// The highest number a vocabulary may use: more is a foreign value, not a code of a newer version.
const HIGHEST_CODE: u16 = 9999;

/// Why a row is not taken. The row's own values are never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// 18 or over: outside the scope of the node, whatever else the row holds.
    #[error("the person is 18 or over")]
    OutOfScopeAdult,
    /// A code that must be given and was not, or 0.
    #[error("a code is missing")]
    Unspecified,
    /// Not a number of the vocabulary.
    #[error("a code is not of its list")]
    UnknownCode,
    /// Longer than the bound.
    #[error("a text is longer than allowed")]
    TooLong,
    /// Characters that a reference does not need: control characters.
    #[error("a text holds control characters")]
    BadText,
    /// More values than the bound.
    #[error("there are more values than allowed")]
    TooMany,
    /// After today.
    #[error("a date lies in the future")]
    FutureDate,
    /// The date until which the record may be kept has passed.
    #[error("the record may no longer be kept")]
    RetentionOver,
    /// Two fields contradict each other.
    #[error("two fields contradict each other")]
    Contradiction,
}

impl Reason {
    /// The word in reports, `a-z` and `-`.
    pub fn code(self) -> &'static str {
        match self {
            Self::OutOfScopeAdult => "out-of-scope-adult",
            Self::Unspecified => "unspecified",
            Self::UnknownCode => "unknown-code",
            Self::TooLong => "too-long",
            Self::BadText => "bad-text",
            Self::TooMany => "too-many",
            Self::FutureDate => "future-date",
            Self::RetentionOver => "retention-over",
            Self::Contradiction => "contradiction",
        }
    }
}

/// What was refused: the field, named as the column of the `varde` format, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refusal {
    /// Column of the `varde` format.
    pub field: &'static str,
    /// Why.
    pub reason: Reason,
}

fn refuse<T>(field: &'static str, reason: Reason) -> Result<T, Refusal> {
    Err(Refusal { field, reason })
}

impl Record {
    /// Takes what a source stated, or says why not. `id` and `child` are fresh random ids or, for `child`, that of the
    /// same child's earlier record; `now` is the day of import.
    pub fn register(
        mut stated: Stated,
        id: RecordId,
        child: ChildId,
        identity: Identity,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        complete(&mut stated)?;
        check(&stated)?;
        let day = |time| StatedDate::of(time).ok_or(Refusal { field: "registered_on", reason: Reason::FutureDate });
        let today = day(now)?;
        check_dates(&stated, today, day(now.after(Duration::from_secs(86_400)))?)?;
        let registered_on = stated.registered_on.unwrap_or(today);
        Ok(Self { id, child, identity, registered_on, stated })
    }
}

/// Fills in what follows from the rest: the band of an exact age, the main form of a case.
fn complete(stated: &mut Stated) -> Result<(), Refusal> {
    if let Some(age) = stated.age {
        let Some(band) = band::of(age) else { return refuse("age", Reason::OutOfScopeAdult) };
        if matches!(stated.age_band, 0 | band::UNKNOWN) {
            stated.age_band = band;
        }
    }
    if matches!(stated.primary_form, 0 | UNKNOWN) {
        stated.primary_form = main_form(&stated.forms);
    }
    if stated.primary_form < OTHER && !stated.forms.contains(stated.primary_form) {
        stated.forms = Codes::new(stated.forms.iter().chain([stated.primary_form]));
    }
    Ok(())
}

/// The main form where the source names none: the only form; else the group in which all of them lie; else unknown, because
/// choosing one would invent a fact.
fn main_form(forms: &Codes) -> u16 {
    match forms.as_slice() {
        [] => UNKNOWN,
        [only] => *only,
        [first, second, rest @ ..] if rest.is_empty() && group(*second) == *first => *second,
        [first, rest @ ..] if rest.iter().all(|form| group(*form) == group(*first)) => group(*first),
        _ => UNKNOWN,
    }
}

/// The form to which a more exact one belongs: 11 to 15 to 10, 21 and 22 to 20, 41 to 46 to 40. Others are their own group.
fn group(form: u16) -> u16 {
    match form {
        11..=15 => 10,
        21..=22 => 20,
        41..=46 => 40,
        other => other,
    }
}

/// Every bound and every rule between fields; what the storage codec reads is held to the same.
pub(super) fn check(stated: &Stated) -> Result<(), Refusal> {
    for (field, text) in [("agency", &stated.agency), ("reference", &stated.reference)] {
        if text.len() > limits::RECORD_TEXT_BYTES {
            return refuse(field, Reason::TooLong);
        }
        if text.chars().any(char::is_control) {
            return refuse(field, Reason::BadText);
        }
    }
    for (field, code) in single_codes(stated) {
        check_code(field, code)?;
    }
    for (field, codes) in code_sets(stated) {
        if codes.len() > limits::RECORD_CODES {
            return refuse(field, Reason::TooMany);
        }
        codes.iter().try_for_each(|code| check_code(field, code))?;
    }
    check_lists(stated)?;
    match stated.age {
        Some(age) if band::of(age).is_none() => refuse("age", Reason::OutOfScopeAdult),
        Some(age) if band::of(age) != Some(stated.age_band) => refuse("age_band", Reason::Contradiction),
        _ if stated.primary_form < OTHER && !stated.forms.contains(stated.primary_form) => {
            refuse("primary_form", Reason::Contradiction)
        }
        _ => Ok(()),
    }
}

fn check_code(field: &'static str, code: u16) -> Result<(), Refusal> {
    match code {
        0 => refuse(field, Reason::Unspecified),
        1..=HIGHEST_CODE => Ok(()),
        _ => refuse(field, Reason::UnknownCode),
    }
}

fn check_lists(stated: &Stated) -> Result<(), Refusal> {
    if stated.citizenships.len() > limits::RECORD_CITIZENSHIPS {
        return refuse("citizenship", Reason::TooMany);
    }
    if stated.places.len() > limits::RECORD_PLACES {
        return refuse("places", Reason::TooMany);
    }
    if stated.stages.len() > limits::RECORD_STAGES {
        return refuse("stages", Reason::TooMany);
    }
    if stated.language.is_some_and(|code| !code.iter().all(u8::is_ascii_lowercase)) {
        return refuse("language", Reason::UnknownCode);
    }
    stated.places.iter().try_for_each(|place| check_code("places", place.role))?;
    stated.stages.iter().try_for_each(|event| check_code("stages", event.stage))
}

/// A day of grace, because a source east of UTC is ahead of it.
fn check_dates(stated: &Stated, today: StatedDate, latest: StatedDate) -> Result<(), Refusal> {
    let future = |date: &StatedDate| date.is_after(latest);
    if stated.registered_on.as_ref().is_some_and(future) {
        return refuse("registered_on", Reason::FutureDate);
    }
    if stated.places.iter().filter_map(|place| place.when.as_ref()).any(future) {
        return refuse("places", Reason::FutureDate);
    }
    if stated.stages.iter().filter_map(|event| event.on.as_ref()).any(future) {
        return refuse("stages", Reason::FutureDate);
    }
    if stated.retain_until.is_some_and(|date| date.is_over(today)) {
        return refuse("retain_until", Reason::RetentionOver);
    }
    Ok(())
}

/// Every code that a record holds once, with its column.
fn single_codes(stated: &Stated) -> [(&'static str, u16); 8] {
    [
        ("status", stated.status),
        ("decided_by", stated.decided_by),
        ("case_status", stated.case_status),
        ("age_band", stated.age_band),
        ("age_reference", stated.age_reference),
        ("gender", stated.gender),
        ("primary_form", stated.primary_form),
        ("duration", stated.duration),
    ]
}

/// Every set of codes, with its column.
fn code_sets(stated: &Stated) -> [(&'static str, &Codes); 14] {
    [
        ("forms", &stated.forms),
        ("means", &stated.means),
        ("acts", &stated.acts),
        ("recruitment", &stated.recruitment),
        ("relations", &stated.relations),
        ("platforms", &stated.platforms),
        ("situations", &stated.situations),
        ("sources", &stated.sources),
        ("indicators", &stated.indicators),
        ("determinants", &stated.determinants),
        ("industries", &stated.industries),
        ("transport", &stated.transport),
        ("borders", &stated.borders),
        ("services", &stated.services),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{CountryCode, Place, sample};
    use super::*;

    fn reason(stated: Stated) -> Option<(&'static str, Reason)> {
        sample::record(1, stated).err().map(|refusal| (refusal.field, refusal.reason))
    }

    #[test]
    fn a_row_without_any_statement_is_a_record_of_unknown_age() {
        let record = sample::record(1, sample::blank()).unwrap();
        assert!(!record.is_child());
        assert_eq!(record.registered_on().to_string(), "2026-11-21");
    }

    #[test]
    fn an_exact_age_finds_its_band() {
        for (age, band) in [(0, 1), (8, 1), (9, 2), (13, 2), (14, 3), (15, 3), (16, 4), (17, 4)] {
            let record = sample::record(1, Stated { age: Some(age), ..sample::blank() }).unwrap();
            assert_eq!((record.stated().age_band, record.is_child()), (band, true), "age {age}");
        }
        assert_eq!(reason(Stated { age: Some(18), ..sample::blank() }), Some(("age", Reason::OutOfScopeAdult)));
    }

    #[test]
    fn the_main_form_is_named_only_where_it_follows() {
        let main = |forms: &[u16]| main_form(&Codes::new(forms.iter().copied()));
        assert_eq!(main(&[]), 98);
        assert_eq!(main(&[30]), 30);
        assert_eq!(main(&[10, 12]), 12, "a group and one of its forms");
        assert_eq!(main(&[11, 12]), 10, "two forms of one group");
        assert_eq!(main(&[10, 20]), 98, "two groups");
        assert_eq!(main(&[60, 61]), 98, "surrogacy is no kind of adoption");
        let named = Stated { primary_form: 30, forms: Codes::new([10]), ..sample::blank() };
        assert_eq!(sample::record(1, named).unwrap().stated().forms.as_slice(), [10, 30]);
    }

    #[test]
    fn every_rule_refuses_with_its_field_and_reason() {
        let blank = sample::blank;
        let day = |text| StatedDate::parse(text);
        let later = sample::place(1, "NO", None).map(|place| Place { when: day("2027-01"), ..place });
        let cases = [
            (Stated { agency: "é".repeat(33), ..blank() }, "agency", Reason::TooLong),
            (Stated { reference: "a\u{0}".into(), ..blank() }, "reference", Reason::BadText),
            (Stated { status: 0, ..blank() }, "status", Reason::Unspecified),
            (Stated { gender: 10_000, ..blank() }, "gender", Reason::UnknownCode),
            (Stated { means: Codes::new([0]), ..blank() }, "means", Reason::Unspecified),
            (Stated { means: Codes::new(1..=41), ..blank() }, "means", Reason::TooMany),
            (Stated { age: Some(9), age_band: 1, ..blank() }, "age_band", Reason::Contradiction),
            (
                Stated { citizenships: vec![CountryCode::parse("NO").unwrap(); 9], ..blank() },
                "citizenship",
                Reason::TooMany,
            ),
            (Stated { language: Some(*b"NOR"), ..blank() }, "language", Reason::UnknownCode),
            (Stated { places: later.into_iter().collect(), ..blank() }, "places", Reason::FutureDate),
            (Stated { registered_on: day("2027"), ..blank() }, "registered_on", Reason::FutureDate),
            (Stated { retain_until: day("2025"), ..blank() }, "retain_until", Reason::RetentionOver),
        ];
        for (stated, field, wanted) in cases {
            assert_eq!(reason(stated), Some((field, wanted)));
        }
    }

    #[test]
    fn tomorrow_is_taken_because_a_source_may_be_east_of_utc() {
        let registered = |text| Stated { registered_on: StatedDate::parse(text), ..sample::blank() };
        assert_eq!(reason(registered("2026-11-22")), None);
        assert_eq!(reason(registered("2026-11-23")), Some(("registered_on", Reason::FutureDate)));
    }

    #[test]
    fn nothing_of_a_record_can_be_printed() {
        let stated = Stated { agency: "secret".into(), age: Some(9), ..sample::blank() };
        assert_eq!(format!("{stated:?}"), "Stated(not shown)");
        assert_eq!(format!("{:?}", sample::record(1, stated).unwrap()), "Record(not shown)");
    }
}
