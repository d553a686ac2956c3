//! What two countries promised each other: the limits within which anything is exchanged between them.
//!
//! In: an agreement's one text and the [`Terms`] that stand at its head, whether they permit something ([`Terms::permits`]), and
//! which agreement governs at a time, from what each side said ([`Agreed`]). Sender, receiver and auditor run the same lines.
//! Out: the signatures on it (`identity`), what is logged of it and when it is asked (`varde-node`, `flow::agreement`).
//!
//! An agreement is identified by SHA-256 of its text, so that a word of its prose cannot change without both sides signing anew.

mod agreed;
mod default;
mod terms;
mod text;

pub use agreed::{Agreed, Between, Governing, Said, Side, State, TooMany};
pub use default::{DEFAULT_TEXT, default_agreement};
pub use terms::{AtEnd, KindTerms, Terms, Traffic};
pub use text::BadText;

use crate::id::Digest;
use std::sync::Arc;

/// An agreement: its text, and the terms at its head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    id: Digest,
    text: String,
    terms: Terms,
}

impl Agreement {
    /// Reads a text: that of the default, or one whose head is written in the one way in which it can be.
    pub fn read(text: &str) -> Result<Self, BadText> {
        let terms = if text == DEFAULT_TEXT { default::terms() } else { text::read(text)? };
        Ok(Self { id: Digest::of(text.as_bytes()), text: text.to_owned(), terms })
    }

    /// Terms, and the prose below them.
    pub fn write(terms: &Terms, prose: &str) -> Result<Self, BadText> {
        Self::read(&text::write(terms, prose))
    }

    /// The agreement in force between two nodes until they sign one of their own.
    pub fn by_default() -> Arc<Self> {
        static DEFAULT: std::sync::LazyLock<Arc<Agreement>> = std::sync::LazyLock::new(|| {
            let (text, terms) = (DEFAULT_TEXT.to_owned(), default::terms());
            Arc::new(Agreement { id: default_agreement(), text, terms })
        });
        DEFAULT.clone()
    }

    /// SHA-256 of its text.
    pub fn id(&self) -> Digest {
        self.id
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands below the head.
    pub fn prose(&self) -> &str {
        self.text.split_once("\n\n").map_or("", |(_, prose)| prose)
    }

    /// Its terms.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }
}

#[cfg(test)]
mod tests;
