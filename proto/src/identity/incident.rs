//! Why a log ended, and under which genesis its node goes on: the statement that K_id signs for a new generation.
//!
//! In: its fields, its one encoding, its signature. Out: who decides that a log ends, and who takes up the new one (`varde log
//! bump`, `varde peer add`, the node's `flow`).

use super::document::{self, BadDocument};
use super::{Genesis, PublicKey, SecretKey};
use crate::envelope;
use crate::exchange::KnownHead;
use crate::id::{Digest, Origin, TreeSize};
use crate::limits;
use crate::log::Checkpoint;
use crate::log::head::Head;
use crate::log::note::Note;
use crate::time::Timestamp;
use crate::wire::peer::{self, IncidentReason, Mode};
use bytes::Bytes;
use std::fmt;

/// Why a log cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Heads were shown of more leaves than anybody keeps.
    TailLost,
    /// The store is not the beginning of what was signed.
    NotAPrefix,
    /// Peers that may hold what was signed did not answer.
    PeersUnreachable,
}

impl Reason {
    const ALL: [Self; 3] = [Self::TailLost, Self::NotAPrefix, Self::PeersUnreachable];

    /// `tail-lost`, `not-a-prefix` or `peers-unreachable`.
    pub fn name(self) -> &'static str {
        match self {
            Self::TailLost => "tail-lost",
            Self::NotAPrefix => "not-a-prefix",
            Self::PeersUnreachable => "peers-unreachable",
        }
    }

    /// Reads the name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    fn wire(self) -> IncidentReason {
        match self {
            Self::TailLost => IncidentReason::TailLost,
            Self::NotAPrefix => IncidentReason::NotAPrefix,
            Self::PeersUnreachable => IncidentReason::PeersUnreachable,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of a log that ended, and the genesis of the one that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// The new log.
    pub origin: Origin,
    /// ACTUAL, EXERCISE or TEST.
    pub mode: Mode,
    /// The log that ended.
    pub previous: Origin,
    /// Why.
    pub reason: Reason,
    /// The newest head that peers answered with, a note as the log signed it; empty where nobody had one.
    pub newest: String,
    /// What the store has.
    pub stored: KnownHead,
    /// What the sign guard says was shown, where there was one.
    pub shown: Option<KnownHead>,
    /// E of the new log's genesis.
    pub genesis: Digest,
    /// When it was signed.
    pub created: Timestamp,
    /// 32 random bytes.
    pub salt: [u8; 32],
}

impl Incident {
    /// The payload type of its envelope.
    pub const TYPE: &'static str = "application/vnd.varde.incident.v1+protobuf";

    /// Signs with the identity key.
    pub fn sign(&self, id: &SecretKey) -> Result<peer::Envelope, BadDocument> {
        let wire = self.to_wire();
        Self::from_wire(&wire)?;
        Ok(envelope::sign(Self::TYPE, &wire, id))
    }

    /// Reads a statement signed by `id`.
    pub fn open(envelope: &peer::Envelope, id: &PublicKey) -> Result<Self, BadDocument> {
        Self::from_wire(&envelope::open(envelope, Self::TYPE, &[*id])?)
    }

    /// Whether this is the genesis under which the node goes on.
    pub fn leads_to(&self, genesis: &Genesis, envelope: &peer::Envelope) -> bool {
        self.genesis == envelope::digest(envelope) && self.origin == *genesis.origin() && self.mode == genesis.mode()
    }

    /// The newest head that peers answered with.
    pub fn answered(&self) -> Option<KnownHead> {
        let note = Note::parse(self.newest.as_bytes()).ok()?;
        let checkpoint = Checkpoint::parse(note.text()).ok()?;
        Some(KnownHead { size: checkpoint.size().0, root: checkpoint.root() })
    }

    /// Whether the log that ended signed that head: by one of its keys that are valid at a size. Where nobody had one, there is nothing to sign.
    pub fn is_headed(&self, keys: impl Fn(TreeSize) -> Vec<PublicKey>) -> bool {
        let signed = |head: KnownHead| {
            Head::from_note(self.newest.as_bytes(), &self.previous, &keys(TreeSize(head.size))).is_ok()
        };
        self.newest.is_empty() || self.answered().is_some_and(signed)
    }

    /// Whether every peer answered, and none of them had more than the store: then nothing that was exchanged is unknown here.
    pub fn is_whole(&self) -> bool {
        self.reason == Reason::TailLost && self.answered().is_none_or(|head| head.size <= self.stored.size)
    }

    fn to_wire(&self) -> peer::Incident {
        let bytes = |digest: &Digest| Bytes::copy_from_slice(&digest.0);
        let shown = self.shown.unwrap_or(KnownHead { size: 0, root: Digest::NONE });
        peer::Incident {
            network: self.origin.network().to_owned(),
            mode: self.mode as i32,
            origin: self.origin.to_string(),
            previous: self.previous.to_string(),
            reason: self.reason.wire() as i32,
            newest: self.newest.clone(),
            stored_size: self.stored.size,
            stored_root: bytes(&self.stored.root),
            shown_size: shown.size,
            shown_root: self.shown.map(|shown| bytes(&shown.root)).unwrap_or_default(),
            genesis: bytes(&self.genesis),
            created_ms: self.created.ms(),
            salt: Bytes::copy_from_slice(&self.salt),
        }
    }

    fn from_wire(wire: &peer::Incident) -> Result<Self, BadDocument> {
        let peer::Incident {
            network,
            mode,
            origin,
            previous,
            reason,
            newest,
            stored_size,
            stored_root,
            shown_size,
            shown_root,
            genesis,
            created_ms,
            salt,
        } = wire;
        let (origin, mode) = document::place(network, *mode, origin)?;
        let previous = Origin::parse(previous)?;
        if previous.successor().as_ref() != Some(&origin) {
            return Err(BadDocument::Field("previous"));
        }
        let reason = Reason::ALL.into_iter().find(|known| known.wire() as i32 == *reason);
        let digest = |bytes: &[u8], field| Digest::from_bytes(bytes).ok_or(BadDocument::Field(field));
        let shown = match (shown_size, shown_root.is_empty()) {
            (0, true) => None,
            (_, true) => return Err(BadDocument::Field("shown_root")),
            (size, false) => Some(KnownHead { size: *size, root: digest(shown_root, "shown_root")? }),
        };
        let incident = Self {
            origin,
            mode,
            reason: reason.ok_or(BadDocument::Field("reason"))?,
            newest: newest.clone(),
            stored: KnownHead { size: *stored_size, root: digest(stored_root, "stored_root")? },
            shown,
            genesis: digest(genesis, "genesis")?,
            created: document::time(*created_ms)?,
            salt: document::salt(salt)?,
            previous,
        };
        let of_the_log =
            |note: Note| Checkpoint::parse(note.text()).is_ok_and(|c| c.origin() == incident.previous.as_str());
        let noted = newest.is_empty() || Note::parse(newest.as_bytes()).is_ok_and(of_the_log);
        if noted && newest.len() <= limits::INCIDENT_HEAD_BYTES {
            Ok(incident)
        } else {
            Err(BadDocument::Field("newest"))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{genesis_of, key, now};
    use super::super::{Descriptor, Role};
    use super::*;
    use crate::envelope::Rejection;

    fn origin(generation: u32) -> Origin {
        Origin::parse(&format!("varde.example/no/{generation}")).unwrap()
    }

    fn second() -> (Genesis, peer::Envelope) {
        let genesis = genesis_of(origin(2), Mode::Test, 1);
        let signed = genesis.sign(&key(1)).unwrap();
        (genesis, signed)
    }

    fn incident() -> Incident {
        let newest = Head::sign(&origin(1), TreeSize(9), Digest([9; 32]), &key(2)).unwrap().write();
        let known = |size| KnownHead { size, root: Digest([size as u8; 32]) };
        Incident {
            origin: origin(2),
            mode: Mode::Test,
            previous: origin(1),
            reason: Reason::TailLost,
            newest,
            stored: known(7),
            shown: Some(known(12)),
            genesis: envelope::digest(&second().1),
            created: now(),
            salt: [5; 32],
        }
    }

    #[test]
    fn an_incident_is_read_back_under_the_identity_that_signed_it_and_leads_to_one_genesis() {
        for said in [incident(), Incident { shown: None, newest: String::new(), ..incident() }] {
            let signed = said.sign(&key(1)).unwrap();
            assert_eq!(Incident::open(&signed, &key(1).public()), Ok(said));
            assert_eq!(Incident::open(&signed, &key(2).public()), Err(Rejection::BadSignature.into()));
        }
        let (genesis, signed) = second();
        assert!(incident().leads_to(&genesis, &signed));
        let other = genesis_of(origin(2), Mode::Test, 11);
        assert!(!incident().leads_to(&other, &other.sign(&key(11)).unwrap()));
        assert_eq!(incident().answered(), Some(KnownHead { size: 9, root: Digest([9; 32]) }));
    }

    #[test]
    fn the_newest_head_is_one_that_the_log_signed_by_a_key_of_that_size() {
        let keys = |size: TreeSize| vec![key(if size.0 < 9 { 3 } else { 2 }).public()];
        assert!(incident().is_headed(keys) && Incident { newest: String::new(), ..incident() }.is_headed(keys));
        assert!(!incident().is_headed(|size| keys(TreeSize(size.0 - 1))));
        let signature = incident().newest.rfind(' ').unwrap() + 8;
        let mut garbage = incident().newest.into_bytes();
        garbage[signature] = if garbage[signature] == b'A' { b'B' } else { b'A' };
        let garbage = Incident { newest: String::from_utf8(garbage).unwrap(), ..incident() };
        assert!(garbage.sign(&key(1)).is_ok() && !garbage.is_headed(keys));
    }

    #[test]
    fn nothing_is_unknown_only_where_all_peers_answered_and_none_had_more_than_the_store() {
        let kept = Incident { stored: KnownHead { size: 9, root: Digest([9; 32]) }, ..incident() };
        assert!(kept.is_whole() && Incident { newest: String::new(), ..incident() }.is_whole());
        assert!(!incident().is_whole());
        for reason in [Reason::PeersUnreachable, Reason::NotAPrefix] {
            assert!(!Incident { reason, ..kept.clone() }.is_whole(), "{}", reason.name());
        }
    }

    #[test]
    fn a_generation_that_is_skipped_or_lowered_or_of_another_node_is_no_incident() {
        for previous in ["varde.example/no/2", "varde.example/no/3", "varde.example/ee/1", "other.example/no/1"] {
            let bad = Incident { previous: Origin::parse(previous).unwrap(), newest: String::new(), ..incident() };
            assert_eq!(bad.sign(&key(1)), Err(BadDocument::Field("previous")), "{previous}");
        }
        let skipped = Incident { origin: origin(3), ..incident() };
        assert_eq!(skipped.sign(&key(1)), Err(BadDocument::Field("previous")));
        let of_another = Head::sign(&origin(4), TreeSize(9), Digest([9; 32]), &key(2)).unwrap().write();
        let bad = Incident { newest: of_another, ..incident() };
        assert_eq!(bad.sign(&key(1)), Err(BadDocument::Field("newest")));
    }

    #[test]
    fn a_descriptor_of_a_later_generation_shows_its_incident_and_one_of_the_first_has_none() {
        let later = Descriptor::issue(&second().0, None, now(), [8; 32]);
        assert_eq!(later.sign(&key(1)), Err(BadDocument::Field("incident")));
        let signed = incident().sign(&key(1)).unwrap();
        let shown = later.clone().with_incident(signed.clone()).unwrap();
        let text = shown.sign_text(&key(1)).unwrap();
        let read = Descriptor::open_text(&text).unwrap();
        assert_eq!((read.incident(), read.key(Role::Log)), (Some(&incident()), shown.key(Role::Log)));
        assert!(shown.sign(&key(1)).unwrap().payload.len() < limits::EVENT_BODY_BYTES - 200);
        let first = genesis_of(origin(1), Mode::Test, 1);
        let wrong = Descriptor::issue(&first, None, now(), [8; 32]).with_incident(signed).unwrap();
        assert_eq!(wrong.sign(&key(1)), Err(BadDocument::Field("incident")));
        let by_another = incident().sign(&key(2)).unwrap();
        assert_eq!(later.with_incident(by_another), Err(Rejection::BadSignature.into()));
    }
}
