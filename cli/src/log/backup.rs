//! `varde log backup OUT`: the store and the keyring of the running node, as they are at one moment, in a new folder.

use super::export::Folder;
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::path::PathBuf;
use varde_proto::wire::operator::{LogBackupRequest, log_client::LogClient};

/// Where to.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log backup no.backup --dir ./no\n\n\
    The folder holds everything the node knows, and the keys to read it: keep it as you keep the node, and destroy it after\n\
    30 days at most. `varde.toml`, `genesis`, `identity.key`, `keys`, `operators`, `peers` and `agreements` are not in it:\n\
    copy them once, and whenever they change. `guard` belongs in no backup: by it a restored node sees that it was restored.")]
pub(crate) struct Args {
    /// The folder to make
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

#[derive(Serialize)]
struct Written {
    out: String,
    files: u64,
    bytes: u64,
}

/// Asks for the backup and writes it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { out } = args;
    // The node writes it down before it hands out the first piece.
    let channel = client::connect_for(context, client::COUNTING).await?;
    let mut parts = LogClient::new(channel).backup(LogBackupRequest {}).await?.into_inner();
    let mut folder = Folder::make(&out)?;
    let broken = |failure: Failure| {
        let means = format!("what lies in {} is no backup, and nothing was changed at the node", out.display());
        failure.means(means).next("remove it, see whether the node still answers (`varde status`), then try again")
    };
    while let Some(part) = client::next(&mut parts, context).await.map_err(broken)? {
        folder.write(part)?;
    }
    let (files, bytes) = folder.finish("backup")?;
    if context.render.is_json() {
        context.render.document(&Written { out: out.display().to_string(), files, bytes })?;
    } else {
        context.render.line(format!("{}: {files} files, {bytes} bytes", out.display()));
        context.render.talk("Destroy it after 30 days at most: what is erased until then can be read in it.");
    }
    Ok(Exit::Done)
}
