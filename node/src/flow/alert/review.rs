//! Four eyes, afterwards: what left in the name of one person because it could not wait is looked at by another, and stands on a list until
//! then.

use super::drafts::{self, Refused, Signed as SignedAct};
use crate::flow::Node;
use crate::flow::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::{ApprovalOverride, Draft};
use varde_proto::envelope::Envelope;
use varde_proto::id::AlertId;
use varde_proto::identity::PublicKey;

/// The row that says that nobody has looked at it yet.
pub(in crate::flow) fn row(id: AlertId) -> Vec<u8> {
    rows::row(rows::UNREVIEWED, &[&id.0])
}

/// How many stand on the list, `most` at most.
pub fn unreviewed(ledger: &Ledger, most: usize) -> Result<usize, StoreError> {
    let rows = ledger.scan(&[rows::UNREVIEWED], &[rows::UNREVIEWED + 1], false).take(most);
    rows.map(|row| row.map(drop)).collect::<Result<Vec<()>, _>>().map(|rows| rows.len())
}

/// Whether another of today's staff than who released it still has to look at it.
pub fn is_due(draft: &Draft, credentials: &[PublicKey]) -> bool {
    let released = draft.decision.released.as_ref().and_then(|act| act::signer(act, credentials));
    let is_another = |act| act::signer(act, credentials).is_some_and(|who| Some(who) != released);
    draft.decision.without_approval.is_some() && !draft.reviews.iter().any(is_another)
}

/// Takes a person's word that they have looked at it. Saying it twice changes nothing.
pub(super) async fn review(
    node: &Node,
    draft: &Draft,
    why: ApprovalOverride,
    act: Option<Envelope>,
) -> Result<Draft, Refused> {
    let (id, about) = (draft.content.id, act::about_review(draft.digest(), why));
    let act::Signed { who, act } = drafts::check(node, Verb::Review, &SignedAct { about, act })?;
    let credentials = drafts::credentials(node);
    let landed = node.ledger.commit(move |desk| {
        let mut draft = drafts::at_desk(desk, id)?;
        let released = draft.decision.released.as_ref().and_then(|act| act::signer(act, &credentials));
        if released == Some(who) {
            return Err(Refused::OwnDraft);
        }
        if is_due(&draft, &credentials) {
            draft.reviews.push(act);
            drafts::store(desk, &draft)?;
            desk.delete(row(id));
        }
        Ok(draft)
    });
    Ok(landed.await?.into_value())
}
