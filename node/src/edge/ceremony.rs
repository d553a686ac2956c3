//! Key statements on their way from people into the log: files in `DIR/keys/statements`, signed with the identity key by the
//! command line, proposed and approved by two members of staff, taken up by the running node within a second.
//!
//! In: reading the files, checking who approved, keeping the leaf of each beside it and saying there what became of it, and which TLS key is shown. Out: what a
//! statement must be (`varde_proto::identity::History`), logging it (`flow::keys`).

use super::disk;
use super::keys::{self, BadHome};
use crate::flow::Node;
use crate::flow::keys::{Filed, NotTaken, take_up};
use crate::port::StoreError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::{self, Envelope};
use varde_proto::home::{self, Step};
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{Role, SecretKey, Statement};
use varde_proto::limits;

/// How often the folder is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Why a statement is not taken up.
#[derive(Debug, thiserror::Error)]
enum Refused {
    /// A file is missing or is not what it should be.
    #[error("{0}")]
    File(#[from] BadHome),
    /// Not what the file's name says.
    #[error("{0} cannot be read: {1}")]
    Text(PathBuf, armor::BadArmor),
    /// Two members of staff must have signed it.
    #[error("it is not proposed and approved by two different members of this node's staff")]
    Approval,
    /// The log does not take it.
    #[error("{0}")]
    NotTaken(#[from] NotTaken),
}

/// Looks once a second, for ever: takes up approved statements, and turns to another TLS key when its time has come.
pub async fn follow(dir: PathBuf, node: Arc<Node>, tls: watch::Sender<Arc<SecretKey>>) {
    let mut said = false;
    loop {
        // A log that may have lost statements takes none up, and says of none that it was.
        if !*node.ledger.locked().borrow() {
            while take_next(&dir, &node).await {}
            if !std::mem::replace(&mut said, true) {
                say_taken(&dir, &node);
            }
        }
        turn_tls(&dir, &node, &tls);
        tokio::time::sleep(LOOK).await;
    }
}

/// The leaves of the statements from this number on, as far as they were kept: for a log that may have lost them.
pub(super) fn filed(dir: &Path, first: u32) -> impl Iterator<Item = Filed> {
    let path = |number| dir.join(home::statement(number, Step::Leaf));
    let read = move |number| Filed::parse(&disk::read_bounded(&path(number), limits::ARMOR_BYTES).ok()?);
    (first..).map_while(read)
}

/// Takes up the next statement, if it is there and approved. Whether there may be another one.
async fn take_next(dir: &Path, node: &Node) -> bool {
    let number = node.keys.history().number() + 1;
    let path = |step| dir.join(home::statement(number, step));
    let ready = [Step::Statement, Step::Proposed, Step::Approved].into_iter().all(|step| path(step).exists());
    if !ready || path(Step::Refused).exists() {
        return false;
    }
    let (step, text) = match take(dir, node, number).await {
        Ok(index) => {
            tracing::info!(number, index, "a key statement was taken up");
            (Step::Taken, format!("{index}\n"))
        }
        Err(Refused::NotTaken(NotTaken::Store(StoreError::Io { .. } | StoreError::Locked) | NotTaken::Stopped)) => {
            return false;
        }
        Err(why) => {
            tracing::error!(number, %why, "a key statement was refused");
            (Step::Refused, format!("{why}\n"))
        }
    };
    if step == Step::Refused {
        // What a log that went back knew of a statement holds no more.
        [Step::Leaf, Step::Taken].into_iter().for_each(|step| drop(std::fs::remove_file(path(step))));
    }
    if let Err(failure) = disk::replace(&path(step), text.as_bytes()) {
        tracing::error!(number, %failure, "what became of a key statement could not be written beside it");
    }
    step == Step::Taken
}

async fn take(dir: &Path, node: &Node, number: u32) -> Result<u64, Refused> {
    let read = |step, label| {
        let path = dir.join(home::statement(number, step));
        let text = keys::read_text(&path)?;
        armor::decode(label, &text).map_err(|bad| Refused::Text(path, bad))
    };
    let statement = read(Step::Statement, Label::KeyStatement)?;
    let (proposed, approved) = (read(Step::Proposed, Label::Act)?, read(Step::Approved, Label::Act)?);
    let by = |act: &Envelope, verb| {
        let credentials: Vec<_> = node.operators.iter().map(|operator| operator.public_key).collect();
        act::kept(act, verb, envelope::digest(&statement), &node.me.origin, &credentials)
    };
    match (by(&proposed, Verb::ProposeKey), by(&approved, Verb::ApproveKey)) {
        (Some(one), Some(other)) if one != other => {}
        _ => return Err(Refused::Approval),
    }
    let secret = match Statement::role_of_new(&statement) {
        Some(role) => Some(keys::load_key(&dir.join(home::later_key(role, number)))?),
        None => None,
    };
    let leaf = dir.join(home::statement(number, Step::Leaf));
    Ok(take_up(node, statement, secret.map(Arc::new), move |filed| disk::replace(&leaf, &filed.bytes())).await?)
}

/// Says beside each statement of the log that it was taken up, and keeps its leaf there; where the node had stopped in between, or
/// the folder was put back, they are not there yet.
fn say_taken(dir: &Path, node: &Node) {
    for logged in node.keys.history().statements() {
        let path = |step| dir.join(home::statement(logged.statement.number, step));
        let say = |step, bytes: &[u8]| match path(step) {
            path if path.parent().is_some_and(Path::exists) && !path.exists() => disk::replace(&path, bytes),
            _ => Ok(()),
        };
        let keep = || {
            let opening = node.ledger.opening(node.ledger.number(logged.index.0))?;
            say(Step::Leaf, &Filed { index: logged.index, opening }.bytes())
        };
        let said = say(Step::Taken, format!("{}\n", logged.index.0).as_bytes());
        if let Err(failure) = said.and_then(|()| keep()) {
            tracing::warn!(%failure, "what became of a key statement could not be written beside it");
        }
    }
}

fn turn_tls(dir: &Path, node: &Node, tls: &watch::Sender<Arc<SecretKey>>) {
    let history = node.keys.history();
    let Some(shown) = history.tls_shown(node.clock.now()) else { return };
    if tls.borrow().public() == shown {
        return;
    }
    match keys::load(dir, &history, Role::Tls, &shown) {
        Ok(key) => {
            tracing::info!("from now on connections are authenticated by the newer TLS key");
            tls.send_replace(key);
        }
        Err(bad) => tracing::error!(%bad, "the newer TLS key cannot be shown"),
    }
}
