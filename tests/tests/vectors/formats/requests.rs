//! Requests to cosign, and the answers a witness must give.

use super::{Format, digest, digests, number, secret, seed, shown, size, text};
use crate::formats::notes;
use serde_json::{Value, json};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::log::vkey::KeyMaterial;
use varde_proto::log::witness::{self, AddCheckpoint, KnownLog, Latest, Witness};
use varde_proto::log::{Note, Tree, Vkey, merkle};

pub(super) fn formats() -> Vec<Format> {
    vec![Format {
        name: "add-checkpoint",
        about: "The old size, hashes and checkpoint note of a request; the latest checkpoint that the witness cosigned; the \
                origin, whether the witness knows it, and the log's seed; the witness's name, seed and time (in). The request's \
                body and the answer (out). Refused: bodies that are answered with 400.",
        inputs,
        encode,
        decode: Some(|out, _| {
            let request = AddCheckpoint::parse(text(out, "body").as_bytes()).ok()?;
            let body = request.write();
            let (old, rest) = body.split_once('\n')?;
            let count = rest.split("\n\n").next()?.lines().filter(|line| line.len() == 44).count();
            let note = request.note().write();
            assert!(count <= 63 && body.ends_with(&note));
            Some(json!({"old": old.strip_prefix("old ")?, "note": note}))
        }),
        refused,
    }]
}

const LOG: &str = "varde.example/no/1";

fn tree() -> Tree {
    let mut tree = Tree::default();
    for n in 0..13u8 {
        tree.push(merkle::leaf_hash(&[n]));
    }
    tree
}

fn root(size: u64) -> Digest {
    tree().root_at(TreeSize(size)).unwrap()
}

fn note(size: u64, root: Digest, signer: u8) -> String {
    notes::head(&json!({"origin": LOG, "size": size.to_string(), "root": root.to_string(), "seed": seed(signer)}))
        .write()
}

fn request(old: u64, path: Vec<Digest>, note: String, latest: u64, what: &str) -> Value {
    json!({
        "what": what, "old": old.to_string(), "hashes": shown(&path), "note": note,
        "latest_size": latest.to_string(), "latest_root": root(latest).to_string(),
        "origin": LOG, "known": true, "log_seed": seed(1), "name": "varde.example/witness/ee", "seed": seed(5), "seconds": "1795291653",
    })
}

fn inputs() -> Vec<Value> {
    let path = |old: u64, new: u64| tree().consistency(TreeSize(old), TreeSize(new)).unwrap_or_default();
    let honest = |old, new| request(old, path(old, new), note(new, root(new), 1), old, "consistent");
    let one = || vec![Digest([7; 32])];
    let mut unknown = request(0, vec![], note(5, root(5), 1), 0, "an unknown log");
    unknown["known"] = json!(false);
    let spoilt = note(5, root(5), 1).replacen("\n5\n", "\n6\n", 1);
    vec![
        honest(0, 0),
        honest(0, 5),
        honest(5, 5),
        honest(5, 13),
        honest(8, 13),
        unknown,
        request(0, vec![], note(5, root(5), 2), 0, "signed by a key that is not the log's"),
        request(0, vec![], spoilt, 0, "a line of the log that does not verify"),
        request(8, vec![], note(5, root(5), 1), 8, "the old size is above the new one"),
        request(0, vec![], note(5, root(5), 1), 3, "another old size than the latest"),
        request(5, path(5, 13), note(13, root(13), 1), 8, "another old size than the latest"),
        request(0, vec![], note(0, Digest([7; 32]), 1), 0, "no leaves, and another root than that of the empty tree"),
        request(0, one(), note(5, root(5), 1), 0, "a proof from the empty tree"),
        request(5, vec![], note(5, Digest([7; 32]), 1), 5, "the same size and another root"),
        request(5, one(), note(5, root(5), 1), 5, "the same size and a proof"),
        request(5, path(5, 12), note(13, root(13), 1), 5, "a proof that leads elsewhere"),
        request(5, vec![], note(13, root(13), 1), 5, "no proof"),
    ]
}

fn encode(case: &Value) -> Value {
    let note = Note::parse(text(case, "note").as_bytes()).unwrap();
    let request = AddCheckpoint::new(size(case, "old"), digests(&case["hashes"]), note).unwrap();
    let keys = [Vkey::new(text(case, "origin"), KeyMaterial::Ed25519(secret(case, "log_seed").public())).unwrap()];
    let latest = Latest { size: size(case, "latest_size"), root: digest(case, "latest_root") };
    let log = KnownLog { keys: &keys, extensions: false, latest };
    let (known, key) = (case["known"].as_bool().unwrap(), secret(case, "seed"));
    let witness = Witness { name: text(case, "name"), key: &key };
    let verdict = witness::decide(&request, known.then_some(log), witness, number(case, "seconds"));
    let answer = witness::answer(&verdict);
    // What is said to people about a refusal is nobody's format.
    let fixed = matches!(answer.status, 200 | 409);
    let body = if fixed { json!(answer.body) } else { Value::Null };
    let grpc = verdict.err().map_or(0, |refused| refused.grpc());
    let content_type = if fixed { json!(answer.content_type) } else { Value::Null };
    json!({"body": request.write(), "status": answer.status, "grpc": grpc, "answer": body, "content_type": content_type})
}

fn refused() -> Vec<Value> {
    let good = text(&encode(&inputs()[3]), "body").to_owned();
    let no = |body: String, why: &str| json!({"body": body, "why": why});
    let hash = good.lines().nth(1).unwrap().to_owned() + "\n";
    vec![
        no(good.replacen("old 5", "old 05", 1), "a leading zero"),
        no(good.replacen("old 5", "old +5", 1), "a sign"),
        no(good.replacen("old 5", "old  5", 1), "two spaces"),
        no(good.replacen("old 5", "old 18446744073709551616", 1), "2^64"),
        no(good.replacen("old 5\n", "", 1), "no old size"),
        no(good.replacen(&hash, &hash.replacen('=', "", 1), 1), "base64 without padding"),
        no(good.replacen(&hash, "AAAA\n", 1), "three bytes"),
        no(good.replacen(&hash, &hash.repeat(64), 1), "more than 63 hashes"),
        no(good.replacen("\n\n", "\n", 1), "no empty line"),
        no(good.replacen("\n13\n", "\n013\n", 1), "a checkpoint that is none"),
        no(good.trim_end().to_owned(), "no newline at the end"),
        no(good.replace('\n', "\r\n"), "lines that end in CR LF"),
    ]
}
