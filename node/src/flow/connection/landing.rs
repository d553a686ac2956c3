//! What is checked becomes durable, one frame after the other, in the order in which it came.

use super::writer::Told;
use super::{ANSWERS, Advance, Ended, Load, WITNESSING, Work, key, stopped};
use crate::flow::Never;
use crate::flow::agreement::words;
use crate::flow::deliver::{self, Broken};
use crate::flow::desk::Desk;
use crate::flow::gossip::Heard;
use crate::flow::ledger::CommitError;
use crate::flow::receive::{self, Answer};
use crate::flow::{Node, agreement, escrow, fork, witness};
use crate::port::Peer;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, sleep_until};
use varde_proto::agreement::Agreed;
use varde_proto::exchange::KnownHead;
use varde_proto::limits;
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Entry;

/// Entries that wait for a head to be kept with. A frame that repeats what was taken keeps no head, so that a peer cannot make
/// this store grow by repeating itself; whoever brings more entries than these so is held back like heads alone.
const PENDING: usize = 2 * limits::FRAME_ENTRIES;

/// The middle of a connection.
pub(super) struct Landing {
    node: Arc<Node>,
    peer: Arc<Peer>,
    /// What is agreed with it.
    agreed: Arc<Agreed>,
    /// The peer's head as this connection last made it durable: if the store holds another one, another connection has gone on
    /// from it, and what was proven here was proven from the past.
    newest: KnownHead,
    /// How many of the peer's entries are kept.
    kept: u64,
    /// Entries after those, checked, whose head is not kept yet.
    pending: Vec<Entry>,
    /// The entries that the peer was asked for.
    asked: Option<(u64, u64)>,
    room: Arc<Semaphore>,
    /// When heads may be kept again for their own sake.
    turn: Instant,
}

impl Landing {
    /// Begins from what is durable.
    pub(super) fn new(
        node: &Arc<Node>,
        (peer, agreed): (&Arc<Peer>, Arc<Agreed>),
        newest: KnownHead,
        kept: u64,
    ) -> Self {
        Self {
            node: node.clone(),
            peer: peer.clone(),
            agreed,
            newest,
            kept,
            pending: Vec::new(),
            asked: None,
            room: Arc::new(Semaphore::new(ANSWERS as usize)),
            turn: Instant::now(),
        }
    }

    /// Makes checked frames durable until either other half ends.
    pub(super) async fn run(
        mut self,
        mut work: mpsc::Receiver<Work>,
        told: mpsc::Sender<Told>,
    ) -> Result<Never, Ended> {
        loop {
            if let Some(news) = self.ask() {
                told.send(news).await.map_err(|_| Ended::Closed)?;
            }
            let news = match work.recv().await.ok_or(Ended::Closed)? {
                Work::Proven(advance, load) => self.advance(*advance, load).await?,
                Work::Entries(from, entries) => {
                    self.keep(from, entries).await?;
                    Vec::new()
                }
                Work::Asked(from, to) => vec![Told::Asked(from, to)],
            };
            for news in news {
                told.send(news).await.map_err(|_| Ended::Closed)?;
            }
        }
    }

    /// The next question for entries, where a head was proven without them.
    fn ask(&mut self) -> Option<Told> {
        if self.asked.is_some() || self.kept >= self.newest.size {
            return None;
        }
        let to = self.newest.size.min(self.kept + limits::FRAME_ENTRIES as u64);
        self.asked = Some((self.kept, to));
        Some(Told::Behind(self.kept, to))
    }

    async fn advance(&mut self, advance: Advance, mut load: Load) -> Result<Vec<Told>, Ended> {
        let Advance { head, cosigned, entries, governing, judged } = advance;
        self.pending.extend(entries);
        let heard = if let Load::Witness(heard) = &mut load { Some(std::mem::take(heard)) } else { None };
        let alone = heard.is_some();
        let heavy = self.pending.len() > PENDING;
        if alone || heavy {
            sleep_until(self.turn).await;
            self.turn = Instant::now() + WITNESSING;
        }
        let permits = self.permits(&load).await?;
        judged.go_on(&self.node)?;
        let (noted, ours) = witness::cosign(&self.node, &head)?;
        let (with, newest, kept) = ((self.peer.clone(), self.agreed.clone()), self.newest, self.kept);
        let mut pending = std::mem::take(&mut self.pending);
        let landed = self.node.ledger.commit(move |desk| {
            is_newest(desk, &with, newest, kept)?;
            if matches!(load, Load::Take(_)) && key(&with.1, words::time(desk)) != governing {
                return Err(Broken::Leaf("agreement-changed"));
            }
            let (peer, _) = with;
            let done = write(desk, &peer, (&head, &noted), load)?;
            if heavy {
                keep_head(desk, &peer, &noted)?;
            }
            if desk.head_of(&peer.origin).size >= kept + pending.len() as u64 {
                escrow::keep(desk, &peer.origin, &pending)?;
                pending.clear();
            }
            if let Some(cosigned) = &cosigned {
                witness::keep(desk, &peer.origin, cosigned)?;
            }
            Ok::<_, Broken>((done, desk.head_of(&peer.origin), desk.kept_of(&peer.origin).size().0, pending))
        });
        let (done, head, kept, pending) = landed.await.map_err(ended)?.into_value();
        let before = std::mem::replace(&mut self.newest, KnownHead { size: head.size, root: head.root });
        (self.kept, self.pending) = (kept, pending);
        let done = match (done, permits) {
            (Done::Took(answers), Some(permits)) => Some(Told::Answers(answers, permits)),
            (Done::Settled(settled), _) if !settled.is_empty() => Some(Told::Settled(settled)),
            _ => None,
        };
        let witnessed = (self.newest != before && ours.head == self.newest).then_some(Told::Witnessed(ours, alone));
        let asked = self.heed(heard.unwrap_or_default()).await?;
        Ok(witnessed.into_iter().chain(asked).chain(done).collect())
    }

    /// Keeps what is proven of other logs; passes on what the peer asks about ours.
    async fn heed(&self, Heard { forks, asked }: Heard) -> Result<Option<Told>, Ended> {
        for proof in forks {
            fork::keep(&self.node, proof).await.map_err(stopped)?;
        }
        Ok((!asked.is_empty()).then_some(Told::Unconnected(asked)))
    }

    /// Room for the answers to what is taken.
    async fn permits(&self, load: &Load) -> Result<Option<OwnedSemaphorePermit>, Ended> {
        let Load::Take(items) = load else { return Ok(None) };
        let permits = self.room.clone().acquire_many_owned(items.len() as u32).await;
        permits.map(Some).map_err(|_| Ended::Closed)
    }

    /// Keeps entries that were asked for, and no others.
    async fn keep(&mut self, from: u64, entries: Vec<Entry>) -> Result<(), Ended> {
        if self.asked.take() != Some((from, from + entries.len() as u64)) {
            return Err(Broken::Leaf("entries-not-asked-for").into());
        }
        let (with, newest, kept) = ((self.peer.clone(), self.agreed.clone()), self.newest, self.kept);
        self.kept = from + entries.len() as u64;
        let landed = self.node.ledger.commit(move |desk| {
            is_newest(desk, &with, newest, kept)?;
            Ok::<_, Broken>(escrow::keep(desk, &with.0.origin, &entries)?)
        });
        landed.await.map(drop).map_err(ended)
    }
}

enum Done {
    Took(Vec<Answer>),
    Settled(Vec<(u8, u64)>),
    Kept,
}

/// One frame's commit. The proofs are kept with the head as the peer signed it; the head is kept with our cosignature on it.
fn write(desk: &mut Desk<'_>, peer: &Arc<Peer>, (head, noted): (&Head, &Head), load: Load) -> Result<Done, Broken> {
    match load {
        Load::Take(items) => receive::take(desk, peer, (head, noted), items).map(Done::Took),
        Load::Settle(receipts) => deliver::settle(desk, peer, noted, receipts).map(Done::Settled),
        Load::Witness(_) => keep_head(desk, peer, noted).map(|()| Done::Kept),
    }
}

fn keep_head(desk: &mut Desk<'_>, peer: &Peer, noted: &Head) -> Result<(), Broken> {
    if desk.head_of(&peer.origin).size < noted.size().0 {
        desk.set_head(&peer.origin, noted)?;
    }
    Ok(())
}

fn is_newest(
    desk: &Desk<'_>,
    (peer, agreed): &(Arc<Peer>, Arc<Agreed>),
    newest: KnownHead,
    kept: u64,
) -> Result<(), Broken> {
    let now = desk.agreed(&peer.origin);
    if !Arc::ptr_eq(&now, agreed) && now != *agreed {
        return Err(Broken::Leaf("agreement-changed"));
    }
    if fork::is_frozen_at(desk, &peer.origin)? {
        return Err(Broken::Leaf("frozen"));
    }
    if !agreement::is_in_roster(desk, peer)? {
        return Err(Broken::Leaf("pin-changed"));
    }
    let held = desk.head_of(&peer.origin);
    let same = held.size == newest.size && held.root == newest.root && desk.kept_of(&peer.origin).size().0 == kept;
    if same { Ok(()) } else { Err(Broken::Leaf("superseded")) }
}

fn ended(error: CommitError<Broken>) -> Ended {
    match error {
        CommitError::Refused(broken) => Ended::Broken(broken),
        CommitError::Stopped => Ended::Stopped,
    }
}
