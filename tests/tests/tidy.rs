//! The house rules hold everywhere in the repository, and each of them bites.

use std::path::Path;
use varde_tests::tidy::{
    Source, check, check_links, check_map, check_named_tests, check_rows, check_tree, mapped_modules,
};

#[test]
fn the_repository_is_tidy() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let root = root.canonicalize().expect("the repository's root");
    let (read, breaches) = check_tree(&root).expect("the repository can be read");
    assert!(read > 40, "only {read} files were read");
    let list: String = breaches.iter().map(|b| format!("  {b}\n")).collect();
    assert!(breaches.is_empty(), "{} breaches of house rules:\n{list}", breaches.len());
}

/// The one breach of a snippet, as `line: text`.
#[track_caller]
fn bites(path: &str, text: &str, line: usize, says: &str) {
    let breaches = check(&Source::new(path, text));
    let wanted = breaches.iter().any(|b| b.file == path && b.line == line && b.text.contains(says));
    assert!(wanted, "{path}: no breach at line {line} that says {says:?}, but {breaches:?}");
}

#[track_caller]
fn passes(path: &str, text: &str) {
    let breaches = check(&Source::new(path, text));
    assert!(breaches.is_empty(), "{path}: {breaches:?}");
}

#[test]
fn a_long_file_is_found() {
    let text = |lines: usize| format!("//! Docs.\n{}", "// x\n".repeat(lines - 1));
    passes("node/src/a.rs", &text(400));
    bites("node/src/a.rs", &text(401), 401, "401 lines");
    bites("docs/a.md", &text(401), 401, "401 lines");
}

#[test]
fn a_long_function_is_found() {
    let text = |lines: usize| format!("//! Docs.\nfn long() {{\n{}}}\n", "    f(\"}\");\n".repeat(lines - 2));
    passes("node/src/a.rs", &text(60));
    bites("node/src/a.rs", &text(61), 2, "`long` has 61 lines");
}

#[test]
fn a_file_without_module_documentation_is_found() {
    passes("tests/fuzz/a.rs", "#![no_main]\n#![allow(\n    x,\n    reason = \"[y]\"\n)]\n\n//! Docs.\n");
    bites("cli/src/a.rs", "#![allow(\n    x,\n)]\nuse std::fmt;\n", 4, "begins with `//!`");
    bites("cli/src/a.rs", "use std::fmt;\n", 1, "begins with `//!`");
    bites("cli/src/a.rs", "", 1, "begins with `//!`");
}

#[test]
fn every_floor_is_held() {
    let cases = [
        ("proto/src/log/tree.rs", "use std::{fmt, fs::File};", "`std::fs`"),
        ("proto/src/log/tree.rs", "fn f() { tokio::spawn(x); }", "`tokio`"),
        ("proto/src/log/tree.rs", "async fn f() {}", "is async"),
        ("proto/src/time.rs", "fn f() { std::time::SystemTime::now(); }", "SystemTime"),
        ("proto/src/time.rs", "use tonic::Status;", "`tonic`"),
        ("node/src/national/a.rs", "use crate::{national, state::Outbox};", "`crate::state`"),
        ("node/src/national/a.rs", "use super::super::flow;", "`crate::flow`"),
        ("node/src/national/a.rs", "use varde_proto::envelope::Verified;", "`varde_proto::envelope`"),
        ("node/src/national/a.rs", "fn f(s: &crate::port::Batch) {}", "`crate::port`"),
        ("node/src/national/a.rs", "use getrandom::fill;", "it is pure"),
        ("node/src/state/a.rs", "use crate::national::Alert;", "`crate::national`"),
        ("node/src/state/a.rs", "use std::time::Instant;", "it is pure"),
        ("node/src/flow/a.rs", "use crate::edge::store;", "`crate::edge`"),
        ("node/src/flow/a.rs", "fn f() -> Result<(), tonic::Status> {}", "`tonic`"),
        ("node/src/flow/a.rs", "use varde_proto::wire::operator::Advice;", "`varde_proto::wire::operator`"),
        ("cli/src/a.rs", "use varde_node::flow;", "`varde_node`"),
        ("cli/src/audit/a.rs", "use crate::client;", "no network"),
        ("node/src/edge/link.rs", "fn f(r: &Record) {}", "never heard of a record"),
        ("node/src/edge/accept.rs", "use crate::national::Draft;", "never heard of a record"),
        ("node/src/edge/link.rs", "fn f() { Err(Status::internal(e)) }", "status.rs alone"),
        ("proto/src/audit/a.rs", "fn f() { Verified { payload } }", "nothing but `verify`"),
        ("node/src/national/record.rs", "impl fmt::Display for Record {", "never printed"),
    ];
    for (path, code, says) in cases {
        bites(path, &format!("//! Docs.\n{code}\n"), 2, says);
    }
    bites(
        "proto/src/envelope.rs",
        "//! Docs.\n#[derive(Debug, Default)]\npub struct Verified<P> {}\n",
        3,
        "nothing but",
    );
}

#[test]
fn what_the_floors_allow_passes() {
    for (path, code) in [
        ("proto/src/wire.rs", "/// tonic and tokio in a comment\nfn f() { \"tokio::spawn\"; }"),
        ("node/src/national/a.rs", "use crate::national::Record;\nlet state = 1; port.flow();"),
        ("node/src/state/a.rs", "use super::channel::Channel;\nuse varde_proto::log::Leaf;"),
        ("node/src/state/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::national::Record;\n}"),
        ("node/src/flow/a.rs", "use crate::{national, port, state};"),
        ("node/src/edge/operator/records.rs", "use crate::national::Record;"),
        ("node/src/edge/status.rs", "fn f() { Status::new(code, text) }"),
        ("node/src/national/a.rs", "fn f() { VictimStatus::parse(x) }"),
    ] {
        passes(path, &format!("//! Docs.\n{code}\n"));
    }
}

#[test]
fn a_manifest_or_schema_that_leads_upwards_is_found() {
    bites("cli/Cargo.toml", "[dependencies]\nvarde-node.workspace = true\n", 2, "never depends");
    bites("proto/Cargo.toml", "tokio = \"1\"\n", 1, "pure");
    bites("proto/schema/varde/peer/v1/a.proto", "import \"varde/operator/v1/node.proto\";\n", 1, "never imports");
    passes("proto/schema/varde/operator/v1/a.proto", "import \"varde/peer/v1/payload.proto\";\n");
}

#[test]
fn promises_and_paths_of_one_machine_are_found() {
    let code = |words: [&str; 2]| format!("//! Docs.\n// {}\n", words.concat());
    for words in [["FIX", "ME"], ["to", "do!()"], ["not yet ", "implemented"], ["X", "XX"], ["HA", "CK"]] {
        bites("node/src/a.rs", &code(words), 2, "is not mentioned");
    }
    bites("docs/a.md", &["# A\n/wo", "rk/somewhere\n"].concat(), 2, "path of one machine");
    passes("node/src/a.rs", "//! Docs.\nconst PREFIXME: u8 = 0; // XXXL\n");
}

#[test]
fn a_link_that_leads_nowhere_is_found() {
    let text = "# A\nSee [b](b.md#part), [c](../c.md), [web](https://example.org/x), [here](#a).\n```\n[no](no.md)\n```\n`[no](no.md)`\n";
    let source = Source::new("docs/a.md", text);
    assert!(check_links(&source, |_| true).is_empty());
    let breaches = check_links(&source, |path| path == Path::new("c.md"));
    assert_eq!(
        breaches.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["docs/a.md:2: the link to `b.md#part` leads nowhere"]
    );
}

#[test]
fn a_test_that_a_document_names_but_nobody_wrote_is_found() {
    let source = Source::new("docs/a.md", "`a_log_only_grows` and `all_is_well_here`, `two_words`, `a::b_c_d_e`\n");
    let breaches = check_named_tests(&source, |name| name == "a_log_only_grows");
    let wanted = ["docs/a.md:1: there is no test `all_is_well_here`"];
    assert_eq!(breaches.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
}

#[test]
fn a_threat_whose_row_names_no_test_is_found() {
    let text = "| an attacker who | seen by |\n|---|---|\n| lies | `a_lie_is_refused_by_name` |\n| steals | the receiver: `a_key` |\n";
    let breaches = check_rows(&Source::new("docs/threats.md", text));
    let wanted = ["docs/threats.md:4: this row names no test that shows it"];
    assert_eq!(breaches.iter().map(ToString::to_string).collect::<Vec<_>>(), wanted);
}

#[test]
fn a_module_that_is_not_on_the_map_is_found() {
    let text = "cli/ badger\n## The map\nproto/  what\n  src/log  leaves\nnode/\n  src/flow  intake, ledger\ncli/  a noun each\n\
        tests/  tests/ badger\n## Flows\ncli/ otter\n";
    let map = Source::new("docs/architecture.md", text);
    let asked = ["node/ledger", "node/edger", "proto/ledger", "cli/noun", "cli/badger", "cli/otter", "tests/tests"];
    let breaches = check_map(&map, &asked.map(str::to_owned));
    assert_eq!(
        breaches.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(),
        ["node/edger", "proto/ledger", "cli/badger", "cli/otter"].map(|m| format!("the map does not name `{m}`"))
    );
}

#[test]
fn the_map_is_asked_for_files_and_folders_of_all_four_crates() {
    for (path, asks) in [
        ("proto/src/limits.rs", &["proto/limits"][..]),
        ("proto/src/audit/tests/pairs.rs", &["proto/audit"]),
        ("node/src/vault.rs", &["node/vault"]),
        ("node/src/edge/border/tls.rs", &["node/edge", "node/border"]),
        ("node/src/flow/mod.rs", &["node/flow"]),
        ("cli/src/alert/release.rs", &["cli/alert"]),
        ("cli/src/staff.rs", &["cli/staff"]),
        ("tests/src/tidy/mod.rs", &["tests/tidy"]),
        ("tests/src/bin/demo.rs", &["tests/bin"]),
        ("cli/src/main.rs", &[]),
        ("docs/src/a.md", &[]),
    ] {
        assert_eq!(mapped_modules(path), asks, "{path}");
    }
}

#[test]
fn a_second_way_out_or_in_is_found() {
    let doors = [
        ("fn f() { envelope::sign(T, &m, &k); }", "node/src/flow/outbox.rs", "signed by `outbox::sign` alone"),
        ("fn f() { varde_proto::envelope::verify::<A>(&e, &x); }", "node/src/flow/receive.rs", "verified by"),
        ("fn f() { receive::admit(&e, &x, &a, now); }", "node/src/flow/outbox.rs", "admitted in `flow::receive` alone"),
        ("fn f() { receive::admitted_before(&e, &x, now); }", "node/src/flow/recover/adopt.rs", "our own log"),
    ];
    for (text, door, says) in doors {
        let text = format!("//! Docs.\n{text}\n");
        passes(door, &text);
        bites("node/src/flow/conversation/say.rs", &text, 2, says);
    }
}
