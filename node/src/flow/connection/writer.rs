//! The writing half of a connection: answers first, then what is owed, class by class; heads by themselves at each heartbeat
//! when there is something new to tell.

use super::{Ended, aside, stopped};
use crate::flow::Never;
use crate::flow::deliver::{Broken, Unsent};
use crate::flow::receive::Answer;
use crate::flow::{Node, deliver, entangle, escrow, gossip, withdraw};
use crate::port::{Peer, StoreError};
use crate::rows;
use crate::state::Direction;
use crate::state::outgoing::{Event, Outgoing, Run};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, sleep, sleep_until};
use varde_proto::agreement::Agreed;
use varde_proto::exchange::{Cosigned, Frame, Item, Proven, Shown};
use varde_proto::limits;
use varde_proto::log::event::Event as LeafEvent;
use varde_proto::log::head::Head;

/// What the writing loop is told.
pub(super) enum Told {
    Answers(Vec<Answer>, OwnedSemaphorePermit),
    Settled(Vec<(u8, u64)>),
    /// A head of the peer's is durable here, and cosigned; whether it came alone and waits for that.
    Witnessed(Cosigned, bool),
    /// The peer wants these entries of ours.
    Asked(u64, u64),
    /// We want these entries of the peer's.
    Behind(u64, u64),
    /// The peer asks what connects heads of ours of these sizes with our newest one.
    Unconnected(Vec<u64>),
}

/// Entries are asked for and given at most so often: 8,192 a second, more than a log grows by, no more than 256 KiB that a peer can
/// make this store grow by in that time, and no more reading than that for whoever asks without end.
const ASKING: Duration = Duration::from_millis(250);
/// So many entries are read at once; more are read aside.
const FEW: u64 = limits::FRAME_ITEMS as u64;
/// So many items are read at once; more are read aside.
const FEW_ITEMS: u64 = 8;
/// Bytes of a frame that are not items: its head and proof.
const FRAME_REST: usize = 8 * 1024;

/// The writing half: receipts, cosignatures, and what is owed.
pub(super) struct Writer {
    node: Arc<Node>,
    peer: Arc<Peer>,
    /// What is agreed with it.
    agreed: Arc<Agreed>,
    /// How many of our key statements the peer was told of.
    told: u32,
    /// Size of our log that the peer will have verified when it has read everything sent so far.
    shown: u64,
    outgoing: Outgoing,
    /// The connection's number, by which others see what is on its way.
    connection: u64,
    /// Our cosignature of the peer's newest head, not sent yet: it goes with the next frame.
    witnessed: Option<Cosigned>,
    /// Entries of ours that the peer keeps, or will when it has read everything sent so far.
    escrowed: u64,
    /// Entries of ours that the peer waits for.
    asked: Option<(u64, u64)>,
    /// When we may give the next.
    give_at: Instant,
    /// Entries that we want, and when to ask for them.
    behind: Option<(u64, u64)>,
    ask_at: Instant,
    /// What the peer was told of other logs.
    gossiped: gossip::Told,
    /// Sizes of heads of ours that the peer asked about.
    unconnected: BTreeSet<u64>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.node.under_way.end(&self.peer.origin, self.connection);
    }
}

impl Writer {
    /// A writer to a peer that was told of so many key statements, verified so many leaves of our log and keeps so many of its
    /// entries.
    pub(super) fn new(
        node: &Arc<Node>,
        (peer, agreed): (&Arc<Peer>, Arc<Agreed>),
        (told, shown, escrowed): (u32, u64, u64),
        outgoing: Outgoing,
    ) -> Self {
        let (node, peer) = (node.clone(), peer.clone());
        let (asked, behind, give_at, ask_at) = (None, None, Instant::now(), Instant::now());
        let (gossiped, unconnected) = (gossip::Told::default(), BTreeSet::new());
        let connection = node.under_way.begin(&peer.origin);
        Self {
            node,
            peer,
            agreed,
            told,
            shown,
            outgoing,
            connection,
            witnessed: None,
            escrowed,
            asked,
            give_at,
            behind,
            ask_at,
            gossiped,
            unconnected,
        }
    }

    /// Writes until the link or the reading half ends.
    pub(super) async fn run(
        mut self,
        out: mpsc::Sender<Frame>,
        mut told: mpsc::Receiver<Told>,
    ) -> Result<Never, Ended> {
        let mut heads = self.node.ledger.heads();
        // What landed since the greeting.
        self.look_for_owed();
        let mut forks = self.node.gossip.changes();
        let mut beat = Box::pin(sleep(self.pause()));
        loop {
            while let Ok(news) = told.try_recv() {
                self.hear(news, &mut told, &out).await?;
            }
            if self.send_items(&out).await? {
                continue;
            }
            tokio::select! {
                biased;
                news = told.recv() => self.hear(news.ok_or(Ended::Closed)?, &mut told, &out).await?,
                changed = heads.changed() => {
                    if !changed {
                        return Err(Ended::Stopped);
                    }
                    self.told(self.node.ledger.head().size().0)?;
                    self.look_for_owed();
                }
                () = &mut beat => {
                    beat.as_mut().reset(Instant::now() + self.pause());
                    entangle::daily(&self.node).await.map_err(stopped)?;
                    self.tell(&out).await?;
                }
                changed = forks.changed() => {
                    if !changed {
                        return Err(Ended::Stopped);
                    }
                    self.tell(&out).await?;
                }
                () = sleep_until(self.give_at), if self.asked.is_some() => {
                    self.give_at = Instant::now() + ASKING;
                    if let Some((from, to)) = self.asked.take() {
                        self.send_entries(from, to, &out).await?;
                    }
                }
                () = sleep_until(self.ask_at), if self.behind.is_some() => {
                    self.ask_at = Instant::now() + ASKING;
                    if let Some((from, to)) = self.behind.take() {
                        out.send(Frame::Ask(from, to)).await.map_err(|_| Ended::Closed)?;
                    }
                }
                () = out.closed() => return Err(Ended::Closed),
            }
        }
    }

    /// The next of what is owed; false where there is none. A class of which nothing may go yet holds up no other.
    async fn send_items(&mut self, out: &mpsc::Sender<Frame>) -> Result<bool, Ended> {
        let mut passed = Vec::new();
        while let Some(run) = self.outgoing.next_run(&passed) {
            let head = self.node.ledger.show()?;
            let room = limits::FRAME_BYTES - FRAME_REST - 32 * self.entries_to(head.size().0) as usize;
            let items = match self.read_items(run, head.size().0, room).await? {
                Err(Unsent::Unreadable(sent)) => {
                    self.park(*sent).await?;
                    continue;
                }
                Err(Unsent::Store(failure)) => return Err(failure.into()),
                Ok(items) => items,
            };
            // Without any, the next one is under a head that is about to be signed, and that wakes the loop; or it is not agreed.
            if items.is_empty() {
                passed.push(run.class);
                continue;
            }
            let count = items.len() as u64;
            self.outgoing.sent(run, count);
            self.node.under_way.sent(&self.peer.origin, self.connection, run.class, run.from + count - 1);
            let proven = self.proven(&head).await?;
            out.send(Frame::Items(proven, items)).await.map_err(|_| Ended::Closed)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// Reads the items of a run: a few at once, many aside, since a frame of them takes as long as a call of staff may.
    async fn read_items(&self, run: Run, size: u64, room: usize) -> Result<Result<Vec<Item>, Unsent>, Ended> {
        let (node, peer, agreed) = (self.node.clone(), self.peer.clone(), self.agreed.clone());
        let read = move || deliver::items((&node.ledger, node.time()), (&peer, &agreed), run, size, room);
        if run.count > FEW_ITEMS { aside(read).await } else { Ok(read()) }
    }

    /// Gives up an item that our own store cannot read any more: it stands as abandoned, and the others go on.
    async fn park(&self, sent: LeafEvent) -> Result<(), Ended> {
        let (peer, class, seq) = (self.peer.origin.node(), sent.class, sent.seq);
        tracing::error!(
            peer = peer.as_str(),
            class,
            seq,
            "an owed item has no content here that can be read, and is given up; its alert says abandoned"
        );
        let landed = self.node.ledger.commit(move |desk| withdraw::abandon(desk, &sent));
        match landed.await.map_err(stopped)?.into_value() {
            true => Ok(()),
            false => Err(StoreError::Damaged("an owed item cannot be read, and its row names another".into()).into()),
        }
    }

    /// Until the next heartbeat: a sixth more or less than agreed, so that the nodes of a network do not beat as one.
    fn pause(&self) -> Duration {
        let mut chance = [0; 1];
        self.node.entropy.fill(&mut chance);
        self.node.heartbeat * 5 / 6 + self.node.heartbeat * u32::from(chance[0]) / 768
    }

    /// Our newest head by itself with what is new of other logs, if there is anything that the peer has not heard.
    async fn tell(&mut self, out: &mpsc::Sender<Frame>) -> Result<(), Ended> {
        let mut gossip = self.gossiped.news(&self.node, &self.peer)?;
        let ours = self.witnessed.is_some() || self.node.ledger.book().loud > self.shown;
        if !ours && gossip.is_empty() && self.unconnected.is_empty() {
            return Ok(());
        }
        let head = self.node.ledger.show()?;
        let proven = self.proven(&head).await?;
        let asked = std::mem::take(&mut self.unconnected);
        gossip.joined = gossip::joined(&self.node.ledger, &asked, head.size().0);
        out.send(Frame::Heads(proven, Box::new(gossip))).await.map_err(|_| Ended::Closed)
    }

    /// Entries that the peer asked for, up to a head that it has verified.
    async fn send_entries(&mut self, from: u64, to: u64, out: &mpsc::Sender<Frame>) -> Result<(), Ended> {
        if to > self.shown {
            return Err(Broken::Leaf("asked-beyond-head").into());
        }
        let node = self.node.clone();
        let piece = aside(move || escrow::piece(&node.ledger, from, to)).await??;
        self.escrowed = to;
        out.send(Frame::Entries(piece)).await.map_err(|_| Ended::Closed)
    }

    fn look_for_owed(&mut self) {
        let book = self.node.ledger.book();
        for (key, state) in book.channels_with(&self.peer.origin) {
            if key.direction == Direction::Out {
                self.outgoing.handle(Event::Owed { class: key.class, through: state.seq });
            }
        }
    }

    async fn hear(
        &mut self,
        news: Told,
        told: &mut mpsc::Receiver<Told>,
        out: &mpsc::Sender<Frame>,
    ) -> Result<(), Ended> {
        let (mut answers, mut permits, mut awaited) = (Vec::new(), Vec::new(), false);
        let mut next = Some(news);
        while let Some(news) = next {
            match news {
                Told::Answers(more, permit) => {
                    answers.extend(more);
                    permits.push(permit);
                }
                Told::Settled(through) => {
                    for (class, through) in through {
                        self.outgoing.handle(Event::Settled { class, through });
                    }
                }
                Told::Witnessed(cosigned, alone) => {
                    self.witnessed = Some(cosigned);
                    awaited |= alone;
                }
                Told::Asked(from, to) => self.asked = Some((from, to)),
                Told::Behind(from, to) => self.behind = Some((from, to)),
                Told::Unconnected(sizes) => {
                    self.unconnected.extend(sizes);
                    awaited = true;
                }
            }
            next = if answers.len() < limits::FRAME_ITEMS { told.try_recv().ok() } else { None };
        }
        for chunk in answers.chunks(limits::FRAME_ITEMS) {
            let head = self.node.ledger.show()?;
            let proven = self.proven(&head).await?;
            let shown = self.show(chunk, head.size().0)?;
            out.send(Frame::Receipts(proven, shown)).await.map_err(|_| Ended::Closed)?;
        }
        let awaited = awaited && (self.witnessed.is_some() || !self.unconnected.is_empty());
        if awaited { self.tell(out).await } else { Ok(()) }
    }

    fn show(&self, answers: &[Answer], size: u64) -> Result<Vec<Shown>, StoreError> {
        let book = self.node.ledger.book();
        let shown = answers.iter().map(|(index, opening)| {
            let index = rows::counted(*index);
            let path = deliver::path(&book, index, size)?;
            Ok(Shown { index, opening: opening.clone(), path })
        });
        shown.collect()
    }

    /// How many entries the proof of a head of this size is made of: those since what was shown last, which the peer keeps for
    /// us; none where they are too many, or the peer has a gap before them.
    fn entries_to(&self, size: u64) -> u64 {
        let more = size - self.shown;
        if self.escrowed == self.shown && more <= limits::FRAME_ENTRIES as u64 { more } else { 0 }
    }

    /// Our newest head with the proof from what was shown last; from now on that head is what was shown last.
    async fn proven(&mut self, head: &Head) -> Result<Proven, Ended> {
        let (from, size) = (self.shown, head.size().0);
        self.told(size)?;
        let (mut entries, mut consistency) = (Vec::new(), Vec::new());
        let more = self.entries_to(size);
        if more > 0 {
            let node = self.node.clone();
            let own = move || escrow::own(&node.ledger, from, size);
            entries = if more > FEW { aside(own).await?? } else { own()? };
            self.escrowed = size;
        } else {
            consistency = deliver::consistency(&self.node.ledger.book(), from, size);
        }
        let cosigned = self.witnessed.take();
        self.shown = size;
        Ok(Proven { checkpoint: head.to_wire(), from_size: from, consistency, entries, cosigned })
    }

    /// No head is shown that contains a key statement of which the peer was not told: it could not check what follows.
    fn told(&self, size: u64) -> Result<(), Ended> {
        let untold = self.node.keys.untold(self.told).is_some_and(|index| index < size);
        if untold { Err(Ended::KeysChanged) } else { Ok(()) }
    }
}
