//! The checks that are asked at the border alone.

use super::Alert;
use crate::envelope::{Rejection, is_printable};
use crate::time::Timestamp;
use std::time::Duration;

/// How far the issuer's clock may be ahead of ours.
const SKEW: Duration = Duration::from_secs(10 * 60);

/// Whether an alert may be taken in now: not expired, not from the future, and no text where random bytes stand.
pub fn admit(alert: &Alert, now: Timestamp) -> Result<(), Rejection> {
    if alert.issued_at > now.after(SKEW) {
        return Err(Rejection::Content("issued-in-future"));
    }
    if alert.content.expires_at <= now {
        return Err(Rejection::Content("expired"));
    }
    // A commitment reads as no text: 32 characters of anything could cross in it. Asked here and not of what was kept before.
    if is_printable(&alert.decision.0) {
        return Err(Rejection::Content("decision-written"));
    }
    Ok(())
}
