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
}

/// All of them, in the order in which they are run.
pub const ATTACKS: [Attack; 12] = [
    Attack {
        name: "slowloris",
        by: By::Stranger,
        what: "200 handshakes, each a byte at a time, from one address; those that are closed begin anew, 1,000 a second",
        least: 200,
    },
    Attack { name: "slowloris-many", by: By::Stranger, what: "the same from 200 addresses", least: 200 },
    Attack {
        name: "connections",
        by: By::Stranger,
        what: "10,000 connections that say nothing, from 100 addresses, opened and opened again, 3,000 a second",
        least: 10_000,
    },
    Attack {
        name: "handshakes",
        by: By::Stranger,
        what: "whole handshakes with a key that nobody has pinned, 200 a second from 100 addresses",
        least: 100,
    },
    Attack {
        name: "noise",
        by: By::Stranger,
        what: "random bytes as fast as they are taken, on 8 connections at a time, opened again 500 times a second",
        least: 100,
    },
    Attack {
        name: "half-open",
        by: By::Pinned,
        what: "connections that greet and stop, heads that never end, streams opened and left; 50 connections a second",
        least: 50,
    },
    Attack {
        name: "rapid-reset",
        by: By::Pinned,
        what: "streams opened and reset at once (CVE-2023-44487), 20,000 a second; 50 connections a second",
        least: 1_000,
    },
    Attack {
        name: "giant-frames",
        by: By::Pinned,
        what: "frames and messages that say 16 MiB and 4 GiB, and as many bytes as are taken; 50 connections a second",
        least: 50,
    },
    Attack {
        name: "metadata",
        by: By::Pinned,
        what: "continuations without end (CVE-2024-27316), heads of a MiB, one word repeated to 64 MiB; 50 connections a second",
        least: 50,
    },
    Attack {
        name: "control",
        by: By::Pinned,
        what: "pings, settings, empty data, unknown frames, as fast as they are taken, and nothing is ever read",
        least: 1_000,
    },
    Attack {
        name: "garbage",
        by: By::Pinned,
        what: "random bytes in well-formed frames, and frames with bytes changed; 50 connections a second",
        least: 50,
    },
    Attack {
        name: "bad-proofs",
        by: By::Pinned,
        what: "an honest greeting, then alerts with proofs that do not hold, and true heads as fast as they are taken",
        least: 50,
    },
];
