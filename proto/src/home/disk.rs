//! `[disk]` of `varde.toml`: how much room the disk must have.

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

const MIB: u64 = 1024 * 1024;

/// Bounds on the free room of the file system under the node's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DiskLimits {
    /// Below so many free bytes people are warned; 0 to 1048576 MiB.
    #[serde(rename = "warn_free_mib", deserialize_with = "mebibytes")]
    pub warn_free: u64,
    /// Below so many nothing more is taken from peers or staff; 0 to 1048576 MiB.
    #[serde(rename = "stop_free_mib", deserialize_with = "mebibytes")]
    pub stop_free: u64,
}

impl Default for DiskLimits {
    fn default() -> Self {
        Self { warn_free: 2048 * MIB, stop_free: 256 * MIB }
    }
}

fn mebibytes<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    match u64::deserialize(from)? {
        count @ 0..=1_048_576 => Ok(count * MIB),
        _ => Err(D::Error::custom("room under [disk] must be 0 to 1048576 MiB")),
    }
}
