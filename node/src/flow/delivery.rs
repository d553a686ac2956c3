//! What became of something sent, recipient by recipient: owed until its receipt is held, then what the receipt says.

use super::ledger::Ledger;
use super::outbox::item_row;
use crate::port::StoreError;
use crate::rows;
use crate::state::{ChannelKey, Direction};
use std::time::Duration;
use varde_proto::id::{NodeId, Origin};
use varde_proto::limits;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;
use varde_proto::time::Timestamp;

/// What became of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Logged as sent; no receipt yet.
    Owed,
    /// The peer's log says `received`, at this index and time.
    Received {
        /// In the peer's log.
        index: u64,
        /// By the peer's clock.
        time: Timestamp,
    },
    /// The peer's log says `rejected`.
    Rejected {
        /// In the peer's log.
        index: u64,
        /// By the peer's clock.
        time: Timestamp,
        /// The code.
        reason: String,
    },
    /// Given up without a receipt: our log or the peer's ended, and the node goes on under another.
    Ended,
    /// Given up before it was delivered; the peer's log says so too.
    Abandoned {
        /// In the peer's log.
        index: u64,
        /// By the peer's clock.
        time: Timestamp,
    },
}

/// One recipient's part of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Who.
    pub country: NodeId,
    /// Its log.
    pub peer: Origin,
    /// Its channel class and number.
    pub class: u8,
    /// Its number in the channel.
    pub seq: u64,
    /// Index of our `sent` leaf.
    pub sent_index: u64,
    /// When it was logged as sent.
    pub sent: Timestamp,
    /// What became of it.
    pub state: State,
}

/// The deliveries of what is kept under `kept`: the `sent` leaves from that index on that concern the same object.
pub fn of(ledger: &Ledger, kept: u64) -> Result<Vec<Delivery>, StoreError> {
    let sent = leaves(kept, ledger.number(ledger.head().size().0), |index| ledger.opening_if_kept(index))?;
    sent.iter().map(|(index, event)| delivery(ledger, *index, event)).collect()
}

/// The `sent` leaves of what is kept under one of them. They stand side by side; where a restored backup left some without an
/// opening, those are passed over.
pub(super) fn leaves(
    kept: u64,
    size: u64,
    open: impl Fn(u64) -> Result<Option<Opening>, StoreError>,
) -> Result<Vec<(u64, Event)>, StoreError> {
    let first = open(kept)?.map(|opening| opening.event().clone());
    let first = first.ok_or_else(|| StoreError::Damaged(format!("the opening of leaf {kept} cannot be read")))?;
    if first.kind != Kind::SENT {
        return Ok(Vec::new());
    }
    let (object, most) = (first.object, limits::RECIPIENTS);
    let mut leaves = vec![(kept, first)];
    let (before, after) = ((kept - rows::counted(kept)..kept).rev().take(most), (kept + 1..size).take(most));
    for side in [before.collect::<Vec<_>>(), after.collect()] {
        for index in side {
            match open(index)?.map(|opening| opening.event().clone()) {
                Some(event) if event.kind == Kind::SENT && event.object == object => leaves.push((index, event)),
                Some(_) => break,
                None => {}
            }
        }
    }
    leaves.sort_by_key(|(index, _)| *index);
    Ok(leaves)
}

fn delivery(ledger: &Ledger, sent_index: u64, sent: &Event) -> Result<Delivery, StoreError> {
    let unreadable = |what: &str| StoreError::Damaged(format!("{what} cannot be read"));
    let peer = sent.peer.as_ref().ok_or_else(|| unreadable("a sent leaf's peer"))?;
    let ended = has_ended(ledger, peer, sent_index, sent);
    let receipt =
        ledger.read(&item_row(rows::RECEIPT, peer, sent.class, sent_index - rows::counted(sent_index) + sent.seq))?;
    let state = match receipt {
        None if ended => State::Ended,
        None => State::Owed,
        Some(bytes) => {
            let proof = TlogProof::parse(&bytes).map_err(|_| unreadable("a receipt"))?;
            let opening = proof.opening().ok_or_else(|| unreadable("a receipt's opening"))?;
            let (event, index) = (opening.event(), proof.index.0);
            let time = event.time;
            match event.kind {
                Kind::REJECTED => State::Rejected { index, time, reason: reason(&event.body) },
                Kind::ABANDONED => State::Abandoned { index, time },
                _ => State::Received { index, time },
            }
        }
    };
    let country = peer.node();
    let peer = peer.clone();
    Ok(Delivery { country, peer, class: sent.class, seq: sent.seq, sent_index, sent: sent.time, state })
}

/// Whether one of the two logs ended before there was a receipt. Read before the receipt is looked for, which lands first.
fn has_ended(ledger: &Ledger, peer: &Origin, sent_index: u64, sent: &Event) -> bool {
    let key = ChannelKey { direction: Direction::Out, peer: peer.clone(), class: sent.class };
    let ours = sent_index - rows::counted(sent_index) == ledger.number(0);
    !ours || ledger.book().channel(&key).settled >= sent.seq
}

/// A refusal's code as a peer logged it, cut to what a code may hold.
pub fn reason(body: &[u8]) -> String {
    let plain = |b: &&u8| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'-' || **b == b':';
    body.iter().filter(plain).take(64).map(|b| char::from(*b)).collect()
}

/// Waits until every recipient has answered, or the time is over; returns the deliveries as they are then. The store is read
/// on a thread on which nobody waits, so that a slow disk holds up neither the clock nor the other calls.
pub async fn wait(ledger: &Ledger, kept: u64, most: Duration) -> Result<Vec<Delivery>, StoreError> {
    let mut heads = ledger.heads();
    let over = tokio::time::sleep(most);
    tokio::pin!(over);
    let mut known = look(ledger, kept).await?;
    while known.iter().any(|delivery| delivery.state == State::Owed) {
        tokio::select! {
            biased;
            () = &mut over => break,
            changed = heads.changed() => if !changed { break },
        }
        tokio::select! {
            biased;
            found = look(ledger, kept) => known = found?,
            () = &mut over => break,
        }
    }
    Ok(known)
}

async fn look(ledger: &Ledger, kept: u64) -> Result<Vec<Delivery>, StoreError> {
    let ledger = ledger.clone();
    let looking = tokio::task::spawn_blocking(move || of(&ledger, kept));
    looking.await.unwrap_or_else(|_| Err(StoreError::Damaged("looking for receipts broke off".into())))
}
