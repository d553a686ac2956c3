//! Drafts: what would leave, the decision that stays, and the signed acts of the people who made and approved it. Nothing
//! here leaves the country.

use super::index;
use crate::flow::Node;
use crate::flow::conversation::offers;
use crate::flow::desk::Desk;
use crate::flow::ledger::{CommitError, Ledger};
use crate::flow::outbox::NotSent;
use crate::flow::room::Room;
use crate::national::minimise::TooLittle;
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::AlertContent;
use varde_proto::draft::act::{self, BadAct, Verb};
use varde_proto::draft::{self, Decision, Draft, Explained, Fresh};
use varde_proto::envelope::Envelope;
use varde_proto::home::Operator;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::identity::PublicKey;
use varde_proto::json::Problem;
use varde_proto::vocabulary::AlertKind;

/// Why nothing was done about a draft.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The file, field by field.
    #[error("the file has {} problems", .0.len())]
    Problems(Vec<Problem>),
    /// Too little to draw an alert from.
    #[error(transparent)]
    TooLittle(#[from] TooLittle),
    /// No record of that name.
    #[error("no record has that reference or id")]
    NoRecord,
    /// Several records of that name.
    #[error("several records have that reference")]
    SeveralRecords,
    /// A number that is no code.
    #[error("{0} holds a number that is no code of its list")]
    NotACode(&'static str),
    /// The file is not text.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// The signed act does not fit.
    #[error(transparent)]
    Act(#[from] BadAct),
    /// No such draft.
    #[error("there is no draft {0}")]
    Absent(AlertId),
    /// The second person is missing.
    #[error("a second person has to approve this draft before it is released")]
    Unapproved,
    /// It has, or needs, no override.
    #[error("it is approved, or needs no second person: there is nothing to go without")]
    NothingToOverride,
    /// The second person is the first.
    #[error("the one who drafted it cannot approve it")]
    OwnDraft,
    /// Nobody of today's staff drafted it.
    #[error("the credential that drafted it is no longer listed")]
    DrafterGone,
    /// Somebody acted on it meanwhile.
    #[error("somebody acted on this draft at the same time")]
    Changed,
    /// It was released before.
    #[error("this draft was released before")]
    Released,
    /// The sharing decision says that this country must never get it.
    #[error("the sharing decision says that {0} must never get it")]
    Never(NodeId),
    /// As many queries about found children as a country may ask another in a day.
    #[error("{0} was asked about as many found children today as one country may ask another")]
    TooManyQueries(NodeId),
    /// It was offered before.
    #[error("this draft was offered before")]
    Offered,
    /// It was offered, and this country has not accepted it.
    #[error("it was offered, and {0} has not accepted it")]
    NotAccepted(NodeId),
    /// It was never released, so nobody can be asked to erase it.
    #[error("this draft was never released")]
    NeverReleased,
    /// A later version takes its place.
    #[error("a later version, {0}, has taken its place")]
    Superseded(AlertId),
    /// What was decided about sharing it did not come back with a restored backup.
    #[error("what was decided about sharing it is not here any more")]
    Undecided,
    /// It was withdrawn before.
    #[error("this alert was withdrawn before")]
    Withdrawn,
    /// It is erased, so nothing can be held.
    #[error("the alert {0} is erased, or about to be")]
    Erased(AlertId),
    /// Alerts of several countries have the id, and none was named.
    #[error("alerts of {} have the id {}", names(.1), .0)]
    SeveralIssuers(AlertId, Vec<NodeId>),
    /// Taken back from somebody who never had it.
    #[error("this alert was not sent to {0}")]
    NotRecipient(NodeId),
    /// Only a narrowed audience names countries, and it must.
    #[error("countries are named for the reason NARROWED, and only for that; EXPIRED is nobody's act")]
    Narrowing,
    /// The recipients would refuse it, or there are none.
    #[error(transparent)]
    NotSent(#[from] NotSent),
    /// The disk has no room for more.
    #[error("the disk has no room for more")]
    NoRoom,
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own writer.
    #[error("the node has stopped writing")]
    Stopped,
}

fn names(countries: &[NodeId]) -> String {
    countries.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl From<CommitError<Refused>> for Refused {
    fn from(error: CommitError<Refused>) -> Self {
        match error {
            CommitError::Refused(refused) => refused,
            CommitError::Stopped => Self::Stopped,
        }
    }
}

/// An act as it came with a request: what it must be about, and the signed envelope.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Digest of what is done.
    pub about: Digest,
    /// By whom, if it came.
    pub act: Option<Envelope>,
}

/// The public keys of the staff of this node, in the order of varde.toml.
pub(in crate::flow) fn credentials(node: &Node) -> Vec<PublicKey> {
    node.operators.iter().map(|operator| operator.public_key).collect()
}

/// Checks that one of this node's staff did this, now.
pub(in crate::flow) fn check(node: &Node, verb: Verb, signed: &Signed) -> Result<act::Signed, Refused> {
    Ok(check_act(node, verb, signed)?)
}

/// The same, for what is no alert.
pub(in crate::flow) fn check_act(node: &Node, verb: Verb, signed: &Signed) -> Result<act::Signed, BadAct> {
    let now = node.clock.now();
    act::check(signed.act.as_ref(), verb, signed.about, &node.me.origin, now, &credentials(node))
}

/// What is drafted, whoever wrote it.
pub struct Drafted {
    /// What would leave.
    pub content: AlertContent,
    /// What stays.
    pub decision: Decision,
    /// Field by field, where it comes from records.
    pub fields: Vec<Explained>,
}

/// Reads FILE.json, of this kind if one is asked for; every problem at once.
pub fn from_file(node: &Node, text: &str, kind: Option<AlertKind>) -> Result<Drafted, Refused> {
    let draft::FileDraft { content, decision } = draft::read(text, kind, fresh(node)).map_err(Refused::Problems)?;
    Ok(Drafted { content, decision, fields: Vec::new() })
}

/// Whether the disk has room for more.
pub(in crate::flow) fn admits(ledger: &Ledger) -> Result<(), Refused> {
    if ledger.space().room() == Room::None { Err(Refused::NoRoom) } else { Ok(()) }
}

/// Id, token and time of a new draft.
pub fn fresh(node: &Node) -> Fresh {
    Fresh::draw(node.clock.now(), |bytes| node.entropy.fill(bytes))
}

/// Keeps a draft under the name of who made it.
pub async fn keep(node: &Node, drafted: Drafted, signed: &Signed) -> Result<Draft, Refused> {
    let act::Signed { act, .. } = check(node, Verb::Draft, signed)?;
    admits(&node.ledger)?;
    let Drafted { content, mut decision, fields } = drafted;
    decision.drafted = Some(act);
    let mut salt = [0; 32];
    node.entropy.fill(&mut salt);
    let (sent, reviews) = (Vec::new(), Vec::new());
    let draft = Draft { content, decision, salt, fields, drafted: node.clock.now(), sent, reviews };
    let kept = draft.clone();
    let keep = move |desk: &mut Desk<'_>| {
        index::put(desk, kept.drafted, kept.content.id)?;
        store(desk, &kept).map_err(Refused::Store)
    };
    node.ledger.commit(keep).await?;
    Ok(draft)
}

/// The row of a draft.
pub(in crate::flow) fn row(id: AlertId) -> Vec<u8> {
    rows::row(rows::DRAFT, &[&id.0])
}

/// Writes a draft as it now is.
pub(in crate::flow) fn store(desk: &mut Desk<'_>, draft: &Draft) -> Result<(), StoreError> {
    desk.seal(row(draft.content.id), &draft.to_bytes())
}

/// Takes note again that a draft was released, under an index: the log says so, and a restored backup does not. Whether there is one.
pub(in crate::flow) fn sent_again(desk: &mut Desk<'_>, id: AlertId, index: u64) -> Result<bool, StoreError> {
    match at_desk(desk, id) {
        Ok(mut draft) => {
            if draft.sent.is_empty() {
                draft.sent.push(index);
                store(desk, &draft)?;
            }
            Ok(true)
        }
        Err(Refused::Store(failure)) => Err(failure),
        _ => Ok(false),
    }
}

fn read(id: AlertId, bytes: Option<&[u8]>) -> Result<Draft, Refused> {
    let bytes = bytes.ok_or(Refused::Absent(id))?;
    Draft::from_bytes(bytes).map_err(|_| StoreError::Damaged(format!("draft {id} cannot be read")).into())
}

/// A draft as the commit under way will leave it.
pub(in crate::flow) fn at_desk(desk: &Desk<'_>, id: AlertId) -> Result<Draft, Refused> {
    read(id, desk.open(&row(id))?.as_ref().map(|bytes| bytes.as_slice()))
}

/// A draft.
pub fn find(ledger: &Ledger, id: AlertId) -> Result<Draft, Refused> {
    read(id, ledger.read(&row(id))?.as_ref().map(|bytes| bytes.as_slice()))
}

/// Every draft.
pub fn all(ledger: &Ledger) -> Result<Vec<Draft>, StoreError> {
    let mut drafts = Vec::new();
    for found in ledger.scan(&[rows::DRAFT], &[rows::DRAFT + 1], false) {
        // One may be erased while they are read.
        let Some(bytes) = ledger.read(&found?.0)? else { continue };
        let draft = Draft::from_bytes(&bytes);
        drafts.push(draft.map_err(|_| StoreError::Damaged("a draft cannot be read".into()))?);
    }
    Ok(drafts)
}

/// Released drafts by the index of their first `sent` leaf.
pub fn released(ledger: &Ledger) -> Result<Vec<(u64, AlertId)>, StoreError> {
    let mut released = Vec::new();
    for found in ledger.scan(&[rows::DRAFT], &[rows::DRAFT + 1], false) {
        // One may be erased while they are read.
        let Some(bytes) = ledger.read(&found?.0)? else { continue };
        let draft = Draft::from_bytes(&bytes);
        let draft = draft.map_err(|_| StoreError::Damaged("a draft cannot be read".into()))?;
        released.extend(draft.sent.first().map(|index| (*index, draft.content.id)));
    }
    released.sort_unstable();
    Ok(released)
}

/// Approves a draft in the name of another person than who drafted it. Approving twice changes nothing.
pub async fn approve(node: &Node, id: AlertId, act: Option<Envelope>) -> Result<Draft, Refused> {
    let about = find(&node.ledger, id)?.digest();
    let act::Signed { who, act } = check(node, Verb::Approve, &Signed { about, act })?;
    let credentials = credentials(node);
    let landed = node.ledger.commit(move |desk| {
        let mut draft = at_desk(desk, id)?;
        match drafter(&draft, &credentials) {
            None => return Err(Refused::DrafterGone),
            Some(drafter) if drafter == who => return Err(Refused::OwnDraft),
            Some(_) => {}
        }
        if !draft.sent.is_empty() {
            return Err(Refused::Released);
        }
        if !draft.decision.approvals.iter().any(|a| act::signer(a, &credentials) == Some(who)) {
            draft.decision.approvals.push(act);
            store(desk, &draft)?;
        }
        Ok(draft)
    });
    Ok(landed.await?.into_value())
}

/// Which of today's staff drafted it.
fn drafter(draft: &Draft, credentials: &[PublicKey]) -> Option<usize> {
    act::signer(draft.decision.drafted.as_ref()?, credentials)
}

/// Whether a person of today's staff, other than the drafter, approved it.
pub fn is_approved(draft: &Draft, credentials: &[PublicKey]) -> bool {
    // Whoever cannot be named today cannot be told apart from the approver.
    let Some(drafter) = drafter(draft, credentials) else { return false };
    draft.decision.approvals.iter().any(|a| act::signer(a, credentials).is_some_and(|who| who != drafter))
}

/// Whether it is offered, and not decided yet.
pub fn is_offered(node: &Node, draft: &Draft) -> bool {
    draft.decision.released.is_some()
        && node.ledger.get(&offers::open_row(draft.content.id)).is_ok_and(|row| row.is_some())
}

/// Who of today's staff signed an act.
pub fn signer<'a>(node: &'a Node, act: &Envelope) -> Option<&'a Operator> {
    node.operators.get(act::signer(act, &credentials(node))?)
}

/// The names of who drafted, and of the first who approved.
pub fn people(node: &Node, draft: &Draft) -> (String, String) {
    let name = |act: Option<&Envelope>| {
        let who = act.and_then(|act| signer(node, act));
        who.map(|operator| operator.name.clone()).unwrap_or_default()
    };
    (name(draft.decision.drafted.as_ref()), name(draft.decision.approvals.first()))
}
