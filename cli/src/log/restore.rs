//! `varde log restore BACKUP`: lays the files of a backup where the node takes them up when it starts. What was signed since then
//! the node asks its peers before it signs anything.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use varde_proto::home;
use varde_proto::limits;

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

/// Checks and lays down.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { backup } = args;
    let home = Home::open(context)?;
    let restored = read_manifest(&backup, home.genesis.origin().as_str())?;
    nothing_in_the_way(&home)?;
    let [keyring, rows] = [home::KEYRING, home::RESTORED_ROWS].map(|name| home.path(name));
    let beside = home.path("keyring.restored");
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error: io::Error| files::unwritten(&path, &error)
    };
    let _ = fs::remove_dir_all(&beside);
    files::make_dir(&beside).map_err(failed(&beside))?;
    copy_all(&backup.join(home::KEYRING), &beside).map_err(failed(&beside))?;
    let waiting = home.path("store.rows.new");
    let _ = fs::remove_file(&waiting);
    copy(&backup.join(home::BACKUP_ROWS), &waiting).map_err(failed(&waiting))?;
    fs::rename(&beside, &keyring).map_err(failed(&keyring))?;
    fs::rename(&waiting, &rows).and_then(|()| files::sync_dir(&home.path(""))).map_err(failed(&rows))?;
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

fn read_manifest(backup: &Path, origin: &str) -> Result<Restored, Failure> {
    let path = backup.join("MANIFEST");
    let text = files::read_text(&path, limits::ARMOR_BYTES)?;
    let broken = || {
        Failure::usage(format!("{} is not a backup that `varde log backup` made", backup.display()))
            .means("nothing was changed")
            .next("give the folder of a whole backup")
            .reason("no-backup")
    };
    let mut lines = text.lines();
    let first = lines.next() == Some(home::BACKUP_FIRST_LINE);
    let (whose, leaves, newest) = (lines.next(), lines.next().and_then(|n| n.parse().ok()), lines.next());
    match (first, whose, leaves, newest, lines.next()) {
        (true, Some(whose), Some(leaves), Some(newest), None) if whose == origin => {
            Ok(Restored { origin: whose.to_owned(), leaves, newest: newest.to_owned() })
        }
        (true, Some(whose), Some(_), Some(_), None) => {
            Err(Failure::usage(format!("the backup is of {whose}, and this is the directory of {origin}"))
                .means("nothing was changed")
                .next("give the backup of this node, or the directory of the other with --dir")
                .reason("other-node"))
        }
        _ => Err(broken()),
    }
}

fn nothing_in_the_way(home: &Home) -> Result<(), Failure> {
    if UnixStream::connect(home.path(home::OPERATOR_SOCKET)).is_ok() {
        return Err(Failure::not_ready("the node is running")
            .means("nothing was changed")
            .next("stop it (SIGTERM), move `store` and `keyring` away, then run this again")
            .reason("node-runs"));
    }
    let there = [home::STORE, home::KEYRING, home::RESTORED_ROWS].map(|name| home.path(name));
    match there.iter().find(|path| path.exists()) {
        Some(path) => Err(Failure::usage(format!("{} is there", path.display()))
            .means("a backup is laid down only where nothing can be lost; nothing was changed")
            .next("stop the node and move `store` and `keyring` to another place; leave `guard` where it is")
            .reason("not-empty")),
        None => Ok(()),
    }
}

fn copy_all(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    files::sync_dir(to)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut out = File::options().create_new(true).write(true).mode(0o600).open(to)?;
    io::copy(&mut File::open(from)?, &mut out)?;
    out.sync_all()
}
