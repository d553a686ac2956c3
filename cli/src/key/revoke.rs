//! `varde key revoke`: a key that may be in other hands.

use super::{chain, read_role};
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use crate::staff::As;
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::{History, Role};
use varde_proto::wire::operator::{LogStandingRequest, log_client::LogClient};

/// Which key, from where on, and who proposes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde key revoke log 5f0c12ab --above 1200 --dir ./no\n\n\
    SIZE is the last size of the log at which the key was certainly in nobody else's hands: what it signed up to there\n\
    stays valid, what it signed above never was. Rotate first: a role that the node needs always keeps a key. Connections\n\
    that a revoked TLS key authenticated are closed.\n\n\
    What was proposed and is wrong is taken back by removing its file `keys/statements/N.statement`, as long as nobody has\n\
    approved it.")]
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
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { role, key, above, staff } = args;
    let home = Home::open(context)?;
    let chain = chain::read(&home)?;
    chain::nothing_waits(&chain)?;
    let key = find(&chain.history, role, &key)?;
    within_log(above, context).await?;
    let (credential, id) = (staff.open(context)?, home.identity()?);
    let signed = chain.history.revoke(&id, (role, key), TreeSize(above), context.now()?, chain::salt()?);
    chain::propose(&home, &chain, &credential, signed, context)?;
    let what = format!("what the {role} key {key} signed above {above} leaves never was valid");
    chain::say(&home, &chain, &what, &key, context)?;
    Ok(Exit::Done)
}

/// Above a size that the log does not have, nothing was signed; a node that does not run refuses it when it is approved.
async fn within_log(above: u64, context: &Context) -> Result<(), Failure> {
    let Ok(channel) = client::connect(context).await else { return Ok(()) };
    let standing = LogClient::new(channel).standing(LogStandingRequest {}).await?.into_inner();
    if above <= standing.size || !standing.recovering.is_empty() {
        return Ok(());
    }
    Err(Failure::usage(format!("--above {above}: the log has {} leaves", standing.size))
        .means("the key cannot have signed above that; nothing was proposed")
        .next("give the last size at which the key was certainly yours; `varde log show` has the times")
        .reason("beyond-log"))
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
