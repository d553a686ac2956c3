//! What happens to the network and its nodes, and when: drawn from a seed, so that a run can be had again. Which packet is lost is
//! the kernel's chance and not the seed's.

use super::field::{End, Way};
use super::proxy::Mode;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::fmt;
use std::time::Duration;

/// After so many mishaps comes a calm, in which all is healed that does not last much longer: nodes that wait longer after each
/// failure would else do nothing but wait.
const TURNS: u64 = 20;
const CALM: Duration = Duration::from_secs(8);

/// How many kinds of mishap there are, as [`Mishap::kind`] tells them apart.
pub(super) const KINDS: usize = 11;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    /// So many packets of a hundred are lost.
    Loss(Way, u64),
    /// The wire is down.
    Link(End),
    /// So many kilobits a second get through.
    Narrow(Way, u64),
    /// What the proxy before the node does.
    Proxy(Mode),
    /// The node is killed and started again.
    Kill,
    /// The power of the node's disk is cut under it.
    PowerCut,
}

/// What one mishap replaces, and what is healed when it has lasted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// Loss.
    Loss(Way),
    /// The wire.
    Link(End),
    /// What gets through.
    Narrow(Way),
    /// The proxy.
    Proxy,
}

impl Mishap {
    /// What it lasts at; none for what is over at once.
    pub(super) fn part(self) -> Option<Part> {
        match self {
            Self::Loss(way, _) => Some(Part::Loss(way)),
            Self::Link(end) => Some(Part::Link(end)),
            Self::Narrow(way, _) => Some(Part::Narrow(way)),
            Self::Proxy(_) => Some(Part::Proxy),
            Self::Kill | Self::PowerCut => None,
        }
    }

    /// Its kind, for the report.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Loss(_, 100..) => "silent wires",
            Self::Loss(..) => "losses",
            Self::Link(_) => "links down",
            Self::Narrow(..) => "narrow lines",
            Self::Proxy(Mode::Pass | Mode::Delay(_)) => "delays",
            Self::Proxy(Mode::Trickle(_)) => "trickles",
            Self::Proxy(Mode::Hold) => "withheld",
            Self::Proxy(Mode::HalfClose) => "half-closes",
            Self::Proxy(Mode::Reset) => "resets",
            Self::Kill => "kills",
            Self::PowerCut => "power cuts",
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Proxy(mode) => write!(f, "proxy {mode}"),
            other => write!(f, "{other:?}"),
        }
    }
}

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// A mishap at a node, after a pause.
    Goes { wrong: Mishap, at: usize, lasts: Duration, after: Duration },
    /// All is healed that does not last much longer than that.
    Calm(Duration),
}

/// The endless list of what happens, from a seed.
pub(super) struct Schedule {
    chance: ChaCha8Rng,
    nodes: usize,
    turn: u64,
}

impl Schedule {
    pub(super) fn new(seed: u64, nodes: usize) -> Self {
        Self { chance: ChaCha8Rng::seed_from_u64(seed), nodes, turn: 0 }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next_u64() % bound.max(1)
    }

    fn mishap(&mut self) -> Mishap {
        let way = if self.below(2) == 0 { Way::In } else { Way::Out };
        match self.below(100) {
            0..25 => Mishap::Loss(way, 2 + self.below(50)),
            25..32 => Mishap::Loss(way, 100),
            32..44 => Mishap::Link(if way == Way::In { End::Own } else { End::Hub }),
            44..58 => Mishap::Narrow(way, [32, 128, 512, 2048][self.below(4) as usize]),
            58..66 => Mishap::Proxy(Mode::Delay(20 + self.below(1500))),
            66..72 => Mishap::Proxy(Mode::Trickle(1 + self.below(64) as usize)),
            72..75 => Mishap::Proxy(Mode::Hold),
            75..81 => Mishap::Proxy(Mode::HalfClose),
            81..86 => Mishap::Proxy(Mode::Reset),
            86..95 => Mishap::Kill,
            _ => Mishap::PowerCut,
        }
    }
}

impl Iterator for Schedule {
    type Item = Turn;

    fn next(&mut self) -> Option<Turn> {
        self.turn += 1;
        if self.turn.is_multiple_of(TURNS) {
            return Some(Turn::Calm(CALM));
        }
        let wrong = self.mishap();
        let at = self.below(self.nodes as u64) as usize;
        // Some last longer than the keep-alives of a connection, which then end it.
        let lasts = match self.below(8) {
            0 => 20_000 + self.below(40_000),
            _ => 500 + self.below(12_000),
        };
        let lasts = Duration::from_millis(lasts);
        let after = Duration::from_millis(100 + self.below(1_500));
        Some(Turn::Goes { wrong, at, lasts, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn first(seed: u64, turns: usize) -> Vec<Turn> {
        Schedule::new(seed, 5).take(turns).collect()
    }

    #[test]
    fn a_seed_says_the_same_each_time_and_another_says_otherwise() {
        assert_eq!(first(1, 50), first(1, 50));
        assert_ne!(first(1, 50), first(2, 50));
    }

    #[test]
    fn every_kind_of_mishap_comes_to_every_node_and_calm_comes_between() {
        let turns = first(1, 4000);
        let goes = turns.iter().filter_map(|turn| match turn {
            Turn::Goes { wrong, at, .. } => Some((wrong.kind(), *at)),
            Turn::Calm(_) => None,
        });
        assert_eq!(goes.collect::<BTreeSet<_>>().len(), 11 * 5);
        assert_eq!(turns.iter().filter(|turn| matches!(turn, Turn::Calm(_))).count(), 4000 / TURNS as usize);
    }
}
