//! `varde init` and `varde peer` with the real binary: what a person or a script meets before any node runs.

use std::path::Path;
use tempfile::TempDir;
use varde_proto::home::{self, Config};
use varde_proto::identity::{Acceptance, Descriptor, Genesis};
use varde_tests::harness::{Country, Outcome, binaries, run};

fn countries(codes: &[&str]) -> (TempDir, Vec<Country>) {
    let parent = tempfile::tempdir().unwrap();
    let countries = codes.iter().map(|code| Country::init(parent.path(), code).unwrap()).collect();
    (parent, countries)
}

fn export(country: &Country, file: &Path) -> String {
    let text = country.varde(&["peer", "export"]).unwrap().ok().unwrap();
    std::fs::write(file, text).unwrap();
    file.to_string_lossy().into_owned()
}

fn fingerprint(country: &Country) -> String {
    country.varde(&["peer", "fingerprint"]).unwrap().ok().unwrap().trim().to_owned()
}

/// The reason code of a refusal, and its exit code.
fn reason(outcome: &Outcome) -> (String, Option<i32>) {
    let document: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert_eq!(outcome.stdout, "");
    assert!(document["error"]["next"].is_string(), "no advice in {document}");
    (document["error"]["reason"].as_str().unwrap_or_default().to_owned(), outcome.code)
}

fn add(country: &Country, file: &str, more: &[&str]) -> Outcome {
    country.varde(&[&["--json", "peer", "add", file], more].concat()).unwrap()
}

#[test]
fn a_new_node_stores_a_free_port_and_refuses_to_be_made_twice() {
    let (parent, made) = countries(&["NO"]);
    let text = std::fs::read_to_string(made[0].dir().join(home::CONFIG)).unwrap();
    let config = Config::parse(&text).unwrap();
    assert!(config.listen.port() != 0 && config.listen.ip().is_loopback());
    assert_eq!(config.endpoint.map(|e| e.to_string()), Some(config.listen.to_string()));
    assert_eq!(config.operators.len(), 2);
    assert!(text.lines().filter(|l| l.starts_with('#')).count() >= 8, "the settings are not explained");
    let key = std::fs::read(made[0].dir().join(home::IDENTITY_KEY)).unwrap();
    let again = Country::init(parent.path(), "NO").unwrap_err().to_string();
    assert!(again.contains("not empty"), "{again}");
    assert_eq!(std::fs::read(made[0].dir().join(home::IDENTITY_KEY)).unwrap(), key);
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 1, "a half-made node was left");
}

#[test]
fn a_node_is_not_made_from_wrong_words() {
    let parent = tempfile::tempdir().unwrap();
    for wrong in [
        ["--country", "Norway", "--network", "varde.example", "--listen", "127.0.0.1:0"],
        ["--country", "no", "--network", "varde.example", "--listen", "127.0.0.1:0"],
        ["--country", "NO", "--network", "Varde", "--listen", "127.0.0.1:0"],
        ["--country", "NO", "--network", "varde.example", "--listen", "here"],
        ["--country", "NO", "--network", "varde.example", "--mode", "live"],
    ] {
        let mut command = std::process::Command::new(&binaries().unwrap().varde);
        command.current_dir(parent.path()).args(["init", "--dir", "node"]).args(wrong);
        assert_eq!(run(&mut command).unwrap().code, Some(2), "{wrong:?}");
    }
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
}

#[test]
fn two_countries_pin_each_other_and_both_sign_the_default_agreement() {
    let (parent, made) = countries(&["NO", "EE"]);
    for (here, there) in [(&made[0], &made[1]), (&made[1], &made[0])] {
        let file = export(there, &parent.path().join("descriptor"));
        let outcome = add(here, &file, &["--fingerprint", &fingerprint(there)]).ok().unwrap();
        let document: serde_json::Value = serde_json::from_str(&outcome).unwrap();
        assert_eq!((document["country"].as_str(), document["outcome"].as_str()), (Some(there.code()), Some("added")));
        let read = |name: String| std::fs::read_to_string(here.dir().join(name)).unwrap();
        let pinned = Descriptor::open_text(&read(format!("peers/{}.descriptor", there.code()))).unwrap();
        assert_eq!(pinned.fingerprint().to_string(), fingerprint(there));
        let (genesis, _) = Genesis::open_text(&read(home::GENESIS.into())).unwrap();
        let acceptance = read(format!("peers/{}.acceptance", there.code()));
        let (yes, _) = Acceptance::open_text(&acceptance, genesis.keys().id()).unwrap();
        assert_eq!((&yes.from, &yes.with), (genesis.origin(), pinned.origin()));
        let list = here.varde(&["peer", "list", "--json"]).unwrap().ok().unwrap();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        assert_eq!((list[0]["country"].as_str(), list[0]["state"].as_str()), (Some(there.code()), Some("valid")));
    }
    made[0].varde(&["peer", "remove", "EE"]).unwrap().ok().unwrap();
    let list = made[0].varde(&["peer", "list", "--json"]).unwrap().ok().unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&list).unwrap(), serde_json::json!([]));
    assert_eq!(reason(&made[0].varde(&["--json", "peer", "remove", "EE"]).unwrap()).0, "no-such-peer");
}

#[test]
fn a_descriptor_is_pinned_only_after_its_fingerprint_was_compared() {
    let (parent, made) = countries(&["NO", "EE"]);
    let file = export(&made[1], &parent.path().join("ee.txt"));
    let nobody = reason(&add(&made[0], &file, &[]));
    assert_eq!(nobody, ("no-fingerprint".into(), Some(2)));
    let wrong = fingerprint(&made[0]);
    assert_eq!(reason(&add(&made[0], &file, &["--fingerprint", &wrong])), ("wrong-fingerprint".into(), Some(3)));
    assert_eq!(add(&made[0], &file, &["--fingerprint", &wrong[1..]]).code, Some(2));
    let pins = || std::fs::read_dir(made[0].dir().join(home::PEERS)).unwrap().count();
    assert_eq!(pins(), 0, "a refused descriptor left something");
    let aloud = fingerprint(&made[1])
        .to_uppercase()
        .as_bytes()
        .chunks(4)
        .fold(String::new(), |text, group| format!("{text} {}", std::str::from_utf8(group).unwrap()));
    add(&made[0], &file, &["--fingerprint", &aloud]).ok().unwrap();
    assert_eq!(pins(), 2);
}

#[test]
fn a_newer_descriptor_of_the_same_key_replaces_and_an_older_or_another_key_does_not() {
    let (parent, made) = countries(&["NO", "EE"]);
    let older = export(&made[1], &parent.path().join("older"));
    let newer = export(&made[1], &parent.path().join("newer"));
    add(&made[0], &older, &["--fingerprint", &fingerprint(&made[1])]).ok().unwrap();
    let outcome = |o: &Outcome| serde_json::from_str::<serde_json::Value>(&o.stdout).unwrap()["outcome"].clone();
    let acceptance = made[0].dir().join("peers/EE.acceptance");
    std::fs::remove_file(&acceptance).unwrap();
    assert_eq!(outcome(&add(&made[0], &older, &[])), "unchanged");
    assert!(acceptance.exists(), "a pin that stays has our yes again");
    assert_eq!(outcome(&add(&made[0], &newer, &[])), "replaced", "the same identity key needs no new comparison");
    assert_eq!(reason(&add(&made[0], &older, &[])), ("older".into(), Some(3)));

    let elsewhere = tempfile::tempdir().unwrap();
    let impostor = Country::init(elsewhere.path(), "EE").unwrap();
    let forged = export(&impostor, &parent.path().join("forged"));
    let refused = add(&made[0], &forged, &["--fingerprint", &fingerprint(&impostor)]);
    assert_eq!(reason(&refused), ("other-identity".into(), Some(3)));
}

#[test]
fn descriptors_that_can_never_be_peers_are_refused() {
    let (parent, made) = countries(&["NO", "EE"]);
    let own = export(&made[0], &parent.path().join("own"));
    assert_eq!(reason(&add(&made[0], &own, &[])), ("own-descriptor".into(), Some(3)));
    let elsewhere = tempfile::tempdir().unwrap();
    let exercise = Country::init_with(elsewhere.path(), "LT", &["--mode", "exercise"]).unwrap();
    let file = export(&exercise, &parent.path().join("lt.txt"));
    assert_eq!(reason(&add(&made[0], &file, &[])), ("other-mode".into(), Some(3)));

    let good = std::fs::read_to_string(export(&made[1], &parent.path().join("ee.txt"))).unwrap();
    let lines: Vec<&str> = good.lines().collect();
    let cut = lines[..lines.len() - 2].join("\n");
    let mut changed = good.clone().into_bytes();
    let spot = good.find('\n').unwrap() + 200;
    changed[spot] = if changed[spot] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    for text in [cut, changed, good.replace('\n', "\r\n"), "hello".into(), "-".repeat(100_000), good.clone() + &good] {
        let file = parent.path().join("broken");
        std::fs::write(&file, text).unwrap();
        let outcome = add(&made[0], &file.to_string_lossy(), &[]);
        let (reason, code) = reason(&outcome);
        assert!(["bad-descriptor", "too-large"].contains(&reason.as_str()), "{reason}");
        assert_eq!(code, Some(2));
    }
}

#[test]
fn a_key_that_others_can_read_is_not_used() {
    use std::os::unix::fs::PermissionsExt;
    let (_parent, made) = countries(&["NO"]);
    let path = made[0].dir().join(home::IDENTITY_KEY);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = made[0].varde(&["--json", "peer", "export"]).unwrap();
    assert_eq!(reason(&refused), ("exposed-key".into(), Some(3)));
    made[0].varde(&["peer", "fingerprint"]).unwrap().ok().unwrap();
}
