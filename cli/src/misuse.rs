//! What clap has to say, with a next step: help on stdout with exit 0, a misuse on stderr with exit 2, as text or as JSON.

use crate::args;
use crate::failure::{Exit, Failure};
use crate::render::Render;
use clap::error::ErrorKind;
use std::process::ExitCode;

/// Shows it.
pub(crate) fn explain(error: &clap::Error) -> ExitCode {
    let given: Vec<String> = std::env::args_os().skip(1).map(|a| a.to_string_lossy().into_owned()).collect();
    let render = Render::new(given.iter().any(|a| a == "--json"));
    let text = error.render().to_string();
    if !error.use_stderr() {
        render.text(&text);
        return Exit::Done.into();
    }
    let nothing = error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;
    let next = next_step(&args::command(), &given);
    if render.is_json() {
        let what = if nothing { "nothing was asked for: a command is missing".to_owned() } else { what(&text) };
        render.failure(&Failure::usage(what).next(next).reason("bad-arguments"));
    } else if nothing {
        render.talk(text.trim_end());
    } else {
        let said = text.split("\n\nFor more information").next().unwrap_or_default();
        // Clap shows what VARDE_DIR gave as if it were required.
        let said = said.replace(" --dir <DIR>", "");
        render.talk(&format!("{}\n\n  what to do: {next}", said.trim_end()));
    }
    Exit::Usage.into()
}

/// The whole complaint in one line, without the usage.
fn what(text: &str) -> String {
    let complaint = text.split("\n\nUsage:").next().unwrap_or_default();
    let complaint = complaint.split("\n\nFor more information").next().unwrap_or_default();
    let words: Vec<&str> = complaint.trim_start_matches("error: ").split_whitespace().collect();
    words.join(" ")
}

/// The help of the command that was meant, and its first example.
fn next_step(whole: &clap::Command, given: &[String]) -> String {
    let (mut command, mut path) = (whole, whole.get_name().to_owned());
    let mut words = given.iter();
    while let Some(word) = words.next() {
        if word == "--dir" {
            words.next();
        } else if !word.starts_with('-') {
            let Some(inner) = command.find_subcommand(word) else { break };
            path = format!("{path} {}", inner.get_name());
            command = inner;
        }
    }
    let help = format!("try `{path} --help`");
    let closing = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    first_example(&closing).map_or(help.clone(), |example| format!("{help}; for example `{example}`"))
}

/// The first indented line, with those that it goes on in.
fn first_example(closing: &str) -> Option<String> {
    let mut example = String::new();
    for line in closing.lines().skip_while(|line| !line.starts_with("  ")) {
        let (part, more) = line.trim().strip_suffix('\\').map_or((line.trim(), false), |part| (part.trim_end(), true));
        example = if example.is_empty() { part.to_owned() } else { format!("{example} {part}") };
        if !more {
            break;
        }
    }
    Some(example).filter(|example| !example.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misuse_leads_to_the_help_and_an_example_of_the_command_that_was_meant() {
        let step = |given: &str| {
            let given: Vec<String> = given.split(' ').map(str::to_owned).collect();
            next_step(&args::command(), &given)
        };
        assert!(step("--dir log audit reconcile --x").starts_with(
            "try `varde audit reconcile --help`; for example `varde audit reconcile no.bundle ee.bundle`"
        ));
        assert!(step("weather").starts_with("try `varde --help`; for example `varde "));
        assert!(step("log weather").starts_with("try `varde log --help`; for example `varde log "));
    }

    #[test]
    fn an_example_over_several_lines_is_one() {
        assert_eq!(first_example("Examples:\n  varde a \\\n      --b\n  varde c").as_deref(), Some("varde a --b"));
        assert_eq!(first_example("Text."), None);
    }

    #[test]
    fn the_complaint_names_every_argument_that_is_missing() {
        let text = "error: the following required arguments were not provided:\n  --from <CC>\n  --seq <SEQ>\n\nUsage: varde x\n\nFor";
        assert_eq!(what(text), "the following required arguments were not provided: --from <CC> --seq <SEQ>");
    }
}
