//! A node's directory: the names of its files, and `varde.toml`. Pure: text in, struct out; who opens files is `varde init`,
//! the node and the command line.
//!
//! ```text
//! DIR/varde.toml                 settings                                 DIR/genesis             signed, armoured
//! DIR/identity.key               K_id; the node never opens it            DIR/tls.crt             the node re-issues it
//! DIR/keys/{log,wit,msg,tls,staff}.key    the node's keys                 DIR/store/  DIR/keyring/  what the node keeps
//! DIR/operators/{a,b}.key        credentials of staff                     DIR/run/operator.sock   the door for staff
//! DIR/guard                      which head was last shown: in no backup       DIR/store.rows          a backup to be taken up
//! DIR/peers/CC.descriptor        a pin: taken up within a second          DIR/peers/CC.acceptance our yes to the agreement
//! DIR/agreements/ID.txt          an agreement's text                      DIR/agreements/ID.CC.{acceptance,revocation}   our word on it; {peer-..} the peer's
//! DIR/peers/CC.keys              how a peer's keys changed; the node's    DIR/keys/ROLE.N.key     the key of statement N
//! DIR/keys/statements/N.*        key statements and their approvals: taken up within a second
//! DIR/bump/                      a new generation of the log, until the node takes it up at its next start
//! DIR/incident*                  why the log before this one ended        DIR/generations/N/      what log N had of these files
//! DIR/peers/CC.N.proposed        a peer's log N, until two people accept it        DIR/peers/CC.N.{1,2}.accepted   what they signed
//! ```

mod config;
mod disk;
mod notify;
mod witness;

pub use config::{BadConfig, Config, ConnectionLimits, Operator, OtherNode};
pub use disk::DiskLimits;
pub use notify::Notify;
pub use witness::{ForeignLog, WitnessDoor};

use crate::id::{Digest, NodeId};
use crate::identity::Role;

/// Settings.
pub const CONFIG: &str = "varde.toml";
/// K_id, PKCS#8 PEM. The node never opens it.
pub const IDENTITY_KEY: &str = "identity.key";
/// Folder of the node's own keys.
pub const KEYS: &str = "keys";
/// The TLS certificate, PEM.
pub const TLS_CERTIFICATE: &str = "tls.crt";
/// The signed genesis, armoured.
pub const GENESIS: &str = "genesis";
/// Folder of staff credentials.
pub const OPERATORS: &str = "operators";
/// Folder of pins.
pub const PEERS: &str = "peers";
/// Folder of bucket keys.
pub const KEYRING: &str = "keyring";
/// Folder of the embedded store.
pub const STORE: &str = "store";
/// Which head was last shown, empty before the first start; not part of any backup.
pub const GUARD: &str = "guard";
/// The rows of a restored backup, until the node has made its store of them.
pub const RESTORED_ROWS: &str = "store.rows";
/// The rows of the store in a backup; beside it lie [`KEYRING`] and `MANIFEST`.
pub const BACKUP_ROWS: &str = "rows";
/// How the manifest of a backup begins: then origin, number of leaves, the time of the newest, and `<sha256> <path>` of each other
/// file: the rows, then those of the keyring.
pub const BACKUP_FIRST_LINE: &str = "varde/backup/v1";
/// Folder of what lives only while the node runs.
pub const RUN: &str = "run";
/// The door for staff: a Unix socket.
pub const OPERATOR_SOCKET: &str = "run/operator.sock";
/// How the file name of a descriptor ends.
pub const DESCRIPTOR_SUFFIX: &str = ".descriptor";
/// How the file name of an acceptance ends.
pub const ACCEPTANCE_SUFFIX: &str = ".acceptance";

/// Folder of agreements and of what this country signed of them.
pub const AGREEMENTS: &str = "agreements";
/// How the file name of an agreement's text ends.
pub const TEXT_SUFFIX: &str = ".txt";
/// How the file name of the end of an agreement ends.
pub const REVOCATION_SUFFIX: &str = ".revocation";

/// How the file name of a peer's yes to an agreement ends.
pub const PEER_ACCEPTANCE_SUFFIX: &str = ".peer-acceptance";
/// How the file name of a peer's end of an agreement ends.
pub const PEER_REVOCATION_SUFFIX: &str = ".peer-revocation";

/// How the file name of what a peer said of its keys ends.
pub const HISTORY_SUFFIX: &str = ".keys";
/// How the file name of what a member of staff signed about a peer's new log ends.
pub const ACCEPTED_SUFFIX: &str = ".accepted";
/// Folder of a new generation of the log: files of the same names as in the node's directory, which they replace.
pub const BUMP: &str = "bump";
/// Why the log before this one ended, signed by the identity key.
pub const INCIDENT: &str = "incident";
/// What the first of the two people signed who decided that.
pub const INCIDENT_PROPOSED: &str = "incident.proposed";
/// What the second signed.
pub const INCIDENT_APPROVED: &str = "incident.approved";
/// Folder of this node's key statements.
pub const STATEMENTS: &str = "keys/statements";

/// A step of a key statement's way, as the end of its file's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The statement, signed by the identity key.
    Statement,
    /// Signed by whoever proposes it.
    Proposed,
    /// Signed by another member of staff.
    Approved,
    /// Its leaf: eight bytes of the index, then the opening. Written before it lands.
    Leaf,
    /// The index of the leaf at which the node took it up.
    Taken,
    /// Why the node did not.
    Refused,
}

/// `keys/statements/3.approved`
pub fn statement(number: u32, step: Step) -> String {
    let end = match step {
        Step::Statement => "statement",
        Step::Proposed => "proposed",
        Step::Approved => "approved",
        Step::Leaf => "leaf",
        Step::Taken => "taken",
        Step::Refused => "refused",
    };
    format!("{STATEMENTS}/{number}.{end}")
}

/// `keys/log.3.key`: the key that statement 3 brought.
pub fn later_key(role: Role, number: u32) -> String {
    format!("{KEYS}/{role}.{number}.key")
}

/// `peers/EE.keys`
pub fn history(node: NodeId) -> String {
    format!("{PEERS}/{node}{HISTORY_SUFFIX}")
}

/// `keys/log.key`; K_id lies apart as [`IDENTITY_KEY`].
pub fn key(role: Role) -> String {
    match role {
        Role::Id => IDENTITY_KEY.to_owned(),
        Role::Log | Role::Wit | Role::Msg | Role::Tls | Role::Staff => format!("{KEYS}/{role}.key"),
    }
}

/// `operators/a.key`
pub fn operator(name: &str) -> String {
    format!("{OPERATORS}/{name}.key")
}

/// `peers/EE.descriptor`
pub fn descriptor(node: NodeId) -> String {
    format!("{PEERS}/{node}{DESCRIPTOR_SUFFIX}")
}

/// `generations/1`
pub fn generation(number: u32) -> String {
    format!("generations/{number}")
}

/// `generations/1/bundle`: the last bundle of a log that ended.
pub fn last_bundle(number: u32) -> String {
    format!("generations/{number}/bundle")
}

/// `peers/EE.2.proposed`
pub fn successor(node: NodeId, generation: u32) -> String {
    format!("{PEERS}/{node}.{generation}.proposed")
}

/// `peers/EE.2.1.accepted`: what the first, or the second, of two people signed.
pub fn accepted(node: NodeId, generation: u32, place: u8) -> String {
    format!("{PEERS}/{node}.{generation}.{place}{ACCEPTED_SUFFIX}")
}

/// `peers/EE.acceptance`
pub fn acceptance(node: NodeId) -> String {
    format!("{PEERS}/{node}{ACCEPTANCE_SUFFIX}")
}

/// `agreements/ID.txt`
pub fn agreement(id: &Digest) -> String {
    format!("{AGREEMENTS}/{id}{TEXT_SUFFIX}")
}

/// `agreements/ID.EE.acceptance`, or `.revocation` of what ends it.
pub fn word(id: &Digest, node: NodeId, ends: bool) -> String {
    format!("{AGREEMENTS}/{id}.{node}{}", if ends { REVOCATION_SUFFIX } else { ACCEPTANCE_SUFFIX })
}

/// `agreements/ID.EE.peer-acceptance`, or `.peer-revocation`: what the peer said.
pub fn peers_word(id: &Digest, node: NodeId, ends: bool) -> String {
    format!("{AGREEMENTS}/{id}.{node}{}", if ends { PEER_REVOCATION_SUFFIX } else { PEER_ACCEPTANCE_SUFFIX })
}
