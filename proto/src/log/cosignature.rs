//! Cosignatures of checkpoints: C2SP tlog-cosignature v1.0.1, type 0x04 (Ed25519 with a time).
//!
//! A cosignature says: at that time this was the largest consistent tree I had seen of that origin. When to give one is the
//! witness's business, not this module's. A cosigner's key never stands under two names: the message does not hold the name.

use super::checkpoint::Checkpoint;
use super::note::SignatureLine;
use super::vkey::{KeyMaterial, key_id};
use crate::id::Origin;
use crate::identity::{PublicKey, SecretKey};

const TIME_BYTES: usize = 8;

/// Cosigns a checkpoint under the cosigner's name at `seconds` since 1970; `None` when the name or the time is no name or
/// no time.
pub fn sign(checkpoint: &Checkpoint, name: &str, seconds: u64, key: &SecretKey) -> Option<SignatureLine> {
    let signature = key.sign(&message(&checkpoint.text(), seconds)?);
    let id = key_id(name, &KeyMaterial::Cosignature(key.public()));
    SignatureLine::new(name, id, &[&seconds.to_be_bytes()[..], &signature].concat())
}

/// The time that a good cosignature of the checkpoint with this text states, in seconds since 1970.
pub fn verify(text: &str, line: &[u8], key: &PublicKey) -> Option<u64> {
    let (seconds, signature) = stated(line)?;
    Checkpoint::parse(text).ok()?;
    key.verify(&message(text, seconds)?, signature).ok()?;
    Some(seconds)
}

/// The name under which a node cosigns other nodes' heads, `<network>/witness/<country>`: the same in every generation, and no
/// log's name.
pub fn witness_name(witness: &Origin) -> String {
    format!("{}/witness/{}", witness.network(), witness.node().lower())
}

/// The time a line states and its signature, neither of them checked.
pub fn stated(line: &[u8]) -> Option<(u64, &[u8])> {
    let (time, signature) = line.split_at_checked(TIME_BYTES)?;
    Some((u64::from_be_bytes(time.try_into().ok()?), signature))
}

fn message(text: &str, seconds: u64) -> Option<Vec<u8>> {
    i64::try_from(seconds).ok()?;
    Some(format!("cosignature/v1\ntime {seconds}\n{text}").into_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::{Digest, TreeSize};
    use crate::log::note::Note;
    use crate::log::vkey::Vkey;
    use zeroize::Zeroizing;

    #[test]
    fn a_cosignature_states_its_time_and_holds_for_its_checkpoint_alone() {
        let key = SecretKey::from_seed(&Zeroizing::new([4; 32]));
        let checkpoint = Checkpoint::new("log.example", TreeSize(3), Digest([8; 32])).unwrap();
        let line = sign(&checkpoint, "wit.example", 1_795_291_200, &key).unwrap();
        let mut note = Note::new(&checkpoint.text()).unwrap();
        note.add(line.clone()).unwrap();
        let known = [Vkey::new("wit.example", KeyMaterial::Cosignature(key.public())).unwrap()];
        assert_eq!(note.verify(&known).unwrap()[0].time, Some(1_795_291_200));

        let other = Checkpoint::new("log.example", TreeSize(4), Digest([8; 32])).unwrap();
        assert_eq!(verify(&other.text(), line.signature(), &key.public()), None);
        let mut later = line.signature().to_vec();
        later[7] ^= 1;
        assert_eq!(verify(&checkpoint.text(), &later, &key.public()), None);
        assert_eq!(sign(&checkpoint, "wit.example", 1 << 63, &key), None);
    }
}
