//! The book of promises: the tree of the log, the channels, the newest verified head of each peer, and what was agreed with it. It changes only by
//! what a commit has made durable.

use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::Agreed;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::log::chain;
use varde_proto::log::frontier::Frontier;
use varde_proto::log::tree::Tree;
use varde_proto::time::Timestamp;

/// Which way a channel runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// From us to the peer.
    Out,
    /// From the peer to us.
    In,
}

/// One channel: a direction, a peer's log and a class. Order is strict within it; there is none between channels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChannelKey {
    /// Which way.
    pub direction: Direction,
    /// The peer's log; a new generation starts new channels at 1.
    pub peer: Origin,
    /// Channel class.
    pub class: u8,
}

impl ChannelKey {
    /// The peer's country, generation and the class, as they name rows.
    pub fn row_parts(&self) -> Vec<u8> {
        channel_parts(&self.peer, self.class)
    }
}

/// A peer's country and generation, as they name rows.
pub fn peer_parts(peer: &Origin) -> Vec<u8> {
    [peer.node().as_str().as_bytes(), &peer.generation().to_be_bytes()].concat()
}

/// A peer's country, generation and a class, as they name rows.
pub fn channel_parts(peer: &Origin, class: u8) -> Vec<u8> {
    let mut parts = peer_parts(peer);
    parts.push(class);
    parts
}

/// How far a channel has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChannelState {
    /// Number of the newest item logged; 0 before the first.
    pub seq: u64,
    /// X after it.
    pub chain: Digest,
    /// Out: newest item whose receipt we hold. In: unused, 0.
    pub settled: u64,
}

impl ChannelState {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.seq.to_be_bytes().to_vec();
        out.extend_from_slice(&self.chain.0);
        out.extend_from_slice(&self.settled.to_be_bytes());
        out
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (seq, rest) = bytes.split_first_chunk::<8>()?;
        let (chain, rest) = rest.split_first_chunk::<32>()?;
        let settled: [u8; 8] = rest.try_into().ok()?;
        Some(Self { seq: u64::from_be_bytes(*seq), chain: Digest(*chain), settled: u64::from_be_bytes(settled) })
    }
}

/// The newest head of a peer's log that we verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerHead {
    /// Number of leaves.
    pub size: u64,
    /// Root of their tree.
    pub root: Digest,
}

/// What is promised and durable.
#[derive(Debug)]
pub struct Book {
    /// The name of our log.
    pub origin: Origin,
    /// The number under which its leaf 0 is stored.
    pub first: u64,
    /// Our log. It may run ahead of the newest signed head by the leaves of the commit under way; whoever shows leaves shows
    /// them in the tree of a signed head.
    pub tree: Tree,
    /// Time of the newest leaf; leaf time never falls.
    pub last_time: Timestamp,
    /// Leaves up to the newest of which peers are to be told without being asked.
    pub loud: u64,
    channels: BTreeMap<ChannelKey, ChannelState>,
    heads: BTreeMap<Origin, PeerHead>,
    kept: BTreeMap<Origin, Frontier>,
    agreed_with: BTreeMap<Origin, Arc<Agreed>>,
}

impl Book {
    /// An empty book of a log whose leaf 0 is stored under `first`.
    pub fn new(origin: Origin, first: u64) -> Self {
        Self {
            origin,
            first,
            tree: Tree::default(),
            last_time: Timestamp::default(),
            loud: 0,
            channels: BTreeMap::new(),
            heads: BTreeMap::new(),
            kept: BTreeMap::new(),
            agreed_with: BTreeMap::new(),
        }
    }

    /// The state of a channel; a new one stands at 0 with X_0.
    pub fn channel(&self, key: &ChannelKey) -> ChannelState {
        self.channels.get(key).copied().unwrap_or_else(|| {
            let (from, to) = match key.direction {
                Direction::Out => (&self.origin, &key.peer),
                Direction::In => (&key.peer, &self.origin),
            };
            ChannelState { seq: 0, chain: chain::start(from, to, key.class), settled: 0 }
        })
    }

    /// Sets the state of a channel that a commit made durable.
    pub fn set_channel(&mut self, key: ChannelKey, state: ChannelState) {
        self.channels.insert(key, state);
    }

    /// Every channel with this peer's log, in order of direction and class.
    pub fn channels_with<'a>(&'a self, peer: &'a Origin) -> impl Iterator<Item = (&'a ChannelKey, &'a ChannelState)> {
        self.channels.iter().filter(move |(key, _)| key.peer == *peer)
    }

    /// Whether an item was ever exchanged with a country.
    pub fn has_exchanged(&self, peer: NodeId) -> bool {
        self.channels.iter().any(|(key, state)| key.peer.node() == peer && state.seq > 0)
    }

    /// Items logged as sent to a country and not yet receipted.
    pub fn owed(&self, peer: NodeId) -> u64 {
        let out = self.channels.iter().filter(|(k, _)| k.direction == Direction::Out && k.peer.node() == peer);
        out.map(|(_, state)| state.seq - state.settled).sum()
    }

    /// The newest verified head of a peer's log; size 0 before the first.
    pub fn head_of(&self, peer: &Origin) -> PeerHead {
        self.heads.get(peer).copied().unwrap_or(PeerHead { size: 0, root: Digest::of(b"") })
    }

    /// The newest verified head of every other log.
    pub fn heads(&self) -> impl Iterator<Item = (&Origin, PeerHead)> {
        self.heads.iter().map(|(log, head)| (log, *head))
    }

    /// Sets a peer's head that a commit made durable.
    pub fn set_head(&mut self, peer: Origin, head: PeerHead) {
        self.heads.insert(peer, head);
    }

    /// How far the entries of a peer's log are kept: at most to its newest verified head, and always to a head that it signed.
    pub fn kept_of(&self, peer: &Origin) -> Frontier {
        self.kept.get(peer).cloned().unwrap_or_default()
    }

    /// What we and a peer said to each other of agreements.
    pub fn agreed(&self, peer: &Origin) -> Arc<Agreed> {
        self.agreed_with.get(peer).cloned().unwrap_or_default()
    }

    /// What was said with every peer.
    pub fn agreed_with(&self) -> &BTreeMap<Origin, Arc<Agreed>> {
        &self.agreed_with
    }

    /// Sets what was said, as a commit made it durable.
    pub fn set_agreed(&mut self, peer: Origin, agreed: Arc<Agreed>) {
        self.agreed_with.insert(peer, agreed);
    }

    /// Sets how far a commit has kept a peer's entries.
    pub fn set_kept(&mut self, peer: Origin, kept: Frontier) {
        self.kept.insert(peer, kept);
    }
}
