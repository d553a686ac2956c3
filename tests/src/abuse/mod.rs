//! Abuse of a real node from outside: what the program `abuse` does to it, and how it measures that others are served all the
//! while.
//!
//! In: attacks by strangers and by a pinned country that means harm, each at a stated rate from a process of its own at the
//! lowest priority; what an honest country and a newcomer notice of it; the memory, the files and the store of the node. Out:
//! what a malicious member says in well-formed frames, one by one (`tests/refusals.rs`).

mod foe;
mod pinned;
mod scene;
mod strangers;
mod strike;
mod wire;

pub use scene::{Report, Scene};
pub use strike::strike;

/// Who attacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Anybody who can reach the port.
    Stranger,
    /// A country that is pinned, with its real keys.
    Pinned,
}

/// One attack.
#[derive(Debug, Clone, Copy)]
pub struct Attack {
    /// Its name.
    pub name: &'static str,
    /// By whom.
    pub by: By,
    /// What is done, how often at most.
    pub what: &'static str,
    /// So many operations it must have come to, or it was no attack.
    pub least: u64,
    /// So many of its sockets must have been open at once, those among them that the node had closed.
    at_once: u64,
    /// A round of it lasts so many seconds at least, for what the node ends only after some time.
    pub round: u64,
}

impl Attack {
    const fn new(by: By, name: &'static str, what: &'static str, least: u64) -> Self {
        Self { name, by, what, least, at_once: 0, round: 1 }
    }

    /// So many sockets must have been open at once, or as many as this machine lets one process have.
    fn at_once(&self) -> u64 {
        self.at_once.min(strike::most_files().saturating_mul(95) / 100)
    }
}

/// All of them, in the order in which they are run.
pub const ATTACKS: [Attack; 13] = [
    Attack::new(
        By::Stranger,
        "slowloris",
        "200 handshakes, each a byte at a time, from one address; those that are closed begin anew, 1,000 a second",
        200,
    ),
    Attack::new(By::Stranger, "slowloris-many", "the same from 200 addresses", 200),
    Attack {
        at_once: 9_500,
        round: 4,
        ..Attack::new(
            By::Stranger,
            "connections",
            "10,000 sockets at once that say nothing, from 100 addresses; what the node closes is opened again three seconds later",
            10_000,
        )
    },
    Attack::new(
        By::Stranger,
        "handshakes",
        "whole handshakes with a key that nobody has pinned, 200 a second from 100 addresses",
        100,
    ),
    Attack::new(
        By::Stranger,
        "noise",
        "random bytes as fast as they are taken, on 8 connections at a time, opened again 500 times a second",
        100,
    ),
    Attack {
        round: 19,
        ..Attack::new(
            By::Pinned,
            "half-open",
            "a connection that greets and stops, a head that never ends and a stream that says nothing, as long as they may; and 50 \
             connections a second that leave",
            3,
        )
    },
    Attack::new(
        By::Pinned,
        "half-open-streams",
        "streams that say nothing, one or a hundred on a connection, left after a moment; 50 connections a second",
        50,
    ),
    Attack::new(
        By::Pinned,
        "rapid-reset",
        "streams opened and reset at once (CVE-2023-44487), 20,000 a second; 50 connections a second",
        1_000,
    ),
    Attack::new(
        By::Pinned,
        "giant-frames",
        "frames and messages that say 16 MiB and 4 GiB, and as many bytes as are taken; 50 connections a second",
        50,
    ),
    Attack::new(
        By::Pinned,
        "metadata",
        "continuations without end (CVE-2024-27316), heads of a MiB, one word repeated to 64 MiB; 50 connections a second",
        50,
    ),
    Attack::new(
        By::Pinned,
        "control",
        "pings, settings, empty data, unknown frames, as fast as they are taken, and nothing is ever read",
        1_000,
    ),
    Attack::new(
        By::Pinned,
        "garbage",
        "random bytes as messages, after greetings, in frames of no kind, as fast as they are taken; 500 connections a second",
        50,
    ),
    Attack::new(
        By::Pinned,
        "bad-proofs",
        "an honest greeting, then alerts with proofs that do not hold, and true heads as fast as they are taken",
        50,
    ),
];

impl std::fmt::Display for Attack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let by = match self.by {
            By::Stranger => "strangers",
            By::Pinned => "a pinned country",
        };
        write!(f, "{}, by {by}: {}", self.name, self.what)
    }
}
