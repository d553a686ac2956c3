//! Until when an answer to an alert is due, and who is late: the other countries with ours, and we with theirs.

use super::{Between, Talk, offers};
use crate::flow::delivery::{self, State};
use crate::flow::desk::Desk;
use crate::flow::ledger::CommitError;
use crate::flow::{Node, filing, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::{Alert, AlertContent};
use varde_proto::id::{AlertId, NodeId, Origin};
use varde_proto::limits;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, RequestedAction};

/// The row under which what is due is found in time.
pub(super) fn row(due: Timestamp, between: Between, id: AlertId) -> Vec<u8> {
    let Between { issuer, recipient } = between;
    rows::row(rows::DUE, &[&due.ms().to_be_bytes(), issuer.as_str().as_bytes(), &id.0, recipient.as_str().as_bytes()])
}

/// When the answer is due: as the alert says, else as the two countries agreed for its kind, from now on. What only informs asks for
/// none.
pub(super) fn when(desk: &Desk<'_>, with: &Origin, content: &AlertContent) -> Option<Timestamp> {
    let informs = content.requested_actions.iter().all(|action| *action == RequestedAction::INFORM_ONLY);
    let now = desk.now();
    let agreed = desk.agreed(with);
    let agreed = agreed.supposed(now);
    let promised = || {
        let terms = agreed.governing(now)?.agreement.terms().kinds.get(&content.kind())?;
        Some(now.after(terms.reply?))
    };
    content.reply_by.or_else(promised).filter(|_| !informs)
}

/// An answer that should have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// The alert.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// Who issued it.
    pub issuer: NodeId,
    /// Who owes the answer.
    pub recipient: NodeId,
    /// Since when it is late.
    pub due: Timestamp,
    /// Whether anything was said at all.
    pub is_seen: bool,
}

/// What is late by now, what was due last first; `most` at most.
pub fn overdue(node: &Node, now: Timestamp, most: usize) -> Result<Vec<Overdue>, StoreError> {
    let (from, to) = (vec![rows::DUE], rows::row(rows::DUE, &[&now.ms().to_be_bytes(), &[0xff; 21]]));
    let mut late = Vec::new();
    for row in node.ledger.scan(&from, &to, true) {
        let (due, between, id) = read(&row?.0)?;
        late.extend(look(node, (due, between, id), now)?);
        if late.len() >= most {
            break;
        }
    }
    Ok(late)
}

/// Forgets answers that nobody can give any more: to what has expired, was refused or given up, or is gone. Some at a time, from where
/// it ended before; what is late and can still be given keeps nothing else from being looked at.
pub async fn sweep(node: &Node, now: Timestamp, from: &mut Vec<u8>) -> Result<(), StoreError> {
    let to = rows::row(rows::DUE, &[&now.ms().to_be_bytes(), &[0xff; 21]]);
    let begin = if from.is_empty() { vec![rows::DUE] } else { std::mem::take(from) };
    let mut dead = Vec::new();
    for (count, row) in node.ledger.scan(&begin, &to, false).enumerate() {
        let name = row?.0;
        if count == limits::COMMIT_ENTRIES {
            *from = name;
            break;
        }
        let (due, between, id) = read(&name)?;
        if look(node, (due, between, id), now)?.is_none() {
            dead.push((between, id));
        }
    }
    if dead.is_empty() {
        return Ok(());
    }
    let landed = node
        .ledger
        .commit(move |desk| dead.into_iter().try_for_each(|(between, id)| super::answered(desk, between, id)));
    landed.await.map(drop).map_err(|error| match error {
        CommitError::Refused(failure) => failure,
        CommitError::Stopped => StoreError::Damaged("the node has stopped writing".into()),
    })
}

/// An answer that can still be given, and is late.
fn look(
    node: &Node,
    (due, between, id): (Timestamp, Between, AlertId),
    now: Timestamp,
) -> Result<Option<Overdue>, StoreError> {
    let Between { issuer, recipient } = between;
    let talk = Talk::read(node.ledger.get(&between.row(id))?)?.unwrap_or_default();
    let late = |kind| Some(Overdue { id, kind, issuer, recipient, due, is_seen: !talk.words.is_empty() });
    if !talk.is_delivered {
        let filed = offers::find(&node.ledger, issuer, id)?;
        let Some(filed) = filed.filter(|filed| filed.offer.conditions.expires_at > now) else { return Ok(None) };
        let kind = filed.offer.conditions.kind;
        return Ok(if is_with(node, between, filed.kept)? { late(kind) } else { None });
    }
    let filed = node.ledger.get(&filing::alert_row(issuer, id))?;
    let Some((kept, _)) = filed.map(|value| filing::read_filed(&value)).transpose()? else { return Ok(None) };
    let alert = kept::if_of_type::<Alert>(&node.ledger, kept)?.filter(|alert| alert.content().expires_at > now);
    match alert {
        Some(alert) if is_with(node, between, kept)? => Ok(late(alert.content().kind())),
        _ => Ok(None),
    }
}

/// Whether the recipient has what we sent, or may still get it; what came here is here.
fn is_with(node: &Node, between: Between, kept: u64) -> Result<bool, StoreError> {
    if between.issuer != node.me.origin.node() {
        return Ok(true);
    }
    let theirs = delivery::of(&node.ledger, kept)?.into_iter().find(|one| one.country == between.recipient);
    Ok(theirs.is_some_and(|one| matches!(one.state, State::Owed | State::Received { .. })))
}

fn read(name: &[u8]) -> Result<(Timestamp, Between, AlertId), StoreError> {
    let parts = || {
        let (due, rest) = name.get(1..)?.split_first_chunk::<8>()?;
        let (issuer, rest) = rest.split_first_chunk::<2>()?;
        let (id, recipient) = rest.split_first_chunk::<16>()?;
        let country = |code: &[u8]| NodeId::parse(std::str::from_utf8(code).ok()?).ok();
        let between = Between { issuer: country(issuer)?, recipient: country(recipient)? };
        Some((Timestamp::from_ms(i64::from_be_bytes(*due)).ok()?, between, AlertId(*id)))
    };
    parts().ok_or_else(|| StoreError::Damaged("the row of an answer that is due cannot be read".into()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_row_says_when_what_and_who() {
        let country = |code| NodeId::parse(code).unwrap();
        let due = Timestamp::from_ms(1_795_291_200_123).unwrap();
        let (between, id) = (Between { issuer: country("NO"), recipient: country("LT") }, AlertId([9; 16]));
        assert_eq!(read(&row(due, between, id)).unwrap(), (due, between, id));
        assert!(read(&row(due, between, id)[..20]).is_err());
    }
}
