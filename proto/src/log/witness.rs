//! Cosigning another log's checkpoint on request: C2SP tlog-witness, `add-checkpoint`. The request's bytes, the verdict on it
//! as the specification orders it, and the answer's bytes.
//!
//! Out: where the latest checkpoint of a log is kept, and that checking it and persisting the next are one atomic step,
//! durable before the answer goes out. That is the caller's, who calls [`decide`] inside that step.

use super::checkpoint::{BadCheckpoint, Checkpoint};
use super::codec::{Lines, base64, decimal, unbase64_digest};
use super::cosignature;
use super::merkle::{self, BadProof, EMPTY_ROOT};
use super::note::{BadNote, Note, SignatureLine};
use super::vkey::Vkey;
use crate::id::{Digest, TreeSize};
use crate::identity::SecretKey;
use crate::limits;

/// A request to cosign. Parsed, not verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    old: TreeSize,
    proof: Vec<Digest>,
    note: Note,
    checkpoint: Checkpoint,
}

/// What is no request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRequest {
    /// Over the bound of bytes or of hashes.
    #[error("the request has over {} bytes or {} hashes", limits::ADD_CHECKPOINT_BYTES, limits::PROOF_HASHES)]
    Oversized,
    /// The first line.
    #[error("the first line is not `old` and a decimal number without leading zeros")]
    Old,
    /// A line of the proof.
    #[error("hash {0} is not the base64 of 32 bytes")]
    Hash(usize),
    /// Nothing after the hashes.
    #[error("there is no empty line and no checkpoint after the hashes")]
    End,
    /// What follows is no signed note.
    #[error(transparent)]
    Note(#[from] BadNote),
    /// What is signed is no checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] BadCheckpoint),
    /// A checkpoint of this origin, without signature lines that can be read.
    #[error("the checkpoint has no signature line, or one that cannot be read")]
    Unsigned(String),
}

impl BadRequest {
    /// The verdict on it: whose log it is about decides on what is no request only for want of a signature.
    pub fn refused(self, knows: impl FnOnce(&str) -> bool) -> Refused {
        match self {
            Self::Unsigned(origin) if knows(&origin) => Refused::Unsigned(BadNote::Unsigned),
            Self::Unsigned(_) => Refused::UnknownLog,
            other => Refused::Malformed(other),
        }
    }
}

impl AddCheckpoint {
    /// A request for a cosignature on the checkpoint in `note`, consistent with the tree of `old` leaves by `proof`.
    pub fn new(old: TreeSize, proof: Vec<Digest>, note: Note) -> Result<Self, BadRequest> {
        if proof.len() > limits::PROOF_HASHES {
            return Err(BadRequest::Oversized);
        }
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self { old, proof, note, checkpoint })
    }

    /// Reads a request's body.
    pub fn parse(bytes: &[u8]) -> Result<Self, BadRequest> {
        if bytes.len() > limits::ADD_CHECKPOINT_BYTES {
            return Err(BadRequest::Oversized);
        }
        let mut lines = Lines(bytes);
        let old = lines.next().and_then(|line| line.strip_prefix("old ")).and_then(decimal);
        let old = old.map(TreeSize).ok_or(BadRequest::Old)?;
        let mut proof = Vec::new();
        loop {
            match lines.next().ok_or(BadRequest::End)? {
                "" => break,
                _ if proof.len() == limits::PROOF_HASHES => return Err(BadRequest::Oversized),
                hash => proof.push(unbase64_digest(hash).ok_or(BadRequest::Hash(proof.len() + 1))?),
            }
        }
        let note = Note::parse(lines.0).map_err(|bad| match bad {
            BadNote::Line(_) | BadNote::Form => unsigned(lines.0).map_or(bad.into(), BadRequest::Unsigned),
            other => other.into(),
        })?;
        Self::new(old, proof, note)
    }

    /// The request's body.
    pub fn write(&self) -> String {
        let proof: String = self.proof.iter().map(|hash| base64(&hash.0) + "\n").collect();
        format!("old {}\n{proof}\n{}", self.old.0, self.note.write())
    }

    /// Which log it is about; so far only claimed.
    pub fn origin(&self) -> &str {
        self.checkpoint.origin()
    }

    /// What the log is to have signed.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The signed note, as it was submitted: with another one of the same size it may prove a fork.
    pub fn note(&self) -> &Note {
        &self.note
    }
}

/// The origin of a checkpoint of which only the signature lines are missing or unreadable.
fn unsigned(bytes: &[u8]) -> Option<String> {
    let whole = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    let text = whole.strip_suffix('\n').or_else(|| Some(whole.rsplit_once("\n\n")?.0)).unwrap_or(whole);
    let checkpoint = Note::new(&format!("{text}\n")).ok().and_then(|note| Checkpoint::parse(note.text()).ok())?;
    Some(checkpoint.origin().to_owned())
}

/// The latest checkpoint of a log that the witness cosigned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latest {
    /// Number of leaves.
    pub size: TreeSize,
    /// Root of their tree.
    pub root: Digest,
}

impl Latest {
    /// Before the first.
    pub const NONE: Self = Self { size: TreeSize(0), root: EMPTY_ROOT };
}

/// A log that the witness knows.
#[derive(Debug, Clone, Copy)]
pub struct KnownLog<'a> {
    /// The keys under which it signs.
    pub keys: &'a [Vkey],
    /// Whether its checkpoints may have extension lines; those of our own network have none.
    pub extensions: bool,
    /// How far it has come.
    pub latest: Latest,
}

/// Who cosigns.
#[derive(Clone, Copy)]
pub struct Witness<'a> {
    /// Its key name.
    pub name: &'a str,
    /// Its key, which never stands under another name.
    pub key: &'a SecretKey,
}

/// What is to be persisted, and then answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The log's latest checkpoint from now on.
    pub latest: Latest,
    /// The witness's line.
    pub line: SignatureLine,
    /// The checkpoint with one verified line for each key of the log and the witness's line, and no others: what the witness
    /// shows to monitors.
    pub note: Note,
}

/// Why a checkpoint is not cosigned. The variants stand in the order in which they are looked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// 400.
    #[error(transparent)]
    Malformed(#[from] BadRequest),
    /// 404.
    #[error("this witness does not know the log")]
    UnknownLog,
    /// 403: no line by a key of the log, or one that does not verify.
    #[error(transparent)]
    Unsigned(BadNote),
    /// 400: extension lines, in a network that has none.
    #[error("the checkpoint has extension lines, which no log of this network writes")]
    Extensions,
    /// 400.
    #[error("the old size {old} is above the checkpoint's size {new}")]
    OldAboveNew {
        /// In the request's first line.
        old: u64,
        /// In its checkpoint.
        new: u64,
    },
    /// 409: the request starts from another size than the latest, which the answer names.
    #[error("the latest cosigned checkpoint has {} leaves", .0.0)]
    Conflict(TreeSize),
    /// 422.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistent),
    /// 500: the witness's own name, key or clock.
    #[error("the witness cannot sign at this time")]
    Unable,
}

/// How a signed checkpoint contradicts what was cosigned before. Each may be evidence against its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistent {
    /// A tree without leaves has one root.
    #[error("the root of a checkpoint without leaves is not that of the empty tree")]
    EmptyRoot,
    /// From nothing, there is nothing to prove.
    #[error("there is a proof from an empty tree, which needs none")]
    ProofFromEmpty,
    /// Two roots of one size: with the note that was cosigned before, proof of a fork.
    #[error("the log signed another root of this size before")]
    OtherRoot,
    /// The old tree is not shown to be the beginning of the new one.
    #[error("the old tree is not shown to be the beginning of the new one: {0}")]
    Proof(BadProof),
}

impl Refused {
    /// The status code of HTTP.
    pub fn http(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Extensions | Self::OldAboveNew { .. } => 400,
            Self::Unsigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict(_) => 409,
            Self::Inconsistent(_) => 422,
            Self::Unable => 500,
        }
    }

    /// The number of the status code of gRPC: INVALID_ARGUMENT, PERMISSION_DENIED, NOT_FOUND, ABORTED (begin again from the
    /// size named), FAILED_PRECONDITION, INTERNAL.
    pub fn grpc(&self) -> i32 {
        match self.http() {
            400 => 3,
            403 => 7,
            404 => 5,
            409 => 10,
            422 => 9,
            _ => 13,
        }
    }
}

/// Decides on a request, with the log as it was known when nobody else could change it. `seconds` since 1970 is the time that
/// the cosignature states.
pub fn decide(
    request: &AddCheckpoint,
    log: Option<KnownLog<'_>>,
    witness: Witness<'_>,
    seconds: u64,
) -> Result<Cosigned, Refused> {
    let log = log.ok_or(Refused::UnknownLog)?;
    let checkpoint = &request.checkpoint;
    request.note.verify(log.keys).map_err(Refused::Unsigned)?;
    if !(log.extensions || checkpoint.extensions().is_empty()) {
        return Err(Refused::Extensions);
    }
    let (old, new) = (request.old, checkpoint.size());
    if old.0 > new.0 {
        return Err(Refused::OldAboveNew { old: old.0, new: new.0 });
    }
    if old != log.latest.size {
        return Err(Refused::Conflict(log.latest.size));
    }
    consistent(request, log.latest.root)?;
    cosign(request, log.keys, witness, seconds).ok_or(Refused::Unable)
}

/// Whether the checkpoint follows from the tree of the request's old size, which had `old_root`.
fn consistent(request: &AddCheckpoint, old_root: Digest) -> Result<(), Inconsistent> {
    let (old, proof) = (request.old, &request.proof);
    let (new, root) = (request.checkpoint.size(), request.checkpoint.root());
    if new.0 == 0 && root != EMPTY_ROOT {
        return Err(Inconsistent::EmptyRoot);
    }
    if old.0 == 0 {
        return if proof.is_empty() { Ok(()) } else { Err(Inconsistent::ProofFromEmpty) };
    }
    if old == new && root != old_root {
        return Err(Inconsistent::OtherRoot);
    }
    merkle::verify_consistency(old, new, &old_root, &root, proof).map_err(Inconsistent::Proof)
}

/// Signs, and checks the signature before anyone can see it.
fn cosign(request: &AddCheckpoint, keys: &[Vkey], witness: Witness<'_>, seconds: u64) -> Option<Cosigned> {
    let checkpoint = &request.checkpoint;
    if seconds == 0 {
        return None; // a cosignature of a checkpoint never omits its time
    }
    let line = cosignature::sign(checkpoint, witness.name, seconds, witness.key)?;
    cosignature::verify(request.note.text(), line.signature(), &witness.key.public())?;
    let mut note = Note::new(request.note.text()).ok()?;
    for key in keys.iter().filter(|key| key.verifies()) {
        let own = request.note.signatures().iter().find(|line| line.claims(key));
        own.map_or(Ok(()), |own| note.add(own.clone())).ok()?;
    }
    note.add(line.clone()).ok()?;
    Some(Cosigned { latest: Latest { size: checkpoint.size(), root: checkpoint.root() }, line, note })
}

/// An answer to `add-checkpoint`, as HTTP carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Body.
    pub body: String,
}

/// `Content-Type` of an answer that names the latest size.
pub const SIZE_TYPE: &str = "text/x.tlog.size";
/// `Content-Type` of every other answer.
pub const TEXT_TYPE: &str = "text/plain; charset=utf-8";

/// The answer to a request.
pub fn answer(verdict: &Result<Cosigned, Refused>) -> Answer {
    let (status, content_type, body) = match verdict {
        Ok(cosigned) => (200, TEXT_TYPE, cosigned.line.text()),
        Err(Refused::Conflict(latest)) => (409, SIZE_TYPE, latest.0.to_string()),
        Err(refused) => (refused.http(), TEXT_TYPE, refused.to_string()),
    };
    Answer { status, content_type, body: body + "\n" }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests;
