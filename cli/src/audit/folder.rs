//! A bundle in a folder. Only regular files count; what a path names is never left.

use crate::context::Context;
use crate::failure::Failure;
use crate::owner;
use indicatif::ProgressBar;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use varde_proto::audit::{BundleSource, Unreadable};

/// A folder that holds something which may be a bundle.
pub(super) struct Folder {
    root: PathBuf,
    bar: ProgressBar,
    paths: Vec<String>,
}

impl Folder {
    /// Opens a folder; one without any of a bundle's first pages is a mistake in the arguments.
    pub(super) fn open(root: &Path, context: &Context) -> Result<Self, Failure> {
        let unreadable = |error: io::Error| {
            if error.kind() == io::ErrorKind::PermissionDenied {
                return owner::denied(root);
            }
            Failure::usage(format!("cannot read {}: {error}", root.display()))
                .next("look at the path; `varde log export --out DIR` makes a bundle")
                .reason("unreadable")
        };
        let mut paths = Vec::new();
        collect(root, "", &mut paths).map_err(unreadable)?;
        paths.sort_unstable();
        if !["MANIFEST", "FILES", "keys/genesis"].iter().any(|page| paths.iter().any(|path| path == page)) {
            return Err(Failure::usage(format!(
                "{} holds no bundle: no MANIFEST, no FILES, no genesis",
                root.display()
            ))
            .next("look at the path; `varde log export --out DIR` makes a bundle")
            .reason("no-bundle"));
        }
        let bar = context.render.progress(paths.len() as u64, "files");
        Ok(Self { root: root.to_owned(), bar, paths })
    }

    /// Where it lies.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Ends the progress bar.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }
}

/// Adds every file under a folder that is no folder itself; a link counts as a file, so that it is found as unlisted.
fn collect(root: &Path, under: &str, paths: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(under))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if under.is_empty() { name } else { format!("{under}/{name}") };
        if entry.file_type()?.is_dir() {
            collect(root, &path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

impl BundleSource for Folder {
    fn read(&self, path: &str, most: u64) -> Result<Option<Vec<u8>>, Unreadable> {
        self.bar.inc(1);
        let unreadable = |error: io::Error| Unreadable { path: path.to_owned(), reason: error.to_string() };
        let full = self.root.join(path);
        let size = match fs::symlink_metadata(&full) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
            Ok(found) if !found.is_file() => return Ok(None),
            Ok(found) => found.len().min(most),
        };
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        File::open(&full).and_then(|file| file.take(most + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        Ok(Some(bytes))
    }

    fn paths(&self) -> Result<Vec<String>, Unreadable> {
        Ok(self.paths.clone())
    }
}

/// What it means that a bundle's file could not be read.
pub(super) fn unreadable(root: &Path, error: &Unreadable) -> Failure {
    Failure::usage(format!("cannot read {}: {}", root.join(&error.path).display(), error.reason))
        .means("nothing was verified")
        .next("see who owns the files, and run this command as their owner")
        .reason("unreadable")
}
