//! `--report FILE`: what was found as one page of HTML, to keep with the bundles and to hand on. No script, nothing fetched from
//! elsewhere, and every text from a bundle is escaped: a bundle cannot write markup into it. A file that exists is never overwritten.

use super::show;
use crate::failure::Failure;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use varde_proto::audit::{Audit, Code, Finding, explain};

/// A report that is being made: its file is there, and empty, before anything is verified.
pub(super) struct Report {
    path: PathBuf,
    file: File,
}

impl Report {
    /// Makes the file, if one is wanted.
    pub(super) fn begin(path: Option<&Path>) -> Result<Option<Self>, Failure> {
        let Some(path) = path else { return Ok(None) };
        let file = File::create_new(path).map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => {
                Failure::usage(format!("{} exists, and a report never overwrites a file", path.display()))
                    .means("nothing was verified")
                    .next("name a new file with --report, or move that one away")
                    .reason("report-exists")
            }
            _ => unwritable(path, &error),
        })?;
        Ok(Some(Self { path: path.to_owned(), file }))
    }

    /// Writes the page.
    pub(super) fn write(mut self, page: &str) -> Result<(), Failure> {
        let written = self.file.write_all(page.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| unwritable(&self.path, &error))
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Failure {
    Failure::usage(format!("cannot write the report {}: {error}", path.display()))
        .next("choose another file")
        .reason("report-unwritable")
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#111;\
    background:#fff}table{border-collapse:collapse;width:100%}th,td{text-align:left;vertical-align:top;padding:.3rem .6rem;\
    border-bottom:1px solid #bbb;overflow-wrap:anywhere}dt{font-weight:bold;margin-top:1rem}.finding{font-weight:bold}\
    @media print{body{margin:0;max-width:none}}";

/// The page: the verdict, each bundle, what was found, and for each code what it means and what to do.
pub(super) fn page(bundles: &[(&Path, &Audit)], between: Option<&str>, findings: &[Finding]) -> String {
    let wrong = findings.iter().filter(|finding| show::is_wrong(finding)).count();
    let verdict = match wrong {
        0 => "Nothing is wrong.".to_owned(),
        1 => "One finding.".to_owned(),
        many => format!("{many} findings."),
    };
    let summaries: String = bundles.iter().map(|(root, audit)| bundle(root, audit)).collect();
    let between = between.map(|text| format!("<p>{}</p>\n", escape(text))).unwrap_or_default();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Audit of exchange logs</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>Audit of exchange logs</h1>\n\
         <p class=\"finding\">{verdict}</p>\n{between}<h2>What was verified</h2>\n<table>\n\
         <tr><th>bundle</th><th>what it is and what was checked</th><th>identity</th></tr>\n{summaries}</table>\n\
         <h2>What was found</h2>\n{}{}<p>Made by varde {}, from the bundles alone and without a network. A note means that \
         nothing is wrong by itself. Two nodes that agree to exchange outside the system leave nothing to find.</p>\n\
         </body>\n</html>\n",
        table(findings),
        explanations(findings),
        escape(env!("CARGO_PKG_VERSION")),
    )
}

fn bundle(root: &Path, audit: &Audit) -> String {
    let identity = audit.log.as_ref().map(|log| log.genesis.keys().id().fingerprint().to_string());
    let cells = [root.display().to_string(), show::summary(audit), identity.unwrap_or_default()];
    row("td", &cells)
}

fn table(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "<p>Nothing, not even a note.</p>\n".to_owned();
    }
    let head = row("th", &show::HEAD.map(str::to_owned));
    let rows: String = findings.iter().map(|finding| row("td", &show::line(finding))).collect();
    format!("<table>\n{head}{rows}</table>\n")
}

fn row(cell: &str, texts: &[String]) -> String {
    let cells: String = texts.iter().map(|text| format!("<{cell}>{}</{cell}>", escape(text))).collect();
    format!("<tr>{cells}</tr>\n")
}

fn explanations(findings: &[Finding]) -> String {
    let mut said: Vec<Code> = Vec::new();
    for Finding { code, .. } in findings {
        if !said.contains(code) {
            said.push(*code);
        }
    }
    if said.is_empty() {
        return String::new();
    }
    let entry = |code: &Code| {
        let (proof, who) = explain(*code).map(|(proof, who)| (proof.text(), who.text())).unwrap_or_default();
        let lines = [("It means", code.means), ("It rests on", proof), ("Who acts", who), ("What to do", code.next)];
        let lines: String =
            lines.iter().map(|(head, text)| format!("<dd><b>{head}:</b> {}</dd>\n", escape(text))).collect();
        format!("<dt>{}</dt>\n{lines}", escape(code.name))
    };
    format!("<h2>What it means and what to do</h2>\n<dl>\n{}</dl>\n", said.iter().map(entry).collect::<String>())
}

/// Text as HTML shows it; control characters, of which no text here needs any, as a mark that something was there.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c if c.is_control() || is_reordering(c) => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// Characters that change the direction of the text after them, with which a name could be made to read otherwise.
fn is_reordering(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use varde_proto::audit::codes;

    const HOSTILE: &str = "</td><script>alert(1)</script><img src=x onerror='a'>\"&\u{202e}\u{1b}[31m";

    #[test]
    fn nothing_from_a_bundle_becomes_markup() {
        let audit = Audit { findings: Vec::new(), log: None };
        let findings = [Finding::new(codes::FILE_UNLISTED, HOSTILE), Finding::new(codes::SPLIT_VIEW, "plain")];
        let page = page(&[(Path::new(HOSTILE), &audit)], Some(HOSTILE), &findings);
        let harmless =
            self::page(&[(Path::new("b"), &audit)], Some("text"), &[findings[1].clone(), findings[1].clone()]);
        assert!(page.contains("2 findings.") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
        for mark in
            ["<script", "<img", "\u{202e}", "\u{1b}", "http:", "https:", "src=\"", "javascript:", "@import", "url("]
        {
            assert!(!page.contains(mark), "{mark} is in the page");
        }
        // However hostile the texts, the page has as many elements as with others.
        assert_eq!(page.matches("<td>").count(), harmless.matches("<td>").count());
        assert!(page.contains(codes::FILE_UNLISTED.next) && page.contains(codes::SPLIT_VIEW.next));
    }

    #[test]
    fn a_report_that_is_there_is_left_as_it_is() {
        let dir = std::env::temp_dir().join(format!("varde-report-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("a.html");
        std::fs::write(&path, "mine").unwrap();
        assert!(Report::begin(Some(&path)).is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
        let new = dir.join("b.html");
        Report::begin(Some(&new)).unwrap().unwrap().write("page").unwrap();
        assert_eq!(std::fs::read_to_string(&new).unwrap(), "page");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
