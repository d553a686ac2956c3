//! Names and keys of whoever signs notes: C2SP signed-note v1.0.0, "Verifier keys".
//!
//! Ed25519 (type 0x01) and cosignature/v1 (0x04) keys verify, and ML-DSA-44 keys (0x06) with the feature `post-quantum`.
//! Without it such a key is read, so that a policy which names one is understood, but its lines are passed over as if unknown.
//! Keys of other types are refused.

use super::codec::{base64, unbase64};
use crate::id::{Digest, hex, unhex};
use crate::identity::{BadKey, PublicKey};
use crate::limits;

/// What a key signs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyMaterial {
    /// 0x01: the text of a note.
    Ed25519(PublicKey),
    /// 0x04: the text of a checkpoint, with a time.
    Cosignature(PublicKey),
    /// 0x06: a checkpoint in parts, with a time; verified with the feature `post-quantum`.
    MlDsa44(Vec<u8>),
}

impl KeyMaterial {
    const ED25519: u8 = 0x01;
    const COSIGNATURE: u8 = 0x04;
    const ML_DSA_44: u8 = 0x06;
    const ML_DSA_44_BYTES: usize = 1312;

    fn parse(kind: u8, key: &[u8]) -> Result<Self, BadVkey> {
        let enrol = |key| PublicKey::enrol(key).map_err(BadVkey::Key);
        match kind {
            Self::ED25519 => enrol(key).map(Self::Ed25519),
            Self::COSIGNATURE => enrol(key).map(Self::Cosignature),
            Self::ML_DSA_44 if key.len() == Self::ML_DSA_44_BYTES => Ok(Self::MlDsa44(key.to_vec())),
            Self::ML_DSA_44 => Err(BadVkey::Form),
            other => Err(BadVkey::Type(other)),
        }
    }

    /// The type's byte, then the key's bytes.
    fn bytes(&self) -> Vec<u8> {
        let (kind, key) = match self {
            Self::Ed25519(key) => (Self::ED25519, key.bytes().to_vec()),
            Self::Cosignature(key) => (Self::COSIGNATURE, key.bytes().to_vec()),
            Self::MlDsa44(key) => (Self::ML_DSA_44, key.clone()),
        };
        [vec![kind], key].concat()
    }
}

/// A name and a key that may stand on a signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vkey {
    name: String,
    id: u32,
    material: KeyMaterial,
}

/// Text that is not a verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadVkey {
    /// Not `name+8 hex digits+base64`.
    #[error("a verifier key is <name>+<8 hex digits>+<base64 of type and key>")]
    Form,
    /// An empty or too long name, or one with white space or `+`.
    #[error("a key name has 1 to {} bytes, no white space and no '+'", limits::KEY_NAME_BYTES)]
    Name,
    /// The key id is not the one that name, type and key give.
    #[error("the key id is not that of this name and key")]
    Id,
    /// A type of key that this version does not know.
    #[error("keys of type 0x{0:02x} are not known to this version")]
    Type(u8),
    /// A key that is not enrolled.
    #[error(transparent)]
    Key(BadKey),
}

impl Vkey {
    /// A key under a name.
    pub fn new(name: &str, material: KeyMaterial) -> Result<Self, BadVkey> {
        if !is_key_name(name) {
            return Err(BadVkey::Name);
        }
        let id = key_id(name, &material);
        Ok(Self { name: name.to_owned(), id, material })
    }

    /// Reads `name+id+base64`; the base64 may itself contain `+`.
    pub fn parse(text: &str) -> Result<Self, BadVkey> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(BadVkey::Form);
        };
        let id = unhex::<4>(id).map(u32::from_be_bytes).ok_or(BadVkey::Form)?;
        let key = unbase64(key).ok_or(BadVkey::Form)?;
        let (kind, key) = key.split_first().ok_or(BadVkey::Form)?;
        let vkey = Self::new(name, KeyMaterial::parse(*kind, key)?)?;
        match vkey.id == id {
            true => Ok(vkey),
            // A published key of this type has another id in its text; its lines stand under the one that is computed.
            false if matches!(vkey.material, KeyMaterial::MlDsa44(_)) => Ok(vkey),
            false => Err(BadVkey::Id),
        }
    }

    /// `name+id+base64`
    pub fn text(&self) -> String {
        format!("{}+{}+{}", self.name, hex(&self.id.to_be_bytes()), base64(&self.material.bytes()))
    }

    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id: with the name it says which key a line is by, and proves nothing.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Type and key.
    pub fn material(&self) -> &KeyMaterial {
        &self.material
    }

    /// Whether this version can check what the key signs.
    pub fn verifies(&self) -> bool {
        cfg!(feature = "post-quantum") || !matches!(self.material, KeyMaterial::MlDsa44(_))
    }
}

/// First four bytes of SHA-256(name, newline, type, key).
pub fn key_id(name: &str, material: &KeyMaterial) -> u32 {
    let digest = Digest::of(&[name.as_bytes(), b"\n", &material.bytes()].concat());
    let [a, b, c, d, ..] = digest.0;
    u32::from_be_bytes([a, b, c, d])
}

/// Whether a name may stand on a signature line.
pub fn is_key_name(name: &str) -> bool {
    let fits = (1..=limits::KEY_NAME_BYTES).contains(&name.len());
    fits && !name.chars().any(|c| c.is_whitespace() || c < ' ' || c == '+')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::identity::SecretKey;
    use zeroize::Zeroizing;

    fn public() -> PublicKey {
        SecretKey::from_seed(&Zeroizing::new([7; 32])).public()
    }

    #[test]
    fn a_verifier_key_reads_back_and_no_part_of_it_may_change() {
        let text = Vkey::new("varde.example/no/1", KeyMaterial::Ed25519(public())).unwrap().text();
        assert_eq!(Vkey::parse(&text).unwrap().text(), text);
        for place in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[place] = changed[place].wrapping_add(1);
            let changed = String::from_utf8_lossy(&changed).into_owned();
            assert!(Vkey::parse(&changed).is_err(), "{changed} was accepted");
            assert!(Vkey::parse(&text[..place]).is_err());
        }
    }

    #[test]
    fn the_same_key_of_another_type_or_name_has_another_id() {
        let log = Vkey::new("a.example", KeyMaterial::Ed25519(public())).unwrap();
        assert_ne!(log.id(), Vkey::new("a.example", KeyMaterial::Cosignature(public())).unwrap().id());
        assert_ne!(log.id(), Vkey::new("b.example", KeyMaterial::Ed25519(public())).unwrap().id());
    }

    #[test]
    fn weak_keys_and_unknown_types_are_refused() {
        let text = |kind: u8, key: &[u8]| {
            let body = [&[kind], key].concat();
            let id = Digest::of(&[b"n\n", &body[..]].concat());
            format!("n+{}+{}", hex(&id.0[..4]), base64(&body))
        };
        assert_eq!(Vkey::parse(&text(1, &[0; 32])), Err(BadVkey::Key(BadKey::Weak)));
        assert_eq!(Vkey::parse(&text(2, &public().bytes())), Err(BadVkey::Type(2)));
        assert_eq!(Vkey::parse(&text(6, &[0; 1311])), Err(BadVkey::Form));
        let quantum = text(6, &[0; 1312]);
        assert!(Vkey::parse(&quantum).is_ok_and(|key| key.verifies() == cfg!(feature = "post-quantum")));
        let other = quantum.replacen(&quantum[2..10], "61626364", 1);
        assert_eq!(Vkey::parse(&other).map(|key| key.text()), Ok(quantum), "the id is computed");
        assert_eq!(Vkey::new("a b", KeyMaterial::Ed25519(public())), Err(BadVkey::Name));
    }
}
