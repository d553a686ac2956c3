//! Post-quantum cosignatures of checkpoints: C2SP tlog-cosignature v1.1.0-rc.1, type 0x06 (ML-DSA-44 of FIPS 204, pure, with an
//! empty context). Only with the feature `post-quantum`; without it such lines are passed over.
//!
//! In: keys and lines. Out: which checkpoints get one. What is signed names the cosigner, the log, the size and the root, so one
//! key may serve several names, and extension lines are outside it.

use super::checkpoint::Checkpoint;
use super::cosignature::stated;
use super::note::SignatureLine;
use super::vkey::{KeyMaterial, key_id};
use ml_dsa::{EncodedVerifyingKey, ExpandedSigningKey, MlDsa44, Signature, VerifyingKey};
use zeroize::Zeroizing;

const LABEL: &[u8; 12] = b"subtree/v1\n\0";

/// A secret key.
pub struct QuantumKey(ExpandedSigningKey<MlDsa44>);

impl QuantumKey {
    /// The key of a seed (xi of FIPS 204).
    pub fn from_seed(seed: &Zeroizing<[u8; 32]>) -> Self {
        Self(ExpandedSigningKey::from_seed(&(**seed).into()))
    }

    /// The public key, 1,312 bytes.
    pub fn public(&self) -> KeyMaterial {
        KeyMaterial::MlDsa44(self.0.verifying_key().encode().to_vec())
    }
}

/// Cosigns a checkpoint under the cosigner's name at `seconds` since 1970, and checks the signature before anyone can see it;
/// `None` when the name or the time is no name or no time. The same inputs give the same line.
pub fn sign(checkpoint: &Checkpoint, name: &str, seconds: u64, key: &QuantumKey) -> Option<SignatureLine> {
    let message = message(checkpoint, name, seconds)?;
    let signature = key.0.sign_deterministic(&message, &[]).ok()?.encode();
    let public = key.public();
    let line = [&seconds.to_be_bytes()[..], &signature].concat();
    let KeyMaterial::MlDsa44(bytes) = &public else { return None };
    verify(&checkpoint.text(), name, &line, bytes)?;
    SignatureLine::new(name, key_id(name, &public), &line)
}

/// The time that a good line under `name` on the checkpoint with this text states, in seconds since 1970; 0 says nothing about
/// when.
pub fn verify(text: &str, name: &str, line: &[u8], public: &[u8]) -> Option<u64> {
    let (seconds, signature) = stated(line)?;
    let message = message(&Checkpoint::parse(text).ok()?, name, seconds)?;
    let key = VerifyingKey::<MlDsa44>::decode(&EncodedVerifyingKey::<MlDsa44>::try_from(public).ok()?);
    let signature = Signature::<MlDsa44>::try_from(signature).ok()?;
    key.verify_with_context(&message, &[], &signature).then_some(seconds)
}

/// What is signed: the whole tree as the subtree from leaf 0.
fn message(checkpoint: &Checkpoint, name: &str, seconds: u64) -> Option<Vec<u8>> {
    i64::try_from(seconds).ok()?;
    let mut message = LABEL.to_vec();
    for (name, number) in [(name, seconds), (checkpoint.origin(), 0)] {
        message.push(u8::try_from(name.len()).ok().filter(|length| *length > 0)?);
        message.extend_from_slice(name.as_bytes());
        message.extend_from_slice(&number.to_be_bytes());
    }
    message.extend_from_slice(&checkpoint.size().0.to_be_bytes());
    message.extend_from_slice(&checkpoint.root().0);
    Some(message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::{Digest, TreeSize};
    use crate::log::note::{BadNote, Note};
    use crate::log::policy::Policy;
    use crate::log::vkey::Vkey;

    const NAME: &str = "wit.example";

    fn key(seed: u8) -> QuantumKey {
        QuantumKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn checkpoint(size: u64) -> Checkpoint {
        Checkpoint::new("log.example", TreeSize(size), Digest([8; 32])).unwrap()
    }

    /// FIPS 204's key generation, by the example of RFC 9881, appendix C: the seed 00, 01, ... 1f.
    #[test]
    fn the_key_of_the_published_seed_is_the_published_one() {
        let seed = std::array::from_fn(|n| n as u8);
        let KeyMaterial::MlDsa44(public) = QuantumKey::from_seed(&Zeroizing::new(seed)).public() else {
            unreachable!()
        };
        assert_eq!(public.len(), 1312);
        assert_eq!(Digest::of(&public).to_string(), "9f107644c1084526af3bc8098680b05499a2325a644e388fb4f970e058d19d46");
    }

    #[test]
    fn a_line_holds_for_its_checkpoint_name_time_and_key_alone() {
        let line = sign(&checkpoint(3), NAME, 1_795_291_200, &key(4)).unwrap();
        assert_eq!(line.signature().len(), 8 + 2420);
        assert_eq!(sign(&checkpoint(3), NAME, 1_795_291_200, &key(4)), Some(line.clone()));
        let KeyMaterial::MlDsa44(public) = key(4).public() else { unreachable!() };
        let verdict = |size, name: &str, line: &[u8]| verify(&checkpoint(size).text(), name, line, &public);
        assert_eq!(verdict(3, NAME, line.signature()), Some(1_795_291_200));
        assert_eq!(verdict(4, NAME, line.signature()), None);
        assert_eq!(verdict(3, "wit.exampl", line.signature()), None);
        for place in [0, 7, 8, 9, 1200, 8 + 2419] {
            let mut changed = line.signature().to_vec();
            changed[place] ^= 1;
            assert_eq!(verdict(3, NAME, &changed), None, "byte {place}");
        }
        assert_eq!(verdict(3, NAME, &line.signature()[..2427]), None);
        let KeyMaterial::MlDsa44(other) = key(5).public() else { unreachable!() };
        assert_eq!(verify(&checkpoint(3).text(), NAME, line.signature(), &other), None);
        assert_eq!(sign(&checkpoint(3), NAME, 1 << 63, &key(4)), None);
        assert_eq!(sign(&checkpoint(3), "", 1, &key(4)), None);
    }

    #[test]
    fn a_witness_that_a_policy_names_by_such_a_key_counts_and_a_forged_line_spoils_the_note() {
        let log = crate::identity::SecretKey::from_seed(&Zeroizing::new([1; 32]));
        let mut note = Note::new(&checkpoint(3).text()).unwrap();
        note.sign("log.example", &log).unwrap();
        let vkeys = [KeyMaterial::Ed25519(log.public()), key(4).public()];
        let [log, witness] =
            [("log.example", &vkeys[0]), (NAME, &vkeys[1])].map(|(name, key)| Vkey::new(name, key.clone()).unwrap());
        let policy = format!("log {}\nwitness w {}\nquorum w\n", log.text(), witness.text());
        let policy = Policy::parse(policy.as_bytes()).unwrap();
        assert_eq!(policy.unverifiable().count(), 0);
        assert!(policy.check(&note).is_err(), "it was cosigned by nobody");
        let line = sign(&checkpoint(3), NAME, 7, &key(4)).unwrap();
        note.add(line.clone()).unwrap();
        assert_eq!(policy.check(&note).unwrap().witnesses, [("w".into(), 7)]);
        let mut forged = line.signature().to_vec();
        forged[100] ^= 1;
        note.add(SignatureLine::new(NAME, line.id(), &forged).unwrap()).unwrap();
        assert_eq!(note.verify(&[log, witness]), Err(BadNote::Signature(NAME.into())));
    }
}
