//! `varde.toml`: strict, every error with its line and column.

use super::disk::DiskLimits;
use super::notify::Notify;
use super::witness::WitnessDoor;
use crate::id::{NodeId, Origin, check_network, unhex};
use crate::identity::{Endpoint, Genesis, PublicKey, mode};
use crate::limits;
use crate::wire::peer::Mode;
use core::net::SocketAddr;
use core::time::Duration;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};

/// The settings of one node.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Network prefix, a lower-case DNS name.
    #[serde(deserialize_with = "network")]
    pub network: String,
    /// ACTUAL, EXERCISE or TEST; must be what genesis says.
    #[serde(deserialize_with = "mode_name")]
    pub mode: Mode,
    /// Whose node it is.
    #[serde(deserialize_with = "country")]
    pub country: NodeId,
    /// Where it listens for peers; port 0 takes a free one at each start.
    pub listen: SocketAddr,
    /// Where its descriptor says it listens; none for a node that only dials out.
    #[serde(default, deserialize_with = "endpoint")]
    pub endpoint: Option<Endpoint>,
    /// How often a peer is told of a head of our log that it has not seen, give or take a sixth; 1 to 600 seconds.
    #[serde(rename = "heartbeat_seconds", default = "heartbeat_default", deserialize_with = "heartbeat")]
    pub heartbeat: Duration,
    /// How long a head of a peer's log, of which another peer told, may stay unconnected with what this node verified before that
    /// is an alarm; 1 to 86400 seconds.
    #[serde(rename = "divergence_seconds", default = "divergence_default", deserialize_with = "divergence")]
    pub divergence: Duration,
    /// Who may act on drafts; at least two, so that one can approve what the other drafted.
    #[serde(rename = "operator", default)]
    pub operators: Vec<Operator>,
    /// Bounds on connections.
    #[serde(default)]
    pub connections: ConnectionLimits,
    /// The plain HTTP door of the witness; none where it is not named.
    #[serde(default)]
    pub witness: Option<WitnessDoor>,
    /// How much room the disk must have.
    #[serde(default)]
    pub disk: DiskLimits,
    /// Whom to wake when an alert comes; nobody where it is not named.
    #[serde(default)]
    pub notify: Option<Notify>,
}

/// One credential of staff.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// 1 to 40 of `a-z`, `0-9`, `-`; its key file is `operators/<name>.key`.
    #[serde(deserialize_with = "operator_name")]
    pub name: String,
    /// Raw Ed25519 public key, 64 hex digits.
    #[serde(deserialize_with = "public_key")]
    pub public_key: PublicKey,
}

/// Bounds on connections from peers. A refused connection costs these and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConnectionLimits {
    /// TLS handshakes under way at once, 1 to 1024.
    #[serde(deserialize_with = "count")]
    pub handshakes: u32,
    /// Connections in all, 1 to 1024.
    #[serde(deserialize_with = "count")]
    pub total: u32,
    /// Connections of one peer, 1 to 1024. Two overlap when both sides dial or a dead one is replaced.
    #[serde(deserialize_with = "count")]
    pub per_peer: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { handshakes: 64, total: 256, per_peer: 4 }
    }
}

/// Why `varde.toml` is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {reason}")]
pub struct BadConfig {
    /// Counted from 1.
    pub line: usize,
    /// Counted in characters from 1.
    pub column: usize,
    /// One sentence without the final stop.
    pub reason: String,
}

/// `varde.toml` names another node than the genesis beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("varde.toml says {field} = {settings:?}, but this node was founded with {genesis:?}, which never changes")]
pub struct OtherNode {
    /// Which setting.
    pub field: &'static str,
    /// What the file says.
    pub settings: String,
    /// What genesis says.
    pub genesis: String,
}

impl Config {
    /// Reads `varde.toml`.
    pub fn parse(text: &str) -> Result<Self, BadConfig> {
        let whole = |reason: String| BadConfig { line: 1, column: 1, reason };
        if text.len() > limits::CONFIG_BYTES {
            return Err(whole(format!("the file has more than {} bytes", limits::CONFIG_BYTES)));
        }
        let config: Self = toml::from_str(text).map_err(|error| {
            let (line, column) = place(text, error.span().map_or(0, |span| span.start));
            BadConfig { line, column, reason: error.message().trim_end().replace('\n', "; ") }
        })?;
        config.check_operators().map_err(whole)?;
        config.check_witness().map_err(whole)?;
        Ok(config)
    }

    /// The node's log of generation 1.
    pub fn origin(&self) -> Result<Origin, crate::id::BadName> {
        Origin::new(&self.network, self.country, 1)
    }

    /// Whether these settings are of the node that a genesis founded; what it fixed for ever cannot be edited.
    pub fn check_genesis(&self, genesis: &Genesis) -> Result<(), OtherNode> {
        let origin = genesis.origin();
        let differs = |field, settings: &str, genesis: &str| {
            let (settings, genesis) = (settings.to_owned(), genesis.to_owned());
            if settings == genesis { Ok(()) } else { Err(OtherNode { field, settings, genesis }) }
        };
        differs("network", &self.network, origin.network())?;
        differs("country", self.country.as_str(), origin.node().as_str())?;
        differs("mode", mode::name(self.mode), mode::name(genesis.mode()))
    }

    fn check_operators(&self) -> Result<(), String> {
        if !(2..=limits::OPERATORS).contains(&self.operators.len()) {
            return Err(format!("there must be 2 to {} [[operator]] entries", limits::OPERATORS));
        }
        for (place, one) in self.operators.iter().enumerate() {
            for other in &self.operators[..place] {
                if one.name == other.name {
                    return Err(format!("two operators are named {:?}", one.name));
                }
                if one.public_key == other.public_key {
                    return Err(format!("operators {:?} and {:?} have the same key", other.name, one.name));
                }
            }
        }
        Ok(())
    }

    /// A log of this network is witnessed over its node's own connection, and only there: two places would keep two newest heads.
    fn check_witness(&self) -> Result<(), String> {
        let logs = self.witness.iter().flat_map(|door| &door.logs);
        match logs.map(|log| &log.origin).find(|origin| origin.split('/').next() == Some(&self.network)) {
            Some(origin) => {
                Err(format!("{origin:?} under [witness] is a log of this network: its node is a peer, not foreign"))
            }
            None => Ok(()),
        }
    }
}

/// Line and column of a byte offset.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
    (line, column)
}

fn network<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    check_network(&text).map_err(D::Error::custom)?;
    Ok(text)
}

fn mode_name<'de, D: Deserializer<'de>>(from: D) -> Result<Mode, D::Error> {
    mode::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn country<'de, D: Deserializer<'de>>(from: D) -> Result<NodeId, D::Error> {
    NodeId::parse(&String::deserialize(from)?).map_err(D::Error::custom)
}

fn endpoint<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Endpoint>, D::Error> {
    Endpoint::parse(&String::deserialize(from)?).map(Some).map_err(D::Error::custom)
}

fn operator_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if (1..=40).contains(&text.len()) && plain {
        Ok(text)
    } else {
        Err(D::Error::custom("an operator's name must be 1 to 40 of a-z, 0-9 and -"))
    }
}

fn public_key<'de, D: Deserializer<'de>>(from: D) -> Result<PublicKey, D::Error> {
    let raw = unhex::<32>(&String::deserialize(from)?)
        .ok_or_else(|| D::Error::custom("a public key must be 64 lower-case hex digits"))?;
    PublicKey::enrol(&raw).map_err(D::Error::custom)
}

fn heartbeat_default() -> Duration {
    Duration::from_secs(60)
}

fn divergence_default() -> Duration {
    Duration::from_secs(600)
}

fn divergence<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match u64::deserialize(deserializer)? {
        seconds @ 1..=86_400 => Ok(Duration::from_secs(seconds)),
        _ => Err(D::Error::custom("divergence_seconds must be 1 to 86400")),
    }
}

fn heartbeat<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    match u64::deserialize(deserializer)? {
        seconds @ 1..=600 => Ok(Duration::from_secs(seconds)),
        _ => Err(D::Error::custom("heartbeat_seconds must be 1 to 600")),
    }
}

fn count<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(from)?;
    if (1..=1024).contains(&number) { Ok(number) } else { Err(D::Error::custom("a count must be 1 to 1024")) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::hex;
    use crate::identity::SecretKey;
    use crate::identity::testing::genesis;
    use crate::log::vkey::{KeyMaterial, Vkey};
    use zeroize::Zeroizing;

    fn key(seed: u8) -> String {
        hex(&SecretKey::from_seed(&Zeroizing::new([seed; 32])).public().bytes())
    }

    fn good() -> String {
        let (a, b) = (key(1), key(2));
        format!(
            "network = \"varde.example\"\nmode = \"test\"\ncountry = \"NO\"\nlisten = \"127.0.0.1:0\"\n\
             endpoint = \"no.varde.example:7443\"\n\n[connections]\nper_peer = 2\n\n\
             [[operator]]\nname = \"a\"\npublic_key = \"{a}\"\n\n[[operator]]\nname = \"b\"\npublic_key = \"{b}\"\n"
        )
    }

    #[test]
    fn settings_are_read() {
        let config = Config::parse(&good()).unwrap();
        assert_eq!(config.origin().unwrap().as_str(), "varde.example/no/1");
        assert_eq!((config.mode, config.listen.port(), config.operators.len()), (Mode::Test, 0, 2));
        assert_eq!(config.connections, ConnectionLimits { per_peer: 2, ..ConnectionLimits::default() });
        assert_eq!(config.witness, None);
        let door = Config::parse(&(good() + "\n[witness]\nlisten = \"127.0.0.1:8080\"\n")).unwrap().witness;
        assert_eq!(door.map(|door| (door.listen.port(), door.logs, door.publish)), Some((8080, vec![], false)));
        assert!(Config::parse(&(good() + "\n[witness]\n")).is_err());
        let without = good().replace("endpoint = \"no.varde.example:7443\"\n", "");
        assert_eq!(Config::parse(&without).unwrap().endpoint, None);
    }

    #[test]
    fn each_mistake_is_named_with_its_place() {
        let refused = |from: &str, to: &str| {
            let text = good().replacen(from, to, 1);
            assert_ne!(text, good(), "{from} is not in the file");
            let bad = Config::parse(&text).unwrap_err();
            (bad.line, bad.column, bad.reason)
        };
        let (line, column, reason) = refused("\"test\"", "\"live\"");
        assert_eq!((line, column), (2, 8), "{reason}");
        assert!(reason.contains("actual, exercise or test"), "{reason}");
        assert_eq!(refused("varde.example\"", "Varde\"").0, 1);
        assert_eq!(refused("\"NO\"", "\"no\"").0, 3);
        assert_eq!(refused("127.0.0.1:0", "localhost:0").0, 4);
        assert_eq!(refused("example:7443", "example").0, 5);
        let (line, column, reason) = refused("per_peer", "per_pear");
        assert_eq!((line, column), (8, 1), "{reason}");
        assert!(reason.contains("unknown field"), "{reason}");
        assert_eq!(refused("per_peer = 2", "per_peer = 0").0, 8);
        assert_eq!(refused("name = \"a\"", "name = \"../a\"").0, 11);
        assert_eq!(refused(&key(1), &"0".repeat(64)).0, 12, "a weak key was taken");
        assert!(refused("name = \"b\"", "name = \"a\"").2.contains("two operators"));
        assert!(refused(&key(2), &key(1)).2.contains("same key"));
        assert_eq!(refused("mode = \"test\"\n", "mode = \"test\"\nmode = \"test\"\n").0, 3);
        assert!(refused("[[operator]]\nname = \"b\"", "[other]\nname = \"b\"").2.contains("unknown field"));
    }

    #[test]
    fn settings_of_another_node_are_noticed() {
        let config = Config::parse(&good()).unwrap();
        assert_eq!(config.check_genesis(&genesis("no", 1)), Ok(()));
        let field = |config: Config| config.check_genesis(&genesis("no", 1)).unwrap_err().field;
        assert_eq!(field(Config { mode: Mode::Actual, ..config.clone() }), "mode");
        assert_eq!(field(Config { network: "other.example".into(), ..config.clone() }), "network");
        assert_eq!(config.check_genesis(&genesis("ee", 1)).unwrap_err().field, "country");
    }

    #[test]
    fn foreign_logs_are_named_by_their_keys_and_none_of_this_network_is() {
        let vkey = |name: &str, seed: u8| {
            let key = SecretKey::from_seed(&Zeroizing::new([seed; 32])).public();
            Vkey::new(name, KeyMaterial::Ed25519(key)).unwrap().text()
        };
        let parse = |listen: &str, logs: &[String]| {
            Config::parse(&format!("{}\n[witness]\nlisten = \"{listen}\"\nlogs = {logs:?}\n", good()))
        };
        let two = [vkey("log.example/one", 1), vkey("other.example", 2), vkey("log.example/one", 3)];
        let door = parse("127.0.0.1:8080", &two).unwrap().witness.unwrap();
        let named: Vec<_> = door.logs.iter().map(|log| (log.origin.as_str(), log.keys.len())).collect();
        assert_eq!(named, [("log.example/one", 2), ("other.example", 1)]);
        let apart = [format!("{} a log with spaces", two[0]), two[1].clone()];
        let door = parse("127.0.0.1:8080", &apart).unwrap().witness.unwrap();
        assert_eq!(
            door.logs.iter().map(|log| log.origin.as_str()).collect::<Vec<_>>(),
            ["a log with spaces", "other.example"]
        );
        let refused = |listen: &str, logs: &[String]| parse(listen, logs).unwrap_err().reason;
        assert!(refused("0.0.0.0:8080", &[]).contains("name one address"));
        assert!(refused("[::]:8080", &[]).contains("name one address"));
        assert!(refused("127.0.0.1:8080", &[vkey("varde.example/ee/1", 1)]).contains("of this network"));
        assert!(refused("127.0.0.1:8080", &[format!("{} varde.example/ee/1", two[0])]).contains("of this network"));
        assert!(refused("127.0.0.1:8080", &[format!("{} ", two[0])]).contains("\"\""));
        assert!(refused("127.0.0.1:8080", &[two[0].clone(), two[0].clone()]).contains("twice"));
        let cosigner =
            Vkey::new("w.example", KeyMaterial::Cosignature(SecretKey::from_seed(&Zeroizing::new([4; 32])).public()));
        assert!(refused("127.0.0.1:8080", &[cosigner.unwrap().text()]).contains("0x01"));
        assert!(refused("127.0.0.1:8080", &[two[0].replace("+", "")]).contains("verifier key"));
    }

    #[test]
    fn one_operator_is_not_enough() {
        let text = good();
        let one = &text[..text.rfind("[[operator]]").unwrap()];
        assert!(Config::parse(one).unwrap_err().reason.contains("2 to 1000"));
        assert!(Config::parse(&"#".repeat(limits::CONFIG_BYTES + 1)).is_err());
    }
}
