//! How often the door answers: so many requests a second in all, and so many steps of each log, each after a burst at once. A
//! clock that fell stops nobody.

use std::collections::BTreeMap;
use varde_proto::time::Timestamp;

/// All requests.
const REQUESTS: Rate = Rate { a_second: 50, at_once: 100 };
/// Steps of one log: a log that was cut off catches up with the published clients' few requests in a row.
const STEPS: Rate = Rate { a_second: 1, at_once: 16 };

/// How much over time, and how much at once.
struct Rate {
    a_second: i64,
    at_once: i64,
}

/// What is left of a rate, in thousandths.
struct Bucket {
    left: i64,
    filled: Timestamp,
}

impl Bucket {
    fn full(rate: &Rate, now: Timestamp) -> Self {
        Self { left: rate.at_once * 1000, filled: now }
    }

    /// Takes one, if there is one.
    fn take(&mut self, rate: &Rate, now: Timestamp) -> bool {
        let whole = rate.at_once * 1000;
        let passed = (now.ms() - self.filled.ms()).clamp(0, whole / rate.a_second);
        self.filled = now;
        self.left = (self.left + passed * rate.a_second).min(whole);
        let taken = self.left >= 1000;
        if taken {
            self.left -= 1000;
        }
        taken
    }
}

/// What was asked so far.
pub(super) struct Pace {
    requests: Bucket,
    steps: BTreeMap<String, Bucket>,
}

impl Pace {
    pub(super) fn new(now: Timestamp) -> Self {
        Self { requests: Bucket::full(&REQUESTS, now), steps: BTreeMap::new() }
    }

    /// Whether one more request is answered now.
    pub(super) fn admits(&mut self, now: Timestamp) -> bool {
        self.requests.take(&REQUESTS, now)
    }

    /// Whether a known log may take a step now; if so, it has.
    pub(super) fn may_step(&mut self, origin: &str, now: Timestamp) -> bool {
        self.steps.entry(origin.to_owned()).or_insert_with(|| Bucket::full(&STEPS, now)).take(&STEPS, now)
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
    fn each_log_takes_sixteen_steps_at_once_and_one_a_second_after_that() {
        let mut pace = Pace::new(at(0));
        assert_eq!((0..20).filter(|_| pace.may_step("a", at(5))).count(), 16);
        assert!(pace.may_step("b", at(5)));
        assert!(!pace.may_step("a", at(1004)) && pace.may_step("a", at(1005)) && !pace.may_step("a", at(1005)));
        assert!(!pace.may_step("a", at(3)) && pace.may_step("a", at(1003)), "a clock that fell stopped a log");
    }
}
