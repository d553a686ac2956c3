//! Every decoder that sees bytes of a peer or of another log, each as one function: it must not panic, and what it accepts must
//! have one spelling. The fuzz targets and the replay of the corpus in `cargo test` run these same functions.

use prost::Message;
use varde_proto::alert::{self, Alert};
use varde_proto::envelope::{self, Payload};
use varde_proto::exchange::{self, Frame, KnownHead, Proven};
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::armor::{self as text_form, Label};
use varde_proto::identity::certificate::Certificate;
use varde_proto::identity::{Acceptance, Descriptor, Genesis, Incident, PublicKey, Revocation, SecretKey};
use varde_proto::log::frontier::Frontier;
use varde_proto::log::proof::Shown;
use varde_proto::log::tiles::{self, Tile};
use varde_proto::log::witness::{self, AddCheckpoint, KnownLog, Latest, Witness};
use varde_proto::log::{Checkpoint, Event, Note, Opening, Policy, TlogProof, Vkey, cosignature, merkle, proof};
use varde_proto::offer::Offer;
use varde_proto::reply::{self, Reply, Said};
use varde_proto::summary::{LedgerEntry, TrendSummary};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer;

/// A decoder under its name. It says whether it accepted the bytes, and panics when what it accepted breaks a promise.
pub struct Decoder {
    /// Name of the fuzz target and of its folder in the corpus.
    pub name: &'static str,
    /// Runs it.
    pub run: fn(&[u8]) -> bool,
}

/// All of them, in the order of their names.
pub const ALL: [Decoder; 21] = [
    Decoder { name: "add_checkpoint", run: add_checkpoint },
    Decoder { name: "alert", run: alert },
    Decoder { name: "armor", run: armor },
    Decoder { name: "budget", run: budget },
    Decoder { name: "bundle", run: bundle },
    Decoder { name: "certificate", run: certificate },
    Decoder { name: "checkpoint", run: checkpoint },
    Decoder { name: "cosignature", run: cosignature },
    Decoder { name: "document", run: document },
    Decoder { name: "envelope", run: envelope },
    Decoder { name: "event", run: event },
    Decoder { name: "frame", run: frame },
    Decoder { name: "note", run: note },
    Decoder { name: "offer", run: offer },
    Decoder { name: "opening", run: opening },
    Decoder { name: "policy", run: policy },
    Decoder { name: "proof", run: proof },
    Decoder { name: "reply", run: reply },
    Decoder { name: "summary", run: summary },
    Decoder { name: "tile", run: tile },
    Decoder { name: "vkey", run: vkey },
];

/// The key with which every seed is signed, so that the fuzzer gets past signatures.
pub fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32].into())
}

/// Whose log the seeds are of.
pub fn origin() -> Option<Origin> {
    Origin::parse("varde.example/no/1").ok()
}

/// One message of the stream between nodes, its form and the arithmetic of its proofs.
pub fn frame(bytes: &[u8]) -> bool {
    let Ok(wire) = peer::Frame::decode(bytes) else { return false };
    let Ok(frame) = Frame::from_wire(wire) else { return false };
    match &frame {
        Frame::Items(proven, items) => {
            check_proven(proven);
            items.iter().for_each(|item| check_shown(proven, &item.sent));
        }
        Frame::Receipts(proven, shown) => {
            check_proven(proven);
            shown.iter().for_each(|shown| check_shown(proven, shown));
        }
        Frame::Heads(proven, _) => check_proven(proven),
        Frame::Hello(hello) => hello.words.iter().for_each(check_envelope),
        Frame::Ask(..)
        | Frame::Entries(_)
        | Frame::Restored(..)
        | Frame::Held(_)
        | Frame::Regain(_)
        | Frame::Regained(_)
        | Frame::Refusal(_)
        | Frame::Goodbye(..) => {}
    }
    let once = frame.into_wire();
    let again = Frame::from_wire(once.clone()).map(Frame::into_wire);
    assert_eq!(again, Ok(once), "an accepted frame does not survive its own bytes");
    true
}

fn check_proven(proven: &Proven) {
    if let Some(origin) = origin() {
        let nothing = KnownHead { size: 0, root: Digest::NONE };
        let known = KnownHead { size: proven.from_size, root: Digest::NONE };
        let keys = [key().public()];
        let kept = &mut Frontier::default();
        let first = exchange::check_head(nothing, kept, proven, &origin, &keys);
        let later = exchange::check_head(known, &mut Frontier::default(), proven, &origin, &keys);
        assert!(first.is_ok() || later.is_err(), "a head that is not even signed was taken later");
    }
    let (old, new) = (TreeSize(proven.from_size), TreeSize(proven.checkpoint.size));
    let root = Digest::from_bytes(&proven.checkpoint.root).unwrap_or_default();
    let mut other = root;
    other.0[0] ^= 1;
    let leads = |to: &Digest| merkle::verify_consistency(old, new, &Digest::NONE, to, &proven.consistency).is_ok();
    assert!(!(leads(&root) && leads(&other)), "one proof leads to two roots");
}

fn check_shown(proven: &Proven, shown: &exchange::Shown) {
    let head = KnownHead { size: proven.checkpoint.size, root: Digest::NONE };
    assert!(exchange::check_shown(head, shown).is_err(), "a leaf was found under a root that nobody can have");
}

/// A signed envelope, of any payload type; and any bytes as a payload that is signed.
pub fn envelope(bytes: &[u8]) -> bool {
    let signed = [Alert::TYPE, TrendSummary::TYPE, LedgerEntry::TYPE].map(|payload_type| {
        let payload = bytes.to_vec().into();
        let signature = key().sign(&envelope::pae(payload_type, bytes)).to_vec().into();
        let signatures = vec![peer::EnvelopeSignature { key_id: String::new(), signature }];
        peer::Envelope { payload_type: payload_type.to_owned(), payload, signatures }
    });
    let canonical = |bytes: Vec<u8>, envelope: &peer::Envelope| {
        assert_eq!(bytes, envelope.payload, "bytes that are not canonical were accepted");
    };
    let keys = [key().public()];
    if let Ok(alert) = envelope::open::<peer::Alert>(&signed[0], Alert::TYPE, &keys) {
        canonical(alert.encode_to_vec(), &signed[0]);
    }
    if let Ok(summary) = envelope::open::<peer::TrendSummary>(&signed[1], TrendSummary::TYPE, &keys) {
        canonical(summary.encode_to_vec(), &signed[1]);
    }
    if let Ok(entry) = envelope::open::<peer::LedgerEntry>(&signed[2], LedgerEntry::TYPE, &keys) {
        canonical(entry.encode_to_vec(), &signed[2]);
    }
    let Ok(decoded) = peer::Envelope::decode(bytes) else { return false };
    check_envelope(&decoded);
    true
}

fn check_envelope(envelope: &peer::Envelope) {
    let keys = [key().public()];
    let opened = envelope::open::<peer::Alert>(envelope, Alert::TYPE, &keys).is_ok();
    let digest = envelope::digest(envelope);
    let unsigned = peer::Envelope { signatures: Vec::new(), ..envelope.clone() };
    assert_eq!(envelope::digest(&unsigned), digest, "E depends on the signatures");
    assert!(!(opened && envelope::open::<peer::Alert>(&unsigned, Alert::TYPE, &keys).is_ok()));
}

/// An alert's content.
pub fn alert(bytes: &[u8]) -> bool {
    payload(bytes, |alert: &Alert| {
        let _ = alert::admit(alert, Timestamp::default());
        let _ = alert::show::show(alert).to_string();
        alert.to_wire()
    })
}

/// A trend summary's content.
pub fn summary(bytes: &[u8]) -> bool {
    payload(bytes, TrendSummary::to_wire)
}

/// The offer of an alert.
pub fn offer(bytes: &[u8]) -> bool {
    payload(bytes, |offer: &Offer| {
        let _ = offer.conditions.show().to_string();
        offer.to_wire()
    })
}

/// A word about an alert.
pub fn reply(bytes: &[u8]) -> bool {
    payload(bytes, |reply: &Reply| {
        assert!(reply::may_follow(&[], &reply.said).is_ok() || !matches!(reply.said, Said::Seen));
        let _ = reply::show::line(&reply.said);
        reply.to_wire()
    })
}

/// A budget entry's content.
pub fn budget(bytes: &[u8]) -> bool {
    payload(bytes, LedgerEntry::to_wire)
}

fn payload<P: Payload>(bytes: &[u8], to_wire: impl Fn(&P) -> P::Wire) -> bool {
    let Ok(wire) = P::Wire::decode(bytes) else { return false };
    let canonical = wire.encode_to_vec();
    let Ok(payload) = P::from_wire(wire) else { return false };
    assert!(payload.class() < varde_proto::limits::CLASSES);
    assert_eq!(to_wire(&payload).encode_to_vec(), canonical, "a field was accepted that is not kept");
    true
}

/// A leaf's event.
pub fn event(bytes: &[u8]) -> bool {
    let Ok(event) = Event::decode(bytes) else { return false };
    assert_eq!(event.encode().as_deref(), Ok(bytes));
    true
}

/// A leaf's opening.
pub fn opening(bytes: &[u8]) -> bool {
    let Ok(opening) = Opening::parse(bytes) else { return false };
    assert_eq!(opening.bytes(), bytes);
    assert!(opening.opens(&opening.entry()));
    true
}

/// A signed note.
pub fn note(bytes: &[u8]) -> bool {
    let Ok(note) = Note::parse(bytes) else { return false };
    assert_eq!(note.write().as_bytes(), bytes);
    let _ = own_vkey().map(|vkey| note.verify(&[vkey]).is_ok());
    true
}

/// A request to cosign, decided on by a witness that has seen nothing and by one that has seen what the request starts from.
pub fn add_checkpoint(bytes: &[u8]) -> bool {
    let Ok(request) = AddCheckpoint::parse(bytes) else { return false };
    assert_eq!(request.write().as_bytes(), bytes);
    let keys: Vec<Vkey> = own_vkey().into_iter().collect();
    let wit = SecretKey::from_seed(&[8; 32].into());
    let decide = |latest| {
        let log = KnownLog { keys: &keys, extensions: true, latest };
        witness::decide(&request, Some(log), Witness { name: "varde.example/witness/ee", key: &wit }, 1)
    };
    let checkpoint = request.checkpoint();
    let next = Latest { size: checkpoint.size(), root: checkpoint.root() };
    let root = Digest::NONE;
    let starts = [Latest::NONE, next].into_iter().chain([1, 2, 3, 4].map(|size| Latest { size: TreeSize(size), root }));
    for latest in starts {
        let verdict = decide(latest);
        let answer = witness::answer(&verdict);
        assert!(answer.body.ends_with('\n') && answer.body.lines().count() == 1);
        let Ok(cosigned) = verdict else { continue };
        assert_eq!(cosigned.latest, next);
        assert!(latest.root != Digest::NONE, "a tree was found to begin with a root that nobody can have");
        assert!(cosigned.note.verify(&keys).is_ok());
        assert!(cosignature::verify(request.note().text(), cosigned.line.signature(), &wit.public()) == Some(1));
    }
    true
}

/// The text of a checkpoint.
pub fn checkpoint(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(checkpoint) = Checkpoint::parse(text) else { return false };
    assert_eq!(checkpoint.text(), text);
    true
}

/// A cosignature line's bytes over a fixed checkpoint.
pub fn cosignature(bytes: &[u8]) -> bool {
    let text = "varde.example/no/1\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
    let verified = cosignature::verify(text, bytes, &key().public());
    assert!(verified.is_none() || cosignature::stated(bytes).map(|(seconds, _)| seconds) == verified);
    verified.is_some()
}

/// A C2SP tlog-proof.
pub fn proof(bytes: &[u8]) -> bool {
    let Ok(proof) = TlogProof::parse(bytes) else { return false };
    assert_eq!(proof.write().as_bytes(), bytes);
    if let Some(vkey) = own_vkey() {
        let policy = Policy::of_logs(vec![vkey]);
        let _ = proof::verify(&proof, &policy, Shown::ByItself);
        let _ = proof::verify(&proof, &policy, Shown::Leaf(Digest::NONE));
    }
    let _ = merkle::verify_inclusion(proof.index, TreeSize(u64::MAX), &Digest::NONE, &proof.path, &Digest::NONE);
    let _ = merkle::verify_inclusion(LogIndex(0), TreeSize(1), &Digest::NONE, &proof.path, &Digest::NONE);
    true
}

/// A C2SP tlog-policy.
pub fn policy(bytes: &[u8]) -> bool {
    let Ok(policy) = Policy::parse(bytes) else { return false };
    let everybody: Vec<usize> = (0..policy.witnesses().len()).collect();
    assert!(policy.is_quorum(&everybody) || !policy.is_quorum(&[]), "nobody is a quorum and everybody is not");
    true
}

/// A C2SP verifier key.
pub fn vkey(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(vkey) = Vkey::parse(text) else { return false };
    assert_eq!(vkey.text(), text);
    true
}

/// A C2SP tile path.
pub fn tile(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Some(tile) = Tile::parse(text) else { return false };
    assert_eq!(tile.path(), text);
    true
}

/// A C2SP entry bundle.
pub fn bundle(bytes: &[u8]) -> bool {
    let Some(entries) = tiles::read_bundle(bytes) else { return false };
    assert_eq!(tiles::write_bundle(entries).as_deref(), Some(bytes));
    true
}

/// The content of a genesis, descriptor, acceptance or incident, signed anew so that a changed byte gets past the signature.
pub fn document(bytes: &[u8]) -> bool {
    let signed = |payload_type: &str| {
        let signature = key().sign(&envelope::pae(payload_type, bytes)).to_vec().into();
        let signatures = vec![peer::EnvelopeSignature { key_id: String::new(), signature }];
        peer::Envelope { payload_type: payload_type.to_owned(), payload: bytes.to_vec().into(), signatures }
    };
    let genesis = Genesis::open(&signed(Genesis::TYPE)).and_then(|genesis| genesis.sign(&key()));
    let descriptor = Descriptor::open(&signed(Descriptor::TYPE)).and_then(|descriptor| descriptor.sign(&key()));
    let acceptance =
        Acceptance::open(&signed(Acceptance::TYPE), &key().public()).and_then(|acceptance| acceptance.sign(&key()));
    let revocation =
        Revocation::open(&signed(Revocation::TYPE), &key().public()).and_then(|revocation| revocation.sign(&key()));
    let incident = Incident::open(&signed(Incident::TYPE), &key().public()).and_then(|incident| incident.sign(&key()));
    let opened: Vec<_> = [genesis, descriptor, acceptance, revocation, incident].into_iter().flatten().collect();
    for envelope in &opened {
        assert_eq!(envelope.payload, bytes, "a field was accepted that is not kept");
    }
    !opened.is_empty()
}

/// The text of a genesis, descriptor, acceptance or incident file.
pub fn armor(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let public: PublicKey = key().public();
    Descriptor::open_text(text).is_ok()
        || Genesis::open_text(text).is_ok()
        || Acceptance::open_text(text, &public).is_ok()
        || text_form::decode(Label::Incident, text).is_ok_and(|signed| Incident::open(&signed, &public).is_ok())
}

/// The certificate that a stranger shows in the TLS handshake.
pub fn certificate(bytes: &[u8]) -> bool {
    let Ok(certificate) = Certificate::read(bytes) else { return false };
    let spki = certificate.key.spki();
    assert!(bytes.windows(spki.len()).any(|window| window == spki));
    let _ = (certificate.covers(Timestamp::MAX), certificate.is_due(Timestamp::MAX));
    true
}

fn own_vkey() -> Option<Vkey> {
    varde_proto::log::head::log_vkey(&origin()?, &key().public()).ok()
}
