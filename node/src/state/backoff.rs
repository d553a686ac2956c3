//! How long to wait before dialling a peer again. Pure: chance is an argument.

use std::time::Duration;

/// The longest wait.
const LONGEST: Duration = Duration::from_secs(60);
/// The shortest wait.
const SHORTEST: Duration = Duration::from_millis(500);

/// The wait after `failures` failures in a row (1 for the first): between half and all of 1 s, 2 s, 4 s ... 60 s, placed by
/// `chance`, so that nodes which lost a peer together do not come back together.
pub fn wait(failures: u32, chance: u64) -> Duration {
    let doubled = Duration::from_secs(1).saturating_mul(2u32.saturating_pow(failures.saturating_sub(1).min(16)));
    let longest = doubled.min(LONGEST);
    let shortest = (longest / 2).max(SHORTEST);
    let span = u64::try_from((longest - shortest).as_millis()).unwrap_or(u64::MAX);
    shortest + Duration::from_millis(chance % (span + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_wait_doubles_up_to_a_minute() {
        let range = |failures| (wait(failures, 0).as_millis(), longest(failures));
        let longest_waits: Vec<_> = (0..9).map(range).collect();
        let doubling = [(500, 1000), (500, 1000), (1000, 2000), (2000, 4000), (4000, 8000), (8000, 16_000)];
        assert_eq!(longest_waits[..6], doubling);
        assert_eq!(longest_waits[6..], [(16_000, 32_000), (30_000, 60_000), (30_000, 60_000)]);
    }

    fn longest(failures: u32) -> u128 {
        (0..70_000).map(|chance| wait(failures, chance).as_millis()).max().unwrap_or_default()
    }

    proptest! {
        #[test]
        fn no_wait_is_shorter_or_longer_than_its_bounds(failures: u32, chance: u64) {
            let wait = wait(failures, chance);
            prop_assert!((SHORTEST..=LONGEST).contains(&wait));
        }
    }
}
