//! The one file where a failure becomes a `tonic::Status`.
//!
//! A failure says who can put it right. Our own staff get the whole story; a peer gets the class's fixed text, so that
//! nothing internal crosses a border.

use crate::port::StoreError;
use prost::Message;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tonic::{Code, Status};
use varde_proto::wire::operator::Advice;

/// Who can put it right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The sender must change what it sent.
    Change,
    /// The sender named something that is not here.
    Absent,
    /// A rule or a person stands in the way: their operator must ask ours.
    Ask,
    /// Nothing was written; the same call may succeed later.
    Again,
    /// Ours: look up the incident in the node's log.
    Ours,
}

impl Class {
    fn code(self) -> Code {
        match self {
            Self::Change => Code::InvalidArgument,
            Self::Absent => Code::NotFound,
            Self::Ask => Code::FailedPrecondition,
            Self::Again => Code::Unavailable,
            Self::Ours => Code::Internal,
        }
    }

    fn fixed_text(self) -> &'static str {
        match self {
            Self::Change => "the sender must change what it sent",
            Self::Absent => "nothing here has that name",
            Self::Ask => "not permitted; your operator must ask ours",
            Self::Again => "nothing was written; try again",
            Self::Ours => "a fault at our side; ask our operator for the incident",
        }
    }
}

/// A failure on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    class: Class,
    code: &'static str,
    what: String,
    means: String,
    next: String,
}

impl Trouble {
    /// Its code, what happened, and what to do: for a verdict that is no failure.
    pub fn parts(&self) -> (&'static str, &str, &str) {
        (self.code, &self.what, &self.next)
    }

    /// A failure of a class, with the code by which a script tells it from others and what happened.
    pub fn new(class: Class, code: &'static str, what: impl Into<String>) -> Self {
        Self { class, code, what: what.into(), means: String::new(), next: String::new() }
    }

    /// A fault of ours: the error goes to the node's log under a number, and only the number goes out.
    pub fn incident(error: &dyn std::error::Error) -> Self {
        // A locked log is no fault: whatever asks for a leaf meets it, under whatever name its own error has.
        let locked = StoreError::Locked.to_string();
        if error.to_string() == locked {
            return Self::new(Class::Again, "recovering", locked)
                .means("nothing was written; drafts and records can be read and written meanwhile")
                .next("`varde log status` shows how it stands");
        }
        let superseded = StoreError::Superseded.to_string();
        if error.to_string() == superseded {
            return Self::new(Class::Again, "agreement-changed", superseded)
                .means("nothing was written")
                .next("run the command again: it is judged by what is agreed now");
        }
        let number = incident_number();
        tracing::error!(incident = %number, error = %Chain(error), "incident");
        Self::new(Class::Ours, "incident", format!("the node failed; incident {number}"))
            .means("the node's log holds the reason under that number")
            .next(format!("look for \"{number}\" in the output of varde-node"))
    }

    /// Adds what it means for the person at the keyboard.
    pub fn means(mut self, text: impl Into<String>) -> Self {
        self.means = text.into();
        self
    }

    /// Adds what to do next.
    pub fn next(mut self, text: impl Into<String>) -> Self {
        self.next = text.into();
        self
    }

    /// For our own staff: the whole story.
    pub fn for_staff(self) -> Status {
        let advice = Advice { code: self.code.to_owned(), means: self.means, next: self.next };
        Status::with_details(self.class.code(), self.what, advice.encode_to_vec().into())
    }

    /// For a peer: the class and its fixed text.
    pub fn for_peer(self) -> Status {
        Status::new(self.class.code(), self.class.fixed_text())
    }
}

/// Unique to this run of the node (8 hex digits of chance) and counted within it.
fn incident_number() -> String {
    static RUN: OnceLock<u32> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(1);
    let run = RUN.get_or_init(|| getrandom::u32().unwrap_or_else(|_| std::process::id()));
    format!("{run:08x}-{}", COUNT.fetch_add(1, Ordering::Relaxed))
}

/// An error with its causes, on one line.
struct Chain<'a>(&'a dyn std::error::Error);

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_peer_learns_the_class_and_nothing_else() {
        let trouble = Trouble::new(Class::Change, "bad-age", "row 7 of cases.csv has age 93").next("correct it");
        let status = trouble.clone().for_peer();
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, "the sender must change what it sent"));
        assert!(status.details().is_empty());
        let status = trouble.for_staff();
        assert_eq!(status.message(), "row 7 of cases.csv has age 93");
        assert_eq!(Advice::decode(status.details()).unwrap().next, "correct it");
    }

    #[test]
    fn an_incident_shows_its_number_and_not_its_cause() {
        let cause = std::io::Error::other("disk /dev/sda7 is on fire");
        let (first, second) = (Trouble::incident(&cause), Trouble::incident(&cause));
        assert_ne!(first.what, second.what);
        assert!(!format!("{first:?}").contains("sda7"));
    }
}
