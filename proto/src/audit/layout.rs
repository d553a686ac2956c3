//! Where things lie in a bundle, and the two pages that bind it: `MANIFEST` and `FILES`.
//!
//! ```text
//! MANIFEST  FILES  checkpoint  policy  keys/genesis     one each; MANIFEST is a note signed by K_msg
//! keys/statements                                       changes of keys, each with its leaf; only where there are any
//! tile/L/N  tile/entries/N                              tlog-tiles
//! checkpoints/N                                         every signed head, packed in order of size
//! openings/N  envelopes/N                               packed by leaf index
//! decisions/N                                           national only: sharing decisions, packed by leaf index
//! receipts/<origin>/<class>/N                           packed by sequence number, the first in place 0
//! sent/<origin>/<class>/N                               packed likewise: the senders' proofs of what was taken
//! witnessed/<origin>                                    newest verified head of each other log
//! agreements/<sha256>                                   texts
//! evidence/<sha256>/1  evidence/<sha256>/2              two heads that prove that another log was forked
//! ```
//!
//! A packed file holds up to 256 things, each after its length in two bytes; length 0 is nothing.

use crate::id::{Digest, NodeId, Origin, TreeSize};
use crate::limits;
use crate::log::event::{Event, Kind};
use crate::log::tiles::index_path;
use std::collections::BTreeMap;
use std::fmt;

pub(super) const MANIFEST: &str = "MANIFEST";
pub(super) const FILES: &str = "FILES";
pub(super) const CHECKPOINT: &str = "checkpoint";
pub(super) const POLICY: &str = "policy";
pub(super) const GENESIS: &str = "keys/genesis";
pub(super) const STATEMENTS: &str = "keys/statements";
pub(super) const CHECKPOINTS: &str = "checkpoints";
pub(super) const OPENINGS: &str = "openings";
pub(super) const ENVELOPES: &str = "envelopes";
pub(super) const DECISIONS: &str = "decisions";
pub(super) const RECEIPTS: &str = "receipts";
pub(super) const SENT: &str = "sent";
pub(super) const WITNESSED: &str = "witnessed";
pub(super) const AGREEMENTS: &str = "agreements";
pub(super) const EVIDENCE: &str = "evidence";

/// Folders in which the size of the tree says what there is.
pub(super) const BY_TREE: [&str; 4] = ["tile/", "openings/", "envelopes/", "decisions/"];

/// Things in one packed file.
pub(super) const PACK: u64 = limits::TILE_WIDTH;

/// The path of a packed file.
pub(super) fn packed(folder: &str, number: u64) -> String {
    format!("{folder}/{}", index_path(number))
}

/// The folder of the receipts of one channel.
pub(super) fn receipts_folder(peer: &Origin, class: u8) -> String {
    format!("{RECEIPTS}/{peer}/{class}")
}

/// The folder of the proof of a fork, which the leaf names by this digest.
pub(super) fn fork_folder(proof: &Digest) -> String {
    format!("{EVIDENCE}/{proof}")
}

/// The folder of the senders' proofs of one channel.
pub(super) fn sent_folder(peer: &Origin, class: u8) -> String {
    format!("{SENT}/{peer}/{class}")
}

/// For whom a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The country's own auditors: everything.
    National,
    /// One peer: what concerns it. Other openings are withheld.
    For(NodeId),
}

impl Scope {
    /// Reads `national` or `for CC`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("for ") {
            Some(country) => NodeId::parse(country).ok().map(Self::For),
            None => (text == "national").then_some(Self::National),
        }
    }

    /// Whether a bundle of this scope shows what an event says.
    pub fn shows(self, event: &Event) -> bool {
        let common = matches!(
            event.kind,
            Kind::GENESIS
                | Kind::GENERATION_BUMP
                | Kind::POLICY
                | Kind::MISBEHAVIOUR
                | Kind::KEY_ROTATE
                | Kind::KEY_REVOKE
                // Without it nobody could tell what was lost from what was never there.
                | Kind::RECOVERY
        );
        self == Self::National || common || event.peer.as_ref().is_some_and(|peer| self.concerns(peer))
    }

    /// Whether a bundle of this scope shows what passes between the log and this peer.
    pub fn concerns(self, peer: &Origin) -> bool {
        match self {
            Self::National => true,
            Self::For(country) => peer.node() == country,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::National => f.write_str("national"),
            Self::For(country) => write!(f, "for {country}"),
        }
    }
}

/// What a bundle says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Whose log.
    pub origin: Origin,
    /// Leaves in its tree.
    pub size: TreeSize,
    /// For whom.
    pub scope: Scope,
    /// First leaf whose opening it may hold.
    pub from: u64,
    /// The leaf after the last one.
    pub to: u64,
    /// Lines of `FILES`.
    pub files: u64,
    /// SHA-256 of `FILES`.
    pub list: Digest,
}

const HEADER: &str = "varde/bundle/v1";

impl Manifest {
    /// The text that is signed.
    pub fn text(&self) -> String {
        let Self { origin, size, scope, from, to, files, list } = self;
        format!("{HEADER}\n{origin}\n{}\n{scope}\n{from}\n{to}\n{files}\n{list}\n", size.0)
    }

    /// Reads the text; only the one spelling is one.
    pub fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.split('\n').collect();
        let [HEADER, origin, size, scope, from, to, files, list, ""] = lines.as_slice() else { return None };
        let manifest = Self {
            origin: Origin::parse(origin).ok()?,
            size: TreeSize(size.parse().ok()?),
            scope: Scope::parse(scope)?,
            from: from.parse().ok()?,
            to: to.parse().ok()?,
            files: files.parse().ok()?,
            list: Digest::parse(list).ok()?,
        };
        (manifest.text() == text).then_some(manifest)
    }
}

/// The key name under which K_msg signs manifests.
pub fn manifest_key_name(origin: &Origin) -> String {
    format!("{}/message/{}", origin.network(), origin.node().lower())
}

/// A line of `FILES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Its bytes.
    pub size: u64,
}

/// Bytes of one file of a bundle, at most: 256 envelopes with room to spare.
pub(super) const FILE_BYTES: u64 = 32 * 1024 * 1024;

/// `FILES`: sorted by path.
pub fn write_list(files: &BTreeMap<String, Listed>) -> String {
    files.iter().map(|(path, Listed { digest, size })| format!("{digest} {size} {path}\n")).collect()
}

/// Reads `FILES`; only the one spelling is one.
pub fn read_list(text: &str) -> Option<BTreeMap<String, Listed>> {
    let mut files = BTreeMap::new();
    for line in text.split_terminator('\n') {
        let (digest, rest) = line.split_once(' ')?;
        let (size, path) = rest.split_once(' ')?;
        let listed = Listed { digest: Digest::parse(digest).ok()?, size: size.parse().ok()? };
        if !is_path(path) || listed.size > FILE_BYTES || files.insert(path.to_owned(), listed).is_some() {
            return None;
        }
    }
    (write_list(&files) == text).then_some(files)
}

/// Whether a path may stand in a bundle: plain names parted by single slashes, none of them hidden or `..`.
pub(super) fn is_path(path: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let name = |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
    path.len() <= 400 && path.split('/').all(name) && path != MANIFEST && path != FILES
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_one_spelling() {
        let manifest = Manifest {
            origin: Origin::parse("varde.example/no/1").unwrap(),
            size: TreeSize(70),
            scope: Scope::For(NodeId::parse("EE").unwrap()),
            from: 0,
            to: 70,
            files: 12,
            list: Digest([1; 32]),
        };
        let text = manifest.text();
        assert_eq!(Manifest::parse(&text), Some(manifest));
        for wrong in [text.replace("70\n", "070\n"), text.replace("for EE", "for ee"), format!("{text}\n")] {
            assert_eq!(Manifest::parse(&wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_list_of_files_is_sorted_and_its_paths_stay_inside() {
        let line = |path: &str| format!("{} 5 {path}\n", Digest([1; 32]));
        assert!(read_list(&(line("a/b") + &line("checkpoint"))).is_some());
        assert!(read_list(&(line("checkpoint") + &line("a/b"))).is_none());
        for path in ["../a", "/a", "a//b", "a/", ".git", "MANIFEST", "a b", "a\\b", ""] {
            assert!(read_list(&line(path)).is_none(), "{path} was accepted");
        }
        assert!(read_list(line("a").trim_end()).is_none());
        assert!(read_list(&line("a").replace(" 5 ", " 33554433 ")).is_none());
    }
}
