//! Module documentation, and links that lead somewhere.

use super::{Breach, Source};
use std::path::{Component, Path, PathBuf};

/// Every Rust file says at its top what is in and what is out.
pub(super) fn module_docs(source: &Source) -> Vec<Breach> {
    if !source.is(".rs") {
        return Vec::new();
    }
    let first = source.lines().find(|(_, l)| !l.trim().is_empty() && !l.starts_with("#!["));
    match first {
        Some((_, line)) if line.starts_with("//! ") => Vec::new(),
        other => vec![source.breach(other.map_or(1, |(n, _)| n), "a file begins with `//!`: what is in, what is out")],
    }
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
