//! Acts of staff: what a person does is signed with that person's credential before the node does it. The one place that
//! decides which file `--as` names.

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
    /// Key file of who does this, a path such as DIR/operators/b.key; without it, that of the first operator in varde.toml
    #[arg(long = "as", value_name = "FILE")]
    credential: Option<PathBuf>,
}

/// A credential that was read, for acts at one node.
#[derive(Debug)]
pub(crate) struct Credential {
    key: SecretKey,
    origin: Origin,
}

impl As {
    /// Reads the credential: the file that was named, as a path from where the user stands and nothing else; or the first of
    /// the node's own, which is said aloud, because it decides who is taken to have acted.
    pub(crate) fn open(&self, context: &Context) -> Result<Credential, Failure> {
        let home = Home::open(context)?;
        let path = match &self.credential {
            Some(file) if std::fs::exists(file).is_ok_and(|there| !there) => return Err(absent(&home, file)),
            Some(file) => file.clone(),
            None => first(&home)?,
        };
        let key = files::read_key(&path)?;
        check(&home, &key, &path)?;
        if self.credential.is_none() && !context.render.is_json() {
            context.render.talk(&format!("signed with {} (no --as was given)", path.display()));
        }
        Ok(Credential { key, origin: home.genesis.origin().clone() })
    }
}

impl Credential {
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

fn absent(home: &Home, path: &Path) -> Failure {
    let own = home.config.operators.iter().map(|one| home.path(home::operator(&one.name)).display().to_string());
    Failure::usage(format!("--as {}: there is no such file", path.display()))
        .means("--as names a key file by its path from the folder you stand in")
        .next(format!("name the file of who acts; this node's are {}", own.collect::<Vec<_>>().join(", ")))
        .reason("unreadable")
}

/// The node would refuse it; said here, it can name the file.
fn check(home: &Home, key: &SecretKey, path: &Path) -> Result<(), Failure> {
    if home.config.operators.iter().any(|operator| operator.public_key == key.public()) {
        return Ok(());
    }
    let names: Vec<&str> = home.config.operators.iter().map(|operator| operator.name.as_str()).collect();
    Err(Failure::refused(format!("{} is not a key of this node's staff", path.display()))
        .means(format!(
            "varde.toml lists the keys of {} under [[operator]], and this is none of them",
            names.join(", ")
        ))
        .next("name the file of one of them with `--as FILE`, or let who runs the node list this key")
        .reason("not-staff"))
}
