//! A peer that has real keys and a real log of its own, and can say anything with them: the malicious member of the tests.

use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::mpsc;
use varde_proto::agreement::default_agreement;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{BadFrame, Frame, Gossip, Hello, Item, KnownHead, Proven, Shown, VERSION};
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::{Acceptance, SecretKey};
use varde_proto::log::chain;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::{Entry, Opening};
use varde_proto::log::tree::Tree;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;

/// The malicious member.
pub struct Rogue {
    /// Its origin.
    pub origin: Origin,
    /// The node it attacks.
    pub target: Origin,
    /// Its keys.
    pub id: SecretKey,
    /// Signs its checkpoints.
    pub log: SecretKey,
    /// Signs its payloads.
    pub message: SecretKey,
    /// Its mode, as it says.
    pub mode: Mode,
    /// Its log.
    pub tree: Tree,
    entries: Vec<Entry>,
    /// Newest number and X of each class.
    pub channels: BTreeMap<u8, (u64, Digest)>,
    /// What the target verified of its log.
    pub shown: u64,
    /// Under which agreement it sends.
    pub agreement: Digest,
    /// What it says of agreements in its greeting, after a yes to the default.
    pub words: Vec<Envelope>,
    /// The texts that it offers there.
    pub texts: Vec<String>,
}

impl Rogue {
    /// Begins a log.
    pub fn new(origin: Origin, target: Origin, mode: Mode, keys: [SecretKey; 3]) -> Self {
        let [id, log, message] = keys;
        let mut rogue = Self {
            origin,
            target,
            id,
            log,
            message,
            mode,
            tree: Tree::default(),
            entries: Vec::new(),
            channels: BTreeMap::new(),
            shown: 0,
            agreement: default_agreement(),
            words: Vec::new(),
            texts: Vec::new(),
        };
        rogue.append(Event::local(Kind::GENESIS, Timestamp::default()));
        rogue
    }

    /// Appends any event.
    pub fn append(&mut self, event: Event) -> (u64, Opening) {
        let opening = Opening::new(&[7; 32], event).expect("an event");
        let index = self.tree.push(opening.entry().leaf_hash());
        self.entries.push(opening.entry());
        (index.0, opening)
    }

    /// The `sent` leaf of an object at the next turn of its class.
    pub fn sent(&mut self, object: Digest, class: u8) -> (u64, Opening) {
        let (origin, target) = (self.origin.clone(), self.target.clone());
        let start = || (0, chain::start(&origin, &target, class));
        let (seq, x) = *self.channels.entry(class).or_insert_with(start);
        let (seq, x) = (seq + 1, chain::next(&x, seq + 1, &object));
        self.channels.insert(class, (seq, x));
        self.append(self.event(object, class, seq, x))
    }

    /// A `sent` event with any number and X.
    pub fn event(&self, object: Digest, class: u8, seq: u64, chain: Digest) -> Event {
        Event {
            peer: Some(self.target.clone()),
            direction: Direction::Out,
            class,
            seq,
            object,
            chain,
            agreement: self.agreement,
            ..Event::local(Kind::SENT, Timestamp::default())
        }
    }

    /// Its newest head, proven from what was shown last, which it then becomes.
    pub fn proven(&mut self) -> Proven {
        let size = self.tree.size();
        let head = Head::sign(&self.origin, size, self.tree.root(), &self.log).expect("a head");
        let consistency = match self.shown {
            0 => Vec::new(),
            from if from == size.0 => Vec::new(),
            from => self.tree.consistency(TreeSize(from), size).expect("a prefix"),
        };
        let proven = Proven {
            checkpoint: head.to_wire(),
            from_size: self.shown,
            consistency,
            entries: Vec::new(),
            cosigned: None,
        };
        self.shown = size.0;
        proven
    }

    /// Leaves of its log.
    pub fn size(&self) -> u64 {
        self.tree.size().0
    }

    /// Entries of its log.
    pub fn entries(&self, from: u64, to: u64) -> Vec<Entry> {
        self.entries[from as usize..to as usize].to_vec()
    }

    /// A frame with its newest head alone.
    pub fn heads(&mut self) -> Frame {
        self.gossip(Gossip::none(KnownHead { size: 0, root: Digest::of(b"") }))
    }

    /// A frame with its newest head and any gossip.
    pub fn gossip(&mut self, gossip: Gossip) -> Frame {
        Frame::Heads(self.proven(), Box::new(gossip))
    }

    /// A leaf, shown in the newest tree.
    pub fn show(&self, index: u64, opening: Opening) -> Shown {
        let path = self.tree.inclusion(LogIndex(index), self.tree.size()).expect("a leaf");
        Shown { index, opening, path }
    }

    /// A frame with one item, logged as it should be.
    pub fn item(&mut self, envelope: Envelope, class: u8) -> Frame {
        let (index, opening) = self.sent(varde_proto::envelope::digest(&envelope), class);
        let proven = self.proven();
        Frame::Items(proven, vec![Item { sent: self.show(index, opening), envelope: Some(envelope) }])
    }

    /// Its yes to an agreement.
    pub fn yes(&self, agreement: Digest) -> Acceptance {
        Acceptance {
            from: self.origin.clone(),
            with: self.target.clone(),
            mode: self.mode,
            agreement,
            accepted: Timestamp::default(),
            salt: [2; 32],
        }
    }

    /// An honest greeting.
    pub fn hello(&self, your_log: KnownHead) -> Hello {
        let yes = self.yes(default_agreement()).sign(&self.id).expect("an acceptance");
        let head = Head::sign(&self.origin, self.tree.size(), self.tree.root(), &self.log).expect("a head");
        Hello {
            versions: (VERSION, VERSION),
            origin: self.origin.clone(),
            reads: Vec::new(),
            head: head.to_wire(),
            your_log,
            your_entries: 0,
            received: Vec::new(),
            words: [yes].into_iter().chain(self.words.iter().cloned()).collect(),
            texts: self.texts.clone(),
            keys: Vec::new(),
        }
    }
}

/// The rogue's end of a connection.
pub struct Wire {
    /// To the node.
    pub to: mpsc::Sender<Frame>,
    /// From the node.
    pub from: mpsc::Receiver<Result<Frame, BadFrame>>,
}

/// What the node answered to something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Taken: its leaf says so.
    Received,
    /// Refused by a leaf, with this code.
    Rejected(String),
    /// The connection was closed, with this code.
    Closed(String),
}

impl Wire {
    /// Greets honestly, as one that has seen nothing of the node's log, and goes on from what the node says it has seen.
    pub async fn greet(&mut self, rogue: &mut Rogue) {
        let nothing = KnownHead { size: 0, root: Digest::of(b"") };
        self.to.send(Frame::Hello(Box::new(rogue.hello(nothing)))).await.expect("a listening node");
        let hello = tokio::time::timeout(Duration::from_secs(20), self.from.recv()).await;
        match hello {
            Ok(Some(Ok(Frame::Hello(hello)))) => rogue.shown = hello.your_log.size,
            other => panic!("no hello but {other:?}"),
        }
    }

    /// Sends a frame and waits for what becomes of it.
    pub async fn ask(&mut self, frame: Frame) -> Answer {
        // A node that has closed already answers by what it said then.
        let _ = self.to.send(frame).await;
        self.answer().await
    }

    /// The next receipt or refusal.
    pub async fn answer(&mut self) -> Answer {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(20), self.from.recv()).await;
            match next.expect("an answer within twenty seconds") {
                Some(Ok(Frame::Receipts(_, shown))) => {
                    let event = shown.last().expect("a receipt").opening.event().clone();
                    return match event.kind {
                        Kind::REJECTED => Answer::Rejected(String::from_utf8_lossy(&event.body).into_owned()),
                        _ => Answer::Received,
                    };
                }
                Some(Ok(Frame::Refusal(code))) => return Answer::Closed(code),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Answer::Closed("silently".into()),
            }
        }
    }
}
