//! Who still owes us the erasure of what: for each recipient of an alert that we withdrew, when it was asked, until when it
//! is due, and what it answered. Alerts whose time is over are due by themselves.

use super::alert::drafts;
use super::delivery::{self, State};
use super::desk::Desk;
use super::ledger::Ledger;
use super::reopen::peer_of;
use super::{Node, conversation, erase, filing, kept};
use crate::port::{Peer, StoreError};
use crate::rows;
use std::sync::Arc;
use std::time::Duration;
use varde_proto::control::{Act, Erasure};
use varde_proto::envelope::Rejection;
use varde_proto::id::{AlertId, Digest, Origin};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{ErasureReason, Vocabulary};

/// What a recipient owes, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Duty {
    pub(super) id: AlertId,
    pub(super) reason: ErasureReason,
    /// Index under which the request is kept; 0 where none was sent.
    pub(super) request: u64,
    pub(super) asked: Timestamp,
    pub(super) due: Timestamp,
    pub(super) answer: Answer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    None,
    /// On hold there, says the answer that our leaf took.
    Held(u64),
    /// Erased there, says the answer that our leaf took.
    Done(u64),
}

impl Duty {
    /// Whether it has said nothing, and nobody could ask it.
    pub(super) fn was_not_asked(&self) -> bool {
        self.request == 0 && self.answer == Answer::None
    }

    fn encode(&self) -> Vec<u8> {
        let (answer, leaf) = match self.answer {
            Answer::None => (0, 0),
            Answer::Held(leaf) => (1, leaf),
            Answer::Done(leaf) => (2, leaf),
        };
        let mut out = vec![answer, self.reason.number() as u8];
        out.extend_from_slice(&self.id.0);
        for number in [leaf, self.request, self.asked.ms().cast_unsigned(), self.due.ms().cast_unsigned()] {
            out.extend_from_slice(&number.to_be_bytes());
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let ([answer, reason], rest) = bytes.split_first_chunk()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let [leaf, request, asked, due] = *numbers else { return None };
        let (leaf, request) = (u64::from_be_bytes(leaf), u64::from_be_bytes(request));
        let time = |bytes| Timestamp::from_ms(i64::from_be_bytes(bytes)).ok();
        let answer = match answer {
            0 => Answer::None,
            1 => Answer::Held(leaf),
            2 => Answer::Done(leaf),
            _ => return None,
        };
        let reason = ErasureReason::from_number((*reason).into())?;
        Some(Self { id: AlertId(*id), reason, request, asked: time(asked)?, due: time(due)?, answer })
    }
}

fn row(object: &Digest, peer: &Origin) -> Vec<u8> {
    let generation = peer.generation().to_be_bytes();
    rows::row(rows::OUTSTANDING, &[&object.0, peer.node().as_str().as_bytes(), &generation])
}

fn damaged() -> StoreError {
    StoreError::Damaged("the row of an outstanding erasure cannot be read".into())
}

fn read(value: Option<Vec<u8>>) -> Result<Option<Duty>, StoreError> {
    value.map(|bytes| Duty::decode(&bytes).ok_or_else(damaged)).transpose()
}

/// Notes what a recipient owes from now on.
pub(super) fn put(desk: &mut Desk<'_>, object: &Digest, peer: &Origin, duty: Duty) -> Result<(), StoreError> {
    desk.put(row(object, peer), duty.encode())
}

/// Whether a recipient was asked to erase an item.
pub(super) fn is_asked(ledger: &Ledger, object: &Digest, peer: &Origin) -> Result<bool, StoreError> {
    Ok(ledger.get(&row(object, peer))?.is_some())
}

/// Whether a recipient has shown that an item is erased there.
pub(super) fn is_erased_at(ledger: &Ledger, object: &Digest, peer: &Origin) -> Result<bool, StoreError> {
    let duty = read(ledger.get(&row(object, peer))?)?;
    Ok(duty.is_some_and(|duty| matches!(duty.answer, Answer::Done(_))))
}

/// What memory has against a recipient's answer: it must be about what we issued, and sent to it.
pub(super) fn check(desk: &Desk<'_>, peer: &Peer, message: &Erasure) -> filing::Filed {
    let filed = desk.get(&filing::alert_row(desk.origin().node(), message.id))?;
    let Some((kept, object)) = filed.map(|value| filing::read_filed(&value)).transpose()? else {
        return Ok(Err(Rejection::Content("erasure-not-issued")));
    };
    if object != message.object {
        return Ok(Err(Rejection::Content("erasure-other-item")));
    }
    let sent =
        erase::items(desk, kept)?.iter().any(|item| item.peer.as_ref().is_some_and(|to| to.is_of_node(&peer.origin)));
    Ok(if sent { Ok(()) } else { Err(Rejection::Content("erasure-not-sent")) })
}

/// Files a recipient's answer, whose proof holds, once it is logged as received under `index`.
pub(super) fn answered(desk: &mut Desk<'_>, peer: &Peer, message: &Erasure, index: u64) -> Result<(), StoreError> {
    let answer = match &message.act {
        Act::Request { .. } => return Ok(()),
        Act::Done { .. } => Answer::Done(index),
        Act::Held { .. } => Answer::Held(index),
    };
    let (now, before) = (desk.now(), read(desk.get(&row(&message.object, &peer.origin))?)?);
    let (id, reason) = (message.id, message.reason);
    let duty = before.unwrap_or(Duty { id, reason, request: 0, asked: now, due: now, answer: Answer::None });
    if matches!(duty.answer, Answer::Done(_)) {
        Ok(())
    } else {
        put(desk, &message.object, &peer.origin, Duty { answer, ..duty })?;
        // What is gone there is not answered any more.
        if matches!(answer, Answer::Done(_)) { conversation::close_with(desk, id, peer.origin.node()) } else { Ok(()) }
    }
}

/// How far a recipient is with erasing an alert of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It is not pinned, so it could not be asked; it is once it is pinned again.
    NotAsked,
    /// The request is on its way.
    Owed,
    /// It has the request.
    Asked,
    /// The alert's time is over, so nobody has to ask.
    Expired,
    /// It refused the request, with this code.
    Refused(String),
    /// It may not erase it for now.
    OnHold,
    /// It has erased it.
    Erased,
}

/// One recipient's part of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outstanding {
    /// The alert.
    pub id: AlertId,
    /// Who owes it.
    pub peer: Origin,
    /// Why.
    pub reason: ErasureReason,
    /// Since when it is owed.
    pub asked: Timestamp,
    /// When it is overdue.
    pub due: Timestamp,
    /// How far it is.
    pub standing: Standing,
    /// Our leaf that took its answer.
    pub answer: Option<u64>,
}

impl Outstanding {
    /// Whether it is owed for too long.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.standing != Standing::Erased && self.due < now
    }

    /// The recipient's proof that it is erased: the tlog-proof of its `erase-done` leaf.
    pub fn proof(&self, ledger: &Ledger) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(index) = self.answer.filter(|_| self.standing == Standing::Erased) else { return Ok(None) };
        Ok(kept::if_kept::<Erasure>(ledger, index)?.and_then(|(_, message)| match message.act {
            Act::Done { proof, .. } => Some(proof),
            _ => None,
        }))
    }
}

/// How far each recipient is with an alert of ours; empty where nothing was asked or answered.
pub fn of(node: &Node, object: &Digest) -> Result<Vec<Outstanding>, StoreError> {
    rows_from(node, &rows::row(rows::OUTSTANDING, &[&object.0]))
}

fn rows_from(node: &Node, from: &[u8]) -> Result<Vec<Outstanding>, StoreError> {
    let to = [from, &[0xff; 39][..]].concat();
    let mut all = Vec::new();
    for row in node.ledger.scan(from, &to, false) {
        let (name, value) = row?;
        let peer = name.get(33..).and_then(|name| peer_of(&node.me.origin, name));
        let (Some((peer, _)), Some(duty)) = (peer, Duty::decode(&value)) else { return Err(damaged()) };
        let Duty { id, reason, asked, due, .. } = duty;
        let answer = match duty.answer {
            Answer::None => None,
            Answer::Held(leaf) | Answer::Done(leaf) => Some(leaf),
        };
        let standing = standing(&node.ledger, &peer, &duty)?;
        all.push(Outstanding { id, peer, reason, asked, due, standing, answer });
    }
    Ok(all)
}

fn standing(ledger: &Ledger, peer: &Origin, duty: &Duty) -> Result<Standing, StoreError> {
    Ok(match duty.answer {
        Answer::Done(_) => Standing::Erased,
        Answer::Held(_) => Standing::OnHold,
        Answer::None if duty.was_not_asked() => Standing::NotAsked,
        Answer::None => {
            let sent = delivery::of(ledger, duty.request)?;
            match sent.into_iter().find(|delivery| delivery.peer == *peer).map(|delivery| delivery.state) {
                Some(State::Received { .. }) => Standing::Asked,
                Some(State::Rejected { reason, .. }) => Standing::Refused(reason),
                _ => Standing::Owed,
            }
        }
    })
}

/// Everything of ours that some recipient has to erase and has not shown to be erased; what is due first comes first.
pub fn outstanding(node: &Node, now: Timestamp) -> Result<Vec<Outstanding>, StoreError> {
    let mut all = rows_from(node, &[rows::OUTSTANDING])?;
    for one in expired(node, now)? {
        if !all.iter().any(|known| known.id == one.id && known.peer == one.peer) {
            all.push(one);
        }
    }
    all.retain(|one| one.standing != Standing::Erased);
    all.sort_by_key(|one| (one.due, one.id, one.peer.clone()));
    Ok(all)
}

/// What was receipted and whose time is over.
fn expired(node: &Node, now: Timestamp) -> Result<Vec<Outstanding>, StoreError> {
    let mut all = Vec::new();
    for draft in drafts::all(&node.ledger)? {
        let (Some(kept), since) = (draft.sent.first(), draft.content.expires_at) else { continue };
        if since > now {
            continue;
        }
        let (id, due) = (draft.content.id, erase::due(&draft.content, since));
        for delivery in delivery::of(&node.ledger, *kept)? {
            if matches!(delivery.state, State::Received { .. }) {
                let (reason, standing) = (ErasureReason::EXPIRED, Standing::Expired);
                let peer = delivery.peer;
                all.push(Outstanding { id, peer, reason, asked: since, due, standing, answer: None });
            }
        }
    }
    Ok(all)
}

/// E, the log that was asked, what that owed, and whom to ask now.
type Over = (Digest, Origin, Duty, Arc<Peer>);

/// What must be asked for once more. Where one of the two logs ended: of a peer's log that follows, whatever the one before answered,
/// for its store may have gone back behind the erasure; by our own that follows, what is not shown to be erased. And of a peer that was
/// not pinned when it was to be asked, and is now.
pub(super) fn over(node: &Node) -> Result<Vec<Over>, StoreError> {
    let (peers, first) = (node.peers.borrow().clone(), node.ledger.number(0));
    let mut over = Vec::new();
    for row in node.ledger.scan(&[rows::OUTSTANDING], &[rows::OUTSTANDING + 1], false) {
        let (name, value) = row?;
        let object = name.get(1..33).and_then(Digest::from_bytes);
        let log = name.get(33..).and_then(|name| peer_of(&node.me.origin, name));
        let (Some(object), Some((log, _)), Some(duty)) = (object, log, Duty::decode(&value)) else {
            return Err(damaged());
        };
        let Some(peer) = peers.get(&log.node()).filter(|peer| peer.origin.is_of_node(&log)) else { continue };
        let unheard = duty.request < first && !matches!(duty.answer, Answer::Done(_));
        let again = duty.request > 0 && (peer.origin.generation() > log.generation() || unheard);
        if again || duty.was_not_asked() {
            over.push((object, log, duty, peer.clone()));
        }
    }
    Ok(over)
}

/// Takes away a recipient's duty, if it still stands as it was read: another one is to take its place.
pub(super) fn take_away(desk: &mut Desk<'_>, object: &Digest, log: &Origin, was: Duty) -> Result<bool, StoreError> {
    let row = row(object, log);
    let stands = read(desk.get(&row)?)? == Some(was);
    if stands {
        desk.delete(row);
    }
    Ok(stands)
}

/// Waits until nobody is left who was asked and has not answered, or the time is over.
pub async fn wait(node: &Node, object: Digest, most: Duration) -> Result<Vec<Outstanding>, StoreError> {
    let mut heads = node.ledger.heads();
    let over = tokio::time::sleep(most);
    tokio::pin!(over);
    loop {
        let known = of(node, &object)?;
        if !known.iter().any(|one| matches!(one.standing, Standing::Owed | Standing::Asked)) {
            return Ok(known);
        }
        tokio::select! {
            biased;
            () = &mut over => return Ok(known),
            changed = heads.changed() => if !changed { return Ok(known) },
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_owed_reads_back_as_it_was_written_and_no_shorter() {
        let (asked, due) =
            (Timestamp::from_ms(1_795_291_200_123).unwrap(), Timestamp::from_ms(1_795_291_300_000).unwrap());
        for answer in [Answer::None, Answer::Held(7), Answer::Done(1 << 40)] {
            let duty = Duty { id: AlertId([3; 16]), reason: ErasureReason::WITHDRAWN, request: 9, asked, due, answer };
            let bytes = duty.encode();
            assert_eq!(Duty::decode(&bytes), Some(duty));
            for end in 0..bytes.len() {
                assert_eq!(Duty::decode(&bytes[..end]), None, "{end} bytes");
            }
        }
    }
}
