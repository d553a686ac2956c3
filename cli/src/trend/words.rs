//! Words for tables, cells and methods, as an analyst reads them.

use varde_proto::summary::Rho;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AgeBand, Country, Form, Vocabulary};
use varde_proto::wire::operator::TrendEdition;

/// `Norway (NO)`
pub(super) fn country(code: &str) -> String {
    match Country::parse(code) {
        Ok(Country::UNKNOWN) => "country not known".to_owned(),
        Ok(Country::OTHER) => "another country".to_owned(),
        Ok(country) => format!("{} ({code})", country.label()),
        Err(_) => code.to_owned(),
    }
}

/// What a table is broken down by.
pub(super) fn table(name: &str, issuer: &str) -> String {
    match name {
        "form" => "By main form of exploitation".to_owned(),
        "age" => "By age at registration".to_owned(),
        "recruited-in" => format!("By country of recruitment, and whether exploited in {issuer}"),
        "exploited-in" => format!("By country of exploitation, and whether recruited in {issuer}"),
        other => format!("By {other}"),
    }
}

/// What a cell counts.
pub(super) fn cell(table: &str, codes: &[String], issuer: &str) -> String {
    match (table, codes) {
        ("form", [code]) => Form::parse(code).map_or_else(|_| code.clone(), |form| form.label()),
        ("age", [code]) => AgeBand::parse(code).map_or_else(|_| code.clone(), |age| age.label()),
        ("recruited-in", [place, here]) => {
            format!("{}, {}", country(place), star(here, "exploited", "exploitation", issuer))
        }
        ("exploited-in", [place, here]) => {
            format!("{}, {}", country(place), star(here, "recruited", "recruitment", issuer))
        }
        (_, codes) => codes.join(" "),
    }
}

fn star(here: &str, did: &str, noun: &str, issuer: &str) -> String {
    match here {
        "YES" => format!("{did} in {issuer}"),
        "NO" => format!("{did} elsewhere"),
        _ => format!("place of {noun} not known"),
    }
}

/// The line that names a release.
pub(super) fn heading(edition: &TrendEdition) -> String {
    let TrendEdition { country: code, cohort, edition, published_ms, break_in_series, .. } = edition;
    let note = if *break_in_series { ", not comparable with the period before" } else { "" };
    format!("{}  {cohort}  {edition}  published {}{note}", country(code), day(*published_ms))
}

/// `2026-11-21`
pub(super) fn day(ms: i64) -> String {
    Timestamp::from_ms(ms).map(|time| time.to_string().chars().take(10).collect()).unwrap_or_default()
}

/// Coverage, as declared.
pub(super) fn coverage(name: &str) -> &'static str {
    match name {
        "under-half" => "Coverage as declared: under half of the known cases are registered.",
        "half-to-ninety" => "Coverage as declared: half to ninety per cent of the known cases are registered.",
        "over-ninety" => "Coverage as declared: over ninety per cent of the known cases are registered.",
        _ => "Coverage was not declared.",
    }
}

/// How a figure came to be, in one paragraph. The variance is that of the noise of a cell, in 1/1024.
pub(super) fn method(edition: &TrendEdition, sigma2_q10: u64) -> String {
    let noise = (sigma2_q10 as f64 / 1024.0).sqrt();
    let (rho, cap) = (Rho::from_nano(edition.rho_nano), Rho::from_nano(edition.rho_nano_cap));
    format!(
        "Every count carries random noise (standard deviation {noise:.1}) so that no child can be recognised in it; over \
         all rows, shown or not, 95 of 100 intervals hold the number registered. Counts that noise alone could explain are not shown separately. Cost to \
         each child's privacy: rho {rho}, of at most {cap} for all releases of its period."
    )
}

/// How to read rows that are shown because they are large (docs/disclosure.md, "Display").
pub(super) const CHOSEN: &str = "Rows are shown because they are large, so noise has made some of them larger than they \
    are: a lone row near the threshold may be noise, and the intervals do not hold for rows that were chosen for being \
    large. Ask the other end of the corridor, or the next period, before it is a finding.";

/// The same for one corridor.
pub(super) const CHOSEN_CORRIDOR: &str = "A lone figure near the threshold may be noise: ask the other end, or the next \
    period, before it is a finding. The intervals hold for a corridor that you asked for beforehand, not for one that was \
    chosen because it stood out as large in a table.";

/// Text in lines of at most 100 characters.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full = lines.last().is_some_and(|line| line.chars().count() + word.chars().count() >= 100);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}
