//! Module documentation, and links that lead somewhere.

use super::{Breach, Source};
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

const NO_DOCS: &str = "a file begins with `//!`: what is in, what is out";

/// Every Rust file says at its top what is in and what is out.
pub(super) fn module_docs(source: &Source) -> Vec<Breach> {
    if !source.is(".rs") || source.is("/tests.rs") {
        return Vec::new(); // `tests.rs` is the test half of the module that names it
    }
    let mut open = 0;
    for (number, line) in source.lines() {
        if open == 0 && line.starts_with("//! ") {
            return Vec::new();
        }
        // Attributes of the whole file may stand before its documentation, over several lines.
        let attribute = open > 0 || line.starts_with("#![") || line.trim().is_empty();
        if !attribute {
            return vec![source.breach(number, NO_DOCS)];
        }
        open += line.matches('[').count();
        open -= line.matches(']').count().min(open);
    }
    vec![source.breach(1, NO_DOCS)]
}

/// Relative links of a Markdown document, outside code.
pub(super) fn links(source: &Source, exists: impl Fn(&Path) -> bool) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if !source.is(".md") {
        return breaches;
    }
    let folder = Path::new(&source.path).parent().unwrap_or(Path::new(""));
    let mut fenced = false;
    for (number, line) in source.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for target in targets(line) {
            let file = target.split('#').next().unwrap_or_default();
            let elsewhere = target.contains("://") || target.starts_with("mailto:") || file.is_empty();
            if !elsewhere && !exists(&normal(&folder.join(file))) {
                breaches.push(source.breach(number, format!("the link to `{target}` leads nowhere")));
            }
        }
    }
    breaches
}

fn targets(line: &str) -> Vec<&str> {
    let outside_code = line.split('`').step_by(2);
    let after = outside_code.flat_map(|part| part.split("](").skip(1));
    after.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

/// Tests that a document names exist.
pub(super) fn named_tests(source: &Source, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if !source.is(".md") {
        return breaches;
    }
    for (number, line) in source.lines() {
        let missing = tests_in(line).filter(|name| !exists(name));
        breaches.extend(missing.map(|name| source.breach(number, format!("there is no test `{name}`"))));
    }
    breaches
}

/// What stands in backquotes and reads like a test's name: a sentence of at least four words.
fn tests_in(line: &str) -> impl Iterator<Item = &str> {
    let plain = |word: &str| word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    line.split('`').skip(1).step_by(2).filter(move |word| plain(word) && word.matches('_').count() >= 3)
}

/// The document whose every row is a promise.
pub(super) const THREATS: &str = "docs/threats.md";

/// Rows of its tables that name no test.
pub(super) fn untested_rows(source: &Source) -> Vec<Breach> {
    let lines: Vec<_> = source.lines().collect();
    let is_rule = |line: Option<&(usize, &str)>| line.is_some_and(|(_, line)| line.starts_with("|---"));
    let rows = lines.iter().enumerate().filter(|(at, (_, line))| {
        let heads = is_rule(lines.get(at + 1));
        line.starts_with('|') && !line.starts_with("|---") && !heads
    });
    let untested = rows.filter(|(_, (_, line))| tests_in(line).next().is_none());
    untested.map(|(_, (number, _))| source.breach(*number, "this row names no test that shows it")).collect()
}

/// Crates whose folders and modules stand on the map.
pub(super) const MAPPED: [&str; 4] = ["proto", "node", "cli", "tests"];

/// Folders and modules (`crate/name`) that the map does not name in the part of their crate: the map follows the code.
pub(super) fn unmapped(map: &Source, modules: &[String]) -> Vec<Breach> {
    let mut named: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut part = "";
    let lines = map.text.lines().skip_while(|line| !line.starts_with("## The map")).skip(1);
    for line in lines.take_while(|line| !line.starts_with("## ")) {
        let krate = MAPPED.into_iter().find(|krate| line.starts_with(&format!("{krate}/")));
        part = krate.unwrap_or(part);
        named.extend(line.split(|c: char| !c.is_alphanumeric() && c != '_').map(|word| (part, word)));
    }
    let missing = modules.iter().filter(|m| m.split_once('/').is_none_or(|module| !named.contains(&module)));
    missing.map(|m| map.breach(1, format!("the map does not name `{m}`"))).collect()
}

/// What of a source file the map must name: the module or folder at the top of its crate, and in the node that of its floor.
pub(super) fn mapped_modules(path: &str) -> Vec<String> {
    let Some((krate, inside)) = path.split_once("/src/").filter(|(krate, _)| MAPPED.contains(krate)) else {
        return Vec::new();
    };
    let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    let floor = krate == "node" && matches!(parts[0], "national" | "state" | "flow" | "edge");
    let named = parts.iter().take(if floor { 2 } else { 1 }).filter(|part| !matches!(**part, "mod" | "lib" | "main"));
    named.map(|part| format!("{krate}/{part}")).collect()
}

/// Without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
