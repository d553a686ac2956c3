//! Whether two bundles can be compared item by item, and if not: why, and what to ask for.
//!
//! That they cannot is said of the reader's choice of bundles, never of a country; so a country that has something to hide
//! would like it said. It can have a bundle made for another peer, or strip or rename its log. Against that:
//!
//! - whatever can be compared all the same is compared first (heads that one holds of the other, keys under which one pinned
//!   the other, two bundles of one log), and what is found stands beside the reason;
//! - one item at either side is enough to compare: where one log has entries and the other none, that is a finding;
//! - a bundle that cannot be read is a finding of its own and is never excused by this page.
//!
//! What remains is a reason that names the bundle to ask for; it is said aloud and never counts as agreement.

use super::codes;
use super::finding::{Finding, Findings};
use super::{Audit, Log};
use crate::id::Origin;
use crate::identity::mode;

/// Why two bundles cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomparable {
    /// What stands in the way.
    pub why: String,
    /// Which bundles to give instead.
    pub next: String,
}

impl Incomparable {
    fn new(why: impl Into<String>, next: impl Into<String>) -> Self {
        Self { why: why.into(), next: next.into() }
    }
}

/// Why these bundles cannot be compared item by item; `None` where they can.
pub fn incomparable(a: &Audit, b: &Audit) -> Option<Incomparable> {
    let (Some(a), Some(b)) = (&a.log, &b.log) else {
        return Some(Incomparable::new("a bundle cannot be read as one", "ask for it again, and verify it by itself"));
    };
    if a.follows(b) || b.follows(a) { None } else { between(a, b) }
}

pub(super) fn between(a: &Log, b: &Log) -> Option<Incomparable> {
    if a.origin == b.origin {
        let why = format!("both bundles are of {}", a.origin);
        return Some(Incomparable::new(why, "give the bundles of two countries that exchange with each other"));
    }
    if a.origin.network() != b.origin.network() {
        let why = format!("{} and {} are of different networks", a.origin, b.origin);
        return Some(Incomparable::new(why, "give the bundles of two nodes of one network"));
    }
    if a.genesis.mode() != b.genesis.mode() {
        let [of_a, of_b] = [a, b].map(|log| format!("{} is of mode {}", log.origin, mode::name(log.genesis.mode())));
        return Some(Incomparable::new(format!("{of_a}, and {of_b}"), "give the bundles of two nodes of one mode"));
    }
    for (log, other) in [(a, b), (b, a)] {
        if !log.scope.concerns(&other.origin) {
            let (own, other) = (log.origin.node(), other.origin.node());
            let why = format!("the bundle of {own} was made {}, and leaves {other} out", log.scope);
            let next = format!("ask {own} for its whole bundle, or for the one of `varde log export --for {other}`");
            return Some(Incomparable::new(why, next));
        }
    }
    if exchanged_nothing(a, b) && !(a.peers.get(&b.origin).is_some() && b.peers.get(&a.origin).is_some()) {
        let (a, b) = (&a.origin, &b.origin);
        let why = format!("{a} and {b} have exchanged nothing, and did not both know each other");
        let next = "give the bundles of two countries that exchange with each other, or newer ones";
        return Some(Incomparable::new(why, next));
    }
    None
}

/// Whether neither log has an item to or from the other. Between peers that know each other, that is what the two logs agree on.
pub(super) fn exchanged_nothing(a: &Log, b: &Log) -> bool {
    !names_items_of(a, b) && !names_items_of(b, a)
}

fn names_items_of(log: &Log, other: &Log) -> bool {
    log.channels.iter().any(|(channel, items)| channel.peer == other.origin && !items.is_empty())
}

/// Two bundles of one log: the shorter is the beginning of the longer, or the log was shown in two ways.
pub(super) fn one_log(a: &Log, b: &Log, out: &mut Findings) {
    if !one_identity(a, b, out) {
        return;
    }
    let (short, long) = if a.size() <= b.size() { (a, b) } else { (b, a) };
    let size = short.size();
    if long.tree.root_at(size) != short.tree.root_at(size) {
        let code = if long.size() == size { codes::SPLIT_VIEW } else { codes::REWRITTEN };
        let text = format!("the two bundles of {} differ in their first {} leaves", a.origin, size.0);
        out.add(Finding::new(code, text).of(&a.origin));
    }
}

/// Whether two bundles of one node are of one identity.
pub(super) fn one_identity(a: &Log, b: &Log, out: &mut Findings) -> bool {
    let is_one = a.genesis.keys().id() == b.genesis.keys().id();
    if !is_one {
        let node = a.origin.node();
        let text = format!(
            "both bundles say that they are of {node} ({}, {}), under different identity keys",
            a.origin, b.origin
        );
        out.add(Finding::new(codes::WRONG_IDENTITY, text).of(&a.origin));
    }
    is_one
}

/// A country of which `holder` knows another log than this one: whatever was exchanged stands in that one.
pub(super) fn another_log(log: &Log, holder: &Log, out: &mut Findings) {
    let (network, node) = (log.origin.network(), log.origin.node());
    let of_the_country =
        |origin: &&Origin| origin.network() == network && origin.node() == node && **origin != log.origin;
    if holder.peers.get(&log.origin).is_none()
        && let Some(known) = holder.peers.origins().find(of_the_country)
    {
        let text =
            format!("{} knows {known} and not {}: ask {node} for the bundle of that log", holder.origin, log.origin);
        out.add(Finding::new(codes::ANOTHER_LOG, text).of(&log.origin).with(&holder.origin));
    }
}

/// A log that `holder` knows by its identity key, but under another name: a renamed log has none of the old one's entries.
pub(super) fn renamed(log: &Log, holder: &Log, out: &mut Findings) {
    if let Some(known) = holder.peers.other_name(&log.genesis) {
        let text =
            format!("{} pinned the identity of this bundle as {known}, and it says {}", holder.origin, log.origin);
        out.add(Finding::new(codes::PEER_MISIDENTIFIED, text).of(&log.origin).with(&holder.origin));
    }
}
