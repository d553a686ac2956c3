//! Module documentation, and links that lead somewhere.

use super::{Breach, Source};
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

/// Tests that a document names (in backquotes, a sentence of at least four words) exist.
pub(super) fn named_tests(source: &Source, exists: impl Fn(&str) -> bool) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if !source.is(".md") {
        return breaches;
    }
    for (number, line) in source.lines() {
        for word in line.split('`').skip(1).step_by(2) {
            let plain = word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
            if plain && word.matches('_').count() >= 3 && !exists(word) {
                breaches.push(source.breach(number, format!("there is no test `{word}`")));
            }
        }
    }
    breaches
}

/// Modules that the map does not name: the map follows the code. `module` is a source file of the top of a crate or a floor.
pub(super) fn unmapped(map: &Source, modules: &[String]) -> Vec<Breach> {
    let words: Vec<&str> = map.text.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    let missing = modules.iter().filter(|m| !words.contains(&m.as_str()));
    missing.map(|m| map.breach(1, format!("the map does not name the module `{m}`"))).collect()
}

/// The module on the map that a file is: `proto/src/log/tree.rs` is `log`, `node/src/flow/alert/mod.rs` is `alert`.
pub(super) fn mapped_module(path: &str) -> Option<String> {
    let (_, inside) = path.split_once("/src/").filter(|_| path.starts_with("proto/") || path.starts_with("node/"))?;
    let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
    let floor = matches!(parts[0], "national" | "state" | "flow" | "edge");
    let part = parts.get(usize::from(floor)).copied()?;
    (!matches!(part, "mod" | "lib" | "main")).then(|| part.to_owned())
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
