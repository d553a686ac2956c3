//! `varde peer list`: the pins as they lie in `DIR/peers`.

use super::pins::{self, Pin};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use serde::Serialize;
use varde_proto::identity::Validity;
use varde_proto::time::Timestamp;

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde peer list --dir ./no\n  varde peer list --dir ./no --json\n\n\
    Whether a peer is connected says `varde status`.")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Peer {
    country: String,
    origin: String,
    endpoint: Option<String>,
    fingerprint: String,
    not_after: String,
    state: &'static str,
}

/// Reads and shows.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let home = Home::open(context)?;
    let now = context.now()?;
    let mut peers = Vec::new();
    for pin in pins::read_all(&home)? {
        peers.extend(describe(&home, pin, now, context));
    }
    let render = &context.render;
    if render.is_json() {
        render.document(&peers)?;
    } else if peers.is_empty() {
        render.talk("No peers yet: `varde peer add FILE` pins one.");
    } else {
        let rows = peers.into_iter().map(|p| {
            let day = p.not_after.get(..10).unwrap_or_default().to_owned();
            [p.country, p.endpoint.unwrap_or_else(|| "dials out".into()), p.state.into(), day, p.fingerprint]
        });
        render.table(["peer", "endpoint", "pin", "until", "fingerprint"], rows);
    }
    Ok(Exit::Done)
}

fn describe(home: &Home, pin: Pin, now: Timestamp, context: &Context) -> Option<Peer> {
    let found = match pin.descriptor {
        Ok(found) => found,
        Err(error) => {
            context.render.talk(&format!("{} is not taken up: {error}", pin.path.display()));
            return None;
        }
    };
    let state = match (pins::check(home, &found, now), found.validity(now)) {
        (Ok(()), Validity::EndsSoon) => "ends soon",
        (Ok(()), _) => "valid",
        (Err(_), Validity::Expired) => "expired",
        (Err(_), Validity::NotYet) => "not yet valid",
        (Err(_), Validity::Valid | Validity::EndsSoon) => "not a peer of this node",
    };
    Some(Peer {
        country: found.node().to_string(),
        origin: found.origin().to_string(),
        endpoint: found.endpoint().map(ToString::to_string),
        fingerprint: found.fingerprint().to_string(),
        not_after: found.not_after().to_string(),
        state,
    })
}
