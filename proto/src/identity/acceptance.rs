//! One side's yes to an agreement, and its end. Both sides sign the same digest before anything travels under it; either may end it.

use super::armor::{self, Label};
use super::document::{self, BadDocument};
use super::{PublicKey, SecretKey};
use crate::envelope;
use crate::id::{Digest, Origin};
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use bytes::Bytes;

/// `from` accepts the agreement towards `with`; signed by K_id of `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Who accepts.
    pub from: Origin,
    /// The other side; of the same network.
    pub with: Origin,
    /// ACTUAL, EXERCISE or TEST; the same for both.
    pub mode: Mode,
    /// SHA-256 of the agreement's text.
    pub agreement: Digest,
    /// When.
    pub accepted: Timestamp,
    /// 32 random bytes.
    pub salt: [u8; 32],
}

impl Acceptance {
    /// The payload type of its envelope.
    pub const TYPE: &'static str = "application/vnd.varde.acceptance.v1+protobuf";

    /// Signs with the identity key of `from`.
    pub fn sign(&self, id: &SecretKey) -> Result<peer::Envelope, BadDocument> {
        let wire = self.to_wire();
        Self::from_wire(&wire)?;
        Ok(envelope::sign(Self::TYPE, &wire, id))
    }

    /// Signs with the identity key of `from`; as the text of a file.
    pub fn sign_text(&self, id: &SecretKey) -> Result<String, BadDocument> {
        Ok(armor::encode(Label::Acceptance, &self.sign(id)?))
    }

    /// Reads an acceptance signed by `id`. Whether it is from, with and about whom one expects, the caller compares.
    pub fn open(envelope: &peer::Envelope, id: &PublicKey) -> Result<Self, BadDocument> {
        Self::from_wire(&envelope::open(envelope, Self::TYPE, &[*id])?)
    }

    /// Reads an acceptance file's text; returns the envelope as well.
    pub fn open_text(text: &str, id: &PublicKey) -> Result<(Self, peer::Envelope), BadDocument> {
        let envelope = armor::decode(Label::Acceptance, text)?;
        Ok((Self::open(&envelope, id)?, envelope))
    }

    fn to_wire(&self) -> peer::Acceptance {
        peer::Acceptance {
            network: self.from.network().to_owned(),
            mode: self.mode as i32,
            agreement: Bytes::copy_from_slice(&self.agreement.0),
            from: self.from.to_string(),
            with: self.with.to_string(),
            accepted_ms: self.accepted.ms(),
            salt: Bytes::copy_from_slice(&self.salt),
        }
    }

    fn from_wire(wire: &peer::Acceptance) -> Result<Self, BadDocument> {
        let peer::Acceptance { network, mode, agreement, from, with, accepted_ms, salt } = wire;
        let (from, mode) = document::place(network, *mode, from)?;
        let with = Origin::parse(with)?;
        if with.network() != network || with.node() == from.node() {
            return Err(BadDocument::Field("with"));
        }
        let agreement = Digest::from_bytes(agreement).ok_or(BadDocument::Field("agreement"))?;
        let (accepted, salt) = (document::time(*accepted_ms)?, document::salt(salt)?);
        Ok(Self { from, with, mode, agreement, accepted, salt })
    }
}

/// `from` ends the agreement towards `with`, for good; signed by K_id of `from`. It says what the acceptance says, under a type of
/// its own; `accepted` is when it was ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation(pub Acceptance);

impl Revocation {
    /// The payload type of its envelope.
    pub const TYPE: &'static str = "application/vnd.varde.revocation.v1+protobuf";

    /// Signs with the identity key of `from`.
    pub fn sign(&self, id: &SecretKey) -> Result<peer::Envelope, BadDocument> {
        let wire = self.0.to_wire();
        Acceptance::from_wire(&wire)?;
        Ok(envelope::sign(Self::TYPE, &wire, id))
    }

    /// Reads a revocation signed by `id`. Whether it is from, with and about whom one expects, the caller compares.
    pub fn open(envelope: &peer::Envelope, id: &PublicKey) -> Result<Self, BadDocument> {
        Acceptance::from_wire(&envelope::open(envelope, Self::TYPE, &[*id])?).map(Self)
    }
}

/// What one side said of an agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    /// It accepts.
    Yes(Acceptance),
    /// It ends it.
    No(Revocation),
}

impl Word {
    /// Reads either, signed by `id`.
    pub fn open(envelope: &peer::Envelope, id: &PublicKey) -> Result<Self, BadDocument> {
        if envelope.payload_type == Revocation::TYPE {
            Revocation::open(envelope, id).map(Self::No)
        } else {
            Acceptance::open(envelope, id).map(Self::Yes)
        }
    }

    /// Reads the text of a file.
    pub fn open_text(text: &str, id: &PublicKey) -> Result<(Self, peer::Envelope), BadDocument> {
        let envelope = armor::decode(Label::Acceptance, text).or_else(|_| armor::decode(Label::Revocation, text))?;
        Ok((Self::open(&envelope, id)?, envelope))
    }

    /// Signs with the identity key of whoever says it; as the text of a file.
    pub fn sign_text(&self, id: &SecretKey) -> Result<String, BadDocument> {
        match self {
            Self::Yes(yes) => yes.sign_text(id),
            Self::No(no) => Ok(armor::encode(Label::Revocation, &no.sign(id)?)),
        }
    }

    /// From whom, towards whom, about which agreement and when.
    pub fn of(&self) -> &Acceptance {
        let (Self::Yes(of) | Self::No(Revocation(of))) = self;
        of
    }

    /// The same, said anew: the logs of the two go on under other names.
    pub fn again(&self, of: Acceptance) -> Self {
        match self {
            Self::Yes(_) => Self::Yes(of),
            Self::No(_) => Self::No(Revocation(of)),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{key, now, origin};
    use super::*;
    use crate::agreement::default_agreement;
    use crate::envelope::Rejection;

    fn acceptance() -> Acceptance {
        Acceptance {
            from: origin("no"),
            with: origin("ee"),
            mode: Mode::Test,
            agreement: default_agreement(),
            accepted: now(),
            salt: [3; 32],
        }
    }

    #[test]
    fn an_acceptance_survives_its_file_and_is_by_the_identity_key() {
        let text = acceptance().sign_text(&key(1)).unwrap();
        assert_eq!(Acceptance::open_text(&text, &key(1).public()).unwrap().0, acceptance());
        let by_other = Acceptance::open_text(&text, &key(2).public());
        assert_eq!(by_other.unwrap_err(), Rejection::BadSignature.into());
    }

    #[test]
    fn an_end_is_no_yes_and_a_yes_is_no_end() {
        let (yes, no) = (Word::Yes(acceptance()), Word::No(Revocation(acceptance())));
        for word in [&yes, &no] {
            let text = word.sign_text(&key(1)).unwrap();
            assert_eq!(Word::open_text(&text, &key(1).public()).unwrap().0, *word);
            assert!(Word::open_text(&text, &key(2).public()).is_err());
        }
        assert!(Acceptance::open_text(&no.sign_text(&key(1)).unwrap(), &key(1).public()).is_err());
        assert!(Revocation::open(&acceptance().sign(&key(1)).unwrap(), &key(1).public()).is_err());
    }

    #[test]
    fn nobody_agrees_with_himself_or_with_another_network() {
        let with_self = Acceptance { with: origin("no"), ..acceptance() };
        assert_eq!(with_self.sign(&key(1)), Err(BadDocument::Field("with")));
        let abroad = Acceptance { with: Origin::parse("other.example/ee/1").unwrap(), ..acceptance() };
        assert_eq!(abroad.sign(&key(1)), Err(BadDocument::Field("with")));
    }
}
