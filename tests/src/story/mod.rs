//! The story that `cargo demo` tells and `cargo test` checks: four countries, real nodes, one alert, first trends, an audit.
//!
//! In: the steps, each checking what it claims before it says it. Out: how they are shown (`src/bin/demo.rs`). Everyone and
//! everything in it is invented.

mod alert;
mod audit;
mod countries;
mod records;
mod trends;

use crate::harness::{Country, Trouble};
use std::path::{Path, PathBuf};

/// A step: its title, and what tells it.
pub struct Step {
    /// What happens, in a few words.
    pub title: &'static str,
    /// Makes it happen; the lines say what was seen.
    pub tell: fn(&mut Story) -> Result<Vec<String>, Trouble>,
}

/// The whole story, in order.
pub const STEPS: [Step; 8] = [
    Step { title: "four countries start their nodes and pin each other", tell: countries::start },
    Step { title: "case records go in", tell: records::import },
    Step { title: "NO drafts an alert from its records, and looks at what would leave", tell: alert::draft },
    Step { title: "it is released to LT and EE, and to nobody else", tell: alert::release },
    Step { title: "each country releases its first trend edition to the others", tell: trends::release },
    Step { title: "an analyst at EE asks about the corridor from LT to NO", tell: trends::corridor },
    Step { title: "an auditor checks the logs of NO and EE, without a node or a network", tell: audit::prove },
    Step { title: "one byte of a bundle is changed, and the verifier names it", tell: audit::tamper },
];

/// What the steps share.
pub struct Story {
    home: PathBuf,
    countries: Vec<Country>,
    alert: Option<String>,
}

impl Story {
    /// A story that plays in `home`, an empty folder.
    pub fn new(home: &Path) -> Self {
        Self { home: home.to_owned(), countries: Vec::new(), alert: None }
    }

    /// Where everything lies.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The countries, once they exist.
    pub fn countries(&self) -> &[Country] {
        &self.countries
    }

    /// Leaves the nodes running.
    pub fn let_go(&mut self) {
        self.countries.iter_mut().for_each(Country::let_go);
    }

    fn country(&self, code: &str) -> Result<&Country, Trouble> {
        let found = self.countries.iter().find(|c| c.code() == code);
        found.ok_or_else(|| Trouble::new(format!("{code} has no node yet")))
    }

    fn alert(&self) -> Result<&str, Trouble> {
        self.alert.as_deref().ok_or_else(|| Trouble::new("no alert was drafted yet"))
    }
}
