//! Bodies of leaves about the log itself, and cosignatures by ML-DSA-44.

use super::{Format, bytes, digest, list, number, seed, text};
use serde_json::{Value, json};
use varde_proto::id::{Origin, hex};
use varde_proto::log::body::{Entangled, Recovery};
use varde_proto::time::Timestamp;

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "body",
            about: "What an `entangle` leaf names, or a `recovery` leaf says (in); the leaf's body (out). Sizes and indexes are \
                    decimal numbers as text.",
            inputs,
            encode: |case| json!({"body": hex(&encode(case).unwrap())}),
            decode: Some(decode),
            refused,
        },
        #[cfg(feature = "post-quantum")]
        Format {
            name: "cosignature-ml-dsa",
            about: "A checkpoint, and the cosigner's name, time in seconds and seed (in); the message that is signed in hex, the \
                    signature line of the deterministic variant, and the cosigner's verifier key (out).",
            inputs: quantum::inputs,
            encode: quantum::encode,
            decode: Some(quantum::decode),
            refused: super::none,
        },
    ]
}

fn inputs() -> Vec<Value> {
    let head = |origin: &str, size: &str, byte| json!({"origin": origin, "size": size, "root": seed(byte)});
    let recovery = |backup: &str, size: &str, missing: Value| json!({"kind": "recovery", "backup_ms": 1_795_291_200_000_u64, "backup_size": backup, "size": size, "missing": missing});
    vec![
        json!({"kind": "entangle", "heads": []}),
        json!({"kind": "entangle", "heads": [head("varde.example/ee/1", "7", 1), head("varde.example/lt/2", "18446744073709551615", 2)]}),
        recovery("40", "40", json!([])),
        recovery("40", "50", json!([["41", "43"], ["49", "50"]])),
    ]
}

fn encode(case: &Value) -> Option<Vec<u8>> {
    if text(case, "kind") == "entangle" {
        let head = |head: &Value| Entangled {
            origin: Origin::parse(text(head, "origin")).unwrap(),
            size: number(head, "size"),
            root: digest(head, "root"),
        };
        return Entangled::write(&list(&case["heads"]).into_iter().map(head).collect::<Vec<_>>());
    }
    let range = |range: &Value| {
        let end = |place: usize| range[place].as_str().unwrap().parse().unwrap();
        (end(0), end(1))
    };
    let recovery = Recovery {
        backup: Timestamp::from_ms(case["backup_ms"].as_i64().unwrap()).unwrap(),
        backup_size: number(case, "backup_size"),
        size: number(case, "size"),
        missing: list(&case["missing"]).into_iter().map(range).collect(),
    };
    recovery.write()
}

fn decode(out: &Value, case: &Value) -> Option<Value> {
    let body = bytes(out, "body");
    if text(case, "kind") == "entangle" {
        let head = |head: Entangled| json!({"origin": head.origin.as_str(), "size": head.size.to_string(), "root": head.root.to_string()});
        return Some(json!({"heads": Entangled::read(&body)?.into_iter().map(head).collect::<Vec<_>>()}));
    }
    let Recovery { backup, backup_size, size, missing } = Recovery::read(&body)?;
    let missing: Vec<_> = missing.iter().map(|(from, to)| [from.to_string(), to.to_string()]).collect();
    Some(
        json!({"backup_ms": backup.ms(), "backup_size": backup_size.to_string(), "size": size.to_string(), "missing": missing}),
    )
}

fn refused() -> Vec<Value> {
    let body = |place: usize| encode(&inputs()[place]).unwrap();
    let case = |kind: &str, body: &[u8], why: &str| json!({"kind": kind, "body": hex(body), "why": why});
    let with = |missing: &[(u64, u64)]| {
        let mut body = body(2);
        body.truncate(24);
        body.extend_from_slice(&(missing.len() as u16).to_be_bytes());
        missing.iter().for_each(|(from, to)| body.extend([from.to_be_bytes(), to.to_be_bytes()].concat()));
        body
    };
    let (two, whole) = (body(1), body(3));
    vec![
        case("entangle", &two[..two.len() - 1], "cut"),
        case("entangle", &[&[0][..], &[0; 40]].concat(), "an empty name is no origin"),
        case("recovery", &whole[..whole.len() - 1], "cut"),
        case("recovery", &[&whole[..], &[0]].concat(), "a byte too many"),
        case("recovery", &with(&[(39, 40)]), "a leaf that the backup had"),
        case("recovery", &with(&[(40, 41)]), "a leaf from size on"),
    ]
}

#[cfg(feature = "post-quantum")]
mod quantum {
    use super::super::{array, notes, number, text};
    use serde_json::{Value, json};
    use varde_proto::id::hex;
    use varde_proto::log::quantum::{QuantumKey, sign};
    use varde_proto::log::{Checkpoint, Note, Vkey};

    pub(super) fn inputs() -> Vec<Value> {
        let mut case = notes::cosignature_inputs()[0].clone();
        case["cosigner_seed"] = json!(super::seed(9));
        vec![case]
    }

    fn key(case: &Value) -> QuantumKey {
        QuantumKey::from_seed(&array(case, "cosigner_seed").into())
    }

    pub(super) fn encode(case: &Value) -> Value {
        let checkpoint = Checkpoint::parse(notes::head(case).note().text()).unwrap();
        let (name, seconds) = (text(case, "name"), number(case, "seconds"));
        let line = sign(&checkpoint, name, seconds, &key(case)).unwrap();
        let vkey = Vkey::new(name, key(case).public()).unwrap();
        let short = |text: &str| [&[text.len() as u8], text.as_bytes()].concat();
        let message = [
            b"subtree/v1\n\0".to_vec(),
            short(name),
            seconds.to_be_bytes().to_vec(),
            short(checkpoint.origin()),
            vec![0; 8],
            checkpoint.size().0.to_be_bytes().to_vec(),
            checkpoint.root().0.to_vec(),
        ];
        json!({"message": hex(&message.concat()), "line": line.text() + "\n", "vkey": vkey.text()})
    }

    pub(super) fn decode(out: &Value, case: &Value) -> Option<Value> {
        let note = notes::head(case).note().write() + text(out, "line");
        let known = [Vkey::parse(text(out, "vkey")).ok()?];
        let note = Note::parse(note.as_bytes()).ok()?;
        let verified = note.verify(&known).ok()?;
        Some(json!({"seconds": verified[0].time?.to_string(), "name": note.signatures().last()?.name()}))
    }
}
