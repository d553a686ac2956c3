//! `varde peer export` and `varde peer fingerprint`: this node to others.

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::key;
use serde::Serialize;
use varde_proto::identity::Descriptor;

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  varde peer export --dir ./no > no.descriptor\n\n\
    The descriptor is no secret, but it must not be exchanged on the way: the peer compares the fingerprint with you\n\
    over another channel. It is valid for two years. Give a new one after `endpoint` in varde.toml changed.")]
pub(crate) struct Args {}

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  varde peer fingerprint --dir ./no")]
pub(crate) struct FingerprintArgs {}

#[derive(Serialize)]
struct Exported {
    country: String,
    origin: String,
    endpoint: Option<String>,
    fingerprint: String,
    not_before: String,
    not_after: String,
    descriptor: String,
}

#[derive(Serialize)]
struct Fingerprint {
    origin: String,
    fingerprint: String,
}

/// Signs a descriptor and writes it.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let home = Home::open(context)?;
    let endpoint = home.config.endpoint.clone();
    let issued = Descriptor::issue(&home.genesis, endpoint, context.now()?, super::pins::salt()?);
    let issued = issued.with_keys(&key::read(&home)?.history);
    let issued = super::succeed::explained(&home, issued)?;
    let text = issued.sign_text(&home.identity()?).map_err(|e| Failure::ours(format!("cannot sign: {e}")))?;
    if !context.render.is_json() {
        context.render.text(&text);
        return Ok(Exit::Done);
    }
    context.render.document(&Exported {
        country: issued.node().to_string(),
        origin: issued.origin().to_string(),
        endpoint: issued.endpoint().map(ToString::to_string),
        fingerprint: issued.fingerprint().to_string(),
        not_before: issued.not_before().to_string(),
        not_after: issued.not_after().to_string(),
        descriptor: text,
    })?;
    Ok(Exit::Done)
}

/// Prints the fingerprint alone.
pub(crate) fn fingerprint(args: FingerprintArgs, context: &Context) -> Result<Exit, Failure> {
    let FingerprintArgs {} = args;
    let home = Home::open(context)?;
    let fingerprint = home.genesis.keys().id().fingerprint().to_string();
    if context.render.is_json() {
        context.render.document(&Fingerprint { origin: home.genesis.origin().to_string(), fingerprint })?;
    } else {
        context.render.line(fingerprint);
    }
    Ok(Exit::Done)
}
