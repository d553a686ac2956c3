//! Keys that changed since the backup: our own, whose statements lie in files ([`crate::flow::keys::Filed`]) and whose leaves come
//! back with the log, and a peer's, which it shows before it gives anything back.

use super::failed;
use crate::flow::connection::Ended;
use crate::flow::desk::Desk;
use crate::flow::keys::Filed;
use crate::flow::{Node, greeting, succession};
use crate::port::{Peer, StoreError};
use crate::rows;
use std::sync::Arc;
use varde_proto::exchange::{KnownHead, Regained};

/// Writes again what the store lost of our own statements, once the log has all the leaves that will come back; of those whose
/// leaves are not among them, nobody was told.
pub(super) async fn settle(node: &Node) -> Result<(), Ended> {
    let foreseen = node.keys.foreseen();
    if foreseen.is_empty() {
        return Ok(());
    }
    let landed = node.ledger.commit(move |desk| {
        let mut landed = 0;
        for (number, filed) in &foreseen {
            if !take_back(desk, *number, filed)? {
                break;
            }
            landed += 1;
        }
        Ok::<_, StoreError>(landed)
    });
    let landed = landed.await.map_err(failed)?.into_value();
    tracing::info!(statements = landed, "key statements that the store had lost are in the log again");
    Ok(node.keys.settle(landed)?)
}

/// Whether the leaf of a statement is in the log; then its rows are, too.
fn take_back(desk: &mut Desk<'_>, number: u32, filed: &Filed) -> Result<bool, StoreError> {
    let (index, opening) = (filed.index.0, &filed.opening);
    if desk.leaf_hash(index) != Some(opening.entry().leaf_hash()) {
        return Ok(false);
    }
    let row = rows::numbered(rows::KEY, desk.number(u64::from(number)));
    desk.put(row, [&index.to_be_bytes()[..], &opening.event().body].concat())?;
    let row = rows::numbered(rows::OPENING, desk.number(index));
    if desk.get(&row)?.is_none() {
        desk.seal(row, opening.bytes())?;
    }
    Ok(true)
}

/// Takes up what the peer shows of its keys. The next connection goes by them.
pub(super) async fn learn(node: &Node, peer: &Arc<Peer>, given: &Regained) -> Result<(), Ended> {
    let keys = greeting::walk(&given.keys, peer)?;
    if succession::began_revoked(node, &keys)? {
        return Err(Ended::Greeting("generation-revoked-key"));
    }
    let known = node.ledger.book().head_of(&peer.origin);
    let known = KnownHead { size: known.size, root: known.root };
    greeting::check_their_head(node, (&given.checkpoint, &given.keys), known, &keys)?;
    greeting::learn(node, peer, keys).await.map(drop)
}
