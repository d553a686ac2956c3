//! Words that stand nowhere: promises instead of code, and paths of one machine. They are put together here from halves,
//! so that this file does not hold them.

use super::{Breach, Source};

const PROMISES: [&str; 7] = [
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("not yet ", "implemented"),
    concat!("Status::", "unimplemented"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("HA", "CK"),
];

const MACHINE: [&str; 5] = [
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("/ro", "ot/"),
    concat!("bash", "_jobs"),
    concat!(".lib", "rary/"),
];

/// Each word, with the line it stands on.
pub(super) fn forbidden(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (number, line) in source.lines() {
        if let Some(word) = PROMISES.iter().find(|w| has_word(line, w)) {
            breaches.push(source.breach(number, format!("`{word}`: what is not there yet is not mentioned")));
        }
        if let Some(path) = MACHINE.iter().find(|p| line.contains(**p)) {
            breaches.push(source.breach(number, format!("`{path}` is a path of one machine")));
        }
    }
    breaches
}

fn has_word(line: &str, word: &str) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let ends_open = word.ends_with(|c: char| !c.is_alphanumeric());
        !joins(line[..at].chars().next_back()) && (ends_open || !joins(line[at + word.len()..].chars().next()))
    })
}
