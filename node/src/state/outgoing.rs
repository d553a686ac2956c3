//! What to send next to one peer: a state machine without I/O. Classes are served in order of urgency, items within a class
//! strictly in sequence, and of each class no more than a window of items is under way without a receipt.

use varde_proto::limits;

/// Items of one class under way without a receipt on one connection. Bounds what a lost connection sends twice and what a slow peer
/// makes us hold: at 12 KiB an item, 12 MiB. Each class has a window of its own, so that a backlog of one holds back no other.
pub const WINDOW: u64 = 1024;
/// The classes in the order in which they are served: what is urgent, what takes something back or proves that it was, the rest.
const ORDER: [u8; limits::CLASSES as usize - 1] = [1, limits::CONTROL, 2, 3, 4, 6];

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Items of `class` are logged as sent up to and including `through`.
    Owed {
        /// Channel class.
        class: u8,
        /// Newest sequence number.
        through: u64,
    },
    /// Receipts for `class` are held up to and including `through`.
    Settled {
        /// Channel class.
        class: u8,
        /// Newest sequence number settled.
        through: u64,
    },
    /// The peer has taken the items of `class` up to and including `through`; their receipts may be on their way.
    Taken {
        /// Channel class.
        class: u8,
        /// Newest sequence number taken.
        through: u64,
    },
}

/// A run of items to send now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Channel class.
    pub class: u8,
    /// First sequence number.
    pub from: u64,
    /// How many; at most a frame.
    pub count: u64,
    /// What the peer has taken, up to this number: it needs no content any more.
    pub taken: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Lane {
    owed: u64,
    sent: u64,
    settled: u64,
    taken: u64,
}

/// The sending side of one connection. A new connection starts from what is settled, so that everything whose receipt did
/// not come is sent again; the receiver knows what it already took by sequence number and E.
#[derive(Debug, Default)]
pub struct Outgoing {
    lanes: [Lane; limits::CLASSES as usize],
}

impl Outgoing {
    /// Starts with nothing under way.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of what happened.
    pub fn handle(&mut self, event: Event) {
        match event {
            Event::Owed { class, through } => {
                if let Some(lane) = self.lanes.get_mut(usize::from(class)) {
                    lane.owed = lane.owed.max(through);
                }
            }
            Event::Taken { class, through } => {
                if let Some(lane) = self.lanes.get_mut(usize::from(class)) {
                    lane.taken = lane.taken.max(through);
                }
            }
            Event::Settled { class, through } => {
                if let Some(lane) = self.lanes.get_mut(usize::from(class)) {
                    lane.settled = lane.settled.max(through);
                    lane.sent = lane.sent.max(lane.settled);
                    lane.owed = lane.owed.max(lane.settled);
                }
            }
        }
    }

    /// Items under way without a receipt.
    pub fn under_way(&self) -> u64 {
        self.lanes.iter().map(|lane| lane.sent - lane.settled).sum()
    }

    /// The next run, most urgent class first, but of no class that was passed over; `None` when all is sent or the windows are full.
    pub fn next_run(&self, passed: &[u8]) -> Option<Run> {
        for class in ORDER.into_iter().filter(|class| !passed.contains(class)) {
            let lane = self.lanes.get(usize::from(class))?;
            let room = WINDOW.saturating_sub(lane.sent - lane.settled);
            let count = (lane.owed - lane.sent).min(room).min(limits::FRAME_ITEMS as u64);
            if count > 0 {
                return Some(Run { class, from: lane.sent + 1, count, taken: lane.taken });
            }
        }
        None
    }

    /// Notes that the first `count` items of a run have been handed to the link.
    pub fn sent(&mut self, run: Run, count: u64) {
        if let Some(lane) = self.lanes.get_mut(usize::from(run.class)) {
            lane.sent = (run.from + count).saturating_sub(1).max(lane.sent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drain(outgoing: &mut Outgoing) -> Vec<Run> {
        let mut runs = Vec::new();
        while let Some(run) = outgoing.next_run(&[]) {
            outgoing.sent(run, run.count);
            runs.push(run);
        }
        runs
    }

    #[test]
    fn urgent_items_overtake_bulk() {
        let mut outgoing = Outgoing::new();
        outgoing.handle(Event::Owed { class: 3, through: 5_000 });
        let bulk = drain(&mut outgoing);
        assert_eq!(bulk.iter().map(|r| r.count).sum::<u64>(), WINDOW);
        assert_eq!(bulk[1], Run { class: 3, from: 257, count: 256, taken: 0 });
        outgoing.handle(Event::Owed { class: 1, through: 2 });
        assert_eq!(drain(&mut outgoing), [Run { class: 1, from: 1, count: 2, taken: 0 }]);
    }

    #[test]
    fn what_takes_something_back_overtakes_every_backlog() {
        let mut outgoing = Outgoing::new();
        for class in [2, 3, 4, 6] {
            outgoing.handle(Event::Owed { class, through: 1_000_000 });
        }
        drain(&mut outgoing);
        // Room for alerts opens at the moment at which one is withdrawn.
        outgoing.handle(Event::Settled { class: 2, through: 256 });
        outgoing.handle(Event::Owed { class: limits::CONTROL, through: 1 });
        let next: Vec<_> = drain(&mut outgoing).iter().map(|run| run.class).collect();
        assert_eq!(next, [limits::CONTROL, 2]);
    }

    #[test]
    fn a_class_is_passed_over_when_asked_and_every_class_but_the_local_one_is_served() {
        let mut outgoing = Outgoing::new();
        for class in 1..limits::CLASSES {
            outgoing.handle(Event::Owed { class, through: 1 });
        }
        assert_eq!(outgoing.next_run(&[1, 5, 2]).map(|run| run.class), Some(3));
        let mut served: Vec<_> = drain(&mut outgoing).iter().map(|run| run.class).collect();
        assert_eq!(served[..3], [1, limits::CONTROL, 2]);
        served.sort_unstable();
        assert!(served.into_iter().eq(1..limits::CLASSES));
    }

    #[test]
    fn the_window_opens_as_receipts_come() {
        let mut outgoing = Outgoing::new();
        outgoing.handle(Event::Owed { class: 2, through: 2_000 });
        drain(&mut outgoing);
        assert_eq!(outgoing.under_way(), WINDOW);
        outgoing.handle(Event::Settled { class: 2, through: 100 });
        assert_eq!(drain(&mut outgoing), [Run { class: 2, from: 1025, count: 100, taken: 0 }]);
    }

    #[test]
    fn a_new_connection_sends_again_what_was_not_receipted() {
        let mut outgoing = Outgoing::new();
        outgoing.handle(Event::Settled { class: 2, through: 7 });
        outgoing.handle(Event::Owed { class: 2, through: 9 });
        assert_eq!(drain(&mut outgoing), [Run { class: 2, from: 8, count: 2, taken: 0 }]);
        outgoing.handle(Event::Settled { class: 2, through: 9 });
        assert_eq!((outgoing.under_way(), outgoing.next_run(&[])), (0, None));
    }
}
