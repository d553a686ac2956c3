//! Looks how much room the disk under the store has left, early enough that somebody can make more.

use crate::flow::ledger::Ledger;
use crate::flow::room::Room;
use std::path::PathBuf;
use std::time::Duration;
use varde_proto::home::DiskLimits;

/// How often it is looked: less than a node can fill of a reserve meanwhile.
const LOOK: Duration = Duration::from_secs(2);

/// Bytes that are free for this node on the file system of its directory.
pub(crate) fn free(dir: &std::path::Path) -> std::io::Result<u64> {
    let system = rustix::fs::statvfs(dir)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

fn judge(free: u64, limits: DiskLimits) -> Room {
    if free < limits.stop_free {
        Room::None
    } else if free < limits.warn_free {
        Room::Low
    } else {
        Room::Enough
    }
}

/// Looks for as long as the node runs.
pub(super) async fn keep_looking(dir: PathBuf, limits: DiskLimits, ledger: Ledger) {
    loop {
        match free(&dir) {
            Ok(free) => note(&ledger, judge(free, limits), free / (1024 * 1024)),
            Err(failure) => tracing::warn!(%failure, "how much room the disk has left cannot be seen"),
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn note(ledger: &Ledger, room: Room, free_mib: u64) {
    let before = ledger.space().room();
    ledger.space().note(room);
    match room {
        _ if room == before => {}
        Room::Enough => tracing::info!(free_mib, "the disk has room again"),
        Room::Low => tracing::warn!(free_mib, "the disk is getting full: make room"),
        Room::None => {
            tracing::error!(free_mib, "the disk is full: nothing more is taken from peers or staff until there is room")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_warned_before_anything_stops() {
        let limits = DiskLimits { warn_free: 2000, stop_free: 200 };
        let rooms = [2000, 1999, 200, 199, 0].map(|free| judge(free, limits));
        assert_eq!(rooms, [Room::Enough, Room::Low, Room::Low, Room::None, Room::None]);
    }
}
