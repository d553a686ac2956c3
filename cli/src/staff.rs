//! Acts of staff: what a person does is signed with that person's credential before the node does it.

use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use std::path::{Path, PathBuf};
use varde_proto::draft::act::{self, Verb};
use varde_proto::home;
use varde_proto::id::{Digest, Origin};
use varde_proto::identity::SecretKey;
use varde_proto::wire::peer::Envelope;

/// Whose credential signs.
#[derive(Debug, clap::Args)]
pub(crate) struct As {
    /// Credential of whoever does this; without it, the first that varde.toml lists
    #[arg(long = "as", value_name = "FILE")]
    credential: Option<PathBuf>,
}

/// A credential that was read, for acts at one node.
#[derive(Debug)]
pub(crate) struct Credential {
    key: SecretKey,
    origin: Origin,
}

impl Credential {
    /// Reads the credential that was named, or the first of the node's own.
    pub(crate) fn open(named: &As, context: &Context) -> Result<Self, Failure> {
        let home = Home::open(context)?;
        let path = match &named.credential {
            Some(file) => file.clone(),
            None => first(&home)?,
        };
        let key = files::read_key(&path)?;
        check(&home, &key, &path)?;
        Ok(Self { key, origin: home.genesis.origin().clone() })
    }

    /// Signs an act of now.
    pub(crate) fn sign(&self, verb: Verb, about: Digest, context: &Context) -> Result<Envelope, Failure> {
        Ok(act::sign(verb, about, &self.origin, context.now()?, &self.key))
    }
}

fn first(home: &Home) -> Result<PathBuf, Failure> {
    let one = home.config.operators.first().ok_or_else(|| {
        Failure::usage("varde.toml lists no operator").next("add one, or restore varde.toml").reason("no-operator")
    })?;
    Ok(home.path(home::operator(&one.name)))
}

/// The node would refuse it; said here, it can name the file.
fn check(home: &Home, key: &SecretKey, path: &Path) -> Result<(), Failure> {
    if home.config.operators.iter().any(|operator| operator.public_key == key.public()) {
        return Ok(());
    }
    let names: Vec<&str> = home.config.operators.iter().map(|operator| operator.name.as_str()).collect();
    Err(Failure::refused(format!("{} is not a credential of this node", path.display()))
        .means(format!("varde.toml lists the credentials of {}, and this is none of them", names.join(", ")))
        .next("name the file of one of them with `--as FILE`")
        .reason("other-credential"))
}
