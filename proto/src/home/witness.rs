//! `[witness]` of `varde.toml`: the plain HTTP door for logs, witnesses and monitors that are no peers. Closed unless named.

use crate::id::TreeSize;
use crate::limits;
use crate::log::checkpoint::Checkpoint;
use crate::log::merkle::EMPTY_ROOT;
use crate::log::vkey::{KeyMaterial, Vkey};
use core::net::SocketAddr;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// Where the door is, and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessDoor {
    /// Where it listens, in plain HTTP: loopback or one named address, never all of them.
    #[serde(deserialize_with = "named_address")]
    pub listen: SocketAddr,
    /// The foreign logs that may ask for a cosignature, each a verifier key, and the origin after a space where that is another
    /// than the key's name; any other log is unknown.
    #[serde(default, deserialize_with = "foreign_logs")]
    pub logs: Vec<ForeignLog>,
    /// Whether strangers are shown our own log: heads, hashes and commitments, never an opening.
    #[serde(default)]
    pub publish: bool,
}

/// A log of another network or system, whose checkpoints this node cosigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLog {
    /// Its name, as it stands in its checkpoints.
    pub origin: String,
    /// The Ed25519 keys under which it signs: two while it changes one for the other.
    pub keys: Vec<Vkey>,
}

fn named_address<'de, D: Deserializer<'de>>(from: D) -> Result<SocketAddr, D::Error> {
    let address = SocketAddr::deserialize(from)?;
    if address.ip().is_unspecified() {
        return Err(D::Error::custom("name one address: this door is never opened on all of them at once"));
    }
    Ok(address)
}

fn foreign_logs<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<ForeignLog>, D::Error> {
    let lines = Vec::<String>::deserialize(from)?;
    if lines.len() > limits::POLICY_NAMES {
        return Err(D::Error::custom(format!("at most {} keys of logs", limits::POLICY_NAMES)));
    }
    let mut logs: Vec<ForeignLog> = Vec::new();
    for line in &lines {
        // A verifier key has no space in it; an origin may have. Most logs have one word for both.
        let (key, origin) = line.split_once(' ').map_or((line.as_str(), None), |(key, origin)| (key, Some(origin)));
        let key = Vkey::parse(key).map_err(D::Error::custom)?;
        if !matches!(key.material(), KeyMaterial::Ed25519(_)) {
            return Err(D::Error::custom("a log signs with a key of type 0x01 (Ed25519)"));
        }
        let origin = origin.unwrap_or(key.name()).to_owned();
        Checkpoint::new(&origin, TreeSize(0), EMPTY_ROOT)
            .map_err(|bad| D::Error::custom(format!("{origin:?}: {bad}")))?;
        match logs.iter_mut().find(|log| log.origin == origin) {
            Some(log) if log.keys.contains(&key) => return Err(D::Error::custom("a log's key stands here twice")),
            Some(log) => log.keys.push(key),
            None => logs.push(ForeignLog { origin, keys: vec![key] }),
        }
    }
    Ok(logs)
}
