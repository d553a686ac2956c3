//! The bodies of leaves that are about the log itself: the heads of other logs that a node wove into its own (`entangle`), and
//! what came back after a restored backup (`recovery`). And of a query's leaf: its purpose.
//!
//! In: one encoding of each, big-endian, and nothing after it. Out: when a node writes one, and what an auditor concludes.

use super::codec::Fields;
use crate::id::{Digest, Origin};
use crate::limits;
use crate::time::Timestamp;

/// A head of another log, as an `entangle` leaf names it: `u8 len || origin || u64 size || root[32]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entangled {
    /// Whose.
    pub origin: Origin,
    /// How many leaves it had.
    pub size: u64,
    /// Their root.
    pub root: Digest,
}

impl Entangled {
    /// The body that names these heads; `None` when they are more than a body holds.
    pub fn write(heads: &[Self]) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        for Self { origin, size, root } in heads {
            body.push(u8::try_from(origin.as_str().len()).ok()?);
            body.extend_from_slice(origin.as_str().as_bytes());
            body.extend_from_slice(&size.to_be_bytes());
            body.extend_from_slice(&root.0);
        }
        (body.len() <= limits::EVENT_BODY_BYTES).then_some(body)
    }

    /// The heads that a body names.
    pub fn read(body: &[u8]) -> Option<Vec<Self>> {
        let (mut fields, mut heads) = (Fields(body), Vec::new());
        while !fields.0.is_empty() {
            let length = fields.byte()?;
            let origin = std::str::from_utf8(fields.take(usize::from(length))?).ok()?;
            let origin = Origin::parse(origin).ok()?;
            heads.push(Self { origin, size: fields.long()?, root: fields.digest()? });
        }
        Some(heads)
    }
}

/// What a node says after it was restored from a backup:
/// `u64 backup_ms || u64 backup_size || u64 size || u16 count || count * (u64 from || u64 to)`.
///
/// The leaf stands right after what was regained, so its index is `size`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// When the backup was made.
    pub backup: Timestamp,
    /// Leaves that the backup had.
    pub backup_size: u64,
    /// Leaves after the peers gave back the hashes of those that it had not.
    pub size: u64,
    /// Leaves whose openings did not come back, as ranges `from..to`, ascending, none of them in the backup.
    pub missing: Vec<(u64, u64)>,
}

impl Recovery {
    /// The body; `None` when it is not of its form or longer than a body may be.
    pub fn write(&self) -> Option<Vec<u8>> {
        let Self { backup, backup_size, size, missing } = self;
        let mut body = [backup.ms().cast_unsigned(), *backup_size, *size].map(u64::to_be_bytes).concat();
        body.extend_from_slice(&u16::try_from(missing.len()).ok()?.to_be_bytes());
        for (from, to) in missing {
            body.extend_from_slice(&from.to_be_bytes());
            body.extend_from_slice(&to.to_be_bytes());
        }
        (self.is_sound() && body.len() <= limits::EVENT_BODY_BYTES).then_some(body)
    }

    /// Reads a body.
    pub fn read(body: &[u8]) -> Option<Self> {
        let mut fields = Fields(body);
        let backup = Timestamp::from_ms(i64::try_from(fields.long()?).ok()?).ok()?;
        let (backup_size, size) = (fields.long()?, fields.long()?);
        let count = fields.short()?;
        let missing = (0..count).map(|_| Some((fields.long()?, fields.long()?))).collect::<Option<Vec<_>>>()?;
        let recovery = Self { backup, backup_size, size, missing };
        (fields.0.is_empty() && recovery.is_sound()).then_some(recovery)
    }

    /// Whether the opening of this leaf is among those that did not come back.
    pub fn misses(&self, index: u64) -> bool {
        self.missing.iter().any(|(from, to)| (*from..*to).contains(&index))
    }

    fn is_sound(&self) -> bool {
        let mut due = self.backup_size;
        self.backup_size <= self.size
            && self.missing.iter().all(|(from, to)| {
                let fits = due <= *from && from < to && *to <= self.size;
                due = *to;
                fits
            })
    }
}

/// The code of the purpose for which a query is sent: the whole body of its `query-sent` leaf, 1 to 32 of `a-z0-9-`. The body of
/// an answer's leaves is E of the query.
pub fn purpose(body: &[u8]) -> Option<&str> {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    let fits = (1..=32).contains(&body.len()) && body.iter().all(plain);
    std::str::from_utf8(body).ok().filter(|_| fits)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn recovery() -> Recovery {
        let backup = Timestamp::from_ms(1_795_291_200_000).unwrap();
        Recovery { backup, backup_size: 40, size: 50, missing: vec![(41, 43), (49, 50)] }
    }

    #[test]
    fn entangled_heads_have_one_spelling() {
        let head = |country: &str, size| Entangled {
            origin: Origin::parse(&format!("varde.example/{country}/1")).unwrap(),
            size,
            root: Digest([size as u8; 32]),
        };
        let heads = vec![head("ee", 7), head("lt", 9)];
        let body = Entangled::write(&heads).unwrap();
        assert_eq!(Entangled::read(&body), Some(heads.clone()));
        assert_eq!(Entangled::read(&[]), Some(Vec::new()));
        for end in 1..body.len() {
            assert_eq!(Entangled::read(&body[..end]).map(|read| read.len()), (end == body.len() / 2).then_some(1));
        }
        assert_eq!(Entangled::write(&vec![head("ee", 1); 100]), None);
    }

    #[test]
    fn a_purpose_is_a_plain_code() {
        assert_eq!(purpose(b"p2"), Some("p2"));
        for wrong in [&b""[..], b"P2", b"p 2", b"<p>", &[b'a'; 33]] {
            assert_eq!(purpose(wrong), None);
        }
    }

    #[test]
    fn a_recovery_lists_only_what_the_backup_had_not() {
        let body = recovery().write().unwrap();
        assert_eq!(Recovery::read(&body), Some(recovery()));
        assert_eq!(Recovery::read(&[&body[..], &[0]].concat()), None);
        assert_eq!(Recovery::read(&body[..body.len() - 1]), None);
        assert!(recovery().misses(42) && !recovery().misses(43));
        for missing in [vec![(39, 41)], vec![(49, 51)], vec![(45, 45)], vec![(45, 47), (46, 48)]] {
            assert_eq!(Recovery { missing, ..recovery() }.write(), None);
        }
        assert_eq!(Recovery { size: 39, missing: Vec::new(), ..recovery() }.write(), None);
    }
}
