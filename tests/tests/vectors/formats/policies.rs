//! Trust policies: what they ask, and which files are none.

use super::{Format, none, secret, seed, text};
use crate::formats::notes;
use serde_json::{Value, json};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Checkpoint, Note, Policy, Vkey, cosignature};

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "policy",
            about: "A tlog-policy and a checkpoint note with cosignatures (in); whether the policy is satisfied, and the \
                    witnesses that count with the time each states (out). One way.",
            inputs,
            encode,
            decode: None,
            refused: none,
        },
        Format {
            name: "policy-form",
            about: "A tlog-policy (in and out); those that are refused, with the reason.",
            inputs: || {
                vec![
                    json!({"policy": file("group all-of-them all ee lt\nquorum all-of-them\n")}),
                    json!({"policy": file("quorum none\n")}),
                ]
            },
            encode: |case| json!({"policy": case["policy"], "witnesses": parsed(case).map(|policy| policy.witnesses().len())}),
            decode: Some(|out, _| parsed(out).map(|_| json!({"policy": out["policy"]}))),
            refused,
        },
    ]
}

fn parsed(value: &Value) -> Option<Policy> {
    Policy::parse(text(value, "policy").as_bytes()).ok()
}

const ORIGIN: &str = "varde.example/no/1";
const EE: (&str, u8) = ("varde.example/witness/ee", 5);
const LT: (&str, u8) = ("varde.example/witness/lt", 6);

fn key(byte: u8) -> varde_proto::identity::SecretKey {
    secret(&json!({"seed": seed(byte)}), "seed")
}

/// The log, its two witnesses, and what follows.
fn file(rest: &str) -> String {
    let log = Vkey::new(ORIGIN, KeyMaterial::Ed25519(key(1).public())).unwrap().text();
    let witness =
        |(name, byte): (&str, u8)| Vkey::new(name, KeyMaterial::Cosignature(key(byte).public())).unwrap().text();
    format!("log {log}\nwitness ee {} https://ee.example\nwitness lt {}\n{rest}", witness(EE), witness(LT))
}

fn note(witnesses: &[(&str, u8)]) -> Note {
    let head = notes::head(&json!({"origin": ORIGIN, "size": "7", "root": seed(0x22), "seed": seed(1)}));
    let checkpoint = Checkpoint::parse(head.note().text()).unwrap();
    let mut note = head.note().clone();
    for (name, byte) in witnesses {
        note.add(cosignature::sign(&checkpoint, name, 1000 + u64::from(*byte), &key(*byte)).unwrap()).unwrap();
    }
    note
}

fn inputs() -> Vec<Value> {
    let case = |rest: &str, note: String| json!({"policy": file(rest), "note": note});
    let all = "group all-of-them all ee lt\nquorum all-of-them\n";
    let one = "group one 1 ee lt\nquorum one\n";
    let spoilt = note(&[EE]).write().replacen("varde.example/no/1\n7\n", "varde.example/no/1\n8\n", 1);
    let foreign = note(&[("varde.example/witness/dk", 7)]).write();
    vec![
        case(all, note(&[EE, LT]).write()),
        case(all, note(&[EE]).write()),
        case(one, note(&[LT]).write()),
        case("quorum lt\n", note(&[EE]).write()),
        case("quorum none\n", note(&[]).write()),
        case("group two 2 ee lt\nquorum two\n", note(&[EE, LT]).write()),
        case(one, foreign),
        case("quorum none\n", spoilt),
    ]
}

fn encode(case: &Value) -> Value {
    let note = Note::parse(text(case, "note").as_bytes()).unwrap();
    let verdict = parsed(case).unwrap().check(&note);
    let seen = |(name, time): &(String, u64)| json!({"name": name, "seconds": time.to_string()});
    let witnesses: Vec<Value> = verdict.iter().flat_map(|satisfied| satisfied.witnesses.iter().map(seen)).collect();
    json!({"satisfied": verdict.is_ok(), "witnesses": witnesses})
}

fn refused() -> Vec<Value> {
    let no = |rest: &str, why: &str| json!({"policy": file(rest), "why": why});
    let log = file("").lines().next().unwrap().to_owned() + "\n";
    vec![
        no("", "no quorum"),
        no("quorum none\nquorum none\n", "two quorums"),
        no("quorum dk\n", "a name that nothing defines"),
        no("group g 3 ee lt\nquorum g\n", "a threshold above the members"),
        no("group g 0 ee lt\nquorum g\n", "a threshold of none"),
        no("group g any ee ee\nquorum g\n", "a member twice"),
        no("group g any ee\ngroup h any ee\nquorum h\n", "a member of two groups"),
        no("group ee any lt\nquorum ee\n", "a name that is taken"),
        no(&format!("{log}quorum none\n"), "a log twice"),
        no("quorum none \u{b}\n", "a control character"),
        no("quorums none\n", "another word"),
    ]
}
