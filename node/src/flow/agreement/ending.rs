//! What follows when an agreement is replaced or ended: what is still owed and no longer permitted is abandoned, and, where the two
//! agreed on that, each asks the other to erase what it holds. A node that stops in between goes on from where it was.

use super::words;
use crate::flow::desk::{Desk, FactName};
use crate::flow::erase::NotErased;
use crate::flow::outbox::Owed;
use crate::flow::withdraw::{self, Withdrawal};
use crate::flow::{Node, alert, delivery, filing, outstanding, receive};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::book::channel_parts;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::{Agreed, AtEnd};
use varde_proto::envelope::Envelope;
use varde_proto::id::{AlertId, Origin};
use varde_proto::limits;
use varde_proto::log::event::Kind;
use varde_proto::log::leaf::Opening;
use varde_proto::vocabulary::ErasureReason;

/// What was said with each peer, and whether what governs is over, as far as everything that follows from it was done.
pub type Kept = BTreeMap<Origin, (Arc<Agreed>, bool)>;

/// The agreement to which everything that is owed to a peer was last held.
pub(super) const HELD_TO: &str = "agreement-held-to/";

/// Does what follows from what governs now, where that is not what governed at the last look.
pub async fn keep_to(node: &Node, kept: &mut Kept) -> Result<(), NotErased> {
    let peers = node.peers.borrow().clone();
    for peer in peers.values() {
        let agreed = node.ledger.book().agreed(&peer.origin);
        let Some(governing) = agreed.governing(node.time()) else { continue };
        let (id, is_over) = (governing.agreement.id(), governing.is_over);
        if kept.get(&peer.origin).is_some_and(|(then, over)| Arc::ptr_eq(then, &agreed) && *over == is_over) {
            continue;
        }
        let (fact, said) = (FactName::new(HELD_TO, &peer.origin), [&id.0[..], &[u8::from(is_over)]].concat());
        if node.ledger.get(fact.row())?.as_ref() != Some(&said) {
            if is_over && governing.agreement.terms().at_end == AtEnd::Erase {
                take_back(node, peer).await?;
            }
            abandon(node, peer).await?;
            let (peer, agreed) = (peer.origin.clone(), agreed.clone());
            let landed = node.ledger.commit(move |desk| match desk.agreed(&peer) == agreed {
                true => desk.set_fact(&fact, said),
                false => Ok(()),
            });
            landed.await?;
        }
        kept.insert(peer.origin.clone(), (agreed, is_over));
    }
    Ok(())
}

/// Asks a peer to erase every alert of ours that it was sent and has not shown to be erased.
async fn take_back(node: &Node, peer: &Peer) -> Result<(), NotErased> {
    let (own, country) = (node.me.origin.node(), peer.origin.node());
    let from = rows::row(rows::ALERT, &[own.as_str().as_bytes()]);
    let filed: Vec<_> = node.ledger.scan(&from, &[&from[..], &[0xff; 17]].concat(), false).collect::<Result<_, _>>()?;
    for (name, value) in filed {
        let Some(id) = name.get(from.len()..).and_then(AlertId::from_bytes) else { continue };
        let (kept, object) = filing::read_filed(&value)?;
        let sent = delivery::of(&node.ledger, kept)?;
        let is_asked = outstanding::of(node, &object)?.iter().any(|asked| asked.peer.node() == country);
        if is_asked || !sent.iter().any(|delivery| delivery.country == country) {
            continue;
        }
        let what = Withdrawal { reason: ErasureReason::NARROWED, from: vec![country] };
        match withdraw::take_back(node, id, what).await {
            Ok(_) | Err(alert::drafts::Refused::Withdrawn) => {}
            Err(why) => {
                tracing::error!(%why, peer = country.as_str(), "an alert could not be taken back at the end of an agreement")
            }
        }
    }
    Ok(())
}

/// Abandons what is owed to a peer and may not go there any more.
async fn abandon(node: &Node, peer: &Peer) -> Result<(), NotErased> {
    for class in (1..limits::CLASSES).filter(|class| *class != limits::CONTROL) {
        let from = rows::row(rows::OWED, &[&channel_parts(&peer.origin, class)]);
        let end = [&from[..], &[0xff; 9]].concat();
        let mut after = from;
        loop {
            let rows = node.ledger.scan(&after, &end, false).take(limits::COMMIT_ENTRIES);
            let rows: Vec<Vec<u8>> = rows.map(|row| row.map(|(name, _)| name)).collect::<Result<_, _>>()?;
            let Some(last) = rows.last() else { break };
            after = [&last[..], &[0]].concat();
            let peer = peer.origin.clone();
            let landed = node.ledger.commit(move |desk| rows.iter().try_for_each(|row| hold_to(desk, &peer, row)));
            landed.await?;
        }
    }
    Ok(())
}

/// Abandons an owed item, unless it may go or is gone.
fn hold_to(desk: &mut Desk<'_>, peer: &Origin, row: &[u8]) -> Result<(), StoreError> {
    let (agreed, now) = (desk.agreed(peer), words::time(desk));
    let Some(owed) = desk.get(row)?.as_deref().and_then(Owed::decode) else { return Ok(()) };
    let opening = desk.open(&rows::numbered(rows::OPENING, owed.leaf))?;
    let opening = opening.and_then(|bytes| Opening::parse(&bytes).ok());
    let Some(sent) = opening.map(|opening| opening.event().clone()).filter(|event| event.kind == Kind::SENT) else {
        return Ok(());
    };
    let envelope = desk.open(&rows::numbered(rows::ENVELOPE, owed.envelope))?;
    let envelope = envelope.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok());
    match envelope {
        Some(envelope) if !receive::may_go(&agreed, &sent, &envelope, &[now]) => withdraw::abandon(desk, &sent),
        _ => Ok(()),
    }
}
