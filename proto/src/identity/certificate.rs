//! The TLS certificate: self-signed, Ed25519, short-lived. It is an envelope for the key; trust comes from the pin alone, and
//! the certificate adds the window in which the node stood by that key. Feature `certificate` makes one; reading needs no
//! feature.

use super::PublicKey;
use crate::limits;
use crate::time::Timestamp;

/// Why a certificate is refused before its key is compared with any pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadCertificate {
    /// Over `limits::CERTIFICATE_BYTES`, or not one X.509 certificate.
    #[error("it is not one X.509 certificate of a reasonable size")]
    Malformed,
    /// Its key is not an enrolled Ed25519 key.
    #[error("its key is not an Ed25519 key that could be enrolled")]
    NotEd25519,
}

/// What of a certificate counts: its key and its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Certificate {
    /// Its key, to be compared with a pin.
    pub key: PublicKey,
    /// First moment of its validity.
    pub not_before: Timestamp,
    /// Last moment of its validity.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads DER. The signature in it is not checked: the handshake proves the key, and the pin says whose it is.
    pub fn read(der: &[u8]) -> Result<Self, BadCertificate> {
        if der.len() > limits::CERTIFICATE_BYTES {
            return Err(BadCertificate::Malformed);
        }
        let (rest, parsed) = x509_parser::parse_x509_certificate(der).map_err(|_| BadCertificate::Malformed)?;
        if !rest.is_empty() {
            return Err(BadCertificate::Malformed);
        }
        let spki = parsed.public_key();
        let key = PublicKey::enrol(&spki.subject_public_key.data).map_err(|_| BadCertificate::NotEd25519)?;
        if spki.raw != key.spki() {
            return Err(BadCertificate::NotEd25519);
        }
        let time = |at: x509_parser::time::ASN1Time| {
            Timestamp::from_ms(at.timestamp().saturating_mul(1000)).map_err(|_| BadCertificate::Malformed)
        };
        let validity = parsed.validity();
        Ok(Self { key, not_before: time(validity.not_before)?, not_after: time(validity.not_after)? })
    }

    /// Whether `now` lies in its window.
    pub fn covers(&self, now: Timestamp) -> bool {
        (self.not_before..=self.not_after).contains(&now)
    }

    /// Whether two thirds of its window have passed, so that it is time for the next.
    pub fn is_due(&self, now: Timestamp) -> bool {
        now > self.not_before.after(self.not_after.since(self.not_before) * 2 / 3)
    }
}

#[cfg(feature = "certificate")]
mod issue {
    use super::{Certificate, limits};
    use crate::identity::SecretKey;
    use crate::time::Timestamp;
    use std::time::Duration;

    /// How long before its issue a certificate is valid, so that a peer whose clock is behind accepts it.
    const SKEW_MS: i64 = 3_600_000;

    /// The certificate could not be made; the names in it are checked, so this is a fault of ours.
    #[derive(Debug, thiserror::Error)]
    #[error("the certificate could not be made: {0}")]
    pub struct NotIssued(#[from] rcgen::Error);

    impl Certificate {
        /// Makes the certificate of a node for 90 days from `now`, in DER. It names nobody: whoever connects is shown it
        /// before having shown a key, and peers know the key.
        pub fn issue(key: &SecretKey, now: Timestamp) -> Result<Vec<u8>, NotIssued> {
            let not_before = Timestamp::from_ms(now.ms() - SKEW_MS).unwrap_or_default();
            let not_after = not_before.after(Duration::from_secs(limits::CERTIFICATE_DAYS * 86_400));
            let mut wanted = rcgen::CertificateParams::new(Vec::new())?;
            wanted.distinguished_name = rcgen::DistinguishedName::new();
            wanted.distinguished_name.push(rcgen::DnType::CommonName, "varde node");
            wanted.serial_number = Some(rcgen::SerialNumber::from(not_before.ms().unsigned_abs()));
            let epoch = rcgen::date_time_ymd(1970, 1, 1);
            let at = |time: Timestamp| epoch + Duration::from_secs(time.seconds().unsigned_abs());
            (wanted.not_before, wanted.not_after) = (at(not_before), at(not_after));
            wanted.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
            let raw = key.public().bytes();
            Ok(wanted.self_signed(&Signer { key, raw })?.der().to_vec())
        }
    }

    /// Lets rcgen sign with our key, so that one Ed25519 implementation makes every signature.
    struct Signer<'a> {
        key: &'a SecretKey,
        raw: [u8; 32],
    }

    impl rcgen::PublicKeyData for Signer<'_> {
        fn der_bytes(&self) -> &[u8] {
            &self.raw
        }

        fn algorithm(&self) -> &'static rcgen::SignatureAlgorithm {
            &rcgen::PKCS_ED25519
        }
    }

    impl rcgen::SigningKey for Signer<'_> {
        fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
            Ok(self.key.sign(message).to_vec())
        }
    }
}
#[cfg(feature = "certificate")]
pub use issue::NotIssued;

#[cfg(all(test, feature = "certificate"))]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::testing::{key, now};
    use super::*;
    use std::time::Duration;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_certificate_carries_its_key_for_ninety_days() {
        let der = Certificate::issue(&key(5), now()).unwrap();
        let read = Certificate::read(&der).unwrap();
        assert_eq!(read.key, key(5).public());
        assert!(read.covers(now()) && read.covers(now().after(DAY * 89)) && !read.covers(now().after(DAY * 90)));
        assert!(!read.is_due(now().after(DAY * 59)) && read.is_due(now().after(DAY * 61)));
    }

    #[test]
    fn a_certificate_is_read_strictly() {
        let der = Certificate::issue(&key(5), now()).unwrap();
        assert_eq!(Certificate::read(&der[..der.len() - 1]), Err(BadCertificate::Malformed));
        assert_eq!(Certificate::read(&[der.as_slice(), &[0]].concat()), Err(BadCertificate::Malformed));
        assert_eq!(Certificate::read(&vec![0x30; limits::CERTIFICATE_BYTES + 1]), Err(BadCertificate::Malformed));
        let spot = der.windows(32).position(|w| w == key(5).public().bytes()).unwrap();
        let mut weak = der.clone();
        weak[spot..spot + 32].fill(0);
        assert_eq!(Certificate::read(&weak), Err(BadCertificate::NotEd25519));
    }
}
