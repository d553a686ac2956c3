//! `varde init`: makes a node's directory. All or nothing: it is built beside its place and renamed into it.

mod build;
mod port;
mod settings;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use varde_proto::id::{BadName, NodeId, Origin, check_network};
use varde_proto::identity::{Endpoint, mode};
use varde_proto::vocabulary::Country;
use varde_proto::wire::peer::Mode;

/// Who the node is, and where it listens.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde init --country NO --network varde.example --dir ./no --mode test\n  \
    varde init --country NO --network varde.example --dir /var/lib/varde --mode actual --listen 0.0.0.0:7443 \\\n      \
    --endpoint no.varde.example:7443\n\n\
    Begin with --mode test: nothing of a test node can ever reach an actual one. A node keeps its mode for ever.\n\
    The directory must not exist, or be empty. It holds the node's keys: keep it on an encrypted disk, and keep a\n\
    copy of identity.key apart from it.")]
pub(crate) struct Args {
    /// Whose node it is: two capital letters (ISO 3166-1 alpha-2)
    #[arg(long, value_parser = country)]
    country: NodeId,
    /// The network it belongs to, a lower-case DNS name
    #[arg(long, value_parser = network)]
    network: String,
    /// Where it listens for peers; port 0 picks a free port and stores it
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where peers reach it, if that differs from --listen
    #[arg(long, value_name = "HOST:PORT", value_parser = Endpoint::parse)]
    endpoint: Option<Endpoint>,
    /// actual, exercise or test: fixed for ever, and the three never mix. Without it, actual
    #[arg(long, value_parser = mode::parse)]
    mode: Option<Mode>,
}

fn network(text: &str) -> Result<String, BadName> {
    check_network(text).map(|()| text.to_owned())
}

/// What is to be made.
struct Plan {
    dir: PathBuf,
    origin: Origin,
    mode: Mode,
    listen: SocketAddr,
    endpoint: Option<Endpoint>,
}

#[derive(Serialize)]
struct Made {
    dir: String,
    origin: String,
    mode: &'static str,
    listen: String,
    endpoint: Option<String>,
    fingerprint: String,
}

/// A country of ISO 3166-1 (and XK); Eurostat's EL and UK are GR and GB.
fn country(text: &str) -> Result<NodeId, String> {
    let node = NodeId::parse(text).map_err(|e| e.to_string())?;
    if Country::parse(text).is_ok() {
        return Ok(node);
    }
    Err(match Country::from_eurostat(text) {
        Ok(country) => format!("{text} is Eurostat's code; in ISO 3166-1 it is {}", country.code()),
        Err(_) => format!("{text} is not a country of ISO 3166-1"),
    })
}

/// Makes the directory and says what stands in it.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { country, network, listen, endpoint, mode } = args;
    let dir = place(context.dir()?)?;
    let listen = port::settle(listen)?;
    let origin = Origin::new(&network, country, 1).map_err(|e| Failure::usage(e.to_string()))?;
    let endpoint = endpoint.or_else(|| Endpoint::parse(&listen.to_string()).ok());
    let plan = Plan { dir, origin, mode: mode.unwrap_or(Mode::Actual), listen, endpoint };
    let fingerprint = build::build(&plan, context.now()?)?;
    show(&plan, fingerprint.to_string(), context)?;
    if mode.is_none() {
        context.render.talk(
            "No --mode was given, so this is a node of mode actual, for ever: for real cases, and it exchanges with actual \
             nodes only. For a trial, remove the directory and make it again with `--mode test`.",
        );
    }
    Ok(Exit::Done)
}

/// The directory's full path; nothing may be there yet.
fn place(dir: &Path) -> Result<PathBuf, Failure> {
    let shown = dir.display();
    let whole = if dir.exists() { dir.canonicalize() } else { std::path::absolute(dir) }
        .map_err(|e| Failure::usage(format!("{shown} is no place for a node: {e}")).reason("bad-place"))?;
    let taken = match std::fs::read_dir(&whole) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    };
    if taken {
        return Err(Failure::usage(format!("{shown} is not empty, or not a directory"))
            .means("a node's keys could be overwritten, so nothing was made")
            .next("give another `--dir`, or move away what is there")
            .reason("not-empty"));
    }
    if std::env::current_dir().is_ok_and(|here| here == whole) {
        return Err(Failure::usage("the node's directory would replace the one you stand in")
            .next(format!("go up one directory and give its name: `cd .. && varde init --dir {}`", name(&whole)))
            .reason("bad-place"));
    }
    match whole.parent() {
        Some(parent) if parent.is_dir() => Ok(whole),
        _ => Err(Failure::usage(format!("the directory in which {shown} is to be made does not exist"))
            .next("make it first, or look at the path")
            .reason("no-parent")),
    }
}

fn name(path: &Path) -> String {
    path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

fn show(plan: &Plan, fingerprint: String, context: &Context) -> Result<(), Failure> {
    let made = Made {
        dir: plan.dir.display().to_string(),
        origin: plan.origin.to_string(),
        mode: mode::name(plan.mode),
        listen: plan.listen.to_string(),
        endpoint: plan.endpoint.as_ref().map(Endpoint::to_string),
        fingerprint,
    };
    let render = &context.render;
    if render.is_json() {
        return render.document(&made);
    }
    render.line(format!("{}  {}  listens on {}", made.origin, made.mode, made.listen));
    render.line(format!("fingerprint  {}", made.fingerprint));
    let dir = &made.dir;
    render.talk(&format!(
        "The node of {} lives in {dir}. Keep a copy of identity.key apart from it.",
        plan.origin.node()
    ));
    if made.endpoint.is_none() {
        render.talk("Peers are not told where to reach it: set `endpoint` in varde.toml, unless it only dials out.");
    }
    render.talk(&format!("Next: `varde-node --dir {dir}` runs it; `varde peer export --dir {dir}` makes it known."));
    Ok(())
}
