//! The only place that prints. Data goes to stdout; talk, progress and failures go to stderr.
//!
//! Text of a peer or a file may hold control characters, which could redraw a terminal: they are shown as `\u{..}`.

use crate::failure::{Exit, Failure};
use comfy_table::{Attribute, Cell, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// How to show things, decided once from `--json`, `NO_COLOR` and whether stdout is a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Render {
    json: bool,
    colour: bool,
}

impl Render {
    /// Reads the surroundings.
    pub(crate) fn new(json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        Self { json, colour: !plain && !json && std::io::stdout().is_terminal() }
    }

    /// Whether the caller asked for one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// A line of data on stdout.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        self.text(&format!("{}\n", clean(text.as_ref())));
    }

    /// Text on stdout as it is, for what we wrote ourselves or what must not change by a byte.
    pub(crate) fn text(&self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Bytes on stdout as they are.
    pub(crate) fn bytes(&self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        finish(out.write_all(bytes).and_then(|()| out.flush()));
    }

    #[allow(dead_code, reason = "for the nouns to come")]
    /// A heading on stdout; bold on a terminal.
    pub(crate) fn heading(&self, text: &str) {
        self.text(&format!("{}\n", self.strong(&clean(text))));
    }

    /// One JSON document on stdout.
    pub(crate) fn document(&self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string_pretty(value).map_err(|e| Failure::ours(format!("cannot write the answer: {e}")))?;
        self.text(&format!("{text}\n"));
        Ok(())
    }

    /// A table on stdout: columns parted by two spaces, wrapped to the terminal, never wrapped in a pipe.
    pub(crate) fn table<const N: usize>(&self, head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) {
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let wrap = std::io::stdout().is_terminal();
        table.set_content_arrangement(if wrap { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
        table.set_header(
            head.map(|h| if self.colour { Cell::new(h).add_attribute(Attribute::Bold) } else { Cell::new(h) }),
        );
        for row in rows {
            table.add_row(row.map(|cell| clean(&cell)));
        }
        for column in table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        let text: String = table.lines().map(|l| format!("{}\n", l.trim_end())).collect();
        self.text(&text);
    }

    /// What a person may want to know and a script does not: on stderr.
    pub(crate) fn talk(&self, text: &str) {
        let mut out = std::io::stderr().lock();
        finish(writeln!(out, "{text}"));
    }

    /// The failure on stderr: text, or one JSON document.
    pub(crate) fn failure(&self, failure: &Failure) {
        if self.json {
            self.talk(&format!("{:#}", failure.to_json()));
        } else {
            self.talk(&failure.to_text().split('\n').map(clean).collect::<Vec<_>>().join("\n"));
        }
    }

    #[allow(dead_code, reason = "for the nouns to come")]
    /// A bar on stderr over `total` of `unit`; drawn on a terminal only, and only once a second has passed. Clear it
    /// with `finish_and_clear`.
    pub(crate) fn progress(&self, total: u64, unit: &str) -> ProgressBar {
        let bar = ProgressBar::new(total);
        let unit = unit.replace(['{', '}'], "");
        let style = format!("{{elapsed_precise}} {{bar:30}} {{human_pos}}/{{human_len}} {unit}, {{eta}} left");
        if let Ok(style) = ProgressStyle::with_template(&style) {
            bar.set_style(style);
        }
        bar
    }

    fn strong(&self, text: &str) -> String {
        if self.colour { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// A reader that went away (`varde ... | head`) is no failure of ours; a full disk is.
fn finish(outcome: std::io::Result<()>) {
    match outcome {
        Ok(()) => {}
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => std::process::exit(i32::from(Exit::Done.code())),
        Err(_) => std::process::exit(i32::from(Exit::Ours.code())),
    }
}

/// Shows control characters instead of sending them to the terminal.
fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| if c.is_control() { Shown::Escaped(c.escape_unicode()) } else { Shown::Plain(Some(c)) })
        .collect()
}

enum Shown {
    Plain(Option<char>),
    Escaped(std::char::EscapeUnicode),
}

impl Iterator for Shown {
    type Item = char;

    fn next(&mut self) -> Option<char> {
        match self {
            Self::Plain(c) => c.take(),
            Self::Escaped(e) => e.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        assert_eq!(clean("a\u{1b}[2Jb\u{9b}é"), "a\\u{1b}[2Jb\\u{9b}é");
    }
}
