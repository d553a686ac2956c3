//! `varde log restore BACKUP`: lays the files of a backup where the node takes them up when it starts. What was signed since then
//! the node asks its peers before it signs anything.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use varde_proto::home;
use varde_proto::id::{Digest, Origin, unhex};

/// Which backup.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde log restore no.backup --dir ./no\n\n\
    The node must be stopped, and `store` and `keyring` must be out of the way; `guard` stays where it is. After the start the\n\
    node is locked until every peer has said what this node signed last: `varde log status` shows for whom it waits.")]
pub(crate) struct Args {
    /// The folder that `varde log backup` made
    backup: PathBuf,
}

#[derive(Serialize)]
struct Restored {
    origin: String,
    leaves: u64,
    newest: String,
}

/// A manifest names a few files for each thousand leaves; more than this is none.
const MANIFEST_BYTES: usize = 8 * 1024 * 1024;

/// Checks and lays down: nothing takes its place before every file is here whole.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { backup } = args;
    let home = Home::open(context)?;
    let (restored, listed) = read_manifest(&backup, home.genesis.origin().as_str())?;
    nothing_in_the_way(&home)?;
    let beside = home.path("restored.new");
    let _ = fs::remove_dir_all(&beside);
    let laid = lay_down(&home, &backup, &beside, &listed);
    let _ = fs::remove_dir_all(&beside);
    laid?;
    if context.render.is_json() {
        context.render.document(&restored)?;
        return Ok(Exit::Done);
    }
    let Restored { origin, leaves, newest } = restored;
    context.render.line(format!("{origin}  {leaves} leaves, newest of {newest}"));
    context.render.talk(
        "Start the node. It signs nothing before every peer has said what this node signed last: `varde log status` shows for whom \
         it waits.",
    );
    Ok(Exit::Done)
}

/// Copies to beside, compares, and puts the two parts in their places; the first goes back if the second cannot follow.
fn lay_down(home: &Home, backup: &Path, beside: &Path, listed: &[(Digest, String)]) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| files::unwritten(&path, &error)
    };
    let keys = beside.join(home::KEYRING);
    files::make_dir(beside).and_then(|()| files::make_dir(&keys)).map_err(failed(&keys))?;
    for (digest, name) in listed {
        let (from, to) = (backup.join(name), beside.join(name));
        if copy(&from, &to).map_err(failed(&to))?.as_ref() != Some(digest) {
            return Err(Failure::usage(format!("{} is not what the backup's MANIFEST says", from.display()))
                .means("the backup is damaged or mixed with another; nothing was changed")
                .next("give another backup, or another copy of this one")
                .reason("backup-damaged"));
        }
    }
    files::sync_dir(&keys).map_err(failed(&keys))?;
    let [keyring, rows] = [home::KEYRING, home::RESTORED_ROWS].map(|name| home.path(name));
    fs::rename(&keys, &keyring).map_err(failed(&keyring))?;
    fs::rename(beside.join(home::BACKUP_ROWS), &rows).map_err(|error| {
        let _ = fs::rename(&keyring, &keys);
        files::unwritten(&rows, &error)
    })?;
    files::sync_dir(&home.path("")).map_err(failed(&rows))
}

fn read_manifest(backup: &Path, origin: &str) -> Result<(Restored, Vec<(Digest, String)>), Failure> {
    let path = backup.join("MANIFEST");
    let broken = || {
        Failure::usage(format!("{} is not a backup that `varde log backup` made", backup.display()))
            .means("nothing was changed")
            .next("give the folder of a whole backup")
            .reason("no-backup")
    };
    if backup.is_dir() && !path.exists() {
        return Err(broken());
    }
    let text = files::read_text(&path, MANIFEST_BYTES)?;
    let mut lines = text.lines();
    let first = lines.next() == Some(home::BACKUP_FIRST_LINE);
    let (whose, leaves, newest) = (lines.next(), lines.next().and_then(|n| n.parse().ok()), lines.next());
    let (true, Some(whose), Some(leaves), Some(newest)) = (first, whose, leaves, newest) else { return Err(broken()) };
    let [said, own] = [whose, origin].map(|origin| Origin::parse(origin).ok());
    if said.zip(own).is_some_and(|(said, own)| said.is_of_node(&own) && said.generation() < own.generation()) {
        return Err(Failure::usage(format!("the backup is of {whose}, which ended: this node goes on as {origin}"))
            .means("a log that ended is signed for no more; nothing was changed")
            .next(format!("give a backup of {origin}"))
            .reason("generation-ended"));
    }
    if whose != origin {
        return Err(Failure::usage(format!("the backup is of {whose}, and this is the directory of {origin}"))
            .means("nothing was changed")
            .next("give the backup of this node, or the directory of the other with --dir")
            .reason("other-node"));
    }
    let listed = lines.map(|line| file_of(line).ok_or_else(broken)).collect::<Result<Vec<_>, _>>()?;
    let first = listed.first().map(|(_, name)| name.as_str());
    if first != Some(home::BACKUP_ROWS) || listed.len() < 2 {
        return Err(broken());
    }
    Ok((Restored { origin: whose.to_owned(), leaves, newest: newest.to_owned() }, listed))
}

/// `<sha256> <path>`: the rows, or a file right in the keyring.
fn file_of(line: &str) -> Option<(Digest, String)> {
    let (digest, name) = line.split_once(' ')?;
    let digest = Digest(unhex(digest)?);
    let key = name.strip_prefix(home::KEYRING).and_then(|name| name.strip_prefix('/'));
    let plain = |key: &str| !key.is_empty() && !key.starts_with('.') && !key.contains('/');
    (name == home::BACKUP_ROWS || key.is_some_and(plain)).then(|| (digest, name.to_owned()))
}

fn nothing_in_the_way(home: &Home) -> Result<(), Failure> {
    if UnixStream::connect(home.path(home::OPERATOR_SOCKET)).is_ok() {
        return Err(Failure::not_ready("the node is running")
            .means("nothing was changed")
            .next("stop it (SIGTERM), move `store` and `keyring` away, then run this again")
            .reason("node-runs"));
    }
    if home.path(home::RESTORED_ROWS).exists() {
        return Err(Failure::usage(format!("{} is there", home.path(home::RESTORED_ROWS).display()))
            .means("a backup was laid down here already, and the node has not taken it up; nothing was changed")
            .next("start the node; or, for another backup, remove `store.rows` and `keyring` first")
            .reason("not-empty"));
    }
    let there = [home::STORE, home::KEYRING].map(|name| home.path(name));
    match there.iter().find(|path| path.exists()) {
        Some(path) => Err(Failure::usage(format!("{} is there", path.display()))
            .means("a backup is laid down only where nothing can be lost; nothing was changed")
            .next("stop the node and move `store` and `keyring` to another place; leave `guard` where it is")
            .reason("not-empty")),
        None => Ok(()),
    }
}

/// Copies and adds up; nothing where there is nothing to copy.
fn copy(from: &Path, to: &Path) -> io::Result<Option<Digest>> {
    let mut source = match File::open(from) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut out = File::options().create_new(true).write(true).mode(0o600).open(to)?;
    let (mut sum, mut bytes) = (Sha256::new(), vec![0; 64 * 1024]);
    loop {
        match source.read(&mut bytes)? {
            0 => break,
            read => {
                sum.update(&bytes[..read]);
                out.write_all(&bytes[..read])?;
            }
        }
    }
    out.sync_all()?;
    Ok(Some(Digest(sum.finalize().into())))
}
