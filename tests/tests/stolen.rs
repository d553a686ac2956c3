//! Somebody copies the data directory: what can be read in it. Records, drafts and payloads are searched for byte by byte in
//! every file, after an import and an exchange between real nodes.
#![allow(missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use varde_proto::id::NodeId;
use varde_tests::harness::{Country, pin_all};
use varde_tests::pair::origin;
use varde_tests::staff::Staff;

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found)
        } else if path.is_file() {
            found.push(path)
        }
    }
}

/// Files of the directory that hold these bytes.
fn holding(dir: &Path, bytes: &[u8]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    files(dir, &mut all);
    let holds = |path: &PathBuf| std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes);
    all.into_iter().filter(holds).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_data_directory_shows_no_record_and_no_payload() {
    let home = tempfile::tempdir().unwrap();
    let mut no = Country::init(home.path(), "NO").unwrap();
    let mut lt = Country::init(home.path(), "LT").unwrap();
    pin_all(&[&no, &lt]).unwrap();
    no.start().unwrap();
    lt.start().unwrap();

    let sample = concat!(env!("CARGO_MANIFEST_DIR"), "/sample/no.csv");
    no.varde(&["record", "import", sample, "--format", "varde"]).unwrap().ok().unwrap();
    let staff = Staff::connect(no.dir(), origin("NO")).await.unwrap();
    staff.release_route(NodeId::parse("LT").unwrap()).await.unwrap();
    let at_lt = Staff::connect(lt.dir(), origin("LT")).await.unwrap();
    while at_lt.inbox().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    no.stop().unwrap();
    lt.stop().unwrap();

    let text = std::fs::read_to_string(sample).unwrap();
    let references = text.lines().skip(1).step_by(9).filter_map(|line| line.split(',').nth(1));
    let references: Vec<&str> = references.filter(|reference| reference.len() >= 6).collect();
    assert!(references.len() > 10, "the sample has {} references", references.len());
    let mut secrets: Vec<&[u8]> = references.iter().map(|r| r.as_bytes()).collect();
    secrets.push(b"application/vnd.varde.alert");
    secrets.push(b"application/vnd.varde.act");
    for country in [&no, &lt] {
        for secret in &secrets {
            let found = holding(country.dir(), secret);
            assert!(found.is_empty(), "{:?} stands in {found:?}", String::from_utf8_lossy(secret));
        }
    }
    // The search does find what may be read: the name of the sender's log, beside the head that came with the alert.
    assert!(!holding(&lt.dir().join("store"), b"varde.example/no/1").is_empty(), "the search finds nothing");
}
