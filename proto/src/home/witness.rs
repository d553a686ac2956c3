//! `[witness]` of `varde.toml`: the plain HTTP door for logs, witnesses and monitors that are no peers. Closed unless named.

use crate::limits;
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
    /// The foreign logs that may ask for a cosignature; any other is unknown.
    #[serde(default, deserialize_with = "foreign_logs")]
    pub logs: Vec<ForeignLog>,
    /// Whether strangers are shown our own log: heads, hashes and commitments, never an opening.
    #[serde(default)]
    pub publish: bool,
}

/// A log of another network or system, whose checkpoints this node cosigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignLog {
    /// Its name; its keys have the same.
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
        let key = Vkey::parse(line).map_err(D::Error::custom)?;
        if !matches!(key.material(), KeyMaterial::Ed25519(_)) {
            return Err(D::Error::custom("a log signs with a key of type 0x01 (Ed25519)"));
        }
        match logs.iter_mut().find(|log| log.origin == key.name()) {
            Some(log) if log.keys.contains(&key) => return Err(D::Error::custom("a log's key stands here twice")),
            Some(log) => log.keys.push(key),
            None => logs.push(ForeignLog { origin: key.name().to_owned(), keys: vec![key] }),
        }
    }
    Ok(logs)
}
