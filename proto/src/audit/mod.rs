//! What an auditor does with a bundle, offline: [`verify`] one, [`reconcile`] two, and [`Writer`], by which a node
//! writes one.
//!
//! In: everything that follows from the bytes of a bundle, an identity that the reader trusts, and heads that peers hold.
//! Out: reading and writing files (the caller's, through [`BundleSource`] and [`BundleSink`]), printing, and fetching what is
//! missing, and threads (the caller's, through [`Crew`]). Files are read one after the other; what is kept of a log is at most
//! about 120 bytes a leaf, never what was exchanged.

mod age;
mod block;
mod channels;
pub mod codes;
mod comparable;
mod crew;
mod dating;
mod erased;
mod explain;
mod files;
mod finding;
mod forgotten;
mod forks;
mod generation;
mod heads;
mod items;
mod layout;
mod leaves;
mod overdue;
mod own;
mod partly;
mod payload;
mod peers;
mod queries;
mod receipts;
mod reconcile;
mod sent;
mod shown;
mod source;
mod tree;
mod views;
mod witnesses;
mod writer;

pub use age::{STALE, age};
pub use channels::{Channel, Item};
pub use comparable::{Incomparable, incomparable};
pub use crew::{Alone, Crew, Task};
pub use explain::{Proof, Who, explain, find};
pub use finding::{Code, Finding, Severity};
pub use layout::{Listed, Manifest, Scope, manifest_key_name, read_list, write_list};
pub use receipts::extract as receipt;
pub use reconcile::reconcile;
pub use source::{BundleSink, BundleSource, MemoryBundle, Unreadable};
pub use writer::{NotWritten, Writer};

use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{Genesis, History, Incident};
use crate::log::tree::Tree;
use crate::time::Timestamp;
use dating::Brackets;
use files::Files;
use finding::Findings;
use forgotten::Forgotten;
use heads::Heads;
use leaves::{Held, Leaves};
use overdue::Erasures;
use own::Own;
use peers::Peers;
use receipts::Receipts;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the reader brings besides the bundle.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Identities that the reader trusts; with none, the first finding says so.
    pub trusted: Vec<Trusted>,
    /// Heads of this log that peers hold, as notes.
    pub views: Vec<Vec<u8>>,
}

/// An identity that the reader compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trusted {
    /// Whose it is. A fingerprint alone does not say; it vouches for the first log whose genesis has it, see
    /// [`Given::bind`].
    pub origin: Option<Origin>,
    /// SHA-256 of K_id.
    pub fingerprint: Digest,
}

impl Given {
    /// Binds the fingerprint of a log to that log: it vouches for no other from now on.
    pub fn bind(&mut self, log: &Log) {
        let fingerprint = log.genesis.keys().id().fingerprint();
        for trusted in self.trusted.iter_mut().filter(|trusted| trusted.fingerprint == fingerprint) {
            trusted.origin.get_or_insert_with(|| log.origin.clone());
        }
    }

    /// Whether the reader trusts that this is the log that it says it is. Where one identity is known for an origin, no
    /// other is believed; else one that is known for an earlier log of the same node will do.
    fn trusts(&self, genesis: &Genesis) -> bool {
        let (log, fingerprint) = (genesis.origin(), genesis.keys().id().fingerprint());
        let of_log = |trusted: &&Trusted| trusted.origin.as_ref() == Some(log);
        let of_node = |trusted: &Trusted| trusted.origin.as_ref().is_none_or(|origin| origin.is_of_node(log));
        match self.trusted.iter().find(of_log) {
            Some(_) => self.trusted.contains(&Trusted { origin: Some(log.clone()), fingerprint }),
            None => self.trusted.iter().any(|trusted| of_node(trusted) && trusted.fingerprint == fingerprint),
        }
    }
}

/// A bundle that was verified, whatever was found.
#[derive(Debug)]
pub struct Audit {
    /// What was found.
    pub findings: Vec<Finding>,
    /// The log, if there was one to read.
    pub log: Option<Log>,
}

impl Audit {
    /// Whether nothing is wrong. Notes do not count.
    pub fn is_clean(&self) -> bool {
        self.log.is_some() && self.findings.iter().all(|finding| finding.code.severity == Severity::Note)
    }
}

/// What a bundle says of a log, as far as it could be read.
#[derive(Debug)]
pub struct Log {
    /// Whose it is.
    pub origin: Origin,
    /// Network, mode and keys.
    pub genesis: Genesis,
    /// For whom the bundle is.
    pub scope: Scope,
    /// How much was checked.
    pub counts: Counts,
    /// Why the log that it follows ended.
    follows: Option<Incident>,
    history: Arc<History>,
    pub(super) tree: Tree,
    pub(super) channels: BTreeMap<Channel, Vec<Item>>,
    peers: Peers,
    pub(super) heads: BTreeMap<Origin, Vec<(u64, Digest)>>,
    /// Leaves that should be readable and are not, in order.
    unread: Vec<LogIndex>,
    /// By channel, the newest number whose receipt the log says is held.
    pub(super) held: BTreeMap<Channel, u64>,
    own: Own,
    brackets: Brackets,
    /// Whether the times that it gives contradict other evidence.
    pub(super) misdated: bool,
    erasures: Erasures,
    forgotten: Vec<Forgotten>,
}

impl Log {
    /// Leaves in the bundle.
    pub fn size(&self) -> TreeSize {
        self.tree.size()
    }

    /// Whether it says that it follows this one.
    fn follows(&self, before: &Self) -> bool {
        self.follows.as_ref().is_some_and(|incident| incident.previous == before.origin)
    }

    /// Every channel with its items, by number.
    pub fn channels(&self) -> impl Iterator<Item = (&Channel, &[Item])> {
        self.channels.iter().map(|(channel, items)| (channel, items.as_slice()))
    }
}

/// How much was checked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Leaves that were opened.
    pub opened: u64,
    /// Signed heads whose root was compared.
    pub heads: u64,
    /// Envelopes whose digest, signature and rules were checked.
    pub envelopes: u64,
    /// Receipts that verify.
    pub receipts: u64,
    /// Sharing decisions that are the ones the leaves name; a bundle need not show them.
    pub decisions: u64,
    /// Time of the newest leaf.
    pub until: Option<Timestamp>,
    /// By when a quorum of its witnesses had cosigned a head last.
    pub quorum: Option<Timestamp>,
}

/// Verifies a bundle. An error means that the source could not be read, and says nothing about the bundle.
pub fn verify(source: &dyn BundleSource, given: &Given) -> Result<Audit, Unreadable> {
    verify_with(source, given, &Alone)
}

/// As [`verify`], with others to do what can be checked beside.
pub fn verify_with(source: &dyn BundleSource, given: &Given, crew: &dyn Crew) -> Result<Audit, Unreadable> {
    let mut out = Findings::default();
    let log = read(source, given, crew, &mut out)?;
    Ok(Audit { findings: out.finish(), log })
}

fn read(
    source: &dyn BundleSource,
    given: &Given,
    crew: &dyn Crew,
    out: &mut Findings,
) -> Result<Option<Log>, Unreadable> {
    let Some(mut files) = Files::open(source, crew, out)? else { return Ok(None) };
    let genesis = files.genesis.clone();
    views::identity(&genesis, given, out);
    let Some(tree::Read { tree, head, untimely }) = tree::read(&mut files, out)? else { return Ok(None) };
    let before_leaves = out.place();
    let texts = views::agreements(&mut files, out)?;
    let mut leaves = Leaves::read(&mut files, (&genesis, texts), &tree, out)?;
    // Who cosigned a head is known by the policies in the leaves.
    leaves.out.stand(Some(before_leaves));
    let heads = Heads::read(&mut files, &tree, (&head, untimely), &leaves.own, given, leaves.out)?;
    leaves.out.stand(None);
    let receipts = Receipts::read(&mut files, &mut leaves)?;
    let witnessed = &heads.witnessed;
    witnessed.tail(&leaves.own, leaves.out);
    witnessed.order(&leaves.own, leaves.out);
    let brackets = Brackets::new(&leaves.own, witnessed, receipts.known);
    let misdated = brackets.judge(&leaves.own, leaves.out);
    std::mem::take(&mut leaves.queries).finish(leaves.last_time(), leaves.out);
    forks::files(&mut files, &mut leaves)?;
    let counts = Counts {
        opened: leaves.opened,
        heads: heads.count(),
        envelopes: leaves.items.envelopes,
        receipts: receipts.count,
        decisions: leaves.decisions,
        until: leaves.last_time(),
        quorum: witnessed.quorum().values().copied().max(),
    };
    let Leaves { out, scope, peers, channels, held, policy, own, erasures, forgotten, unknown, follows, .. } = leaves;
    views::policy(&mut files, policy.as_deref(), &head, !unknown.is_empty(), out)?;
    files.rest(out)?;
    out.bracket(genesis.origin(), |index| brackets.of(index));
    let newest = |held: Vec<Held>| held.last().map_or(0, |held| held.seq);
    Ok(Some(Log {
        origin: genesis.origin().clone(),
        scope,
        counts,
        follows,
        channels: channels.into_inner(),
        peers,
        heads: receipts.heads,
        unread: unknown,
        held: held.into_iter().map(|(channel, held)| (channel, newest(held))).collect(),
        own,
        brackets,
        misdated,
        erasures,
        forgotten,
        tree,
        genesis,
        history: files.history,
    }))
}

#[cfg(test)]
mod tests;
