//! What the lines of a budget say together. The node asks it before it spends, and an auditor or a peer that holds the lines
//! runs the same code over them: a forged sum, a gap, a fork, a second release and an overdraft are each a named fault.

use super::budget::{Act, LedgerEntry};
use super::family::{self, Edition};
use super::rho::Rho;
use crate::id::Digest;
use crate::time::Period;
use std::collections::BTreeMap;

/// Why a line does not follow from those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum ChainFault {
    /// A line is missing, or there twice.
    #[error("entry {found} follows where entry {wanted} is due")]
    Gap {
        /// The number that is due.
        wanted: u64,
        /// The number that came.
        found: u64,
    },
    /// It names another line before it than there is: a fork.
    #[error("the entry names another entry before it than the one that is there")]
    Fork,
    /// Its sum is not what the lines add up to.
    #[error("the entry says that its cohort has spent {said}, and it has spent {is}")]
    Sum {
        /// What it says.
        said: Rho,
        /// What the lines add up to.
        is: Rho,
    },
    /// More than a child of the cohort may ever cost.
    #[error("the cohort would have spent {0}, over its cap")]
    Overspent(Rho),
    /// The cohort shares children with one that has been reserved under another name, for example a quarter and its year.
    #[error("the cohort overlaps {0}, which has been reserved already")]
    Overlap(Period),
    /// The cohort and edition have been reserved before, so there has been a release or never will be.
    #[error("the edition has been reserved before")]
    Again,
    /// Something else is still reserved and not settled.
    #[error("an earlier reservation is not settled")]
    Unsettled,
    /// It settles a reservation that is not the open one.
    #[error("the entry settles a reservation that is not open")]
    Unreserved,
}

impl ChainFault {
    /// A code for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Gap { .. } => "budget-gap",
            Self::Fork => "budget-fork",
            Self::Sum { .. } => "budget-sum",
            Self::Overspent(_) => "budget-overspent",
            Self::Overlap(_) => "budget-overlap",
            Self::Again => "budget-again",
            Self::Unsettled => "budget-unsettled",
            Self::Unreserved => "budget-unreserved",
        }
    }
}

/// A cohort and its edition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which children.
    pub cohort: Period,
    /// Which publication.
    pub edition: Edition,
}

/// How far an edition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EditionState {
    /// Paid by this entry, and nothing published yet.
    Reserved(Digest),
    /// Published: the release with this digest, and no other ever.
    Committed(Digest),
    /// Nothing was published and nothing will be.
    Void,
}

/// The lines so far, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Chain {
    length: u64,
    head: Digest,
    spent: BTreeMap<Period, Rho>,
    editions: BTreeMap<Place, EditionState>,
}

impl Chain {
    /// Number of lines.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// SHA-256(PAE) of the last line; [`Digest::NONE`] before the first.
    pub fn head(&self) -> Digest {
        self.head
    }

    /// What a cohort has spent.
    pub fn spent(&self, cohort: Period) -> Rho {
        self.spent.get(&cohort).copied().unwrap_or_default()
    }

    /// How far an edition is; `None` if it was never reserved.
    pub fn edition(&self, place: Place) -> Option<EditionState> {
        self.editions.get(&place).copied()
    }

    /// The reservation that is neither committed nor void. There is at most one.
    pub fn open(&self) -> Option<(Place, Digest)> {
        self.editions.iter().find_map(|(place, state)| match state {
            EditionState::Reserved(reserve) => Some((*place, *reserve)),
            EditionState::Committed(_) | EditionState::Void => None,
        })
    }

    /// What the cohort would have spent with `act`, or why the act is not allowed.
    pub fn admit(&self, place: Place, act: &Act) -> Result<Rho, ChainFault> {
        match act {
            Act::Reserve(_) => self.admit_reserve(place, act.rho().ok_or(ChainFault::Overspent(Rho::default()))?),
            Act::Commit { reserve, .. } | Act::Void { reserve } => match self.edition(place) {
                Some(EditionState::Reserved(open)) if open == *reserve => Ok(self.spent(place.cohort)),
                _ => Err(ChainFault::Unreserved),
            },
        }
    }

    fn admit_reserve(&self, place: Place, rho: Rho) -> Result<Rho, ChainFault> {
        if self.edition(place).is_some() {
            return Err(ChainFault::Again);
        }
        if self.open().is_some() {
            return Err(ChainFault::Unsettled);
        }
        let other = self.spent.keys().find(|known| **known != place.cohort && known.overlaps(place.cohort));
        if let Some(other) = other {
            return Err(ChainFault::Overlap(*other));
        }
        let spent = self.spent(place.cohort).plus(rho).unwrap_or(Rho::from_nano(u64::MAX));
        if spent > family::COHORT_CAP || rho > place.edition.cap() {
            return Err(ChainFault::Overspent(spent));
        }
        Ok(spent)
    }

    /// Adds a line of which those before are in another log: the first that is known, or the first of its cohort. What it says that its
    /// cohort had spent before is taken as it stands; everything else must be as of any line.
    pub fn resume(&mut self, entry: &LedgerEntry, digest: Digest) -> Result<(), ChainFault> {
        let follows = self.length == 0 || entry.seq == self.length + 1 && entry.prev == self.head;
        if !follows || self.spent.contains_key(&entry.cohort) {
            return self.append(entry, digest);
        }
        if let Act::Reserve(_) = entry.act {
            let rho = entry.act.rho().ok_or(ChainFault::Overspent(Rho::default()))?;
            let place = Place { cohort: entry.cohort, edition: entry.edition };
            self.admit_reserve(place, rho)?;
            let before = entry.spent.nano().checked_sub(rho.nano());
            before.ok_or(ChainFault::Sum { said: entry.spent, is: rho })?;
        } else if self.length > 0 {
            // It settles what was reserved by the line before, which is here.
            return Err(ChainFault::Unreserved);
        }
        if entry.spent > family::COHORT_CAP {
            return Err(ChainFault::Overspent(entry.spent));
        }
        self.enter(entry, digest);
        Ok(())
    }

    /// Adds a line, whose SHA-256(PAE) is `digest`, if it follows.
    pub fn append(&mut self, entry: &LedgerEntry, digest: Digest) -> Result<(), ChainFault> {
        let wanted = self.length + 1;
        if entry.seq != wanted {
            return Err(ChainFault::Gap { wanted, found: entry.seq });
        }
        if entry.prev != self.head {
            return Err(ChainFault::Fork);
        }
        let place = Place { cohort: entry.cohort, edition: entry.edition };
        let is = self.admit(place, &entry.act)?;
        if entry.spent != is {
            return Err(ChainFault::Sum { said: entry.spent, is });
        }
        self.enter(entry, digest);
        Ok(())
    }

    fn enter(&mut self, entry: &LedgerEntry, digest: Digest) {
        let place = Place { cohort: entry.cohort, edition: entry.edition };
        let state = match entry.act {
            Act::Reserve(_) => EditionState::Reserved(digest),
            Act::Commit { release, .. } => EditionState::Committed(release),
            Act::Void { .. } => EditionState::Void,
        };
        self.editions.insert(place, state);
        self.spent.insert(entry.cohort, entry.spent);
        (self.length, self.head) = (entry.seq, digest);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::budget::Charge;
    use super::*;
    use crate::envelope::{Payload, Rejection};
    use crate::time::Timestamp;
    use crate::wire::peer;
    use prost::Message;

    const Q3: Place = Place { cohort: Period::Quarter(2026, 3), edition: Edition::Flash };

    fn charges() -> Vec<Charge> {
        vec![Charge { contribution: 1, sigma2_q10: family::FLASH_SIGMA2_Q10 }; 4]
    }

    fn digest(entry: &LedgerEntry) -> Digest {
        Digest::of(&entry.to_wire().encode_to_vec())
    }

    fn next(chain: &Chain, place: Place, act: Act) -> LedgerEntry {
        LedgerEntry {
            header: peer::Header::default(),
            seq: chain.length() + 1,
            prev: chain.head(),
            spent: chain.admit(place, &act).unwrap_or(Rho::from_nano(50_000_000)),
            act,
            cohort: place.cohort,
            edition: place.edition,
            program: Digest::of(b"program"),
            time: Timestamp::from_ms(1_795_284_000_000).unwrap(),
        }
    }

    fn grow(chain: &mut Chain, place: Place, act: Act) -> Result<Digest, ChainFault> {
        let entry = next(chain, place, act);
        chain.append(&entry, digest(&entry)).map(|()| digest(&entry))
    }

    fn commit(reserve: Digest) -> Act {
        Act::Commit { reserve, release: Digest::of(b"release") }
    }

    #[test]
    fn an_honest_budget_is_accepted_and_survives_its_bytes() {
        let mut chain = Chain::default();
        for quarter in 1..=4 {
            let place = Place { cohort: Period::Quarter(2026, quarter), ..Q3 };
            let entry = next(&chain, place, Act::Reserve(charges()));
            assert_eq!(LedgerEntry::from_wire(entry.to_wire()).as_ref(), Ok(&entry));
            let reserve = grow(&mut chain, place, Act::Reserve(charges())).unwrap();
            assert_eq!(chain.open(), Some((place, reserve)));
            let settled = if quarter == 2 { Act::Void { reserve } } else { commit(reserve) };
            let entry = next(&chain, place, settled.clone());
            assert_eq!(LedgerEntry::from_wire(entry.to_wire()).as_ref(), Ok(&entry));
            grow(&mut chain, place, settled).unwrap();
            assert_eq!((chain.open(), chain.spent(place.cohort)), (None, family::FLASH_CAP));
        }
        assert_eq!(chain.edition(Place { cohort: Period::Quarter(2026, 2), ..Q3 }), Some(EditionState::Void));
    }

    #[test]
    fn a_budget_of_which_the_beginning_is_in_another_log_goes_on_from_what_it_says_was_spent() {
        let (mut whole, mut later) = (Chain::default(), Chain::default());
        let q4 = Place { cohort: Period::Quarter(2026, 4), ..Q3 };
        let reserve = grow(&mut whole, Q3, Act::Reserve(charges())).unwrap();
        let mut lines = Vec::new();
        for (place, act) in [(Q3, commit(reserve)), (q4, Act::Reserve(charges()))] {
            lines.push(next(&whole, place, act.clone()));
            grow(&mut whole, place, act).unwrap();
        }
        assert_eq!(later.append(&lines[0], digest(&lines[0])), Err(ChainFault::Gap { wanted: 1, found: 2 }));
        for line in &lines {
            assert_eq!(later.resume(line, digest(line)), Ok(()));
        }
        assert_eq!((later.spent(Q3.cohort), later.head()), (whole.spent(Q3.cohort), whole.head()));
        assert_eq!(later.resume(&lines[1], digest(&lines[1])), Err(ChainFault::Gap { wanted: 4, found: 3 }));
        // What its cohort had spent before is believed, and nothing else.
        let first = |entry: LedgerEntry| Chain::default().resume(&entry, digest(&entry));
        let line = next(&Chain::default(), q4, Act::Reserve(charges()));
        let rho = line.act.rho().unwrap().nano();
        assert_eq!(first(LedgerEntry { seq: 9, ..line.clone() }), Ok(()));
        let nothing = LedgerEntry { spent: Rho::default(), ..line.clone() };
        assert!(matches!(first(nothing), Err(ChainFault::Sum { .. })));
        let over = Rho::from_nano(family::COHORT_CAP.nano() + 1);
        assert_eq!(first(LedgerEntry { spent: over, ..line.clone() }), Err(ChainFault::Overspent(over)));
        assert!(over.nano() > rho);
        let year = Place { cohort: Period::Year(2026), ..Q3 };
        let overlapping = LedgerEntry { cohort: year.cohort, ..next(&later, q4, Act::Void { reserve: later.head() }) };
        let overlapping = LedgerEntry { act: Act::Reserve(charges()), spent: line.spent, ..overlapping };
        assert!(later.clone().resume(&overlapping, digest(&overlapping)).is_err());
        let fork = LedgerEntry { prev: Digest::NONE, ..next(&whole, q4, Act::Void { reserve: whole.head() }) };
        assert_eq!(later.resume(&fork, digest(&fork)), Err(ChainFault::Fork));
    }

    #[test]
    fn an_edition_is_reserved_once_whether_it_was_published_or_void() {
        let settles: [fn(Digest) -> Act; 2] = [commit, |reserve| Act::Void { reserve }];
        for settle in settles {
            let mut chain = Chain::default();
            let reserve = grow(&mut chain, Q3, Act::Reserve(charges())).unwrap();
            grow(&mut chain, Q3, settle(reserve)).unwrap();
            assert_eq!(grow(&mut chain, Q3, Act::Reserve(charges())), Err(ChainFault::Again));
            assert_eq!(grow(&mut chain, Q3, commit(reserve)), Err(ChainFault::Unreserved));
        }
    }

    #[test]
    fn a_cohort_cannot_be_spent_again_under_another_name() {
        let mut chain = Chain::default();
        let reserve = grow(&mut chain, Q3, Act::Reserve(charges())).unwrap();
        let year = Place { cohort: Period::Year(2026), ..Q3 };
        assert_eq!(grow(&mut chain, year, Act::Reserve(charges())), Err(ChainFault::Unsettled));
        grow(&mut chain, Q3, commit(reserve)).unwrap();
        assert_eq!(grow(&mut chain, year, Act::Reserve(charges())), Err(ChainFault::Overlap(Q3.cohort)));
    }

    #[test]
    fn forged_sums_gaps_forks_and_overdrafts_are_named() {
        let mut chain = Chain::default();
        let reserve = grow(&mut chain, Q3, Act::Reserve(charges())).unwrap();
        let good = next(&chain, Q3, commit(reserve));
        let mut refuse = |change: fn(&mut LedgerEntry), fault: ChainFault| {
            let mut entry = good.clone();
            change(&mut entry);
            assert_eq!(chain.append(&entry, digest(&entry)), Err(fault));
        };
        refuse(|e| e.seq = 3, ChainFault::Gap { wanted: 2, found: 3 });
        refuse(|e| e.seq = 1, ChainFault::Gap { wanted: 2, found: 1 });
        refuse(|e| e.prev = Digest::of(b"another"), ChainFault::Fork);
        let (said, is) = (Rho::from_nano(0), family::FLASH_CAP);
        refuse(|e| e.spent = Rho::from_nano(0), ChainFault::Sum { said, is });
        refuse(|e| e.act = Act::Void { reserve: Digest::of(b"another") }, ChainFault::Unreserved);
        let thin = vec![Charge { contribution: 1, sigma2_q10: family::FLASH_SIGMA2_Q10 - 1 }; 4];
        let over = Rho::from_nano(50_001_224);
        assert_eq!(Chain::default().admit(Q3, &Act::Reserve(thin)), Err(ChainFault::Overspent(over)));
    }

    #[test]
    fn an_entry_that_lies_is_refused_by_the_name_of_its_lie() {
        type Lie = fn(&mut peer::LedgerEntry);
        let lies: [(&str, Lie); 14] = [
            ("budget-seq", |e| e.seq = 0),
            ("budget-seq", |e| e.seq = 2),
            ("budget-prev", |e| e.prev = vec![0; 31].into()),
            ("budget-family", |e| e.family_version = 9),
            ("budget-cohort", |e| e.cohort = "2026-12".into()),
            ("budget-edition", |e| e.edition = 7),
            ("budget-act", |e| e.act = peer::LedgerAct::Void as i32),
            ("budget-act", |e| e.settles = vec![1; 32].into()),
            ("budget-act", |e| e.release = vec![1; 31].into()),
            ("budget-charges", |e| e.charges[0].sigma2_q10 = 0),
            ("budget-charges", |e| e.charges.truncate(3)),
            ("budget-rho", |e| e.rho_nano -= 1),
            ("budget-overspent", |e| e.rho_nano_cohort = 500_000_001),
            ("budget-program", |e| e.program = vec![].into()),
        ];
        for (code, lie) in lies {
            let mut wire = next(&Chain::default(), Q3, Act::Reserve(charges())).to_wire();
            lie(&mut wire);
            assert_eq!(LedgerEntry::from_wire(wire).map(|_| ()), Err(Rejection::Content(code)), "{code}");
        }
    }
}
