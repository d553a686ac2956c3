//! `varde peer remove`: takes a pin away.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use std::io;
use varde_proto::home;
use varde_proto::id::NodeId;

/// Whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  varde peer remove EE --dir ./no\n\n\
    What was logged with this peer stays, and what is owed to it stays owed. To pin it again, compare again.")]
pub(crate) struct Args {
    /// The peer's country: two capital letters
    #[arg(value_name = "CC", value_parser = NodeId::parse)]
    country: NodeId,
}

/// Removes the descriptor first: with it goes the pin.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { country } = args;
    let home = Home::open(context)?;
    let pin = home.path(home::descriptor(country));
    std::fs::remove_file(&pin).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::usage(format!("{country} is not pinned")).next("see `varde peer list`").reason("no-such-peer")
        }
        _ => files::unwritten(&pin, &error),
    })?;
    let acceptance = home.path(home::acceptance(country));
    match std::fs::remove_file(&acceptance) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(files::unwritten(&acceptance, &error)),
        Err(_) | Ok(()) => {}
    }
    let folder = home.path(home::PEERS);
    files::sync_dir(&folder).map_err(|e| files::unwritten(&folder, &e))?;
    if context.render.is_json() {
        context.render.document(&serde_json::json!({ "country": country.as_str(), "outcome": "removed" }))?;
    } else {
        context
            .render
            .talk(&format!("{country} is no longer pinned. A running node closes its connection in a second."));
    }
    Ok(Exit::Done)
}
