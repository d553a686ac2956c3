//! The answer to whoever issued what was erased here: the tlog-proof of our own leaf, as a control message.

use super::{NotErased, Remains, Stage, hold, remains};
use crate::flow::ledger::Ledger;
use crate::flow::outbox::{self, NotSent, Signed};
use crate::flow::{Node, deliver};
use crate::port::StoreError;
use crate::rows;
use varde_proto::control::{Act, Erasure};
use varde_proto::envelope::Payload;
use varde_proto::id::{Digest, LogIndex, Origin};
use varde_proto::log::proof::TlogProof;

/// Answers the issuer of an item, if it is pinned now; what is not answered is tried again.
pub(super) async fn answer(node: &Node, object: Digest, remains: Remains) -> Result<(), NotErased> {
    let ours = remains.issuer == node.me.origin.node();
    let signed = if ours { None } else { message(node, object, &remains)? };
    if signed.is_none() && !ours {
        return Ok(());
    }
    let landed = node.ledger.commit(move |desk| {
        // Asked again meanwhile: that is another answer. Answered meanwhile: once is enough.
        let waits = remains::is_unfinished(desk, remains.issuer, &object)?
            && remains::at_desk(desk, remains.issuer, &object)?.as_ref() == Some(&remains);
        if waits {
            if let Some(signed) = &signed {
                outbox::owe(desk, signed, Digest::NONE)?;
            }
            remains::put(desk, &object, &remains, false)?;
        }
        Ok::<(), StoreError>(())
    });
    Ok(landed.await.map(drop)?)
}

/// Whether the leaf that the answer would show is in a log of ours that ended.
pub(super) fn is_of_before(ledger: &Ledger, object: &Digest, remains: &Remains) -> bool {
    let leaf = match &remains.stage {
        Stage::Done(leaf) => Some(*leaf),
        Stage::Held => hold::leaf(ledger, object).ok().flatten(),
        Stage::Destroying(_) => None,
    };
    leaf.is_some_and(|leaf| leaf < ledger.number(0)) && remains.issuer != ledger.book().origin.node()
}

fn message(node: &Node, object: Digest, remains: &Remains) -> Result<Option<Signed>, NotErased> {
    let leaf = match &remains.stage {
        Stage::Done(leaf) => Some(*leaf),
        Stage::Held => hold::leaf(&node.ledger, &object)?,
        Stage::Destroying(_) => None,
    };
    let logged = node.ledger.number(0)..node.ledger.number(node.ledger.head().size().0);
    // Durable, but not under a head yet: the next look finds it there.
    let Some(leaf) = leaf.filter(|leaf| logged.contains(leaf)) else { return Ok(None) };
    let opening = node.ledger.opening(leaf)?;
    let Some(issuer) = opening.event().peer.clone() else { return Ok(None) };
    let (request, proof) = (remains.request, proof(node, leaf)?);
    let held = remains.stage == Stage::Held;
    let act = if held { Act::Held { request, proof } } else { Act::Done { request, proof } };
    signed(node, &issuer, |header| Erasure { header, object, id: remains.id, reason: remains.reason, act })
}

/// A message to one peer, if it is pinned now.
pub(in crate::flow) fn signed(
    node: &Node,
    to: &Origin,
    message: impl FnOnce(varde_proto::envelope::Header) -> Erasure,
) -> Result<Option<Signed>, NotErased> {
    let peers = node.peers.borrow().clone();
    let Some(peer) = peers.get(&to.node()).filter(|peer| peer.origin.is_of_node(to)) else { return Ok(None) };
    let recipients = [peer.clone()];
    let told = outbox::header(node, &recipients).and_then(|header| {
        let message = message(header);
        outbox::sign::<Erasure>(node, &message.to_wire(), &recipients, message.class())
    });
    match told {
        Ok(signed) => Ok(Some(signed)),
        Err(NotSent::Refused(rule)) => Err(NotErased::Unanswered(rule)),
        Err(_) => Ok(None),
    }
}

/// The tlog-proof of one of our leaves in the newest tree.
fn proof(node: &Node, leaf: u64) -> Result<Vec<u8>, StoreError> {
    let (head, opening) = (node.ledger.head(), node.ledger.opening(leaf)?);
    let leaf = rows::counted(leaf);
    let path = deliver::path(&node.ledger.book(), leaf, head.size().0)?;
    Ok(TlogProof::of_leaf(&opening, LogIndex(leaf), path, head.note().clone()).write().into_bytes())
}
