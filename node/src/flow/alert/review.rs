//! Four eyes, afterwards: what left in the name of one person because it could not wait is looked at by another, and stands on a list until
//! then, also when it was taken back or replaced meanwhile.

use super::drafts::{self, Refused, Signed as SignedAct};
use crate::flow::desk::Desk;
use crate::flow::ledger::Ledger;
use crate::flow::{Node, filing};
use crate::port::StoreError;
use crate::rows;
use varde_proto::draft::ApprovalOverride;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::Envelope;
use varde_proto::id::AlertId;
use varde_proto::identity::PublicKey;
use varde_proto::vocabulary::Vocabulary;

/// What nobody else has looked at yet: why it could not wait, and by whose key it was released.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreviewed {
    /// Why.
    pub why: ApprovalOverride,
    released_by: [u8; 32],
}

fn row(id: AlertId) -> Vec<u8> {
    rows::row(rows::UNREVIEWED, &[&id.0])
}

fn read(value: Option<Vec<u8>>) -> Result<Option<Unreviewed>, StoreError> {
    let damaged = || StoreError::Damaged("the row of what was released without a second person cannot be read".into());
    let decode = |bytes: Vec<u8>| {
        let (why, key) = bytes.split_first_chunk::<4>()?;
        let why = ApprovalOverride::from_number(i32::from_be_bytes(*why))?;
        Some(Unreviewed { why, released_by: key.try_into().ok()? })
    };
    value.map(|bytes| decode(bytes).ok_or_else(damaged)).transpose()
}

/// Puts it on the list.
pub(super) fn put(
    desk: &mut Desk<'_>,
    id: AlertId,
    why: ApprovalOverride,
    released_by: &PublicKey,
) -> Result<(), StoreError> {
    desk.put(row(id), [&why.number().to_be_bytes()[..], &released_by.bytes()].concat())
}

/// How many stand on the list, `most` at most.
pub fn unreviewed(ledger: &Ledger, most: usize) -> Result<usize, StoreError> {
    let rows = ledger.scan(&[rows::UNREVIEWED], &[rows::UNREVIEWED + 1], false).take(most);
    rows.map(|row| row.map(drop)).collect::<Result<Vec<()>, _>>().map(|rows| rows.len())
}

/// Whether an alert stands on the list.
pub fn find(ledger: &Ledger, id: AlertId) -> Result<Option<Unreviewed>, StoreError> {
    read(ledger.get(&row(id))?)
}

/// Takes a person's word that they have looked at it: another one than who released it.
pub async fn review(node: &Node, id: AlertId, found: &Unreviewed, act: Option<Envelope>) -> Result<(), Refused> {
    let filed = node.ledger.get(&filing::alert_row(node.me.origin.node(), id))?;
    let (_, object) = filed.map(|value| filing::read_filed(&value)).transpose()?.ok_or(Refused::Absent(id))?;
    let about = act::about_review(object, found.why);
    let act::Signed { who, act } = drafts::check(node, Verb::Review, &SignedAct { about, act })?;
    let credentials = drafts::credentials(node);
    if credentials.get(who).is_none_or(|key| key.bytes() == found.released_by) {
        return Err(Refused::OwnDraft);
    }
    let landed = node.ledger.commit(move |desk| {
        if read(desk.get(&row(id))?)?.is_none() {
            return Ok(());
        }
        desk.delete(row(id));
        match drafts::at_desk(desk, id) {
            Ok(mut draft) => {
                draft.reviews.push(act);
                Ok(drafts::store(desk, &draft)?)
            }
            // Taken back or replaced meanwhile: the acts went with it.
            Err(Refused::Absent(_)) => Ok(()),
            Err(refused) => Err(refused),
        }
    });
    landed.await?;
    Ok(())
}
