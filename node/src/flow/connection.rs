//! One connection to one peer, from `hello` to its end. Three loops run side by side: what comes is checked, what is checked
//! is made durable, what is durable is answered and what is owed is sent. The checking of the next frame overlaps the commit
//! of the one before.

use super::deliver::{self, Broken, CheckedReceipt};
use super::ledger::{CommitError, Ledger};
use super::receive::{self, Answer, CheckedItem, Positions};
use super::{Node, agreement};
use crate::port::{Link, Peer, StoreError};
use crate::state::outgoing::{Event, Outgoing};
use crate::state::{ChannelKey, Direction};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use varde_proto::exchange::{
    self, BadFrame, BadProof, Frame, Hello, KnownHead, Position, Proven, Shown, check_head, check_signature,
};
use varde_proto::limits;
use varde_proto::log::head::Head;

/// How long the other side has for its `hello`.
const GREETING: Duration = Duration::from_secs(10);
/// Receipts and settlements that may wait for the writing loop. An honest peer never has more under way than two windows of
/// items, so its receipts always find room; another one is held back here.
const ANSWERS: usize = 4096;
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
    if ended.is_suspicious() || matches!(ended, Ended::Broken(_)) {
        let _ = tokio::time::timeout(Duration::from_secs(1), outgoing.send(Frame::Refusal(ended.to_string()))).await;
    }
    ended
}

enum Never {}

async fn connect(node: &Arc<Node>, peer: &Arc<Peer>, mut link: Link) -> Result<Never, Ended> {
    let greeted = greet(node, peer, &mut link).await?;
    let (answer, answers) = mpsc::channel(ANSWERS);
    let (checked, work) = mpsc::channel(CHECKED);
    let Link { outgoing, incoming } = link;
    let reader = Reader { node: node.clone(), peer: peer.clone(), known: greeted.known, positions: greeted.positions };
    let writer = Writer { node: node.clone(), peer: peer.clone(), shown: greeted.shown, outgoing: greeted.outgoing };
    tokio::select! {
        ended = reader.run(incoming, checked) => ended,
        ended = land(node.clone(), peer.clone(), work, answer) => ended,
        ended = writer.run(outgoing, answers) => ended,
    }
}

struct Greeted {
    /// The peer's newest head that we verified.
    known: KnownHead,
    /// Size of our log that the peer verified.
    shown: u64,
    positions: Positions,
    outgoing: Outgoing,
}

async fn greet(node: &Arc<Node>, peer: &Arc<Peer>, link: &mut Link) -> Result<Greeted, Ended> {
    let (hello, positions, known) = our_hello(node, peer);
    link.outgoing.send(Frame::Hello(Box::new(hello))).await.map_err(|_| Ended::Closed)?;
    let first = tokio::time::timeout(GREETING, link.incoming.recv()).await.map_err(|_| Ended::Greeting("no-hello"))?;
    let theirs = match first.ok_or(Ended::Closed)?? {
        Frame::Hello(hello) => hello,
        Frame::Refusal(code) => return Err(Ended::Refused(code)),
        Frame::Goodbye(_, after) => return Err(Ended::Goodbye(after)),
        Frame::Items(..) | Frame::Receipts(..) | Frame::Heads(..) => return Err(Ended::Greeting("no-hello")),
    };
    if !(theirs.versions.0..=theirs.versions.1).contains(&exchange::VERSION) {
        return Err(Ended::Greeting("no-common-version"));
    }
    if theirs.origin != peer.origin {
        return Err(Ended::Greeting("another-origin"));
    }
    check_their_head(&theirs, known, peer)?;
    check_our_log(&node.ledger, &theirs)?;
    agreement::keep_acceptance(node, peer, &theirs.acceptance).await?;
    let outgoing = resume(&node.ledger, peer, &theirs)?;
    Ok(Greeted { known, shown: theirs.your_log.size, positions, outgoing })
}

fn our_hello(node: &Node, peer: &Peer) -> (Hello, Positions, KnownHead) {
    let book = node.ledger.book();
    let known = book.head_of(&peer.origin);
    let known = KnownHead { size: known.size, root: known.root };
    let state = |class| book.channel(&ChannelKey { direction: Direction::In, peer: peer.origin.clone(), class });
    let positions: Positions = (1..limits::CLASSES).map(|class| (class, state(class))).collect();
    let received = positions.iter().filter(|(_, state)| state.seq > 0);
    let received = received.map(|(class, state)| Position { class: *class, seq: state.seq, chain: state.chain });
    let hello = Hello {
        versions: (exchange::VERSION, exchange::VERSION),
        origin: node.me.origin.clone(),
        reads: receive::READS.iter().map(|name| (*name).to_owned()).collect(),
        head: node.ledger.head().to_wire(),
        your_log: known,
        received: received.collect(),
        acceptance: peer.our_acceptance.clone(),
    };
    (hello, positions, known)
}

/// Their head must be signed and not behind what we verified; that it extends it is proven with the first items.
fn check_their_head(theirs: &Hello, known: KnownHead, peer: &Peer) -> Result<(), Ended> {
    let head = check_signature(&theirs.head, &peer.origin, &peer.log_keys).map_err(Broken::Proof)?;
    let KnownHead { size, root } = KnownHead::of(&head);
    if size < known.size {
        return Err(Broken::Proof(BadProof::Rollback).into());
    }
    if size == known.size && root != known.root {
        return Err(Broken::Proof(BadProof::Fork).into());
    }
    Ok(())
}

/// What they verified of our log must be a prefix of it; otherwise it is we who lost or changed something.
fn check_our_log(ledger: &Ledger, theirs: &Hello) -> Result<(), Ended> {
    let KnownHead { size, root } = theirs.your_log;
    match ledger.book().tree.root_at(varde_proto::id::TreeSize(size)) {
        Some(ours) if ours == root => Ok(()),
        Some(_) => Err(Ended::Greeting("our-log-differs-at-peer")),
        None => Err(Ended::Greeting("our-log-is-behind-peer")),
    }
}

/// Where to resume: everything not receipted goes again; what they claim to hold must be what we sent.
fn resume(ledger: &Ledger, peer: &Peer, theirs: &Hello) -> Result<Outgoing, Ended> {
    let book = ledger.book();
    let mut outgoing = Outgoing::new();
    for class in 1..limits::CLASSES {
        let state = book.channel(&ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class });
        let claimed = theirs.received.iter().find(|p| p.class == class);
        let claimed_seq = claimed.map_or(0, |p| p.seq);
        if claimed_seq < state.settled {
            return Err(Ended::Greeting("peer-lost-items"));
        }
        if claimed_seq > state.seq || claimed.is_some_and(|p| p.seq == state.seq && p.chain != state.chain) {
            return Err(Ended::Greeting("peer-holds-what-we-did-not-send"));
        }
        outgoing.handle(Event::Settled { class, through: state.settled });
        outgoing.handle(Event::Owed { class, through: state.seq });
    }
    Ok(outgoing)
}

/// A frame whose proofs hold, waiting for its commit.
enum Work {
    Take(Head, Vec<CheckedItem>),
    Settle(Head, Vec<CheckedReceipt>),
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
            let (next, work) = tokio::task::spawn_blocking(move || {
                let work = self.check(frame);
                (self, work)
            })
            .await
            .map_err(|_| Ended::Stopped)?;
            self = next;
            if let Some(work) = work? {
                checked.send(work).await.map_err(|_| Ended::Closed)?;
            }
        }
    }

    fn check(&mut self, frame: Frame) -> Result<Option<Work>, Ended> {
        match frame {
            Frame::Items(proven, items) => {
                let head = self.advance(&proven)?;
                let (me, now) = (&self.node.me, self.node.clock.now());
                let items = receive::check_items(me, &self.peer, self.known, &items, &mut self.positions, now)?;
                Ok(Some(Work::Take(head, items)))
            }
            Frame::Receipts(proven, receipts) => {
                let head = self.advance(&proven)?;
                let receipts = deliver::check_receipts(&head, &receipts, &self.node.me.origin)?;
                Ok(Some(Work::Settle(head, receipts)))
            }
            Frame::Heads(proven, _) => self.advance(&proven).map(|_| None),
            Frame::Refusal(code) => Err(Ended::Refused(code)),
            Frame::Goodbye(_, after) => Err(Ended::Goodbye(after)),
            Frame::Hello(_) => Err(Ended::Greeting("second-hello")),
        }
    }

    /// Checks a frame's head and takes it as the peer's newest.
    fn advance(&mut self, proven: &Proven) -> Result<Head, Ended> {
        let head = check_head(self.known, proven, &self.peer.origin, &self.peer.log_keys).map_err(Broken::Proof)?;
        self.known = KnownHead::of(&head);
        Ok(head)
    }
}

/// What the writing loop is told.
enum Told {
    Answers(Vec<Answer>),
    Settled(Vec<(u8, u64)>),
}

async fn land(
    node: Arc<Node>,
    peer: Arc<Peer>,
    mut work: mpsc::Receiver<Work>,
    told: mpsc::Sender<Told>,
) -> Result<Never, Ended> {
    loop {
        let peer = peer.clone();
        let done = match work.recv().await.ok_or(Ended::Closed)? {
            Work::Take(head, items) => {
                let landed = node.ledger.commit(move |desk| receive::take(desk, &peer, &head, items)).await;
                Told::Answers(landed.map_err(ended)?.into_value())
            }
            Work::Settle(head, receipts) => {
                let landed = node.ledger.commit(move |desk| deliver::settle(desk, &peer, &head, receipts)).await;
                Told::Settled(landed.map_err(ended)?.into_value())
            }
        };
        told.send(done).await.map_err(|_| Ended::Closed)?;
    }
}

fn ended(error: CommitError<Broken>) -> Ended {
    match error {
        CommitError::Refused(broken) => Ended::Broken(broken),
        CommitError::Stopped => Ended::Stopped,
    }
}

struct Writer {
    node: Arc<Node>,
    peer: Arc<Peer>,
    /// Size of our log that the peer will have verified when it has read everything sent so far.
    shown: u64,
    outgoing: Outgoing,
}

impl Writer {
    async fn run(mut self, out: mpsc::Sender<Frame>, mut told: mpsc::Receiver<Told>) -> Result<Never, Ended> {
        let mut heads = self.node.ledger.heads();
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
                news = told.recv() => self.hear(news.ok_or(Ended::Closed)?, &mut told, &out).await?,
                changed = heads.changed() => {
                    changed.map_err(|_| Ended::Stopped)?;
                    self.look_for_owed();
                }
                () = out.closed() => return Err(Ended::Closed),
            }
        }
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
        let mut answers = Vec::new();
        let mut next = Some(news);
        while let Some(news) = next {
            match news {
                Told::Answers(more) => answers.extend(more),
                Told::Settled(through) => {
                    for (class, through) in through {
                        self.outgoing.handle(Event::Settled { class, through });
                    }
                }
            }
            next = if answers.len() < limits::FRAME_ITEMS { told.try_recv().ok() } else { None };
        }
        for chunk in answers.chunks(limits::FRAME_ITEMS) {
            let (proven, size) = self.proven();
            let shown = self.show(chunk, size)?;
            out.send(Frame::Receipts(proven, shown)).await.map_err(|_| Ended::Closed)?;
        }
        Ok(())
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
        let proven = Proven { checkpoint: head.to_wire(), from_size: self.shown, consistency };
        self.shown = size;
        (proven, size)
    }
}
