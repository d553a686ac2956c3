//! How fast items are taken from one peer. What is too much is not refused: it is not read on, so that it waits at the peer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use varde_proto::id::NodeId;

/// Items that a peer may send at once after it was quiet: what a long outage leaves owed.
const BURST: u32 = 65_536;
/// Items a second that it may go on with: a million that an outage left owed come in a quarter of an hour. That a disk fills up this way
/// is for `flow::room` to see.
const RATE: u32 = 1000;

/// The pace of each peer, over all its connections.
#[derive(Debug)]
pub struct Pace {
    burst: u32,
    rate: u32,
    /// When a peer may send a whole burst again.
    whole: Mutex<BTreeMap<NodeId, Instant>>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::new(BURST, RATE)
    }
}

impl Pace {
    /// So many items at once, and so many a second from then on.
    pub fn new(burst: u32, rate: u32) -> Self {
        Self { burst, rate: rate.max(1), whole: Mutex::default() }
    }

    /// Counts items of a peer, and says when they may be taken.
    pub fn count(&self, peer: NodeId, items: usize, now: Instant) -> Instant {
        let lasts = |items: u32| Duration::from_secs(items.into()) / self.rate;
        let mut whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = whole.entry(peer).or_insert(now);
        *whole = (*whole).max(now) + lasts(u32::try_from(items).unwrap_or(u32::MAX));
        whole.checked_sub(lasts(self.burst)).map_or(now, |free| free.max(now))
    }

    /// Waits until items of a peer may be taken.
    pub(super) async fn wait(&self, peer: NodeId, items: usize) {
        let now = Instant::now();
        let free = self.count(peer, items, now);
        if free > now {
            sleep_until(free).await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_taken_at_once_and_what_follows_at_its_rate_and_each_peer_has_its_own() {
        let (pace, now) = (Pace::new(1000, 100), Instant::now() + Duration::from_secs(3600));
        let [no, lt] = ["NO", "LT"].map(|code| NodeId::parse(code).unwrap());
        let after = |peer, items, seconds: u64| {
            let now = now + Duration::from_secs(seconds);
            (pace.count(peer, items, now) - now).as_secs()
        };
        assert_eq!([after(no, 600, 0), after(no, 400, 0)], [0, 0]);
        assert_eq!([after(no, 200, 0), after(no, 100, 0)], [2, 3]);
        assert_eq!(after(lt, 1000, 0), 0, "another peer pays for it");
        assert_eq!(after(no, 0, 3), 0);
        assert_eq!(
            [after(no, 500, 8), after(no, 600, 3600), after(no, 500, 3600)],
            [0, 0, 1],
            "no more than a burst is saved"
        );
    }
}
