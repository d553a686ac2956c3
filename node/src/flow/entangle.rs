//! Heads of other logs, woven into ours: whoever rewrites one log later contradicts every other one, and what stands behind such a
//! leaf is no older than what it names (docs/protocol.md, "Entanglement").
//!
//! In: when such leaves are due, and what they name. Out: what an auditor concludes (`varde_proto::audit`).

use super::Node;
use super::desk::Desk;
use super::ledger::CommitError;
use crate::port::StoreError;
use crate::rows;
use std::time::Duration;
use varde_proto::id::Digest;
use varde_proto::limits;
use varde_proto::log::body::Entangled;
use varde_proto::log::event::{Event, Kind};
use varde_proto::time::Timestamp;

/// A leaf of an exchange has such a leaf before it that is no older.
pub const BEFORE_AN_EXCHANGE: Duration = Duration::from_secs(60);
/// Where nothing is exchanged, there is one at least so often, if there is anything new to name.
const DAILY: Duration = Duration::from_secs(24 * 60 * 60);

/// When heads were last woven in, and SHA-256 of what was named then.
struct Last {
    time: Timestamp,
    named: Digest,
}

pub(super) fn row() -> Vec<u8> {
    rows::row(rows::FACT, &[b"entangled"])
}

fn read(value: Option<Vec<u8>>) -> Result<Option<Last>, StoreError> {
    let Some(value) = value else { return Ok(None) };
    let parts = value.split_first_chunk::<8>().and_then(|(time, named)| {
        let time = Timestamp::from_ms(i64::from_be_bytes(*time)).ok()?;
        Some(Last { time, named: Digest::from_bytes(named)? })
    });
    parts.map(Some).ok_or_else(|| StoreError::Damaged("when heads were last woven in cannot be read".into()))
}

/// Names the newest verified head of every other log, if that was not done for so long, and if any is new.
pub fn weave(desk: &mut Desk<'_>, after: Duration) -> Result<(), StoreError> {
    let last = read(desk.get(&row())?)?;
    if last.as_ref().is_some_and(|last| desk.now().since(last.time) < after) {
        return Ok(());
    }
    let bodies = bodies(&desk.heads());
    let named = Digest::of(&bodies.concat());
    if bodies.is_empty() || last.is_some_and(|last| last.named == named) {
        return Ok(());
    }
    for body in bodies {
        desk.append(Event { object: Digest::of(&body), body, ..Event::local(Kind::ENTANGLE, Timestamp::default()) })?;
    }
    desk.put(row(), [&desk.now().ms().to_be_bytes()[..], &named.0].concat())
}

/// The bodies that name these heads, each as many as it holds.
fn bodies(heads: &[Entangled]) -> Vec<Vec<u8>> {
    let longest = heads.iter().map(|head| head.origin.as_str().len()).max().unwrap_or_default();
    let fit = limits::EVENT_BODY_BYTES / (1 + longest + 8 + 32);
    heads.chunks(fit.max(1)).filter_map(Entangled::write).collect()
}

/// The daily leaf, if it is due.
pub(super) async fn daily(node: &Node) -> Result<(), CommitError<StoreError>> {
    let due = match read(node.ledger.get(&row()).map_err(CommitError::Refused)?).map_err(CommitError::Refused)? {
        Some(last) => node.clock.now().since(last.time) >= DAILY,
        None => true,
    };
    if due { node.ledger.commit(|desk| weave(desk, DAILY)).await.map(drop) } else { Ok(()) }
}
