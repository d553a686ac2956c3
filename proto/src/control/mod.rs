//! Control messages (class 5): what two nodes tell each other about items that were exchanged before.
//!
//! In: the request to erase an item and the answers to it ([`Erasure`]), and what the leaves about an erasure say beyond
//! their common fields ([`leaf`]). Out: who may ask, what is destroyed and when (`varde-node`, `flow::erase`).

mod erasure;
pub mod leaf;

pub use erasure::{Act, Erasure, check_answer};

use crate::time::Timestamp;
use std::time::Duration;

/// When an erasure is overdue: 72 hours for a pointer to one child, 30 days otherwise. The duty itself is at once.
pub fn due(about_one_child: bool, asked: Timestamp) -> Timestamp {
    let hours = if about_one_child { 72 } else { 30 * 24 };
    asked.after(Duration::from_secs(hours * 3600))
}

#[cfg(test)]
mod tests;
