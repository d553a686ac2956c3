//! Signed texts of a log: checkpoints, cosignatures, and proofs of one leaf.

use super::{Format, bytes, digest, digests, number, secret, seed, shown, size, text};
use serde_json::{Value, json};
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize, hex};
use varde_proto::log::leaf::Opening;
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::{Checkpoint, Event, Head, Kind, Note, TlogProof, Tree, Vkey, cosignature, merkle};
use varde_proto::time::Timestamp;

pub(super) fn formats() -> Vec<Format> {
    vec![
        Format {
            name: "checkpoint",
            about: "Origin, size, root and the log's seed (in); the text that is signed and the note (out). `size` is a decimal \
                    number as text.",
            inputs: checkpoint_inputs,
            encode: |case| {
                let head = head(case);
                json!({"text": head.note().text(), "note": head.write(), "vkey": vkey(case)})
            },
            decode: Some(checkpoint_decode),
            refused: checkpoint_refused,
        },
        Format {
            name: "cosignature",
            about: "A checkpoint, and the cosigner's name, time in seconds and seed (in); the message that is signed, the \
                    signature line, and the cosigner's verifier key (out).",
            inputs: cosignature_inputs,
            encode: cosignature_encode,
            decode: Some(cosignature_decode),
            refused: cosignature_refused,
        },
        Format {
            name: "proof",
            about: "The index of a leaf, its path, a checkpoint note, and `extra` in hex, empty for none (in); the tlog-proof \
                    (out).",
            inputs: proof_inputs,
            encode: |case| json!({"proof": proof(case).write()}),
            decode: Some(proof_decode),
            refused: proof_refused,
        },
    ]
}

fn checkpoint_inputs() -> Vec<Value> {
    let case = |size: &str, root: String, byte| json!({"origin": "varde.example/no/1", "size": size, "root": root, "seed": seed(byte)});
    let empty = Digest::of(b"").to_string();
    vec![case("123", seed(0x11), 1), case("0", empty, 1), case("18446744073709551615", seed(0xff), 2)]
}

pub(super) fn head(case: &Value) -> Head {
    let origin = Origin::parse(text(case, "origin")).unwrap();
    Head::sign(&origin, size(case, "size"), digest(case, "root"), &secret(case, "seed")).unwrap()
}

fn vkey(case: &Value) -> String {
    Vkey::new(text(case, "origin"), KeyMaterial::Ed25519(secret(case, "seed").public())).unwrap().text()
}

fn checkpoint_decode(out: &Value, case: &Value) -> Option<Value> {
    let origin = Origin::parse(text(case, "origin")).unwrap();
    let head = Head::from_note(text(out, "note").as_bytes(), &origin, &[secret(case, "seed").public()]).ok()?;
    let read = Checkpoint::parse(text(out, "text")).ok()?;
    assert_eq!((read.origin(), read.size(), read.root()), (origin.as_str(), head.size(), head.root()));
    Some(json!({"origin": read.origin(), "size": read.size().0.to_string(), "root": read.root().to_string()}))
}

fn checkpoint_refused() -> Vec<Value> {
    let input = &checkpoint_inputs()[0];
    let head = head(input);
    let (signed, note) = (head.note().text(), head.write());
    let origin = text(input, "origin");
    let no = |text: String, note: String, why: &str| json!({"origin": origin, "seed": seed(1), "text": text, "note": note, "why": why});
    let both = |from: &str, to: &str, why: &str| no(signed.replacen(from, to, 1), note.replacen(from, to, 1), why);
    let resigned = |text: String, why: &str| {
        let mut note = Note::new(&text).unwrap();
        note.sign(origin, &secret(input, "seed")).unwrap();
        no(text, note.write(), why)
    };
    vec![
        both("\n123\n", "\n124\n", "signed for another size"),
        both("/no/1\n", "/ee/1\n", "of another log"),
        resigned(signed.replacen("123", "0123", 1), "a leading zero"),
        resigned(signed.replacen("123", "18446744073709551616", 1), "2^64 leaves"),
        resigned(signed.replacen("=\n", "\n", 1), "base64 without padding"),
        resigned(format!("{signed}more\n"), "an extension line, in our own network"),
        no(signed.to_owned(), note.trim_end().to_owned(), "no newline at the end"),
        no(signed.to_owned(), note.replacen("\u{2014} ", "- ", 1), "a hyphen for the dash"),
        no(signed.to_owned(), format!("{note}more\n"), "a line after the signatures"),
        no(signed.to_owned(), format!("{signed}\n"), "no signature"),
    ]
}

pub(super) fn cosignature_inputs() -> Vec<Value> {
    let with = |seconds: &str, name: &str| {
        let mut case = checkpoint_inputs()[0].clone();
        case["name"] = json!(name);
        case["seconds"] = json!(seconds);
        case["cosigner_seed"] = json!(seed(5));
        case
    };
    vec![with("1795291653", "varde.example/witness/ee"), with("9223372036854775807", "wit.example")]
}

fn cosignature_encode(case: &Value) -> Value {
    let checkpoint = Checkpoint::parse(head(case).note().text()).unwrap();
    let key = secret(case, "cosigner_seed");
    let line = cosignature::sign(&checkpoint, text(case, "name"), number(case, "seconds"), &key).unwrap();
    let vkey = Vkey::new(text(case, "name"), KeyMaterial::Cosignature(key.public())).unwrap();
    let message = format!("cosignature/v1\ntime {}\n{}", text(case, "seconds"), checkpoint.text());
    json!({"message": message, "line": line.text() + "\n", "vkey": vkey.text()})
}

fn cosignature_decode(out: &Value, case: &Value) -> Option<Value> {
    let note = head(case).note().write() + text(out, "line");
    let known = [Vkey::parse(text(out, "vkey")).ok()?];
    let note = Note::parse(note.as_bytes()).ok()?;
    let verified = note.verify(&known).ok()?;
    let line = note.signatures().last()?;
    let (_, signature) = cosignature::stated(line.signature())?;
    secret(case, "cosigner_seed").public().verify(text(out, "message").as_bytes(), signature).ok()?;
    Some(json!({"seconds": verified[0].time?.to_string(), "name": line.name()}))
}

fn cosignature_refused() -> Vec<Value> {
    let with = |place: usize, change: fn(&mut Value), why: &str| {
        let input = &cosignature_inputs()[place];
        let mut refused = input.clone();
        for (field, value) in cosignature_encode(input).as_object().unwrap() {
            refused[field] = value.clone();
        }
        change(&mut refused);
        refused["why"] = json!(why);
        refused
    };
    vec![
        with(0, |case| case["size"] = json!("124"), "of another checkpoint"),
        with(
            0,
            |case| case["vkey"] = cosignature_encode(&cosignature_inputs()[1])["vkey"].clone(),
            "by another key name",
        ),
        with(0, |case| case["message"] = json!("cosignature/v1\ntime 1\n"), "over another message"),
    ]
}

/// A tree of eleven leaves, of which number 4 opens to an event.
fn leaves() -> (Tree, Opening) {
    let time = Timestamp::from_ms(1_795_291_653_007).unwrap();
    let opening = Opening::new(&[6; 32], Event::local(Kind::PAD, time)).unwrap();
    let mut tree = Tree::default();
    for n in 0..11u8 {
        tree.push(if n == 4 { opening.entry().leaf_hash() } else { merkle::leaf_hash(&[n]) });
    }
    (tree, opening)
}

fn proof_inputs() -> Vec<Value> {
    let (tree, opening) = leaves();
    let case = |index: u64, leaves: u64, extra: &[u8]| {
        let whole = TreeSize(leaves);
        let path = tree.inclusion(LogIndex(index), whole).unwrap();
        let root = tree.root_at(whole).unwrap().to_string();
        let head =
            head(&json!({"origin": "varde.example/no/1", "size": leaves.to_string(), "root": root, "seed": seed(1)}));
        json!({
            "index": index.to_string(), "path": shown(&path), "checkpoint": head.write(), "extra": hex(extra),
            "leaf_hash": tree.leaf(LogIndex(index)).unwrap().to_string(),
        })
    };
    vec![case(4, 11, opening.bytes()), case(10, 11, b""), case(0, 1, b"")]
}

fn proof(case: &Value) -> TlogProof {
    TlogProof {
        extra: Some(bytes(case, "extra")).filter(|extra| !extra.is_empty()),
        index: LogIndex(number(case, "index")),
        path: digests(&case["path"]),
        checkpoint: Note::parse(text(case, "checkpoint").as_bytes()).unwrap(),
    }
}

fn proof_decode(out: &Value, _: &Value) -> Option<Value> {
    let proof = TlogProof::parse(text(out, "proof").as_bytes()).ok()?;
    let extra = proof.extra.as_deref().unwrap_or_default();
    if let Some(opening) = proof.opening() {
        assert_eq!(opening.entry().leaf_hash(), leaves().0.leaf(proof.index).unwrap());
    }
    Some(json!({
        "index": proof.index.0.to_string(), "path": shown(&proof.path), "extra": hex(extra), "checkpoint": proof.checkpoint.write(),
    }))
}

fn proof_refused() -> Vec<Value> {
    let good = proof(&proof_inputs()[0]).write();
    let no = |proof: String, why: &str| json!({"proof": proof, "why": why});
    let hash = good.lines().nth(3).unwrap().to_owned() + "\n";
    vec![
        no(good.replacen("@v1", "@v2", 1), "another version"),
        no(good.replacen("index 4", "index 04", 1), "a leading zero"),
        no(good.replacen("extra ", "extra  ", 1), "two spaces"),
        no(good.replacen("index", "Index", 1), "another word"),
        no(good.replacen(&hash, &hash.replacen('=', "", 1), 1), "base64 without padding"),
        no(good.replacen(&hash, &hash.repeat(64), 1), "more than 63 hashes"),
        no(good.split_once("\n\n").unwrap().0.to_owned() + "\n", "no checkpoint"),
        no(good.replace('\n', "\r\n"), "lines that end in CR LF"),
    ]
}
