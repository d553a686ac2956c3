//! How far the items of each channel have been handed to the present connection: what lies between that and the last receipt is on its
//! way. Kept in memory only; a new connection starts from the last receipt.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use varde_proto::id::Origin;

/// How far each channel's items are on their way.
#[derive(Debug, Default)]
pub struct UnderWay(Mutex<Connections>);

#[derive(Debug, Default)]
struct Connections {
    begun: u64,
    /// By peer: the number of its newest connection, and how far each class has come on it.
    through: BTreeMap<Origin, (u64, BTreeMap<u8, u64>)>,
}

impl UnderWay {
    /// Begins a connection to a peer; returns its number.
    pub(super) fn begin(&self, peer: &Origin) -> u64 {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.begun += 1;
        let number = now.begun;
        now.through.insert(peer.clone(), (number, BTreeMap::new()));
        number
    }

    /// Notes that items were handed over up to and including `through`.
    pub(super) fn sent(&self, peer: &Origin, connection: u64, class: u8, through: u64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((number, classes)) = now.through.get_mut(peer)
            && *number == connection
        {
            classes.insert(class, through);
        }
    }

    /// Ends a connection, unless another one has taken its place.
    pub(super) fn end(&self, peer: &Origin, connection: u64) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.through.get(peer).is_some_and(|(number, _)| *number == connection) {
            now.through.remove(peer);
        }
    }

    /// Whether an item has been handed to the present connection.
    pub fn is_sent(&self, peer: &Origin, class: u8, seq: u64) -> bool {
        let now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        now.through.get(peer).and_then(|(_, classes)| classes.get(&class)).is_some_and(|through| *through >= seq)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_on_its_way_on_the_connection_that_stands() {
        let (under_way, lt) = (UnderWay::default(), Origin::parse("varde.example/lt/1").unwrap());
        let first = under_way.begin(&lt);
        assert!(!under_way.is_sent(&lt, 1, 1));
        under_way.sent(&lt, first, 1, 3);
        assert_eq!([1, 3, 4].map(|seq| under_way.is_sent(&lt, 1, seq)), [true, true, false]);
        assert!(!under_way.is_sent(&lt, 2, 1), "another class");
        let second = under_way.begin(&lt);
        under_way.sent(&lt, first, 1, 9);
        under_way.end(&lt, first);
        assert!(!under_way.is_sent(&lt, 1, 1), "what a connection that was replaced says");
        under_way.sent(&lt, second, 1, 1);
        assert!(under_way.is_sent(&lt, 1, 1));
        under_way.end(&lt, second);
        assert!(!under_way.is_sent(&lt, 1, 1));
    }
}
