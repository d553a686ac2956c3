//! The one error of the command line: what happened, what it means, what to do next, and the exit code.

use prost::Message;
use std::error::Error;
use std::process::ExitCode;
use tonic::Code;
use varde_proto::wire::operator::Advice;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done, nothing to report.
    Done,
    /// 1: a defect or a broken machine; nobody's arguments help.
    Ours,
    /// 2: the arguments or the input must change.
    Usage,
    /// 3: it ran, and found or refused something.
    Findings,
    /// 75: nothing was written; the same command may succeed later (`EX_TEMPFAIL` of sysexits.h).
    NotReady,
}

impl Exit {
    /// The process's exit code.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Ours => 1,
            Self::Usage => 2,
            Self::Findings => 3,
            Self::NotReady => 75,
        }
    }

    /// One word for scripts.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Ours => "our-fault",
            Self::Usage => "usage",
            Self::Findings => "refused",
            Self::NotReady => "not-ready",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    exit: Exit,
    what: String,
    means: Option<String>,
    next: Option<String>,
    reason: Option<String>,
}

impl Failure {
    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), means: None, next: None, reason: None }
    }

    /// A defect or a broken machine: exit 1.
    pub(crate) fn ours(what: impl Into<String>) -> Self {
        Self::new(Exit::Ours, what)
    }

    /// The arguments or the input must change: exit 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// A rule, a peer or a check refused: exit 3.
    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::new(Exit::Findings, what)
    }

    /// Nothing was written; it may work later: exit 75.
    pub(crate) fn not_ready(what: impl Into<String>) -> Self {
        Self::new(Exit::NotReady, what)
    }

    /// Adds what it means for the person at the keyboard.
    pub(crate) fn means(mut self, text: impl Into<String>) -> Self {
        self.means = Some(text.into());
        self
    }

    /// Adds what to do next.
    pub(crate) fn next(mut self, text: impl Into<String>) -> Self {
        self.next = Some(text.into());
        self
    }

    /// Adds the code by which a script tells this reason from others.
    pub(crate) fn reason(mut self, code: impl Into<String>) -> Self {
        self.reason = Some(code.into());
        self
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// For people, on stderr: one to three lines without colour.
    pub(crate) fn to_text(&self) -> String {
        let mut text = format!("error: {}", self.what);
        for (label, part) in [("it means: ", &self.means), ("what to do: ", &self.next)] {
            if let Some(part) = part {
                text.push_str(&format!("\n  {label}{part}"));
            }
        }
        text
    }

    /// For scripts, on stderr: one document.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": {
            "exit": self.exit.code(), "kind": self.exit.word(), "reason": self.reason,
            "what": self.what, "means": self.means, "next": self.next,
        }})
    }
}

/// What the node answered. Its operator door sends an `Advice` in the details; without one, the class alone is known.
impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        if timed_out(&status) {
            return Self::late("the node took the question and did not answer in time");
        }
        let exit = match status.code() {
            Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::OutOfRange => Exit::Usage,
            Code::FailedPrecondition | Code::PermissionDenied => Exit::Findings,
            Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded | Code::Cancelled => Exit::NotReady,
            _ => Exit::Ours,
        };
        let failure = Self::new(exit, status.message());
        match Advice::decode(status.details()) {
            Ok(Advice { code, means, next }) if !code.is_empty() => {
                let failure = if means.is_empty() { failure } else { failure.means(means) };
                (if next.is_empty() { failure } else { failure.next(next) }).reason(code)
            }
            _ => failure.by_class(status.code()),
        }
    }
}

/// Whether the deadline of the call passed, which tonic tells only by the causes of a status.
fn timed_out(status: &tonic::Status) -> bool {
    let mut cause = status.source();
    while let Some(error) = cause {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        cause = error.source();
    }
    false
}

impl Failure {
    /// The node has the question, and no answer came.
    pub(crate) fn late(what: &str) -> Self {
        Self::not_ready(what)
            .means("it hangs or is overloaded. What it has begun it may finish: this may have been done or not")
            .next("see how things stand (`varde status`, `varde log show`) before you ask again")
            .reason("no-answer")
    }

    fn by_class(self, code: Code) -> Self {
        match code {
            Code::Unimplemented => self
                .means("the running node does not know this command")
                .next("restart the node with the same version as this `varde` (`varde --version`)"),
            Code::Unavailable | Code::Cancelled => self
                .means("the node closed the connection before it answered")
                .next("see whether it still runs (`varde status`), then try again"),
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_of_the_node_reaches_the_person() {
        let advice =
            Advice { code: "no-such-draft".into(), means: String::new(), next: "see `varde alert list`".into() };
        let status = tonic::Status::with_details(Code::NotFound, "no draft 7c", advice.encode_to_vec().into());
        let failure = Failure::from(status);
        assert_eq!(failure.exit(), Exit::Usage);
        assert_eq!(failure.to_text(), "error: no draft 7c\n  what to do: see `varde alert list`");
        assert_eq!(failure.to_json()["error"]["reason"], "no-such-draft");
    }

    #[test]
    fn a_lost_connection_is_worth_another_try() {
        let failure = Failure::from(tonic::Status::unavailable("gone"));
        assert_eq!(failure.exit().code(), 75);
        assert!(failure.to_text().contains("what to do"));
    }
}
