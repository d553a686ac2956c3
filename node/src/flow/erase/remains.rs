//! What remains of an item that is erased, or is being erased: a mute row by which people still see that there was one, and
//! how far its erasure has come.

use crate::flow::desk::Desk;
use crate::flow::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, ErasureReason, Vocabulary};

/// How far an erasure has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// Its rows are gone; these bucket keys, which could still open copies of them, must be destroyed.
    Destroying(Vec<u64>),
    /// Nothing can be read any more; the leaf that says so.
    Done(u64),
    /// A hold forbids it for now.
    Held,
}

/// What remains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Who issued it: a peer, or we.
    pub issuer: NodeId,
    /// Its id.
    pub id: AlertId,
    /// Its kind; of an item that was never seen here it is not known.
    pub kind: Option<AlertKind>,
    /// Index under which its envelope was kept: of our `received` leaf, or of our first `sent` leaf; of an item that was never
    /// seen here, of our leaf that took note of its erasure.
    pub kept: u64,
    /// Why it was erased.
    pub reason: ErasureReason,
    /// E of the request; [`Digest::NONE`] where nobody asked.
    pub request: Digest,
    /// When the erasure is overdue.
    pub due: Timestamp,
    /// How far it has come.
    pub stage: Stage,
}

const DESTROYING: u8 = 1;
const DONE: u8 = 2;
const HELD: u8 = 3;

impl Remains {
    /// The row's value.
    pub fn encode(&self) -> Vec<u8> {
        let (stage, numbers) = match &self.stage {
            Stage::Destroying(keys) => (DESTROYING, keys.as_slice()),
            Stage::Done(leaf) => (DONE, std::slice::from_ref(leaf)),
            Stage::Held => (HELD, [].as_slice()),
        };
        let mut out = vec![stage, self.reason.number() as u8];
        out.extend_from_slice(self.issuer.as_str().as_bytes());
        out.extend_from_slice(&self.id.0);
        out.extend_from_slice(&self.kind.map_or(0, Vocabulary::number).to_be_bytes());
        out.extend_from_slice(&self.kept.to_be_bytes());
        out.extend_from_slice(&self.request.0);
        out.extend_from_slice(&self.due.ms().to_be_bytes());
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        out
    }

    /// Reads the row's value.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let ([stage, reason], rest) = bytes.split_first_chunk()?;
        let (issuer, rest) = rest.split_first_chunk::<2>()?;
        let (id, rest) = rest.split_first_chunk::<16>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (kept, rest) = rest.split_first_chunk::<8>()?;
        let (request, rest) = rest.split_first_chunk::<32>()?;
        let (due, rest) = rest.split_first_chunk::<8>()?;
        let (numbers, []) = rest.as_chunks::<8>() else { return None };
        let numbers: Vec<u64> = numbers.iter().map(|number| u64::from_be_bytes(*number)).collect();
        let stage = match (*stage, numbers.as_slice()) {
            (DESTROYING, _) => Stage::Destroying(numbers),
            (DONE, [leaf]) => Stage::Done(*leaf),
            (HELD, []) => Stage::Held,
            _ => return None,
        };
        Some(Self {
            issuer: NodeId::parse(std::str::from_utf8(issuer).ok()?).ok()?,
            id: AlertId(*id),
            kind: match i32::from_be_bytes(*kind) {
                0 => None,
                number => Some(AlertKind::from_number(number)?),
            },
            kept: u64::from_be_bytes(*kept),
            reason: ErasureReason::from_number((*reason).into())?,
            request: Digest(*request),
            due: Timestamp::from_ms(i64::from_be_bytes(*due)).ok()?,
            stage,
        })
    }
}

/// The row of an item: whose it is, and its E. A peer names any E it likes and touches nobody else's item with it.
fn row(prefix: u8, issuer: NodeId, object: &Digest) -> Vec<u8> {
    rows::row(prefix, &[issuer.as_str().as_bytes(), &object.0])
}

fn named(row: &[u8]) -> Option<(NodeId, Digest)> {
    let (issuer, object) = row.get(1..)?.split_first_chunk::<2>()?;
    Some((NodeId::parse(std::str::from_utf8(issuer).ok()?).ok()?, Digest::from_bytes(object)?))
}

fn read(value: Option<Vec<u8>>) -> Result<Option<Remains>, StoreError> {
    let unreadable = || StoreError::Damaged("what remains of an erased item cannot be read".into());
    value.map(|bytes| Remains::decode(&bytes).ok_or_else(unreadable)).transpose()
}

/// What remains of an item.
pub fn find(ledger: &Ledger, issuer: NodeId, object: &Digest) -> Result<Option<Remains>, StoreError> {
    read(ledger.get(&row(rows::REMAINS, issuer, object))?)
}

/// What remains of every item that was erased or is to be.
pub fn all(ledger: &Ledger) -> Result<Vec<(Digest, Remains)>, StoreError> {
    let unreadable = || StoreError::Damaged("what remains of an erased item cannot be read".into());
    let rows = ledger.scan(&[rows::REMAINS], &[rows::REMAINS + 1], false);
    rows.map(|row| {
        let (name, value) = row?;
        let object = named(&name).map(|(_, object)| object);
        object.zip(Remains::decode(&value)).ok_or_else(unreadable)
    })
    .collect()
}

/// Whether an item's erasure still has steps to go, as the commit under way will leave it.
pub(super) fn is_unfinished(desk: &Desk<'_>, issuer: NodeId, object: &Digest) -> Result<bool, StoreError> {
    Ok(desk.get(&row(rows::ERASING, issuer, object))?.is_some())
}

/// What remains of an item, as the commit under way will leave it.
pub(in crate::flow) fn at_desk(
    desk: &Desk<'_>,
    issuer: NodeId,
    object: &Digest,
) -> Result<Option<Remains>, StoreError> {
    read(desk.get(&row(rows::REMAINS, issuer, object))?)
}

/// The same, if it speaks of what is kept under an index: whoever asks to erase an item under an id that it did not give it
/// leaves a note that says nothing of what lies here.
pub(in crate::flow) fn of_kept(
    desk: &Desk<'_>,
    issuer: NodeId,
    object: &Digest,
    index: u64,
) -> Result<Option<Remains>, StoreError> {
    let here = desk.get(&rows::numbered(rows::ENVELOPE, index))?.is_some();
    Ok(at_desk(desk, issuer, object)?.filter(|remains| remains.kept == index || !here))
}

/// Writes what remains of an item; `unfinished` says whether its erasure still has steps to go.
pub(super) fn put(desk: &mut Desk<'_>, object: &Digest, remains: &Remains, unfinished: bool) -> Result<(), StoreError> {
    let erasing = row(rows::ERASING, remains.issuer, object);
    if unfinished {
        desk.put(erasing, Vec::new())?;
    } else {
        desk.delete(erasing);
    }
    desk.put(row(rows::REMAINS, remains.issuer, object), remains.encode())
}

/// The items whose erasure still has steps to go.
pub(super) fn unfinished(ledger: &Ledger) -> Result<Vec<(NodeId, Digest)>, StoreError> {
    let rows = ledger.scan(&[rows::ERASING], &[rows::ERASING + 1], false);
    let unnamed = || StoreError::Damaged("a row of an erasure has no name".into());
    rows.map(|row| row.and_then(|(name, _)| named(&name).ok_or_else(unnamed))).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_remains_reads_back_as_it_was_written_and_no_shorter() {
        for stage in [Stage::Destroying(vec![]), Stage::Destroying(vec![0, 1 << 63]), Stage::Done(7), Stage::Held] {
            let remains = Remains {
                issuer: NodeId::parse("NO").unwrap(),
                id: AlertId([1; 16]),
                kind: (stage != Stage::Held).then_some(AlertKind::ROUTE_CORRIDOR),
                kept: 9,
                reason: ErasureReason::EXPIRED,
                request: Digest([2; 32]),
                due: Timestamp::from_ms(1_795_291_200_123).unwrap(),
                stage,
            };
            let bytes = remains.encode();
            assert_eq!(Remains::decode(&bytes), Some(remains));
            for end in (0..bytes.len()).filter(|end| !(bytes.len() - end).is_multiple_of(8)) {
                assert_eq!(Remains::decode(&bytes[..end]), None, "{end} bytes");
            }
        }
    }
}
