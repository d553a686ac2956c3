//! The proof that a log was forked: two heads of one origin and one size with different roots, both signed by one key. It needs
//! nothing besides that key: whoever pinned the log can check it, and nobody else can make it.
//!
//! In: its one encoding, and checking it. Out: what a node does with it, and who is told.

use super::checkpoint::Checkpoint;
use super::codec::Fields;
use super::head::{Head, log_vkey};
use super::note::{Note, SignatureLine};
use crate::id::{Digest, Origin, TreeSize};
use crate::identity::PublicKey;
use crate::limits;

/// Two notes that would prove a fork, if one key signed both: `u16 len || note || u16 len || note`, the smaller root first, each
/// with one signature line. Not yet checked; see [`Claim::prove`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    origin: Origin,
    size: TreeSize,
    notes: [Note; 2],
}

/// Why two notes do not prove a fork.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unproven {
    /// A line claims one of the keys and does not verify: somebody forged it, or another key was ground to the same id.
    #[error("a signature of the evidence is by none of the keys that it claims")]
    Forged,
    /// Neither of the keys signed both.
    #[error("the two heads are not signed by one key that is known of this log")]
    UnknownKey,
}

/// A fork that is proven. Only [`Claim::prove`] and [`Fork::of`] make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork(Claim);

impl Claim {
    /// Reads the encoding; only the one spelling is one.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let mut note = || {
            let length = fields.short()?;
            Note::parse(fields.take(usize::from(length))?).ok()
        };
        let claim = Self::of(note()?, note()?)?;
        (claim.write() == body).then_some(claim)
    }

    /// Two notes, if they are heads of one origin and one size with different roots, with one signature line each.
    fn of(one: Note, other: Note) -> Option<Self> {
        let read = |note: &Note| Checkpoint::parse(note.text()).ok().filter(|head| head.extensions().is_empty());
        let (first, second) = (read(&one)?, read(&other)?);
        let same = first.origin() == second.origin() && first.size() == second.size() && first.root() != second.root();
        if !same || [&one, &other].iter().any(|note| note.signatures().len() != 1) {
            return None;
        }
        let origin = Origin::parse(first.origin()).ok()?;
        let notes = if first.root() < second.root() { [one, other] } else { [other, one] };
        let claim = Self { origin, size: first.size(), notes };
        (claim.write().len() <= limits::EVENT_BODY_BYTES).then_some(claim)
    }

    /// The encoding.
    pub fn write(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for note in &self.notes {
            let note = note.write();
            body.extend_from_slice(&u16::try_from(note.len()).unwrap_or(u16::MAX).to_be_bytes());
            body.extend_from_slice(note.as_bytes());
        }
        body
    }

    /// Which log it accuses.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The size of both heads.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Both heads as notes, the smaller root first.
    pub fn notes(&self) -> &[Note; 2] {
        &self.notes
    }

    /// Checks that one of these keys of the log signed both.
    pub fn prove(self, keys: &[PublicKey]) -> Result<Fork, Unproven> {
        let mut forged = false;
        for key in keys {
            let Ok(key) = log_vkey(&self.origin, key) else { continue };
            let verdicts = self.notes.each_ref().map(|note| note.verify(std::slice::from_ref(&key)).map(drop));
            match &verdicts {
                [Ok(()), Ok(())] => return Ok(Fork(self)),
                verdicts => forged |= verdicts.iter().any(|v| matches!(v, Err(super::note::BadNote::Signature(_)))),
            }
        }
        Err(if forged { Unproven::Forged } else { Unproven::UnknownKey })
    }
}

impl Fork {
    /// What two verified heads prove together, if they contradict each other and one of these keys signed both.
    pub fn of(one: &Head, other: &Head, keys: &[PublicKey]) -> Option<Self> {
        keys.iter().find_map(|key| {
            let bare = |head: &Head| bare(head, key);
            Claim::of(bare(one)?, bare(other)?)?.prove(std::slice::from_ref(key)).ok()
        })
    }

    /// The two heads.
    pub fn claim(&self) -> &Claim {
        &self.0
    }

    /// Its name: SHA-256 of the encoding.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.0.write())
    }
}

/// The head with no other line than the log's own by this key.
fn bare(head: &Head, key: &PublicKey) -> Option<Note> {
    let key = log_vkey(head.origin(), key).ok()?;
    let mut note = Note::new(head.note().text()).ok()?;
    let by_it = |line: &&SignatureLine| head.note().verdict(line, std::slice::from_ref(&key)) == Some(true);
    note.add(head.note().signatures().iter().find(by_it)?.clone()).ok()?;
    Some(note)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::identity::SecretKey;
    use zeroize::Zeroizing;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn head(origin: &str, size: u64, root: u8, seed: u8) -> Head {
        let origin = Origin::parse(origin).unwrap();
        Head::sign(&origin, TreeSize(size), Digest([root; 32]), &key(seed)).unwrap()
    }

    const NO: &str = "varde.example/no/1";

    #[test]
    fn two_roots_of_one_size_under_one_key_prove_a_fork_in_either_order() {
        let (one, other, keys) = (head(NO, 9, 1, 5), head(NO, 9, 2, 5), [key(4).public(), key(5).public()]);
        let fork = Fork::of(&one, &other, &keys).unwrap();
        assert_eq!(Fork::of(&other, &one, &keys), Some(fork.clone()));
        let body = fork.claim().write();
        let claim = Claim::read(&body).unwrap();
        assert_eq!((claim.origin().as_str(), claim.size()), (NO, TreeSize(9)));
        assert_eq!(claim.prove(&keys), Ok(fork));
        for end in 0..body.len() {
            assert_eq!(Claim::read(&body[..end]), None);
        }
        assert_eq!(Claim::read(&[&body[..], &[0]].concat()), None);
    }

    #[test]
    fn one_root_or_two_sizes_logs_or_keys_prove_nothing() {
        let (one, keys) = (head(NO, 9, 1, 5), [key(4).public(), key(5).public()]);
        for other in [
            head(NO, 9, 1, 5),
            head(NO, 8, 2, 5),
            head("varde.example/no/2", 9, 2, 5),
            head(NO, 9, 2, 4),
            head(NO, 9, 2, 6),
        ] {
            assert_eq!(Fork::of(&one, &other, &keys), None);
        }
    }

    #[test]
    fn a_forged_signature_is_told_from_a_key_that_is_not_known() {
        let fork = Fork::of(&head(NO, 9, 1, 5), &head(NO, 9, 2, 5), &[key(5).public()]).unwrap();
        assert_eq!(fork.claim().clone().prove(&[key(6).public()]), Err(Unproven::UnknownKey));
        let [one, other] = fork.claim().notes().clone();
        let forged = Note::parse(other.write().replace("\n9\n", "\n8\n").as_bytes()).unwrap();
        let genuine = Note::parse(one.write().replace("\n9\n", "\n8\n").as_bytes()).unwrap();
        let claim = Claim::of(forged, genuine).unwrap();
        assert_eq!(claim.prove(&[key(5).public()]), Err(Unproven::Forged));
    }
}
