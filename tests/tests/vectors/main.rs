//! The log's formats against the world: published vectors (`VARDE_VECTORS`, or `../shared/vectors` beside the repository),
//! other implementations on random input, and this project's own golden values. Every test of published vectors prints how
//! many cases it ran; without the files it says so and checks nothing.

#![allow(clippy::unwrap_used, reason = "tests")]
#![allow(missing_docs, reason = "tests")]

mod differential_notes;
mod differential_proofs;
mod differential_tree;
mod differential_witness;
mod formats;
mod golden;
mod independent;
mod published_keys;
mod published_merkle;
mod published_notes;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::path::PathBuf;
use varde_proto::id::Digest;

/// The file's content, or `None` (said aloud) when the vectors are not on this machine.
fn published(file: &str) -> Option<Value> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/vectors");
    let folder = std::env::var_os("VARDE_VECTORS").map_or(beside, PathBuf::from);
    match std::fs::read(folder.join(file)) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes).unwrap()),
        Err(_) => {
            println!("skipped: no external vectors ({file})");
            None
        }
    }
}

fn cases(value: &Value) -> &Vec<Value> {
    value.as_array().unwrap()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

/// A hash in base64; `None` when it is not 32 bytes, which no API of ours can express.
fn hash(text: &str) -> Option<Digest> {
    Digest::from_bytes(&STANDARD.decode(text).unwrap())
}

/// A path of hashes, `null` for an empty one; `None` when one of them is not 32 bytes.
fn path(value: &Value) -> Option<Vec<Digest>> {
    match value {
        Value::Null => Some(Vec::new()),
        list => cases(list).iter().map(|item| hash(item.as_str().unwrap())).collect(),
    }
}
