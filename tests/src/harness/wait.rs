//! Waiting for a condition, with a deadline.

use super::Trouble;
use std::time::{Duration, Instant};

const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Looks until `condition` gives a value, at most for `limit`; then says what was waited for.
pub fn until<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> Result<T, Trouble> {
    let start = Instant::now();
    loop {
        if let Some(value) = condition() {
            return Ok(value);
        }
        if start.elapsed() > limit {
            return Err(Trouble::new(format!("waited {} s in vain: {what}", limit.as_secs())));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_that_never_holds_is_named() {
        let outcome = until("the moon", Duration::ZERO, || None::<()>);
        assert_eq!(outcome.unwrap_err().to_string(), "waited 0 s in vain: the moon");
        let mut looks = 0;
        let third = until("the third look", Duration::from_secs(60), || {
            looks += 1;
            (looks == 3).then_some(looks)
        });
        assert_eq!(third.ok(), Some(3));
    }
}
