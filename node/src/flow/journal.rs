//! The journal of what has no place in the log: refused connections, unproven frames. Bounded and rate-limited, for each pinned
//! country apart and for strangers together, so that nobody can fill a disk by being refused, nor hide what another does;
//! `varde log show` shows it beside the log, marked.

use super::ledger::{CommitError, Ledger};
use crate::port::StoreError;
use crate::rows;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use varde_proto::id::NodeId;
use varde_proto::time::Timestamp;

/// Entries kept of strangers; the oldest gives way.
pub const KEPT: u64 = 10_000;
/// Entries kept of each pinned country.
pub const KEPT_OF_ONE: u64 = 1_000;
/// Entries of one pinned country, and of all strangers, written in one minute.
const BURST: u32 = 60;

/// Of whom an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Of {
    /// Of somebody who is not pinned.
    Stranger,
    /// Of a pinned country.
    Peer(NodeId),
}

impl Of {
    /// The name of its entries' rows up to their number.
    fn rows(self) -> Vec<u8> {
        match self {
            Self::Stranger => vec![rows::JOURNAL, 0],
            Self::Peer(country) => rows::row(rows::JOURNAL, &[&[1], country.as_str().as_bytes()]),
        }
    }

    fn counter(self) -> String {
        match self {
            Self::Stranger => "journal-of-strangers".into(),
            Self::Peer(country) => format!("journal-of-{}", country.as_str()),
        }
    }

    fn kept(self) -> u64 {
        match self {
            Self::Stranger => KEPT,
            Self::Peer(_) => KEPT_OF_ONE,
        }
    }
}

/// One entry. No personal data: codes, countries and network addresses of machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub time: Timestamp,
    /// What was refused, a code of a fixed list.
    pub code: String,
    /// Who: a country if the connection was pinned, else the address it came from.
    pub who: String,
    /// Entries left out before this one because there were too many.
    pub left_out: u32,
}

impl Entry {
    fn encode(&self) -> Vec<u8> {
        let mut out = self.time.ms().to_be_bytes().to_vec();
        out.extend_from_slice(&self.left_out.to_be_bytes());
        out.extend_from_slice(format!("{}\n{}", self.code, self.who).as_bytes());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (time, rest) = bytes.split_first_chunk::<8>()?;
        let (left_out, rest) = rest.split_first_chunk::<4>()?;
        let (code, who) = std::str::from_utf8(rest).ok()?.split_once('\n')?;
        Some(Self {
            time: Timestamp::from_ms(i64::from_be_bytes(*time)).ok()?,
            code: code.to_owned(),
            who: who.to_owned(),
            left_out: u32::from_be_bytes(*left_out),
        })
    }
}

#[derive(Debug, Default)]
struct Rate {
    minute: i64,
    written: u32,
    left_out: u32,
}

/// The journal's rate limit; its entries lie in the store.
#[derive(Debug, Default)]
pub struct Journal {
    rates: Mutex<BTreeMap<Of, Rate>>,
}

impl Journal {
    /// Keeps an entry, unless there were too many this minute; then it is counted into the next one kept.
    pub async fn note(&self, ledger: &Ledger, now: Timestamp, code: &str, who: &str, of: Of) {
        let Some(left_out) = self.admit(now, of) else { return };
        let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        let entry = Entry { time: now, code: cut(code), who: cut(who), left_out };
        tracing::warn!(code = entry.code, who = entry.who, "refused");
        let landed = ledger
            .commit(move |desk| {
                let number = desk.next_number(&of.counter())?;
                let row = |number: u64| [of.rows(), number.to_be_bytes().to_vec()].concat();
                if let Some(oldest) = number.checked_sub(of.kept()) {
                    desk.erase(row(oldest))?;
                }
                desk.seal(row(number), &entry.encode())
            })
            .await;
        if let Err(CommitError::Refused(failure)) = landed {
            let failure: StoreError = failure;
            tracing::error!(%failure, "the journal could not be written");
        }
    }

    fn admit(&self, now: Timestamp, of: Of) -> Option<u32> {
        let mut rates = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let rate = rates.entry(of).or_default();
        let minute = now.seconds() / 60;
        if rate.minute != minute {
            rate.minute = minute;
            rate.written = 0;
        }
        if rate.written >= BURST {
            rate.left_out = rate.left_out.saturating_add(1);
            return None;
        }
        rate.written += 1;
        Some(std::mem::take(&mut rate.left_out))
    }
}

/// The newest entries, newest first.
pub fn newest(ledger: &Ledger, most: usize) -> Result<Vec<Entry>, StoreError> {
    let mut entries = Vec::new();
    let mut to = vec![rows::JOURNAL + 1];
    // From the last country backwards, each from its newest entry on; strangers come last.
    while let Some((last, _)) = ledger.scan(&[rows::JOURNAL], &to, true).next().transpose()? {
        let from = last[..last.len().saturating_sub(8)].to_vec();
        for row in ledger.scan(&from, &to, true).take(most) {
            let (name, value) = row?;
            let entry = Entry::decode(&ledger.unseal(&name, &value)?);
            entries.push(entry.ok_or_else(|| StoreError::Damaged("a journal entry cannot be read".into()))?);
        }
        to = from;
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.time));
    entries.truncate(most);
    Ok(entries)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written_and_hides_nobody_else() {
        let journal = Journal::default();
        let at = |seconds: i64| Timestamp::from_ms(seconds * 1000).unwrap_or_default();
        let [ee, no] = ["EE", "NO"].map(|code| Of::Peer(NodeId::parse(code).unwrap()));
        for flood in [Of::Stranger, ee] {
            let written = (0..1000).filter(|_| journal.admit(at(30), flood).is_some()).count();
            assert_eq!(written, BURST as usize);
        }
        assert_eq!(journal.admit(at(31), no), Some(0), "a flood hid a peer");
        for flood in [Of::Stranger, ee] {
            assert_eq!(journal.admit(at(90), flood), Some(1000 - BURST));
            assert_eq!(journal.admit(at(91), flood), Some(0));
        }
    }

    #[test]
    fn an_entry_reads_back() {
        let entry =
            Entry { time: Timestamp::default(), code: "unpinned".into(), who: "192.0.2.1:9".into(), left_out: 3 };
        assert_eq!(Entry::decode(&entry.encode()), Some(entry));
    }
}
