//! What peers tell each other of other logs. What is signed by a log's key and contradicts a head that we hold proves a fork, and
//! nobody else can make that; what we cannot connect with ours, or cannot check because a key is not known here, is asked of that
//! log's own node. What stays unconnected for long is an alarm that names who told it (docs/protocol.md, "Gossip").
//!
//! In: weighing what came, and what is to be told. Out: when frames go ([`super::connection`]), what a fork does ([`super::fork`]).

use super::Node;
use super::deliver::{Broken, consistency};
use super::desk::head_row;
use super::ended::{self, Doubt, LogKeys};
use super::fork;
use super::ledger::{Changes, Ledger};
use crate::port::{Peer, StoreError};
use crate::state::hearsay::{Hearsay, Open};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use varde_proto::exchange::{BadProof, Gossip, Joined, KnownHead, LogHead, check_signature};
use varde_proto::id::{Digest, NodeId, Origin, TreeSize};
use varde_proto::identity::{History, Role};
use varde_proto::limits;
use varde_proto::log::fork::{Claim, Fork};
use varde_proto::log::head::{Head, own_lines};
use varde_proto::log::merkle;
use varde_proto::log::note::{Note, SignatureLine};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Checkpoint;

/// What this node was told of other logs since it started; peers tell it again on every connection.
#[derive(Debug)]
pub struct Memory {
    hearsay: Mutex<Hearsay>,
    changes: broadcast::Sender<()>,
    /// How long a head may stay unconnected before it is an alarm.
    after: Duration,
}

impl Memory {
    /// Nothing was told yet.
    pub fn new(after: Duration) -> Self {
        Self { hearsay: Mutex::default(), changes: broadcast::Sender::new(1), after }
    }

    fn hearsay(&self) -> MutexGuard<'_, Hearsay> {
        self.hearsay.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whenever a log is frozen or dealt with again.
    pub(super) fn changes(&self) -> Changes {
        Changes::of(Some(&self.changes))
    }

    pub(super) fn wake(&self) {
        // Nobody is connected, perhaps.
        let _ = self.changes.send(());
    }

    /// A log is proven to be forked: nothing that was told of it is open any more.
    pub(super) fn forked(&self, log: &Origin) {
        self.hearsay().forget(log);
        self.wake();
    }
}

/// A head that was not connected in time: nobody has shown that it and what we verified are of one log; or one of a log that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// What is wrong with it.
    pub doubt: Doubt,
    /// Who told of it; the log's own node, if it showed it itself.
    pub teller: NodeId,
    /// Whose head it is.
    pub log: Origin,
    /// The head.
    pub head: KnownHead,
    /// When we were told.
    pub since: Timestamp,
}

/// The heads that have been unconnected for too long: of each log and teller the oldest that is in doubt.
pub fn divergences(node: &Node) -> Vec<Divergence> {
    let overdue: Vec<(Origin, NodeId, Open)> = {
        let (hearsay, now) = (node.gossip.hearsay(), node.clock.now());
        let overdue = hearsay.overdue(now, node.gossip.after).into_iter();
        overdue.map(|(log, teller, open)| (log.clone(), teller, open.clone())).collect()
    };
    let mut all: Vec<Divergence> = Vec::new();
    for (log, teller, open) in overdue {
        if all.last().is_some_and(|last| last.log == log && last.teller == teller) {
            continue;
        }
        // What cannot be read explains nothing.
        let doubt = ended::doubt(node, &log, &open).unwrap_or(Some(Doubt::Apart));
        let Open { head, since, .. } = open;
        all.extend(doubt.map(|doubt| Divergence { doubt, teller, log, head, since }));
    }
    all
}

/// What a frame's gossip leads to.
#[derive(Debug, Default)]
pub(super) struct Heard {
    /// Proofs that are new here.
    pub(super) forks: Vec<Fork>,
    /// Sizes of heads of ours that the peer wants to see connected.
    pub(super) asked: Vec<u64>,
}

/// Weighs what a peer says of other logs; `head` is its own, verified and connected with what we knew. What no honest node passes on
/// ends the connection. What is not by a key that is in force here is open like what cannot be connected: keys change at different
/// times in different places, and a log that shows two faces may have shown us one of its keys and others another.
pub(super) fn weigh(node: &Node, peer: &Peer, gossip: Gossip, head: &Head) -> Result<Heard, Broken> {
    let Gossip { your_log: _, others, asked, joined, forks } = gossip;
    let mut heard = Heard::default();
    connect(node, peer, head, &joined);
    for LogHead { origin, checkpoint } in others {
        let Some(keys) = ended::keys(node, &origin)?.filter(|_| origin != node.me.origin) else { continue };
        // What we hold already needs no second check of its signature, and that is most of what is told.
        if is_held(&node.ledger, &origin, &checkpoint)? || fork::is_frozen(&node.ledger, &origin)? {
            continue;
        }
        if own_lines(&checkpoint, &origin).next().is_none() {
            return Err(Broken::Leaf("gossip-forged"));
        }
        let told = signed(&checkpoint, &keys).map(|told| judge(&node.ledger, &told, &keys)).transpose()?;
        match told.unwrap_or(Verdict::Open) {
            Verdict::Known => {}
            Verdict::Forked(fork) => heard.forks.push(*fork),
            Verdict::Open => hear(node, peer.origin.node(), &origin, checkpoint),
        }
    }
    for checkpoint in asked {
        answer(node, peer, &checkpoint, &mut heard)?;
    }
    for claim in forks {
        let Some(keys) = ended::keys(node, claim.origin())? else { continue };
        heard.forks.extend(proven(node, peer, claim, &keys)?);
    }
    Ok(heard)
}

/// What a proof proves here. One that is by no key that is in force here may be one elsewhere: its heads are open.
fn proven(node: &Node, peer: &Peer, claim: Claim, keys: &LogKeys) -> Result<Option<Fork>, Broken> {
    let log = claim.origin().clone();
    let heads: Vec<Checkpoint> = claim.notes().iter().filter_map(as_told).collect();
    if heads.iter().any(|head| own_lines(head, &log).next().is_none()) {
        return Err(Broken::Leaf("evidence-forged"));
    }
    let valid = keys.at(claim.size());
    if let Ok(fork) = claim.prove(&valid) {
        return Ok(Some(fork));
    }
    for head in heads {
        let known = is_held(&node.ledger, &log, &head)? || fork::is_frozen(&node.ledger, &log)?;
        if !known && log != node.me.origin {
            hear(node, peer.origin.node(), &log, head);
        }
    }
    Ok(None)
}

fn as_told(note: &Note) -> Option<Checkpoint> {
    let head = varde_proto::log::Checkpoint::parse(note.text()).ok()?;
    let signatures = note.signatures().iter().map(SignatureLine::to_wire).collect();
    Some(Checkpoint { size: head.size().0, root: Bytes::copy_from_slice(&head.root().0), signatures })
}

/// A head that nobody has connected with what we verified.
fn hear(node: &Node, teller: NodeId, log: &Origin, told: Checkpoint) {
    // A root of another length is no head of any log: whoever told it has told nothing.
    let Some(root) = Digest::from_bytes(&told.root) else { return };
    let head = KnownHead { size: told.size, root };
    let signatures = own_lines(&told, log).cloned().collect();
    let checkpoint = Checkpoint { signatures, ..told };
    node.gossip.hearsay().hear(log, teller, Open { head, checkpoint, since: node.clock.now() });
}

/// A peer showed a head of its own that does not extend the one before. Two heads of one size prove a fork; anything else is to
/// be explained by its node, and the connection ends either way.
pub(super) fn contradicted(node: &Node, keys: &History, checkpoint: &Checkpoint, bad: BadProof) -> Broken {
    let valid = keys.at(Role::Log, TreeSize(checkpoint.size));
    let Ok(head) = check_signature(checkpoint, keys.origin(), &valid) else { return Broken::Proof(bad) };
    match judge(&node.ledger, &head, &LogKeys::of(keys)) {
        Ok(Verdict::Forked(fork)) => Broken::Forked(fork),
        Ok(Verdict::Open) => {
            hear(node, keys.origin().node(), keys.origin(), head.to_wire());
            Broken::Proof(bad)
        }
        Ok(Verdict::Known) => Broken::Proof(bad),
        Err(failure) => Broken::Store(failure),
    }
}

/// A signed head of a peer's on the way to the newest one that we verified must be the one of its size that we hold, if we do.
pub(super) fn stands(node: &Node, keys: &History, checkpoint: &Checkpoint) -> Result<(), Broken> {
    let keys = LogKeys::of(keys);
    match signed(checkpoint, &keys).map(|head| judge(&node.ledger, &head, &keys)).transpose()? {
        Some(Verdict::Forked(fork)) => Err(Broken::Forked(fork)),
        _ => Ok(()),
    }
}

/// Takes off what a verified head, and the proofs that came with it, connect.
fn connect(node: &Node, peer: &Peer, head: &Head, joined: &[Joined]) {
    let mut hearsay = node.gossip.hearsay();
    let (size, root) = (head.size(), head.root());
    hearsay.settle(&peer.origin, size.0, root);
    let open: Vec<(TreeSize, Digest)> =
        hearsay.open(&peer.origin).iter().map(|o| (TreeSize(o.head.size), o.head.root)).collect();
    for (old, told) in open {
        let proofs = joined.iter().filter(|joined| joined.size == old.0);
        let holds = |joined: &Joined| merkle::verify_consistency(old, size, &told, &root, &joined.consistency).is_ok();
        if proofs.into_iter().any(holds) {
            hearsay.settle(&peer.origin, old.0, told);
        }
    }
}

/// A peer was told of a head of ours. We show that it is one, whoever signed it; or it is not, and the key that signs our heads
/// signed it all the same. What is neither is somebody's invention.
fn answer(node: &Node, peer: &Peer, checkpoint: &Checkpoint, heard: &mut Heard) -> Result<(), Broken> {
    let (keys, size) = (LogKeys::of(&node.keys.history()), TreeSize(checkpoint.size));
    let ours = if size <= node.ledger.head().size() { node.ledger.book().tree.root_at(size) } else { None };
    if ours.is_some_and(|root| root.0[..] == checkpoint.root[..]) {
        heard.asked.push(size.0);
        return Ok(());
    }
    let Some(told) = signed(checkpoint, &keys) else { return Ok(()) };
    match ours {
        Some(_) => heard.forks.extend(Fork::of(&node.ledger.head_at(size.0)?, &told, &keys.at(size))),
        // Signed by our key, and beyond what this log holds: the store went back, or the key is used elsewhere.
        None => hear(node, peer.origin.node(), &node.me.origin, told.to_wire()),
    }
    Ok(())
}

/// A head, if it is signed by a key of the log that we know to be valid at its size. A line that claims such a key and does not
/// verify convicts nobody: keys can be ground to share an id, and then whoever told of it has verified it by the other one.
pub(super) fn signed(checkpoint: &Checkpoint, keys: &LogKeys) -> Option<Head> {
    let valid = keys.at(TreeSize(checkpoint.size));
    Head::from_wire(checkpoint, keys.log(), &valid).ok()
}

enum Verdict {
    Known,
    Forked(Box<Fork>),
    Open,
}

/// Compares a signed head with the one of its size that we hold.
fn judge(ledger: &Ledger, told: &Head, keys: &LogKeys) -> Result<Verdict, StoreError> {
    Ok(match held(ledger, told.size().0, keys)? {
        Some(held) if held.root() == told.root() => Verdict::Known,
        Some(held) => {
            Fork::of(&held, told, &keys.at(told.size())).map_or(Verdict::Open, |fork| Verdict::Forked(Box::new(fork)))
        }
        None => Verdict::Open,
    })
}

/// A head of a log that we verified, as its log signed it; nothing where it was signed by a key that is not known any more.
fn held(ledger: &Ledger, size: u64, keys: &LogKeys) -> Result<Option<Head>, StoreError> {
    let (value, valid) = (ledger.get(&head_row(keys.log(), size))?, keys.at(TreeSize(size)));
    Ok(value.and_then(|value| Head::from_note(value.get(32..)?, keys.log(), &valid).ok()))
}

/// Whether we hold this very head: the row begins with its root.
fn is_held(ledger: &Ledger, log: &Origin, told: &Checkpoint) -> Result<bool, StoreError> {
    let value = ledger.get(&head_row(log, told.size))?;
    Ok(value.is_some_and(|value| value.get(..32) == Some(&told.root[..])))
}

/// A head that we verified when it was kept, as it is told to others.
fn kept(ledger: &Ledger, log: &Origin, size: u64) -> Result<Option<Checkpoint>, StoreError> {
    let Some(value) = ledger.get(&head_row(log, size))? else { return Ok(None) };
    let unreadable = || StoreError::Damaged(format!("the row of the head of {log} with {size} leaves cannot be read"));
    let (root, note) = value.split_at_checked(32).ok_or_else(unreadable)?;
    let note = Note::parse(note).map_err(|_| unreadable())?;
    // Who else cosigned it is not ours to tell.
    let own = note.signatures().iter().filter(|line| line.name() == log.as_str());
    let signatures = own.map(SignatureLine::to_wire).collect();
    Ok(Some(Checkpoint { size, root: Bytes::copy_from_slice(root), signatures }))
}

/// What one peer was told on this connection.
#[derive(Debug, Default)]
pub(super) struct Told {
    heads: BTreeMap<Origin, u64>,
    forks: BTreeSet<Digest>,
    /// Its own heads about which it was asked, of those that are open still.
    asked: BTreeSet<(u64, Digest)>,
}

impl Told {
    /// What is new for this peer of other logs, and what we ask it; from now on it was told. Frozen logs are told of by their proof
    /// alone.
    pub(super) fn news(&mut self, node: &Node, peer: &Peer) -> Result<Gossip, StoreError> {
        let known = node.ledger.book().head_of(&peer.origin);
        let mut news = Gossip::none(KnownHead { size: known.size, root: known.root });
        let others = node.peers.borrow().clone();
        let others = others.values().map(|other| &other.origin).filter(|other| **other != peer.origin);
        // Of each country also the log that ended last: where two faces of it were shown, its new name is no way out.
        for origin in others.flat_map(|other| [Some(other.clone()), ended::before(other)]).flatten() {
            let size = node.ledger.book().head_of(&origin).size;
            let new = size > self.heads.get(&origin).copied().unwrap_or_default();
            if !new || news.others.len() == limits::PEERS || fork::is_frozen(&node.ledger, &origin)? {
                continue;
            }
            self.heads.insert(origin.clone(), size);
            if let Some(checkpoint) = kept(&node.ledger, &origin, size)? {
                news.others.push(LogHead { origin, checkpoint });
            }
        }
        news.asked = self.questions(node, peer);
        news.forks = self.forks(node, peer)?;
        Ok(news)
    }

    /// Heads of this peer's that are open and that it was not asked about. Asked once on a connection: it answers when it can, and a
    /// question at every heartbeat would keep both sides at the pace of heads that come alone.
    fn questions(&mut self, node: &Node, peer: &Peer) -> Vec<Checkpoint> {
        let hearsay = node.gossip.hearsay();
        let open = hearsay.open(&peer.origin);
        let name = |open: &Open| (open.head.size, open.head.root);
        self.asked.retain(|asked| open.iter().any(|open| name(open) == *asked));
        let mut news: Vec<&Open> = open.into_iter().filter(|open| !self.asked.contains(&name(open))).collect();
        news.truncate(limits::GOSSIP);
        self.asked.extend(news.iter().map(|open| name(open)));
        news.into_iter().map(|open| open.checkpoint.clone()).collect()
    }

    /// Proofs that this peer was not told.
    fn forks(&mut self, node: &Node, peer: &Peer) -> Result<Vec<Claim>, StoreError> {
        let mut news = Vec::new();
        for (log, standing, claim) in fork::all(&node.ledger)? {
            let new = standing.frozen && log != peer.origin && !self.forks.contains(&standing.evidence);
            if new && news.len() < limits::GOSSIP {
                self.forks.insert(standing.evidence);
                news.push(claim);
            }
        }
        Ok(news)
    }
}

/// What connects the heads that a peer asked about with ours of `size`.
pub(super) fn joined(ledger: &Ledger, asked: &BTreeSet<u64>, size: u64) -> Vec<Joined> {
    let book = ledger.book();
    let asked = asked.iter().filter(|asked| (1..=size).contains(*asked)).take(limits::GOSSIP);
    asked.map(|asked| Joined { size: *asked, consistency: consistency(&book, *asked, size) }).collect()
}
