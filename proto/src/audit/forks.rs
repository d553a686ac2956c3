//! Proofs in a log that another one was forked: each holds under a key that the log had pinned, lies in the bundle for others to use,
//! and has consequences.

use super::codes;
use super::files::Files;
use super::finding::Finding;
use super::layout::{self, Scope, fork_folder};
use super::leaves::Leaves;
use super::source::Unreadable;
use crate::id::{Digest, LogIndex, Origin};
use crate::identity::Role;
use crate::log::event::{Direction, Event, Kind};
use crate::log::fork::Claim;
use std::collections::BTreeSet;

/// What the leaves say of forked logs.
#[derive(Debug, Default)]
pub(super) struct Forks {
    claims: Vec<Claim>,
    frozen: BTreeSet<Origin>,
}

impl Forks {
    /// Whether a log is frozen: it, or an earlier one of its node.
    fn freeze(&self, log: &Origin) -> bool {
        self.frozen.iter().any(|frozen| frozen.is_of_node(log) && frozen.generation() <= log.generation())
    }
}

impl Leaves<'_> {
    /// Takes in a leaf about a forked log, or about anything taken from one.
    pub(super) fn take_fork(&mut self, index: LogIndex, event: &Event) {
        let Some(peer) = &event.peer else { return };
        match event.kind {
            Kind::MISBEHAVIOUR => self.accuse(index, event),
            Kind::UNFREEZE => drop(self.forks.frozen.remove(peer)),
            _ if event.direction == Direction::In && event.class > 0 && self.forks.freeze(peer) => {
                let text = format!(
                    "the log knew that {peer}, or one that it follows, was forked, and still took this from it"
                );
                self.say(index, event, codes::FROZEN_IGNORED, text);
            }
            _ => {}
        }
    }

    fn accuse(&mut self, index: LogIndex, event: &Event) {
        let named = Claim::read(&event.body).filter(|claim| event.peer.as_ref() == Some(claim.origin()));
        let Some(claim) = named.filter(|_| event.object == Digest::of(&event.body)) else {
            self.say(
                index,
                event,
                codes::LEAF_MALFORMED,
                "a `misbehaviour` leaf does not hold the proof that it names",
            );
            return;
        };
        let log = claim.origin().clone();
        let own = (log == *self.genesis.origin()).then(|| self.history.at(Role::Log, claim.size()));
        let pinned = self.peers.get(&log).map(|pinned| pinned.log_keys(claim.size()));
        let keys = own.or(pinned).unwrap_or_default();
        self.forks.claims.push(claim.clone());
        match claim.prove(&keys) {
            Ok(fork) => {
                let text = format!("{log} signed two different roots of {} leaves", fork.claim().size().0);
                self.out.add(Finding::new(codes::SPLIT_VIEW, text).of(&log));
                self.forks.frozen.insert(log);
            }
            // Whose keys these are is not shown to everybody; of a log that ended, a log that begins later may never have said it.
            Err(_) if keys.is_empty() && (self.scope != Scope::National || self.peers.knows_later(&log)) => {}
            Err(bad) => {
                self.say(index, event, codes::EVIDENCE_INVALID, format!("{log} is accused of a fork: {bad}"));
            }
        }
    }
}

/// Compares the proofs that lie in the bundle with those that leaves name.
pub(super) fn files(files: &mut Files<'_>, leaves: &mut Leaves<'_>) -> Result<(), Unreadable> {
    for claim in std::mem::take(&mut leaves.forks.claims) {
        let folder = fork_folder(&Digest::of(&claim.write()));
        for (place, note) in claim.notes().iter().enumerate() {
            let path = format!("{folder}/{}", place + 1);
            let bytes = files.require(&path, leaves.out)?;
            if bytes.is_some_and(|bytes| bytes != note.write().as_bytes()) {
                files.lose(&path, "is not the head that a leaf names", leaves.out);
            }
        }
    }
    for path in files.under(&format!("{}/", layout::EVIDENCE)) {
        files.take(&path, leaves.out)?;
        if leaves.unknown.is_empty() {
            files.lose(&path, "is named by no leaf", leaves.out);
        }
    }
    Ok(())
}
