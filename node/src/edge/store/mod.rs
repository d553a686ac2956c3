//! Adapters of [`crate::port::Store`].
//!
//! In: [`sled`], the embedded store on disk, and [`memory`], for simulations and tests. Out: sealing (`crate::vault`), the
//! names of rows (`crate::rows`) and who may write (`flow::ledger`). A new adapter is done when it passes the contract in
//! `node/tests/store_contract.rs`.

pub mod memory;
pub mod sled;

use crate::port::{Batch, StoreError};
use varde_proto::limits;

/// Refuses a batch that holds a value over the bound, before anything of it is written.
fn check_sizes(batch: &Batch) -> Result<(), StoreError> {
    let sizes = batch.writes.iter().filter_map(|(_, value)| value.as_ref().map(Vec::len));
    match sizes.max() {
        Some(largest) if largest > limits::STORED_VALUE_BYTES => Err(StoreError::TooLarge(largest)),
        _ => Ok(()),
    }
}
