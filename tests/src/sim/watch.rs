//! What a bystander who sees every frame can say: whether one log ever had two roots for one size, and how connections ended.

use super::network::is_fair;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use varde_node::flow::connection::Ended;
use varde_proto::exchange::Frame;
use varde_proto::id::NodeId;

/// What was seen so far.
#[derive(Default)]
pub struct Watch(Mutex<Seen>);

/// Everything that the bystander keeps.
#[derive(Default)]
pub struct Seen {
    /// Frames that passed.
    pub frames: u64,
    /// What must not be.
    pub failures: Vec<String>,
    /// What was done, in its order.
    pub steps: Vec<String>,
    /// A log that is forked on purpose.
    pub forked: Option<String>,
    roots: BTreeMap<(String, u64), Vec<u8>>,
    trace: Sha256,
}

impl Seen {
    /// Leaves of the largest head of a log that passed.
    pub fn shown(&self, log: &str) -> u64 {
        let all = (log.to_owned(), 0)..=(log.to_owned(), u64::MAX);
        self.roots.range(all).next_back().map_or(0, |((_, size), _)| *size)
    }

    /// A digest of all that passed, in its order.
    pub fn trace(&self) -> [u8; 32] {
        self.trace.clone().finalize().into()
    }
}

impl Watch {
    /// Looks at what was seen.
    pub fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Notes that something must not be.
    pub fn fail(&self, what: String) {
        self.seen(|seen| seen.failures.push(what));
    }

    /// Notes that something was done.
    pub fn step(&self, what: impl FnOnce() -> String) {
        self.seen(|seen| seen.steps.push(what()));
    }

    /// A frame passes.
    pub fn frame(&self, frame: &Frame) {
        let head = match frame {
            Frame::Hello(hello) => Some(&hello.head),
            Frame::Items(proven, _) | Frame::Receipts(proven, _) | Frame::Heads(proven, _) => Some(&proven.checkpoint),
            Frame::Entries(piece) => Some(&piece.checkpoint),
            Frame::Regained(given) => Some(&given.checkpoint),
            Frame::Held(held) => held.checkpoint.as_ref(),
            Frame::Ask(..) | Frame::Restored(..) | Frame::Regain(_) | Frame::Refusal(_) | Frame::Goodbye(..) => None,
        };
        self.seen(|seen| {
            seen.frames += 1;
            if let Some((head, line)) = head.and_then(|head| Some((head, head.signatures.first()?))) {
                seen.trace.update(&line.signature);
                let before = seen.roots.entry((line.name.clone(), head.size)).or_insert_with(|| head.root.to_vec());
                if *before != head.root && seen.forked.as_ref() != Some(&line.name) {
                    let what = format!("two roots of {} at {} leaves", line.name, head.size);
                    seen.failures.push(what);
                }
            }
        });
    }

    /// A connection of `who` with `with` ended.
    pub fn ended(&self, who: NodeId, with: NodeId, ended: &Ended, foul: bool) {
        // Once somebody lies, connections break as they must.
        let honest = self.seen(|seen| seen.forked.is_none());
        if honest && !foul && !is_fair(ended) {
            self.fail(format!("{who}'s connection with {with} ended with {ended} on a sound network"));
        }
    }
}
