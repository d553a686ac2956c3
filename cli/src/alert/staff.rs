//! Who acts: a credential of the node's staff, from its key file.

use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use std::path::{Path, PathBuf};
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope::Envelope;
use varde_proto::home;
use varde_proto::id::{Digest, Origin};
use varde_proto::identity::SecretKey;

/// Who acts.
#[derive(Debug, clap::Args)]
pub(super) struct As {
    /// Key file of who acts, or its name in DIR/operators
    #[arg(long = "as", value_name = "FILE", default_value = "a")]
    credential: PathBuf,
}

/// A member of staff, ready to sign.
pub(super) struct Staff {
    key: SecretKey,
    origin: Origin,
}

impl As {
    /// Reads the key file; it must be one that varde.toml lists.
    pub(super) fn open(&self, context: &Context) -> Result<Staff, Failure> {
        let home = Home::open(context)?;
        let path = self.path(&home);
        let key = files::read_key(&path)?;
        if !home.config.operators.iter().any(|operator| operator.public_key == key.public()) {
            return Err(Failure::refused(format!("{} is not a key of this node's staff", path.display()))
                .means("varde.toml lists other keys under [[operator]]")
                .next("choose another file with `--as`, or let who runs the node list this key")
                .reason("not-staff"));
        }
        Ok(Staff { key, origin: home.genesis.origin().clone() })
    }

    /// The file itself, or the name of one in DIR/operators.
    fn path(&self, home: &Home) -> PathBuf {
        let name = self.credential.to_str().filter(|name| !name.contains(['/', '.']));
        let own = name.map(|name| home.path(Path::new(&home::operator(name))));
        own.filter(|own| own.is_file() && !self.credential.is_file()).unwrap_or_else(|| self.credential.clone())
    }
}

impl Staff {
    /// Signs an act of now.
    pub(super) fn sign(&self, verb: Verb, about: Digest, context: &Context) -> Result<Envelope, Failure> {
        Ok(act::sign(verb, about, &self.origin, context.now()?, &self.key))
    }
}

/// The digest of a draft, as the node says it.
pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Failure> {
    Digest::from_bytes(bytes).ok_or_else(|| {
        Failure::ours("the node's answer has no digest").next("run the same version of `varde` and `varde-node`")
    })
}
