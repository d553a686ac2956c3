//! How long to wait before dialling a peer again. Pure: chance is an argument.

use std::time::Duration;

/// The longest wait, whatever the heartbeat.
const LONGEST: Duration = Duration::from_secs(30);
/// The shortest of the longest waits.
const FIRST: Duration = Duration::from_secs(1);
/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(500);

/// The wait after `failures` failures in a row (1 for the first): between half and all of 1 s, 2 s, 4 s ... half a heartbeat, 30 s
/// at most, placed by `chance`, so that nodes which lost a peer together do not come back together. Who is back is heard within a
/// heartbeat, whoever of the two dials.
pub fn wait(failures: u32, heartbeat: Duration, chance: u64) -> Duration {
    let doubled = FIRST.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)));
    let longest = doubled.min((heartbeat / 2).clamp(FIRST, LONGEST));
    let shortest = (longest / 2).max(SHORTEST);
    let span = u64::try_from((longest - shortest).as_millis()).unwrap_or(u64::MAX);
    shortest + Duration::from_millis(chance % (span + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wait_doubles_up_to_half_a_heartbeat_or_half_a_minute() {
        let range = |failures| (wait(failures, MINUTE, 0).as_millis(), longest(failures, 60));
        let longest_waits: Vec<_> = (0..9).map(range).collect();
        let doubling = [(500, 1000), (500, 1000), (1000, 2000), (2000, 4000), (4000, 8000), (8000, 16_000)];
        assert_eq!(longest_waits[..6], doubling);
        assert_eq!(longest_waits[6..], [(15_000, 30_000), (15_000, 30_000), (15_000, 30_000)]);
        assert_eq!([1, 2, 10, 600].map(|heartbeat| longest(9, heartbeat)), [1000, 1000, 5000, 30_000]);
    }

    const MINUTE: Duration = Duration::from_secs(60);

    fn longest(failures: u32, heartbeat: u64) -> u128 {
        let waits = (0..40_000).map(|chance| wait(failures, Duration::from_secs(heartbeat), chance).as_millis());
        waits.max().unwrap_or_default()
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_or_longer_than_its_bounds(failures: u32, heartbeat in 0..700u64, chance: u64) {
            let wait = wait(failures, Duration::from_secs(heartbeat), chance);
            prop_assert!((SHORTEST..=LONGEST).contains(&wait));
        }
    }
}
