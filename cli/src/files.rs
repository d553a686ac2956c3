//! Files that hold secrets or trust: 0600 in directories of 0700, durable before a command says that it is done.

use crate::failure::Failure;
use crate::owner;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use varde_proto::identity::SecretKey;
use varde_proto::limits;
use zeroize::Zeroizing;

/// Makes a directory that is not there yet, for its owner alone.
pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Writes a file that is not there yet, for its owner alone, and syncs it.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::options().create_new(true).write(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces a file whole: written beside, synced, renamed. A reader sees the old one or the new one.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let beside = path.with_file_name(format!(".{name}.new"));
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Err(_) | Ok(()) => {}
    }
    write_new(&beside, bytes)?;
    fs::rename(&beside, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// Makes the names in a directory durable.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Reads text of at most `bound` bytes.
pub(crate) fn read_text(path: &Path, bound: usize) -> Result<String, Failure> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    read_bounded(file, path, bound)
}

/// Reads a private key; refuses a file that others can read.
pub(crate) fn read_key(path: &Path) -> Result<SecretKey, Failure> {
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let mode = file.metadata().map_err(|e| unreadable(path, &e))?.mode() & 0o777;
    let shown = path.display();
    if mode & 0o077 != 0 {
        return Err(Failure::refused(format!("the key file {shown} has mode {mode:03o}"))
            .means("others on this machine can read or change it, so it may no longer be a secret")
            .next(format!("find out who read it; if nobody did, run `chmod 600 {shown}`"))
            .reason("exposed-key"));
    }
    let text = Zeroizing::new(read_bounded(file, path, limits::KEY_FILE_BYTES)?);
    SecretKey::from_pem(&text)
        .map_err(|e| Failure::usage(format!("{shown}: {e}")).next("restore the file from its backup").reason("bad-key"))
}

fn read_bounded(file: File, path: &Path, bound: usize) -> Result<String, Failure> {
    let mut text = String::new();
    file.take(bound as u64 + 1).read_to_string(&mut text).map_err(|e| unreadable(path, &e))?;
    if text.len() > bound {
        return Err(Failure::usage(format!("{} has more than {bound} bytes", path.display()))
            .means("it is not the kind of file this command reads")
            .next("look at the path")
            .reason("too-large"));
    }
    Ok(text)
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::usage(format!("cannot read {}: {error}", path.display())).reason("unreadable");
    match error.kind() {
        io::ErrorKind::PermissionDenied => owner::denied(path),
        io::ErrorKind::NotFound => failure.next("look at the path: it is taken from the folder you stand in"),
        io::ErrorKind::IsADirectory => failure.means("it is a folder").next("give a file"),
        io::ErrorKind::InvalidData => failure.means("it is not text"),
        _ => failure.next("see who owns the file, and run this command as its owner"),
    }
}

/// What a failed write means.
pub(crate) fn unwritten(path: &Path, error: &io::Error) -> Failure {
    Failure::ours(format!("cannot write {}: {error}", path.display()))
        .means("nothing was changed")
        .next("see that the disk has room and that the directory is yours, then try again")
        .reason("unwritten")
}
