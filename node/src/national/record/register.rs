//! The one way into a record: what a source stated is completed, checked and given its local ids.

use super::{ChildId, Code, Codes, Identity, Record, RecordId, Stated, StatedDate};
use std::time::Duration;
use varde_proto::limits;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AgeBand, Assertion, Form, LegalRegime};

/// Why a row is not taken. The row's own values are never repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// 18 or over: outside the scope of the node, whatever else the row holds.
    #[error("the person is 18 or over")]
    OutOfScopeAdult,
    /// A code that the schema's sender must give, and did not: 0.
    #[error("a code is missing")]
    Unspecified,
    /// Not a code of its list.
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
    /// No day of the calendar.
    #[error("a date does not exist")]
    BadDate,
    /// After today.
    #[error("a date lies in the future")]
    FutureDate,
    /// The date until which the record may be kept has passed.
    #[error("the record may no longer be kept")]
    RetentionOver,
    /// The agency's reference is held already, with other content.
    #[error("the reference is held already, with other content")]
    HeldDifferently,
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
            Self::BadDate => "bad-date",
            Self::FutureDate => "future-date",
            Self::RetentionOver => "retention-over",
            Self::HeldDifferently => "held-differently",
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
        check_known(&stated)?;
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
        let Some(band) = AgeBand::of(age) else { return refuse("age", Reason::OutOfScopeAdult) };
        if stated.age_band == AgeBand::UNKNOWN {
            stated.age_band = band;
        }
    }
    if stated.primary_form == Form::UNKNOWN {
        stated.primary_form = main_form(&stated.forms);
    }
    if names_a_form(stated.primary_form) && !stated.forms.contains(stated.primary_form) {
        stated.forms = Codes::new(stated.forms.iter().chain([stated.primary_form]));
    }
    let mut seen = Vec::new();
    stated.citizenships.retain(|country| {
        !seen.contains(country) && {
            seen.push(*country);
            true
        }
    });
    Ok(())
}

/// Whether the code says which form it was.
fn names_a_form(form: Form) -> bool {
    ![Form::UNKNOWN, Form::NOT_COLLECTED, Form::WITHHELD].contains(&form)
}

/// The main form where the source names none: the only form; else the group in which all of them lie; else unknown, because
/// choosing one would invent a fact.
fn main_form(forms: &Codes<Form>) -> Form {
    match forms.as_slice() {
        [] => Form::UNKNOWN,
        [only] => *only,
        [group, exact] if exact.rolls_up_to() == *group => *exact,
        [first, rest @ ..] if rest.iter().all(|form| form.rolls_up_to() == first.rolls_up_to()) => first.rolls_up_to(),
        _ => Form::UNKNOWN,
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
    let counts = [
        ("citizenship", stated.citizenships.len(), limits::RECORD_CITIZENSHIPS),
        ("places", stated.places.len(), limits::RECORD_PLACES),
        ("stages", stated.stages.len(), limits::RECORD_STAGES),
    ];
    let sets = sets(stated).map(|(field, count, _)| (field, count, limits::RECORD_CODES));
    if let Some((field, ..)) = counts.iter().chain(&sets).find(|(_, count, most)| count > most) {
        return refuse(field, Reason::TooMany);
    }
    if stated.language.is_some_and(|code| !code.iter().all(u8::is_ascii_lowercase)) {
        return refuse("language", Reason::UnknownCode);
    }
    if ![LegalRegime::GDPR, LegalRegime::LED].contains(&stated.regime) {
        return refuse("regime", Reason::UnknownCode);
    }
    if ![Assertion::FACT, Assertion::ASSESSMENT].contains(&stated.assertion) {
        return refuse("assertion", Reason::UnknownCode);
    }
    check_agreement(stated)
}

/// The rules between fields.
fn check_agreement(stated: &Stated) -> Result<(), Refusal> {
    if let Some(age) = stated.age {
        match AgeBand::of(age) {
            None => return refuse("age", Reason::OutOfScopeAdult),
            Some(band) if band != stated.age_band => return refuse("age_band", Reason::Contradiction),
            Some(_) => {}
        }
    }
    if names_a_form(stated.primary_form) && !stated.forms.contains(stated.primary_form) {
        return refuse("primary_form", Reason::Contradiction);
    }
    if stated.places.iter().any(|place| place.region.is_some_and(|region| region.country() != place.country)) {
        return refuse("places", Reason::Contradiction);
    }
    Ok(())
}

/// A new record speaks the lists of today; a stored one may be of a later list.
fn check_known(stated: &Stated) -> Result<(), Refusal> {
    let singles = [
        ("source_grade", stated.source_grade.is_known()),
        ("information_grade", stated.information_grade.is_known()),
        ("status", stated.status.is_known()),
        ("decided_by", stated.decided_by.is_known()),
        ("case_status", stated.case_status.is_known()),
        ("age_band", stated.age_band.is_known()),
        ("age_reference", stated.age_reference.is_known()),
        ("gender", stated.gender.is_known()),
        ("primary_form", stated.primary_form.is_known()),
        ("duration", stated.duration.is_known()),
        ("places", stated.places.iter().all(|place| place.role.is_known())),
        ("stages", stated.stages.iter().all(|event| event.stage.is_known())),
    ];
    let sets = sets(stated).map(|(field, _, known)| (field, known));
    match singles.iter().chain(&sets).find(|(_, known)| !known) {
        Some((field, _)) => refuse(field, Reason::UnknownCode),
        None => Ok(()),
    }
}

/// Every set of codes: its column, how many codes it has, whether all are known.
fn sets(stated: &Stated) -> [(&'static str, usize, bool); 15] {
    fn set<C: Code>(field: &'static str, codes: &Codes<C>) -> (&'static str, usize, bool) {
        (field, codes.len(), codes.iter().all(Code::is_known))
    }
    [
        set("forms", &stated.forms),
        set("means", &stated.means),
        set("means_groups", &stated.means_groups),
        set("acts", &stated.acts),
        set("recruitment", &stated.recruitment),
        set("relations", &stated.relations),
        set("platforms", &stated.platforms),
        set("situations", &stated.situations),
        set("sources", &stated.sources),
        set("indicators", &stated.indicators),
        set("determinants", &stated.determinants),
        set("industries", &stated.industries),
        set("transport", &stated.transport),
        set("borders", &stated.borders),
        set("services", &stated.services),
    ]
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

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::{Gender, Place, StageEvent, sample};
    use super::*;
    use varde_proto::vocabulary::{Country, CountryRole, MeansOfControl, NrmStage, Nuts1};

    fn reason(stated: Stated) -> Option<(&'static str, Reason)> {
        sample::record(1, stated).err().map(|refusal| (refusal.field, refusal.reason))
    }

    #[test]
    fn a_row_without_any_statement_is_a_record_of_unknown_age() {
        let record = sample::record(1, Stated::nothing()).unwrap();
        assert!(!record.is_child());
        assert_eq!(record.registered_on().to_string(), "2026-11-21");
    }

    #[test]
    fn an_exact_age_finds_its_band() {
        for (age, band) in
            [(0, AgeBand::AGE_0_8), (13, AgeBand::AGE_9_13), (14, AgeBand::AGE_14_15), (17, AgeBand::AGE_16_17)]
        {
            let record = sample::record(1, Stated { age: Some(age), ..Stated::nothing() }).unwrap();
            assert_eq!((record.stated().age_band, record.is_child()), (band, true), "age {age}");
        }
        assert_eq!(reason(Stated { age: Some(18), ..Stated::nothing() }), Some(("age", Reason::OutOfScopeAdult)));
    }

    #[test]
    fn the_main_form_is_named_only_where_it_follows() {
        let main = |forms: &[Form]| main_form(&Codes::new(forms.iter().copied()));
        assert_eq!(main(&[]), Form::UNKNOWN);
        assert_eq!(main(&[Form::FORCED_BEGGING]), Form::FORCED_BEGGING);
        assert_eq!(main(&[Form::SEXUAL_EXPLOITATION, Form::SEX_CSAM_PRODUCTION]), Form::SEX_CSAM_PRODUCTION);
        assert_eq!(main(&[Form::SEX_PROSTITUTION, Form::SEX_CSAM_PRODUCTION]), Form::SEXUAL_EXPLOITATION);
        assert_eq!(main(&[Form::SEXUAL_EXPLOITATION, Form::LABOUR_EXPLOITATION]), Form::UNKNOWN);
        assert_eq!(main(&[Form::ILLEGAL_ADOPTION, Form::SURROGACY]), Form::UNKNOWN);
        let forms = Codes::new([Form::SEXUAL_EXPLOITATION]);
        let named = Stated { primary_form: Form::FORCED_BEGGING, forms, ..Stated::nothing() };
        let wanted = [Form::SEXUAL_EXPLOITATION, Form::FORCED_BEGGING];
        assert_eq!(sample::record(1, named).unwrap().stated().forms.as_slice(), wanted);
    }

    #[test]
    fn every_rule_refuses_with_its_field_and_reason() {
        let nothing = Stated::nothing;
        let day = |text| StatedDate::parse(text);
        let place = sample::place(CountryRole::TRANSIT, "NO", None).unwrap();
        let later = Place { when: day("2027-01"), ..place.clone() };
        let elsewhere = Place { region: Nuts1::parse("ITC").ok(), ..place.clone() };
        let countries: Vec<_> = Country::all().take(9).collect();
        let many = Codes::new((1..=41).filter_map(Code::from_number));
        let event = StageEvent { stage: NrmStage::DETECTED, on: day("2026-12-24") };
        let cases = [
            (Stated { agency: "é".repeat(33), ..nothing() }, "agency", Reason::TooLong),
            (Stated { reference: "a\u{0}".into(), ..nothing() }, "reference", Reason::BadText),
            (Stated { gender: Gender::from_number(10).unwrap(), ..nothing() }, "gender", Reason::UnknownCode),
            (Stated { forms: Codes::new(Form::from_number(19)), ..nothing() }, "primary_form", Reason::UnknownCode),
            (Stated { means: Codes::new(MeansOfControl::from_number(40)), ..nothing() }, "means", Reason::UnknownCode),
            (Stated { means: many, ..nothing() }, "means", Reason::TooMany),
            (Stated { citizenships: countries, ..nothing() }, "citizenship", Reason::TooMany),
            (Stated { places: vec![place; 25], ..nothing() }, "places", Reason::TooMany),
            (Stated { stages: vec![event.clone(); 65], ..nothing() }, "stages", Reason::TooMany),
            (Stated { age: Some(9), age_band: AgeBand::AGE_0_8, ..nothing() }, "age_band", Reason::Contradiction),
            (Stated { places: vec![elsewhere], ..nothing() }, "places", Reason::Contradiction),
            (Stated { language: Some(*b"NOR"), ..nothing() }, "language", Reason::UnknownCode),
            (Stated { regime: LegalRegime::NONE, ..nothing() }, "regime", Reason::UnknownCode),
            (Stated { assertion: Assertion::UNKNOWN, ..nothing() }, "assertion", Reason::UnknownCode),
            (Stated { places: vec![later], ..nothing() }, "places", Reason::FutureDate),
            (Stated { stages: vec![event], ..nothing() }, "stages", Reason::FutureDate),
            (Stated { registered_on: day("2027"), ..nothing() }, "registered_on", Reason::FutureDate),
            (Stated { retain_until: day("2025"), ..nothing() }, "retain_until", Reason::RetentionOver),
        ];
        for (stated, field, wanted) in cases {
            assert_eq!(reason(stated), Some((field, wanted)));
        }
    }

    #[test]
    fn tomorrow_is_taken_because_a_source_may_be_east_of_utc() {
        let registered = |text| Stated { registered_on: StatedDate::parse(text), ..Stated::nothing() };
        assert_eq!(reason(registered("2026-11-22")), None);
        assert_eq!(reason(registered("2026-11-23")), Some(("registered_on", Reason::FutureDate)));
    }

    #[test]
    fn nothing_of_a_record_can_be_printed() {
        let stated = Stated { agency: "secret".into(), age: Some(9), ..Stated::nothing() };
        assert_eq!(format!("{stated:?}"), "Stated(not shown)");
        assert_eq!(format!("{:?}", sample::record(1, stated).unwrap()), "Record(not shown)");
    }
}
