//! From noisy cells to estimates: least squares over the one thing the tables of family `first` share, the total.
//!
//! Each table counts every child once, so each table's sum estimates the same total; the small tables do it far better than
//! the two stars of 756 cells. The best linear unbiased estimate is closed-form: weigh the sums by their precision, then
//! spread each table's disagreement evenly over its cells. Variances are exact and contain no data.
//!
//! Every number is computed with `+ - * /` and the square root of the pinned `libm`, in the order written here, so that all
//! readers get the same bits (IEEE 754 binary64, round to nearest; none of these operations may be fused or reordered).

use super::release::Table;

/// An unbiased estimate and the variance of its noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// May be negative.
    pub value: f64,
    /// Exact, of the noise alone; how many cases there happened to be is not part of it.
    pub variance: f64,
}

impl Estimate {
    /// Standard deviation.
    pub fn sd(&self) -> f64 {
        libm::sqrt(self.variance)
    }

    /// The estimate of a difference of two that were drawn independently, as by two nodes.
    pub fn minus(&self, other: &Self) -> Self {
        Self { value: self.value - other.value, variance: self.variance + other.variance }
    }
}

/// The estimates of one release.
#[derive(Debug, Clone)]
pub struct Estimates {
    total: Estimate,
    tables: Vec<Sums>,
}

#[derive(Debug, Clone)]
struct Sums {
    cells: f64,
    variance: f64,
    sum: f64,
}

impl Estimates {
    /// Weighs the tables' sums.
    pub fn of(tables: &[Table]) -> Self {
        let tables: Vec<Sums> = tables.iter().map(|t| sums(t.cells(), t.sigma2_q10())).collect();
        let mut weights = 0.0;
        let mut weighted = 0.0;
        for table in &tables {
            let weight = 1.0 / (table.cells * table.variance);
            weights += weight;
            weighted += weight * table.sum;
        }
        let total = Estimate { value: weighted / weights, variance: 1.0 / weights };
        Self { total, tables }
    }

    /// How many children the cohort has.
    pub fn total(&self) -> Estimate {
        self.total
    }

    /// Of the sum of some `cells` different cells of a table, whose noisy counts add up to `sum`. One cell is a sum of one;
    /// all cells of a table are the total.
    pub fn of_sum(&self, table: usize, sum: i64, cells: usize) -> Option<Estimate> {
        let Sums { cells: n, variance, sum: whole } = self.tables.get(table)?;
        let k = cells as f64;
        let share = k / n;
        let value = sum as f64 + share * (self.total.value - whole);
        let variance = k * variance * (1.0 - share) + share * share * self.total.variance;
        Some(Estimate { value, variance })
    }
}

fn sums(cells: &[i64], sigma2_q10: u64) -> Sums {
    let sum: i64 = cells.iter().sum();
    Sums { cells: cells.len() as f64, variance: sigma2_q10 as f64 / 1024.0, sum: sum as f64 }
}
