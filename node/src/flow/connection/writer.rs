//! The writing half of a connection: answers first, then what is owed, class by class; heads by themselves at each heartbeat
//! when there is something new to tell.

use super::{Ended, Never};
use crate::flow::Node;
use crate::flow::deliver;
use crate::flow::receive::Answer;
use crate::port::{Peer, StoreError};
use crate::state::Direction;
use crate::state::outgoing::{Event, Outgoing};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use varde_proto::exchange::{Cosigned, Frame, KnownHead, Proven, Shown};
use varde_proto::limits;

/// What the writing loop is told.
pub(super) enum Told {
    Answers(Vec<Answer>, OwnedSemaphorePermit),
    Settled(Vec<(u8, u64)>),
    /// A head of the peer's is durable here, and cosigned; whether it came alone and waits for that.
    Witnessed(Cosigned, bool),
}

/// The writing half: receipts, cosignatures, and what is owed.
pub(super) struct Writer {
    /// Who writes.
    pub(super) node: Arc<Node>,
    /// To whom.
    pub(super) peer: Arc<Peer>,
    /// Size of our log that the peer will have verified when it has read everything sent so far.
    pub(super) shown: u64,
    /// What is to be sent.
    pub(super) outgoing: Outgoing,
    /// Our cosignature of the peer's newest head, not sent yet: it goes with the next frame.
    pub(super) witnessed: Option<Cosigned>,
}

impl Writer {
    /// Writes until the link or the reading half ends.
    pub(super) async fn run(
        mut self,
        out: mpsc::Sender<Frame>,
        mut told: mpsc::Receiver<Told>,
    ) -> Result<Never, Ended> {
        let mut heads = self.node.ledger.heads();
        // What landed since the greeting.
        self.look_for_owed();
        let mut beat = Box::pin(tokio::time::sleep(self.pause()));
        loop {
            while let Ok(news) = told.try_recv() {
                self.hear(news, &mut told, &out).await?;
            }
            if let Some(run) = self.outgoing.next_run() {
                let (proven, size) = self.proven();
                let items = deliver::items(&self.node.ledger, &self.peer, run, size)?;
                self.outgoing.sent(run, items.len() as u64);
                out.send(Frame::Items(proven, items)).await.map_err(|_| Ended::Closed)?;
                continue;
            }
            tokio::select! {
                biased;
                news = told.recv() => self.hear(news.ok_or(Ended::Closed)?, &mut told, &out).await?,
                changed = heads.changed() => {
                    if !changed {
                        return Err(Ended::Stopped);
                    }
                    self.look_for_owed();
                }
                () = &mut beat => {
                    beat.as_mut().reset(tokio::time::Instant::now() + self.pause());
                    if self.witnessed.is_some() || self.node.ledger.head().size().0 > self.shown {
                        self.send_head(&out).await?;
                    }
                }
                () = out.closed() => return Err(Ended::Closed),
            }
        }
    }

    /// Until the next heartbeat: a sixth more or less than agreed, so that the nodes of a network do not beat as one.
    fn pause(&self) -> Duration {
        let mut chance = [0; 1];
        self.node.entropy.fill(&mut chance);
        self.node.heartbeat * 5 / 6 + self.node.heartbeat * u32::from(chance[0]) / 768
    }

    /// Our newest head by itself.
    async fn send_head(&mut self, out: &mpsc::Sender<Frame>) -> Result<(), Ended> {
        let known = self.node.ledger.book().head_of(&self.peer.origin);
        let (proven, _) = self.proven();
        let known = KnownHead { size: known.size, root: known.root };
        out.send(Frame::Heads(proven, known)).await.map_err(|_| Ended::Closed)
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
            }
            next = if answers.len() < limits::FRAME_ITEMS { told.try_recv().ok() } else { None };
        }
        for chunk in answers.chunks(limits::FRAME_ITEMS) {
            let (proven, size) = self.proven();
            let shown = self.show(chunk, size)?;
            out.send(Frame::Receipts(proven, shown)).await.map_err(|_| Ended::Closed)?;
        }
        if awaited && self.witnessed.is_some() { self.send_head(out).await } else { Ok(()) }
    }

    fn show(&self, answers: &[Answer], size: u64) -> Result<Vec<Shown>, StoreError> {
        let book = self.node.ledger.book();
        let shown = answers.iter().map(|(index, opening)| {
            let path = deliver::path(&book, *index, size)?;
            Ok(Shown { index: *index, opening: opening.clone(), path })
        });
        shown.collect()
    }

    /// Our newest head with the proof from what was shown last; from now on that head is what was shown last.
    fn proven(&mut self) -> (Proven, u64) {
        let head = self.node.ledger.head();
        let size = head.size().0;
        let book = self.node.ledger.book();
        let consistency = deliver::consistency(&book, self.shown, size);
        let cosigned = self.witnessed.take();
        let proven = Proven { checkpoint: head.to_wire(), from_size: self.shown, consistency, cosigned };
        self.shown = size;
        (proven, size)
    }
}
