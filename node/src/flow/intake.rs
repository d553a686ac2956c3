//! Taking records in: each row once, a batch a commit.
//!
//! A row is known by its agency's reference or, failing that, by the hash of its content and its place among equal rows of
//! the file, so that equal rows stay different cases and a second import of the file adds nothing. What is kept of that is a
//! keyed hash: without the node's index key an index row says nothing about its record. Nothing of a batch is answered before
//! it is durable, and a batch that was cut off by a crash is taken by importing the file again.

use super::desk::Desk;
use super::ledger::{CommitError, Ledger};
use super::records::{CHILDREN, RECORDS};
use crate::national::record::{ChildId, Identity, Reason, Record, RecordId, Refusal, Stated};
use crate::port::StoreError;
use crate::rows;
use hmac::{Hmac, KeyInit, Mac};
use zeroize::Zeroizing;

/// One row of a source.
pub struct Row {
    /// Its line in the file, for the answer.
    pub line: u64,
    /// SHA-256 of its canonical fields.
    pub digest: [u8; 32],
    /// How many equal rows of the file came before it.
    pub ordinal: u32,
    /// The agency's own name for the child; empty where it has none. Not kept.
    pub child_reference: String,
    /// What it states.
    pub stated: Stated,
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// Rows that are records now.
    pub added: u64,
    /// Rows that were records already.
    pub known: u64,
    /// Rows that were not taken, by line.
    pub refused: Vec<(u64, Refusal)>,
}

/// Takes a batch; what the answer counts as added is durable.
pub async fn take(ledger: &Ledger, batch: Vec<Row>) -> Result<Taken, CommitError<StoreError>> {
    let names = Names(ledger.index_key());
    ledger.commit(move |desk| decide(desk, &names, batch, keep)).await.map(|done| done.into_value())
}

/// Says what [`take`] would do, and stores nothing. Rows of earlier batches of the same rehearsal are not seen.
pub async fn rehearse(ledger: &Ledger, batch: Vec<Row>) -> Result<Taken, CommitError<StoreError>> {
    let names = Names(ledger.index_key());
    let outcome = ledger.commit(move |desk| match decide(desk, &names, batch, |_, _| Ok(0)) {
        Ok(taken) => Err(Rehearsed::Done(taken)),
        Err(failure) => Err(Rehearsed::Failed(failure)),
    });
    match outcome.await {
        Ok(committed) => Ok(committed.into_value()),
        Err(CommitError::Refused(Rehearsed::Done(taken))) => Ok(taken),
        Err(CommitError::Refused(Rehearsed::Failed(failure))) => Err(CommitError::Refused(failure)),
        Err(CommitError::Stopped) => Err(CommitError::Stopped),
    }
}

/// A rehearsal is a decision that is always taken back.
enum Rehearsed {
    Done(Taken),
    Failed(StoreError),
}

/// Seals a record under the next number.
fn keep(desk: &mut Desk<'_>, record: &Record) -> Result<u64, StoreError> {
    let number = desk.next_number(RECORDS)?;
    if record.is_child() {
        desk.next_number(CHILDREN)?;
    }
    desk.seal(rows::numbered(rows::RECORD, number), &Zeroizing::new(record.to_stored()))?;
    Ok(number)
}

type Keep = fn(&mut Desk<'_>, &Record) -> Result<u64, StoreError>;

fn decide(desk: &mut Desk<'_>, names: &Names, batch: Vec<Row>, keep: Keep) -> Result<Taken, StoreError> {
    let mut taken = Taken::default();
    for row in batch {
        let line = row.line;
        match admit(desk, names, row, keep)? {
            Admitted::Added => taken.added += 1,
            Admitted::Known => taken.known += 1,
            Admitted::Refused(refusal) => taken.refused.push((line, refusal)),
        }
    }
    Ok(taken)
}

enum Admitted {
    Added,
    Known,
    Refused(Refusal),
}

fn admit(desk: &mut Desk<'_>, names: &Names, row: Row, keep: Keep) -> Result<Admitted, StoreError> {
    let identity = names.row(&row);
    let content = names.content(&row.digest);
    let index = rows::row(rows::RECORD_IDENTITY, &[&identity]);
    if let Some(held) = desk.get(&index)? {
        let same = held.get(8..) == Some(&content[..]);
        let differs = Refusal { field: "reference", reason: Reason::HeldDifferently };
        return Ok(if same { Admitted::Known } else { Admitted::Refused(differs) });
    }
    let (child, new_child) = find_child(desk, names, &row)?;
    let record = match Record::register(row.stated, RecordId(desk.random()), child, Identity(identity), desk.now()) {
        Ok(record) => record,
        Err(refusal) => return Ok(Admitted::Refused(refusal)),
    };
    let number = keep(desk, &record)?;
    desk.put(index, [&number.to_be_bytes()[..], &content].concat())?;
    if let Some(name) = new_child {
        desk.put(name, child.0.to_vec())?;
    }
    Ok(Admitted::Added)
}

/// The child's local id, and the index row to write if it is a new one that its agency has a name for.
fn find_child(desk: &Desk<'_>, names: &Names, row: &Row) -> Result<(ChildId, Option<Vec<u8>>), StoreError> {
    if row.child_reference.is_empty() {
        return Ok((ChildId(desk.random()), None));
    }
    let name = rows::row(rows::RECORD_IDENTITY, &[&names.child(&row.stated.agency, &row.child_reference)]);
    match desk.get(&name)? {
        None => Ok((ChildId(desk.random()), Some(name))),
        Some(held) => match held.try_into() {
            Ok(id) => Ok((ChildId(id), None)),
            Err(_) => Err(StoreError::Damaged("the index of a child is not 16 bytes".into())),
        },
    }
}

/// Keyed hashes, HMAC-SHA-256 under the node's index key; each purpose has its own first line.
struct Names(Zeroizing<[u8; 32]>);

impl Names {
    fn row(&self, row: &Row) -> [u8; 32] {
        let reference = &row.stated.reference;
        if reference.is_empty() {
            self.hash(&[b"varde/record/row/v1\n", &row.digest, &row.ordinal.to_be_bytes()])
        } else {
            let agency = &row.stated.agency;
            self.hash(&[b"varde/record/reference/v1\n", &length(agency), agency.as_bytes(), reference.as_bytes()])
        }
    }

    fn child(&self, agency: &str, reference: &str) -> [u8; 32] {
        self.hash(&[b"varde/record/child/v1\n", &length(agency), agency.as_bytes(), reference.as_bytes()])
    }

    /// By which a changed row of the same reference is noticed.
    fn content(&self, digest: &[u8; 32]) -> [u8; 16] {
        let mut short = [0; 16];
        short.copy_from_slice(&self.hash(&[b"varde/record/content/v1\n", digest])[..16]);
        short
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        // RFC 2104: a key shorter than the block of 64 bytes is filled with zeros.
        let mut key = Zeroizing::new([0; 64]);
        key[..32].copy_from_slice(&*self.0);
        let mut mac = Hmac::<sha2::Sha256>::new((&*key).into());
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().into()
    }
}

fn length(text: &str) -> [u8; 8] {
    (text.len() as u64).to_be_bytes()
}
