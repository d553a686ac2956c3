//! Whose handshakes are under way. One source cannot hold all turns; and when all are taken, a newcomer gets the turn of the one
//! that has taken longest: an honest handshake is over in a moment, so whoever holds a turn for seconds gives way. Sources
//! from which a pinned key was proven before do not give way to others, so that strangers, however many, do not keep out those
//! whom we know.

use super::code::Code;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use varde_proto::id::NodeId;

/// Sources that are remembered of each peer, the newest.
const REMEMBERED: usize = 4;

/// The turns of one door.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    most: usize,
    per_source: usize,
    /// Counts the turns given: a smaller number is an older one.
    given: u64,
    under_way: BTreeMap<u64, (IpAddr, Arc<Notify>)>,
    /// Where a peer's key was proven from, newest last.
    known: BTreeMap<NodeId, Vec<IpAddr>>,
}

/// The right to one handshake; given back when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    turns: Turns,
    number: u64,
    out: Arc<Notify>,
}

impl Turn {
    /// Waits until another one takes this turn.
    pub(super) async fn lost(&self) {
        self.out.notified().await;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.state().under_way.remove(&self.number);
    }
}

impl Turns {
    pub(super) fn new(most: u32) -> Self {
        // One source cannot hold all turns, unless there are only a few.
        let (most, per_source) = (most as usize, (most as usize / 2).max(1));
        let (under_way, known) = (BTreeMap::new(), BTreeMap::new());
        Self(Arc::new(Mutex::new(State { most, per_source, given: 0, under_way, known })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn for somebody at this address.
    pub(super) fn take(&self, address: IpAddr) -> Result<Turn, Code> {
        let (source, out) = (source(address), Arc::new(Notify::new()));
        let mut state = self.state();
        if state.under_way.values().filter(|(other, _)| *other == source).count() >= state.per_source {
            return Err(Code::TooManyFromAddress);
        }
        if state.under_way.len() >= state.most {
            // Strangers give way first; to somebody known everybody does, so that one peer's sources cannot keep the others out.
            let known = state.knows(source);
            let stranger = state.under_way.iter().find(|(_, (other, _))| !state.knows(*other));
            let oldest =
                stranger.or_else(|| state.under_way.iter().next().filter(|_| known)).map(|(number, _)| *number);
            let (_, loser) =
                oldest.and_then(|number| state.under_way.remove(&number)).ok_or(Code::TooManyHandshakes)?;
            loser.notify_one();
        }
        state.given += 1;
        let number = state.given;
        state.under_way.insert(number, (source, out.clone()));
        drop(state);
        Ok(Turn { turns: self.clone(), number, out })
    }

    /// Remembers that a peer's key was proven from here.
    pub(super) fn proven(&self, node: NodeId, address: IpAddr) {
        let source = source(address);
        let mut state = self.state();
        let of_peer = state.known.entry(node).or_default();
        of_peer.retain(|other| *other != source);
        of_peer.push(source);
        if of_peer.len() > REMEMBERED {
            of_peer.remove(0);
        }
    }
}

impl State {
    fn knows(&self, source: IpAddr) -> bool {
        self.known.values().any(|of_peer| of_peer.contains(&source))
    }
}

/// What counts as one source: an IPv4 address, or the /64 that one household of IPv6 has.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    async fn is_lost(turn: &Turn) -> bool {
        tokio::time::timeout(std::time::Duration::ZERO, turn.lost()).await.is_ok()
    }

    #[test]
    fn one_source_cannot_hold_all_turns() {
        let turns = Turns::new(4);
        let held = [turns.take(at(1)).unwrap(), turns.take(at(1)).unwrap()];
        assert_eq!(turns.take(at(1)).err(), Some(Code::TooManyFromAddress));
        drop(held);
        assert!(turns.take(at(1)).is_ok());
        let six = |text: &str| source(text.parse().unwrap());
        assert_eq!(six("2001:db8::7"), six("2001:db8::9"));
        assert_ne!(six("2001:db8:0:1::7"), six("2001:db8::7"));
    }

    #[tokio::test]
    async fn when_all_turns_are_taken_a_newcomer_gets_the_oldest() {
        let turns = Turns::new(3);
        let held: Vec<_> = (1..=3).map(|n| turns.take(at(n)).unwrap()).collect();
        let newcomer = turns.take(at(9)).unwrap();
        assert!(is_lost(&held[0]).await);
        assert!(!is_lost(&held[1]).await && !is_lost(&held[2]).await && !is_lost(&newcomer).await);
        // What was lost gives nothing back a second time.
        drop(held);
        let again: Vec<_> = (1..=2).map(|n| turns.take(at(n)).unwrap()).collect();
        assert!(!is_lost(&newcomer).await && !is_lost(&again[0]).await);
    }

    #[tokio::test]
    async fn who_proved_a_key_before_gives_way_to_nobody() {
        let turns = Turns::new(2);
        let peer = NodeId::parse("EE").unwrap();
        turns.proven(peer, at(7));
        let known = turns.take(at(7)).unwrap();
        let strangers: Vec<_> = (1..=5).map(|n| turns.take(at(n)).unwrap()).collect();
        assert!(!is_lost(&known).await);
        for stranger in &strangers[..4] {
            assert!(is_lost(stranger).await);
        }
        turns.proven(peer, at(5));
        assert_eq!(turns.take(at(8)).err(), Some(Code::TooManyHandshakes), "both turns are those of known sources");
        // One known source gives way to another.
        turns.proven(NodeId::parse("LT").unwrap(), at(6));
        let newcomer = turns.take(at(6)).unwrap();
        assert!(is_lost(&known).await && !is_lost(&newcomer).await);
        let known = turns.take(at(7)).unwrap();
        // Only the newest few sources of a peer are remembered.
        (20..24).for_each(|n| turns.proven(peer, at(n)));
        assert!(turns.take(at(8)).is_ok() && is_lost(&known).await);
    }
}
