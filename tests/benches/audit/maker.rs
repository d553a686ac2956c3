//! A bundle of any size, written by the product's own writer: two countries that send each other alerts, every signature real.
//!
//! A round is 256 leaves: 127 alerts sent, each with its receipt; 127 taken, each with its sender's proof; what is held, and the
//! other log's head woven in. Every alert is another one, signed by its issuer. Three of four witnesses cosign each head.

use crate::Outcome;
use prost::Message;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;
use varde_node::edge::clock::SystemClock;
use varde_node::port::Clock;
use varde_proto::agreement::default_agreement;
use varde_proto::alert::Alert;
use varde_proto::audit::{BundleSink, Scope, Writer};
use varde_proto::envelope::{self, Envelope, Header, Payload};
use varde_proto::id::{Digest, LogIndex, NodeId, Origin, TreeSize};
use varde_proto::identity::{Acceptance, Descriptor, Genesis, Role, RoleKeys, SecretKey};
use varde_proto::log::body::Entangled;
use varde_proto::log::checkpoint::Checkpoint;
use varde_proto::log::event::{Direction, Event, Kind};
use varde_proto::log::head::{Head, log_vkey};
use varde_proto::log::leaf::Opening;
use varde_proto::log::proof::TlogProof;
use varde_proto::log::tree::Tree;
use varde_proto::log::vkey::{KeyMaterial, Vkey};
use varde_proto::log::{chain, cosignature};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;
use varde_tests::pair::route;
use zeroize::Zeroizing;

const NETWORK: &str = "bench.example";
const CLASS: u8 = 2;
/// Alerts each way in a round.
const ALERTS: u64 = 127;
/// Signed texts that are kept for the bare checks.
const SAMPLE: usize = 4096;

/// A bundle that was made.
pub(crate) struct Made {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    /// Signatures that a verifier checks: envelopes, heads and cosignatures.
    pub(crate) signatures: u64,
    pub(crate) fingerprint: String,
    pub(crate) sample: Vec<Signed>,
}

/// One text and its signature.
pub(crate) struct Signed {
    pub(crate) key: [u8; 32],
    pub(crate) text: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// Files below a folder.
struct Folder {
    root: PathBuf,
    made: BTreeSet<PathBuf>,
    bytes: u64,
}

impl BundleSink for Folder {
    type Error = io::Error;

    fn write(&mut self, path: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.root.join(path);
        if let Some(parent) = path.parent().filter(|parent| !self.made.contains(*parent)) {
            fs::create_dir_all(parent)?;
            self.made.insert(parent.to_owned());
        }
        self.bytes += bytes.len() as u64;
        fs::write(path, bytes)
    }
}

fn key(country: &str, role: u8) -> SecretKey {
    let mut seed = Zeroizing::new([role; 32]);
    seed[..country.len()].copy_from_slice(country.as_bytes());
    SecretKey::from_seed(&seed)
}

/// One end, with its log.
struct Side {
    country: &'static str,
    origin: Origin,
    genesis: Genesis,
    tree: Tree,
    now: Timestamp,
    /// X of what was sent and of what was taken.
    chains: [Digest; 2],
}

impl Side {
    fn new(country: &'static str, peer: &'static str, now: Timestamp) -> Outcome<Self> {
        let [origin, other] =
            [Origin::new(NETWORK, NodeId::parse(country)?, 1)?, Origin::new(NETWORK, NodeId::parse(peer)?, 1)?];
        let roles = [Role::Id, Role::Log, Role::Wit, Role::Msg, Role::Tls, Role::Staff];
        let keys = [0, 1, 2, 3, 4, 5].map(|role| key(country, role));
        let proven = RoleKeys::prove(&origin, &roles.into_iter().zip(&keys).collect::<Vec<_>>())?;
        let genesis = Genesis::found(origin.clone(), Mode::Test, proven, now, [1; 32])?;
        let chains = [chain::start(&origin, &other, CLASS), chain::start(&other, &origin, CLASS)];
        Ok(Self { country, origin, genesis, tree: Tree::default(), now, chains })
    }

    fn secret(&self, role: u8) -> SecretKey {
        key(self.country, role)
    }

    /// Appends a leaf. Its salt follows from its place, so nobody need keep it.
    fn log(&mut self, event: Event) -> Outcome<Opening> {
        let salt = Digest::of(format!("{} {}", self.origin, self.tree.size().0).as_bytes());
        let opening = Opening::new(&salt.0, Event { time: self.now, ..event })?;
        self.tree.push(opening.entry().leaf_hash());
        Ok(opening)
    }

    /// The leaf of an alert that is sent, or taken.
    fn item(&mut self, kind: Kind, peer: &Origin, seq: u64, object: Digest, decision: Digest) -> Outcome<Opening> {
        let (direction, way) = if kind == Kind::SENT { (Direction::Out, 0) } else { (Direction::In, 1) };
        self.chains[way] = chain::next(&self.chains[way], seq, &object);
        self.log(Event {
            peer: Some(peer.clone()),
            direction,
            class: CLASS,
            seq,
            object,
            chain: self.chains[way],
            restricted: if kind == Kind::SENT { decision } else { Digest::NONE },
            agreement: default_agreement(),
            ..Event::local(kind, self.now)
        })
    }

    fn head(&self) -> Outcome<Head> {
        Ok(Head::sign(&self.origin, self.tree.size(), self.tree.root(), &self.secret(1))?)
    }

    fn prove(&self, opening: &Opening, index: u64, head: &Head) -> Outcome<Vec<u8>> {
        let path = self.tree.inclusion(LogIndex(index), head.size()).ok_or("no such leaf")?;
        Ok(TlogProof::of_leaf(opening, LogIndex(index), path, head.note().clone()).write().into_bytes())
    }

    fn alert(&self, to: &Origin, number: u64, decision: Digest) -> Outcome<Envelope> {
        let id = Digest::of(format!("{} {number}", self.origin).as_bytes());
        let header = Header {
            network: NETWORK.into(),
            mode: Mode::Test as i32,
            issuer: self.origin.to_string(),
            recipients: vec![to.to_string()],
            agreement: default_agreement().0.to_vec().into(),
            salt: id.0.to_vec().into(),
        };
        let short: [u8; 16] = id.0[..16].try_into()?;
        let alert = Alert::issue(route(short), header, self.now, decision).map_err(|bad| bad.to_string())?;
        Ok(envelope::sign(Alert::TYPE, &alert.to_wire(), &self.secret(3)))
    }

    /// Our acceptance of the agreement with a peer.
    fn accept(&self, with: &Self) -> Outcome<Envelope> {
        let acceptance = Acceptance {
            from: self.origin.clone(),
            with: with.origin.clone(),
            mode: Mode::Test,
            agreement: default_agreement(),
            accepted: self.now,
            salt: [3; 32],
        };
        Ok(acceptance.sign(&self.secret(0))?)
    }
}

/// The four witnesses of the log's policy.
fn witness(number: u8) -> (String, SecretKey) {
    (format!("witness{number}.example"), key("witness", number))
}

fn policy(side: &Side) -> Outcome<String> {
    let mut text = format!("log {}\n", log_vkey(&side.origin, &side.secret(1).public())?.text());
    for number in 0..4 {
        let (name, key) = witness(number);
        let vkey = Vkey::new(&name, KeyMaterial::Cosignature(key.public()))?;
        text += &format!("witness w{number} {}\n", vkey.text());
    }
    Ok(text + "group q 3 w0 w1 w2 w3\nquorum q\n")
}

fn cosign(head: &mut Head, now: Timestamp) -> Outcome<()> {
    let checkpoint = Checkpoint::parse(head.note().text())?;
    for number in 0..3 {
        let (name, key) = witness(number);
        let line = cosignature::sign(&checkpoint, &name, now.seconds().unsigned_abs(), &key);
        head.add(line.ok_or("not cosigned")?)?;
    }
    Ok(())
}

/// The bundle of NO, as it grows.
struct Making {
    no: Side,
    ee: Side,
    writer: Writer<Folder>,
    /// Proofs of what was taken, for the end: the writer takes channels one after another.
    spool: BufWriter<File>,
    signatures: u64,
    sample: Vec<Signed>,
}

/// Makes a bundle of at least so many entries.
pub(crate) fn make(dir: &Path, entries: u64) -> Outcome<Made> {
    // Alerts expire so long after today, and not later after their issue.
    let now = SystemClock.now();
    let (no, ee) = (Side::new("NO", "EE", now)?, Side::new("EE", "NO", now)?);
    let genesis = no.genesis.sign(&no.secret(0))?;
    let sink = Folder { root: dir.to_owned(), made: BTreeSet::new(), bytes: 0 };
    let writer = Writer::new(sink, Scope::National, &genesis, &no.origin)?;
    let spool = dir.with_extension("spool");
    let file = BufWriter::new(File::create(&spool)?);
    let mut making = Making { no, ee, writer, spool: file, signatures: 0, sample: Vec::new() };
    making.begin(&genesis)?;
    let mut rounds = 0;
    while making.no.tree.size().0 < entries {
        making.round(rounds)?;
        rounds += 1;
    }
    making.finish(&spool)
}

impl Making {
    fn leaf(&mut self, event: Event, envelope: Option<&Envelope>) -> Outcome<Opening> {
        let opening = self.no.log(event)?;
        self.writer.leaf(&opening.entry(), Some(&opening), envelope)?;
        Ok(opening)
    }

    fn begin(&mut self, genesis: &Envelope) -> Outcome<()> {
        let document = |kind, direction, peer: &Origin, envelope: &Envelope| Event {
            peer: Some(peer.clone()),
            direction,
            object: envelope::digest(envelope),
            agreement: if kind == Kind::AGREEMENT { default_agreement() } else { Digest::NONE },
            body: envelope.encode_to_vec(),
            ..Event::local(kind, Timestamp::default())
        };
        let founding = document(Kind::GENESIS, Direction::None, &self.no.origin, genesis);
        self.leaf(Event { peer: None, ..founding }, None)?;
        let policy = policy(&self.no)?;
        let (object, body) = (Digest::of(policy.as_bytes()), policy.clone().into_bytes());
        self.leaf(Event { object, body, ..Event::local(Kind::POLICY, self.no.now) }, None)?;
        self.writer.policy(&policy)?;
        let issued = Descriptor::issue(&self.ee.genesis, None, self.no.now, [2; 32]).sign(&self.ee.secret(0))?;
        let (ours, theirs) = (self.no.accept(&self.ee)?, self.ee.accept(&self.no)?);
        let peer = self.ee.origin.clone();
        self.leaf(document(Kind::ROSTER, Direction::None, &peer, &issued), None)?;
        self.leaf(document(Kind::AGREEMENT, Direction::Out, &peer, &ours), None)?;
        self.leaf(document(Kind::AGREEMENT, Direction::In, &peer, &theirs), None)?;
        Ok(())
    }

    /// An alert, and its digest.
    fn alert(&mut self, ours: bool, seq: u64, decision: Digest) -> Outcome<(Envelope, Digest)> {
        let (from, to) = if ours { (&self.no, &self.ee) } else { (&self.ee, &self.no) };
        let envelope = from.alert(&to.origin, seq, decision)?;
        self.signatures += 1;
        if self.sample.len() < SAMPLE {
            let text = envelope::pae(&envelope.payload_type, &envelope.payload);
            let signature = envelope.signatures.first().map(|s| s.signature.to_vec()).unwrap_or_default();
            self.sample.push(Signed { key: from.secret(3).public().bytes(), text, signature });
        }
        let digest = envelope::digest(&envelope);
        Ok((envelope, digest))
    }

    /// A minute: each sends its alerts and takes the other's.
    fn round(&mut self, number: u64) -> Outcome<()> {
        let minute = self.no.now.after(Duration::from_secs(60));
        (self.no.now, self.ee.now) = (minute, minute);
        let (no, ee) = (self.no.origin.clone(), self.ee.origin.clone());
        let decision = Digest::of(b"decision");
        let seqs = number * ALERTS + 1..(number + 1) * ALERTS + 1;
        let first = self.ee.tree.size().0;
        let (mut sent, mut taken) = (Vec::new(), Vec::new());
        for seq in seqs.clone() {
            let (envelope, digest) = self.alert(false, seq, decision)?;
            sent.push((self.ee.item(Kind::SENT, &no, seq, digest, decision)?, envelope, digest));
        }
        for seq in seqs.clone() {
            let (envelope, digest) = self.alert(true, seq, decision)?;
            let opening = self.no.item(Kind::SENT, &ee, seq, digest, decision)?;
            self.writer.leaf(&opening.entry(), Some(&opening), Some(&envelope))?;
            taken.push(self.ee.item(Kind::RECEIVED, &no, seq, digest, decision)?);
        }
        let head = self.ee.head()?;
        self.signatures += 1;
        let mut held = Digest::NONE;
        for (place, seq) in seqs.clone().enumerate() {
            let (opening, envelope, digest) = &sent[place];
            let proof = self.ee.prove(opening, first + place as u64, &head)?;
            self.spool.write_all(&u32::try_from(proof.len())?.to_be_bytes())?;
            self.spool.write_all(&proof)?;
            let ours = self.no.item(Kind::RECEIVED, &ee, seq, *digest, decision)?;
            self.writer.leaf(&ours.entry(), Some(&ours), Some(envelope))?;
            let receipt = self.ee.prove(&taken[place], first + ALERTS + place as u64, &head)?;
            held = Digest::of(&receipt);
            self.writer.receipt(&ee, CLASS, seq, &receipt)?;
        }
        self.close(&head, seqs.end - 1, held)
    }

    /// What is held, the other's head, and our own head.
    fn close(&mut self, theirs: &Head, seq: u64, object: Digest) -> Outcome<()> {
        let (peer, now) = (Some(self.ee.origin.clone()), self.no.now);
        let held = Event { peer, class: CLASS, seq, object, ..Event::local(Kind::RECEIPT_HELD, now) };
        self.leaf(Event { direction: Direction::Out, ..held }, None)?;
        let woven = Entangled { origin: self.ee.origin.clone(), size: theirs.size().0, root: theirs.root() };
        let body = Entangled::write(&[woven]).ok_or("nothing is woven in")?;
        self.leaf(Event { body, ..Event::local(Kind::ENTANGLE, now) }, None)?;
        let mut head = self.no.head()?;
        cosign(&mut head, now.after(Duration::from_secs(1)))?;
        self.signatures += 4;
        Ok(self.writer.head(&head)?)
    }

    fn finish(mut self, spool: &Path) -> Outcome<Made> {
        self.spool.flush()?;
        let mut proofs = BufReader::new(File::open(spool)?);
        let (peer, mut length, mut seq) = (self.ee.origin.clone(), [0; 4], 0);
        while proofs.read_exact(&mut length).is_ok() {
            let mut proof = vec![0; u32::from_be_bytes(length) as usize];
            proofs.read_exact(&mut proof)?;
            seq += 1;
            self.writer.sent(&peer, CLASS, seq, &proof)?;
        }
        fs::remove_file(spool)?;
        self.writer.witnessed(&peer, self.ee.head()?.write().as_bytes())?;
        let TreeSize(entries) = self.no.tree.size();
        let fingerprint = self.no.secret(0).public().fingerprint().to_string();
        let Folder { bytes, .. } = self.writer.finish(&self.no.secret(3))?;
        Ok(Made { entries, bytes, signatures: self.signatures, fingerprint, sample: self.sample })
    }
}
