//! What is committed to: envelope, event, leaf, salted details, and the accumulator of a channel.

use super::{Format, array, bytes, digest, digests, none, number, secret, seed, shown, small, text};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::Digest as _;
use varde_proto::envelope;
use varde_proto::id::{Digest, Origin, hex};
use varde_proto::identity::PublicKey;
use varde_proto::log::leaf::{DECISION, Opening, restricted};
use varde_proto::log::{Direction, Event, Kind, chain};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer;

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "envelope",
            about: "A payload type, a payload and a seed (in); DSSE's PAE, E = SHA-256(PAE), public key and signature (out).",
            inputs: envelope_inputs,
            encode: envelope_encode,
            decode: Some(envelope_verify),
            refused: none,
        },
        Format {
            name: "event",
            about: "The fields of an event (in) and its bytes (out). `seq` is a decimal number as text; `peer` is empty for none.",
            inputs: event_inputs,
            encode: |case| json!({"event": hex(&event(case).encode().unwrap())}),
            decode: Some(event_decode),
            refused: event_refused,
        },
        Format {
            name: "leaf",
            about: "Salt r and event (in); the commitment C, the entry, its leaf hash and the opening (out).",
            inputs: || {
                let events = event_inputs().into_iter().zip(1u8..);
                events
                    .map(|(input, byte)| json!({"r": seed(byte), "event": hex(&event(&input).encode().unwrap())}))
                    .collect()
            },
            encode: leaf_encode,
            decode: Some(leaf_decode),
            refused: none,
        },
    ]
}

/// Formats that only hash.
pub(super) fn one_way() -> Vec<Format> {
    vec![
        Format {
            name: "commitment",
            about: "A salt and details (in); `restricted` and the commitment to a sharing decision (out). One way.",
            inputs: || {
                let case = |byte, details: &[u8]| json!({"salt": seed(byte), "details": hex(details)});
                vec![case(1, b""), case(2, b"officer 7, case 4711"), case(3, &[0xfe; 200])]
            },
            encode: |case| {
                let (salt, details) = (array(case, "salt"), bytes(case, "details"));
                let decision = Digest::of(&[DECISION, &salt[..], &details].concat());
                json!({"restricted": restricted(&salt, &details).to_string(), "decision": decision.to_string()})
            },
            decode: None,
            refused: none,
        },
        Format {
            name: "chain",
            about: "From, to, class, and E of each item of a channel (in); X_0, X_1 and so on (out). One way.",
            inputs: || {
                let case = |from: &str, to: &str, class: u8, items: u8| {
                    let objects: Vec<String> = (1..=items).map(seed).collect();
                    json!({"from": from, "to": to, "class": class, "objects": objects})
                };
                let (no, lt) = ("varde.example/no/1", "varde.example/lt/2");
                vec![case(no, lt, 1, 4), case(lt, no, 1, 1), case(no, lt, 6, 0)]
            },
            encode: |case| {
                let origin = |field| Origin::parse(text(case, field)).unwrap();
                let mut all = vec![chain::start(&origin("from"), &origin("to"), small(case, "class") as u8)];
                for (object, n) in digests(&case["objects"]).iter().zip(1..) {
                    all.push(chain::next(&all[all.len() - 1], n, object));
                }
                json!({"accumulators": shown(&all)})
            },
            decode: None,
            refused: none,
        },
    ]
}

fn envelope_inputs() -> Vec<Value> {
    let case =
        |payload_type: &str, payload: &[u8]| json!({"type": payload_type, "payload": hex(payload), "seed": seed(3)});
    let most: Vec<u8> = (0..=255).collect();
    vec![
        case("application/vnd.varde.alert.v1+protobuf", &most),
        case("http://example.com/HelloWorld", b"hello world"),
        case("", b""),
    ]
}

fn envelope_of(case: &Value, signature: Vec<u8>) -> peer::Envelope {
    let signature = peer::EnvelopeSignature { key_id: String::new(), signature: signature.into() };
    let payload = Bytes::from(bytes(case, "payload"));
    peer::Envelope { payload_type: text(case, "type").into(), payload, signatures: vec![signature] }
}

fn envelope_encode(case: &Value) -> Value {
    let key = secret(case, "seed");
    let pae = envelope::pae(text(case, "type"), &bytes(case, "payload"));
    let signature = key.sign(&pae);
    let e = envelope::digest(&envelope_of(case, signature.to_vec()));
    json!({"pae": hex(&pae), "digest": e.to_string(), "public_key": hex(&key.public().bytes()), "signature": hex(&signature)})
}

fn envelope_verify(out: &Value, case: &Value) -> Option<Value> {
    let pae = bytes(out, "pae");
    PublicKey::enrol(&bytes(out, "public_key")).ok()?.verify(&pae, &bytes(out, "signature")).ok()?;
    let after: Vec<&[u8]> = pae.splitn(3, |b| *b == b' ').collect();
    assert_eq!((after[0], after[1]), (&b"DSSEv1"[..], text(case, "type").len().to_string().as_bytes()));
    assert_eq!(digest(out, "digest").0, <[u8; 32]>::from(sha2::Sha256::digest(&pae)));
    let payload = &pae[pae.len() - bytes(case, "payload").len()..];
    Some(json!({"payload": hex(payload)}))
}

fn event_inputs() -> Vec<Value> {
    let (a, b, none) = (seed(0xa1), seed(0xb2), seed(0));
    let agreement = "b87a46075518524dc7e04cbb71b8711f653b83cc480cf88b5f62eb55889e83cc";
    vec![
        json!({"kind": 1, "time_ms": 1_795_291_653_007i64, "peer": "varde.example/ee/1", "direction": 1, "class": 2, "seq": "1",
               "object": a, "chain": b, "restricted": seed(0xc3), "agreement": agreement, "body": ""}),
        json!({"kind": 4, "time_ms": 1_795_291_653_008i64, "peer": "varde.example/ee/1", "direction": 2, "class": 1,
               "seq": "18446744073709551615", "object": a, "chain": b, "restricted": none, "agreement": agreement,
               "body": hex(b"bad-signature")}),
        json!({"kind": 128, "time_ms": 0, "peer": "", "direction": 0, "class": 0, "seq": "0", "object": a, "chain": none,
               "restricted": none, "agreement": none, "body": "00ff".repeat(40)}),
        json!({"kind": 77, "time_ms": 1, "peer": "", "direction": 0, "class": 6, "seq": "0", "object": none, "chain": none,
               "restricted": none, "agreement": none, "body": "00"}),
    ]
}

fn event(case: &Value) -> Event {
    let peer = Some(text(case, "peer")).filter(|peer| !peer.is_empty()).map(|peer| Origin::parse(peer).unwrap());
    Event {
        kind: Kind(small(case, "kind") as u8),
        time: Timestamp::from_ms(small(case, "time_ms") as i64).unwrap(),
        peer,
        direction: Direction::from_number(small(case, "direction") as u8).unwrap(),
        class: small(case, "class") as u8,
        seq: number(case, "seq"),
        object: digest(case, "object"),
        chain: digest(case, "chain"),
        restricted: digest(case, "restricted"),
        agreement: digest(case, "agreement"),
        body: bytes(case, "body"),
    }
}

fn event_decode(out: &Value, _: &Value) -> Option<Value> {
    let event = Event::decode(&bytes(out, "event")).ok()?;
    Some(json!({
        "kind": event.kind.0, "time_ms": event.time.ms(), "peer": event.peer.map_or(String::new(), |peer| peer.to_string()),
        "direction": event.direction.number(), "class": event.class, "seq": event.seq.to_string(),
        "object": event.object.to_string(), "chain": event.chain.to_string(), "restricted": event.restricted.to_string(),
        "agreement": event.agreement.to_string(), "body": hex(&event.body),
    }))
}

fn event_refused() -> Vec<Value> {
    let inputs = event_inputs();
    let good = event(&inputs[2]).encode().unwrap();
    // magic 8, kind 1, time 8, peer length 1 (no peer), direction, class, seq 8, four digests, length of the body 2
    let (time, peer, direction, class, length) = (9, 17, 18, 19, 19 + 1 + 8 + 128);
    let changed = |place: usize, byte: u8, why: &str| {
        let mut event = good.clone();
        event[place] = byte;
        json!({"event": hex(&event), "why": why})
    };
    vec![
        changed(7, 2, "another magic"),
        changed(time, 0x7f, "a time after the year 9999"),
        changed(peer, 1, "a peer that is no origin"),
        changed(direction, 3, "no such direction"),
        changed(class, 7, "no such class"),
        changed(length, 0x10, "a body of over 4,096 bytes"),
        changed(length + 1, 79, "a byte after the body"),
        json!({"event": hex(&good[..good.len() - 1]), "why": "a byte short"}),
        json!({"event": "", "why": "nothing"}),
    ]
}

fn leaf_encode(case: &Value) -> Value {
    let opening = Opening::new(&array(case, "r"), Event::decode(&bytes(case, "event")).unwrap()).unwrap();
    let entry = opening.entry();
    json!({
        "commitment": hex(&entry.bytes()[1..]), "entry": hex(entry.bytes()),
        "leaf_hash": entry.leaf_hash().to_string(), "opening": hex(opening.bytes()),
    })
}

fn leaf_decode(out: &Value, _: &Value) -> Option<Value> {
    let opening = Opening::parse(&bytes(out, "opening")).ok()?;
    assert_eq!(hex(opening.entry().bytes()), text(out, "entry"));
    let (r, event) = opening.bytes().split_at(32);
    Some(json!({"r": hex(r), "event": hex(event)}))
}
