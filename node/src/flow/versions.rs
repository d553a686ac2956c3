//! Which alert follows which. Every version has an id of its own, and `supersedes` names E of the one before; whoever has that one is
//! asked to erase it in the commit that releases the next, so that no two versions stand side by side for longer than a message takes.
//!
//! In: the rows, and what memory has against a version, by the same lines where it is released and where it comes. Out: how the
//! next version is drafted (`flow::alert::next`), taking the one before back (`flow::withdraw`).

use super::desk::Desk;
use super::filing::Filed;
use super::ledger::Ledger;
use crate::port::StoreError;
use crate::rows;
use varde_proto::alert::{AlertContent, longest_chain};
use varde_proto::envelope::Rejection;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{AlertKind, Vocabulary};

/// What is kept of a version; it outlives the alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its alert.
    pub id: AlertId,
    /// Its kind.
    pub kind: AlertKind,
    /// 1 for the first.
    pub number: u32,
    /// When the first version was issued, as far as this node knows.
    pub first: Timestamp,
    /// E of the version that takes its place.
    pub next: Option<Digest>,
}

impl Version {
    fn encode(&self) -> Vec<u8> {
        let mut out = self.id.0.to_vec();
        out.extend_from_slice(&self.kind.number().to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&self.first.ms().to_be_bytes());
        out.extend_from_slice(self.next.as_ref().map_or(&[], |next| next.0.as_slice()));
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (id, rest) = bytes.split_first_chunk::<16>()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (number, rest) = rest.split_first_chunk::<4>()?;
        let (first, next) = rest.split_first_chunk::<8>()?;
        Some(Self {
            id: AlertId(*id),
            kind: AlertKind::from_number(i32::from_be_bytes(*kind))?,
            number: u32::from_be_bytes(*number),
            first: Timestamp::from_ms(i64::from_be_bytes(*first)).ok()?,
            next: if next.is_empty() { None } else { Some(Digest::from_bytes(next)?) },
        })
    }

    fn read(value: Option<Vec<u8>>) -> Result<Option<Self>, StoreError> {
        let damaged = || StoreError::Damaged("the row of a version cannot be read".into());
        value.map(|bytes| Self::decode(&bytes).ok_or_else(damaged)).transpose()
    }
}

fn row(issuer: NodeId, object: &Digest) -> Vec<u8> {
    rows::row(rows::VERSION, &[issuer.as_str().as_bytes(), &object.0])
}

/// The version with this E.
pub fn find(ledger: &Ledger, issuer: NodeId, object: &Digest) -> Result<Option<Version>, StoreError> {
    Version::read(ledger.get(&row(issuer, object))?)
}

/// The alert that takes the place of the one with this E.
pub fn next(ledger: &Ledger, issuer: NodeId, object: &Digest) -> Result<Option<AlertId>, StoreError> {
    let next = find(ledger, issuer, object)?.and_then(|version| version.next);
    let next = next.map(|next| find(ledger, issuer, &next)).transpose()?.flatten();
    Ok(next.map(|version| version.id))
}

fn at_desk(desk: &Desk<'_>, issuer: NodeId, object: &Digest) -> Result<Option<Version>, StoreError> {
    Version::read(desk.get(&row(issuer, object))?)
}

/// What memory has against a version of an alert with this E. A recipient that never had the one before knows nothing against it.
pub(super) fn judge(desk: &Desk<'_>, issuer: NodeId, content: &AlertContent, object: &Digest) -> Filed {
    let before = content.supersedes.map(|before| at_desk(desk, issuer, &before)).transpose()?.flatten();
    Ok(before.map_or(Ok(()), |before| may_follow(&before, content, Some(object)).map_err(Rejection::Content)))
}

/// Whether a version may follow another; `object` is its E, once it has one.
pub(super) fn may_follow(
    before: &Version,
    content: &AlertContent,
    object: Option<&Digest>,
) -> Result<(), &'static str> {
    let too_long = longest_chain(before.kind).is_some_and(|most| content.expires_at.since(before.first) > most);
    match before {
        before if before.kind != content.kind() => Err("version-kind"),
        before if before.number.checked_add(1) != Some(content.version) => Err("version-number"),
        before if before.next.is_some() && before.next.as_ref() != object => Err("version-forked"),
        _ if too_long => Err("renewed-too-long"),
        _ => Ok(()),
    }
}

/// Files a version, issued at a time, and that it takes the place of the one before.
pub(super) fn file(
    desk: &mut Desk<'_>,
    issuer: NodeId,
    content: &AlertContent,
    (object, issued): (Digest, Timestamp),
) -> Result<(), StoreError> {
    let before = content.supersedes.map(|before| Ok::<_, StoreError>((before, at_desk(desk, issuer, &before)?)));
    let mut first = issued;
    if let Some((digest, Some(before))) = before.transpose()? {
        first = before.first;
        desk.put(row(issuer, &digest), Version { next: Some(object), ..before }.encode())?;
    }
    // What is filed again, after a restored backup, may have been followed already.
    let next = at_desk(desk, issuer, &object)?.and_then(|known| known.next);
    let version = Version { id: content.id, kind: content.kind(), number: content.version, first, next };
    desk.put(row(issuer, &object), version.encode())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_of_a_version_reads_back_as_it_was_written_and_no_shorter() {
        for next in [None, Some(Digest([7; 32]))] {
            let first = Timestamp::from_ms(1_795_291_200_123).unwrap();
            let (id, kind) = (AlertId([3; 16]), AlertKind::ROUTE_CORRIDOR);
            let version = Version { id, kind, number: 2, first, next };
            let bytes = version.encode();
            assert_eq!(Version::decode(&bytes), Some(version));
            for end in (0..bytes.len()).filter(|end| *end != 32) {
                assert_eq!(Version::decode(&bytes[..end]), None, "{end} bytes");
            }
        }
    }
}
