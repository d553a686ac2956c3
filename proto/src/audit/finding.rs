//! What an audit says: a code that scripts know, the place, and two sentences for a person.

use crate::id::{LogIndex, Origin};
use crate::time::Timestamp;
use std::fmt;

/// Whether something is wrong, or only worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; nothing is wrong by itself.
    Note,
    /// Something is wrong, or cannot be shown to be right.
    Finding,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Finding => "finding",
        })
    }
}

/// One kind of finding. The catalogue is [`super::codes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// What scripts match.
    pub name: &'static str,
    /// Whether it is a finding or a note.
    pub severity: Severity,
    /// The promise of docs/threats.md that it concerns, for example `L1`; empty for none.
    pub promise: &'static str,
    /// What it means, in a sentence.
    pub means: &'static str,
    /// What a person does next.
    pub next: &'static str,
}

/// Something an audit found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which kind.
    pub code: Code,
    /// The log that it is about.
    pub origin: Option<Origin>,
    /// The leaf that it is about, or at which it begins.
    pub index: Option<LogIndex>,
    /// The other log concerned.
    pub peer: Option<Origin>,
    /// The channel's class.
    pub class: Option<u8>,
    /// The item's number in its channel.
    pub seq: Option<u64>,
    /// It did not happen before this.
    pub not_before: Option<Timestamp>,
    /// It did not happen after this.
    pub not_after: Option<Timestamp>,
    /// What is so, in a sentence.
    pub text: String,
}

impl Finding {
    /// A finding about nothing in particular yet.
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self {
            code,
            origin: None,
            index: None,
            peer: None,
            class: None,
            seq: None,
            not_before: None,
            not_after: None,
            text: text.into(),
        }
    }

    /// About this log.
    pub fn of(self, origin: &Origin) -> Self {
        Self { origin: Some(origin.clone()), ..self }
    }

    /// About this leaf.
    pub fn at(self, index: LogIndex) -> Self {
        Self { index: Some(index), ..self }
    }

    /// About an item of a channel with this peer.
    pub fn item(self, peer: &Origin, class: u8, seq: u64) -> Self {
        Self { peer: Some(peer.clone()), class: Some(class), seq: Some(seq), ..self }
    }

    /// With this other log.
    pub fn with(self, peer: &Origin) -> Self {
        Self { peer: Some(peer.clone()), ..self }
    }

    /// Between these times.
    pub fn between(self, not_before: Option<Timestamp>, not_after: Option<Timestamp>) -> Self {
        Self { not_before, not_after, ..self }
    }
}

/// What is wrong with one leaf: a code and a sentence.
#[derive(Debug)]
pub(super) struct Wrong(pub(super) Code, pub(super) String);

/// Findings as they are made. At most [`MOST`] of one code are kept; how many more there were is said at the end.
#[derive(Debug, Default)]
pub(super) struct Findings {
    kept: Vec<Finding>,
    origin: Option<Origin>,
    counts: Vec<(Code, usize)>,
    /// Where the next one stands, if not last.
    at: Option<usize>,
}

/// Findings kept of one code: more than a person reads, few enough to keep.
const MOST: usize = 1000;

impl Findings {
    /// Findings from now on are about this log unless they say otherwise.
    pub(super) fn about(&mut self, origin: &Origin) {
        self.origin = Some(origin.clone());
    }

    /// Where the next one will stand.
    pub(super) fn place(&self) -> usize {
        self.kept.len()
    }

    /// What is found from now on stands at an earlier place, because people read it first; `None`: last again.
    pub(super) fn stand(&mut self, at: Option<usize>) {
        self.at = at;
    }

    /// Adds one; returns its place if it was kept.
    pub(super) fn add(&mut self, finding: Finding) -> Option<usize> {
        let counted = self.counts.iter().position(|(code, _)| *code == finding.code).unwrap_or_else(|| {
            self.counts.push((finding.code, 0));
            self.counts.len() - 1
        });
        let (_, count) = &mut self.counts[counted];
        *count += 1;
        if *count > MOST {
            return None;
        }
        let origin = finding.origin.clone().or_else(|| self.origin.clone());
        let place = self.at.map_or(self.kept.len(), |at| at.min(self.kept.len()));
        self.kept.insert(place, Finding { origin, ..finding });
        self.at = self.at.map(|_| place + 1);
        Some(place)
    }

    /// Says until when the finding at a place may have happened.
    pub(super) fn close(&mut self, place: usize, not_after: Timestamp) {
        if let Some(finding) = self.kept.get_mut(place) {
            finding.not_after = Some(not_after);
        }
    }

    /// Gives the findings about leaves of a log that name no times of their own those that `bracket` knows.
    pub(super) fn bracket(
        &mut self,
        origin: &Origin,
        bracket: impl Fn(LogIndex) -> (Option<Timestamp>, Option<Timestamp>),
    ) {
        for finding in self.kept.iter_mut().filter(|finding| finding.origin.as_ref() == Some(origin)) {
            let Some((before, after)) = finding.index.map(&bracket) else { continue };
            if finding.not_before.is_none() && before <= finding.not_after.or(before) {
                finding.not_before = before;
            }
            if finding.not_after.is_none() && finding.not_before <= after {
                finding.not_after = after;
            }
        }
    }

    /// Whether any finding of this code was made.
    pub(super) fn any(&self, code: Code) -> bool {
        self.counts.iter().any(|(counted, _)| *counted == code)
    }

    /// All of them, with a last one for each code of which there were too many.
    pub(super) fn finish(mut self) -> Vec<Finding> {
        for (code, count) in self.counts.iter().filter(|(_, count)| *count > MOST) {
            let text = format!("{} more like the {MOST} shown", count - MOST);
            let mut last = Finding::new(*code, text);
            last.origin = self.origin.clone();
            self.kept.push(last);
        }
        self.kept
    }
}
