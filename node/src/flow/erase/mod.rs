//! Erasing an item so that nothing brings it back: neither a copy of the store nor the keyring as it is afterwards.
//!
//! In: the steps, each begun only when the one before is durable, so that a node that stops anywhere goes on from there:
//!
//! 1. one commit says that an erasure is under way, takes the item's rows out and wraps the other keys of their buckets anew;
//! 2. the old bucket keys are destroyed in the keyring: from here on old pages and copies of the store are mute;
//! 3. one commit logs `erase-done`;
//! 4. whoever issued it gets the proof of that leaf.
//!
//! Also in: what its issuer asks to erase, what expired and is erased unasked, holds, and doing again what a restored backup
//! undid. Out: asking others (`flow::withdraw`), and how keys lie in buckets (`crate::vault`).

mod answer;
pub mod hold;
mod remains;
mod replay;

pub(super) use answer::signed;
pub use remains::{Remains, Stage, all, find};
pub(super) use remains::{at_desk as remains_at, of_kept as remains_of};
pub use replay::{Replayed, purge, replay};

use super::alert::drafts::Refused;
use super::desk::Desk;
use super::ledger::{CommitError, Committed, Ledger};
use super::{Node, agreement, conversation, delivery, filing, kept, recover, withdraw};
use crate::port::{Peer, StoreError};
use crate::rows;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::time::Instant;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::control::{self, Act, Erasure, leaf};
use varde_proto::envelope::Rejection;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::leaf::Opening;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{ErasureBasis, ErasureReason, PersonalDataLevel};

/// How often a node looks for what has expired.
const LOOK: Duration = Duration::from_secs(60);
/// How long it rests between two looks, however much is logged meanwhile.
const REST: Duration = Duration::from_millis(100);

/// Why an erasure did not go on; it will at the next attempt.
#[derive(Debug, thiserror::Error)]
pub enum NotErased {
    /// The store or the keyring failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer has stopped.
    #[error("the node has stopped writing")]
    Stopped,
    /// The issuer would refuse our answer.
    #[error("the issuer would refuse the answer: {0}")]
    Unanswered(Rejection),
    /// At the end of an agreement.
    #[error("an alert could not be taken back at the end of an agreement: {0}")]
    NotTakenBack(Box<Refused>),
}

impl From<CommitError<StoreError>> for NotErased {
    fn from(error: CommitError<StoreError>) -> Self {
        match error {
            CommitError::Refused(failure) => Self::Store(failure),
            CommitError::Stopped => Self::Stopped,
        }
    }
}

/// Erases what expired, finishes every erasure that was begun, and keeps to what was agreed, for as long as the node runs.
pub async fn keep_erasing(node: std::sync::Arc<Node>) {
    let (mut heads, mut peers) = (node.ledger.heads(), node.peers.clone());
    let (mut kept, mut asked) = (agreement::Kept::new(), None);
    loop {
        // Whom to ask anew depends on whom we know; it takes a look at all that was ever asked.
        let anew = peers.has_changed().unwrap_or(false) || asked.is_none_or(|at: Instant| at.elapsed() >= LOOK);
        peers.borrow_and_update();
        // A node that is being recovered logs nothing; what a recovery left undone comes first.
        let locked = node.ledger.recovering().is_some();
        let done = match locked {
            true => Ok(()),
            false => go_on(&node, anew).await.and(agreement::keep_to(&node, &mut kept).await),
        };
        if anew && !locked && done.is_ok() {
            asked = Some(Instant::now());
        }
        if let Err(failure) = done {
            tracing::error!(%failure, "an erasure did not come to its end; it is tried again within a minute");
        }
        tokio::time::sleep(REST).await;
        // Whatever asks for an erasure is logged, so a new head is when to look; and a new pin may be who waits for an answer.
        tokio::select! {
            biased;
            changed = heads.changed() => if !changed { return },
            changed = peers.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

async fn go_on(node: &Node, anew: bool) -> Result<(), NotErased> {
    let asked = if anew { withdraw::ask_anew(node).await } else { Ok(()) };
    let repeated = recover::finish(node).await.and(asked);
    repeated.and(look(node, node.clock.now()).await)
}

/// Erases what is expired by now, and finishes every erasure that was begun.
pub async fn look(node: &Node, now: Timestamp) -> Result<(), NotErased> {
    // One that cannot go on holds up no other.
    let mut looked = Ok(());
    for (row, index) in expired(&node.ledger, now)? {
        let landed = node.ledger.commit(move |desk| expire(desk, row, index));
        looked = looked.and(landed.await.map(drop).map_err(NotErased::from));
    }
    for item in remains::unfinished(&node.ledger)? {
        looked = looked.and(finish(node, item).await);
    }
    looked
}

/// The row under which an item's expiry is found in time.
pub fn expiry_row(expires: Timestamp, object: &Digest) -> Vec<u8> {
    rows::row(rows::EXPIRY, &[&expires.ms().to_be_bytes(), &object.0])
}

/// What expired and is not on hold.
fn expired(ledger: &Ledger, now: Timestamp) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let damaged = || StoreError::Damaged("the row of an expiry cannot be read".into());
    let (from, to) = (vec![rows::EXPIRY], rows::row(rows::EXPIRY, &[&now.ms().to_be_bytes(), &[0xff; 33]]));
    let mut due = Vec::new();
    for row in ledger.scan(&from, &to, false) {
        let (name, value) = row?;
        let index = value.as_slice().try_into().map(u64::from_be_bytes).map_err(|_| damaged())?;
        let object = Digest::from_bytes(name.get(9..).unwrap_or_default()).ok_or_else(damaged)?;
        if hold::leaf(ledger, &object)?.is_none() {
            due.push((name, index));
        }
    }
    Ok(due)
}

/// Begins to erase an item of a peer whose time is over.
fn expire(desk: &mut Desk<'_>, row: Vec<u8>, index: u64) -> Result<(), StoreError> {
    let item = event(desk, index)?;
    if remains::of_kept(desk, issuer(desk.origin(), &item), &item.object, index)?.is_some() {
        desk.delete(row);
    } else if hold::at_desk(desk, &item.object)?.is_none() {
        begin(desk, index, Digest::NONE, (ErasureReason::EXPIRED, ErasureBasis::AGREEMENT), None)?;
    }
    Ok(())
}

/// What memory has against a peer's request to erase something.
pub(super) fn check(desk: &Desk<'_>, peer: &Peer, message: &Erasure) -> filing::Filed {
    // Only alerts are erased: of anything else we would say that it is gone while it lies here.
    if desk.get(&filing::heard_row(peer.origin.node(), &message.object))?.is_some() {
        return Ok(Err(Rejection::Content("erasure-not-an-alert")));
    }
    let filed = desk.get(&filing::alert_row(peer.origin.node(), message.id))?;
    let held = filed.map(|value| filing::read_filed(&value)).transpose()?;
    let other = held.is_some_and(|(_, object)| object != message.object);
    Ok(if other { Err(Rejection::Content("erasure-other-item")) } else { Ok(()) })
}

/// Does what a peer asked, once that is logged as received: logs it, and takes the item out unless a hold forbids it. What was
/// never seen here is noted, so that it cannot come later.
pub(super) fn asked(
    desk: &mut Desk<'_>,
    (peer, agreement): (&Origin, Digest),
    request: Digest,
    message: &Erasure,
) -> Result<(), StoreError> {
    let Erasure { object, id, reason, act, .. } = message;
    let Act::Request { basis, due, .. } = act else { return Ok(()) };
    let asked = leaf::Requested { request, reason: *reason, basis: *basis, due: *due };
    let filed = desk.get(&filing::alert_row(peer.node(), *id))?;
    let Some((index, _)) = filed.map(|value| filing::read_filed(&value)).transpose()? else {
        return never_seen(desk, (peer, agreement), message, asked);
    };
    let Some(mut remains) = remains::of_kept(desk, peer.node(), object, index)? else {
        return begin(desk, index, asked.request, (asked.reason, asked.basis), Some(asked.due));
    };
    // Erased before, or being erased, or on hold: this request is answered too.
    let item = event(desk, remains.kept)?;
    desk.append(about(&item, Kind::ERASE_REQUEST, asked.encode()))?;
    (remains.request, remains.reason, remains.due) = (asked.request, asked.reason, asked.due);
    if let Stage::Done(_) = remains.stage {
        remains.stage = Stage::Destroying(Vec::new());
    }
    remains::put(desk, object, &remains, true)
}

fn never_seen(
    desk: &mut Desk<'_>,
    (peer, agreement): (&Origin, Digest),
    message: &Erasure,
    asked: leaf::Requested,
) -> Result<(), StoreError> {
    let Erasure { object, id, .. } = message;
    let (leaf, _) = desk.append(Event {
        peer: Some(peer.clone()),
        direction: Direction::In,
        object: *object,
        agreement,
        body: asked.encode(),
        ..Event::local(Kind::ERASE_REQUEST, Timestamp::default())
    })?;
    desk.put(filing::alert_row(peer.node(), *id), filing::filed(leaf, *object))?;
    let leaf::Requested { request, reason, due, .. } = asked;
    let (issuer, stage) = (peer.node(), Stage::Destroying(Vec::new()));
    let remains = Remains { issuer, id: *id, kind: None, kept: leaf, reason, request, due, stage };
    remains::put(desk, object, &remains, true)
}

/// Begins to erase an item that came from a peer: logs why, and takes the item out. Without `due` it is what the agreed
/// deadlines say.
fn begin(
    desk: &mut Desk<'_>,
    index: u64,
    request: Digest,
    (reason, basis): (ErasureReason, ErasureBasis),
    due: Option<Timestamp>,
) -> Result<(), StoreError> {
    let item = event(desk, index)?;
    let (_, alert) = kept::at_desk::<Alert>(desk, index)?;
    let due = due.unwrap_or_else(|| self::due(alert.content(), desk.now()));
    let asked = leaf::Requested { request, reason, basis, due };
    desk.delete(expiry_row(alert.content().expires_at, &item.object));
    desk.append(about(&item, Kind::ERASE_REQUEST, asked.encode()))?;
    take_out(desk, index, alert.content(), asked)
}

/// Takes an alert out, ours or a peer's, once it is logged why; unless a hold forbids it.
pub(super) fn take_out(
    desk: &mut Desk<'_>,
    index: u64,
    content: &AlertContent,
    asked: leaf::Requested,
) -> Result<(), StoreError> {
    let item = event(desk, index)?;
    let leaf::Requested { request, reason, due, .. } = asked;
    let (id, kind, issuer) = (content.id, Some(content.kind()), issuer(desk.origin(), &item));
    let mut remains = Remains { issuer, id, kind, kept: index, reason, request, due, stage: Stage::Held };
    if hold::at_desk(desk, &item.object)?.is_none() {
        remains.stage = destroy(desk, &remains)?;
    }
    conversation::close(desk, id, index)?;
    // A hold is answered too: whoever asked learns why it is still there.
    remains::put(desk, &item.object, &remains, true)
}

/// Who issued the item of a leaf.
pub(super) fn issuer(own: &Origin, item: &Event) -> NodeId {
    let from = item.peer.as_ref().filter(|_| item.direction == Direction::In);
    from.unwrap_or(own).node()
}

fn destroy(desk: &mut Desk<'_>, remains: &Remains) -> Result<Stage, StoreError> {
    let mut doomed = vec![rows::numbered(rows::ENVELOPE, remains.kept)];
    if remains.issuer == desk.origin().node() {
        doomed.push(super::alert::drafts::row(remains.id));
    }
    desk.destroy(&doomed).map(Stage::Destroying)
}

/// Does what a hold put off.
fn begin_held(desk: &mut Desk<'_>, issuer: NodeId, object: Digest) -> Result<(), StoreError> {
    let Some(mut remains) = remains::at_desk(desk, issuer, &object)? else { return Ok(()) };
    if remains.stage == Stage::Held {
        remains.stage = destroy(desk, &remains)?;
        remains::put(desk, &object, &remains, true)?;
    }
    Ok(())
}

/// A leaf about the item of another leaf.
pub(super) fn about(item: &Event, kind: Kind, body: Vec<u8>) -> Event {
    Event { kind, chain: Digest::NONE, restricted: Digest::NONE, body, ..item.clone() }
}

/// What a leaf of ours says, as the commit under way will leave it.
fn event(desk: &Desk<'_>, index: u64) -> Result<Event, StoreError> {
    let bytes = desk.open(&rows::numbered(rows::OPENING, index))?;
    let opening = bytes.and_then(|bytes| Opening::parse(&bytes).ok());
    let opening = opening.ok_or_else(|| StoreError::Damaged(format!("the opening of leaf {index} cannot be read")))?;
    Ok(opening.event().clone())
}

/// Goes on with an erasure from wherever it stands.
async fn finish(node: &Node, (issuer, object): (NodeId, Digest)) -> Result<(), NotErased> {
    if find(&node.ledger, issuer, &object)?.is_some_and(|remains| answer::is_of_before(&node.ledger, &object, &remains))
    {
        let anew = node.ledger.commit(move |desk| say_anew(desk, issuer, object));
        anew.await.map(Committed::into_value)?;
    }
    if let Some(Remains { stage: Stage::Destroying(keys), .. }) = find(&node.ledger, issuer, &object)? {
        destroy_keys(node, keys).await?;
        let done = node.ledger.commit(move |desk| done(desk, issuer, object));
        done.await.map(Committed::into_value)?;
    }
    match find(&node.ledger, issuer, &object)? {
        Some(remains) => answer::answer(node, object, remains).await,
        None => Ok(()),
    }
}

/// What a log of ours that ended says of an item, and what was not answered: the log of now says it, too, so that it can be shown.
fn say_anew(desk: &mut Desk<'_>, issuer: NodeId, object: Digest) -> Result<(), StoreError> {
    let Some(mut remains) = remains::at_desk(desk, issuer, &object)? else { return Ok(()) };
    match remains.stage {
        Stage::Held => hold::say_anew(desk, remains.kept, &object),
        _ => {
            remains.stage = Stage::Destroying(Vec::new());
            remains::put(desk, &object, &remains, true)
        }
    }
}

/// Destroys bucket keys where the disk holds up nobody; on a runtime of one thread, which promises one order of all that happens, at
/// once.
async fn destroy_keys(node: &Node, keys: Vec<u64>) -> Result<(), StoreError> {
    let ledger = node.ledger.clone();
    if matches!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread) {
        return ledger.destroy_keys(&keys);
    }
    let destroyed = tokio::task::spawn_blocking(move || ledger.destroy_keys(&keys)).await;
    destroyed.unwrap_or_else(|_| Err(StoreError::Damaged("destroying a key broke off".into())))
}

/// Logs that nothing of an item can be read any more: once for each peer to which it was sent, or from which it came.
fn done(desk: &mut Desk<'_>, issuer: NodeId, object: Digest) -> Result<(), StoreError> {
    let Some(mut remains) = remains::at_desk(desk, issuer, &object)? else { return Ok(()) };
    let Stage::Destroying(_) = remains.stage else { return Ok(()) };
    let body = leaf::Done { request: remains.request, reason: remains.reason }.encode();
    remains.stage = Stage::Done(desk.next_leaf());
    for item in items(desk, remains.kept)? {
        desk.append(about(&item, Kind::ERASE_DONE, body.clone()))?;
    }
    remains::put(desk, &object, &remains, true)
}

/// The leaves about the item that is kept under an index: the one with which it came, or each with which it was sent.
pub(super) fn items(desk: &Desk<'_>, kept: u64) -> Result<Vec<Event>, StoreError> {
    let open = |index| {
        let bytes = desk.open(&rows::numbered(rows::OPENING, index))?;
        Ok(bytes.and_then(|bytes| Opening::parse(&bytes).ok()))
    };
    let sent = delivery::leaves(kept, desk.next_leaf(), open)?;
    if sent.is_empty() { Ok(vec![event(desk, kept)?]) } else { Ok(sent.into_iter().map(|(_, event)| event).collect()) }
}

/// When an erasure that is due from now on is overdue.
pub fn due(content: &AlertContent, now: Timestamp) -> Timestamp {
    control::due(content.personal_data_level == PersonalDataLevel::L1, now)
}
