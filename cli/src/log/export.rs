//! `varde log export --out DIR`: the bundle for auditors, in a folder that did not exist before. It holds what was exchanged,
//! so it is for its owner alone.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use serde::Serialize;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use varde_proto::id::NodeId;
use varde_proto::wire::operator::{LogExportRequest, LogFilePart, log_client::LogClient};

/// Where to, and for whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log export --dir ./no --out no.bundle\n  \
    varde log export --out for-ee.bundle --for EE\n\n\
    The folder holds what was exchanged: keep it as you keep the node. With --for CC it holds what concerns that peer, and\n\
    withholds the rest; the tree still shows that nothing was left out up to the newest number shown.")]
pub(crate) struct Args {
    /// The folder to make
    #[arg(long, value_name = "OUT")]
    out: PathBuf,
    /// Only what concerns this peer
    #[arg(long = "for", value_name = "CC")]
    country: Option<String>,
}

#[derive(Serialize)]
struct Written {
    out: String,
    files: u64,
    bytes: u64,
}

/// Asks for the bundle and writes it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { out, country } = args;
    if let Some(country) = &country {
        NodeId::parse(country).map_err(|bad| Failure::usage(format!("--for: {bad}")).reason("bad-country"))?;
    }
    let (files, bytes) = write(&out, country.unwrap_or_default(), context).await?;
    if context.render.is_json() {
        context.render.document(&Written { out: out.display().to_string(), files, bytes })?;
    } else {
        context.render.line(format!("{}: {files} files, {bytes} bytes", out.display()));
        context.render.talk(&format!("Check it with `varde audit verify {}`.", out.display()));
    }
    Ok(Exit::Done)
}

/// Writes it into a new folder; returns how many files and bytes.
pub(super) async fn write(out: &Path, for_country: String, context: &Context) -> Result<(u64, u64), Failure> {
    let channel = client::connect(context).await?;
    let mut parts = LogClient::new(channel).export(LogExportRequest { for_country }).await?.into_inner();
    // Whatever the node refuses, it refuses before anything is made here.
    let mut next = client::next(&mut parts, context).await?;
    let mut folder = Folder::make(out)?;
    let bar = context.render.progress(0, "files");
    let broken = |failure: Failure| {
        let means = format!("what lies in {} is no bundle, and nothing was changed at the node", out.display());
        failure.means(means).next("remove it, see whether the node still answers (`varde status`), then try again")
    };
    while let Some(part) = next {
        bar.set_length(bar.length().unwrap_or(0) + u64::from(part.last));
        bar.inc(u64::from(part.last));
        folder.write(part)?;
        next = client::next(&mut parts, context).await.map_err(broken)?;
    }
    bar.finish_and_clear();
    folder.finish("bundle")
}

/// The folder being written.
pub(super) struct Folder {
    root: PathBuf,
    open: Option<(String, File)>,
    files: u64,
    bytes: u64,
    whole: bool,
}

impl Folder {
    /// Makes it.
    pub(super) fn make(root: &Path) -> Result<Self, Failure> {
        files::make_dir(root).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::usage(format!("{} exists already", root.display()))
                .means("it is written into a new folder, so that nothing old is taken for part of it")
                .next("give another name")
                .reason("exists"),
            ErrorKind::NotFound => {
                Failure::usage(format!("cannot make {}: its parent folder is not there", root.display()))
                    .next("make that first, or give another path")
                    .reason("unwritten")
            }
            _ => Failure::usage(format!("cannot make {}: {error}", root.display()))
                .next("look at the path that was given")
                .reason("unwritten"),
        })?;
        Ok(Self { root: root.to_owned(), open: None, files: 0, bytes: 0, whole: false })
    }

    /// Writes a piece of a file.
    pub(super) fn write(&mut self, part: LogFilePart) -> Result<(), Failure> {
        let LogFilePart { path, bytes, last } = part;
        let plain = |name: &str| !name.is_empty() && !name.starts_with('.');
        if !path.split('/').all(plain) {
            return Err(
                Failure::ours(format!("the node sent a file with the name {path:?}")).next("tell who wrote Varde")
            );
        }
        let full = self.root.join(&path);
        let failed = |error: std::io::Error| files::unwritten(&full, &error);
        let mut file = match self.open.take() {
            Some((same, file)) if same == path => file,
            _ => create(&full).map_err(failed)?,
        };
        file.write_all(&bytes).map_err(failed)?;
        self.bytes += bytes.len() as u64;
        if last {
            self.files += 1;
            self.whole = path == "MANIFEST";
        } else {
            self.open = Some((path, file));
        }
        Ok(())
    }

    /// How many files and bytes; the manifest is the last file of a whole bundle or backup.
    pub(super) fn finish(self, thing: &str) -> Result<(u64, u64), Failure> {
        if self.whole {
            return Ok((self.files, self.bytes));
        }
        Err(Failure::not_ready(format!("the node broke off before the {thing} was whole"))
            .means(format!("what lies in {} is no {thing}", self.root.display()))
            .next("remove it, see whether the node still runs (`varde status`), then try again"))
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    File::options().create_new(true).write(true).mode(0o600).open(path)
}
