//! From where a bundle is read and to where it is written. This crate opens no file: whoever calls does.

use std::collections::BTreeMap;
use std::convert::Infallible;

/// A file of a bundle could not be read, for a reason that is not the bundle's.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be read: {reason}")]
pub struct Unreadable {
    /// Which file.
    pub path: String,
    /// What the system said.
    pub reason: String,
}

/// A bundle to read: bytes by path.
pub trait BundleSource {
    /// A file's bytes; `None` when there is no such file. A file over `most` bytes may be cut after `most + 1`.
    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Unreadable>;
    /// Every path there is, parted by slashes.
    fn paths(&self) -> Result<Vec<String>, Unreadable>;
}

/// A bundle to write: bytes by path. Each path is given once.
pub trait BundleSink {
    /// Why a file could not be written.
    type Error;
    /// Writes a file.
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Self::Error>;
}

/// A bundle in memory.
pub type MemoryBundle = BTreeMap<String, Vec<u8>>;

impl BundleSource for MemoryBundle {
    fn read(&self, path: &str, _most: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        Ok(self.get(path).cloned())
    }

    fn paths(&self) -> Result<Vec<String>, Unreadable> {
        Ok(self.keys().cloned().collect())
    }
}

impl BundleSink for MemoryBundle {
    type Error = Infallible;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Infallible> {
        self.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
}
