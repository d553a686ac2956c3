//! One connection of a node that asks: what the peer says, and what the recovery needs of it next.
//!
//! In: asking, fetching entries, taking back what was exchanged, ending the lock. Out: what follows from the answers
//! ([`crate::state::recovery`]), what comes back is written ([`super::adopt`]).

use super::{Recovering, adopt, failed, keys, redo, required, root_at, serve};
use crate::flow::connection::{self, Ended};
use crate::flow::ledger::CommitError;
use crate::flow::{Never, Node, erase, escrow};
use crate::port::{Link, Peer, StoreError};
use crate::rows;
use crate::state::PeerHead;
use crate::state::recovery::{Kept, Phase, Recovery};
use std::sync::Arc;
use std::time::Duration;
use varde_proto::exchange::{Frame, Held, Piece, Regained, VERSION};
use varde_proto::id::{Digest, Origin};
use varde_proto::limits;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;

/// How long a peer may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// Entries adopted in one commit.
const ADOPTED: usize = 2048;

/// Asks one peer, over one connection, and does with its answers what the recovery needs of it.
pub async fn session(node: &Arc<Node>, peer: &Arc<Peer>, link: Link) -> Ended {
    let Some(recovering) = node.ledger.recovering() else { return Ended::Goodbye(0) };
    let _leave = Leave(&recovering, &peer.origin);
    let mut session = Session { node, peer, link, recovering: &recovering };
    tokio::select! {
        biased;
        Err(ended) = session.run() => ended,
        Err(ended) = connection::barred(node, peer) => ended,
    }
}

/// However a session ends, broken off from outside too, its peer is no longer counted on.
struct Leave<'a>(&'a Recovering, &'a Origin);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.lost(self.1));
    }
}

struct Session<'a> {
    node: &'a Arc<Node>,
    peer: &'a Arc<Peer>,
    link: Link,
    recovering: &'a Arc<Recovering>,
}

impl Session<'_> {
    async fn run(&mut self) -> Result<Never, Ended> {
        self.say(Frame::Restored(self.node.me.origin.clone(), (VERSION, VERSION))).await?;
        let held = self
            .await_answer(|frame| if let Frame::Held(held) = frame { Ok(held) } else { Err(Box::new(frame)) })
            .await?;
        let kept = self.verified(held)?;
        tracing::info!(
            peer = self.peer.origin.node().as_str(),
            leaves = kept.head.size,
            "a peer said what it keeps of our log"
        );
        self.recovering.change(|state| state.answer(self.peer.origin.clone(), kept));
        let mut changed = self.recovering.changed.subscribe();
        loop {
            // Another connection may have ended it.
            if !*self.node.ledger.locked().borrow() {
                self.say(Frame::Goodbye("recovered".into(), 0)).await?;
                return Err(Ended::Goodbye(0));
            }
            match self.step()? {
                Phase::Refill { to, by } if by == self.peer.origin => self.refill(to).await?,
                Phase::Openings if self.recovering.state().awaits(&self.peer.origin) => {
                    keys::settle(self.node).await?;
                    self.regain().await?;
                    self.recovering.change(|state| state.gave(&self.peer.origin));
                }
                Phase::Over => self.close().await?,
                _ => tokio::select! {
                    biased;
                    _ = changed.recv() => {}
                    frame = self.link.incoming.recv() => {
                        let frame = frame.ok_or(Ended::Closed)??;
                        self.other(frame).await?;
                    }
                },
            }
        }
    }

    fn step(&self) -> Result<Phase, Ended> {
        let required = required(self.node)?;
        let mut state = self.recovering.state();
        let before = state.phase().clone();
        state.decide(&required, |size| root_at(&self.node.ledger, size));
        let after = state.phase().clone();
        drop(state);
        if before != after {
            self.recovering.change(|_| ());
        }
        Ok(after)
    }

    async fn say(&self, frame: Frame) -> Result<(), Ended> {
        serve::say(&self.link.outgoing, frame).await
    }

    /// What a peer sends beside our questions: its own, if it was restored as well, or its end.
    async fn other(&self, frame: Frame) -> Result<(), Ended> {
        match frame {
            Frame::Refusal(code) => return Err(Ended::Refused(code)),
            Frame::Goodbye(_, after) => return Err(Ended::Goodbye(after)),
            frame => {
                if let Some(answer) = serve::answer_aside(self.node, self.peer, frame).await? {
                    self.say(answer).await?;
                }
            }
        }
        Ok(())
    }

    async fn await_answer<T>(&mut self, wanted: impl Fn(Frame) -> Result<T, Box<Frame>>) -> Result<T, Ended> {
        let answer = async {
            loop {
                let frame = self.link.incoming.recv().await.ok_or(Ended::Closed)??;
                match wanted(frame) {
                    Ok(answer) => return Ok(answer),
                    Err(other) => self.other(*other).await?,
                }
            }
        };
        tokio::time::timeout(ANSWER, answer).await.map_err(|_| Ended::Greeting("no-answer"))?
    }

    /// Only what our own key signed counts.
    fn verified(&self, held: Held) -> Result<Kept, Ended> {
        let Held { checkpoint, entries, statements } = held;
        if statements > self.node.keys.history().number() {
            return Err(Ended::Greeting("keys-behind-peer"));
        }
        let head = match checkpoint {
            Some(checkpoint) => {
                let head = self.node.ledger.own_head(&checkpoint).ok_or(Ended::Greeting("not-our-head"))?;
                let known = PeerHead { size: head.size().0, root: head.root() };
                self.recovering.keep(head);
                known
            }
            None => PeerHead { size: 0, root: Digest::of(b"") },
        };
        Ok(Kept { head, entries: entries.min(head.size) })
    }

    /// Fetches what is missing, and adopts it if it makes the head that we signed.
    async fn refill(&mut self, to: PeerHead) -> Result<(), Ended> {
        let local = self.node.ledger.book().tree.size().0;
        let missing = self.fetch(local, to.size).await?;
        let mut frontier = Frontier::default();
        let own = escrow::own(&self.node.ledger, 0, local)?;
        own.iter().chain(&missing).for_each(|entry| frontier.push(entry.leaf_hash()));
        if frontier.root() != to.root {
            return self.blame(local, to, &missing).await;
        }
        let (begun, mut next) = (self.recovering.state().local(), local);
        for entries in missing.chunks(ADOPTED) {
            let (entries, from) = (entries.to_vec(), next);
            next += entries.len() as u64;
            let landed = self.node.ledger.commit(move |desk| adopt::entries(desk, begun.size, from, &entries));
            if !landed.await.map_err(failed)?.into_value() {
                return Ok(());
            }
        }
        keys::settle(self.node).await?;
        let ledger = &self.node.ledger;
        self.recovering.change(|state| state.refilled(|size| root_at(ledger, size)));
        Ok(())
    }

    /// Entries of our log, in full pieces: a peer that gives them one by one must not hold up the others, who may have them, too.
    async fn fetch(&mut self, from: u64, to: u64) -> Result<Vec<Entry>, Ended> {
        let mut entries: Vec<Entry> = Vec::new();
        while from + (entries.len() as u64) < to {
            let next = from + entries.len() as u64;
            let end = to.min(next + limits::FRAME_ENTRIES as u64);
            self.say(Frame::Ask(next, end)).await?;
            let piece: Piece = self
                .await_answer(|frame| if let Frame::Entries(piece) = frame { Ok(piece) } else { Err(Box::new(frame)) })
                .await?;
            if piece.from != next || piece.entries.len() as u64 != end - next {
                return Err(Ended::Greeting("entries-not-asked-for"));
            }
            entries.extend(piece.entries);
        }
        Ok(entries)
    }

    /// The entries do not make what we signed. If those from the first on do, our own are wrong; if not, the peer's.
    async fn blame(&mut self, local: u64, to: PeerHead, missing: &[Entry]) -> Result<(), Ended> {
        let first = self.fetch(0, local).await?;
        let mut frontier = Frontier::default();
        first.iter().chain(missing).for_each(|entry| frontier.push(entry.leaf_hash()));
        if frontier.root() == to.root {
            self.recovering.change(Recovery::forked);
            return Ok(());
        }
        Err(Ended::Greeting("entries-do-not-make-our-head"))
    }

    /// Takes back what was exchanged with the peer, a frame a question.
    async fn regain(&mut self) -> Result<(), Ended> {
        let before = self.recovering.given().get(&self.peer.origin).cloned();
        let mut sent = before.map_or_else(|| adopt::answered(self.node, self.peer), Ok)?;
        loop {
            let asked = adopt::question(self.node, self.peer, sent.clone());
            let known = asked.size;
            self.say(Frame::Regain(asked)).await?;
            let given: Box<Regained> = self
                .await_answer(|frame| if let Frame::Regained(given) = frame { Ok(given) } else { Err(Box::new(frame)) })
                .await?;
            if !given.keys.is_empty() {
                keys::learn(self.node, self.peer, &given).await?;
                return Err(Ended::KeysChanged);
            }
            let last = given.last;
            if !last && !serve::is_full(&given.items) {
                return Err(Ended::Greeting("too-little-given-back"));
            }
            adopt::after(&mut sent, &given.items).map_err(Ended::Broken)?;
            let (node, peer, ours) = (self.node.clone(), self.peer.clone(), self.node.keys.history());
            let landed =
                self.node.ledger.commit(move |desk| adopt::regained(desk, &node.me, &ours, (&peer, known), *given));
            landed.await.map_err(|error| match error {
                CommitError::Refused(broken) => Ended::Broken(broken),
                CommitError::Stopped => Ended::Stopped,
            })?;
            self.recovering.given().insert(self.peer.origin.clone(), sent.clone());
            if last {
                return Ok(());
            }
        }
    }

    /// Erases again what was erased, says in the log what came back, and unlocks it. Whichever connection comes first does it.
    async fn close(&self) -> Result<(), Ended> {
        let _alone = self.recovering.closing.lock().await;
        if !*self.node.ledger.locked().borrow() {
            return Ok(());
        }
        keys::settle(self.node).await?;
        let begun = adopt::begun(&self.node.ledger)?;
        if let Some(begun) = begun {
            let replayed = erase::replay(self.node, begun.size).await.map_err(redo::unerased)?;
            tracing::info!(
                erased = replayed.erased,
                noted = replayed.noted,
                "what was erased since the backup is erased again"
            );
        }
        let said = begun.map(|begun| adopt::recovery(&self.node.ledger, &self.node.me.origin, begun)).transpose()?;
        let asked =
            begun.map_or(Ok(Vec::new()), |begun| redo::requests(&self.node.ledger, begun.size, Direction::In))?;
        let landed = self.node.ledger.commit(move |desk| {
            desk.unlock();
            if let (Some(begun), Some((body, latest))) = (begun, said) {
                desk.not_before(latest);
                desk.append(Event { body, ..Event::local(Kind::RECOVERY, Timestamp::default()) })?;
                for request in &asked {
                    redo::asked(desk, request)?;
                }
                redo::begin(desk, begun.size)?;
            }
            desk.delete(rows::row(rows::FACT, &[adopt::RESTORED]));
            Ok::<_, StoreError>(())
        });
        landed.await.map_err(failed)?;
        tracing::info!("the log is whole again; the node goes on");
        self.recovering.change(|_| ());
        // What is not finished now is finished by whoever looks for erasures.
        if let Err(failure) = redo::finish(self.node).await {
            tracing::error!(%failure, "withdrawals since the backup are not yet repeated");
        }
        Ok(())
    }
}
