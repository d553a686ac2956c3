//! `varde audit explain CODE`: what a finding means, what proves it, who is to act and how. `--list` shows all of them.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::audit::{Code, codes, explain, find};

/// Which code.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:\n  varde audit explain split-view\n  varde audit explain --list\n  \
    varde audit explain rolled-back --json")]
pub(crate) struct Args {
    /// The code, as `varde audit verify` and `reconcile` show it
    #[arg(value_name = "CODE", conflicts_with = "list", required_unless_present = "list")]
    code: Option<String>,
    /// Show every code there is
    #[arg(long)]
    list: bool,
}

#[derive(Serialize)]
struct Page {
    code: &'static str,
    severity: String,
    promise: Option<&'static str>,
    means: &'static str,
    proof: Option<&'static str>,
    who: Option<&'static str>,
    next: &'static str,
}

impl From<&Code> for Page {
    fn from(code: &Code) -> Self {
        let (proof, who) = explain(*code).unzip();
        Self {
            code: code.name,
            severity: code.severity.to_string(),
            promise: Some(code.promise).filter(|promise| !promise.is_empty()),
            means: code.means,
            proof: proof.map(|proof| proof.text()),
            who: who.map(|who| who.text()),
            next: code.next,
        }
    }
}

/// Shows one, or all.
pub(crate) fn run(args: &Args, context: &Context) -> Result<Exit, Failure> {
    let render = &context.render;
    let Some(name) = &args.code else {
        if render.is_json() {
            render.document(&codes::ALL.iter().map(Page::from).collect::<Vec<_>>())?;
        } else {
            let row = |code: &Code| {
                [code.name.to_owned(), code.severity.to_string(), code.promise.to_owned(), code.means.to_owned()]
            };
            render.table(["code", "severity", "promise", "means"], codes::ALL.iter().map(row));
        }
        return Ok(Exit::Done);
    };
    let code = find(name).ok_or_else(|| {
        Failure::usage(format!("{name} is not the code of a finding"))
            .next("`varde audit explain --list` shows every code")
            .reason("unknown-code")
    })?;
    let page = Page::from(&code);
    if render.is_json() {
        render.document(&page)?;
        return Ok(Exit::Done);
    }
    let promise = page.promise.map(|promise| format!(", promise {promise}")).unwrap_or_default();
    render.line(format!("{} ({}{promise})", page.code, page.severity));
    for (head, text) in [
        ("it means", Some(page.means)),
        ("it rests on", page.proof),
        ("who acts", page.who),
        ("what to do", Some(page.next)),
    ] {
        if let Some(text) = text {
            render.line(format!("  {head}: {text}"));
        }
    }
    Ok(Exit::Done)
}
