//! The nouns of the command line. A noun is a module with `Args` (clap) and `run`; to add one, write
//!
//! 1. `mod record;` in `main.rs`,
//! 2. `Record(record::Args),` with a `///` line in [`Noun`],
//! 3. `Noun::Record(args) => record::run(args, context).await,` in [`dispatch`],
//!
//! where `pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure>`.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::{agreement, alert, audit, completions, init, key, log, peer, record, status, trend};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::path::PathBuf;

/// Heads the options that every command takes, so that they stand apart from its own.
const EVERYWHERE: &str = "With every command";

/// Signed, minimised alerts and trend summaries between countries, with a log that an auditor can check.
#[derive(Debug, Parser)]
#[command(name = "varde", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:\n  varde init --country NO --network varde.example --dir ./no --mode test\n  \
    varde status --dir ./no --json\n  varde audit verify no.bundle\n\n\
    Exit codes: 0 done, 1 our fault, 2 usage, 3 findings or refused, 75 not ready (try later).\n\
    Data goes to stdout, everything else to stderr. NO_COLOR is honoured.\n\n\
    With --json an error is one document on stderr: {\"error\": {exit, kind, reason, what, means, next}}. `exit` is the exit\n\
    code, `kind` its word, `reason` a code that does not change; `reason`, `means` and `next` may be null.")]
pub(crate) struct Cli {
    /// Directory of the node this command belongs to; `audit` and `completions` need none
    #[arg(long, global = true, env = "VARDE_DIR", value_name = "DIR", help_heading = EVERYWHERE)]
    pub(crate) dir: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub(crate) json: bool,
    /// Milliseconds that the node may take to answer
    #[arg(long, global = true, hide = true, value_name = "MS", default_value_t = 30_000)]
    pub(crate) patience: u64,
    #[command(subcommand)]
    pub(crate) noun: Noun,
}

impl Cli {
    /// Reads the arguments of this process.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches_mut(&mut command().try_get_matches()?)
    }
}

/// The whole command, with every command's closing text flowing to the width of the terminal.
pub(crate) fn command() -> clap::Command {
    flowing(Cli::command())
}

fn flowing(command: clap::Command) -> clap::Command {
    let closing = command.get_after_help().map(|text| unwrapped(&text.to_string()));
    let command = command.mut_subcommands(flowing);
    match closing {
        Some(closing) => command.after_help(closing),
        None => command,
    }
}

/// Joins the lines of a paragraph; an indented line (an example) and what follows it stay as they are.
fn unwrapped(text: &str) -> String {
    let mut out = String::new();
    let mut before = "";
    for line in text.lines() {
        let prose = |l: &str| !l.is_empty() && !l.starts_with(' ') && !l.ends_with(':');
        out.push_str(if out.is_empty() {
            ""
        } else if prose(before) && prose(line) {
            " "
        } else {
            "\n"
        });
        out.push_str(line);
        before = line;
    }
    out
}

/// What the command is about.
#[derive(Debug, Subcommand)]
pub(crate) enum Noun {
    /// Makes a new node: its keys, its certificate, its settings
    Init(init::Args),
    /// Peers: this node's descriptor for them, and whom this node has pinned
    Peer(peer::Args),
    /// Keys: which are in force, and replacing or revoking one while the node runs
    Key(key::Args),
    /// Agreements: what may be exchanged with each peer, and changing it
    Agreement(agreement::Args),
    /// Case records of this country: they never leave it
    Record(record::Args),
    /// Alerts to other countries and from them: draft, preview, approve, release, read, reply
    Alert(alert::Args),
    /// Trend summaries: releasing a cohort's, and reading ours and our neighbours'
    Trend(trend::Args),
    /// The exchange log: what it says, how it stands, and its bundle for auditors
    Log(log::Args),
    /// Bundles and proofs, verified offline: no node, no network
    Audit(audit::Args),
    /// How the node is: its log, its records, its peers
    Status(status::Args),
    /// Completions for a shell, on stdout
    Completions(completions::Args),
}

/// Hands the arguments to their noun.
pub(crate) async fn dispatch(noun: Noun, context: &Context) -> Result<Exit, Failure> {
    match noun {
        Noun::Init(args) => init::run(args, context),
        Noun::Peer(args) => peer::run(args, context).await,
        Noun::Key(args) => key::run(args, context).await,
        Noun::Agreement(args) => agreement::run(args, context).await,
        Noun::Record(args) => record::run(args, context).await,
        Noun::Alert(args) => alert::run(args, context).await,
        Noun::Trend(args) => trend::run(args, context).await,
        Noun::Log(args) => log::run(args, context).await,
        Noun::Audit(args) => audit::run(args, context),
        Noun::Status(args) => status::run(args, context).await,
        Noun::Completions(args) => completions::run(args, context),
    }
}

#[cfg(test)]
mod tests {
    use super::{command, unwrapped};

    #[test]
    fn the_arguments_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_command_and_every_group_shows_an_example_of_itself() {
        fn check(command: &clap::Command, path: &str) {
            let closing = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(closing.contains(&format!("\n  {path}")), "`{path} --help` has no example");
            command.get_subcommands().for_each(|c| check(c, &format!("{path} {}", c.get_name())));
        }
        check(&command(), "varde");
    }

    #[test]
    fn the_nouns_of_a_days_work_show_examples_too() {
        let command = command();
        for noun in ["alert", "trend", "record"] {
            let closing = command.find_subcommand(noun).and_then(|c| c.get_after_help()).map(ToString::to_string);
            let closing = closing.unwrap_or_default();
            let examples = closing.lines().filter_map(|line| line.strip_prefix("  ")).collect::<Vec<_>>();
            assert!((1..=3).contains(&examples.len()), "`varde {noun} --help` has {} examples", examples.len());
            for example in examples {
                let words = example.split(' ').collect::<Vec<_>>();
                let leaf = command.find_subcommand(noun).and_then(|c| c.find_subcommand(words.get(2).copied()?));
                assert!(words.starts_with(&["varde", noun]) && leaf.is_some(), "{example:?} is no command");
            }
        }
    }

    #[test]
    fn paragraphs_flow_and_examples_stand() {
        let text = "Examples:\n  varde a \\\n      --b\n\nOne sentence that was\nbroken. Another\nend.\n\nLast.";
        let wanted = "Examples:\n  varde a \\\n      --b\n\nOne sentence that was broken. Another end.\n\nLast.";
        assert_eq!(unwrapped(text), wanted);
    }

    #[test]
    fn every_command_says_what_it_does() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "`{}` says nothing about itself", command.get_name());
            command.get_subcommands().for_each(check);
        }
        check(&command());
    }
}
