//! The command line's manners, with the real binary: exit codes, data on stdout and talk on stderr, `--json`.

use std::process::{Command, Stdio};
use varde_tests::harness::{Outcome, binaries, run};

fn varde(args: &[&str]) -> Outcome {
    let mut command = Command::new(&binaries().unwrap().varde);
    run(command.env_remove("VARDE_DIR").args(args)).unwrap()
}

#[test]
fn a_misuse_is_exit_2_with_advice_and_no_data() {
    for args in [&["status"][..], &["status", "--dir", "/nonexistent"], &["status", "--colour"], &["weather"], &[]] {
        let outcome = varde(args);
        assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(2), ""), "{args:?}");
        assert!(outcome.stderr.contains("what to do") || outcome.stderr.contains("--help"), "{}", outcome.stderr);
    }
}

#[test]
fn a_failure_with_json_is_one_document_on_stderr() {
    for args in [&["status", "--json"][..], &["--json", "status", "--colour"]] {
        let outcome = varde(args);
        let document: serde_json::Value = serde_json::from_str(&outcome.stderr).unwrap();
        assert_eq!((document["error"]["exit"].as_u64(), outcome.stdout.as_str()), (Some(2), ""), "{args:?}");
    }
}

#[test]
fn a_misuse_names_what_is_missing_and_leads_to_an_example() {
    let args = ["audit", "receipt", "no.bundle"];
    let text = varde(&args).stderr;
    assert!(text.contains("what to do: try `varde audit receipt --help`; for example `varde audit receipt "), "{text}");
    let outcome = varde(&[&args[..], &["--json"]].concat());
    let error = serde_json::from_str::<serde_json::Value>(&outcome.stderr).unwrap()["error"].clone();
    assert_eq!(
        (outcome.code, error["kind"].as_str(), error["reason"].as_str()),
        (Some(2), Some("usage"), Some("bad-arguments"))
    );
    for missing in ["--from", "--class", "--seq"] {
        assert!(error["what"].as_str().unwrap().contains(missing), "{error}");
    }
    assert!(error["next"].as_str().unwrap().contains("varde audit receipt --help"), "{error}");
    let with_dir = varde(&["audit", "receipt", "no.bundle", "--dir", "no"]).stderr;
    assert!(with_dir.contains("Usage:") && !with_dir.contains("--dir <DIR>"), "{with_dir}");
    let nothing = serde_json::from_str::<serde_json::Value>(&varde(&["log", "--json"]).stderr).unwrap();
    assert!(nothing["error"]["next"].as_str().unwrap().contains("varde log --help"), "{nothing}");
}

#[test]
fn a_node_made_without_a_mode_says_which_one_it_has() {
    let home = tempfile::tempdir().unwrap();
    let make = |name: &str, more: &[&str]| {
        let dir = home.path().join(name).to_string_lossy().into_owned();
        varde(&[&["init", "--country", "NO", "--network", "varde.example", "--dir", &dir], more].concat())
    };
    let silent = make("a", &[]);
    assert_eq!(silent.code, Some(0), "scripts make nodes without a mode");
    assert!(silent.stdout.contains("  actual  ") && silent.stderr.contains("mode actual, for ever"), "{silent:?}");
    let told = make("b", &["--mode", "test"]);
    assert!(told.stdout.contains("  test  ") && !told.stderr.contains("for ever"), "{told:?}");
    assert!(varde(&["init", "--help"]).stdout.contains("--dir ./no --mode test"));
}

#[test]
fn a_trusted_identity_is_a_fingerprint_or_a_file_and_nothing_is_guessed() {
    let outcome = varde(&["audit", "verify", "/nonexistent", "--trust", "ee"]);
    assert_eq!(outcome.code, Some(2));
    assert!(
        outcome.stderr.contains("--trust ee: neither a fingerprint (64 hex digits) nor a file"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_node_that_does_not_run_is_exit_75_and_says_how_to_start_it() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("varde.toml"), "").unwrap();
    let path = dir.path().to_string_lossy().into_owned();
    let outcome = varde(&["status", "--dir", &path]);
    assert_eq!(outcome.code, Some(75));
    assert!(outcome.stderr.contains(&format!("varde-node --dir {path}")), "{}", outcome.stderr);
}

#[test]
fn help_is_data_and_every_example_begins_with_the_commands_name() {
    let outcome = varde(&["--help"]);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (Some(0), ""));
    assert!(outcome.stdout.contains("Exit codes:"));
    for field in ["exit", "kind", "reason", "what", "means", "next"] {
        assert!(outcome.stdout.contains(field), "the shape of an error is not in the help: {field}");
    }
    assert!(varde(&["status", "--help"]).stdout.contains("varde status"));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut command = Command::new(&binaries().unwrap().varde);
    let mut child = command.args(["completions", "zsh"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}
