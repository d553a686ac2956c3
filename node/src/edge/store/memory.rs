//! A store that forgets at the end of the process.

use super::check_sizes;
use crate::port::{Batch, Row, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

/// Rows in a sorted map. "Durable" means until the process ends.
#[derive(Debug, Default)]
pub struct MemoryStore {
    rows: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl Store for MemoryStore {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        check_sizes(&batch)?;
        // A lock is poisoned only by a panic between two whole inserts of the standard map, which leaves the map sound.
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        for (row, value) in batch.writes {
            match value {
                Some(value) => rows.insert(row, value),
                None => rows.remove(&row),
            };
        }
        Ok(())
    }

    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows.read().unwrap_or_else(PoisonError::into_inner).get(row).cloned())
    }

    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        let rows = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        let range = rows.range(from.to_vec()..to.to_vec()).map(|(row, value)| Ok((row.clone(), value.clone())));
        let found: Vec<_> = if descending { range.rev().collect() } else { range.collect() };
        Box::new(found.into_iter())
    }
}
