//! A backup of a running node: the rows of its store as they are between two commits, and the keyring. The sign guard is in no
//! backup: it is what tells a restored store from one that crashed.
//!
//! In: writing the rows to a file, and making a store of such a file at the next start. Out: who carries the files
//! (`varde log backup`, `varde log restore`), and what a restored node does (`flow::recover`).
//!
//! The file: header, then for each row `u16 length || u32 length || name || value` (big-endian), a name of no bytes after the
//! last, and SHA-256 of all before. Rows are as the store has them: what is sealed stays sealed.

use super::disk::{io_error, sync_dir};
use super::store::sled::SledStore;
use crate::flow::ledger::CommitError;
use crate::flow::{Node, desk::Desk};
use crate::port::{Batch, Store, StoreError};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;
use varde_proto::home;
use varde_proto::id::Digest;
use varde_proto::limits;

const HEADER: &[u8; 16] = b"varde backup 1\r\n";
/// Rows that are written into a new store at once.
const BATCH: usize = 256;

/// The files of a backup, as they are handed out one after the other.
pub struct Parts {
    /// The rows of the store.
    pub rows: File,
    /// The files of the keyring, by name.
    pub keyring: Vec<(String, Vec<u8>)>,
    /// What the last file says: whose backup it is, and of how many leaves.
    pub manifest: String,
}

/// Makes a backup. The writer waits meanwhile, so that everything in it is of one moment.
pub async fn make(node: &Node, dir: &Path) -> Result<Parts, CommitError<StoreError>> {
    let (dir, origin) = (dir.to_owned(), node.me.origin.clone());
    let made = node.ledger.commit(move |desk| {
        let keyring = keyring(&dir.join(home::KEYRING))?;
        let mut rows = unnamed(&dir.join(home::RUN)).map_err(io_error("make a file for the backup"))?;
        let sum = write(desk, &mut rows)?;
        let (size, time) = (desk.next_index().0, desk.last_time());
        let mut manifest = format!("{}\n{origin}\n{size}\n{time}\n", home::BACKUP_FIRST_LINE);
        manifest += &format!("{sum} {}\n", home::BACKUP_ROWS);
        for (name, bytes) in &keyring {
            manifest += &format!("{} {}/{name}\n", Digest::of(bytes), home::KEYRING);
        }
        Ok(Parts { rows, keyring, manifest })
    });
    Ok(made.await?.into_value())
}

/// A file that is gone with its last handle.
fn unnamed(dir: &Path) -> io::Result<File> {
    let path = dir.join(format!("backup-{}", std::process::id()));
    let _ = fs::remove_file(&path);
    let file = File::options().create_new(true).read(true).write(true).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

fn keyring(dir: &Path) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).map_err(io_error("list the keyring"))? {
        let path = entry.map_err(io_error("list the keyring"))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // A replacement under way is the file that it replaces, too.
        if path.extension().is_none() {
            files.push((name, fs::read(&path).map_err(io_error("read the keyring"))?));
        }
    }
    files.sort();
    Ok(files)
}

/// Writes the rows; returns SHA-256 of the file.
fn write(desk: &Desk<'_>, file: &mut File) -> Result<Digest, StoreError> {
    let failed = || io_error("write the backup");
    let mut out = Summed { inner: BufWriter::new(file), sum: Sha256::new() };
    out.write_all(HEADER).map_err(failed())?;
    for row in desk.scan_durable(&[0], &[0xff]) {
        let (name, value) = row?;
        put(&mut out, &name, &value).map_err(failed())?;
    }
    put(&mut out, &[], &[]).map_err(failed())?;
    let before = out.sum.clone().finalize();
    out.write_all(&before).and_then(|()| out.flush()).map_err(failed())?;
    Ok(Digest(out.sum.finalize().into()))
}

fn put(out: &mut impl Write, name: &[u8], value: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::from(io::ErrorKind::InvalidData);
    out.write_all(&u16::try_from(name.len()).map_err(too_long)?.to_be_bytes())?;
    out.write_all(&u32::try_from(value.len()).map_err(too_long)?.to_be_bytes())?;
    out.write_all(name)?;
    out.write_all(value)
}

/// Adds up what passes.
struct Summed<T> {
    inner: T,
    sum: Sha256,
}

impl<T: Write> Write for Summed<T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sum.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<T: Read> Read for Summed<T> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.sum.update(&bytes[..read]);
        Ok(read)
    }
}

/// Makes the store of the rows that `varde log restore` laid down, if it did. Broken off anywhere, it begins anew at the next
/// start. Returns whether it did.
pub fn take_up(dir: &Path) -> Result<bool, StoreError> {
    let [rows, store, beside] = [home::RESTORED_ROWS, home::STORE, "store.new"].map(|name| dir.join(name));
    if !rows.exists() {
        return Ok(false);
    }
    if !store.exists() {
        let _ = fs::remove_dir_all(&beside);
        read(&rows, &beside)?;
        fs::rename(&beside, &store).map_err(io_error("put the restored store in its place"))?;
        sync_dir(dir)?;
    }
    fs::remove_file(&rows).map_err(io_error("remove the restored rows"))?;
    sync_dir(dir)?;
    Ok(true)
}

fn read(rows: &Path, store: &Path) -> Result<(), StoreError> {
    let file = File::open(rows).map_err(io_error("open the restored rows"))?;
    let mut from = Summed { inner: BufReader::new(file), sum: Sha256::new() };
    let bad = |_| StoreError::Damaged("the backup is not whole: remove `store.rows`, and restore another one".into());
    let mut header = [0; HEADER.len()];
    from.read_exact(&mut header).map_err(bad)?;
    if header != *HEADER {
        return Err(bad(io::ErrorKind::InvalidData.into()));
    }
    let store = SledStore::open(store)?;
    let mut batch = Batch::default();
    while let Some((name, value)) = take(&mut from).map_err(bad)? {
        batch.writes.push((name, Some(value)));
        if batch.writes.len() >= BATCH {
            store.commit(std::mem::take(&mut batch))?;
        }
    }
    let mut said = [0; 32];
    let Summed { mut inner, sum } = from;
    inner.read_exact(&mut said).map_err(bad)?;
    if sum.finalize()[..] != said || inner.read(&mut [0]).map_err(bad)? > 0 {
        return Err(bad(io::ErrorKind::InvalidData.into()));
    }
    store.commit(batch)
}

fn take(from: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let (mut name, mut value) = ([0; 2], [0; 4]);
    from.read_exact(&mut name)?;
    from.read_exact(&mut value)?;
    let (name, value) = (usize::from(u16::from_be_bytes(name)), u32::from_be_bytes(value) as usize);
    if value > limits::STORED_VALUE_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let (mut row, mut bytes) = (vec![0; name], vec![0; value]);
    from.read_exact(&mut row)?;
    from.read_exact(&mut bytes)?;
    Ok((name > 0).then_some((row, bytes)))
}
