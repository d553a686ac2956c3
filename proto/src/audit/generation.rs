//! Which log of the same node this one follows, and why that ended.

use super::codes;
use super::finding::{Finding, Findings};
use super::leaves::Leaves;
use super::{Log, comparable};
use crate::envelope::{self, Envelope};
use crate::exchange::KnownHead;
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::identity::{Incident, Reason, Role};
use crate::log::event::Event;
use prost::Message;
use std::collections::BTreeSet;

impl Leaves<'_> {
    /// Takes in a `generation-bump` leaf: it is the second one, K_id signed what it says, and it names who decided it.
    pub(super) fn bumped(&mut self, index: LogIndex, event: &Event) {
        match self.incident(index, event) {
            Ok(incident) => {
                self.say(index, event, codes::GENERATION_BUMPED, told(&incident));
                self.follows = Some(incident);
            }
            Err(why) => {
                let text = format!("leaf {} says that this log follows another one, and {why}", index.0);
                self.say(index, event, codes::GENERATION_UNEXPLAINED, text);
            }
        }
        self.bumped = true;
    }

    fn incident(&self, index: LogIndex, event: &Event) -> Result<Incident, String> {
        let statement =
            Envelope::decode(event.body.as_slice()).map_err(|_| "its statement cannot be read".to_owned())?;
        if envelope::digest(&statement) != event.object {
            return Err("its statement is not the one that the leaf names".into());
        }
        let incident = Incident::open(&statement, self.genesis.keys().id());
        let incident = incident.map_err(|bad| format!("its statement does not verify: {bad}"))?;
        if incident.origin != *self.genesis.origin() || incident.genesis != self.genesis_digest || index.0 != 1 {
            return Err("its statement is about another log, or not in its place".into());
        }
        if event.restricted == Digest::NONE {
            return Err("it commits to nobody who decided it".into());
        }
        Ok(incident)
    }

    /// A log of a later generation has such a leaf.
    pub(super) fn expect_bump(&mut self) {
        let generation = self.genesis.origin().generation();
        if generation > 1 && !self.bumped {
            let text = format!("this is log {generation} of its node, and no leaf says why the one before it ended");
            self.out.add(Finding::new(codes::GENERATION_UNEXPLAINED, text));
        }
    }
}

fn told(incident: &Incident) -> String {
    let Incident { previous, reason, stored, shown, .. } = incident;
    let newest = match incident.answered() {
        Some(head) => format!("the newest head that peers had is of {} leaves with the root {}", head.size, head.root),
        None => "no peer had a head of it".to_owned(),
    };
    let shown =
        shown.map_or_else(|| "what was shown is not known".to_owned(), |shown| format!("{} were shown", shown.size));
    format!("follows {previous}, which ended ({reason}): {newest}; its store had {} leaves, and {shown}", stored.size)
}

/// Two logs of one node, of which `log` says that it follows the other: what it says of that is compared with its bundle. Whether it says so.
pub(super) fn one_node(log: &Log, before: &Log, out: &mut Findings) -> bool {
    let Some(incident) = log.follows.as_ref().filter(|_| log.follows(before)) else { return false };
    comparable::one_identity(log, before, out);
    // Beyond the bundle, the log may have had another key since, which goes on in the next one.
    let since = |size: TreeSize| log.genesis.keys().get(Role::Log).filter(|_| size > before.tree.size()).copied();
    let mut unexplained = |why: &str| {
        let text = format!("{} follows {}, {why}", log.origin, before.origin);
        out.add(Finding::new(codes::GENERATION_UNEXPLAINED, text).of(&log.origin));
    };
    if !incident.is_headed(|size| before.history.at(Role::Log, size).into_iter().chain(since(size)).collect()) {
        unexplained("which did not sign the newest head that its peers are said to have had");
    }
    if let Some(role) = before.history.names_again(log.genesis.keys()) {
        unexplained(&format!("which has revoked the key that it names as its {role} key"));
    }
    let root = |size| before.tree.root_at(TreeSize(size));
    let differs = |known: KnownHead| root(known.size).is_some_and(|root| root != known.root);
    // Of a store that was not the beginning of what was signed, the bundle may be either.
    let stored = (incident.reason != Reason::NotAPrefix).then_some(incident.stored);
    for known in stored.into_iter().chain(incident.answered()).filter(|known| differs(*known)) {
        let text = format!(
            "{} says that {} had {} leaves with the root {}, and the bundle of that log has another root there",
            log.origin, before.origin, known.size, known.root
        );
        out.add(Finding::new(codes::GENERATION_UNEXPLAINED, text).of(&log.origin).at(LogIndex(known.size)));
    }
    true
}

/// What another country holds of the log that ended, against what is said that its peers had.
pub(super) fn shown_to_others(log: &Log, holder: &Log, out: &mut Findings) {
    let Some(incident) = &log.follows else { return };
    let had = incident.answered().map_or(0, |head| head.size).max(incident.stored.size);
    let newest = holder.heads.get(&incident.previous).and_then(|heads| heads.last()).map_or(0, |(size, _)| *size);
    // A peer that did not answer may hold more.
    if newest > had && incident.reason != Reason::PeersUnreachable {
        let text = format!(
            "{} says that its peers had {had} leaves of {}, and {} holds a head of {newest}",
            log.origin, incident.previous, holder.origin
        );
        out.add(Finding::new(codes::GENERATION_UNEXPLAINED, text).of(&log.origin).with(&holder.origin));
    }
}

/// Why a log began is said once: everybody who knows it was told the same, and the same as stands in it.
pub(super) fn told_otherwise(a: &Log, b: &Log, out: &mut Findings) {
    let mut known: BTreeSet<&Origin> = a.peers.origins().chain(b.peers.origins()).collect();
    known.extend([&a.origin, &b.origin]);
    for log in known {
        let (one, other) = (said(a, log), said(b, log));
        if !one.is_empty() && !other.is_empty() && one != other {
            let text = format!("{} and {} have two different statements of why {log} began", a.origin, b.origin);
            out.add(Finding::new(codes::GENERATION_DIFFERS, text).of(log));
        }
    }
}

fn said<'a>(at: &'a Log, log: &Origin) -> &'a [Incident] {
    if at.origin == *log { at.follows.as_slice() } else { at.peers.why(log) }
}
