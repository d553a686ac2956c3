//! A node that was restored from a backup asks its peers what it signed before it signs anything (docs/protocol.md, "A restored
//! backup"). While it asks, its log is locked: nothing that needs a leaf can be done.
//!
//! In: asking over each connection, making the log whole, taking back what was exchanged, saying so in the log. Out: what may
//! be concluded from the answers ([`crate::state::recovery`]) and how a peer answers ([`serve`]).

mod adopt;
mod desk;
mod redo;
pub mod serve;

pub use redo::finish;

use super::Node;
use super::connection::Ended;
use super::erase;
use super::ledger::{CommitError, Ledger};
use crate::port::{Guard, Link, Peer, Store, StoreError};
use crate::rows;
use crate::state::recovery::{Frozen, Kept, Phase, Recovery};
use crate::state::{Book, PeerHead};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::broadcast;
use varde_proto::exchange::{Frame, Held, KnownHead, Piece, Regained, VERSION};
use varde_proto::id::{Digest, Origin, TreeSize};
use varde_proto::limits;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;

/// How long a peer may take for one answer.
const ANSWER: Duration = Duration::from_secs(30);
/// A peer that was silent for so long before the newest leaf of the backup is not waited for.
const SILENT_SECONDS: i64 = 30 * 86_400;
/// Entries adopted in one commit.
const ADOPTED: usize = 2048;

/// What all connections of a node that is being recovered share.
pub struct Recovering {
    state: Mutex<Recovery>,
    changed: broadcast::Sender<()>,
    /// One connection ends it.
    closing: tokio::sync::Mutex<()>,
}

impl Recovering {
    /// Begins with what is stored and what the sign guard says.
    fn new(local: PeerHead, shown: Option<PeerHead>, begun: bool) -> Self {
        let changed = broadcast::Sender::new(1);
        Self { state: Recovery::new(local, shown, begun).into(), changed, closing: Default::default() }
    }

    /// Whether the store went back: a head was shown that is not in the log, or nobody knows what was shown, or an earlier
    /// recovery did not end. A log without leaves and without a guard is a new one, and gets its guard.
    pub fn at_start(store: &dyn Store, guard: &dyn Guard, book: &Book) -> Result<Option<Arc<Self>>, StoreError> {
        let local = PeerHead { size: book.tree.size().0, root: book.tree.root() };
        let begun = store.get(&rows::row(rows::FACT, &[adopt::RESTORED]))?.is_some();
        let in_log = |shown: KnownHead| book.tree.root_at(TreeSize(shown.size)) == Some(shown.root);
        match guard.shown() {
            None if local.size == 0 => {
                guard.show(KnownHead { size: 0, root: local.root })?;
                Ok(None)
            }
            Some(shown) if in_log(shown) && !begun => Ok(None),
            shown => {
                let shown = shown.map(|shown| PeerHead { size: shown.size, root: shown.root });
                Ok(Some(Arc::new(Self::new(local, shown, begun))))
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, Recovery> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Recovery) -> T) -> T {
        let done = change(&mut self.state());
        // Nobody listens now, perhaps.
        let _ = self.changed.send(());
        done
    }
}

/// In words for staff: what is waited for, or what people must decide.
pub fn standing(node: &Node) -> Option<String> {
    let recovering = node.ledger.recovering()?;
    let state = recovering.state();
    let answered: BTreeSet<&Origin> = state.answered().collect();
    let silent: Vec<String> = required(node)
        .ok()?
        .iter()
        .filter(|peer| !answered.contains(peer))
        .map(|peer| peer.node().to_string())
        .collect();
    Some(match state.phase() {
        Phase::Asking if silent.is_empty() && answered.is_empty() => {
            "no peer is pinned, so nobody can say what this node \
            signed last: pin the peers it had (`varde peer add`)"
                .into()
        }
        Phase::Asking if !silent.is_empty() => format!(
            "waiting for {} to say what this node signed last: see to it that they run and are reached (`varde peer list`); remove the \
             pin of a country that has left the network",
            silent.join(", ")
        ),
        Phase::Asking => {
            "no peer keeps the leaves that are missing here: ask their coordinators whether one was restored, too"
                .into()
        }
        Phase::Openings => {
            let awaited = required(node).ok()?.into_iter().filter(|peer| state.awaits(peer));
            let awaited: Vec<String> = awaited.map(|peer| peer.node().to_string()).collect();
            format!("waiting for {} to give back what was exchanged since the backup", awaited.join(", "))
        }
        Phase::Refill { .. } | Phase::Over => "the log is being made whole from what peers keep".into(),
        Phase::Frozen(Frozen::Forked) => {
            "what lies in this store is not the beginning of the log that this node signed: stop the node and \
            restore a backup of this log; if there is none, call the other coordinators"
                .into()
        }
        Phase::Frozen(Frozen::TailLost { shown, kept }) => format!(
            "this node showed a head of {shown} leaves, of which its peers keep {kept}: the end of its log is lost. Call the other \
             coordinators: the log must go on under a new generation"
        ),
    })
}

/// Whose answer is needed: every pinned peer that was heard from in the 30 days before the newest leaf here, and every one of
/// which nothing is known.
fn required(node: &Node) -> Result<BTreeSet<Origin>, StoreError> {
    let last = node.ledger.book().last_time.seconds();
    let by = super::witness::standing(node)?.by;
    let heard = |seconds: u64| seconds == 0 || last.saturating_sub_unsigned(seconds) <= SILENT_SECONDS;
    Ok(by.into_iter().filter(|standing| heard(standing.seconds)).map(|standing| standing.witness).collect())
}

/// Asks one peer, over one connection, and does with its answers what the recovery needs of it.
pub async fn session(node: &Arc<Node>, peer: &Arc<Peer>, link: Link) -> Ended {
    let Some(recovering) = node.ledger.recovering() else { return Ended::Goodbye(0) };
    let _leave = Leave(&recovering, &peer.origin);
    let Err(ended) = (Session { node, peer, link, recovering: &recovering }).run().await;
    ended
}

/// However a session ends, broken off from outside too, its peer is no longer counted on.
struct Leave<'a>(&'a Recovering, &'a Origin);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.lost(self.1));
    }
}

enum Never {}

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
            let step = self.step()?;
            match step {
                Phase::Refill { to, by } if by == self.peer.origin => self.refill(to).await?,
                Phase::Openings if self.recovering.state().awaits(&self.peer.origin) => {
                    self.regain().await?;
                    self.recovering.change(|state| state.gave(&self.peer.origin));
                }
                Phase::Over => {
                    self.close().await?;
                    self.say(Frame::Goodbye("recovered".into(), 0)).await?;
                    return Err(Ended::Goodbye(0));
                }
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
        self.link.outgoing.send(frame).await.map_err(|_| Ended::Closed)
    }

    /// What a peer sends beside our questions: its own, if it was restored as well, or its end.
    async fn other(&self, frame: Frame) -> Result<(), Ended> {
        match frame {
            Frame::Refusal(code) => return Err(Ended::Refused(code)),
            Frame::Goodbye(_, after) => return Err(Ended::Goodbye(after)),
            frame => {
                for answer in serve::answer(self.node, self.peer, frame)? {
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
        let Held { checkpoint, entries } = held;
        let head = match checkpoint {
            Some(checkpoint) => {
                let head = self.node.ledger.own_head(&checkpoint).ok_or(Ended::Greeting("not-our-head"))?;
                PeerHead { size: head.size().0, root: head.root() }
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
        let own = super::escrow::own(&self.node.ledger, 0, local)?;
        own.iter().chain(&missing).for_each(|entry| frontier.push(entry.leaf_hash()));
        if frontier.root() != to.root {
            return self.blame(local, to, &missing).await;
        }
        let begun = self.recovering.state().local();
        for entries in missing.chunks(ADOPTED) {
            let entries = entries.to_vec();
            let landed = self.node.ledger.commit(move |desk| adopt::entries(desk, begun.size, &entries));
            landed.await.map_err(failed)?;
        }
        let ledger = &self.node.ledger;
        self.recovering.change(|state| state.refilled(|size| root_at(ledger, size)));
        Ok(())
    }

    async fn fetch(&mut self, from: u64, to: u64) -> Result<Vec<Entry>, Ended> {
        let mut entries: Vec<Entry> = Vec::new();
        while from + (entries.len() as u64) < to {
            let next = from + entries.len() as u64;
            self.say(Frame::Ask(next, to.min(next + limits::FRAME_ENTRIES as u64))).await?;
            let piece: Piece = self
                .await_answer(|frame| if let Frame::Entries(piece) = frame { Ok(piece) } else { Err(Box::new(frame)) })
                .await?;
            if piece.from != next || piece.entries.is_empty() {
                return Err(Ended::Greeting("entries-not-asked-for"));
            }
            entries.extend(piece.entries);
        }
        entries.truncate(usize::try_from(to - from).unwrap_or(usize::MAX));
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

    /// Takes back what was exchanged with the peer.
    async fn regain(&mut self) -> Result<(), Ended> {
        let asked = adopt::positions(self.node, self.peer);
        self.say(Frame::Regain(asked)).await?;
        loop {
            let regained: Box<Regained> = self
                .await_answer(|frame| if let Frame::Regained(given) = frame { Ok(given) } else { Err(Box::new(frame)) })
                .await?;
            let last = regained.last;
            let (node, peer) = (self.node.clone(), self.peer.clone());
            let me = node.me.clone();
            let ours = node.keys.history();
            let landed = node.ledger.commit(move |desk| adopt::regained(desk, &me, &ours, &peer, *regained));
            landed.await.map_err(|error| match error {
                CommitError::Refused(broken) => Ended::Broken(broken),
                CommitError::Stopped => Ended::Stopped,
            })?;
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
        let begun = adopt::begun(&self.node.ledger)?;
        if let Some(begun) = begun {
            let replayed = erase::replay(self.node, begun.size).await.map_err(redo::unerased)?;
            tracing::info!(
                erased = replayed.erased,
                noted = replayed.noted,
                "what was erased since the backup is erased again"
            );
        }
        let said = begun.map(|begun| adopt::recovery(&self.node.ledger, begun)).transpose()?;
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

fn root_at(ledger: &Ledger, size: u64) -> Option<Digest> {
    ledger.book().tree.root_at(TreeSize(size))
}

fn failed(error: CommitError<StoreError>) -> Ended {
    match error {
        CommitError::Refused(failure) => failure.into(),
        CommitError::Stopped => Ended::Stopped,
    }
}
