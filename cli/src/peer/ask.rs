//! Comparing a fingerprint: with one that was given, or by asking a person at a terminal.

use crate::context::Context;
use crate::failure::Failure;
use std::io::{BufRead, IsTerminal};
use varde_proto::id::Digest;
use varde_proto::identity::Descriptor;

/// Reads a fingerprint as people write it: 64 hex digits, in any case, with spaces, colons or hyphens between.
pub(super) fn parse(text: &str) -> Result<Digest, String> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | ':' | '-' | '\n')).collect();
    let wanted = "a fingerprint has 64 hex digits, as `varde peer fingerprint` prints them";
    Digest::parse(&plain.to_ascii_lowercase()).map_err(|_| wanted.to_owned())
}

/// In groups of four, four groups a line: to be read aloud.
pub(super) fn grouped(fingerprint: &Digest) -> String {
    let text = fingerprint.to_string();
    let groups: Vec<&str> = (0..16).map(|n| &text[n * 4..n * 4 + 4]).collect();
    groups.chunks(4).map(|line| format!("  {}\n", line.join(" "))).collect()
}

/// Whether the descriptor's fingerprint is the given one; without one, whether a person says so.
pub(super) fn compare(found: &Descriptor, given: Option<Digest>, context: &Context) -> Result<(), Failure> {
    let fingerprint = found.fingerprint();
    match given {
        Some(given) if given == fingerprint => Ok(()),
        Some(_) => Err(Failure::refused(format!("the descriptor of {} has another fingerprint", found.node()))
            .means(format!("the file names {fingerprint}: it may have been exchanged on its way"))
            .next("do not use the file; compare again with the peer, over a channel you trust")
            .reason("wrong-fingerprint")),
        None => ask(found, &fingerprint, context),
    }
}

fn ask(found: &Descriptor, fingerprint: &Digest, context: &Context) -> Result<(), Failure> {
    let node = found.node();
    if !std::io::stdin().is_terminal() || context.render.is_json() {
        return Err(Failure::usage(format!("nobody is here to compare the fingerprint of {node}"))
            .means("whoever exchanged the file on its way would be trusted as that country")
            .next("let the peer read out `varde peer fingerprint`, then add `--fingerprint HEX`")
            .reason("no-fingerprint"));
    }
    let endpoint = found.endpoint().map_or_else(|| "dials out only".to_owned(), |e| format!("listens on {e}"));
    context.render.talk(&format!("{}  {endpoint}\n\n{}", found.origin(), grouped(fingerprint)));
    context.render.talk(&format!(
        "Call {node}, over another channel than the one by which this file came, and let them read out what\n\
         `varde peer fingerprint` prints at their node. Is it the same, digit by digit? Type yes or no:"
    ));
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.map_err(|e| Failure::ours(format!("the terminal cannot be read: {e}")))?;
    if answer.trim() == "yes" {
        return Ok(());
    }
    Err(Failure::refused("the fingerprint was not confirmed; nothing was pinned")
        .next("ask the peer for its descriptor again, over a channel you trust")
        .reason("not-confirmed"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_shown() {
        let digest = Digest::of(b"key");
        assert_eq!(parse(&grouped(&digest)), Ok(digest));
        assert_eq!(parse(&digest.to_string().to_uppercase()), Ok(digest));
        assert!(grouped(&digest).lines().all(|l| l.len() == 21));
        assert!(parse(&digest.to_string()[..63]).is_err());
        assert!(parse("").is_err());
    }
}
