//! Invented records for the tests of this crate.

use super::{
    Assertion, ChildId, Codes, CountryCode, Identity, Nuts1, Place, Record, RecordId, Regime, Stated, StatedDate,
};
use varde_proto::time::Timestamp;

/// A case of which the source states nothing but that it is one.
pub(crate) fn blank() -> Stated {
    Stated {
        agency: String::new(),
        reference: String::new(),
        regime: Regime::Gdpr,
        assertion: Assertion::Assessment,
        grading: None,
        registered_on: None,
        retain_until: None,
        status: 98,
        decided_by: 98,
        case_status: 98,
        age: None,
        age_band: 98,
        age_reference: 1,
        gender: 98,
        citizenships: Vec::new(),
        language: None,
        primary_form: 98,
        forms: Codes::default(),
        means: Codes::default(),
        acts: Codes::default(),
        recruitment: Codes::default(),
        relations: Codes::default(),
        platforms: Codes::default(),
        situations: Codes::default(),
        sources: Codes::default(),
        indicators: Codes::default(),
        determinants: Codes::default(),
        industries: Codes::default(),
        transport: Codes::default(),
        borders: Codes::default(),
        services: Codes::default(),
        duration: 98,
        places: Vec::new(),
        stages: Vec::new(),
    }
}

/// A case with a place in `country` for the role.
pub(crate) fn place(role: u16, country: &str, region: Option<&str>) -> Option<Place> {
    let country = CountryCode::parse(country)?;
    let region = match region {
        Some(text) => Some(Nuts1::parse(text, country)?),
        None => None,
    };
    Some(Place { role, country, region, when: StatedDate::new(2026, 3, 0) })
}

/// The case as a record; `number` makes its ids.
pub(crate) fn record(number: u8, stated: Stated) -> Result<Record, super::Refusal> {
    let now = Timestamp::parse("2026-11-21T12:00:00Z").unwrap_or_default();
    let (id, child) = (RecordId([number; 16]), ChildId([number; 16]));
    Record::register(stated, id, child, Identity([number; 32]), now)
}
