//! How often the door answers: so many requests a second in all, and one step a second of each log. A clock that fell stops
//! nobody.

use std::collections::BTreeMap;
use varde_proto::time::Timestamp;

/// Requests a second, over time.
const RATE: i64 = 50;
/// Requests that may come at once.
const BURST: i64 = 100;
/// Milliseconds between two steps of one log.
const STEP_MS: i64 = 1000;

/// What was asked so far.
pub(super) struct Pace {
    /// In thousandths of a request.
    left: i64,
    filled: Timestamp,
    stepped: BTreeMap<String, Timestamp>,
}

impl Pace {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { left: BURST * 1000, filled: now, stepped: BTreeMap::new() }
    }

    /// Whether one more request is answered now.
    pub(super) fn admits(&mut self, now: Timestamp) -> bool {
        let passed = (now.ms() - self.filled.ms()).clamp(0, BURST * 1000 / RATE);
        self.filled = now;
        self.left = (self.left + passed * RATE).min(BURST * 1000);
        let admitted = self.left >= 1000;
        if admitted {
            self.left -= 1000;
        }
        admitted
    }

    /// Whether a known log may take a step now; if so, it has.
    pub(super) fn may_step(&mut self, origin: &str, now: Timestamp) -> bool {
        let soon = self.stepped.get(origin).is_some_and(|last| (0..STEP_MS).contains(&(now.ms() - last.ms())));
        if !soon {
            self.stepped.insert(origin.to_owned(), now);
        }
        !soon
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms).unwrap()
    }

    #[test]
    fn a_hundred_requests_come_at_once_and_fifty_a_second_after_that() {
        let mut pace = Pace::new(at(0));
        assert_eq!((0..150).filter(|_| pace.admits(at(0))).count(), 100);
        assert_eq!((0..150).filter(|_| pace.admits(at(1000))).count(), 50);
        assert!(!pace.admits(at(1019)) && pace.admits(at(1020)));
        assert_eq!((0..150).filter(|_| pace.admits(at(1_000_000))).count(), 100);
        assert!(!pace.admits(at(0)) && pace.admits(at(20)), "a clock that fell stopped everybody");
    }

    #[test]
    fn a_log_takes_one_step_a_second() {
        let mut pace = Pace::new(at(0));
        assert!(pace.may_step("a", at(5)) && pace.may_step("b", at(5)));
        assert!(!pace.may_step("a", at(1004)) && pace.may_step("a", at(1005)));
        assert!(pace.may_step("a", at(3)), "a clock that fell stopped a log");
    }
}
