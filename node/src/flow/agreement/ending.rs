//! What follows when an agreement is replaced or ended: what is still owed and no longer permitted is abandoned, and, where the two
//! agreed on that, each asks the other to erase what it holds. A node that stops in between goes on from where it was.

use super::words;
use crate::flow::alert::drafts::Refused;
use crate::flow::desk::{Desk, FactName};
use crate::flow::erase::NotErased;
use crate::flow::outbox::Owed;
use crate::flow::withdraw::{self, Withdrawal};
use crate::flow::{Node, delivery, filing, outstanding, receive};
use crate::port::{Peer, Row, StoreError};
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

/// Does what follows from what governs now, where that is not what governed at the last look. A peer with whom it cannot be done
/// holds up no other, and is looked at again.
pub async fn keep_to(node: &Node, kept: &mut Kept) -> Result<(), NotErased> {
    let (peers, mut done) = (node.peers.borrow().clone(), Ok(()));
    for peer in peers.values() {
        done = done.and(keep_to_one(node, peer, kept).await);
    }
    done
}

async fn keep_to_one(node: &Node, peer: &Peer, kept: &mut Kept) -> Result<(), NotErased> {
    let agreed = node.ledger.book().agreed(&peer.origin);
    let Some(governing) = agreed.governing(node.time()) else { return Ok(()) };
    let (id, is_over) = (governing.agreement.id(), governing.is_over);
    if kept.get(&peer.origin).is_some_and(|(then, over)| Arc::ptr_eq(then, &agreed) && *over == is_over) {
        return Ok(());
    }
    let (fact, said) = (FactName::new(HELD_TO, &peer.origin), [&id.0[..], &[u8::from(is_over)]].concat());
    if node.ledger.get(fact.row())?.as_ref() != Some(&said) {
        let erases = is_over && governing.agreement.terms().at_end == AtEnd::Erase;
        let taken_back = if erases { take_back(node, peer).await } else { Ok(()) };
        // What is owed stops in any case.
        abandon(node, peer).await.and(taken_back)?;
        let (peer, agreed) = (peer.origin.clone(), agreed.clone());
        let landed = node.ledger.commit(move |desk| match desk.agreed(&peer) == agreed {
            true => desk.set_fact(&fact, said),
            false => Ok(()),
        });
        landed.await?;
    }
    kept.insert(peer.origin.clone(), (agreed, is_over));
    Ok(())
}

/// Asks a peer to erase every alert of ours that it was sent and has not shown to be erased. One that cannot be taken back holds
/// up no other.
async fn take_back(node: &Node, peer: &Peer) -> Result<(), NotErased> {
    let (own, country) = (node.me.origin.node(), peer.origin.node());
    let prefix = rows::row(rows::ALERT, &[own.as_str().as_bytes()]);
    let (mut after, end, mut done) = (prefix.clone(), [&prefix[..], &[0xff; 17]].concat(), Ok(()));
    loop {
        let page = page(node, &mut after, &end)?;
        if page.is_empty() {
            return done;
        }
        for (name, value) in page {
            let Some(id) = name.get(prefix.len()..).and_then(AlertId::from_bytes) else { continue };
            let (kept, object) = filing::read_filed(&value)?;
            let sent = delivery::of(&node.ledger, kept)?;
            let is_asked = outstanding::of(node, &object)?.iter().any(|asked| asked.peer.node() == country);
            if is_asked || !sent.iter().any(|delivery| delivery.country == country) {
                continue;
            }
            let what = Withdrawal { reason: ErasureReason::NARROWED, from: vec![country] };
            match withdraw::take_back(node, id, what).await {
                Ok(_) | Err(Refused::Withdrawn) => {}
                Err(why) => done = done.and(Err(NotErased::NotTakenBack(Box::new(why)))),
            }
        }
    }
}

/// Abandons what is owed to a peer and may not go there any more.
async fn abandon(node: &Node, peer: &Peer) -> Result<(), NotErased> {
    for class in (1..limits::CLASSES).filter(|class| *class != limits::CONTROL) {
        let from = rows::row(rows::OWED, &[&channel_parts(&peer.origin, class)]);
        let end = [&from[..], &[0xff; 9]].concat();
        let mut after = from;
        loop {
            let page = page(node, &mut after, &end)?;
            if page.is_empty() {
                break;
            }
            let peer = peer.origin.clone();
            let landed = node.ledger.commit(move |desk| page.iter().try_for_each(|(row, _)| hold_to(desk, &peer, row)));
            landed.await?;
        }
    }
    Ok(())
}

/// The next rows: as many as one commit takes, so that no backlog is ever held whole.
fn page(node: &Node, after: &mut Vec<u8>, end: &[u8]) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<Row> = node.ledger.scan(after, end, false).take(limits::COMMIT_ENTRIES).collect::<Result<_, _>>()?;
    if let Some((last, _)) = rows.last() {
        *after = [&last[..], &[0]].concat();
    }
    Ok(rows)
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
        Some(envelope) if !receive::may_go(&agreed, &sent, &envelope, &[now]) => {
            withdraw::abandon(desk, &sent).map(drop)
        }
        _ => Ok(()),
    }
}
