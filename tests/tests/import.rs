//! Cases into a real node with the real command line: counted, refused line by line, taken once, never lost.
#![allow(clippy::unwrap_used, reason = "tests")]

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use varde_tests::harness::{Country, Outcome, until};
use varde_tests::transcript::Stage;

fn started() -> (TempDir, Country) {
    let home = tempfile::tempdir().unwrap();
    let mut country = Country::init(home.path(), "NO").unwrap();
    country.start().unwrap();
    (home, country)
}

fn write(home: &TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = home.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn import(country: &Country, file: &Path, more: &[&str]) -> Outcome {
    let file = file.to_string_lossy().into_owned();
    country.varde(&[&["record", "import", &file, "--format", "varde", "--json"], more].concat()).unwrap()
}

/// added, known, refused
fn counts(document: &Value) -> [u64; 3] {
    ["added", "known", "refused"].map(|key| document[key].as_u64().unwrap())
}

fn held(country: &Country) -> u64 {
    country.varde(&["record", "count", "--json"]).unwrap().json(0).unwrap()["records"].as_u64().unwrap()
}

#[test]
fn a_file_is_rehearsed_then_taken_then_known() {
    let (_home, country) = started();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/no.csv");
    let rehearsed = import(&country, &file, &["--dry-run"]).json(0).unwrap();
    assert_eq!((counts(&rehearsed), rehearsed["stored"].as_bool()), ([700, 0, 0], Some(false)));
    assert_eq!(held(&country), 0);
    assert_eq!(counts(&import(&country, &file, &["--strict"]).json(0).unwrap()), [700, 0, 0]);
    assert_eq!(counts(&import(&country, &file, &[]).json(0).unwrap()), [0, 700, 0]);
    assert_eq!(held(&country), 700);
    let status = country.varde(&["status", "--json"]).unwrap().json(0).unwrap();
    assert_eq!(status["records"].as_u64(), Some(700));
}

#[test]
fn the_commands_of_the_page_on_records_say_what_it_says() {
    let (home, country) = started();
    let page = include_str!("../../docs/records.md");
    let cases: String =
        page.lines().skip_while(|line| !line.starts_with("agency,")).take(4).map(|line| format!("{line}\n")).collect();
    write(&home, "cases.csv", cases);
    let mut stage = Stage::new(home.path());
    stage.set("VARDE_DIR", &country.dir().to_string_lossy());
    assert_eq!(stage.play(page).unwrap(), 7);
}

const MIXED: &[u8] = b"age,agency,reference,places\n\
    9,PLAINAGENCYNAME,PLAINREFERENCE,EXPLOITATION:IT\n\
    18,NGO,2,\n\
    9,\"NGO,3,\n\
    9,NGO\xff,4,\n\
    nine,NGO,5,\n\
    9,NGO,6,EXPLOITATION:RO:ITC\n\
    9,NGO,7\n\
    9,PLAINAGENCYNAME,PLAINREFERENCE,EXPLOITATION:ES\n\
    10,NGO,8,\n";

#[test]
fn refused_lines_are_explained_and_stop_no_other() {
    let (home, country) = started();
    let (file, report) = (write(&home, "mixed.csv", MIXED), home.path().join("refused.csv"));
    let outcome = import(&country, &file, &["--report", &report.to_string_lossy()]);
    assert!(outcome.stderr.contains("line 3, column age"), "{}", outcome.stderr);
    let document = outcome.json(0).unwrap();
    assert_eq!(counts(&document), [2, 0, 7]);
    let wanted = "line,column,class,reason\n\
        3,age,number of 18 or over,out-of-scope-adult\n\
        4,agency,quoted text,bad-quoting\n\
        5,agency,not UTF-8,not-utf-8\n\
        6,age,word,bad-value\n\
        7,places,text,contradiction\n\
        8,,too few cells,wrong-number-of-cells\n\
        9,reference,reference,reference-twice\n";
    assert_eq!(std::fs::read_to_string(&report).unwrap(), wanted);
    let changed = write(&home, "changed.csv", "age,agency,reference\n11,NGO,8\n");
    let document = import(&country, &changed, &[]).json(0).unwrap();
    assert_eq!(document["reasons"]["held-differently"].as_u64(), Some(1));
    assert_eq!(held(&country), 2);
    assert!(!stands_in(country.dir(), b"PLAINAGENCYNAME") && !stands_in(country.dir(), b"PLAINREFERENCE"));
}

/// Whether a file below the folder holds the bytes.
fn stands_in(folder: &Path, bytes: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().map(Result::unwrap).any(|entry| match entry.file_type().unwrap() {
        kind if kind.is_dir() => stands_in(&entry.path(), bytes),
        kind if kind.is_file() => std::fs::read(entry.path()).unwrap().windows(bytes.len()).any(|part| part == bytes),
        _ => false,
    })
}

#[test]
fn strict_stores_nothing_if_one_line_is_refused() {
    let (home, country) = started();
    let file = write(&home, "mixed.csv", MIXED);
    let document = import(&country, &file, &["--strict"]).json(3).unwrap();
    assert_eq!((counts(&document), document["stored"].as_bool()), ([2, 0, 7], Some(false)));
    assert_eq!(held(&country), 0);
}

#[test]
fn what_is_no_file_of_cases_is_refused_before_anything_is_sent() {
    let (home, country) = started();
    let utf16: Vec<u8> = [0xff, 0xfe].into_iter().chain("age".bytes().flat_map(|byte| [byte, 0])).collect();
    for (name, content, word) in [
        ("empty.csv", &b""[..], "empty"),
        ("data.csv", b"9,NGO\n10,NGO\n", "none of the format's columns"),
        ("twice.csv", b"age,age\n9,9\n", "twice"),
        ("pipes.csv", b"age|agency\n9|NGO\n", "none of the format's columns"),
        ("ageless.csv", b"agency,reference\nNGO,1\n", "no column age or age_band"),
        ("nul.csv", b"age,\0\n9,1\n", "no UTF-8 text"),
        ("utf16.csv", &utf16, "UTF-16"),
        ("long.csv", &[b'x'; 100_000], "longer than 64 KiB"),
        ("cut.csv.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0], "is cut short"),
        ("empty.csv", b"", "is empty"),
    ] {
        let file = write(&home, name, content);
        let outcome = import(&country, &file, &[]);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{name}: {}", outcome.stderr);
        assert!(outcome.stderr.contains(word), "{name}: {}", outcome.stderr);
    }
    for (missing, word) in
        [(home.path().join("absent.csv"), "there is no file"), (home.path().to_owned(), "is a folder")]
    {
        let outcome = import(&country, &missing, &[]);
        let said: Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!(outcome.code, Some(2));
        assert!(said["error"]["what"].as_str().unwrap().contains(word), "{}", outcome.stderr);
        assert!(
            said["error"]["means"].as_str().unwrap().contains("nothing was stored")
                && said["error"]["next"].is_string()
        );
    }
    let bare = write(&home, "bare.csv", "age\n").to_string_lossy().into_owned();
    let bare = country.varde(&["record", "import", &bare, "--format", "varde"]).unwrap();
    assert_eq!((bare.code, bare.stderr.contains("no lines under it")), (Some(0), true), "{}", bare.stderr);
    assert_eq!(held(&country), 0);
}

/// Gzip of one stored block that breaks off before its checksum.
fn cut_gzip(content: &str) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let head = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0];
    [&head[..], &length.to_le_bytes(), &(!length).to_le_bytes(), content.as_bytes()].concat()
}

#[test]
fn a_file_that_breaks_off_says_how_much_of_it_is_kept() {
    let (home, country) = started();
    let cases = format!("age\n{}", "9\n".repeat(1100));
    let file = write(&home, "cut.csv.gz", cut_gzip(&cases));
    let rehearsed = import(&country, &file, &["--dry-run"]);
    assert!(rehearsed.stderr.contains("nothing was stored"), "{}", rehearsed.stderr);
    let outcome = import(&country, &file, &[]);
    let said: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""));
    assert!(said["error"]["what"].as_str().unwrap().contains("cut.csv.gz is cut short: it breaks off after line 1101"));
    let kept = held(&country);
    assert!(kept > 0 && kept < 1100, "{kept}");
    assert!(said["error"]["means"].as_str().unwrap().starts_with(&format!("{kept} records")), "{}", outcome.stderr);
    let whole = import(&country, &write(&home, "whole.csv", cases), &[]).json(0).unwrap();
    assert_eq!(counts(&whole), [1100 - kept, kept, 0]);
}

#[test]
fn a_node_killed_during_an_import_takes_the_rest_of_the_file_afterwards() {
    let (home, mut country) = started();
    // Equal rows without a reference: each is a case of its own.
    let file = write(&home, "many.csv", format!("age\n{}", "9\n".repeat(6000)));
    let mut command = country.command().unwrap();
    command.args(["record", "import"]).arg(&file).args(["--format", "varde"]);
    let mut import_process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A reader may see the newest batch a moment before it is durable; the one before it is.
    until("some records to be stored", Duration::from_secs(60), || (held(&country) > 200).then_some(())).unwrap();
    country.kill9().unwrap();
    let ended = import_process.wait().unwrap();
    assert!(ended.code().is_some_and(|code| [75, 1].contains(&code)), "{ended}");
    country.start().unwrap();
    let before = held(&country);
    assert!(before > 0 && before < 6000 && before.is_multiple_of(200), "{before} records before the kill");
    assert_eq!(counts(&import(&country, &file, &[]).json(0).unwrap()), [6000 - before, before, 0]);
    assert_eq!(held(&country), 6000);
}

/// Counter-Trafficking Data Collaborative (CTDC), 2021, Global Synthetic Dataset, the rows of European children: read where
/// it lies, never copied.
#[test]
fn published_cases_are_taken_once_with_every_line_explained() {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = std::env::var_os("VARDE_DATA").map_or(beside, PathBuf::from);
    let file = folder.join("ctdc_synthetic_2021_children_europe.csv");
    if !file.exists() {
        eprintln!("skipped: no external data at {}", file.display());
        return;
    }
    let (_home, country) = started();
    let file = file.to_string_lossy().into_owned();
    let import = || country.varde(&["record", "import", &file, "--format", "ctdc", "--json"]).unwrap().json(0).unwrap();
    let first = import();
    // 41 rows were minors when they were exploited and 18 or over when they were registered.
    assert_eq!((counts(&first), first["lines"].as_u64()), ([5100, 0, 41], Some(5141)));
    assert_eq!(first["reasons"], serde_json::json!({ "out-of-scope-adult": 41 }));
    assert_eq!(first["unused_columns"], serde_json::json!(["citizenship2", "CountryOfExploitation2"]));
    assert_eq!(counts(&import()), [0, 5100, 41]);
}
