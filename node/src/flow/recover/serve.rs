//! Giving a peer that was restored from a backup what we keep of its log: the newest head it signed, its entries, and the
//! leaves that it showed us, with what was exchanged.

use crate::flow::connection::Ended;
use crate::flow::ledger::Ledger;
use crate::flow::outbox::item_row;
use crate::flow::{Node, deliver, escrow, outstanding};
use crate::port::{Link, Peer, StoreError};
use crate::rows;
use crate::state::peer_parts;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::mpsc;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{Frame, Held, Piece, Position, Regain, Regained, RegainedItem, Shown};
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::Role;
use varde_proto::limits;
use varde_proto::log::event::{Direction, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;

/// Bytes of things in one frame, after which no further one is added: each may have sixteen thousand.
const FULL: usize = limits::FRAME_BYTES / 2;

/// Serves a peer that said it was restored, until it closes.
pub async fn serve(node: &Arc<Node>, peer: &Arc<Peer>, link: &mut Link) -> Ended {
    let mut first = Some(held(node, peer).map(Frame::Held));
    loop {
        let answers = match first.take() {
            Some(held) => held.map(|held| vec![held]),
            None => match link.incoming.recv().await {
                Some(Ok(Frame::Goodbye(_, after))) => return Ended::Goodbye(after),
                Some(Ok(Frame::Refusal(code))) => return Ended::Refused(code),
                Some(Ok(frame)) => answer(node, peer, frame),
                Some(Err(bad)) => return bad.into(),
                None => return Ended::Closed,
            },
        };
        match answers {
            Ok(answers) => {
                if send(&link.outgoing, answers).await.is_none() {
                    return Ended::Closed;
                }
            }
            Err(failure) => return failure.into(),
        }
    }
}

async fn send(out: &mpsc::Sender<Frame>, frames: Vec<Frame>) -> Option<()> {
    for frame in frames {
        out.send(frame).await.ok()?;
    }
    Some(())
}

/// What we say to a frame of a peer that was restored.
pub(super) fn answer(node: &Node, peer: &Peer, frame: Frame) -> Result<Vec<Frame>, StoreError> {
    match frame {
        Frame::Restored(..) => Ok(vec![Frame::Held(held(node, peer)?)]),
        Frame::Ask(from, to) => {
            let most = usize::try_from(to.saturating_sub(from)).unwrap_or(0).min(limits::FRAME_ENTRIES);
            let entries = escrow::kept(&node.ledger, &peer.origin, from, most)?;
            let checkpoint = held(node, peer)?.checkpoint;
            let piece =
                checkpoint.filter(|_| !entries.is_empty()).map(|checkpoint| Piece { checkpoint, from, entries });
            Ok(piece.map(Frame::Entries).into_iter().collect())
        }
        Frame::Regain(regain) => give(node, peer, &regain),
        _ => Ok(Vec::new()),
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
    Ok(Held { checkpoint: head.map(|head| head.to_wire()), entries })
}

/// Everything that was exchanged with the peer after the numbers it names, as far as we hold its proof.
fn give(node: &Node, peer: &Peer, regain: &Regain) -> Result<Vec<Frame>, StoreError> {
    let head = node.ledger.show()?;
    let mut items = Vec::new();
    for class in 1..limits::CLASSES {
        for seq in after(&regain.sent, class).. {
            let Some(yours) = proof(&node.ledger, rows::SENT_PROOF, &peer.origin, class, seq)? else { break };
            let envelope = taken(&node.ledger, &peer.origin, class, seq)?;
            items.push(RegainedItem { yours, envelope, mine: None });
        }
    }
    let mut receipts = BTreeMap::new();
    for class in 1..limits::CLASSES {
        for seq in after(&regain.received, class).. {
            let Some(yours) = proof(&node.ledger, rows::RECEIPT, &peer.origin, class, seq)? else { break };
            receipts.insert((class, seq), yours);
        }
    }
    items.extend(sent(node, peer, receipts, &head)?);
    Ok(frames(items, &head))
}

fn after(positions: &[Position], class: u8) -> u64 {
    positions.iter().find(|position| position.class == class).map_or(1, |position| position.seq.saturating_add(1))
}

/// The peer's leaf in a proof that we hold.
fn proof(ledger: &Ledger, prefix: u8, peer: &Origin, class: u8, seq: u64) -> Result<Option<Shown>, StoreError> {
    let Some(bytes) = ledger.read(&item_row(prefix, peer, class, seq))? else { return Ok(None) };
    let proof = TlogProof::parse(&bytes).ok().and_then(|proof| Some((proof.index.0, proof.opening()?)));
    let (index, opening) = proof.ok_or_else(|| StoreError::Damaged("a proof that is held cannot be read".into()))?;
    Ok(Some(Shown { index, opening, path: Vec::new() }))
}

/// The content of an item that we took, if it is still here.
fn taken(ledger: &Ledger, peer: &Origin, class: u8, seq: u64) -> Result<Option<Envelope>, StoreError> {
    let row = ledger.get(&item_row(rows::TAKEN, peer, class, seq))?;
    match row.as_deref().and_then(<[u8]>::first_chunk::<8>) {
        Some(index) => envelope(ledger, u64::from_be_bytes(*index)),
        None => Ok(None),
    }
}

fn envelope(ledger: &Ledger, index: u64) -> Result<Option<Envelope>, StoreError> {
    let bytes = ledger.read(&rows::numbered(rows::ENVELOPE, index))?;
    Ok(bytes.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok()))
}

/// What we sent and hold receipts for: our leaves are looked for from the newest back, since nothing else names them any more.
fn sent(
    node: &Node,
    peer: &Peer,
    mut receipts: BTreeMap<(u8, u64), Shown>,
    head: &Head,
) -> Result<Vec<RegainedItem>, StoreError> {
    let size = head.size().0;
    let mut found: BTreeMap<(u8, u64), (Shown, Opening, u64, Digest)> = BTreeMap::new();
    let mut contents: BTreeMap<Digest, u64> = BTreeMap::new();
    // A content lies under the first of the leaves that name it, at most as many before as an alert has recipients.
    let mut rest = limits::RECIPIENTS as u64;
    for index in (0..size).rev() {
        if receipts.is_empty() {
            rest = rest.saturating_sub(1);
        }
        if rest == 0 {
            break;
        }
        let Some(opening) = node.ledger.opening_if_kept(index)? else { continue };
        let event = opening.event();
        if event.direction != Direction::Out || !matches!(event.kind, Kind::SENT | Kind::ABANDONED) {
            continue;
        }
        let (at, object) = ((event.class, event.seq), event.object);
        if event.kind == Kind::SENT {
            contents.insert(object, index);
        }
        if event.peer.as_ref() == Some(&peer.origin)
            && let Some(yours) = receipts.remove(&at)
        {
            found.insert(at, (yours, opening, index, object));
        }
    }
    let items = found.into_values().map(|(yours, opening, index, object)| {
        // What it was asked to erase does not travel again.
        let kept = match contents.get(&object) {
            Some(index) if !outstanding::is_asked(&node.ledger, &object, &peer.origin)? => {
                envelope(&node.ledger, *index)?
            }
            _ => None,
        };
        let path = deliver::path(&node.ledger.book(), LogIndex(index).0, size)?;
        Ok(RegainedItem { yours, envelope: kept, mine: Some(Shown { index, opening, path }) })
    });
    items.collect()
}

fn frames(items: Vec<RegainedItem>, head: &Head) -> Vec<Frame> {
    let mut frames: Vec<Vec<RegainedItem>> = vec![Vec::new()];
    let mut bytes = 0;
    for item in items {
        let weight = item.envelope.as_ref().map_or(0, Message::encoded_len) + 4 * 1024;
        let full = bytes + weight > FULL;
        match frames.last_mut() {
            Some(last) if !full && last.len() < limits::FRAME_ITEMS => last.push(item),
            _ => {
                frames.push(vec![item]);
                bytes = 0;
            }
        }
        bytes += weight;
    }
    let count = frames.len();
    let frame = |(n, items): (usize, Vec<RegainedItem>)| {
        Frame::Regained(Box::new(Regained { checkpoint: head.to_wire(), items, last: n + 1 == count }))
    };
    frames.into_iter().enumerate().map(frame).collect()
}
