//! The descriptor by which a node is pinned: what `varde peer export` writes and `varde peer add` reads.

use super::armor::{self, Label};
use super::document::{self, BadDocument};
use super::endpoint::Endpoint;
use super::role::{Role, RoleKeys};
use super::{Genesis, History, Incident, PublicKey, SecretKey};
use crate::envelope::{self, Rejection};
use crate::id::{Digest, NodeId, Origin};
use crate::limits;
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;
use prost::Message;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
/// How long before its issue a descriptor is valid, so that a peer whose clock is behind accepts it.
const SKEW_MS: i64 = 3_600_000;

/// Country, endpoint, role keys and TLS pin of a node for at most two years, signed by the identity key among them.
#[derive(Debug, Clone, PartialEq)]
pub struct Descriptor {
    origin: Origin,
    mode: Mode,
    endpoint: Option<Endpoint>,
    keys: RoleKeys,
    not_before: Timestamp,
    not_after: Timestamp,
    salt: [u8; 32],
    key_statements: u32,
    incident: Option<Box<(peer::Envelope, Incident)>>,
}

/// Whether a descriptor is valid at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Valid, and for more than 60 days.
    Valid,
    /// Valid; ends within 60 days.
    EndsSoon,
    /// Not valid yet: this clock or the issuer's is wrong.
    NotYet,
    /// No longer valid.
    Expired,
}

impl Descriptor {
    /// The payload type of its envelope.
    pub const TYPE: &'static str = "application/vnd.varde.descriptor.v1+protobuf";

    /// Describes the node of a genesis for two years from `now`. `endpoint` is none for a node that only dials out; `salt`
    /// is 32 random bytes.
    pub fn issue(genesis: &Genesis, endpoint: Option<Endpoint>, now: Timestamp, salt: [u8; 32]) -> Self {
        let not_before = Timestamp::from_ms(now.ms() - SKEW_MS).unwrap_or_default();
        Self {
            origin: genesis.origin().clone(),
            mode: genesis.mode(),
            endpoint,
            keys: genesis.keys().for_peers(),
            not_before,
            not_after: not_before.after(DAY * 730),
            salt,
            key_statements: 0,
            incident: None,
        }
    }

    /// The same with the keys that the log has come to.
    pub fn with_keys(self, history: &History) -> Self {
        Self { keys: history.keys().for_peers(), key_statements: history.number(), ..self }
    }

    /// The same with the statement of why the log before ended, which each generation but the first must show.
    pub fn with_incident(self, envelope: peer::Envelope) -> Result<Self, BadDocument> {
        let incident = Incident::open(&envelope, self.keys.id())?;
        Ok(Self { incident: Some(Box::new((envelope, incident))), ..self })
    }

    /// Signs with the identity key.
    pub fn sign(&self, id: &SecretKey) -> Result<peer::Envelope, BadDocument> {
        Self::from_wire(&self.to_wire())?;
        document::sign(Self::TYPE, &self.to_wire(), self.keys.id(), id)
    }

    /// Signs with the identity key; as the text of a file.
    pub fn sign_text(&self, id: &SecretKey) -> Result<String, BadDocument> {
        Ok(armor::encode(Label::Descriptor, &self.sign(id)?))
    }

    /// Reads a descriptor. It vouches for itself only: who it is says its fingerprint, compared over another channel.
    pub fn open(envelope: &peer::Envelope) -> Result<Self, BadDocument> {
        if envelope.payload.len() > limits::PAYLOAD_BYTES {
            return Err(Rejection::Oversized.into());
        }
        let named = peer::Descriptor::decode(envelope.payload.as_ref()).map_err(|_| Rejection::NonCanonical)?;
        let id = document::first_key(&named.keys)?;
        Self::from_wire(&envelope::open(envelope, Self::TYPE, &[id])?)
    }

    /// Reads a descriptor file's text.
    pub fn open_text(text: &str) -> Result<Self, BadDocument> {
        Self::open(&armor::decode(Label::Descriptor, text)?)
    }

    /// Its log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Its country.
    pub fn node(&self) -> NodeId {
        self.origin.node()
    }

    /// ACTUAL, EXERCISE or TEST.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Where it listens; none for a node that only dials out.
    pub fn endpoint(&self) -> Option<&Endpoint> {
        self.endpoint.as_ref()
    }

    /// One key for each role a peer meets.
    pub fn keys(&self) -> &RoleKeys {
        &self.keys
    }

    /// The key of a role; none for STAFF alone, which no descriptor shows.
    pub fn key(&self, role: Role) -> Option<&PublicKey> {
        self.keys.get(role)
    }

    /// SHA-256 of K_id: what two people compare over another channel.
    pub fn fingerprint(&self) -> Digest {
        self.keys.id().fingerprint()
    }

    /// How many key statements of the log are behind its keys.
    pub fn key_statements(&self) -> u32 {
        self.key_statements
    }

    /// Why the log before ended; none for the first generation of a node.
    pub fn incident(&self) -> Option<&Incident> {
        self.incident.as_ref().map(|incident| &incident.1)
    }

    /// The same as it was signed.
    pub fn explanation(&self) -> Option<&peer::Envelope> {
        self.incident.as_ref().map(|incident| &incident.0)
    }

    /// First moment of its validity: the newer of two descriptors has the later one.
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Last moment of its validity.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// Whether it is valid at `now`.
    pub fn validity(&self, now: Timestamp) -> Validity {
        if now < self.not_before {
            Validity::NotYet
        } else if now > self.not_after {
            Validity::Expired
        } else if self.not_after.since(now) < DAY * 60 {
            Validity::EndsSoon
        } else {
            Validity::Valid
        }
    }

    fn to_wire(&self) -> peer::Descriptor {
        peer::Descriptor {
            network: self.origin.network().to_owned(),
            mode: self.mode as i32,
            origin: self.origin.to_string(),
            country: self.origin.node().to_string(),
            endpoint: self.endpoint.as_ref().map(Endpoint::to_string).unwrap_or_default(),
            keys: self.keys.to_wire(),
            tls_spki_sha256: Bytes::copy_from_slice(&tls_pin(&self.keys).0),
            not_before_ms: self.not_before.ms(),
            not_after_ms: self.not_after.ms(),
            salt: Bytes::copy_from_slice(&self.salt),
            key_statements: self.key_statements,
            incident: self.incident.as_ref().map(|incident| incident.0.encode_to_vec().into()).unwrap_or_default(),
        }
    }

    fn from_wire(wire: &peer::Descriptor) -> Result<Self, BadDocument> {
        let peer::Descriptor {
            network,
            mode,
            origin,
            country,
            endpoint,
            keys,
            tls_spki_sha256,
            not_before_ms,
            not_after_ms,
            salt,
            key_statements,
            incident,
        } = wire;
        let (origin, mode) = document::place(network, *mode, origin)?;
        if country != origin.node().as_str() {
            return Err(BadDocument::Field("country"));
        }
        let endpoint = if endpoint.is_empty() { None } else { Some(Endpoint::parse(endpoint)?) };
        let keys = RoleKeys::from_wire(keys, &origin, &Role::PEER)?;
        if tls_spki_sha256.as_ref() != tls_pin(&keys).0 {
            return Err(BadDocument::Field("tls_spki_sha256"));
        }
        let (not_before, not_after) = (document::time(*not_before_ms)?, document::time(*not_after_ms)?);
        let longest = DAY * u32::try_from(limits::DESCRIPTOR_DAYS).unwrap_or(u32::MAX);
        if not_after <= not_before || not_after.since(not_before) > longest {
            return Err(BadDocument::Field("not_after_ms"));
        }
        if *key_statements > limits::KEY_STATEMENTS {
            return Err(BadDocument::Field("key_statements"));
        }
        let (salt, key_statements) = (document::salt(salt)?, *key_statements);
        let incident = read_incident(incident, &origin, mode, keys.id())?.map(Box::new);
        Ok(Self { origin, mode, endpoint, keys, not_before, not_after, salt, key_statements, incident })
    }
}

/// The statement that every generation but the first must show.
fn read_incident(
    bytes: &[u8],
    origin: &Origin,
    mode: Mode,
    id: &PublicKey,
) -> Result<Option<(peer::Envelope, Incident)>, BadDocument> {
    let wrong = BadDocument::Field("incident");
    match (origin.generation(), bytes.is_empty()) {
        (1, true) => Ok(None),
        (1, false) | (_, true) => Err(wrong),
        (_, false) => {
            let envelope = peer::Envelope::decode(bytes).map_err(|_| wrong.clone())?;
            let incident = Incident::open(&envelope, id)?;
            let ours = incident.origin == *origin && incident.mode == mode && envelope.encode_to_vec() == bytes;
            if ours { Ok(Some((envelope, incident))) } else { Err(wrong) }
        }
    }
}

/// SHA-256 of the TLS key's SubjectPublicKeyInfo.
fn tls_pin(keys: &RoleKeys) -> Digest {
    keys.get(Role::Tls).map(|key| Digest::of(&key.spki())).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{descriptor, key, now};
    use super::*;

    #[test]
    fn a_descriptor_survives_its_file_and_lasts_two_years() {
        let issued = descriptor("no", 1);
        let read = Descriptor::open_text(&issued.sign_text(&key(1)).unwrap()).unwrap();
        assert_eq!(read, issued);
        assert_eq!(read.fingerprint(), key(1).public().fingerprint());
        assert_eq!(read.key(Role::Staff), None);
        assert_eq!(read.validity(now()), Validity::Valid);
        assert_eq!(read.validity(now().after(DAY * 680)), Validity::EndsSoon);
        assert_eq!(read.validity(now().after(DAY * 731)), Validity::Expired);
        assert_eq!(read.validity(Timestamp::from_ms(now().ms() - 2 * SKEW_MS).unwrap()), Validity::NotYet);
        assert_eq!(issued.sign(&key(2)), Err(BadDocument::Signer));
    }

    #[test]
    fn each_field_of_a_descriptor_is_checked() {
        let wire = descriptor("no", 1).to_wire();
        let refused = |change: fn(&mut peer::Descriptor)| {
            let mut wire = wire.clone();
            change(&mut wire);
            Descriptor::open(&envelope::sign(Descriptor::TYPE, &wire, &key(1))).unwrap_err()
        };
        assert_eq!(refused(|d| d.network = "other.example".into()), BadDocument::Field("network"));
        assert_eq!(refused(|d| d.mode = 9), BadDocument::Field("mode"));
        assert_eq!(refused(|d| d.country = "EE".into()), BadDocument::Field("country"));
        assert!(matches!(refused(|d| d.endpoint = "nowhere".into()), BadDocument::Name(_)));
        assert_eq!(refused(|d| d.tls_spki_sha256 = vec![0; 32].into()), BadDocument::Field("tls_spki_sha256"));
        assert_eq!(refused(|d| d.not_after_ms = d.not_before_ms), BadDocument::Field("not_after_ms"));
        assert_eq!(refused(|d| d.not_after_ms += 3 * 86_400_000), BadDocument::Field("not_after_ms"));
        assert_eq!(refused(|d| d.salt = vec![].into()), BadDocument::Field("salt"));
        assert_eq!(refused(|d| d.key_statements = limits::KEY_STATEMENTS + 1), BadDocument::Field("key_statements"));
        assert_eq!(refused(|d| d.keys.clear()), BadDocument::Field("keys"));
        assert!(matches!(refused(|d| d.keys.truncate(4)), BadDocument::Roles(_)));
    }

    #[test]
    fn a_descriptor_signed_by_another_key_is_refused() {
        let wire = descriptor("no", 1).to_wire();
        let forged = envelope::sign(Descriptor::TYPE, &wire, &key(2));
        assert_eq!(Descriptor::open(&forged), Err(Rejection::BadSignature.into()));
    }
}
