//! Real nodes, each in a network namespace of its own, on a network that is made bad again and again: loss, links that go down,
//! narrow lines, a proxy that delays, trickles, withholds, half-closes and resets; and nodes that are killed or lose their power.
//!
//! In: the namespaces (`field`), our proxy (`proxy`, `proxies`), what happens when (`mishap`), one run (`run`). Out: what the
//! staff were told and what must hold in the end (`accounts`), the arguments (`bin/network`). Needs root, `ip`, `nft`, `tc`.

mod field;
mod mishap;
mod proxies;
pub mod proxy;
mod run;

pub use run::{Plan, run};

use crate::harness::Trouble;

/// Why there was no run.
#[derive(Debug)]
pub enum NoRun {
    /// Not this machine's fault and not the test's: the reason to print after `skipped: `.
    Skipped(String),
    /// Something does not hold, or should have worked.
    Failed(Trouble),
}

impl<T: Into<Trouble>> From<T> for NoRun {
    fn from(why: T) -> Self {
        Self::Failed(why.into())
    }
}
