//! Giving a peer that was restored from a backup what we keep of its log: the newest head it signed, its entries, and the
//! leaves that it showed us, with what was exchanged.

use crate::flow::connection::{self, Ended};
use crate::flow::ledger::Ledger;
use crate::flow::outbox::{Owed, item_row};
use crate::flow::{Never, Node, deliver, delivery, escrow, keys, outstanding};
use crate::port::{Link, Peer, StoreError};
use crate::rows;
use crate::state::peer_parts;
use prost::Message;
use std::sync::Arc;
use tokio::sync::mpsc;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{Frame, Held, Piece, Position, Regain, Regained, RegainedItem, Shown};
use varde_proto::id::{Origin, TreeSize};
use varde_proto::identity::Role;
use varde_proto::limits;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;

/// Bytes of things in one frame, after which no further one is added: each may have sixteen thousand.
const FULL: usize = limits::FRAME_BYTES / 2;
/// Bytes that the proofs of a thing may take.
const PROOFS: usize = 4 * 1024;

/// Serves a peer that said it was restored, until it closes, or is one with which nothing is exchanged any more.
pub async fn serve(node: &Arc<Node>, peer: &Arc<Peer>, link: &mut Link) -> Ended {
    tokio::select! {
        biased;
        Err(ended) = answers(node, peer, link) => ended,
        Err(ended) = connection::barred(node, peer) => ended,
    }
}

async fn answers(node: &Arc<Node>, peer: &Arc<Peer>, link: &mut Link) -> Result<Never, Ended> {
    say(&link.outgoing, held(node, peer).map(Frame::Held)?).await?;
    loop {
        match link.incoming.recv().await.ok_or(Ended::Closed)?? {
            Frame::Goodbye(_, after) => return Err(Ended::Goodbye(after)),
            Frame::Refusal(code) => return Err(Ended::Refused(code)),
            frame => {
                if let Some(answer) = answer_aside(node, peer, frame).await? {
                    say(&link.outgoing, answer).await?;
                }
            }
        }
    }
}

pub(super) async fn say(out: &mpsc::Sender<Frame>, frame: Frame) -> Result<(), Ended> {
    out.send(frame).await.map_err(|_| Ended::Closed)
}

/// Answers where it does not hold up other connections.
pub(super) async fn answer_aside(node: &Arc<Node>, peer: &Arc<Peer>, frame: Frame) -> Result<Option<Frame>, Ended> {
    let (node, peer) = (node.clone(), peer.clone());
    Ok(connection::aside(move || answer(&node, &peer, frame)).await??)
}

/// What we say to a frame of a peer that was restored: one frame at most, whatever it asks.
fn answer(node: &Node, peer: &Peer, frame: Frame) -> Result<Option<Frame>, StoreError> {
    match frame {
        Frame::Restored(..) => Ok(Some(Frame::Held(held(node, peer)?))),
        Frame::Ask(from, to) => {
            let most = usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(limits::FRAME_ENTRIES);
            let entries = escrow::kept(&node.ledger, &peer.origin, from, most)?;
            let checkpoint = held(node, peer)?.checkpoint;
            let piece =
                checkpoint.filter(|_| !entries.is_empty()).map(|checkpoint| Piece { checkpoint, from, entries });
            Ok(piece.map(Frame::Entries))
        }
        Frame::Regain(regain) => Ok(Some(Frame::Regained(Box::new(give(node, peer, &regain)?)))),
        _ => Ok(None),
    }
}

fn held(node: &Node, peer: &Peer) -> Result<Held, StoreError> {
    let parts = peer_parts(&peer.origin);
    let row = |size: u64| rows::row(rows::PEER_HEAD, &[&parts, &size.to_be_bytes()]);
    let newest = node.ledger.scan(&row(0), &[&row(u64::MAX)[..], &[0]].concat(), true).next().transpose()?;
    let size = newest.as_ref().and_then(|(name, _)| name.last_chunk()).map_or(0, |bytes| u64::from_be_bytes(*bytes));
    let keys = peer.keys.at(Role::Log, TreeSize(size));
    let note = newest.and_then(|(_, value)| value.get(32..).map(<[u8]>::to_vec));
    let head = note.and_then(|note| Head::from_note(&note, &peer.origin, &keys).ok());
    let entries = node.ledger.book().kept_of(&peer.origin).size().0;
    let statements = peer.keys.number();
    Ok(Held { checkpoint: head.map(|head| head.to_wire()), entries, statements })
}

/// What was exchanged with the peer after the numbers it names, as far as we hold its proof and a frame has room.
fn give(node: &Node, peer: &Peer, regain: &Regain) -> Result<Regained, StoreError> {
    let head = match node.ledger.recovering() {
        // Both were restored. What was shown before may be shown again.
        Some(recovering) => Arc::new(recovering.shown_before(&node.ledger)?),
        None => node.ledger.show()?,
    };
    let size = head.size().0;
    let consistency = deliver::consistency(&node.ledger.book(), regain.size.min(size), size);
    let mut given =
        Regained { checkpoint: head.to_wire(), consistency, items: Vec::new(), last: true, keys: Vec::new() };
    let keys = keys::shown(&node.ledger, &node.keys.history(), size)?;
    // The first of them is the genesis.
    if keys.len() > regain.statements as usize + 1 {
        return Ok(Regained { last: false, keys, ..given });
    }
    for (positions, get) in [(&regain.sent, took as Get), (&regain.received, gave as Get)] {
        for class in 1..limits::CLASSES {
            for seq in after(positions, class).. {
                if is_full(&given.items) {
                    given.last = false;
                    return Ok(given);
                }
                let Some(item) = get(node, peer, (class, seq), size)? else { break };
                given.items.push(item);
            }
        }
    }
    Ok(given)
}

type Get = fn(&Node, &Peer, (u8, u64), u64) -> Result<Option<RegainedItem>, StoreError>;

/// Whether a frame has room for no further thing, however large.
pub(super) fn is_full(items: &[RegainedItem]) -> bool {
    let weight = |item: &RegainedItem| item.envelope.as_ref().map_or(0, Message::encoded_len) + PROOFS;
    items.len() >= limits::FRAME_ITEMS || items.iter().map(weight).sum::<usize>() >= FULL
}

/// Something that we took from the peer.
fn took(node: &Node, peer: &Peer, (class, seq): (u8, u64), _: u64) -> Result<Option<RegainedItem>, StoreError> {
    let Some(yours) = proof(&node.ledger, rows::SENT_PROOF, &peer.origin, class, seq)? else { return Ok(None) };
    let row = node.ledger.get(&item_row(rows::TAKEN, &peer.origin, class, node.ledger.number(seq)))?;
    let envelope = match row.as_deref().and_then(<[u8]>::first_chunk::<8>) {
        Some(index) => envelope(&node.ledger, u64::from_be_bytes(*index))?,
        None => None,
    };
    Ok(Some(RegainedItem { yours, envelope, mine: None }))
}

/// Something that we sent and hold a receipt for. What the peer was asked to erase does not travel again; what an agreement that is
/// over let it keep does.
fn gave(node: &Node, peer: &Peer, (class, seq): (u8, u64), size: u64) -> Result<Option<RegainedItem>, StoreError> {
    let Some(yours) = proof(&node.ledger, rows::RECEIPT, &peer.origin, class, seq)? else { return Ok(None) };
    let row = node.ledger.get(&item_row(rows::SETTLED, &peer.origin, class, node.ledger.number(seq)))?;
    let Some(sent) = row.as_deref().and_then(Owed::decode).filter(|sent| rows::counted(sent.leaf) < size) else {
        return Ok(None);
    };
    let Some((leaf, opening)) = shown(&node.ledger, peer, &sent, yours.opening.event())? else { return Ok(None) };
    let is_here = opening.event().kind == Kind::SENT;
    let envelope = match is_here && !outstanding::is_asked(&node.ledger, &sent.object, &peer.origin)? {
        true => envelope(&node.ledger, sent.envelope)?,
        false => None,
    };
    let index = rows::counted(leaf);
    let path = deliver::path(&node.ledger.book(), index, size)?;
    Ok(Some(RegainedItem { yours, envelope, mine: Some(Shown { index, opening, path }) }))
}

/// Our leaf about an item that the peer answered: the one that gave it up, unless its receipt was under way then and says that it was
/// taken.
fn shown(ledger: &Ledger, peer: &Peer, sent: &Owed, theirs: &Event) -> Result<Option<(u64, Opening)>, StoreError> {
    let Some(opening) = ledger.opening_if_kept(sent.leaf)? else { return Ok(None) };
    if opening.event().kind != Kind::ABANDONED || theirs.kind == Kind::ABANDONED {
        return Ok(Some((sent.leaf, opening)));
    }
    let end = ledger.number(ledger.head().size().0);
    let all = delivery::leaves(sent.envelope, end, |index| ledger.opening_if_kept(index))?;
    let to_peer = |event: &Event| event.peer.as_ref().is_some_and(|to| *to == peer.origin);
    let leaf = all.into_iter().find(|(_, event)| to_peer(event) && event.seq == theirs.seq).map(|(leaf, _)| leaf);
    leaf.map(|leaf| Ok((leaf, ledger.opening(leaf)?))).transpose()
}

fn after(positions: &[Position], class: u8) -> u64 {
    positions.iter().find(|position| position.class == class).map_or(1, |position| position.seq.saturating_add(1))
}

/// The peer's leaf in a proof that we hold.
fn proof(ledger: &Ledger, prefix: u8, peer: &Origin, class: u8, seq: u64) -> Result<Option<Shown>, StoreError> {
    let Some(bytes) = ledger.read(&item_row(prefix, peer, class, ledger.number(seq)))? else { return Ok(None) };
    let proof = TlogProof::parse(&bytes).ok().and_then(|proof| Some((proof.index.0, proof.opening()?)));
    let (index, opening) = proof.ok_or_else(|| StoreError::Damaged("a proof that is held cannot be read".into()))?;
    Ok(Some(Shown { index, opening, path: Vec::new() }))
}

fn envelope(ledger: &Ledger, index: u64) -> Result<Option<Envelope>, StoreError> {
    let bytes = ledger.read(&rows::numbered(rows::ENVELOPE, index))?;
    Ok(bytes.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok()))
}
