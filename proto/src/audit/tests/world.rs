//! Nodes for the auditor's tests: logs made by hand, honest unless a test makes them otherwise.

use super::super::{Given, Trusted};
use crate::agreement::default_agreement;
use crate::alert::{Alert, AlertContent, sample};
use crate::envelope::{self, Envelope, Payload};
use crate::id::{AlertId, Digest, LogIndex, Origin, TreeSize};
use crate::identity::testing::{descriptor, genesis, key, now, origin};
use crate::identity::{Acceptance, History, Role, SecretKey};
use crate::log::chain;
use crate::log::checkpoint::Checkpoint;
use crate::log::cosignature;
use crate::log::event::{Direction, Event, Kind};
use crate::log::head::{Head, log_vkey};
use crate::log::leaf::{DECISION, Opening};
use crate::log::proof::TlogProof;
use crate::log::tree::Tree;
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A node as its operator could have it.
#[derive(Clone)]
pub(super) struct Country {
    pub(super) name: &'static str,
    first: u8,
    pub(super) events: Vec<Event>,
    pub(super) envelopes: BTreeMap<usize, Envelope>,
    pub(super) receipts: BTreeMap<(Origin, u8, u64), Vec<u8>>,
    pub(super) sent: BTreeMap<(Origin, u8, u64), Vec<u8>>,
    pub(super) heads: BTreeSet<u64>,
    pub(super) witnessed: BTreeMap<Origin, Head>,
    pub(super) clock: Timestamp,
    pub(super) policy: String,
    /// Who cosigned the head of a size, by seed, and when.
    pub(super) cosigned: BTreeMap<u64, Vec<(u8, Timestamp)>>,
    /// Changes of keys.
    pub(super) history: History,
    /// From which size on heads are signed by the key of which seed.
    pub(super) log_keys: Vec<(u64, u8)>,
    message: u8,
}

impl Country {
    pub(super) fn new(name: &'static str, first: u8) -> Self {
        let mut country = Self {
            name,
            first,
            events: Vec::new(),
            envelopes: BTreeMap::new(),
            receipts: BTreeMap::new(),
            sent: BTreeMap::new(),
            heads: BTreeSet::new(),
            witnessed: BTreeMap::new(),
            clock: now(),
            policy: String::new(),
            cosigned: BTreeMap::new(),
            history: History::found(&genesis(name, first), &founding(name, first)),
            log_keys: vec![(0, first + 1)],
            message: first + 3,
        };
        let vkey = log_vkey(&country.origin(), &country.log_key(0).public()).unwrap();
        country.policy = format!("log {}\nquorum none\n", vkey.text());
        let founding = country.founding();
        let local = |kind, object, body| Event { object, body, ..Event::local(kind, now()) };
        country.log(local(Kind::GENESIS, envelope::digest(&founding), founding.encode_to_vec()));
        let policy = country.policy.clone().into_bytes();
        country.log(local(Kind::POLICY, Digest::of(&policy), policy));
        country.commit();
        country
    }

    pub(super) fn origin(&self) -> Origin {
        origin(self.name)
    }

    pub(super) fn founding(&self) -> Envelope {
        founding(self.name, self.first)
    }

    pub(super) fn log_key(&self, size: u64) -> SecretKey {
        let (_, seed) = self.log_keys.iter().rfind(|(from, _)| *from <= size).unwrap();
        key(*seed)
    }

    pub(super) fn message_key(&self) -> SecretKey {
        key(self.message)
    }

    /// A key of this seed replaces the one in use.
    pub(super) fn rotate(&mut self, role: Role, new: u8) {
        let old = match role {
            Role::Log => self.log_key(self.events.len() as u64),
            Role::Wit => key(self.first + 2),
            _ => self.message_key(),
        };
        let statement = self.history.rotate(&key(self.first), role, (Some(&old), &key(new)), now(), [4; 32]).unwrap();
        let size = self.state(Kind::KEY_ROTATE, &statement);
        match role {
            Role::Log => self.log_keys.push((size, new)),
            Role::Msg => self.message = new,
            _ => {}
        }
        self.commit();
    }

    /// What a key of this seed signed above a size never was valid.
    pub(super) fn revoke(&mut self, role: Role, seed: u8, above: u64) {
        let whose = (role, key(seed).public().fingerprint());
        let statement = self.history.revoke(&key(self.first), whose, TreeSize(above), now(), [4; 32]).unwrap();
        self.state(Kind::KEY_REVOKE, &statement);
        self.commit();
    }

    fn state(&mut self, kind: Kind, statement: &Envelope) -> u64 {
        let (object, body) = (envelope::digest(statement), statement.encode_to_vec());
        let index = self.log(Event { object, body, ..Event::local(kind, self.clock) }) as u64;
        self.history.take(statement, LogIndex(index)).unwrap();
        index + 1
    }

    pub(super) fn given(&self) -> Given {
        let fingerprint = key(self.first).public().fingerprint();
        Given { trusted: vec![Trusted { origin: None, fingerprint }], views: Vec::new() }
    }

    /// Appends a leaf a second later.
    pub(super) fn log(&mut self, event: Event) -> usize {
        self.clock = self.clock.after(Duration::from_secs(1));
        self.events.push(Event { time: self.clock, ..event });
        self.events.len() - 1
    }

    /// Appends a leaf whose index nobody needs.
    pub(super) fn write(&mut self, event: Event) {
        self.log(event);
    }

    /// Signs the head that there is now.
    pub(super) fn commit(&mut self) {
        self.heads.insert(self.events.len() as u64);
    }

    pub(super) fn opening(&self, index: usize) -> Opening {
        let salt = Digest::of(format!("{} {index}", self.name).as_bytes());
        Opening::new(&salt.0, self.events[index].clone()).unwrap()
    }

    pub(super) fn tree(&self) -> Tree {
        let mut tree = Tree::default();
        for index in 0..self.events.len() {
            tree.push(self.opening(index).entry().leaf_hash());
        }
        tree
    }

    pub(super) fn head(&self, size: u64) -> Head {
        let root = self.tree().root_at(TreeSize(size)).unwrap();
        let mut head = Head::sign(&self.origin(), TreeSize(size), root, &self.log_key(size)).unwrap();
        for (seed, time) in self.cosigned.get(&size).into_iter().flatten() {
            let checkpoint = Checkpoint::parse(head.note().text()).unwrap();
            let seconds = time.seconds().cast_unsigned();
            head.add(cosignature::sign(&checkpoint, &format!("wit{seed}.example"), seconds, &key(*seed)).unwrap())
                .unwrap();
        }
        head
    }

    pub(super) fn newest(&self) -> Head {
        self.head(self.events.len() as u64)
    }

    /// A head with a root of the operator's choice.
    pub(super) fn forge_head(&self, size: u64, root: Digest) -> Head {
        Head::sign(&self.origin(), TreeSize(size), root, &self.log_key(size)).unwrap()
    }

    /// The proof of a leaf in the newest head.
    pub(super) fn prove(&self, index: usize) -> Vec<u8> {
        let (head, index_) = (self.newest(), LogIndex(index as u64));
        let path = self.tree().inclusion(index_, head.size()).unwrap();
        TlogProof::of_leaf(&self.opening(index), index_, path, head.note().clone()).write().into_bytes()
    }

    /// Pins a peer and logs both acceptances.
    pub(super) fn pin(&mut self, peer: &Country) {
        let descriptor = descriptor(peer.name, peer.first).sign(&key(peer.first)).unwrap();
        let leaf = |kind, direction, envelope: &Envelope| Event {
            peer: Some(peer.origin()),
            direction,
            object: envelope::digest(envelope),
            body: envelope.encode_to_vec(),
            ..Event::local(kind, now())
        };
        self.log(leaf(Kind::ROSTER, Direction::None, &descriptor));
        let (ours, theirs) = (self.accept(peer), peer.accept(self));
        let agreement = default_agreement();
        self.log(Event { agreement, ..leaf(Kind::AGREEMENT, Direction::Out, &ours) });
        self.log(Event { agreement, ..leaf(Kind::AGREEMENT, Direction::In, &theirs) });
        self.commit();
    }

    fn accept(&self, with: &Country) -> Envelope {
        let acceptance = Acceptance {
            from: self.origin(),
            with: with.origin(),
            mode: Mode::Test,
            agreement: default_agreement(),
            accepted: now(),
            salt: [3; 32],
        };
        acceptance.sign(&key(self.first)).unwrap()
    }

    /// The header of a payload of ours to some peers.
    pub(super) fn header(&self, to: &[&Country], salt: Digest) -> peer::Header {
        let mut recipients: Vec<String> = to.iter().map(|peer| peer.origin().to_string()).collect();
        recipients.sort();
        peer::Header {
            network: "varde.example".into(),
            mode: Mode::Test as i32,
            issuer: self.origin().to_string(),
            recipients,
            agreement: Bytes::copy_from_slice(&default_agreement().0),
            salt: Bytes::copy_from_slice(&salt.0),
        }
    }

    /// An alert of ours to some peers.
    pub(super) fn alert(&self, content: AlertContent, to: &[&Country]) -> Envelope {
        let header = self.header(to, Digest::of(&content.id.0));
        let alert = Alert::issue(content, header, sample::now(), decision()).unwrap();
        envelope::sign(Alert::TYPE, &alert.to_wire(), &self.message_key())
    }

    /// The next item of a channel, as a leaf of this log.
    pub(super) fn item(&self, kind: Kind, direction: Direction, peer: &Country, object: Digest) -> Event {
        let (from, to) = match direction {
            Direction::Out => (self.origin(), peer.origin()),
            _ => (peer.origin(), self.origin()),
        };
        let class = 2;
        let in_channel =
            |e: &&Event| e.direction == direction && e.peer == Some(peer.origin()) && e.kind != Kind::RECEIPT_HELD;
        let last = self.events.iter().rfind(|e| in_channel(e) && e.class == class);
        let (seq, before) = last.map_or((0, chain::start(&from, &to, class)), |e| (e.seq, e.chain));
        Event {
            peer: Some(peer.origin()),
            direction,
            class,
            seq: seq + 1,
            object,
            chain: chain::next(&before, seq + 1, &object),
            agreement: default_agreement(),
            restricted: if kind == Kind::SENT { decision() } else { Digest::NONE },
            ..Event::local(kind, now())
        }
    }
}

fn founding(name: &str, first: u8) -> Envelope {
    genesis(name, first).sign(&key(first)).unwrap()
}

/// A key that nobody knows.
pub(super) fn stranger() -> SecretKey {
    key(240)
}

/// What opens the sharing decision behind every alert here: 32 random bytes, and a decision.
pub(super) const DECISION_OPENING: [u8; 40] = [7; 40];

fn decision() -> Digest {
    Digest::of(&[DECISION, &DECISION_OPENING].concat())
}

/// An alert that differs from others by its number.
pub(super) fn content(number: u8) -> AlertContent {
    let random = Digest::of(&[number]).0;
    AlertContent { id: AlertId::from_bytes(&random[..16]).unwrap(), ..sample::route_corridor() }
}

/// Logs an alert as sent to peers, in one commit.
pub(super) fn send(from: &mut Country, to: &[&Country], number: u8) -> Envelope {
    let envelope = from.alert(content(number), to);
    for (place, peer) in to.iter().enumerate() {
        let leaf = from.item(Kind::SENT, Direction::Out, peer, envelope::digest(&envelope));
        let index = from.log(leaf);
        if place == 0 {
            from.envelopes.insert(index, envelope.clone());
        }
    }
    from.commit();
    envelope
}

/// Logs an item as taken, or refused; returns its leaf.
pub(super) fn take(at: &mut Country, from: &Country, envelope: &Envelope, refused: Option<&str>) -> usize {
    let kind = if refused.is_some() { Kind::REJECTED } else { Kind::RECEIVED };
    let leaf = at.item(kind, Direction::In, from, envelope::digest(envelope));
    let index = at.log(Event { body: refused.unwrap_or_default().as_bytes().to_vec(), ..leaf });
    if refused.is_none() {
        at.envelopes.insert(index, envelope.clone());
    }
    at.commit();
    at.witnessed.insert(from.origin(), from.newest());
    let taken = &at.events[index];
    let sent = |e: &Event| {
        e.direction == Direction::Out && e.peer == Some(at.origin()) && (e.object, e.seq) == (taken.object, taken.seq)
    };
    if let Some(leaf) = from.events.iter().position(sent) {
        at.sent.insert((from.origin(), taken.class, taken.seq), from.prove(leaf));
    }
    index
}

/// Keeps the receipt of the newest item sent, and logs that it is held.
pub(super) fn settle(from: &mut Country, at: &Country, leaf: usize) {
    let proof = at.prove(leaf);
    let answer = &at.events[leaf];
    let held = Event {
        peer: Some(at.origin()),
        direction: Direction::Out,
        class: answer.class,
        seq: answer.seq,
        object: Digest::of(&proof),
        chain: answer.chain,
        agreement: answer.agreement,
        ..Event::local(Kind::RECEIPT_HELD, now())
    };
    from.receipts.insert((at.origin(), answer.class, answer.seq), proof);
    from.witnessed.insert(at.origin(), at.newest());
    from.log(held);
    from.commit();
}

/// Sends an alert and brings the receipt home.
pub(super) fn exchange(from: &mut Country, to: &mut Country, number: u8) {
    let envelope = send(from, &[&*to], number);
    let leaf = take(to, from, &envelope, None);
    settle(from, to, leaf);
}

/// NO and EE, who pinned each other and exchanged four alerts, one of them refused.
pub(super) fn two() -> (Country, Country) {
    let (mut no, mut ee) = (Country::new("no", 1), Country::new("ee", 11));
    let (before_no, before_ee) = (no.clone(), ee.clone());
    no.pin(&before_ee);
    ee.pin(&before_no);
    exchange(&mut no, &mut ee, 1);
    exchange(&mut ee, &mut no, 2);
    exchange(&mut no, &mut ee, 3);
    let refused = send(&mut no, &[&ee], 4);
    let leaf = take(&mut ee, &no, &refused, Some("content:floor"));
    settle(&mut no, &ee, leaf);
    (no, ee)
}
