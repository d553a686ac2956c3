//! `varde key revoke`: a key that may be in other hands.

use super::{chain, read_role};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::staff::As;
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::{History, Role};

/// Which key, from where on, and who proposes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde key revoke log 5f0c12ab --above 1200 --dir ./no\n\n\
    SIZE is the last size of the log at which the key was certainly in nobody else's hands: what it signed up to there\n\
    stays valid, what it signed above never was. Rotate first: a role that the node needs always keeps a key. Connections\n\
    that a revoked TLS key authenticated are closed.")]
pub(crate) struct Args {
    /// log, wit, msg, tls or staff
    #[arg(value_parser = read_role)]
    role: Role,
    /// The key, as `varde key list` shows it: its fingerprint or the first eight digits or more
    #[arg(value_name = "KEYID")]
    key: String,
    /// Leaves in the log up to which the key's signatures are valid
    #[arg(long, value_name = "SIZE")]
    above: u64,
    #[command(flatten)]
    staff: As,
}

/// Signs, proposes.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { role, key, above, staff } = args;
    let home = Home::open(context)?;
    let chain = chain::read(&home)?;
    chain::nothing_waits(&chain)?;
    let key = find(&chain.history, role, &key)?;
    let (credential, id) = (staff.open(context)?, home.identity()?);
    let signed = chain.history.revoke(&id, (role, key), TreeSize(above), context.now()?, chain::salt()?);
    chain::propose(&home, &chain, &credential, signed, context)?;
    let what = format!("what the {role} key {key} signed above {above} leaves never was valid");
    chain::say(&chain, &what, &key, context)?;
    Ok(Exit::Done)
}

fn find(history: &History, role: Role, text: &str) -> Result<Digest, Failure> {
    let wanted = text.to_ascii_lowercase();
    let held = history.roster().holdings(history.origin(), role).iter().map(|holding| holding.key.fingerprint());
    let found: Vec<Digest> = held.filter(|key| wanted.len() >= 8 && key.to_string().starts_with(&wanted)).collect();
    match found.as_slice() {
        [one] => Ok(*one),
        _ => Err(Failure::usage(format!("{text} is not one {role} key of this node"))
            .next("give eight digits or more of a key that `varde key list` shows")
            .reason("no-key")),
    }
}
