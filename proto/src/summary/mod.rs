//! Trend summaries: noisy counts of one country's cohort, and the lines of its privacy budget.
//!
//! In: the tables of a family and the code lists that imply their domains ([`Axis`], [`family`]), the two payloads with every
//! rule that sender and receiver share ([`TrendSummary`], [`LedgerEntry`]), the chain of budget entries ([`Chain`]), and what
//! people are shown: estimates, intervals and states that every reader recomputes from the noisy cells ([`Display`],
//! [`Corridor`]). Out: counting records and drawing noise, which is `varde_node::national`; keeping and sending, which is
//! `varde_node::flow`.
//!
//! Why it is done this way, what it guarantees and what it does not: docs/disclosure.md.

mod axis;
mod budget;
mod chain;
mod corridor;
mod display;
mod estimate;
pub mod family;
mod release;
mod rho;
mod trend;

pub use axis::{Axis, Here, age_row, form_row};
pub use budget::{Act, Charge, LedgerEntry};
pub use chain::{Chain, ChainFault, EditionState, Place};
pub use corridor::{Corridor, Sight};
pub use display::{Display, Figure, State, TableDisplay};
pub use estimate::{Estimate, Estimates};
pub use family::{Edition, FAMILIES, TableName};
pub use release::{Coverage, Release, ReleaseDraft, Table};
pub use rho::{Rho, cost};
pub use trend::TrendSummary;

#[cfg(test)]
mod tests;
