//! Disclosure control: exact counts go in, noisy counts come out, and nothing else that depends on a record.
//!
//! In: how much noise an edition has, drawing it, adding it to every cell of the domain. Out: counting
//! ([`super::aggregate`]), paying ([`super::budget`]), and everything that readers compute from noisy cells, which costs
//! nothing more and lies in [`varde_proto::summary`].
//!
//! Chance is an argument: the node gives the operating system's, tests give theirs, and no setting of a shipped program
//! changes it. Neither a seed nor the exact counts are ever kept: with either, the noise could be taken off again.

mod gauss;

use super::aggregate::Counts;
use rand_core::CryptoRng;
use varde_proto::limits;
use varde_proto::summary::{Charge, Edition, TableName, family};

/// How much noise each table of an edition gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Variance in 1/1024, for each table of the family in order.
    sigma2_q10: [u64; 4],
}

impl Plan {
    /// The plan of an edition of family `first`, version 1: the same for every node, so that figures compare.
    pub fn of(edition: Edition) -> Self {
        match edition {
            Edition::Flash => Self { sigma2_q10: [family::FLASH_SIGMA2_Q10; 4] },
        }
    }

    /// What it costs, table by table.
    pub fn charges(&self) -> Vec<Charge> {
        let charge = |(table, q): (TableName, u64)| Charge { contribution: table.contribution(), sigma2_q10: q };
        TableName::ALL.into_iter().zip(self.sigma2_q10).map(charge).collect()
    }
}

/// Adds noise to every cell of every table: variances in 1/1024 and noisy cells, as a release takes them.
pub fn disclose<R: CryptoRng>(counts: Counts, plan: &Plan, rng: &mut R) -> [(u64, Vec<i64>); 4] {
    let mut tables = counts.into_tables().into_iter().zip(plan.sigma2_q10);
    std::array::from_fn(|_| match tables.next() {
        Some((cells, q)) => (q, cells.into_iter().map(|count| noisy(count, q, rng)).collect()),
        None => (0, Vec::new()),
    })
}

/// One count with noise, kept inside the bound of a cell, which no real count comes near.
fn noisy<R: CryptoRng>(count: u32, sigma2_q10: u64, rng: &mut R) -> i64 {
    let bound = limits::SUMMARY_CELL as i64;
    i64::from(count).saturating_add(gauss::draw(sigma2_q10, rng)).clamp(-bound, bound)
}

#[cfg(test)]
mod tests;
