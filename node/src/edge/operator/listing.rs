//! The alerts service, our own: each draft and alert with how far it is, the newest first, page by page.

use super::alerts::{LISTED, delivery_reply, ours, state, told};
use super::{erasures, versions};
use crate::flow::alert::drafts::{self, Refused};
use crate::flow::alert::held;
use crate::flow::alert::index::{self, Entry, Page};
use crate::flow::{Node, delivery};
use tonic::Status;
use varde_proto::alert::Alert;
use varde_proto::draft::Draft;
use varde_proto::id::{AlertId, Digest};
use varde_proto::vocabulary::Vocabulary;
use varde_proto::wire::operator::*;

/// Threads that read a page of them.
const READERS: usize = 8;

/// A page of them. Reads the store, so it runs where nobody else waits.
pub(super) fn list(node: &Node, after: &[u8], most: usize) -> Result<ListReply, Status> {
    let most = if most == 0 { LISTED } else { most.min(LISTED) };
    let Page { entries, next } = index::page(&node.ledger, after, most).map_err(ours)?;
    Ok(ListReply { alerts: all(node, &entries)?, next: next.into() })
}

/// What there is of each. Their ids are random, so each lies on pages of its own, and while a peer catches up the store's cache is full
/// of what passes: [`READERS`] wait for the disk at the same time.
fn all(node: &Node, entries: &[Entry]) -> Result<Vec<OwnAlert>, Status> {
    let read = |entry: &Entry| match entry {
        Entry::Alert(id) => one(node, *id).transpose(),
        Entry::Remains(object) => erasures::remains(node, object).transpose(),
    };
    let part = |entries: &[Entry]| entries.iter().filter_map(read).collect::<Result<Vec<_>, _>>();
    std::thread::scope(|scope| {
        let parts = entries.chunks(entries.len().div_ceil(READERS).max(1));
        let readers: Vec<_> = parts.map(|entries| scope.spawn(move || part(entries))).collect();
        let mut alerts = Vec::with_capacity(entries.len());
        for reader in readers {
            alerts.extend(reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok(alerts)
    })
}

/// A draft, what is left of a withdrawn alert, or an alert without its draft; nothing, where it was taken away meanwhile.
fn one(node: &Node, id: AlertId) -> Result<Option<OwnAlert>, Status> {
    match drafts::find(&node.ledger, id) {
        Ok(draft) => own(node, &draft).map(Some),
        Err(Refused::Absent(_)) => match erasures::show_withdrawn(node, id)? {
            Some(shown) => Ok(shown.own),
            None => {
                let found = held::regained(&node.ledger, node.me.origin.node(), id).map_err(ours)?;
                found.map(|(kept, object, alert)| regained(node, kept, &object, &alert)).transpose()
            }
        },
        Err(refused) => Err(told(refused)),
    }
}

pub(super) fn own(node: &Node, draft: &Draft) -> Result<OwnAlert, Status> {
    let (me, content) = (node.me.origin.node(), &draft.content);
    let released = draft.sent.first().map(|kept| held::released(&node.ledger, *kept).map(|found| (*kept, found)));
    let released = released.transpose().map_err(ours)?;
    let object = match &released {
        Some((_, (object, _))) => Some(*object),
        None => erasures::own_object(node, content.id)?,
    };
    let (erasures, on_hold, versions) = match object {
        Some(object) => (
            erasures::of(node, &object)?,
            erasures::is_held(node, &object)?,
            versions::of_alert(node, me, &object, content)?,
        ),
        None => (Vec::new(), false, versions::before(node, me, content).map_err(ours)?),
    };
    let (issued_ms, deliveries) = match &released {
        None => (0, Vec::new()),
        Some((kept, (_, alert))) => {
            let deliveries = delivery::of(&node.ledger, *kept).map_err(ours)?;
            (alert.issued_at().ms(), deliveries.into_iter().map(delivery_reply).collect())
        }
    };
    Ok(OwnAlert {
        id: content.id.to_string(),
        kind: content.kind().number(),
        state: Some(state(node, draft)),
        issued_ms,
        expires_ms: content.expires_at.ms(),
        deliveries,
        erasures,
        on_hold,
        versions: Some(versions),
    })
}

/// An alert of ours whose draft a restored backup does not have: it was released after it.
pub(super) fn regained(node: &Node, kept: u64, object: &Digest, alert: &Alert) -> Result<OwnAlert, Status> {
    let deliveries = delivery::of(&node.ledger, kept).map_err(ours)?;
    Ok(OwnAlert {
        id: alert.content().id.to_string(),
        kind: alert.content().kind().number(),
        state: Some(DraftState { state: "released".to_owned(), ..DraftState::default() }),
        issued_ms: alert.issued_at().ms(),
        expires_ms: alert.content().expires_at.ms(),
        deliveries: deliveries.into_iter().map(delivery_reply).collect(),
        erasures: erasures::of(node, object)?,
        on_hold: erasures::is_held(node, object)?,
        versions: Some(versions::of_alert(node, node.me.origin.node(), object, alert.content())?),
    })
}
