//! Handing out a backup in pieces, the manifest last.

use super::log::Parts as Pieces;
use crate::edge::backup::Parts;
use crate::port::StoreError;
use bytes::Bytes;
use std::io::{Read, Seek, SeekFrom};
use varde_proto::audit::BundleSink;
use varde_proto::home;
use varde_proto::wire::operator::LogFilePart;

/// Sends the files of a backup; ends early when nobody reads any more.
pub(super) fn send(parts: Parts, out: &mut Pieces) -> Result<(), StoreError> {
    let Parts { mut rows, keyring, manifest } = parts;
    let failed = |source| StoreError::Io { what: "read the backup back", source };
    rows.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut left = rows.metadata().map_err(failed)?.len();
    let mut piece = vec![0; super::log::PART_BYTES];
    while left > 0 {
        let take = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        rows.read_exact(&mut piece[..take]).map_err(failed)?;
        left -= take as u64;
        let bytes = Bytes::copy_from_slice(&piece[..take]);
        if out.send(LogFilePart { path: home::BACKUP_ROWS.into(), bytes, last: left == 0 }).is_err() {
            return Ok(());
        }
    }
    for (name, bytes) in keyring {
        if out.write(&format!("{}/{name}", home::KEYRING), &bytes).is_err() {
            return Ok(());
        }
    }
    // Nobody reads any more, perhaps.
    let _ = out.write("MANIFEST", manifest.as_bytes());
    Ok(())
}
