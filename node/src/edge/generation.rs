//! A log that goes on under a new generation, at the start of its node: the files that `varde log bump` laid into `DIR/bump`, signed
//! with the identity key and by two members of staff, take the place of those of the log that ended.
//!
//! In: checking that they are of this node, of this store and decided by two people, and putting them in place, so that a start that
//! is broken off goes on where it was. Out: the leaves with which the new log begins ([`crate::flow::succession`]).

use super::disk::{io_error, make_dir, sync_dir};
use super::guard::FileGuard;
use super::keys::{self, BadHome};
use super::store::sled::SledStore;
use crate::flow::Node;
use crate::flow::succession::{self, Follows};
use crate::port::{Guard, Store, StoreError};
use crate::rows;
use std::fs;
use std::path::Path;
use varde_proto::draft::act::Verb;
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::KnownHead;
use varde_proto::home::{self, Operator};
use varde_proto::id::{Digest, Origin};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{BadDocument, Genesis, History, Incident, Reason, Role};

/// Why a node does not go on under a new generation.
#[derive(Debug, thiserror::Error)]
pub enum NotBumped {
    /// A file is missing or is not what it should be.
    #[error(transparent)]
    File(#[from] BadHome),
    /// A statement is not what its file's name says.
    #[error("{0} cannot be read: {1}")]
    Text(&'static str, BadDocument),
    /// The statement and the files beside it do not belong together, or are of another node.
    #[error("the statement in `bump` is not about this node's log and the genesis beside it")]
    Another,
    /// Two people must have signed it.
    #[error("the statement in `bump` is not signed by two different members of this node's staff")]
    NotDecided,
    /// Something of an earlier attempt lies where the old files go.
    #[error("{0} lies there already")]
    Taken(String),
    /// The store or a file.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It was checked, and moving the files has begun.
    #[error("the new generation is half in place: {0}")]
    HalfDone(Box<NotBumped>),
}

impl NotBumped {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::HalfDone(_) => {
                "Put that right and start the node again, which goes on from there. Leave `bump` and `guard` as they are"
            }
            _ => "Nothing was changed: put it right, or remove the folder `bump` and run `varde log bump` again",
        }
    }
}

/// What became of the folder `bump`.
#[derive(Debug)]
pub enum TakenUp {
    /// There is none, or two people have not decided.
    Nothing,
    /// Store or guard are others since: the log that was to end may go on. The folder was set aside.
    Outdated,
    /// This log goes on.
    Log(Origin),
}

/// That everything was checked, and moving the files has begun.
const CHECKED: &str = "bump/checked";
/// A decision that no longer fits.
const OUTDATED: &str = "bump.outdated";

/// What takes the place of its like, in this order: the genesis is the last.
const REPLACED: [&str; 5] =
    [home::KEYS, home::INCIDENT, home::INCIDENT_PROPOSED, home::INCIDENT_APPROVED, home::GENESIS];

/// Puts a new generation in place, if two people have decided it, and nothing has shown since that the log need not end.
pub fn take_up(dir: &Path, staff: &[Operator]) -> Result<TakenUp, NotBumped> {
    let bump = dir.join(home::BUMP);
    if !dir.join(CHECKED).exists() {
        if !bump.join(home::INCIDENT_APPROVED).exists() {
            return Ok(TakenUp::Nothing);
        }
        if !fits(dir, &bump, staff)? {
            let aside = dir.join(OUTDATED);
            let _ = fs::remove_dir_all(&aside);
            fs::rename(&bump, aside).map_err(io_error("set the folder `bump` aside"))?;
            sync_dir(dir)?;
            return Ok(TakenUp::Outdated);
        }
        super::disk::replace(&dir.join(CHECKED), b"")?;
    }
    move_in(dir, &bump).map(TakenUp::Log).map_err(|failure| NotBumped::HalfDone(Box::new(failure)))
}

fn moved(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(io_error("put a new generation in its place"))
}

fn move_in(dir: &Path, bump: &Path) -> Result<Origin, NotBumped> {
    let from = if bump.join(home::GENESIS).exists() { bump } else { dir };
    let origin = keys::load_genesis(from)?.0.origin().clone();
    let kept = dir.join(home::generation(origin.generation() - 1));
    make_dir(&kept)?;
    for folder in [home::PEERS, home::AGREEMENTS] {
        for name in names(&bump.join(folder))? {
            moved(&bump.join(folder).join(&name), &dir.join(folder).join(&name))?;
        }
        if dir.join(folder).exists() {
            sync_dir(&dir.join(folder))?;
        }
    }
    for name in REPLACED.into_iter().filter(|name| bump.join(name).exists()) {
        if dir.join(name).exists() && !kept.join(name).exists() {
            moved(&dir.join(name), &kept.join(name))?;
            sync_dir(&kept)?;
        }
        moved(&bump.join(name), &dir.join(name))?;
        sync_dir(dir)?;
    }
    // The last: without it, the old log would be one of which nobody knows what was shown.
    let guard = dir.join(home::GUARD);
    if guard.exists() && !kept.join(home::GUARD).exists() {
        moved(&guard, &kept.join(home::GUARD))?;
        sync_dir(&kept)?;
    }
    if !guard.exists() {
        super::disk::replace(&guard, b"")?;
    }
    fs::remove_dir_all(bump).map_err(io_error("remove the folder of the new generation"))?;
    sync_dir(dir)?;
    Ok(origin)
}

fn names(folder: &Path) -> Result<Vec<std::ffi::OsString>, StoreError> {
    match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_, _>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
    .map_err(io_error("list the folder of the new generation"))
}

fn read(dir: &Path, name: &'static str, label: Label) -> Result<Envelope, NotBumped> {
    let text = keys::read_text(&dir.join(name))?;
    armor::decode(label, &text).map_err(|bad| NotBumped::Text(name, bad.into()))
}

/// Whether what was decided is about the store and the guard of now. What is missing or wrong is found before anything is moved.
fn fits(dir: &Path, bump: &Path, staff: &[Operator]) -> Result<bool, NotBumped> {
    let (old, new) = (keys::load_genesis(dir)?.0, keys::load_genesis(bump)?);
    let (statement, acts) = statement(bump)?;
    let incident = Incident::open(&statement, old.keys().id()).map_err(|bad| NotBumped::Text(home::INCIDENT, bad))?;
    if incident.previous != *old.origin() || !is_led_to(&incident, &new) || new.0.keys().id() != old.keys().id() {
        return Err(NotBumped::Another);
    }
    let staff: Vec<_> = staff.iter().map(|operator| operator.public_key).collect();
    if !succession::is_decided(&acts, Verb::Bump, envelope::digest(&statement), old.origin(), &staff) {
        return Err(NotBumped::NotDecided);
    }
    let (history, genesis) = (History::found(&new.0, &new.1), &new.0);
    for role in Role::ALL.into_iter().skip(1) {
        let key = genesis.keys().get(role).ok_or(NotBumped::Another)?;
        keys::load(bump, &history, role, key)?;
    }
    let kept = home::generation(old.origin().generation());
    if let Some(name) = REPLACED.into_iter().chain([home::GUARD]).find(|name| dir.join(&kept).join(name).exists()) {
        return Err(NotBumped::Taken(format!("{kept}/{name}")));
    }
    let shown = FileGuard::open(&dir.join(home::GUARD))?.shown();
    Ok(has_store(dir)
        && shown == incident.shown
        && stored(&SledStore::open(&dir.join(home::STORE))?, old.origin())? == incident.stored)
}

/// Opening a store makes one, so it is looked for before; and a backup that was laid down is taken up first.
fn has_store(dir: &Path) -> bool {
    dir.join(home::STORE).exists() && !dir.join(home::RESTORED_ROWS).exists()
}

fn is_led_to(incident: &Incident, (genesis, envelope): &(Genesis, Envelope)) -> bool {
    incident.leads_to(genesis, envelope)
}

fn statement(dir: &Path) -> Result<(Envelope, [Envelope; 2]), NotBumped> {
    let acts = [read(dir, home::INCIDENT_PROPOSED, Label::Act)?, read(dir, home::INCIDENT_APPROVED, Label::Act)?];
    Ok((read(dir, home::INCIDENT, Label::Incident)?, acts))
}

/// Whether two people have decided that the log of a running node ends, as it stands there now, and its last bundle may be made: not
/// of a store that is not the beginning of what was signed, whose heads would be others than those of then.
pub(super) fn is_over(dir: &Path, node: &Node) -> bool {
    let Ok((statement, acts)) = statement(&dir.join(home::BUMP)) else { return false };
    let Ok(incident) = Incident::open(&statement, node.keys.history().id()) else { return false };
    let staff: Vec<_> = node.operators.iter().map(|operator| operator.public_key).collect();
    let book = node.ledger.book();
    let stored = KnownHead { size: book.tree.size().0, root: book.tree.root() };
    node.ledger.recovering().is_some()
        && (incident.previous == book.origin && incident.stored == stored && incident.reason != Reason::NotAPrefix)
        && succession::is_decided(&acts, Verb::Bump, envelope::digest(&statement), &book.origin, &staff)
}

/// Whether a store has nothing of a later log that was begun: it is from before, and beginning anew would be a second log under one name.
pub(super) fn is_gone(store: &SledStore, guard: &FileGuard, log: &Origin) -> Result<bool, StoreError> {
    let new = guard.is_unused() || guard.shown().is_some_and(|shown| shown.size == 0);
    Ok(log.generation() > 1 && !new && stored(store, log)?.size == 0)
}

/// The head that was written with the newest leaf of a log of ours.
fn stored(store: &SledStore, origin: &Origin) -> Result<KnownHead, StoreError> {
    let first = rows::first(origin);
    let [from, to] = [first, first + (1 << 40)].map(|number| rows::numbered(rows::HEAD, number));
    let Some((name, root)) = store.scan(&from, &to, true).next().transpose()? else {
        return Ok(KnownHead { size: 0, root: Digest::of(b"") });
    };
    let number = name.last_chunk().map(|bytes| u64::from_be_bytes(*bytes));
    let head = number.zip(Digest::from_bytes(&root));
    let head = head.map(|(number, root)| KnownHead { size: rows::counted(number), root });
    head.ok_or_else(|| StoreError::Damaged("the row of the newest head cannot be read".into()))
}

/// What this node's log follows; nothing, if it is the first.
pub fn follows(dir: &Path, genesis: &Genesis) -> Result<Option<Follows>, NotBumped> {
    if genesis.origin().generation() == 1 {
        return Ok(None);
    }
    let (incident, acts) = statement(dir)?;
    Ok(Some(Follows { incident, acts }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::border::testing::key;
    use super::*;
    use varde_proto::identity::RoleKeys;
    use varde_proto::time::Timestamp;
    use varde_proto::wire::peer::Mode;

    fn genesis(generation: u32) -> String {
        let origin = Origin::parse(&format!("varde.example/no/{generation}")).unwrap();
        let keys: Vec<_> = (1..7).map(key).collect();
        let held: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
        let proven = RoleKeys::prove(&origin, &held).unwrap();
        let now = Timestamp::parse("2026-11-22T12:00:00Z").unwrap();
        Genesis::found(origin, Mode::Test, proven, now, [1; 32]).unwrap().sign_text(&keys[0]).unwrap()
    }

    #[test]
    fn a_start_that_breaks_off_keeps_the_guard_of_the_old_log_until_the_new_one_is_in_place() {
        let home = tempfile::tempdir().unwrap();
        let (dir, bump) = (home.path(), home.path().join(home::BUMP));
        for folder in ["keys", "peers", "bump/keys", "bump/peers"] {
            fs::create_dir_all(dir.join(folder)).unwrap();
        }
        for (name, text) in [("genesis", genesis(1)), ("bump/genesis", genesis(2)), ("guard", "shown".to_owned())] {
            fs::write(dir.join(name), text).unwrap();
        }
        for name in
            ["bump/incident", "bump/incident.proposed", "bump/incident.approved", "bump/checked", "bump/keys/new"]
        {
            fs::write(dir.join(name), "").unwrap();
        }
        // Something lies where a file goes.
        fs::create_dir_all(dir.join("generations/1/genesis")).unwrap();
        fs::write(dir.join("generations/1/genesis/file"), "").unwrap();
        fs::rename(dir.join("genesis"), dir.join("aside")).unwrap();
        fs::create_dir_all(dir.join("genesis/file")).unwrap();
        let broken = take_up(dir, &[]).unwrap_err();
        assert!(matches!(broken, NotBumped::HalfDone(_)) && broken.next().contains("Leave `bump`"), "{broken}");
        assert_eq!(fs::read(dir.join(home::GUARD)).unwrap(), b"shown", "what was shown is still known");
        for folder in ["generations/1/genesis", "genesis"] {
            fs::remove_dir_all(dir.join(folder)).unwrap();
        }
        fs::rename(dir.join("aside"), dir.join("genesis")).unwrap();
        let taken = take_up(dir, &[]).unwrap();
        assert!(matches!(&taken, TakenUp::Log(log) if log.as_str() == "varde.example/no/2"), "{taken:?}");
        assert_eq!(fs::read(dir.join("generations/1/guard")).unwrap(), b"shown");
        assert!(FileGuard::open(&dir.join(home::GUARD)).unwrap().is_unused(), "the new log begins with a guard");
        assert!(dir.join("keys/new").exists() && dir.join("incident").is_file() && !bump.exists());
    }

    #[test]
    fn a_store_that_is_not_there_is_not_made_by_looking_at_it() {
        let home = tempfile::tempdir().unwrap();
        assert!(!has_store(home.path()));
        assert!(!home.path().join(home::STORE).exists());
        fs::create_dir(home.path().join(home::STORE)).unwrap();
        assert!(has_store(home.path()));
        fs::write(home.path().join(home::RESTORED_ROWS), "").unwrap();
        assert!(!has_store(home.path()), "a backup was laid down since");
    }
}
