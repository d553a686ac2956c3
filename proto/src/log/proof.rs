//! A leaf shown to a stranger: C2SP tlog-proof v1. One text file with the leaf's index, its path and a signed checkpoint.
//!
//! In our own proofs `extra` is the opening of the leaf, so the file alone says what was logged. `extra` is not signed; it
//! is believed only because it opens the leaf. A proof of another system may leave the entry out: then its reader must bring
//! the entry, or learns that a tree was signed and nothing about what is in it.

use super::codec::{Lines, base64, decimal, unbase64, unbase64_digest};
use super::leaf::Opening;
use super::merkle::{self, BadProof};
use super::note::{BadNote, Note};
use super::policy::{Policy, Satisfied, Unsatisfied};
use crate::id::{Digest, LogIndex};
use crate::limits;

/// An index, a path and a checkpoint. Parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlogProof {
    /// Whatever the application added; not signed.
    pub extra: Option<Vec<u8>>,
    /// Which leaf.
    pub index: LogIndex,
    /// From the leaf's sibling to the root's child.
    pub path: Vec<Digest>,
    /// The checkpoint, with its signatures.
    pub checkpoint: Note,
}

/// What is not a tlog-proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// Over the bound.
    #[error("the proof has over {} bytes or {} hashes", limits::PROOF_BYTES, limits::PROOF_HASHES)]
    Oversized,
    /// Another format.
    #[error("the file does not begin with {HEADER:?}")]
    Header,
    /// `extra` is not base64.
    #[error("the line `extra` is not base64")]
    Extra,
    /// No index line.
    #[error("the line `index` is missing or not a decimal number")]
    Index,
    /// A line of the path is no hash.
    #[error("hash {0} is not the base64 of 32 bytes")]
    Hash(usize),
    /// No blank line after the path.
    #[error("there is no blank line and no checkpoint after the hashes")]
    Checkpoint,
    /// What follows is no note.
    #[error(transparent)]
    Note(#[from] BadNote),
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";

impl TlogProof {
    /// The proof of a leaf of our own: `extra` is its opening.
    pub fn of_leaf(opening: &Opening, index: LogIndex, path: Vec<Digest>, checkpoint: Note) -> Self {
        Self { extra: Some(opening.bytes().to_vec()), index, path, checkpoint }
    }

    /// The file's bytes.
    pub fn write(&self) -> String {
        let extra = self.extra.as_ref().map(|extra| format!("extra {}\n", base64(extra))).unwrap_or_default();
        let path: String = self.path.iter().map(|hash| base64(&hash.0) + "\n").collect();
        format!("{HEADER}\n{extra}index {}\n{path}\n{}", self.index.0, self.checkpoint.write())
    }

    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadForm> {
        let Start { extra, index, rest } = Start::parse(bytes)?;
        let (mut lines, mut path) = (Lines(rest), Vec::new());
        loop {
            match lines.next().ok_or(BadForm::Checkpoint)? {
                "" => break,
                _ if path.len() == limits::PROOF_HASHES => return Err(BadForm::Oversized),
                hash => path.push(unbase64_digest(hash).ok_or(BadForm::Hash(path.len() + 1))?),
            }
        }
        Ok(Self { extra, index, path, checkpoint: Note::parse(lines.0)? })
    }

    /// The opening in `extra`, if there is one of ours.
    pub fn opening(&self) -> Option<Opening> {
        Opening::parse(self.extra.as_ref()?).ok()
    }
}

/// The lines of a proof before its path.
pub(crate) struct Start<'a> {
    pub(crate) extra: Option<Vec<u8>>,
    pub(crate) index: LogIndex,
    /// Path and checkpoint.
    pub(crate) rest: &'a [u8],
}

impl<'a> Start<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, BadForm> {
        if bytes.len() > limits::PROOF_BYTES {
            return Err(BadForm::Oversized);
        }
        let rest = bytes.strip_prefix(HEADER.as_bytes()).and_then(|rest| rest.strip_prefix(b"\n"));
        let mut lines = Lines(rest.ok_or(BadForm::Header)?);
        let mut line = lines.next().ok_or(BadForm::Index)?;
        let mut extra = None;
        if let Some(text) = line.strip_prefix("extra ") {
            extra = Some(unbase64(text).ok_or(BadForm::Extra)?);
            line = lines.next().ok_or(BadForm::Index)?;
        }
        let index = line.strip_prefix("index ").and_then(decimal).map(LogIndex).ok_or(BadForm::Index)?;
        Ok(Self { extra, index, rest: lines.0 })
    }
}

/// What shows which leaf a proof is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// The reader has the entry's bytes.
    Entry(&'a [u8]),
    /// The reader has the leaf's hash.
    Leaf(Digest),
    /// The proof must say it itself.
    ByItself,
}

/// What is known of the leaf after a proof was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leaf {
    /// What the reader gave is in the tree.
    Given,
    /// The event that `extra` opens is in the tree.
    Event(Box<Opening>),
    /// The bytes of `extra`, taken as the entry, are in the tree.
    Extra,
    /// Nothing: neither the reader nor the proof says what was logged. The path was checked for its length alone.
    Unknown,
}

/// A proof that satisfies a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The log's head and who vouches for it.
    pub head: Satisfied,
    /// Which leaf.
    pub index: LogIndex,
    /// What it holds.
    pub leaf: Leaf,
}

/// Why a proof is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The checkpoint does not satisfy the policy.
    #[error(transparent)]
    Policy(#[from] Unsatisfied),
    /// The leaf is not in the tree, or the path is not one.
    #[error(transparent)]
    Inclusion(#[from] BadProof),
}

/// Verifies a proof, of this or any other system, against a policy.
pub fn verify(proof: &TlogProof, policy: &Policy, shown: Shown<'_>) -> Result<Verified, Refused> {
    let head = policy.check(&proof.checkpoint)?;
    let (size, root) = (head.checkpoint.size(), head.checkpoint.root());
    let included = |leaf: Digest| merkle::verify_inclusion(proof.index, size, &leaf, &proof.path, &root);
    let opening = proof.opening();
    let leaf = match (shown, opening) {
        (Shown::Entry(entry), _) => included(merkle::leaf_hash(entry)).map(|()| Leaf::Given)?,
        (Shown::Leaf(leaf), _) => included(leaf).map(|()| Leaf::Given)?,
        (Shown::ByItself, Some(opening)) => {
            included(opening.entry().leaf_hash())?;
            Leaf::Event(Box::new(opening))
        }
        (Shown::ByItself, None) => match proof.extra.as_ref().map(|extra| included(merkle::leaf_hash(extra))) {
            Some(Ok(())) => Leaf::Extra,
            _ => unknown(included(Digest::NONE))?,
        },
    };
    Ok(Verified { head, index: proof.index, leaf })
}

/// With no leaf to start from, a path of the right length must lead elsewhere; any other verdict is about its form.
fn unknown(verdict: Result<(), BadProof>) -> Result<Leaf, BadProof> {
    match verdict {
        Ok(()) | Err(BadProof::Root) => Ok(Leaf::Unknown),
        Err(wrong) => Err(wrong),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::id::Origin;
    use crate::log::event::tests::sample;
    use crate::log::head::{Head, log_vkey};
    use crate::log::policy::tests::key;
    use crate::log::tree::Tree;

    const LEAF: u64 = 4;

    fn opening() -> Opening {
        Opening::new(&[3; 32], sample()).unwrap()
    }

    fn origin() -> Origin {
        Origin::parse("varde.example/ee/1").unwrap()
    }

    fn policy() -> Policy {
        Policy::of_logs(vec![log_vkey(&origin(), &key(1).public()).unwrap()])
    }

    fn proof() -> TlogProof {
        let mut tree = Tree::default();
        for n in 0..11 {
            tree.push(if n == LEAF { opening().entry().leaf_hash() } else { merkle::leaf_hash(&[n as u8]) });
        }
        let head = Head::sign(&origin(), tree.size(), tree.root(), &key(1)).unwrap();
        let path = tree.inclusion(LogIndex(LEAF), tree.size()).unwrap();
        TlogProof::of_leaf(&opening(), LogIndex(LEAF), path, head.note().clone())
    }

    fn check(proof: &TlogProof, shown: Shown<'_>) -> Result<Leaf, Refused> {
        verify(proof, &policy(), shown).map(|verified| verified.leaf)
    }

    #[test]
    fn a_proof_reads_back_and_says_what_was_logged() {
        let read = TlogProof::parse(proof().write().as_bytes()).unwrap();
        assert_eq!(read, proof());
        assert_eq!(check(&read, Shown::ByItself), Ok(Leaf::Event(Box::new(opening()))));
        assert_eq!(check(&read, Shown::Entry(opening().entry().bytes())), Ok(Leaf::Given));
        assert_eq!(check(&read, Shown::Entry(b"other")), Err(Refused::Inclusion(BadProof::Root)));
    }

    #[test]
    fn a_proof_without_the_entry_says_nothing_about_it() {
        let mut bare = proof();
        bare.extra = None;
        assert_eq!(check(&bare, Shown::ByItself), Ok(Leaf::Unknown));
        assert_eq!(check(&bare, Shown::Leaf(opening().entry().leaf_hash())), Ok(Leaf::Given));
        bare.extra = Some(opening().entry().bytes().to_vec());
        assert_eq!(check(&bare, Shown::ByItself), Ok(Leaf::Extra));
        bare.path.pop();
        assert_eq!(check(&bare, Shown::ByItself), Err(Refused::Inclusion(BadProof::Length)));
        bare.index = LogIndex(11);
        assert_eq!(check(&bare, Shown::ByItself), Err(Refused::Inclusion(BadProof::Position)));
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_refused() {
        let bytes = proof().write().into_bytes();
        let believed = |bytes: &[u8]| TlogProof::parse(bytes).is_ok_and(|p| check(&p, Shown::ByItself).is_ok());
        assert!(believed(&bytes));
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let opens = |p: TlogProof| matches!(check(&p, Shown::ByItself), Ok(Leaf::Event(o)) if *o == opening());
            assert!(!TlogProof::parse(&changed).is_ok_and(opens), "byte {place}");
            assert!(!believed(&bytes[..place]), "cut at {place}");
        }
    }

    #[test]
    fn each_broken_line_is_named() {
        let note = proof().checkpoint.write();
        for (start, wrong) in [
            ("c2sp.org/tlog-proof@v2\nindex 0\n\n", BadForm::Header),
            ("c2sp.org/tlog-proof@v1\nextra !\nindex 0\n\n", BadForm::Extra),
            ("c2sp.org/tlog-proof@v1\n\n", BadForm::Index),
            ("c2sp.org/tlog-proof@v1\nindex -1\n\n", BadForm::Index),
            ("c2sp.org/tlog-proof@v1\nindex 007\n\n", BadForm::Index),
            ("c2sp.org/tlog-proof@v1\nindex 0\nAAAA\n\n", BadForm::Hash(1)),
        ] {
            assert_eq!(TlogProof::parse(format!("{start}{note}").as_bytes()), Err(wrong));
        }
        assert_eq!(TlogProof::parse(b"c2sp.org/tlog-proof@v1\nindex 0\n"), Err(BadForm::Checkpoint));
        let empty = TlogProof::parse(format!("c2sp.org/tlog-proof@v1\nextra \nindex 0\n\n{note}").as_bytes());
        assert_eq!(empty.unwrap().extra, Some(Vec::new()));
    }
}
