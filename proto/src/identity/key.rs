//! Ed25519 keys. `verify_strict` is the only verdict on a signature, and a key is enrolled only if no two implementations
//! can disagree about it (docs/protocol.md, "Keys and signatures").

use crate::id::{Digest, hex};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, EncodePrivateKey, EncodePublicKey, KeypairBytes};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use zeroize::{Zeroize, Zeroizing};

/// Why a public key is not enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not 32 bytes.
    #[error("an Ed25519 public key has 32 bytes")]
    Length,
    /// Not a point of the curve, or not the one encoding of it.
    #[error("the public key is not the canonical encoding of a point of the curve")]
    Encoding,
    /// A point of small order: signatures by it prove nothing.
    #[error("the public key has small order")]
    Weak,
    /// A torsion component: libraries would disagree about its signatures.
    #[error("the public key has a torsion component")]
    Torsion,
    /// A private key file that cannot be read.
    #[error("the file is not an unencrypted PKCS#8 Ed25519 private key")]
    Private,
}

/// The signature is not by this key over these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature does not verify")]
pub struct BadSignature;

/// An enrolled Ed25519 public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Accepts a raw public key: canonical, not of small order, without torsion.
    pub fn enrol(bytes: &[u8]) -> Result<Self, BadKey> {
        let raw: [u8; 32] = bytes.try_into().map_err(|_| BadKey::Length)?;
        let point = curve25519_dalek::edwards::CompressedEdwardsY(raw).decompress().ok_or(BadKey::Encoding)?;
        if point.compress().to_bytes() != raw {
            return Err(BadKey::Encoding);
        }
        if point.is_small_order() {
            return Err(BadKey::Weak);
        }
        if !point.is_torsion_free() {
            return Err(BadKey::Torsion);
        }
        VerifyingKey::from_bytes(&raw).map(Self).map_err(|_| BadKey::Encoding)
    }

    /// The raw 32 bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0.to_bytes()
    }

    /// Checks a signature (RFC 8032, cofactorless, canonical, no point of small order: `verify_strict`).
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), BadSignature> {
        let signature: [u8; 64] = signature.try_into().map_err(|_| BadSignature)?;
        let verify = || self.0.verify_strict(message, &Signature::from_bytes(&signature)).map_err(|_| BadSignature);
        #[cfg(varde_simulation)]
        return super::memo::once([&self.0.to_bytes()[..], &signature, message], verify);
        #[cfg(not(varde_simulation))]
        verify()
    }

    /// SHA-256 of the raw key: what two people compare over another channel.
    pub fn fingerprint(&self) -> Digest {
        Digest::of(&self.bytes())
    }

    /// The key's SubjectPublicKeyInfo in DER (RFC 8410), by which TLS connections are pinned.
    pub fn spki(&self) -> Vec<u8> {
        self.0.to_public_key_der().map(|der| der.as_bytes().to_vec()).unwrap_or_default()
    }

    /// First four bytes of the fingerprint in hex: the hint in an envelope.
    pub fn hint(&self) -> String {
        hex(&self.fingerprint().0[..4])
    }
}

/// An Ed25519 private key; wiped from memory when dropped. It prints as nothing and never leaves except to its key file.
pub struct SecretKey(SigningKey);

impl SecretKey {
    /// From 32 random bytes.
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// Reads a PKCS#8 PEM file's text.
    pub fn from_pem(text: &str) -> Result<Self, BadKey> {
        SigningKey::from_pkcs8_pem(text).map(Self).map_err(|_| BadKey::Private)
    }

    /// PKCS#8 in PEM, for the key's file: version 1, without the public half, which every other program reads.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, BadKey> {
        let mut pair = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        let text = pair.to_pkcs8_pem(LineEnding::LF).map_err(|_| BadKey::Private);
        pair.secret_key.zeroize();
        text
    }

    /// The public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl std::fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretKey(not shown)")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    #[test]
    fn a_key_survives_its_file_and_signs() {
        let read = SecretKey::from_pem(&key(7).to_pem().unwrap()).unwrap();
        assert_eq!(read.public(), key(7).public());
        assert_eq!(read.public().verify(b"text", &read.sign(b"text")), Ok(()));
        assert_eq!(read.public().verify(b"other", &read.sign(b"text")), Err(BadSignature));
        assert_eq!(read.public().spki().len(), 44);
        // RFC 8410, section 7: 48 bytes, of which the last 32 are the seed.
        let pem = key(7).to_pem().unwrap();
        assert_eq!(pem.lines().nth(1), Some("MC4CAQAwBQYDK2VwBCIEIAcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcH"));
        let with_public_half = SigningKey::from_bytes(&[7; 32]).to_pkcs8_pem(LineEnding::LF).unwrap();
        assert_eq!(SecretKey::from_pem(&with_public_half).unwrap().public(), key(7).public());
    }

    #[test]
    fn weak_torsioned_and_non_canonical_keys_are_not_enrolled() {
        let mut identity = [0; 32];
        identity[0] = 1;
        assert_eq!(PublicKey::enrol(&identity), Err(BadKey::Weak));
        assert_eq!(PublicKey::enrol(&[0; 32]), Err(BadKey::Weak));
        let torsion = curve25519_dalek::constants::EIGHT_TORSION[1];
        let mixed = (curve25519_dalek::constants::ED25519_BASEPOINT_POINT + torsion).compress();
        assert_eq!(PublicKey::enrol(mixed.as_bytes()), Err(BadKey::Torsion));
        let mut negative_zero = identity;
        negative_zero[31] = 0x80;
        assert_eq!(PublicKey::enrol(&negative_zero), Err(BadKey::Encoding));
        assert_eq!(PublicKey::enrol(&[1; 31]), Err(BadKey::Length));
    }
}
