//! One connection to one peer, from `hello` to its end. Three loops run side by side: what comes is checked, what is checked
//! is made durable, what is durable is answered and what is owed is sent. The checking of the next frame overlaps the commit
//! of the one before.

mod landing;
mod moment;
mod pace;
mod under_way;
mod writer;

pub use pace::Pace;
pub use under_way::UnderWay;

use crate::flow::deliver::{self, Broken, CheckedReceipt};
use crate::flow::gossip::{self, Heard};
use crate::flow::greeting::{self, Greeted};
use crate::flow::ledger::CommitError;
use crate::flow::receive::{self, CheckedItem, Positions};
use crate::flow::{Never, Node, fork, recover, witness};
use crate::port::{Link, Peer, Peers, StoreError};
use crate::state::outgoing::WINDOW;
use landing::Landing;
use moment::Moment;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::mpsc;
use varde_proto::agreement::Agreed;
use varde_proto::exchange::{BadFrame, Cosigned, Frame, KnownHead, Proven, check_entries, check_head};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::Role;
use varde_proto::limits;
use varde_proto::log::frontier::Frontier;
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;
use writer::Writer;

/// Receipts that may wait for the writing loop, one a permit. An honest peer never has more under way than a window of each class,
/// so its receipts always find room and reading never waits for writing; another one is held back here.
const ANSWERS: u64 = (limits::CLASSES as u64 - 1) * WINDOW + limits::FRAME_ITEMS as u64;
/// Heads that come alone are kept and cosigned at most so often: otherwise a peer could make this store grow by telling of its
/// own log and sending nothing. What follows such a head waits with it.
const WITNESSING: Duration = Duration::from_secs(1);
/// Checked frames that may wait for their commit.
const CHECKED: usize = 4;

/// Why a connection ended, as a code for the journal and for `varde peer list`.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// The stream is closed.
    #[error("closed")]
    Closed,
    /// The other side said why it closes.
    #[error("refused-by-peer:{0}")]
    Refused(String),
    /// The other side says goodbye; dial again after so many milliseconds.
    #[error("goodbye")]
    Goodbye(u32),
    /// We closed: a proof, a leaf or the store.
    #[error("{}", .0.code())]
    Broken(#[from] Broken),
    /// We closed: a message that is no frame.
    #[error("bad-frame")]
    Frame(#[from] BadFrame),
    /// We closed: the greeting does not fit.
    #[error("{0}")]
    Greeting(&'static str),
    /// We closed: our keys or the peer's have changed, which the next greeting tells.
    #[error("keys-changed")]
    KeysChanged,
    /// We closed: what we or the peer agree to has changed, which the next greeting tells.
    #[error("agreement-changed")]
    AgreementChanged,
    /// The peer's log was forked: nothing is taken and nothing sent until people decide.
    #[error("frozen")]
    Frozen,
    /// Our writer has stopped.
    #[error("stopped")]
    Stopped,
}

impl Ended {
    /// Whether the peer's own bytes were the reason, so that people must be told.
    pub fn is_suspicious(&self) -> bool {
        match self {
            // Our own disk; or another connection of the same two, or our own staff's new pin, was first.
            Self::Broken(Broken::Store(_) | Broken::Leaf("superseded" | "pin-changed" | "agreement-changed")) => false,
            Self::Greeting("pin-changed") => false,
            Self::Broken(_) | Self::Frame(_) | Self::Greeting(_) => true,
            Self::Closed | Self::Refused(_) | Self::Goodbye(_) => false,
            Self::KeysChanged | Self::AgreementChanged | Self::Frozen | Self::Stopped => false,
        }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Broken(Broken::Store(error))
    }
}

/// Runs a connection to its end. What breaks it is told to the peer by its code and nothing else; what it proves is kept.
pub async fn run(node: Arc<Node>, peer: Arc<Peer>, link: Link) -> Ended {
    if node.ledger.recovering().is_some() {
        return recover::session(&node, &peer, link).await;
    }
    let outgoing = link.outgoing.clone();
    let ended = match connect(&node, &peer, link).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    };
    if let Ended::Broken(Broken::Forked(proof)) = &ended
        && let Err(CommitError::Refused(failure)) = fork::keep(&node, (**proof).clone()).await
    {
        tracing::error!(%failure, "the proof of a fork could not be kept");
    }
    if let Ended::Broken(Broken::Store(failure)) = &ended {
        tracing::error!(peer = peer.origin.node().as_str(), %failure, "a connection ended by a failure of our own store");
    }
    let farewell = match ended {
        Ended::KeysChanged | Ended::AgreementChanged => Some(Frame::Goodbye(ended.to_string(), 0)),
        Ended::Broken(_) | Ended::Frozen => Some(Frame::Refusal(ended.to_string())),
        _ if ended.is_suspicious() => Some(Frame::Refusal(ended.to_string())),
        _ => None,
    };
    if let Some(farewell) = farewell {
        let _ = tokio::time::timeout(Duration::from_secs(1), outgoing.send(farewell)).await;
    }
    ended
}

async fn connect(node: &Arc<Node>, peer: &Arc<Peer>, mut link: Link) -> Result<Never, Ended> {
    let greeted = greeting::greet(node, peer, &mut link).await?;
    let Greeted { peer, agreed, told, known, kept, shown, escrowed, positions, outgoing: owed } = greeted;
    let peer = &peer;
    let (answer, answers) = mpsc::channel(ANSWERS as usize);
    let (checked, work) = mpsc::channel(CHECKED);
    let Link { outgoing, incoming } = link;
    let landing = Landing::new(node, (peer, agreed.clone()), known, kept.size().0);
    let heard = Moment::now(node);
    let reader =
        Reader { node: node.clone(), peer: peer.clone(), agreed: agreed.clone(), known, kept, positions, heard };
    let writer = Writer::new(node, (peer, agreed.clone()), (told, shown, escrowed), owed);
    tokio::select! {
        biased;
        ended = reader.run(incoming, checked) => ended,
        ended = landing.run(work, answer) => ended,
        ended = writer.run(outgoing, answers) => ended,
        ended = barred(node, peer) => ended,
        ended = restated(node, peer, &agreed) => ended,
    }
}

/// Ends when either side has said something new of agreements, which the next greeting tells.
async fn restated(node: &Node, peer: &Peer, agreed: &Arc<Agreed>) -> Result<Never, Ended> {
    let mut heads = node.ledger.heads();
    loop {
        let now = node.ledger.book().agreed(&peer.origin);
        if !Arc::ptr_eq(&now, agreed) && now != *agreed {
            return Err(Ended::AgreementChanged);
        }
        if !heads.changed().await {
            return Err(Ended::Stopped);
        }
    }
}

/// Ends when nothing may be exchanged with the peer any more: its keys have changed, or its log was forked.
pub(super) async fn barred(node: &Node, peer: &Peer) -> Result<Never, Ended> {
    tokio::select! {
        biased;
        ended = rekeyed(node, peer) => ended,
        frozen = fork::frozen(node, &peer.origin) => Err(frozen.map_or_else(Ended::from, |()| Ended::Frozen)),
    }
}

/// Ends with the keys under which the connection runs: what it goes on with is checked by none that was revoked since.
async fn rekeyed(node: &Node, peer: &Peer) -> Result<Never, Ended> {
    let other = |now: &Arc<Peers>| now.get(&peer.origin.node()).is_some_and(|now| *now.keys != *peer.keys);
    node.peers.clone().wait_for(other).await.map_err(|_| Ended::Stopped)?;
    Err(Ended::KeysChanged)
}

/// A frame whose proofs hold, waiting for its commit.
enum Work {
    /// With a head of the peer's, and what it carries.
    Proven(Box<Advance>, Load),
    /// Entries of the peer's log from this index on.
    Entries(u64, Vec<Entry>),
    /// The peer asks for these entries of ours.
    Asked(u64, u64),
}

/// The peer's head, its cosignature of one of ours, and the entries that prove the head.
struct Advance {
    head: Head,
    cosigned: Option<Cosigned>,
    entries: Vec<Entry>,
    /// What governed when what came with it was judged.
    governing: Key,
    /// When that was.
    judged: Moment,
}

/// Which agreement governs, and whether it is over.
type Key = (Digest, bool);

fn key(agreed: &Agreed, now: Timestamp) -> Key {
    agreed.governing(now).map_or((Digest::NONE, true), |one| (one.agreement.id(), one.is_over))
}

enum Load {
    Take(Vec<CheckedItem>),
    Settle(Vec<CheckedReceipt>),
    /// The head alone, which is to be cosigned, and what came with it of other logs.
    Witness(Heard),
}

struct Reader {
    node: Arc<Node>,
    peer: Arc<Peer>,
    agreed: Arc<Agreed>,
    known: KnownHead,
    kept: Frontier,
    positions: Positions,
    /// When the frame before came.
    heard: Moment,
}

impl Reader {
    async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Result<Frame, BadFrame>>,
        checked: mpsc::Sender<Work>,
    ) -> Result<Never, Ended> {
        loop {
            let frame = incoming.recv().await.ok_or(Ended::Closed)??;
            self.heard = self.heard.go_on(&self.node)?;
            if let Frame::Items(_, items) = &frame {
                self.node.pace.wait(self.peer.origin.node(), items.len()).await;
                // Even a request to erase takes room before it makes any.
                self.node.ledger.space().wait().await;
            }
            let (next, work) = self.check_aside(frame).await?;
            self = next;
            checked.send(work?).await.map_err(|_| Ended::Closed)?;
        }
    }

    async fn check_aside(mut self, frame: Frame) -> Result<(Self, Result<Work, Ended>), Ended> {
        aside(move || {
            let work = self.check(frame);
            (self, work)
        })
        .await
    }

    fn check(&mut self, frame: Frame) -> Result<Work, Ended> {
        match frame {
            Frame::Items(proven, items) => {
                let advance = self.advance(proven)?;
                let (me, now) = (&self.node.me, self.node.time());
                let items = receive::check_items(
                    (me, now),
                    (&self.peer, &self.agreed),
                    self.known,
                    &items,
                    &mut self.positions,
                )?;
                Ok(Work::Proven(advance, Load::Take(items)))
            }
            Frame::Receipts(proven, receipts) => {
                let advance = self.advance(proven)?;
                let receipts = deliver::check_receipts(&advance.head, &receipts, &self.node.me.origin)?;
                Ok(Work::Proven(advance, Load::Settle(receipts)))
            }
            Frame::Heads(proven, gossip) => {
                let advance = self.advance(proven)?;
                let heard = gossip::weigh(&self.node, &self.peer, *gossip, &advance.head)?;
                Ok(Work::Proven(advance, Load::Witness(heard)))
            }
            Frame::Ask(from, to) => Ok(Work::Asked(from, to)),
            Frame::Entries(piece) => {
                let keys = self.peer.keys.at(Role::Log, TreeSize(piece.checkpoint.size));
                let (known, kept, log) = (self.known, &mut self.kept, &self.peer.origin);
                check_entries(known, kept, &piece, log, &keys)
                    .map_err(|bad| gossip::contradicted(&self.node, &self.peer.keys, &piece.checkpoint, bad))?;
                gossip::stands(&self.node, &self.peer.keys, &piece.checkpoint)?;
                Ok(Work::Entries(piece.from, piece.entries))
            }
            Frame::Refusal(code) => Err(Ended::Refused(code)),
            Frame::Goodbye(_, after) => Err(Ended::Goodbye(after)),
            Frame::Hello(_) => Err(Ended::Greeting("second-hello")),
            Frame::Restored(..) | Frame::Held(_) | Frame::Regain(_) | Frame::Regained(_) => {
                Err(Ended::Greeting("out-of-place"))
            }
        }
    }

    /// Checks a frame's head and takes it as the peer's newest; checks the cosignature that came with it.
    fn advance(&mut self, proven: Proven) -> Result<Box<Advance>, Ended> {
        let (log, before) = (&self.peer.origin, self.known.size);
        let keys = self.peer.keys.at(Role::Log, TreeSize(proven.checkpoint.size));
        let head = check_head(self.known, &mut self.kept, &proven, log, &keys)
            .map_err(|bad| gossip::contradicted(&self.node, &self.peer.keys, &proven.checkpoint, bad))?;
        self.known = KnownHead::of(&head);
        if let Some(cosigned) = &proven.cosigned {
            witness::check(&self.node, &self.peer, cosigned)?;
        }
        let entries = if self.known.size > before { proven.entries } else { Vec::new() };
        let (governing, judged) = (key(&self.agreed, self.node.time()), Moment::now(&self.node));
        Ok(Box::new(Advance { head, cosigned: proven.cosigned, entries, governing, judged }))
    }
}

/// Does long work where it does not hold up the other connections; on a runtime of one thread, which promises one order of all that
/// happens, at once.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Ended> {
    if matches!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread) {
        return Ok(work());
    }
    tokio::task::spawn_blocking(work).await.map_err(|_| Ended::Stopped)
}

fn stopped(error: CommitError<StoreError>) -> Ended {
    match error {
        CommitError::Refused(failure) => failure.into(),
        CommitError::Stopped => Ended::Stopped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_our_own_staff_changed_meanwhile_is_not_the_fault_of_the_peer() {
        for own in ["pin-changed", "agreement-changed"].map(|own| Ended::Broken(Broken::Leaf(own))) {
            assert!(!own.is_suspicious(), "{own}");
        }
        assert!(Ended::Broken(Broken::Leaf("receipt-out-of-order")).is_suspicious());
    }
}
