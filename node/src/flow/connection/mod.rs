//! One connection to one peer, from `hello` to its end. Three loops run side by side: what comes is checked, what is checked
//! is made durable, what is durable is answered and what is owed is sent. The checking of the next frame overlaps the commit
//! of the one before.

mod writer;

use crate::flow::deliver::{self, Broken, CheckedReceipt};
use crate::flow::desk::Desk;
use crate::flow::ledger::CommitError;
use crate::flow::receive::{self, Answer, CheckedItem, Positions};
use crate::flow::{Node, greeting, witness};
use crate::port::{Link, Peer, StoreError};
use crate::state::outgoing::WINDOW;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{Semaphore, mpsc};
use varde_proto::exchange::{BadFrame, Cosigned, Frame, KnownHead, Proven, check_head};
use varde_proto::limits;
use varde_proto::log::head::Head;
use writer::{Told, Writer};

/// Receipts that may wait for the writing loop, one a permit. An honest peer never has more under way than two windows of items,
/// so its receipts always find room and reading never waits for writing; another one is held back here.
const ANSWERS: u64 = 2 * WINDOW + limits::FRAME_ITEMS as u64;
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
    /// Our writer has stopped.
    #[error("stopped")]
    Stopped,
}

impl Ended {
    /// Whether the peer's own bytes were the reason, so that people must be told.
    pub fn is_suspicious(&self) -> bool {
        match self {
            Self::Broken(Broken::Store(_)) => false,
            Self::Broken(_) | Self::Frame(_) | Self::Greeting(_) => true,
            Self::Closed | Self::Refused(_) | Self::Goodbye(_) | Self::Stopped => false,
        }
    }
}

impl From<StoreError> for Ended {
    fn from(error: StoreError) -> Self {
        Self::Broken(Broken::Store(error))
    }
}

/// Runs a connection to its end. What breaks it is told to the peer by its code and nothing else.
pub async fn run(node: Arc<Node>, peer: Arc<Peer>, link: Link) -> Ended {
    let outgoing = link.outgoing.clone();
    let ended = match connect(&node, &peer, link).await {
        Ok(never) => match never {},
        Err(ended) => ended,
    };
    if let Ended::Broken(Broken::Store(failure)) = &ended {
        tracing::error!(peer = peer.origin.node().as_str(), %failure, "a connection ended by a failure of our own store");
    }
    if ended.is_suspicious() || matches!(ended, Ended::Broken(_)) {
        let _ = tokio::time::timeout(Duration::from_secs(1), outgoing.send(Frame::Refusal(ended.to_string()))).await;
    }
    ended
}

enum Never {}

async fn connect(node: &Arc<Node>, peer: &Arc<Peer>, mut link: Link) -> Result<Never, Ended> {
    let greeted = greeting::greet(node, peer, &mut link).await?;
    let (answer, answers) = mpsc::channel(ANSWERS as usize);
    let (checked, work) = mpsc::channel(CHECKED);
    let Link { outgoing, incoming } = link;
    let reader = Reader { node: node.clone(), peer: peer.clone(), known: greeted.known, positions: greeted.positions };
    let writer = Writer {
        node: node.clone(),
        peer: peer.clone(),
        shown: greeted.shown,
        outgoing: greeted.outgoing,
        witnessed: None,
    };
    tokio::select! {
        biased;
        ended = reader.run(incoming, checked) => ended,
        ended = land(node.clone(), peer.clone(), greeted.known, work, answer) => ended,
        ended = writer.run(outgoing, answers) => ended,
    }
}

/// A frame whose proofs hold, waiting for its commit: the peer's head, its cosignature of one of ours, and what it carries.
struct Work {
    head: Head,
    cosigned: Option<Cosigned>,
    load: Load,
}

enum Load {
    Take(Vec<CheckedItem>),
    Settle(Vec<CheckedReceipt>),
    /// The head alone, which is to be cosigned.
    Witness,
}

struct Reader {
    node: Arc<Node>,
    peer: Arc<Peer>,
    known: KnownHead,
    positions: Positions,
}

impl Reader {
    async fn run(
        mut self,
        mut incoming: mpsc::Receiver<Result<Frame, BadFrame>>,
        checked: mpsc::Sender<Work>,
    ) -> Result<Never, Ended> {
        loop {
            let frame = incoming.recv().await.ok_or(Ended::Closed)??;
            let (next, work) = self.check_aside(frame).await?;
            self = next;
            checked.send(work?).await.map_err(|_| Ended::Closed)?;
        }
    }

    /// Checks a frame where it does not hold up the other connections; on a runtime of one thread, which promises one order of
    /// all that happens, at once.
    async fn check_aside(mut self, frame: Frame) -> Result<(Self, Result<Work, Ended>), Ended> {
        if matches!(Handle::current().runtime_flavor(), RuntimeFlavor::CurrentThread) {
            let work = self.check(frame);
            return Ok((self, work));
        }
        let checking = tokio::task::spawn_blocking(move || {
            let work = self.check(frame);
            (self, work)
        });
        checking.await.map_err(|_| Ended::Stopped)
    }

    fn check(&mut self, frame: Frame) -> Result<Work, Ended> {
        match frame {
            Frame::Items(proven, items) => {
                let (head, cosigned) = self.advance(proven)?;
                let (me, now) = (&self.node.me, self.node.clock.now());
                let items = receive::check_items(me, &self.peer, self.known, &items, &mut self.positions, now)?;
                Ok(Work { head, cosigned, load: Load::Take(items) })
            }
            Frame::Receipts(proven, receipts) => {
                let (head, cosigned) = self.advance(proven)?;
                let receipts = deliver::check_receipts(&head, &receipts, &self.node.me.origin)?;
                Ok(Work { head, cosigned, load: Load::Settle(receipts) })
            }
            Frame::Heads(proven, _) => {
                let (head, cosigned) = self.advance(proven)?;
                Ok(Work { head, cosigned, load: Load::Witness })
            }
            Frame::Refusal(code) => Err(Ended::Refused(code)),
            Frame::Goodbye(_, after) => Err(Ended::Goodbye(after)),
            Frame::Hello(_) => Err(Ended::Greeting("second-hello")),
        }
    }

    /// Checks a frame's head and takes it as the peer's newest; checks the cosignature that came with it.
    fn advance(&mut self, proven: Proven) -> Result<(Head, Option<Cosigned>), Ended> {
        let head = check_head(self.known, &proven, &self.peer.origin, &self.peer.log_keys).map_err(Broken::Proof)?;
        self.known = KnownHead::of(&head);
        if let Some(cosigned) = &proven.cosigned {
            witness::check(&self.node, &self.peer, cosigned)?;
        }
        Ok((head, proven.cosigned))
    }
}

/// Makes checked frames durable, one after the other. `newest` is the peer's head as this connection last made it durable: if
/// the store holds another one, another connection has gone on from it, and what was proven here was proven from the past.
async fn land(
    node: Arc<Node>,
    peer: Arc<Peer>,
    mut newest: KnownHead,
    mut work: mpsc::Receiver<Work>,
    told: mpsc::Sender<Told>,
) -> Result<Never, Ended> {
    let room = Arc::new(Semaphore::new(ANSWERS as usize));
    let mut turn = tokio::time::Instant::now();
    loop {
        let Work { head, cosigned, load } = work.recv().await.ok_or(Ended::Closed)?;
        let alone = matches!(load, Load::Witness);
        if alone {
            tokio::time::sleep_until(turn).await;
            turn = tokio::time::Instant::now() + WITNESSING;
        }
        let permits = match &load {
            Load::Take(items) => {
                let permits = room.clone().acquire_many_owned(items.len() as u32).await;
                Some(permits.map_err(|_| Ended::Closed)?)
            }
            Load::Settle(_) | Load::Witness => None,
        };
        let (noted, ours) = witness::cosign(&node, &head)?;
        let from = peer.clone();
        let landed = node.ledger.commit(move |desk| {
            is_newest(desk, &from, newest)?;
            let done = write(desk, &from, (&head, &noted), load)?;
            if let Some(cosigned) = &cosigned {
                witness::keep(desk, &from.origin, cosigned)?;
            }
            Ok::<_, Broken>((done, desk.head_of(&from.origin)))
        });
        let (done, head) = landed.await.map_err(ended)?.into_value();
        let before = newest;
        newest = KnownHead { size: head.size, root: head.root };
        let done = match (done, permits) {
            (Done::Took(answers), Some(permits)) => Some(Told::Answers(answers, permits)),
            (Done::Settled(settled), _) if !settled.is_empty() => Some(Told::Settled(settled)),
            _ => None,
        };
        let witnessed = (newest != before && ours.head == newest).then_some(Told::Witnessed(ours, alone));
        for news in witnessed.into_iter().chain(done) {
            told.send(news).await.map_err(|_| Ended::Closed)?;
        }
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
        Load::Witness => {
            let held = desk.head_of(&peer.origin);
            if held.size < noted.size().0 {
                desk.set_head(&peer.origin, noted)?;
            }
            Ok(Done::Kept)
        }
    }
}

fn is_newest(desk: &Desk<'_>, peer: &Peer, newest: KnownHead) -> Result<(), Broken> {
    let held = desk.head_of(&peer.origin);
    let same = held.size == newest.size && held.root == newest.root;
    if same { Ok(()) } else { Err(Broken::Leaf("superseded")) }
}

fn ended(error: CommitError<Broken>) -> Ended {
    match error {
        CommitError::Refused(broken) => Ended::Broken(broken),
        CommitError::Stopped => Ended::Stopped,
    }
}
