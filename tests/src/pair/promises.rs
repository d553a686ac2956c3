//! What countries of a test say to each other of agreements.

use super::{Country, key, origin, peer};
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_node::port::Peer;
use varde_proto::agreement::{Agreement, AtEnd, Terms};
use varde_proto::envelope::Envelope;
use varde_proto::id::NodeId;
use varde_proto::identity::{Acceptance, Revocation};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::AlertKind;
use varde_proto::wire::peer::Mode;

/// Terms for NO, LT and EE that permit what the default does, at any time of a test, but routes, and erase at the end.
pub fn terms(edition: u32) -> Terms {
    let default = Agreement::by_default();
    let mut kinds = default.terms().kinds.clone();
    kinds.remove(&AlertKind::ROUTE_CORRIDOR);
    Terms {
        network: Some("varde.example".into()),
        mode: Mode::Test,
        parties: ["EE", "LT", "NO"].map(|code| NodeId::parse(code).expect("a country")).into(),
        edition,
        from: Timestamp::default(),
        until: Timestamp::parse("2200-01-01T00:00:00Z").expect("a time"),
        kinds,
        at_end: AtEnd::Erase,
        ..default.terms().clone()
    }
}

/// A text with these terms.
pub fn text(terms: &Terms) -> Arc<Agreement> {
    Arc::new(Agreement::write(terms, "Between countries of a test.\n").expect("an agreement"))
}

/// What a country's coordinator signs of an agreement with another one: a yes, or the end.
pub fn word(own: &str, other: &str, agreement: &Agreement, ends: bool, when: Timestamp) -> Envelope {
    let of = Acceptance {
        from: origin(own),
        with: origin(other),
        mode: Mode::Test,
        agreement: agreement.id(),
        accepted: when,
        salt: [4; 32],
    };
    let id = key(own, 1);
    let word = if ends { Revocation(of).sign(&id) } else { of.sign(&id) };
    word.expect("a word")
}

impl Country {
    /// Says yes to an agreement with another country, or ends it, beside what was said before; the other one is pinned thereby.
    pub async fn say(&self, other: &str, agreement: &Arc<Agreement>, ends: bool) -> Arc<Peer> {
        let (own, node) = (self.origin().node(), NodeId::parse(other).expect("a country"));
        let mut peers: BTreeMap<_, _> = (**self.pins.borrow()).clone();
        let known = peers.get(&node).map(|known| (**known).clone());
        let mut pinned = known.unwrap_or_else(|| peer(own.as_str(), other));
        pinned.words.push(word(own.as_str(), other, agreement, ends, Timestamp::default()));
        pinned.texts.push(agreement.clone());
        let pinned = Arc::new(pinned);
        peers.insert(node, pinned.clone());
        self.pin_all(Arc::new(peers)).await.expect("a roster");
        pinned
    }
}
