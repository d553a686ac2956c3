//! How far an alert is, in one word for each recipient, and what was said about it.

use super::{Between, Talk};
use crate::flow::alert::held::{Received, What};
use crate::flow::delivery::{self, Delivery};
use crate::flow::outstanding::{self, Outstanding};
use crate::flow::{Node, erase, filing, kept};
use crate::port::StoreError;
use varde_proto::envelope;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::log::proof::TlogProof;
use varde_proto::reply::{Progress, Reply, Said, Turn, progress};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{DeskRole, ErasureReason};

/// The one state of an alert at a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Logged as sent, and nothing of it has left.
    Queued,
    /// On its way on the connection that stands.
    Sent,
    /// The recipient's log has it; no person has seen it.
    Stored,
    /// Offered, and not answered.
    Offered,
    /// The offer is accepted; the alert goes when the others have answered or their time is over.
    Accepted,
    /// A person of the recipient's has seen it.
    Seen,
    /// The recipient has answered.
    Acted,
    /// The recipient's node refused it.
    Refused,
    /// Given up without a receipt: one of the two logs ended, or the agreement did.
    Abandoned,
    /// Its time is over; the recipient erases it unasked.
    Expired,
    /// Taken back; the recipient has not shown yet that it erased it.
    Withdrawn,
    /// The recipient has shown that it is erased.
    Erased,
}

impl State {
    /// Its name, as people and scripts see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Stored => "stored",
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Seen => "seen",
            Self::Acted => "acted",
            Self::Refused => "refused",
            Self::Abandoned => "abandoned",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
            Self::Erased => "erased",
        }
    }
}

/// A word that was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// By which country.
    pub by: NodeId,
    /// When we logged it.
    pub time: Timestamp,
    /// Which desk spoke.
    pub desk_role: DeskRole,
    /// What it said.
    pub said: Said,
    /// Index under which it is kept.
    pub index: u64,
    /// E of its envelope.
    pub digest: Digest,
    /// E of the alert or the offer that it is about.
    pub object: Digest,
    /// Whether it has arrived.
    pub fate: Fate,
}

/// Whether a word has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It is the other side's, or the other side has it.
    Held,
    /// It is ours, and the other side has not shown yet that it has it.
    Owed,
    /// The other side refused it, with this code.
    Refused(String),
    /// It was given up: a log or an agreement ended first.
    GivenUp,
}

impl Spoken {
    /// Whether it was said in vain.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.fate, Fate::Refused(_) | Fate::GivenUp)
    }
}

/// Words of ours that the other side refused or never got: nothing follows from them.
pub(super) fn lost(node: &Node, between: Between, id: AlertId) -> Result<Vec<u64>, StoreError> {
    let (_, said) = said(node, between, id)?;
    Ok(said.into_iter().filter(Spoken::is_lost).map(|one| one.index).collect())
}

/// How far one recipient is.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Who.
    pub country: NodeId,
    /// How far.
    pub state: State,
    /// Since when, as our log or the recipient's receipt says.
    pub since: Timestamp,
    /// The recipient's code, where its node refused it; `not-asked`, where it could not be asked to erase it.
    pub reason: Option<String>,
    /// Until when an answer is due, where one still is.
    pub due: Option<Timestamp>,
    /// What was said, in order.
    pub said: Vec<Spoken>,
}

/// How far each recipient of an alert of ours is, that is kept or was kept under an index and whose time is over at `expires`, where
/// that is still known.
pub fn of_ours(
    node: &Node,
    (id, kept, object): (AlertId, u64, Digest),
    expires: Option<Timestamp>,
) -> Result<Vec<Standing>, StoreError> {
    let erasing = outstanding::of(node, &object)?;
    let gone = erase::find(&node.ledger, node.me.origin.node(), &object)?;
    let one = |delivery: Delivery| {
        let between = Between { issuer: node.me.origin.node(), recipient: delivery.country };
        let (due, said) = said(node, between, id)?;
        let duty = erasing.iter().find(|duty| duty.peer.is_of_node(&delivery.peer));
        let (mut state, mut since, mut reason) = of_delivery(node, &delivery);
        if state == State::Stored {
            (state, since) = of_words(&said, &object, since);
        }
        let had = !matches!(state, State::Refused | State::Abandoned);
        if let Some(duty) = duty.filter(|_| had) {
            let erased = duty.standing == outstanding::Standing::Erased;
            let asked = if duty.reason == ErasureReason::EXPIRED { State::Expired } else { State::Withdrawn };
            (state, since) = (asked, duty.asked);
            if erased {
                (state, since) = (State::Erased, erased_at(node, duty)?.unwrap_or(since));
            } else if duty.standing == outstanding::Standing::NotAsked {
                reason = Some(NOT_ASKED.to_owned());
            }
        } else if let Some(expires) = expires.filter(|expires| had && *expires <= node.clock.now()) {
            (state, since) = (State::Expired, expires);
        } else if had && gone.is_some() {
            state = State::Withdrawn;
        }
        Ok(Standing { country: delivery.country, state, since, reason, due, said })
    };
    delivery::of(&node.ledger, kept)?.into_iter().map(one).collect()
}

/// It is not pinned.
const NOT_ASKED: &str = "not-asked";

/// When an item was erased, by the clock of the recipient that has shown it.
fn erased_at(node: &Node, duty: &Outstanding) -> Result<Option<Timestamp>, StoreError> {
    let proof = duty.proof(&node.ledger)?.and_then(|proof| TlogProof::parse(&proof).ok());
    Ok(proof.and_then(|proof| proof.opening().map(|opening| opening.event().time)))
}

pub(super) fn of_delivery(node: &Node, delivery: &Delivery) -> (State, Timestamp, Option<String>) {
    match &delivery.state {
        delivery::State::Owed => {
            let sent = node.under_way.is_sent(&delivery.peer, delivery.class, delivery.seq);
            (if sent { State::Sent } else { State::Queued }, delivery.sent, None)
        }
        delivery::State::Ended => (State::Abandoned, delivery.sent, None),
        delivery::State::Abandoned { time, .. } => (State::Abandoned, *time, None),
        delivery::State::Rejected { time, reason, .. } => (State::Refused, *time, Some(reason.clone())),
        delivery::State::Received { time, .. } => (State::Stored, *time, None),
    }
}

/// How far a recipient is that has the alert since a time.
fn of_words(said: &[Spoken], object: &Digest, stored: Timestamp) -> (State, Timestamp) {
    let said: Vec<&Spoken> = said.iter().filter(|one| one.object == *object && !one.is_lost()).collect();
    let turns: Vec<Turn> = said.iter().map(|one| Turn { digest: one.digest, said: one.said.clone() }).collect();
    match progress(&turns) {
        Progress::Silent => (State::Stored, stored),
        Progress::Seen => {
            let first = said.iter().find(|one| !one.said.is_by_issuer());
            (State::Seen, first.map_or(stored, |one| one.time))
        }
        Progress::Answered(_) => {
            let last = said.iter().rev().find(|one| one.said.is_answer());
            (State::Acted, last.map_or(stored, |one| one.time))
        }
    }
}

/// How far we are with an alert that came.
pub fn of_received(node: &Node, id: AlertId, received: &Received) -> Result<Standing, StoreError> {
    let own = node.me.origin.node();
    let (due, said) = said(node, Between { issuer: received.from, recipient: own }, id)?;
    let (mut state, since) = of_words(&said, &received.object, received.received);
    match &received.what {
        What::Alert(_) if received.is_expired(node.clock.now()) => state = State::Expired,
        What::Alert(_) => {}
        What::Remains(remains) if matches!(remains.stage, erase::Stage::Done(_)) => state = State::Erased,
        What::Remains(_) => state = State::Withdrawn,
    }
    Ok(Standing { country: own, state, since, reason: None, due, said })
}

/// Until when an answer is due, and what was said.
pub(in crate::flow) fn said(
    node: &Node,
    between: Between,
    id: AlertId,
) -> Result<(Option<Timestamp>, Vec<Spoken>), StoreError> {
    let talk = Talk::read(node.ledger.get(&between.row(id))?)?.unwrap_or_default();
    let spoken = |index: u64| {
        let (envelope, reply) = kept::payload::<Reply>(&node.ledger, index)?;
        let opening = node.ledger.opening(index)?;
        let by = erase::issuer(&node.me.origin, opening.event());
        let ours = by == node.me.origin.node();
        let delivery = if ours { delivery::of(&node.ledger, index)?.into_iter().next() } else { None };
        let fate = match delivery.map(|one| one.state) {
            None | Some(delivery::State::Received { .. }) => Fate::Held,
            Some(delivery::State::Owed) => Fate::Owed,
            Some(delivery::State::Rejected { reason, .. }) => Fate::Refused(reason),
            Some(delivery::State::Ended | delivery::State::Abandoned { .. }) => Fate::GivenUp,
        };
        let (time, Reply { desk_role, said, object, .. }) = (opening.event().time, reply);
        Ok(Spoken { by, time, desk_role, said, index, digest: envelope::digest(&envelope), object, fate })
    };
    let said = talk.words.into_iter().map(spoken).collect::<Result<_, StoreError>>()?;
    Ok((talk.due, said))
}

/// Where an alert of ours is kept, and its E; `None` if none was released under this id.
pub fn ours(node: &Node, id: AlertId) -> Result<Option<(u64, Digest)>, StoreError> {
    let filed = node.ledger.get(&filing::alert_row(node.me.origin.node(), id))?;
    filed.map(|value| filing::read_filed(&value)).transpose()
}
