//! The pins of the own node as files: reading them, and judging whether a new one may join them.

use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use std::path::PathBuf;
use varde_proto::home;
use varde_proto::id::NodeId;
use varde_proto::identity::{BadDocument, Descriptor, Roster, Validity, mode};
use varde_proto::limits;
use varde_proto::time::Timestamp;

/// A file in `DIR/peers` and what it holds.
pub(crate) struct Pin {
    /// Its path.
    pub(crate) path: PathBuf,
    /// Its text.
    pub(crate) text: String,
    /// What it says, or why it says nothing.
    pub(crate) descriptor: Result<Descriptor, BadDocument>,
}

/// Every descriptor in `DIR/peers`, in the order of the file names.
pub(crate) fn read_all(home: &Home) -> Result<Vec<Pin>, Failure> {
    let folder = home.path(home::PEERS);
    let unreadable = |e: std::io::Error| {
        Failure::usage(format!("cannot read {}: {e}", folder.display()))
            .next("see who owns it; an empty directory of mode 700 is enough")
            .reason("unreadable")
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.to_string_lossy().ends_with(home::DESCRIPTOR_SUFFIX) {
            paths.push(path);
        }
    }
    paths.sort();
    paths.into_iter().map(read_one).collect()
}

fn read_one(path: PathBuf) -> Result<Pin, Failure> {
    let text = files::read_text(&path, limits::ARMOR_BYTES)?;
    let descriptor = Descriptor::open_text(&text);
    Ok(Pin { path, text, descriptor })
}

/// The pin of a country.
pub(crate) fn read(home: &Home, node: NodeId) -> Result<Option<Pin>, Failure> {
    let path = home.path(home::descriptor(node));
    if path.exists() { read_one(path).map(Some) } else { Ok(None) }
}

/// Whether this node may know the node of a descriptor at all; says nothing about its fingerprint.
pub(super) fn check(home: &Home, found: &Descriptor, now: Timestamp) -> Result<(), Failure> {
    let (ours, theirs) = (home.genesis.origin(), found.origin());
    if theirs.network() != ours.network() {
        let what = format!("the descriptor is of the network {}, this node of {}", theirs.network(), ours.network());
        return Err(Failure::refused(what)
            .next("ask the peer for a descriptor of this network")
            .reason("other-network"));
    }
    if found.mode() != home.genesis.mode() {
        let (theirs, ours) = (mode::name(found.mode()), mode::name(home.genesis.mode()));
        return Err(Failure::refused(format!("the peer's node is in mode {theirs}, this one in mode {ours}"))
            .means("the three modes never mix, so that an exercise is never taken for real")
            .next("ask the peer for the descriptor of its node of the same mode")
            .reason("other-mode"));
    }
    if theirs.node() == ours.node() {
        return Err(Failure::refused(format!("the descriptor is of {}, this node's own country", theirs.node()))
            .next("ask the peer for its descriptor")
            .reason("own-descriptor"));
    }
    match found.validity(now) {
        Validity::Valid | Validity::EndsSoon => Ok(()),
        Validity::Expired => Err(Failure::refused(format!("the descriptor expired on {}", found.not_after()))
            .next("ask the peer for a new one (`varde peer export`)")
            .reason("expired")),
        Validity::NotYet => Err(Failure::refused(format!("the descriptor is valid only from {}", found.not_before()))
            .means("this machine's clock or the peer's is wrong")
            .next("set the clock that is wrong; the peer then exports again")
            .reason("not-yet-valid")),
    }
}

/// No key of the descriptor may serve another node: this one, or one that is already pinned.
pub(super) fn check_keys(home: &Home, found: &Descriptor) -> Result<(), Failure> {
    let mut roster = Roster::default();
    let taken = |error: varde_proto::identity::BadEntry| {
        Failure::refused(error.to_string())
            .means("one key serves one node in one role; the descriptor is a copy, a mistake or a forgery")
            .next("call the peer")
            .reason("key-in-use")
    };
    roster.enter_genesis(&home.genesis).map_err(taken)?;
    let pinned = read_all(home)?.into_iter().filter_map(|pin| pin.descriptor.ok());
    for other in pinned.filter(|d| d.node() != found.node()) {
        roster.enter_descriptor(&other).map_err(taken)?;
    }
    roster.enter_descriptor(found).map_err(taken)
}

/// 32 random bytes.
pub(crate) fn salt() -> Result<[u8; 32], Failure> {
    let mut salt = [0; 32];
    getrandom::fill(&mut salt).map_err(|e| Failure::ours(format!("the system gives no random bytes: {e}")))?;
    Ok(salt)
}
