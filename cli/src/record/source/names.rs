//! Words of a file as the schema's values. A failure is the reason's word.

use varde_proto::limits;
use varde_proto::vocabulary::{Country, CountryRole, NrmStage, Nuts1, Vocabulary};
use varde_proto::wire::operator::{CaseDate, CasePlace, CaseStage};

pub(super) type Reason = &'static str;

/// Parts the values of a cell that may hold several.
pub(super) const AND: char = '|';

/// A code of a list by its name.
pub(super) fn code<V: Vocabulary>(name: &str) -> Result<i32, Reason> {
    V::parse(name).map(V::number).map_err(|_| "unknown-code")
}

/// Several codes of a list.
pub(super) fn codes<V: Vocabulary>(names: &str) -> Result<Vec<i32>, Reason> {
    several(names, limits::RECORD_CODES, code::<V>)
}

/// Several values, at most `most`.
pub(super) fn several<T>(text: &str, most: usize, read: impl Fn(&str) -> Result<T, Reason>) -> Result<Vec<T>, Reason> {
    if text.split(AND).count() > most {
        return Err("too-many");
    }
    text.split(AND).map(|part| read(part.trim())).collect()
}

/// A short text: an agency's code, a reference.
pub(super) fn text(text: &str) -> Result<String, Reason> {
    if text.len() > limits::RECORD_TEXT_BYTES { Err("too-long") } else { Ok(text.to_owned()) }
}

/// A country by ISO 3166-1 alpha-2 (or XK, OTHER, UNKNOWN).
pub(super) fn country(text: &str) -> Result<String, Reason> {
    Country::parse(text).map(|country| country.code().to_owned()).map_err(|_| "unknown-code")
}

/// `2026`, `2026-07` or `2026-07-31`.
pub(super) fn date(text: &str) -> Result<CaseDate, Reason> {
    let part = |text: &str, digits: usize| {
        let fits = text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| fits && *number > 0).ok_or("bad-date")
    };
    let mut parts = text.split('-');
    let year = part(parts.next().unwrap_or_default(), 4)?;
    let month = parts.next().map_or(Ok(0), |text| part(text, 2))?;
    let day = parts.next().map_or(Ok(0), |text| part(text, 2))?;
    let whole = |number: u32| i8::try_from(number.max(1)).ok();
    let exists = || jiff::civil::Date::new(i16::try_from(year).ok()?, whole(month)?, whole(day)?).ok();
    let fits = parts.next().is_none() && (1900..=2199).contains(&year) && exists().is_some();
    if fits { Ok(CaseDate { year, month, day }) } else { Err("bad-date") }
}

/// `EXPLOITATION:IT`, `RECRUITMENT:RO:RO4`, `TRANSIT:HU::2026-03`.
pub(super) fn place(text: &str) -> Result<CasePlace, Reason> {
    let mut parts = text.split(':');
    let mut next = || parts.next().unwrap_or_default();
    let (role, land, region, when) = (next(), next(), next(), next());
    if parts.next().is_some() {
        return Err("bad-value");
    }
    let country = country(land)?;
    if !region.is_empty() {
        let nuts = Nuts1::parse(region).map_err(|_| "unknown-code")?;
        if nuts.country().code() != country {
            return Err("contradiction");
        }
    }
    let when = if when.is_empty() { None } else { Some(date(when)?) };
    Ok(CasePlace { role: code::<CountryRole>(role)?, country, region: region.to_owned(), when })
}

/// `DETECTED` or `DETECTED:2026-03-02`.
pub(super) fn stage(text: &str) -> Result<CaseStage, Reason> {
    let (stage, on) = text.split_once(':').map_or((text, None), |(stage, on)| (stage, Some(on)));
    Ok(CaseStage { stage: code::<NrmStage>(stage)?, on: on.map(date).transpose()? })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_as_exact_as_it_is_written() {
        assert_eq!(date("2024-02-29").unwrap(), CaseDate { year: 2024, month: 2, day: 29 });
        assert_eq!(date("2024").unwrap(), CaseDate { year: 2024, month: 0, day: 0 });
        for wrong in
            ["", "24", "2024-2", "2023-02-29", "2024-00", "2024-01-00", "2024-01-01-01", "+024", "1899", "２０２４"]
        {
            assert_eq!(date(wrong), Err("bad-date"), "{wrong}");
        }
    }

    #[test]
    fn a_place_has_a_role_a_country_and_perhaps_a_region_and_a_time() {
        let place_of = |text| place(text).map(|place| (place.country, place.region, place.when.is_some()));
        assert_eq!(place_of("TRANSIT:GR:EL3:2026-03"), Ok(("GR".into(), "EL3".into(), true)));
        assert_eq!(place_of("TRANSIT:HU::2026-03"), Ok(("HU".into(), String::new(), true)));
        for (wrong, reason) in [
            ("HU", "unknown-code"),
            ("TRANSIT", "unknown-code"),
            ("TRANSIT:XX", "unknown-code"),
            ("TRANSIT:RO:ITC", "contradiction"),
            ("TRANSIT:RO:RO41", "unknown-code"),
            ("TRANSIT:HU::2026:x", "bad-value"),
        ] {
            assert_eq!(place(wrong).err(), Some(reason), "{wrong}");
        }
    }
}
