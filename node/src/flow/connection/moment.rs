//! Whether the machine stood still: then what was heard before is old, whatever the clock says now.

use super::Ended;
use crate::flow::Node;
use std::time::Duration;
use tokio::time::Instant;
use varde_proto::time::Timestamp;

/// How much more the clock may move than time passes.
const STEP: Duration = Duration::from_secs(60);

/// A moment by the clock, and by a time that no suspension and no setting of the clock moves (CLOCK_MONOTONIC of clock_gettime(2)).
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    clock: Timestamp,
    steady: Instant,
}

impl Moment {
    pub(super) fn now(node: &Node) -> Self {
        Self { clock: node.clock.now(), steady: Instant::now() }
    }

    /// Now, unless the machine was suspended since, or its clock was set. What it heard before and cosigned now would say that the peer
    /// showed so little today, and an auditor that the peer went back behind what others have cosigned meanwhile.
    pub(super) fn go_on(self, node: &Node) -> Result<Self, Ended> {
        let now = Self::now(node);
        if now.clock.since(self.clock) > now.steady.duration_since(self.steady) + STEP {
            tracing::warn!("this machine stood still, or its clock was set: the connection begins anew");
            return Err(Ended::Closed);
        }
        Ok(now)
    }
}
