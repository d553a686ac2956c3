//! The directory of the own node, as the command line reads it: settings, genesis, identity key.

use crate::context::Context;
use crate::failure::Failure;
use crate::files;
use std::path::{Path, PathBuf};
use varde_proto::home::{self, Config};
use varde_proto::identity::{Genesis, SecretKey};
use varde_proto::limits;
use varde_proto::wire::peer::Envelope;

/// A node's directory whose settings and genesis were read and agree.
#[derive(Debug)]
pub(crate) struct Home {
    dir: PathBuf,
    /// `varde.toml`
    pub(crate) config: Config,
    /// Who the node is.
    pub(crate) genesis: Genesis,
    /// The same as it was signed.
    pub(crate) founding: Envelope,
}

impl Home {
    /// Reads the directory that `--dir` or `VARDE_DIR` names.
    pub(crate) fn open(context: &Context) -> Result<Self, Failure> {
        let dir = context.node_dir()?.to_owned();
        let path = dir.join(home::CONFIG);
        let text = files::read_text(&path, limits::CONFIG_BYTES)?;
        let config = Config::parse(&text).map_err(|e| {
            Failure::usage(format!("{}: {e}", path.display())).next("correct that line").reason("bad-settings")
        })?;
        let path = dir.join(home::GENESIS);
        let (genesis, founding) = Genesis::open_text(&files::read_text(&path, limits::ARMOR_BYTES)?).map_err(|e| {
            Failure::usage(format!("{}: {e}", path.display()))
                .means("the file is not as `varde init` wrote it")
                .next("restore it from a backup")
                .reason("bad-genesis")
        })?;
        config
            .check_genesis(&genesis)
            .map_err(|e| Failure::usage(e.to_string()).next("correct varde.toml").reason("other-node"))?;
        Ok(Self { dir, config, genesis, founding })
    }

    /// A file or folder in it.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// K_id, from its file.
    pub(crate) fn identity(&self) -> Result<SecretKey, Failure> {
        let path = self.path(home::IDENTITY_KEY);
        if !path.exists() {
            return Err(Failure::usage(format!("{} is not there", path.display()))
                .means("what this command makes is signed with the identity key; nothing was changed")
                .next("put the file back for this moment, and take it away again afterwards")
                .reason("no-identity-key"));
        }
        let key = files::read_key(&path)?;
        if key.public() == *self.genesis.keys().id() {
            return Ok(key);
        }
        Err(Failure::usage(format!("{} is not the identity key of this node", path.display()))
            .means("the genesis of this node names another")
            .next("restore the file from its backup")
            .reason("other-key"))
    }
}
