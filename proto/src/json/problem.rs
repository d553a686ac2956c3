//! What is wrong with a file: where, what is wanted, what to do next.

use super::At;
use std::fmt;

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file; nothing for a field that is missing.
    pub at: Option<At>,
    /// Path of the field, `content.forms[1]`; empty for the file as a whole.
    pub field: String,
    /// What is wanted there.
    pub wanted: String,
    /// What is there instead.
    pub got: String,
    /// What to do next.
    pub next: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "line {}, column {}: ", at.line, at.column)?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        write!(f, "wanted {}", self.wanted)?;
        if !self.got.is_empty() {
            write!(f, ", not {}", self.got)?;
        }
        write!(f, "; {}", self.next)
    }
}

/// The known name nearest to what was written, if it is near at all.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_ascii_uppercase();
    let length = written.chars().count();
    let scored = known.into_iter().map(|name| (distance(&written, &name.to_ascii_uppercase()), name));
    let part = |name: &str| length >= 4 && name.to_ascii_uppercase().contains(&written);
    let near = if length < 3 { 1 } else { (1 + length / 4).max(2) };
    scored.filter(|(d, name)| *d <= near || part(name)).min().map(|(_, name)| name)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        let known = ["FORCED_BEGGING", "FORCED_CRIMINALITY", "ORGAN_REMOVAL"];
        assert_eq!(nearest("forced_beging", known), Some("FORCED_BEGGING"));
        assert_eq!(nearest("BEGGING", known), Some("FORCED_BEGGING"));
        assert_eq!(nearest("X", known), None);
        assert_eq!((distance("KITTEN", "SITTING"), distance("", "AB")), (3, 2));
    }
}
