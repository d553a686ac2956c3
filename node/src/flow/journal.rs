//! The journal of what has no place in the log: refused connections, unproven frames. Bounded and rate-limited, so that
//! nobody can fill a disk by being refused; `varde log show` shows it beside the log, marked.

use super::ledger::{CommitError, Ledger};
use crate::port::StoreError;
use crate::rows;
use std::sync::{Mutex, PoisonError};
use varde_proto::time::Timestamp;

/// Entries kept of pinned peers, and of strangers; the oldest gives way.
pub const KEPT: u64 = 10_000;
/// Entries of pinned peers, and of strangers, written in one minute.
const BURST: u32 = 60;

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
    /// Of strangers and of pinned peers: a flood of strangers must not hide what a peer does.
    rates: [Mutex<Rate>; 2],
}

impl Journal {
    /// Keeps an entry, unless there were too many this minute; then it is counted into the next one kept.
    pub async fn note(&self, ledger: &Ledger, now: Timestamp, code: &str, who: &str, pinned: bool) {
        let Some(left_out) = self.admit(now, pinned) else { return };
        let cut = |text: &str| text.chars().filter(|c| !c.is_control()).take(80).collect::<String>();
        let entry = Entry { time: now, code: cut(code), who: cut(who), left_out };
        tracing::warn!(code = entry.code, who = entry.who, "refused");
        let landed = ledger
            .commit(move |desk| {
                let number = desk.next_number(if pinned { "journal-of-peers" } else { "journal-of-strangers" })?;
                let row = |number: u64| rows::row(rows::JOURNAL, &[&[u8::from(pinned)], &number.to_be_bytes()]);
                if let Some(oldest) = number.checked_sub(KEPT) {
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

    fn admit(&self, now: Timestamp, pinned: bool) -> Option<u32> {
        let mut rate = self.rates[usize::from(pinned)].lock().unwrap_or_else(PoisonError::into_inner);
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
    for pinned in [0, 1] {
        let (from, to) = ([rows::JOURNAL, pinned], [rows::JOURNAL, pinned + 1]);
        for row in ledger.scan(&from, &to, true).take(most) {
            let (name, value) = row?;
            let entry = Entry::decode(&ledger.unseal(&name, &value)?);
            entries.push(entry.ok_or_else(|| StoreError::Damaged("a journal entry cannot be read".into()))?);
        }
    }
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.time));
    entries.truncate(most);
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_counted_and_not_written() {
        let journal = Journal::default();
        let at = |seconds: i64| Timestamp::from_ms(seconds * 1000).unwrap_or_default();
        let written = (0..1000).filter(|_| journal.admit(at(30), false).is_some()).count();
        assert_eq!(written, BURST as usize);
        assert_eq!(journal.admit(at(31), true), Some(0), "a flood of strangers hid a peer");
        assert_eq!(journal.admit(at(90), false), Some(1000 - BURST));
        assert_eq!(journal.admit(at(91), false), Some(0));
    }

    #[test]
    fn an_entry_reads_back() {
        let entry =
            Entry { time: Timestamp::default(), code: "unpinned".into(), who: "192.0.2.1:9".into(), left_out: 3 };
        assert_eq!(Entry::decode(&entry.encode()), Some(entry));
    }
}
