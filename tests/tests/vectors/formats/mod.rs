//! The golden files of `tests/vectors`, one a byte format: what each holds, how it is made from plain inputs, how it is read
//! back. A second implementation is tested with the same files; `README.md` beside them says how.

mod bodies;
mod commits;
mod documents;
mod keys;
mod names;
mod notes;
mod policies;
mod requests;
mod summaries;
mod trees;

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use varde_proto::id::{Digest, TreeSize, hex, unhex};
use varde_proto::identity::SecretKey;

/// One format and its golden file.
struct Format {
    /// The file's name without `.json`.
    name: &'static str,
    /// What `in` and `out` are.
    about: &'static str,
    /// What every case starts from.
    inputs: fn() -> Vec<Value>,
    /// From `in` to `out`.
    encode: fn(&Value) -> Value,
    /// From `out` back to what of `in` it says; `None` for what is refused. The second argument is `in`, for the keys.
    decode: Option<fn(&Value, &Value) -> Option<Value>>,
    /// What `decode` must refuse, each with a `why`.
    refused: fn() -> Vec<Value>,
}

fn all() -> Vec<Format> {
    [
        names::formats(),
        bodies::formats(),
        keys::formats(),
        commits::formats(),
        commits::one_way(),
        trees::formats(),
        trees::files(),
        notes::formats(),
        policies::formats(),
        requests::formats(),
        documents::formats(),
        summaries::formats(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors")
}

fn none() -> Vec<Value> {
    Vec::new()
}

/// With `VARDE_WRITE_VECTORS=1`, writes the file first.
fn load(format: &Format) -> Value {
    let path = folder().join(format.name).with_extension("json");
    if std::env::var_os("VARDE_WRITE_VECTORS").is_some() {
        let case = |input: Value| json!({"in": input, "out": (format.encode)(&input)});
        let cases: Vec<Value> = (format.inputs)().into_iter().map(case).collect();
        let file = json!({"about": format.about, "cases": cases, "refused": (format.refused)()});
        std::fs::write(&path, serde_json::to_string_pretty(&file).unwrap() + "\n").unwrap();
    }
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap()
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().unwrap().iter().collect()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_else(|| panic!("no text {field:?} in {value}"))
}

/// A number below 256, or one that fits a double; larger ones are text.
fn small(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap_or_else(|| panic!("no number {field:?} in {value}"))
}

/// A decimal number as text.
fn number(value: &Value, field: &str) -> u64 {
    text(value, field).parse().unwrap()
}

fn unhexed(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|n| unhex::<1>(&text[2 * n..2 * n + 2]).unwrap()[0]).collect()
}

/// Bytes in hex.
fn bytes(value: &Value, field: &str) -> Vec<u8> {
    unhexed(text(value, field))
}

fn array<const N: usize>(value: &Value, field: &str) -> [u8; N] {
    unhex(text(value, field)).unwrap()
}

fn digest(value: &Value, field: &str) -> Digest {
    Digest::parse(text(value, field)).unwrap()
}

fn size(value: &Value, field: &str) -> TreeSize {
    TreeSize(number(value, field))
}

fn digests(value: &Value) -> Vec<Digest> {
    list(value).into_iter().map(|text| Digest::parse(text.as_str().unwrap()).unwrap()).collect()
}

fn shown(digests: &[Digest]) -> Vec<String> {
    digests.iter().map(Digest::to_string).collect()
}

/// A secret key from its seed in hex.
fn secret(value: &Value, field: &str) -> SecretKey {
    SecretKey::from_seed(&array(value, field).into())
}

/// A seed of one repeated byte, in hex.
fn seed(byte: u8) -> String {
    hex(&[byte; 32])
}

#[test]
fn every_golden_file_is_what_our_own_code_makes_of_its_inputs() {
    for format in all() {
        let file = load(&format);
        let name = format.name;
        assert_eq!(file["about"], format.about, "{name}");
        let inputs: Vec<&Value> = list(&file["cases"]).into_iter().map(|case| &case["in"]).collect();
        let wanted = (format.inputs)();
        assert!(!wanted.is_empty(), "{name} has no case");
        assert_eq!(inputs, wanted.iter().collect::<Vec<_>>(), "{name} has other inputs");
        assert_eq!(list(&file["refused"]), (format.refused)().iter().collect::<Vec<_>>(), "{name}");
        for case in list(&file["cases"]) {
            assert_eq!((format.encode)(&case["in"]), case["out"], "{name}: {}", case["in"]);
        }
    }
}

#[test]
fn every_golden_file_reads_back_to_its_inputs_and_what_is_refused_does_not() {
    for format in all() {
        let (file, name) = (load(&format), format.name);
        let Some(decode) = format.decode else {
            assert!((format.refused)().is_empty(), "{name} is one-way and refuses nothing");
            continue;
        };
        for case in list(&file["cases"]) {
            let read = decode(&case["out"], &case["in"]).unwrap_or_else(|| panic!("{name} is refused: {case}"));
            let read = read.as_object().unwrap();
            assert!(!read.is_empty(), "{name} says nothing");
            for (field, value) in read {
                assert_eq!(*value, case["in"][field], "{name}: {field}");
            }
        }
        for refused in list(&file["refused"]) {
            assert!(!text(refused, "why").is_empty());
            assert_eq!(decode(refused, refused), None, "{name}: {}", refused["why"]);
        }
    }
}

#[test]
fn every_file_of_the_folder_is_a_golden_file_that_the_readme_names() {
    let readme = std::fs::read_to_string(folder().join("README.md")).unwrap();
    let known: Vec<&str> = all().iter().map(|format| format.name).chain(["log", "cosignature-ml-dsa"]).collect();
    for file in std::fs::read_dir(folder()).unwrap() {
        let name = file.unwrap().file_name().into_string().unwrap();
        assert!(name == "README.md" || readme.contains(&format!("`{name}`")), "the README does not name {name}");
        if let Some(stem) = name.strip_suffix(".json") {
            assert!(known.contains(&stem), "no test reads {name}");
        }
    }
}

/// Runs the second verifier, in another language and of its own making, over all files; and over files with one value changed.
#[test]
fn a_verifier_that_shares_no_code_with_ours_agrees_with_every_golden_file() {
    let run = |folder: &Path| Command::new("python3").arg(self::folder().join("check.py")).arg(folder).output();
    let Ok(first) = run(&folder()) else {
        println!("skipped: no python3");
        return;
    };
    println!("{}", String::from_utf8_lossy(&first.stdout));
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let spoilt = tempfile::tempdir().unwrap();
    for (name, field) in [("leaf", "commitment"), ("chain", "accumulators"), ("checkpoint", "text")] {
        let mut file: Value =
            serde_json::from_slice(&std::fs::read(folder().join(format!("{name}.json"))).unwrap()).unwrap();
        let out = &mut file["cases"][0]["out"][field];
        *out = serde_json::from_str(&out.to_string().replacen(['1', '2', '3'], "4", 1)).unwrap();
        std::fs::write(spoilt.path().join(format!("{name}.json")), file.to_string()).unwrap();
        let told = run(spoilt.path()).unwrap();
        assert!(!told.status.success(), "{name} was changed and passes");
        assert!(String::from_utf8_lossy(&told.stderr).contains(name));
        std::fs::remove_file(spoilt.path().join(format!("{name}.json"))).unwrap();
    }
}
