//! Withdrawals that fell between the backup and the loss are done again: a restored node must neither show nor keep what it was
//! asked to erase or had taken back itself.
//!
//! In: finding the requests among what came back, repeating them. Out: what the log itself says is erased (`erase::replay`).

use crate::flow::alert::drafts::Refused;
use crate::flow::connection::Ended;
use crate::flow::desk::Desk;
use crate::flow::erase::{self, NotErased};
use crate::flow::ledger::Ledger;
use crate::flow::withdraw::{self, Withdrawal};
use crate::flow::{Node, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::control::{Act, Erasure};
use varde_proto::id::Origin;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::vocabulary::ErasureReason;

/// The fact that stands until our own withdrawals since a backup are repeated: leaves that the backup had.
pub(in crate::flow) const REPEAT: &[u8] = b"repeat";

/// A request to erase something, as it came back.
pub(super) struct Request {
    /// Our leaf about it.
    event: Event,
    /// With whom it was exchanged.
    peer: Origin,
    message: Erasure,
}

/// The requests of peers, or ours, from a leaf on.
pub(super) fn requests(ledger: &Ledger, from: u64, direction: Direction) -> Result<Vec<Request>, StoreError> {
    let mut found = Vec::new();
    for index in from..ledger.book().tree.size().0 {
        let index = ledger.number(index);
        let Some(opening) = ledger.opening_if_kept(index)? else { continue };
        let event = opening.event().clone();
        let taken = matches!(event.kind, Kind::SENT | Kind::RECEIVED) && event.direction == direction;
        let message = if taken { kept::if_of_type::<Erasure>(ledger, index)? } else { None };
        if let (Some(peer), Some(message)) = (event.peer.clone(), message)
            && matches!(message.act, Act::Request { .. })
        {
            found.push(Request { event, peer, message });
        }
    }
    Ok(found)
}

/// Erases anew what a peer had asked to erase, and answers it anew.
pub(super) fn asked(desk: &mut Desk<'_>, request: &Request) -> Result<(), StoreError> {
    let Request { event, peer, message } = request;
    erase::asked(desk, (peer, event.agreement), event.object, message)
}

/// Our own withdrawals are to be repeated, from this leaf on.
pub(super) fn begin(desk: &mut Desk<'_>, from: u64) -> Result<(), StoreError> {
    desk.put(rows::row(rows::FACT, &[REPEAT]), from.to_be_bytes().to_vec())
}

/// Repeats our own withdrawals, if a recovery ended before they were, and brings every erasure to its end.
pub async fn finish(node: &Node) -> Result<(), NotErased> {
    let fact = rows::row(rows::FACT, &[REPEAT]);
    let Some(from) = node.ledger.get(&fact)? else { return Ok(()) };
    let from = from.try_into().map(u64::from_be_bytes);
    let from = from.map_err(|_| StoreError::Damaged("the row of what is to be repeated cannot be read".into()))?;
    for Request { peer, message, .. } in requests(&node.ledger, from, Direction::Out)? {
        let narrowed = message.reason == ErasureReason::NARROWED;
        let what = Withdrawal { reason: message.reason, from: if narrowed { vec![peer.node()] } else { Vec::new() } };
        match withdraw::take_back(node, message.id, what).await {
            Ok(_) => {}
            Err(Refused::Store(failure)) => return Err(failure.into()),
            Err(Refused::Stopped) => return Err(NotErased::Stopped),
            // Withdrawn with an earlier one of these, or nothing of it came back.
            Err(_) => {}
        }
    }
    let landed = node.ledger.commit(move |desk| {
        desk.delete(fact);
        Ok::<_, StoreError>(())
    });
    landed.await?;
    erase::look(node, node.clock.now()).await
}

/// What an erasure that failed does to the connection over which a recovery ends.
pub(super) fn unerased(failure: NotErased) -> Ended {
    match failure {
        NotErased::Store(failure) => failure.into(),
        NotErased::Stopped | NotErased::Unanswered(_) | NotErased::NotTakenBack(_) => Ended::Stopped,
    }
}
