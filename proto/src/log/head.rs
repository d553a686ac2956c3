//! Signed heads of our own network's logs: a checkpoint whose log signature was checked, on the wire and as a note.
//!
//! What is signed is always the C2SP text rebuilt from origin, size and root, under a key whose name is the origin; so what
//! travels and what stands in a bundle verify alike. Cosignature lines ride along unchecked; see [`super::cosignature`].

use super::checkpoint::{BadCheckpoint, Checkpoint};
use super::note::{BadNote, Note, SignatureLine};
use super::vkey::{BadVkey, KeyMaterial, Vkey};
use crate::id::{Digest, Origin, TreeSize};
use crate::identity::{PublicKey, SecretKey};
use crate::limits;
use crate::wire::peer;
use bytes::Bytes;

/// A head whose log signature is good. Only signing or verifying makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    origin: Origin,
    size: TreeSize,
    root: Digest,
    note: Note,
}

/// Why something is not a signed head of the log it should be of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHead {
    /// Not a checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// Of another log.
    #[error("the head is of the log {0:?}")]
    Origin(String),
    /// With extension lines, which no log of this network writes.
    #[error("the head has extension lines")]
    Extensions,
    /// Not a note, or not signed by the log.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// The key under which the log should have signed is no key.
    #[error(transparent)]
    Vkey(#[from] BadVkey),
    /// A root that is not 32 bytes, or a line that no note could hold.
    #[error("the head's {0} does not have its form")]
    Form(&'static str),
}

impl Head {
    /// Signs the head of one's own log, and checks the signature before it can be shown to anyone.
    pub fn sign(origin: &Origin, size: TreeSize, root: Digest, key: &SecretKey) -> Result<Self, BadHead> {
        Self::sign_by(origin, size, root, &[key])
    }

    /// The same with a line by each of these keys: where one key follows another.
    pub fn sign_by(origin: &Origin, size: TreeSize, root: Digest, keys: &[&SecretKey]) -> Result<Self, BadHead> {
        let mut note = Note::new(&Checkpoint::new(origin.as_str(), size, root)?.text())?;
        keys.iter().try_for_each(|key| note.sign(origin.as_str(), key))?;
        let known: Vec<PublicKey> = keys.iter().map(|key| key.public()).collect();
        Self::verify(note, origin, &known)
    }

    /// Checks a head as it travels. `keys` are the log's keys that are valid for it.
    pub fn from_wire(wire: &peer::Checkpoint, origin: &Origin, keys: &[PublicKey]) -> Result<Self, BadHead> {
        let root = Digest::from_bytes(&wire.root).ok_or(BadHead::Form("root"))?;
        let mut note = Note::new(&Checkpoint::new(origin.as_str(), TreeSize(wire.size), root)?.text())?;
        if wire.signatures.len() > limits::NOTE_SIGNATURES {
            return Err(BadNote::Oversized.into());
        }
        // Only what verifies here is kept, with every receipt, and passed on: a line that somebody added says nothing against the
        // log, and whoever hands it on would be taken for a forger by those who know its key.
        let (known, mut bad) = (log_vkeys(origin, keys)?, BadNote::Unsigned);
        for peer::NoteSignature { name, key_id, signature } in own_lines(wire, origin) {
            let line = SignatureLine::new(name, *key_id, signature).ok_or(BadHead::Form("signature line"))?;
            match note.verdict(&line, &known) {
                Some(true) => note.add(line)?,
                Some(false) => bad = BadNote::Signature(name.clone()),
                None => {}
            }
        }
        if note.signatures().is_empty() {
            return Err(bad.into());
        }
        Ok(Self { origin: origin.clone(), size: TreeSize(wire.size), root, note })
    }

    /// Checks a head written as a note.
    pub fn from_note(bytes: &[u8], origin: &Origin, keys: &[PublicKey]) -> Result<Self, BadHead> {
        Self::verify(Note::parse(bytes)?, origin, keys)
    }

    /// Checks that a note is a head of `origin`, signed by one of `keys`.
    pub fn verify(note: Note, origin: &Origin, keys: &[PublicKey]) -> Result<Self, BadHead> {
        let checkpoint = Checkpoint::parse(note.text())?;
        if checkpoint.origin() != origin.as_str() {
            return Err(BadHead::Origin(checkpoint.origin().chars().take(80).collect()));
        }
        if !checkpoint.extensions().is_empty() {
            return Err(BadHead::Extensions);
        }
        let known = log_vkeys(origin, keys)?;
        let mut signed = false;
        for line in note.signatures() {
            match note.verdict(line, &known) {
                Some(false) => return Err(BadNote::Signature(line.name().to_owned()).into()),
                verdict => signed |= verdict.is_some(),
            }
        }
        if !signed {
            return Err(BadNote::Unsigned.into());
        }
        Ok(Self { origin: origin.clone(), size: checkpoint.size(), root: checkpoint.root(), note })
    }

    /// As it travels.
    pub fn to_wire(&self) -> peer::Checkpoint {
        let signatures = self.note.signatures().iter().map(SignatureLine::to_wire).collect();
        peer::Checkpoint { size: self.size.0, root: Bytes::copy_from_slice(&self.root.0), signatures }
    }

    /// The note.
    pub fn note(&self) -> &Note {
        &self.note
    }

    /// The note's bytes.
    pub fn write(&self) -> String {
        self.note.write()
    }

    /// Adds a cosignature line, unless it is there already.
    pub fn add(&mut self, line: SignatureLine) -> Result<(), BadNote> {
        self.note.add(line)
    }

    /// Whose log.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Number of leaves.
    pub fn size(&self) -> TreeSize {
        self.size
    }

    /// Root of the tree.
    pub fn root(&self) -> Digest {
        self.root
    }
}

/// The lines of a head on the wire that stand under its log's own name. Lines by others say nothing of what the log signed.
pub fn own_lines<'a>(
    wire: &'a peer::Checkpoint,
    origin: &'a Origin,
) -> impl Iterator<Item = &'a peer::NoteSignature> + 'a {
    let own = |line: &&peer::NoteSignature| line.name == origin.as_str() && line.signature.len() == 64;
    wire.signatures.iter().filter(own).take(limits::LOG_SIGNATURES)
}

fn log_vkeys(origin: &Origin, keys: &[PublicKey]) -> Result<Vec<Vkey>, BadVkey> {
    keys.iter().map(|key| log_vkey(origin, key)).collect()
}

/// The verifier key of a log: its name is the origin.
pub fn log_vkey(origin: &Origin, key: &PublicKey) -> Result<Vkey, BadVkey> {
    Vkey::new(origin.as_str(), KeyMaterial::Ed25519(*key))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_seed(&Zeroizing::new([seed; 32]))
    }

    fn origin() -> Origin {
        Origin::parse("varde.example/no/1").unwrap()
    }

    fn head() -> Head {
        Head::sign(&origin(), TreeSize(5), Digest([6; 32]), &key(1)).unwrap()
    }

    #[test]
    fn a_head_is_the_same_on_the_wire_and_as_a_note() {
        let keys = [key(2).public(), key(1).public()];
        assert_eq!(Head::from_wire(&head().to_wire(), &origin(), &keys), Ok(head()));
        assert_eq!(Head::from_note(head().write().as_bytes(), &origin(), &keys), Ok(head()));
    }

    #[test]
    fn any_other_size_root_origin_or_key_is_refused() {
        let known = [key(1).public()];
        let changed = |change: fn(&mut peer::Checkpoint)| {
            let mut wire = head().to_wire();
            change(&mut wire);
            Head::from_wire(&wire, &origin(), &known)
        };
        assert!(changed(|wire| wire.size += 1).is_err());
        assert!(changed(|wire| wire.root = Bytes::from_static(&[7; 32])).is_err());
        assert_eq!(changed(|wire| wire.root = Bytes::from_static(&[7; 31])), Err(BadHead::Form("root")));
        assert_eq!(changed(|wire| wire.signatures.clear()), Err(BadNote::Unsigned.into()));
        assert_eq!(changed(|wire| wire.signatures[0].name.push(' ')), Err(BadNote::Unsigned.into()));
        let other = Origin::parse("varde.example/ee/1").unwrap();
        assert!(Head::from_wire(&head().to_wire(), &other, &known).is_err());
        assert_eq!(
            Head::from_note(head().write().as_bytes(), &other, &known),
            Err(BadHead::Origin(origin().to_string()))
        );
        assert_eq!(Head::from_wire(&head().to_wire(), &origin(), &[key(2).public()]), Err(BadNote::Unsigned.into()));
    }

    #[test]
    fn lines_of_others_are_left_out() {
        let mut wire = head().to_wire();
        wire.signatures.push(peer::NoteSignature { name: "junk".into(), key_id: 1, signature: vec![0; 9_000].into() });
        assert_eq!(Head::from_wire(&wire, &origin(), &[key(1).public()]), Ok(head()));
    }

    #[test]
    fn of_the_logs_own_lines_those_that_verify_are_kept_and_no_others() {
        let by = |seed: u8| Head::sign(&origin(), TreeSize(5), Digest([6; 32]), &key(seed)).unwrap().to_wire();
        let mut junk = by(2);
        junk.signatures[0].signature = vec![7; 64].into();
        let [good, unknown, junk] = [by(1), by(3), junk].map(|wire| wire.signatures[0].clone());
        let read = |lines: &[&peer::NoteSignature], keys: &[u8]| {
            let signatures = lines.iter().map(|line| (*line).clone()).collect();
            let keys: Vec<PublicKey> = keys.iter().map(|seed| key(*seed).public()).collect();
            Head::from_wire(&peer::Checkpoint { signatures, ..by(1) }, &origin(), &keys)
        };
        for lines in [[&good, &junk, &unknown], [&junk, &unknown, &good]] {
            assert_eq!(read(&lines, &[1]), Ok(head()), "to whoever does not know the other key");
            assert_eq!(read(&lines, &[1, 2]), Ok(head()), "and to whoever does");
        }
        assert_eq!(read(&[&junk, &unknown], &[1, 2]), Err(BadNote::Signature(origin().to_string()).into()));
        assert_eq!(
            read(&[&junk, &junk, &junk, &junk, &good], &[1]),
            Err(BadNote::Unsigned.into()),
            "four are looked at"
        );
    }

    /// Two keys of one name and one id, found by trying some eighty thousand.
    fn twins() -> [SecretKey; 2] {
        [41_666_u32, 80_409].map(|n| {
            let mut seed = [0; 32];
            seed[..4].copy_from_slice(&n.to_be_bytes());
            SecretKey::from_seed(&Zeroizing::new(seed))
        })
    }

    #[test]
    fn two_keys_that_were_ground_to_one_id_are_both_tried() {
        let [one, other] = twins();
        let id = |key: &SecretKey| log_vkey(&origin(), &key.public()).unwrap().id();
        assert_eq!(id(&one), id(&other));
        let head = Head::sign(&origin(), TreeSize(5), Digest([6; 32]), &other).unwrap();
        for keys in [[one.public(), other.public()], [other.public(), one.public()]] {
            assert_eq!(Head::from_wire(&head.to_wire(), &origin(), &keys), Ok(head.clone()));
            assert_eq!(Head::from_note(head.write().as_bytes(), &origin(), &keys), Ok(head.clone()));
        }
        assert!(Head::from_wire(&head.to_wire(), &origin(), &[one.public()]).is_err());
    }

    #[test]
    fn extension_lines_are_refused_in_our_own_network() {
        let text = format!("{}extra\n", Checkpoint::parse(head().note().text()).unwrap().text());
        let mut note = Note::new(&text).unwrap();
        note.sign(origin().as_str(), &key(1)).unwrap();
        assert_eq!(Head::verify(note, &origin(), &[key(1).public()]), Err(BadHead::Extensions));
    }
}
