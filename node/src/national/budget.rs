//! What may still be published, and the next line of the budget.
//!
//! In: the decision whether an edition may be reserved, committed or voided. Out: signing the line, making it durable and
//! telling peers ([`crate::flow`]); checking the lines of a peer ([`varde_proto::summary::Chain`], which decides here too).
//!
//! The order is the promise: RESERVE is durable before anything is counted, so a node that dies in between has spent without
//! publishing, and never published without spending. After it comes COMMIT or VOID, and nothing else for that edition ever.

use super::disclosure::Plan;
use varde_proto::id::Digest;
use varde_proto::summary::{Act, Chain, ChainFault, Edition, EditionState, Place, Rho};
use varde_proto::time::{Period, Timestamp};

/// The node's own budget, read from its lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Budget {
    chain: Chain,
}

/// Why an edition cannot be reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Children of it may still be registered; what is published now would freeze it.
    #[error("the period {0} is not over")]
    NotOver(Period),
    /// It has not begun: nobody can have been registered in it.
    #[error("the period {0} has not begun")]
    NotBegun(Period),
    /// A month; its counts would drown in the noise.
    #[error("a cohort is a year, a half-year or a quarter, not {0}")]
    TooShort(Period),
    /// A release of it was begun and broken off. Its cost is spent, and it is never published.
    #[error("the {0} edition of {1} was broken off and is void")]
    Void(&'static str, Period),
    /// An earlier log of this node ended, and peers may hold what it spent of that year.
    #[error("what the log that ended spent of {0} is not known here, so nothing more of that year is spent")]
    Unknown(Period),
    /// The rules of the budget forbid it.
    #[error(transparent)]
    Chain(#[from] ChainFault),
}

impl Refused {
    /// A code for scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOver(_) => "cohort-not-over",
            Self::NotBegun(_) => "cohort-not-begun",
            Self::TooShort(_) => "cohort-too-short",
            Self::Void(..) => "edition-void",
            Self::Unknown(_) => "budget-unknown",
            Self::Chain(fault) => fault.code(),
        }
    }
}

/// What becomes of a request to publish an edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It was published: this release, and no other ever.
    Published(Digest),
    /// It may be reserved with this line.
    Free(Line),
}

/// A line of the budget, before it has an issuer, recipients and a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number.
    pub seq: u64,
    /// SHA-256(PAE) of the line before.
    pub prev: Digest,
    /// What it does.
    pub act: Act,
    /// Which children.
    pub cohort: Period,
    /// Which publication.
    pub edition: Edition,
    /// What the cohort has spent with it.
    pub spent: Rho,
}

/// Whether a period that is still running may be published: the coordinator's decision, since it freezes the cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Running {
    /// Wait for its end.
    Refuse,
    /// Publish; whoever is registered later in it is never counted.
    Freeze,
}

impl Budget {
    /// From the lines, already added up.
    pub fn new(chain: Chain) -> Self {
        Self { chain }
    }

    /// The lines, added up.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// Whether the edition was published, may be reserved, or neither.
    pub fn ask(&self, place: Place, plan: &Plan, now: Timestamp, running: Running) -> Result<Standing, Refused> {
        let Place { cohort, edition } = place;
        match self.chain.edition(place) {
            Some(EditionState::Committed(release)) => return Ok(Standing::Published(release)),
            Some(EditionState::Void) => return Err(Refused::Void(edition.name(), cohort)),
            Some(EditionState::Reserved(_)) | None => {}
        }
        if cohort.months().1 < 3 {
            return Err(Refused::TooShort(cohort));
        }
        if !cohort.has_begun(now) {
            return Err(Refused::NotBegun(cohort));
        }
        if running == Running::Refuse && !cohort.is_over(now) {
            return Err(Refused::NotOver(cohort));
        }
        self.line(place, Act::Reserve(plan.charges())).map(Standing::Free).map_err(Refused::Chain)
    }

    /// The line that names the one release of the open reservation.
    pub fn commit(&self, release: Digest) -> Result<Line, ChainFault> {
        let (place, reserve) = self.chain.open().ok_or(ChainFault::Unreserved)?;
        self.line(place, Act::Commit { reserve, release })
    }

    /// The line that gives up the open reservation, if there is one: the node stopped, or failed, between paying and
    /// publishing.
    pub fn void(&self) -> Option<Line> {
        let (place, reserve) = self.chain.open()?;
        self.line(place, Act::Void { reserve }).ok()
    }

    fn line(&self, place: Place, act: Act) -> Result<Line, ChainFault> {
        let spent = self.chain.admit(place, &act)?;
        let Place { cohort, edition } = place;
        Ok(Line { seq: self.chain.length() + 1, prev: self.chain.head(), act, cohort, edition, spent })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use varde_proto::summary::{LedgerEntry, family};

    const Q3: Place = Place { cohort: Period::Quarter(2026, 3), edition: Edition::Flash };

    fn now() -> Timestamp {
        Timestamp::parse("2026-11-21T12:00:00Z").unwrap()
    }

    fn ask(budget: &Budget, cohort: Period) -> Result<Standing, Refused> {
        budget.ask(Place { cohort, ..Q3 }, &Plan::of(Edition::Flash), now(), Running::Refuse)
    }

    fn write(budget: &mut Budget, line: Line) -> Digest {
        let digest = Digest::of(format!("{line:?}").as_bytes());
        let Line { seq, prev, act, cohort, edition, spent } = line;
        let (header, program) = (Default::default(), Digest::NONE);
        let entry = LedgerEntry { header, seq, prev, act, cohort, edition, spent, program, time: now() };
        budget.chain.append(&entry, digest).unwrap();
        digest
    }

    fn reserve(budget: &mut Budget, cohort: Period) -> Digest {
        match ask(budget, cohort).unwrap() {
            Standing::Free(line) => write(budget, line),
            Standing::Published(_) => panic!("it was published already"),
        }
    }

    #[test]
    fn an_edition_that_was_published_is_given_again_and_never_made_again() {
        let mut budget = Budget::default();
        reserve(&mut budget, Q3.cohort);
        let release = Digest::of(b"release");
        let line = budget.commit(release).unwrap();
        write(&mut budget, line);
        for _ in 0..3 {
            assert_eq!(ask(&budget, Q3.cohort), Ok(Standing::Published(release)));
        }
        assert_eq!(budget.chain().spent(Q3.cohort), family::FLASH_CAP);
    }

    #[test]
    fn a_node_that_died_between_paying_and_publishing_has_spent_and_never_publishes() {
        let mut budget = Budget::default();
        reserve(&mut budget, Q3.cohort);
        let mut restarted = Budget::new(budget.chain().clone());
        assert_eq!(ask(&restarted, Q3.cohort), Err(Refused::Chain(ChainFault::Again)));
        let line = restarted.void().unwrap();
        write(&mut restarted, line);
        assert_eq!(ask(&restarted, Q3.cohort), Err(Refused::Void("FLASH", Q3.cohort)));
        assert_eq!(restarted.chain().spent(Q3.cohort), family::FLASH_CAP);
        assert_eq!(restarted.void(), None);
        assert_eq!(restarted.commit(Digest::of(b"release")), Err(ChainFault::Unreserved));
        reserve(&mut restarted, Period::Quarter(2026, 2));
    }

    #[test]
    fn a_period_that_runs_is_published_only_on_purpose_and_one_to_come_never() {
        let budget = Budget::default();
        let running = Period::Quarter(2026, 4);
        assert_eq!(ask(&budget, running), Err(Refused::NotOver(running)));
        let place = Place { cohort: running, ..Q3 };
        let frozen = budget.ask(place, &Plan::of(Edition::Flash), now(), Running::Freeze);
        assert!(matches!(frozen, Ok(Standing::Free(_))));
        let next = Period::Year(2027);
        let place = Place { cohort: next, ..Q3 };
        let early = budget.ask(place, &Plan::of(Edition::Flash), now(), Running::Freeze);
        assert_eq!(early, Err(Refused::NotBegun(next)));
        let month = Period::Month(2026, 7);
        assert_eq!(ask(&budget, month), Err(Refused::TooShort(month)));
    }

    #[test]
    fn a_cohort_is_not_spent_again_as_part_of_a_longer_one() {
        let mut budget = Budget::default();
        reserve(&mut budget, Q3.cohort);
        let line = budget.commit(Digest::of(b"release")).unwrap();
        write(&mut budget, line);
        let year = Period::Half(2026, 2);
        let refused = budget.ask(Place { cohort: year, ..Q3 }, &Plan::of(Edition::Flash), now(), Running::Freeze);
        assert_eq!(refused, Err(Refused::Chain(ChainFault::Overlap(Q3.cohort))));
    }
}
