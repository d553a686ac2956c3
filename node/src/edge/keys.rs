//! The node's own keys, read from its directory. The identity key is not among them: the node never opens it.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use varde_proto::home;
use varde_proto::identity::{BadDocument, BadKey, Genesis, History, PublicKey, Role, SecretKey};
use varde_proto::limits;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Envelope;
use zeroize::Zeroizing;

/// The keys with which a node signs, one a role.
#[derive(Debug, Clone)]
pub struct NodeKeys {
    /// Signs checkpoints.
    pub log: Arc<SecretKey>,
    /// Cosigns peers' checkpoints.
    pub wit: Arc<SecretKey>,
    /// Signs payloads.
    pub msg: Arc<SecretKey>,
    /// Authenticates connections.
    pub tls: Arc<SecretKey>,
    /// Signs the staff log.
    pub staff: Arc<SecretKey>,
}

/// Why the node does not start with this directory.
#[derive(Debug, thiserror::Error)]
pub enum BadHome {
    /// A file is missing or cannot be read.
    #[error("{path} cannot be read: {source}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Others may read or change a secret.
    #[error(
        "{path} has mode {mode:o}; a key file must have mode 600: run `chmod 600 {path}`, and consider who read it"
    )]
    Exposed {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// A file over its bound.
    #[error("{0} is larger than such a file can be")]
    TooLarge(PathBuf),
    /// No key file.
    #[error("{path}: {source}")]
    Key {
        /// Which.
        path: PathBuf,
        /// Why.
        source: BadKey,
    },
    /// The genesis is not what `varde init` wrote.
    #[error("{path}: {source}")]
    Genesis {
        /// Which.
        path: PathBuf,
        /// Why.
        source: BadDocument,
    },
    /// A key file holds another key than genesis or a rotation names.
    #[error("{0} holds another key than the log of this node names: put the copy of `keys` back in its place")]
    OtherKey(PathBuf),
    /// A key that the log names is in no file.
    #[error(transparent)]
    Missing(#[from] crate::flow::keys::Missing),
    /// The rows of earlier statements cannot be read.
    #[error(transparent)]
    Store(#[from] crate::port::StoreError),
}

/// Reads the genesis that `varde init` signed.
pub fn load_genesis(dir: &Path) -> Result<(Genesis, Envelope), BadHome> {
    let path = dir.join(home::GENESIS);
    let text = read_bounded(&path, limits::ARMOR_BYTES, false)?;
    Genesis::open_text(&text).map_err(|source| BadHome::Genesis { path, source })
}

/// Reads the node's keys of now; each must be the one that genesis or a statement names, in a file that only its owner may read.
pub fn load_keys(dir: &Path, history: &History, now: Timestamp) -> Result<NodeKeys, BadHome> {
    let of_now = |role: Role| {
        let shown = if role == Role::Tls { history.tls_shown(now) } else { None };
        let key = shown.or_else(|| history.current(role).last().copied());
        load(dir, history, role, &key.ok_or_else(|| BadHome::OtherKey(dir.join(home::key(role))))?)
    };
    Ok(NodeKeys {
        log: of_now(Role::Log)?,
        wit: of_now(Role::Wit)?,
        msg: of_now(Role::Msg)?,
        tls: of_now(Role::Tls)?,
        staff: of_now(Role::Staff)?,
    })
}

/// Reads one of the node's keys, of now or of before, from the file in which it was made.
pub fn load(dir: &Path, history: &History, role: Role, key: &PublicKey) -> Result<Arc<SecretKey>, BadHome> {
    let brought = history.statements().iter().find(|logged| logged.brings(role, key));
    let path = dir.join(match brought {
        Some(logged) => home::later_key(role, logged.statement.number),
        None => home::key(role),
    });
    let found = load_key(&path)?;
    if found.public() == *key { Ok(Arc::new(found)) } else { Err(BadHome::OtherKey(path)) }
}

/// Reads a small file that is no secret.
pub(crate) fn read_text(path: &Path) -> Result<Zeroizing<String>, BadHome> {
    read_bounded(path, limits::ARMOR_BYTES, false)
}

/// Reads a private key from its file.
pub(crate) fn load_key(path: &Path) -> Result<SecretKey, BadHome> {
    let text = read_bounded(path, limits::KEY_FILE_BYTES, true)?;
    SecretKey::from_pem(&text).map_err(|source| BadHome::Key { path: path.to_owned(), source })
}

/// Reads a small file. Its mode is checked on the open file, so that it cannot be exchanged in between.
fn read_bounded(path: &Path, bound: usize, secret: bool) -> Result<Zeroizing<String>, BadHome> {
    let unreadable = |source| BadHome::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.mode() & 0o777;
    if secret && mode & 0o077 != 0 {
        return Err(BadHome::Exposed { path: path.to_owned(), mode });
    }
    let mut text = Zeroizing::new(String::with_capacity(bound + 1));
    file.take(bound as u64 + 1).read_to_string(&mut text).map_err(unreadable)?;
    if text.len() > bound { Err(BadHome::TooLarge(path.to_owned())) } else { Ok(text) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::border::testing::{genesis, key, now};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    /// A node's directory with the keys of the seeds 1 to 6; no identity key, since the node never opens it.
    fn directory() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(home::KEYS)).unwrap();
        for (role, seed) in Role::ALL.into_iter().zip(1..).skip(1) {
            write(&dir.path().join(home::key(role)), seed, 0o600);
        }
        std::fs::write(dir.path().join(home::GENESIS), genesis("NO", 1).sign_text(&key(1)).unwrap()).unwrap();
        dir
    }

    fn founded(dir: &Path) -> History {
        let (genesis, envelope) = load_genesis(dir).unwrap();
        History::found(&genesis, &envelope)
    }

    fn write(path: &Path, seed: u8, mode: u32) {
        std::fs::write(path, key(seed).to_pem().unwrap()).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_node_starts_without_its_identity_key() {
        let dir = directory();
        let keys = load_keys(dir.path(), &founded(dir.path()), now()).unwrap();
        assert_eq!(keys.staff.public(), key(6).public());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_another_is_refused() {
        let dir = directory();
        let founded = founded(dir.path());
        let path = dir.path().join(home::key(Role::Msg));
        for mode in [0o640, 0o604, 0o620] {
            write(&path, 4, mode);
            assert!(
                matches!(load_keys(dir.path(), &founded, now()), Err(BadHome::Exposed { mode: m, .. }) if m == mode)
            );
        }
        write(&path, 9, 0o600);
        assert!(matches!(load_keys(dir.path(), &founded, now()), Err(BadHome::OtherKey(_))));
        std::fs::write(&path, "x".repeat(limits::KEY_FILE_BYTES + 1)).unwrap();
        assert!(matches!(load_keys(dir.path(), &founded, now()), Err(BadHome::TooLarge(_))));
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(load_keys(dir.path(), &founded, now()), Err(BadHome::Key { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(load_keys(dir.path(), &founded, now()), Err(BadHome::Unreadable { .. })));
    }
}
