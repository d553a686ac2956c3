//! Real nodes as real processes: what the demonstration, the guides' commands and the process tests share.
//!
//! In: finding the binaries, one country's directory and processes, waiting with a deadline. Out: what a test asserts.
//! Nothing here panics: a failure says what was run and what it said, and the caller decides.

mod binaries;
mod command;
mod country;
mod wait;

pub use binaries::{Binaries, binaries};
pub use command::{Outcome, run};
pub use country::{Country, NETWORK, Site, pin_all};
pub use wait::until;

/// What went wrong, with everything a person needs to see why.
#[derive(Clone, PartialEq, Eq)]
pub struct Trouble(String);

impl Trouble {
    /// From a text of any number of lines.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `unwrap` in a test shows the text as it is.
impl std::fmt::Debug for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Trouble {}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}
