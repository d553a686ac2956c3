//! What a person is shown of a release. It is computed from the published cells alone, so it costs no privacy, and every
//! reader computes the same integers; their digest stands in the release.
//!
//! A cell is reported if the Benjamini-Hochberg procedure at 5 %, over the cells of its table and against "no child at all",
//! keeps it, and its estimate is at least 5. All other cells appear together as the remainder, so that a table adds up to the
//! total. A hidden cell is never shown as 0: it is consistent with 0 to some bound.

use super::estimate::{Estimate, Estimates};
use super::family;
use super::release::Table;
use crate::id::Digest;

/// Half the width of a 95 % interval, in standard deviations: the 0.975 quantile of the normal distribution.
const Z95: f64 = 1.959_963_984_540_054;

/// What a figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum State {
    /// Distinguishable from no child at all.
    Reported = 1,
    /// Not distinguishable from no child at all, or under the floor: consistent with 0 to [`Figure::at_most`].
    BelowNoise = 2,
    /// All cells of a table that are not reported, together.
    Remainder = 3,
    /// All cells.
    Total = 4,
}

impl State {
    /// Its name, as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reported => "reported",
            Self::BelowNoise => "below-noise",
            Self::Remainder => "remainder",
            Self::Total => "total",
        }
    }
}

/// An estimate with its 95 % interval, in thousandths. All may be negative; people are shown whole numbers from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Figure {
    /// What it is.
    pub state: State,
    /// Unbiased.
    pub estimate: i64,
    /// Standard deviation of its noise.
    pub sd: i64,
    /// Lower end of the interval.
    pub low: i64,
    /// Upper end of the interval.
    pub high: i64,
}

impl Figure {
    pub(super) fn of(state: State, estimate: &Estimate) -> Self {
        let sd = estimate.sd();
        let reach = Z95 * sd;
        let milli = |x: f64| libm::round(x * 1000.0) as i64;
        Self {
            state,
            estimate: milli(estimate.value),
            sd: milli(sd),
            low: milli(estimate.value - reach),
            high: milli(estimate.value + reach),
        }
    }

    /// The nearest whole number, from 0.
    pub fn whole(&self) -> u64 {
        u64::try_from((self.estimate + 500).div_euclid(1000)).unwrap_or(0)
    }

    /// The interval in whole numbers from 0, rounded outwards.
    pub fn interval(&self) -> (u64, u64) {
        let low = u64::try_from(self.low.div_euclid(1000)).unwrap_or(0);
        (low, u64::try_from(-(-self.high).div_euclid(1000)).unwrap_or(0))
    }

    /// For a figure that is not reported: it is consistent with 0 to this many. Never under the reach of the noise itself,
    /// so that a negative estimate does not read as a certain 0.
    pub fn at_most(&self) -> u64 {
        let reach = self.high - self.estimate;
        let bound = self.estimate.max(0) + reach;
        u64::try_from(-(-bound).div_euclid(1000)).unwrap_or(0)
    }
}

/// One table as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableDisplay {
    /// A figure for each cell: reported, or below noise.
    pub figures: Vec<Figure>,
    /// The cells that are not reported, together.
    pub remainder: Figure,
}

/// A release as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Display {
    /// The cohort.
    pub total: Figure,
    /// In the order of the family.
    pub tables: Vec<TableDisplay>,
}

impl Display {
    /// Computes it.
    pub fn of(tables: &[Table]) -> Self {
        let estimates = Estimates::of(tables);
        let shown = tables.iter().enumerate().map(|(place, table)| show(&estimates, place, table.cells())).collect();
        Self { total: Figure::of(State::Total, &estimates.total()), tables: shown }
    }

    /// SHA-256 over every state, estimate and interval: one byte and three big-endian `i64` each; the total, then each
    /// table's cells and its remainder.
    pub fn digest(&self) -> Digest {
        let mut bytes = b"varde/display/first/1\n".to_vec();
        let mut add = |figure: &Figure| {
            bytes.push(figure.state as u8);
            for number in [figure.estimate, figure.low, figure.high] {
                bytes.extend_from_slice(&number.to_be_bytes());
            }
        };
        add(&self.total);
        for table in &self.tables {
            table.figures.iter().for_each(&mut add);
            add(&table.remainder);
        }
        Digest::of(&bytes)
    }
}

fn show(estimates: &Estimates, place: usize, cells: &[i64]) -> TableDisplay {
    let none = Estimate { value: 0.0, variance: 0.0 };
    let estimate = |sum: i64, count: usize| estimates.of_sum(place, sum, count).unwrap_or(none);
    let kept = lowest_kept(cells, |cell| estimate(cell, 1));
    let floor = f64::from(family::FLOOR);
    let reported = |cell: i64| kept.is_some_and(|kept| cell >= kept) && estimate(cell, 1).value >= floor;
    let state = |cell: i64| if reported(cell) { State::Reported } else { State::BelowNoise };
    let figures = cells.iter().map(|cell| Figure::of(state(*cell), &estimate(*cell, 1))).collect();
    let hidden: Vec<i64> = cells.iter().copied().filter(|cell| !reported(*cell)).collect();
    let remainder = Figure::of(State::Remainder, &estimate(hidden.iter().sum(), hidden.len()));
    TableDisplay { figures, remainder }
}

/// The smallest noisy count that the Benjamini-Hochberg procedure keeps, if it keeps any. All cells of a table have the same
/// variance, so their order by count is their order by significance, and a threshold on the count says it all.
fn lowest_kept(cells: &[i64], estimate: impl Fn(i64) -> Estimate) -> Option<i64> {
    let mut sorted = cells.to_vec();
    sorted.sort_unstable_by(|a, b| b.cmp(a));
    let rate = f64::from(family::FDR_PPM) / 1_000_000.0;
    let count = sorted.len() as f64;
    let mut kept = None;
    for (place, cell) in sorted.into_iter().enumerate() {
        let found = estimate(cell);
        if found.value <= 0.0 {
            // Its chance, and that of every cell after it, is one half or more.
            break;
        }
        let chance = 0.5 * libm::erfc(found.value / found.sd() / std::f64::consts::SQRT_2);
        if chance <= rate * ((place + 1) as f64) / count {
            kept = Some(cell);
        }
    }
    kept
}
