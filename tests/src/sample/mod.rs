//! The sample: a few thousand invented cases for the eleven countries of the three programmes, for demonstration and tests.
//!
//! Nothing in it is real: no row stands for a person, and no proportion describes a country. The same seed gives the same
//! bytes everywhere, so `tests/sample` can be made again by `cargo run -p varde-tests --bin sample`.

mod case;
mod chance;
mod countries;

use chance::Chance;
use countries::COUNTRIES;

/// Changing it changes every case.
const SEED: u64 = 0x7661_7264_6500_0001;

/// Every file of `tests/sample`: its name and content.
pub fn files() -> Vec<(String, String)> {
    COUNTRIES
        .iter()
        .zip(1_u64..)
        .map(|(country, place)| {
            let mut chance = Chance::new(SEED ^ (place << 32));
            let mut content = format!("{}\n", case::HEADER);
            for number in 1..=country.cases {
                content.push_str(&case::line(country, number, &mut chance));
                content.push('\n');
            }
            (format!("{}.csv", country.code.to_lowercase()), content)
        })
        .collect()
}
