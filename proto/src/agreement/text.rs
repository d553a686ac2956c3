//! The one text of an agreement: a head of terms, one a line and in one order, an empty line, and the prose that the two
//! countries' lawyers wrote. It is read back to exactly the bytes that were signed.
//!
//! ```text
//! varde/agreement/v1
//! network varde.example
//! mode test
//! parties EE NO
//! edition 1
//! from 2026-12-01T00:00:00Z
//! until 2028-12-01T00:00:00Z
//! level L1
//! tlp RED
//! handling H0 H1 H2 H3
//! purposes P1 P2 P4 P5
//! prohibitions X1 X3
//! kind MISSING_CHILD_POINTER days 14 reply-hours 72
//! kind MODUS_OPERANDI days 366
//! trends first
//! at-end ERASE
//!
//! Prose.
//! ```

use super::terms::{AtEnd, KindTerms, Terms};
use crate::alert::longest_life;
use crate::id::{NodeId, check_network};
use crate::identity::mode;
use crate::limits;
use crate::summary::FAMILIES;
use crate::time::Timestamp;
use crate::vocabulary::{AlertKind, PersonalDataLevel, Tlp, Vocabulary};
use std::collections::BTreeSet;
use std::str::FromStr;
use std::time::Duration;

/// How the text begins.
const FIRST_LINE: &str = "varde/agreement/v1";
const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Why a text is no agreement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadText {
    /// Over the bound.
    #[error("the text has {0} bytes, more than the {max} that an agreement may have", max = limits::AGREEMENT_BYTES)]
    TooLong(usize),
    /// A line of the head is not what stands there.
    #[error("line {line}: {wanted} must stand here")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What must.
        wanted: String,
    },
    /// The prose.
    #[error(
        "below the head and an empty line the text of the agreement must stand: printable, without spaces at the ends of lines, and one line end after its last line"
    )]
    Prose,
}

struct Lines<'a> {
    lines: std::iter::Peekable<std::str::Split<'a, char>>,
    number: usize,
}

impl<'a> Lines<'a> {
    fn wrong<T>(&self, wanted: &str) -> Result<T, BadText> {
        Err(BadText::Line { line: self.number, wanted: wanted.to_owned() })
    }

    /// The rest of the next line, which begins with `key`.
    fn next(&mut self, key: &str, wanted: &str) -> Result<&'a str, BadText> {
        self.number += 1;
        let rest = self.lines.next().and_then(|line| line.strip_prefix(key)).and_then(|rest| rest.strip_prefix(' '));
        rest.map_or_else(|| self.wrong(&format!("`{key} …`, {wanted}")), Ok)
    }

    /// What the next line says, as `read` takes it.
    fn take<T>(&mut self, key: &str, wanted: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, BadText> {
        let rest = self.next(key, wanted)?;
        read(rest).map_or_else(|| self.wrong(&format!("`{key} …`, {wanted}")), Ok)
    }
}

/// Reads the terms of a text. What does not come out again as it stands is refused.
pub(super) fn read(text: &str) -> Result<Terms, BadText> {
    if text.len() > limits::AGREEMENT_BYTES {
        return Err(BadText::TooLong(text.len()));
    }
    let (head, prose) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = Lines { lines: head.split('\n').peekable(), number: 1 };
    if lines.lines.next() != Some(FIRST_LINE) {
        return lines.wrong(&format!("`{FIRST_LINE}`"));
    }
    let terms = terms(&mut lines)?;
    lines.number += 1;
    if lines.lines.next().is_some() {
        return lines.wrong("an empty line, and then the prose");
    }
    if !is_prose(prose) {
        return Err(BadText::Prose);
    }
    // Every line was read strictly; this is what makes the spelling one all the same.
    let again = write(&terms, prose);
    match again.lines().zip(text.lines()).position(|(one, other)| one != other) {
        Some(place) => {
            Err(BadText::Line { line: place + 1, wanted: again.lines().nth(place).unwrap_or_default().into() })
        }
        None if again != text => Err(BadText::Prose),
        None => Ok(terms),
    }
}

fn terms(lines: &mut Lines<'_>) -> Result<Terms, BadText> {
    let network = lines.take("network", "the network's name", |n| check_network(n).ok().map(|()| n.to_owned()))?;
    let mode = lines.take("mode", "actual, exercise or test", |name| mode::parse(name).ok())?;
    let parties = lines.take("parties", "two countries or more, sorted", parties)?;
    let edition = lines.take("edition", "a number from 1 to 9999", |n| number(n, 1..=9999))?;
    let time = |text: &str| Timestamp::parse(text).ok();
    let from = lines.take("from", "a time such as 2026-12-01T00:00:00Z", time)?;
    let until = lines.take("until", "a later time", |text| time(text).filter(|until| *until > from))?;
    let level = lines.take("level", "L0 or L1", |name| PersonalDataLevel::parse(name).ok())?;
    let tlp = lines.take("tlp", "RED, AMBER_STRICT, AMBER, GREEN or CLEAR", |name| Tlp::parse(name).ok())?;
    let handling = lines.take("handling", "codes H, sorted, or -", codes)?;
    let purposes = lines.take("purposes", "codes P, sorted, or -", codes)?;
    let prohibitions = lines.take("prohibitions", "codes X, sorted, or -", codes)?;
    let mut kinds = std::collections::BTreeMap::new();
    while lines.lines.peek().is_some_and(|line| line.starts_with("kind ")) {
        let wanted = "a kind, `days N` within its longest life and, if agreed, `reply-hours N`";
        let (kind, terms) = lines.take("kind", wanted, kind)?;
        kinds.insert(kind, terms);
    }
    let known = |name: &str| FAMILIES.contains(&name).then(|| name.to_owned());
    let trends = lines.take("trends", "families of trend tables, sorted, or -", |text| list(text, known))?;
    let at_end = lines.take("at-end", "ERASE or KEEP", |text| match text {
        "ERASE" => Some(AtEnd::Erase),
        "KEEP" => Some(AtEnd::Keep),
        _ => None,
    })?;
    let network = Some(network);
    Ok(Terms {
        network,
        mode,
        parties,
        edition,
        from,
        until,
        level,
        tlp,
        handling,
        purposes,
        prohibitions,
        kinds,
        trends,
        at_end,
    })
}

fn number<T: FromStr + PartialOrd>(text: &str, range: std::ops::RangeInclusive<T>) -> Option<T> {
    text.parse().ok().filter(|number| range.contains(number))
}

fn parties(text: &str) -> Option<Vec<NodeId>> {
    let parties: Vec<NodeId> = text.split(' ').map(|code| NodeId::parse(code).ok()).collect::<Option<_>>()?;
    (2..=limits::PEERS).contains(&parties.len()).then_some(parties).filter(|p| p.windows(2).all(|w| w[0] < w[1]))
}

fn list<T: Ord>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<BTreeSet<T>> {
    if text == "-" { Some(BTreeSet::new()) } else { text.split(' ').map(read).collect() }
}

fn codes<T: Vocabulary>(text: &str) -> Option<BTreeSet<T>> {
    list(text, |name| T::parse(name).ok())
}

fn kind(text: &str) -> Option<(AlertKind, KindTerms)> {
    let words: Vec<&str> = text.split(' ').collect();
    let (kind, days, reply) = match words.as_slice() {
        [kind, "days", days] => (kind, days, None),
        [kind, "days", days, "reply-hours", hours] => (kind, days, Some(number(hours, 1..=8784)?)),
        _ => return None,
    };
    let kind = AlertKind::parse(kind).ok()?;
    let days: u64 = number(days, 1..=longest_life(kind).as_secs() / DAY)?;
    let hours = |hours: u64| Duration::from_secs(hours * HOUR);
    Some((kind, KindTerms { life: Duration::from_secs(days * DAY), reply: reply.map(hours) }))
}

fn is_prose(prose: &str) -> bool {
    let is_line = |line: &str| !line.ends_with(' ') && !line.chars().any(is_hidden);
    let body = prose.strip_suffix('\n');
    body.is_some_and(|body| {
        !body.starts_with('\n') && !body.ends_with('\n') && !body.is_empty() && body.split('\n').all(is_line)
    })
}

/// Whether a character shows nothing, or turns the order of others: what is read would not be what is signed.
fn is_hidden(c: char) -> bool {
    let formats =
        ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{e0000}'..='\u{e007f}'];
    let single = ['\u{ad}', '\u{61c}', '\u{180e}', '\u{feff}'];
    c.is_control() || single.contains(&c) || formats.iter().any(|range| range.contains(&c))
}

/// The text of these terms and this prose.
pub(super) fn write(terms: &Terms, prose: &str) -> String {
    fn listed(names: impl Iterator<Item = String>) -> String {
        let names: Vec<String> = names.collect();
        if names.is_empty() { "-".to_owned() } else { names.join(" ") }
    }
    fn codes<T: Vocabulary>(codes: &BTreeSet<T>) -> String {
        listed(codes.iter().map(ToString::to_string))
    }
    let mut out = vec![
        FIRST_LINE.to_owned(),
        format!("network {}", terms.network.as_deref().unwrap_or_default()),
        format!("mode {}", mode::name(terms.mode)),
        format!("parties {}", listed(terms.parties.iter().map(ToString::to_string))),
        format!("edition {}", terms.edition),
        format!("from {}", terms.from),
        format!("until {}", terms.until),
        format!("level {}", terms.level),
        format!("tlp {}", terms.tlp),
        format!("handling {}", codes(&terms.handling)),
        format!("purposes {}", codes(&terms.purposes)),
        format!("prohibitions {}", codes(&terms.prohibitions)),
    ];
    for (kind, KindTerms { life, reply }) in &terms.kinds {
        let reply = reply.map_or_else(String::new, |reply| format!(" reply-hours {}", reply.as_secs() / HOUR));
        out.push(format!("kind {kind} days {}{reply}", life.as_secs() / DAY));
    }
    out.push(format!("trends {}", listed(terms.trends.iter().cloned())));
    out.push(format!("at-end {}", if terms.at_end == AtEnd::Erase { "ERASE" } else { "KEEP" }));
    format!("{}\n\n{prose}", out.join("\n"))
}
