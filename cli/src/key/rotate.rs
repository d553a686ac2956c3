//! `varde key rotate`: a new key for a role.

use super::{chain, read_role};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::staff::As;
use varde_proto::home;
use varde_proto::identity::{History, Role, SecretKey};
use zeroize::Zeroizing;

/// Which role, and who proposes it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde key rotate log --dir ./no\n  varde key rotate msg --add --dir ./no\n\n\
    The new key is made here and signs, with the old one and identity.key, the statement that it follows. After another\n\
    person approved it, the running node logs it and signs by the new key; peers learn it from the node itself. A new TLS\n\
    key is shown after seven days, so that every peer has heard of it. A key that may be in other hands is rotated first\n\
    and then revoked; one that is revoked already, or lost, gets a successor with --add.")]
pub(crate) struct Args {
    /// log, wit, msg, tls or staff
    #[arg(value_parser = read_role)]
    role: Role,
    /// Adds the key beside those in use, without the old key's signature
    #[arg(long)]
    add: bool,
    #[command(flatten)]
    staff: As,
}

/// Makes the key, signs, proposes.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { role, add, staff } = args;
    let home = Home::open(context)?;
    let chain = chain::read(&home)?;
    chain::nothing_waits(&chain)?;
    let (credential, id) = (staff.open(context)?, home.identity()?);
    let old = if add { None } else { Some(in_use(&home, &chain.history, role)?) };
    let mut seed = Zeroizing::new(chain::salt()?);
    let new = SecretKey::from_seed(&seed);
    seed.fill(0);
    let signed = chain.history.rotate(&id, role, (old.as_ref(), &new), context.now()?, chain::salt()?);
    let path = home.path(home::later_key(role, chain.history.number() + 1));
    let pem = new.to_pem().map_err(|e| Failure::ours(format!("the new key cannot be written: {e}")))?;
    chain::remove(path.clone())?;
    files::write_new(&path, pem.as_bytes()).map_err(|e| files::unwritten(&path, &e))?;
    chain::propose(&home, &chain, &credential, signed, context)?;
    let key = new.public().fingerprint();
    let verb = if add { "is added beside the" } else { "replaces the" };
    chain::say(&home, &chain, &format!("the new key {key} {verb} {role} key in use"), &key, context)?;
    Ok(Exit::Done)
}

/// The newest key of a role that is in use, from the file in which it was made.
fn in_use(home: &Home, history: &History, role: Role) -> Result<SecretKey, Failure> {
    let none = || {
        Failure::refused(format!("no {role} key is in use"))
            .next(format!("`varde key rotate {role} --add` brings one without it"))
            .reason("no-key")
    };
    let key = history.current(role).last().copied().ok_or_else(none)?;
    let brought = history.statements().iter().find(|logged| logged.brings(role, &key));
    let path = home.path(match brought {
        Some(logged) => home::later_key(role, logged.statement.number),
        None => home::key(role),
    });
    let found = files::read_key(&path)?;
    if found.public() == key {
        return Ok(found);
    }
    Err(Failure::usage(format!("{} is not the {role} key in use", path.display()))
        .next("restore the file from its backup; if the key is lost, use --add and revoke the old one")
        .reason("other-key"))
}
