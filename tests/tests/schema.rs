//! What an earlier edition sends is read by this one, and the other way round: no field of a signed payload or of a frame and no code is
//! taken away, given another number or another type, and no field is added without a new version of its payload
//! (docs/decisions). The schema of each edition is kept beside the vectors, message by message.
#![allow(missing_docs, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Messages and enums by their name: the numbered lines of each.
type Schema = BTreeMap<String, BTreeSet<String>>;

fn folder(under: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(under)
}

/// Reads `proto/schema/varde/peer/v1`: one line a field or code, as `TYPE NAME = NUMBER`.
fn schema() -> Schema {
    let mut schema = Schema::new();
    for file in std::fs::read_dir(folder("../proto/schema/varde/peer/v1")).unwrap() {
        let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let (mut within, mut depth) = (String::new(), 0);
        for line in text.lines().map(|line| line.split("//").next().unwrap_or_default().trim()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if let ["message" | "enum", name, "{"] = words[..] {
                within = format!("{} {name}", words[0]);
                assert_eq!(depth, 0, "{name} stands inside another; nested ones are not read here");
                schema.insert(within.clone(), BTreeSet::new());
            }
            depth += line.matches('{').count();
            depth -= line.matches('}').count();
            if let (Some(entry), Some(of)) = (line.strip_suffix(';'), schema.get_mut(&within))
                && depth > 0
                && let Some((what, number)) = entry.rsplit_once('=')
                && number.trim().parse::<u32>().is_ok()
            {
                of.insert(format!("{} = {}", what.split_whitespace().collect::<Vec<_>>().join(" "), number.trim()));
            }
        }
    }
    schema
}

fn write(schema: &Schema) -> String {
    let block = |(name, lines): (&String, &BTreeSet<String>)| {
        format!("{name}\n{}", lines.iter().map(|line| format!("  {line}\n")).collect::<String>())
    };
    schema.iter().map(block).collect()
}

fn read(text: &str) -> Schema {
    let mut schema = Schema::new();
    let mut within = String::new();
    for line in text.lines() {
        match line.strip_prefix("  ") {
            Some(entry) => drop(schema.entry(within.clone()).or_default().insert(entry.to_owned())),
            None => {
                within = line.to_owned();
                schema.insert(within.clone(), BTreeSet::new());
            }
        }
    }
    schema
}

/// What of an earlier schema this one does not keep.
fn broken(before: &Schema, now: &Schema) -> Vec<String> {
    let mut broken = Vec::new();
    for (name, lines) in before {
        let Some(present) = now.get(name) else {
            broken.push(format!("{name} is gone"));
            continue;
        };
        broken.extend(lines.difference(present).map(|line| format!("{name}: {line} is gone or changed")));
        // A new code is told from an unknown one; a new field is a new version of its payload.
        if name.starts_with("message") {
            broken.extend(present.difference(lines).map(|line| format!("{name}: {line} is new in this version")));
        }
    }
    broken
}

#[test]
fn what_the_first_edition_sends_and_reads_is_kept() {
    let (file, now) = (folder("vectors/schema/v1.txt"), schema());
    assert!(now.len() > 60 && now["message Alert"].len() > 40, "the schema was not read");
    if std::env::var_os("VARDE_WRITE_VECTORS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, write(&now)).unwrap();
    }
    let before = read(&std::fs::read_to_string(&file).unwrap());
    assert_eq!(broken(&before, &now), [] as [String; 0]);
}

fn add(schema: &mut Schema, to: &str, line: &str) {
    assert!(schema.get_mut(to).unwrap().insert(line.to_owned()), "{line} was there");
}

#[test]
fn each_way_of_breaking_an_earlier_edition_is_found() {
    let before = schema();
    let found = |change: &dyn Fn(&mut Schema)| {
        let mut now = before.clone();
        change(&mut now);
        broken(&before, &now).len()
    };
    let lines = |schema: &mut Schema, name: &str, change: &dyn Fn(&str) -> Option<String>| {
        let changed = schema[name].iter().filter_map(|line| change(line)).collect();
        schema.insert(name.to_owned(), changed);
    };
    let replaced = |name: &'static str, from: &'static str, to: &'static str| {
        found(&|now| lines(now, name, &|line| Some(line.replace(from, to))))
    };
    assert_eq!(found(&|_| ()), 0);
    assert_eq!(found(&|now| drop(now.remove("message Frame"))), 1, "a message that is gone");
    assert!(replaced("message Alert", "bytes supersedes = 4", "string supersedes = 4") > 0, "another type");
    assert!(replaced("message Alert", "bytes supersedes = 4", "bytes supersedes = 44") > 0, "another number");
    assert!(found(&|now| add(now, "message Alert", "string note = 33")) > 0, "a new field");
    assert!(replaced("enum Tlp", "TLP_RED = 1", "TLP_RED = 9") > 0, "a code that means another");
    assert_eq!(found(&|now| add(now, "enum Tlp", "TLP_NEW = 9")), 0, "a new code");
    assert_eq!(found(&|now| drop(now.insert("message New".into(), BTreeSet::new()))), 0, "a new message");
    assert_eq!(read(&write(&before)), before);
}
