//! The checks that need a clock.

use super::Alert;
use crate::envelope::Rejection;
use crate::time::Timestamp;
use std::time::Duration;

/// How far the issuer's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(10 * 60);

/// Whether an alert may be taken in now: not expired, not from the future.
pub fn admit(alert: &Alert, now: Timestamp) -> Result<(), Rejection> {
    if alert.issued_at > now.after(SKEW) {
        return Err(Rejection::Content("issued-in-future"));
    }
    if alert.content.expires_at <= now {
        return Err(Rejection::Content("expired"));
    }
    Ok(())
}
