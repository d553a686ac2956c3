//! Releases of the Counter-Trafficking Data Collaborative: the k-anonymised Global Dataset (2017 to 2020) and the Global
//! Synthetic Dataset (2021 and later). Columns are found by name, in any order and any case; docs/records.md says what
//! becomes of each. Nothing stated is a blank, `-99` or `0`: the releases differ, and none of these is ever a value.

mod columns;

use super::{Case, Fault, Header, blank, class_of};
use columns::Column;
pub(super) use columns::{Known, column};
use varde_proto::vocabulary::{AgeBand, AgeReference, Country, CountryRole, SourceType, Vocabulary};
use varde_proto::wire::operator::{CaseDate, CasePlace, CaseRecord, Duration, Gender};

const ADULT: &str = "out-of-scope-adult";

/// What the three columns of majority and the age say together.
#[derive(Default)]
struct Ages<'a> {
    /// Lowest and highest age at registration, and where it stands.
    years: Option<(u32, u32, usize, &'a str)>,
    /// At registration, at exploitation, at entry: whether adult, and where it stands.
    majority: [Option<(bool, usize, &'a str)>; 3],
}

/// Reads a line.
pub(super) fn read(header: &Header, columns: &[Option<Known>], cells: &[String]) -> Result<Case, Fault> {
    let mut case = Case {
        record: CaseRecord { agency: "CTDC".into(), ..blank() },
        child_reference: String::new(),
        canonical: Vec::new(),
    };
    let mut ages = Ages::default();
    for (place, (column, cell)) in columns.iter().zip(cells).enumerate() {
        let Some((canonical, column)) = *column else { continue };
        if not_stated(cell) || column == Column::Unused {
            continue;
        }
        let bad = |reason| header.bad(place, cell, reason);
        let value = match column {
            Column::Age => {
                let (low, high) = age_range(cell).ok_or_else(|| bad("bad-value"))?;
                ages.years = Some((low, high, place, cell));
                format!("{low}-{high}")
            }
            Column::Majority(moment) => {
                let adult = majority(cell).ok_or_else(|| bad("unknown-code"))?;
                ages.majority[moment] = Some((adult, place, cell));
                if adult { "adult".into() } else { "minor".into() }
            }
            other => put(&mut case.record, other, cell).map_err(bad)?,
        };
        case.canonical.push((canonical, value));
    }
    case.canonical.sort();
    let (band, reference) = age(header, &ages)?;
    case.record.age_band = band.number();
    case.record.age_reference = reference.number();
    Ok(case)
}

fn not_stated(cell: &str) -> bool {
    matches!(cell, "" | "0" | "0.0" | "-99" | "-99.0") || cell.eq_ignore_ascii_case("unknown")
}

/// `0--8`, `09--17`, `9--17`, `48+`, `18--20`: lowest and highest age.
fn age_range(cell: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|age| *age <= 150 && !text.starts_with('+'));
    match (cell.strip_suffix('+'), cell.split_once("--")) {
        (Some(low), _) => number(low).map(|low| (low, u32::MAX)),
        (None, Some((low, high))) => Some((number(low)?, number(high)?)).filter(|(low, high)| low <= high),
        (None, None) => None,
    }
}

fn majority(cell: &str) -> Option<bool> {
    match cell.to_ascii_lowercase().as_str() {
        "minor" => Some(false),
        "adult" => Some(true),
        _ => None,
    }
}

/// The band and its moment. Who is 18 or over at registration, or was at exploitation or entry, is outside the scope; a
/// minor whose age is not stated is a child not further specified; nothing stated at all is unknown.
fn age(header: &Header, ages: &Ages<'_>) -> Result<(AgeBand, AgeReference), Fault> {
    let fault =
        |place: usize, class, reason| Fault::new(header.names.get(place).map_or("", String::as_str), class, reason);
    let adult = ages.majority.iter().flatten().find(|(adult, ..)| *adult);
    match (ages.years, adult) {
        (Some((18.., _, place, _)), _) => Err(fault(place, "age range of 18 or over", ADULT)),
        (Some((_, 18.., place, cell)), _) => Err(fault(place, class_of(cell), "bad-value")),
        (Some(_), Some((_, place, cell))) => Err(fault(*place, class_of(cell), "contradiction")),
        (None, Some((_, place, _))) => Err(fault(*place, "word for an adult", ADULT)),
        (Some((low, high, ..)), None) => Ok((band(low, high), AgeReference::AT_REGISTRATION)),
        (None, None) => Ok(match ages.majority {
            [Some(_), ..] => (AgeBand::AGE_CHILD_NFS, AgeReference::AT_REGISTRATION),
            [_, Some(_), _] => (AgeBand::AGE_CHILD_NFS, AgeReference::AT_EXPLOITATION),
            [_, _, Some(_)] => (AgeBand::AGE_CHILD_NFS, AgeReference::AT_RECRUITMENT),
            _ => (AgeBand::UNKNOWN, AgeReference::UNKNOWN),
        }),
    }
}

/// The band that holds the whole range; 9 to 17 spans three, so no more is known than that it is a child.
fn band(low: u32, high: u32) -> AgeBand {
    let of = |age| u8::try_from(age).ok().and_then(AgeBand::of);
    match (of(low), of(high)) {
        (Some(lowest), Some(highest)) if lowest == highest => lowest,
        _ => AgeBand::AGE_CHILD_NFS,
    }
}

/// Puts a stated value into the record; returns its canonical spelling.
fn put(record: &mut CaseRecord, column: Column, cell: &str) -> Result<String, &'static str> {
    let flag = || if matches!(cell, "1" | "1.0") { Ok(()) } else { Err("unknown-code") };
    match column {
        Column::Year => record.registered_on = Some(year(cell)?),
        Column::Gender => record.gender = gender(cell)?.into(),
        Column::Citizenship => {
            let country = country(cell)?;
            record.citizenships.push(country.code().to_owned());
            return Ok(country.code().to_owned());
        }
        Column::Exploitation => {
            let country = country(cell)?;
            record.places.push(CasePlace {
                role: CountryRole::EXPLOITATION.number(),
                country: country.code().to_owned(),
                ..CasePlace::default()
            });
            return Ok(country.code().to_owned());
        }
        Column::Months => record.duration = months(cell)?.into(),
        Column::Source if cell.eq_ignore_ascii_case("hotline") => record.sources.push(SourceType::THB_HOTLINE.number()),
        Column::Means(means) => flag().map(|()| record.means.push(means.number()))?,
        Column::Group(group) => flag().map(|()| record.means_groups.push(group.number()))?,
        Column::Forms(forms, industry) => {
            flag()?;
            forms.iter().for_each(|form| once(&mut record.forms, form.number()));
            industry.iter().for_each(|section| once(&mut record.industries, (*section).into()));
        }
        Column::Relation(relation) => flag().map(|()| record.relations.push(relation.number()))?,
        Column::Source | Column::Age | Column::Majority(_) | Column::Unused => {}
    }
    Ok(cell.trim_end_matches(".0").to_ascii_lowercase())
}

fn once(codes: &mut Vec<i32>, code: i32) {
    if !codes.contains(&code) {
        codes.push(code);
    }
}

fn year(cell: &str) -> Result<CaseDate, &'static str> {
    let text = cell.trim_end_matches(".0");
    match text.parse() {
        Ok(year @ 1990..=2199) if text.len() == 4 => Ok(CaseDate { year, month: 0, day: 0 }),
        _ => Err("bad-date"),
    }
}

fn gender(cell: &str) -> Result<Gender, &'static str> {
    match cell.to_ascii_lowercase().as_str() {
        "female" | "woman" => Ok(Gender::Feminine),
        "male" | "man" => Ok(Gender::Masculine),
        text if text.contains("transgender") || text.contains("nonconforming") => Ok(Gender::Other),
        _ => Err("unknown-code"),
    }
}

/// Alpha-3 in the synthetic releases, alpha-2 in the k-anonymised ones. SRB includes Kosovo there.
fn country(cell: &str) -> Result<Country, &'static str> {
    let found = if cell.len() == 3 { Country::from_alpha3(cell) } else { Country::parse(cell) };
    found.ok().filter(|country| country.is_named()).ok_or("unknown-code")
}

/// `0--12 (0-1 yr)`, `13--24 (1-2 yrs)`, `25--60 (2-5 yrs)`, `61+ (5+ yrs)`, `25+ (2+ yrs)`.
fn months(cell: &str) -> Result<Duration, &'static str> {
    match cell.split(' ').next().unwrap_or_default() {
        "0--12" => Ok(Duration::UpTo12Months),
        "13--24" => Ok(Duration::From13To24Months),
        "25--60" => Ok(Duration::From25To60Months),
        "61+" => Ok(Duration::Over60Months),
        "25+" => Ok(Duration::From25Months),
        _ => Err("unknown-code"),
    }
}

#[cfg(test)]
mod tests;
