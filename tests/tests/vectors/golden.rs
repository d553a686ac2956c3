//! This project's own values, `tests/vectors/log.json`: computed once by a program that shares no code with this one. What
//! they freeze is stored and signed for good; a test that fails here means that old logs could no longer be read.

use super::{cases, number, text};
use bytes::Bytes;
use serde_json::Value;
use std::path::Path;
use varde_proto::envelope;
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize, hex, unhex};
use varde_proto::identity::SecretKey;
use varde_proto::log::leaf::{Opening, restricted};
use varde_proto::log::proof::{Leaf, Shown, verify};
use varde_proto::log::{Direction, Event, Head, Kind, Policy, TlogProof, Tree, Vkey, chain, cosignature};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer;

fn golden() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/log.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn digest(value: &Value, field: &str) -> Digest {
    Digest::parse(text(value, field)).unwrap()
}

fn key(value: &Value) -> SecretKey {
    use ed25519_dalek::pkcs8::EncodePrivateKey;
    use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
    let seed = unhex(text(value, "seed")).unwrap();
    SecretKey::from_pem(&ed25519_dalek::SigningKey::from_bytes(&seed).to_pkcs8_pem(LineEnding::LF).unwrap()).unwrap()
}

fn bytes(text: &str) -> Vec<u8> {
    match text {
        "00*4096" => vec![0; 4096],
        hex => (0..hex.len() / 2).map(|n| unhex::<1>(&hex[2 * n..2 * n + 2]).unwrap()[0]).collect(),
    }
}

fn event(leaf: &Value) -> Event {
    Event {
        kind: Kind(number(leaf, "kind") as u8),
        time: Timestamp::from_ms(number(leaf, "time_ms") as i64).unwrap(),
        peer: Some(text(leaf, "peer")).filter(|peer| !peer.is_empty()).map(|peer| Origin::parse(peer).unwrap()),
        direction: Direction::from_number(number(leaf, "direction") as u8).unwrap(),
        class: number(leaf, "class") as u8,
        seq: text(leaf, "seq").parse().unwrap(),
        object: digest(leaf, "object"),
        chain: digest(leaf, "chain"),
        restricted: digest(leaf, "restricted"),
        agreement: digest(leaf, "agreement"),
        body: bytes(text(leaf, "body")),
    }
}

fn opening(leaf: &Value) -> Opening {
    Opening::new(&unhex(text(leaf, "salt")).unwrap(), event(leaf)).unwrap()
}

fn tree(leaves: &[Value]) -> Tree {
    let mut tree = Tree::default();
    for leaf in leaves {
        tree.push(opening(leaf).entry().leaf_hash());
    }
    tree
}

#[test]
fn events_commitments_and_entries_are_the_golden_ones() {
    let golden = golden();
    for leaf in cases(&golden["leaves"]) {
        let (encoded, opening) = (event(leaf).encode().unwrap(), opening(leaf));
        assert_eq!(Digest::of(&encoded), digest(leaf, "event_sha256"));
        assert!(text(leaf, "event").is_empty() || hex(&encoded) == text(leaf, "event"));
        assert_eq!(Event::decode(&encoded), Ok(event(leaf)));
        assert_eq!(hex(opening.entry().bytes()), text(leaf, "entry"));
        assert_eq!(opening.entry().leaf_hash(), digest(leaf, "leaf_hash"));
        assert_eq!(Opening::parse(opening.bytes()).unwrap(), opening);
    }
    let secret = &golden["restricted"];
    let salt = unhex(text(secret, "salt")).unwrap();
    assert_eq!(restricted(&salt, text(secret, "details").as_bytes()), digest(secret, "digest"));
}

#[test]
fn roots_are_the_golden_ones() {
    let golden = golden();
    let tree = tree(cases(&golden["leaves"]));
    for (size, root) in cases(&golden["roots"]).iter().enumerate() {
        assert_eq!(tree.root_at(TreeSize(size as u64)).unwrap().to_string(), root.as_str().unwrap());
    }
}

#[test]
fn the_channel_accumulator_is_the_golden_one() {
    let golden = golden();
    let channel = &golden["channel"];
    let origin = |field| Origin::parse(text(channel, field)).unwrap();
    let mut x = chain::start(&origin("from"), &origin("to"), number(channel, "class") as u8);
    let wanted = cases(&channel["accumulators"]);
    assert_eq!(x.to_string(), wanted[0].as_str().unwrap());
    for (n, object) in cases(&channel["objects"]).iter().enumerate() {
        x = chain::next(&x, n as u64 + 1, &Digest::parse(object.as_str().unwrap()).unwrap());
        assert_eq!(x.to_string(), wanted[n + 1].as_str().unwrap());
    }
}

#[test]
fn an_envelopes_digest_and_signature_are_the_golden_ones() {
    let golden = golden();
    let wanted = &golden["envelope"];
    let key = key(wanted);
    assert_eq!(hex(&key.public().bytes()), text(wanted, "public_key"));
    let (payload_type, payload) = (text(wanted, "payload_type"), bytes(text(wanted, "payload")));
    assert_eq!(hex(&key.sign(&envelope::pae(payload_type, &payload))), text(wanted, "signature"));
    let envelope =
        peer::Envelope { payload_type: payload_type.into(), payload: Bytes::from(payload), signatures: vec![] };
    assert_eq!(envelope::digest(&envelope), digest(wanted, "digest"));
}

#[test]
fn heads_cosignatures_and_proofs_are_the_golden_ones() {
    let golden = golden();
    let (head, cosigner) = (&golden["head"], &golden["cosignature"]);
    let leaves = &cases(&golden["leaves"])[..3];
    let tree = tree(leaves);
    let origin = Origin::parse(text(head, "origin")).unwrap();
    let mut signed = Head::sign(&origin, tree.size(), tree.root(), &key(head)).unwrap();
    assert_eq!(signed.write(), text(head, "note"));

    let checkpoint = varde_proto::log::Checkpoint::parse(signed.note().text()).unwrap();
    let name = text(cosigner, "name");
    signed.add(cosignature::sign(&checkpoint, name, number(cosigner, "seconds"), &key(cosigner)).unwrap()).unwrap();
    assert_eq!(signed.write(), text(cosigner, "note"));

    let index = LogIndex(number(&golden["proof"], "index"));
    let shown = opening(&leaves[index.0 as usize]);
    let path = tree.inclusion(index, tree.size()).unwrap();
    let proof = TlogProof::of_leaf(&shown, index, path, signed.note().clone());
    assert_eq!(proof.write(), text(&golden["proof"], "text"));

    let policy = format!("log {}\nwitness lt {}\nquorum lt\n", text(head, "vkey"), text(cosigner, "vkey"));
    assert!(Vkey::parse(text(head, "vkey")).is_ok());
    let verified = verify(&proof, &Policy::parse(policy.as_bytes()).unwrap(), Shown::ByItself).unwrap();
    assert_eq!(verified.leaf, Leaf::Event(Box::new(shown)));
    assert_eq!(verified.head.witnesses, [("lt".into(), number(cosigner, "seconds"))]);
}
