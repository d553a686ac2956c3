//! Files and directories that are there after a power cut: a name is durable only when its directory is synced.

use crate::port::StoreError;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Makes a directory (mode 0700) if it is missing, and its name durable in its parent.
pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    if !dir.is_dir() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error("make its directory"))?;
    }
    let whole = dir.canonicalize().map_err(io_error("find its directory"))?;
    whole.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error("sync its directory"))
}

/// Replaces a file whole and durably: written beside, synced, renamed, directory synced, mode 0600.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let beside = path.with_extension("new");
    let write = || {
        let mut file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&beside)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(io_error("replace a file"))?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Reads a file, of which more than `bound` bytes are an error.
pub(crate) fn read_bounded(path: &Path, bound: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bound as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > bound { Err(io::Error::other(format!("it has more than {bound} bytes"))) } else { Ok(bytes) }
}

/// Names what was tried when the system refused.
pub(crate) fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io { what, source }
}
