//! A log that was forked is frozen: nothing of it is taken and nothing is sent to its node, until two people of the staff have
//! decided. The proof is a leaf of our log, is told to every peer, and goes into every bundle.
//!
//! In: keeping a proof, who is frozen, and the decision. Out: what proves a fork ([`varde_proto::log::fork`]), and how a node
//! comes to see one ([`super::gossip`]).

use super::Node;
use super::alert::drafts::{self, Signed};
use super::desk::{Desk, FactName};
use super::ended;
use super::journal::Of;
use super::ledger::{CommitError, Ledger};
use super::reopen::peer_of;
use crate::port::StoreError;
use crate::rows;
use crate::state::peer_parts;
use prost::Message;
use varde_proto::draft::act::{self, BadAct, Verb};
use varde_proto::envelope::Envelope;
use varde_proto::id::{Digest, Origin};
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::fork::{Claim, Fork};
use varde_proto::log::leaf;
use varde_proto::time::Timestamp;

/// What is known of a log that was forked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The proof.
    pub evidence: Digest,
    /// Proofs of heads up to this size were decided about: what we had verified of the log then. 0 while nothing was.
    through: u64,
    /// Whether it is frozen now.
    pub frozen: bool,
}

impl Standing {
    fn encode(self) -> Vec<u8> {
        [&self.evidence.0[..], &self.through.to_be_bytes(), &[u8::from(self.frozen)]].concat()
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let parts =
            bytes.split_first_chunk::<32>().and_then(|(evidence, rest)| Some((evidence, rest.split_first_chunk()?)));
        match parts {
            Some((evidence, (through, [frozen]))) => {
                let (evidence, through) = (Digest(*evidence), u64::from_be_bytes(*through));
                Ok(Self { evidence, through, frozen: *frozen != 0 })
            }
            _ => Err(StoreError::Damaged("what is known of a forked log cannot be read".into())),
        }
    }
}

const FROZEN: &str = "frozen/";

fn fact(log: &Origin) -> FactName {
    FactName::new(FROZEN, log)
}

fn evidence_row(log: &Origin, evidence: Digest) -> Vec<u8> {
    rows::row(rows::EVIDENCE, &[&peer_parts(log), &evidence.0])
}

fn verdict_row(log: &Origin, evidence: Digest) -> Vec<u8> {
    rows::row(rows::VERDICT, &[&peer_parts(log), &evidence.0])
}

/// What is known of a log, if it was ever forked.
pub fn standing(ledger: &Ledger, log: &Origin) -> Result<Option<Standing>, StoreError> {
    ledger.get(fact(log).row())?.as_deref().map(Standing::decode).transpose()
}

/// How many logs of a node that ended before are asked about.
const BEFORE: usize = 16;

/// A log and those of its node that ended before it.
fn with_before(log: &Origin) -> impl Iterator<Item = Origin> {
    std::iter::successors(Some(log.clone()), ended::before).take(1 + BEFORE)
}

/// Whether a log is frozen: it, or one that it follows, was forked, and two people have not ended that.
pub fn is_frozen(ledger: &Ledger, log: &Origin) -> Result<bool, StoreError> {
    let mut all = with_before(log).map(|log| standing(ledger, &log));
    all.try_fold(false, |frozen, standing| Ok(frozen || standing?.is_some_and(|standing| standing.frozen)))
}

/// The same, as this commit will leave it.
pub fn is_frozen_at(desk: &Desk<'_>, log: &Origin) -> Result<bool, StoreError> {
    let mut all = with_before(log).map(|log| at(desk, &log));
    all.try_fold(false, |frozen, standing| Ok(frozen || standing?.is_some_and(|standing| standing.frozen)))
}

/// A new log of ours names a peer whose log, or one before it, is frozen: it has the proof, too.
pub(super) fn log_again(desk: &mut Desk<'_>, log: &Origin) -> Result<(), StoreError> {
    for log in with_before(log) {
        let Some(Standing { evidence, .. }) = at(desk, &log)?.filter(|standing| standing.frozen) else { continue };
        let body = desk.get(&evidence_row(&log, evidence))?;
        let damaged = || StoreError::Damaged(format!("the proof that {log} was forked is not there"));
        desk.append(accusation(&log, evidence, body.ok_or_else(damaged)?))?;
    }
    Ok(())
}

fn accusation(log: &Origin, evidence: Digest, body: Vec<u8>) -> Event {
    let peer = Some(log.clone());
    Event { peer, object: evidence, body, ..Event::local(Kind::MISBEHAVIOUR, Timestamp::default()) }
}

fn at(desk: &Desk<'_>, log: &Origin) -> Result<Option<Standing>, StoreError> {
    desk.fact(&fact(log))?.as_deref().map(Standing::decode).transpose()
}

/// Completes when a log is frozen.
pub async fn frozen(node: &Node, log: &Origin) -> Result<(), StoreError> {
    let mut changes = node.gossip.changes();
    while !is_frozen(&node.ledger, log)? {
        if !changes.changed().await {
            std::future::pending::<()>().await;
        }
    }
    Ok(())
}

/// Keeps a proof and freezes the log, in one commit; tells people and, through [`super::connection`], every peer. One proof is
/// enough: another one of a frozen log, or of what was decided about, changes nothing.
pub async fn keep(node: &Node, fork: Fork) -> Result<(), CommitError<StoreError>> {
    let log = fork.claim().origin().clone();
    let landed = node.ledger.commit(move |desk| write(desk, &fork)).await?;
    if !landed.into_value() {
        return Ok(());
    }
    node.gossip.forked(&log);
    let ours = log == node.me.origin;
    let code = if ours { "forked-ourselves" } else { "forked" };
    tracing::error!(log = log.as_str(), ours, "two heads of one size are signed by this log's key");
    node.journal.note(&node.ledger, node.clock.now(), code, log.node().as_str(), Of::Peer(log.node())).await;
    Ok(())
}

fn write(desk: &mut Desk<'_>, fork: &Fork) -> Result<bool, StoreError> {
    let (log, size, evidence) = (fork.claim().origin(), fork.claim().size().0, fork.digest());
    let (before, row) = (at(desk, log)?, evidence_row(log, evidence));
    let decided = desk.get(&row)?.is_some();
    if before.is_some_and(|before| before.frozen || decided || size <= before.through) {
        return Ok(false);
    }
    let body = fork.claim().write();
    desk.put(row, body.clone())?;
    desk.append(accusation(log, evidence, body))?;
    let through = before.map_or(0, |before| before.through);
    desk.set_fact(&fact(log), Standing { evidence, through, frozen: true }.encode())?;
    Ok(true)
}

/// A forked log: its name, what is known of it, and its proof.
pub type Forked = (Origin, Standing, Claim);

/// Every log that was ever forked, with the newest proof.
pub fn all(ledger: &Ledger) -> Result<Vec<Forked>, StoreError> {
    let damaged = || StoreError::Damaged("the row of a fork's proof cannot be read".into());
    let ours = ledger.book().origin.clone();
    let mut forked = Vec::new();
    for row in ledger.scan(&[rows::EVIDENCE], &[rows::EVIDENCE + 1], false) {
        let (name, body) = row?;
        let (log, evidence) = peer_of(&ours, &name[1..]).ok_or_else(damaged)?;
        let standing = standing(ledger, &log)?.ok_or_else(damaged)?;
        if evidence == standing.evidence.0 {
            forked.push((log, standing, Claim::read(&body).ok_or_else(damaged)?));
        }
    }
    Ok(forked)
}

/// Who of today's staff has signed that a log is to be dealt with again, while a second person has not.
pub fn first(node: &Node, log: &Origin, standing: Standing) -> Result<Option<String>, StoreError> {
    let act = node.ledger.read(&verdict_row(log, standing.evidence))?;
    let act = act.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok());
    Ok(act.and_then(|act| drafts::signer(node, &act).map(|operator| operator.name.clone())))
}

/// Why a frozen log stays frozen.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// No log of that country is frozen.
    #[error("no log of this country is frozen")]
    NotFrozen,
    /// It is not for this, or not by this node's staff.
    #[error(transparent)]
    Act(BadAct),
    /// The same person again.
    #[error("the one who decided first cannot decide a second time")]
    SamePerson,
    /// Our own store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Our own writer.
    #[error("the node has stopped writing")]
    Stopped,
}

impl From<CommitError<Refused>> for Refused {
    fn from(error: CommitError<Refused>) -> Self {
        match error {
            CommitError::Refused(refused) => refused,
            CommitError::Stopped => Self::Stopped,
        }
    }
}

/// One person's word that a frozen log is to be dealt with again. The second person's word does it; returns whether it is done.
pub async fn unfreeze(node: &Node, log: &Origin, act: Option<Envelope>) -> Result<bool, Refused> {
    let standing = standing(&node.ledger, log)?.filter(|standing| standing.frozen).ok_or(Refused::NotFrozen)?;
    let about = act::about_unfreeze(log, standing.evidence);
    let act::Signed { who, act } =
        drafts::check_act(node, Verb::Unfreeze, &Signed { about, act }).map_err(Refused::Act)?;
    let (log, staff) = (log.clone(), drafts::credentials(node));
    let landed = node.ledger.commit(move |desk| {
        let standing = at(desk, &log)?.filter(|now| now.frozen && now.evidence == standing.evidence);
        let standing = standing.ok_or(Refused::NotFrozen)?;
        let row = verdict_row(&log, standing.evidence);
        let first = desk.open(&row)?.and_then(|bytes| Envelope::decode(bytes.as_slice()).ok());
        // Whoever cannot be named today cannot be told apart from the second person: theirs is replaced.
        let Some((first, one)) = first.and_then(|first| act::signer(&first, &staff).map(|one| (first, one))) else {
            desk.seal(row, &act.encode_to_vec())?;
            return Ok(false);
        };
        if one == who {
            return Err(Refused::SamePerson);
        }
        desk.erase(row)?;
        thaw(desk, &log, standing, [&first, &act])?;
        Ok(true)
    });
    let done = landed.await?.into_value();
    if done {
        node.gossip.wake();
    }
    Ok(done)
}

/// Logs the decision, with a commitment to who made it, and thaws the log. Proofs of what we had verified of it by now are decided
/// about, and this one is, whatever size it claims: a log can sign heads of any size, and must not be forgiven those to come.
fn thaw(desk: &mut Desk<'_>, log: &Origin, standing: Standing, acts: [&Envelope; 2]) -> Result<(), StoreError> {
    let Standing { evidence, through, .. } = standing;
    let verified = if log == desk.origin() { desk.next_index().0 } else { desk.head_of(log).size };
    let decided = verified.max(through);
    let acts: Vec<u8> = acts.iter().flat_map(|act| act.encode_length_delimited_to_vec()).collect();
    let key = desk.random::<32>();
    let restricted = leaf::restricted(&key, &acts);
    let (number, _) = desk.append(Event {
        peer: Some(log.clone()),
        object: evidence,
        restricted,
        ..Event::local(Kind::UNFREEZE, Timestamp::default())
    })?;
    desk.seal(rows::numbered(rows::ACT, number), &[&key[..], &acts].concat())?;
    desk.set_fact(&fact(log), Standing { evidence, through: decided, frozen: false }.encode())
}
