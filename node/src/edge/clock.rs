//! The wall clock, the one place where it is read.

use crate::port::Clock;
use std::time::{SystemTime, UNIX_EPOCH};
use varde_proto::time::Timestamp;

/// The system's clock, UTC. A clock set before 1970 reads as 1970.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[allow(clippy::disallowed_methods, reason = "the one place where time is read")]
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).ok().and_then(|ms| Timestamp::from_ms(ms).ok()).unwrap_or(Timestamp::MAX)
    }
}
