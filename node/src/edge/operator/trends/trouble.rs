//! Why a cohort was not released, for the person at the keyboard: what happened, what it means, what to do next.

use crate::edge::status::{Class, Trouble};
use crate::flow::outbox::NotSent;
use crate::flow::summarise::NotReleased;
use crate::national::budget::Refused;
use varde_proto::draft::act::BadAct;
use varde_proto::summary::ChainFault;

/// The failure of a release.
pub(super) fn of(failure: &NotReleased) -> Trouble {
    match failure {
        NotReleased::NotSent(not_sent) => unsent(not_sent),
        NotReleased::Refused(refused) => refusal(refused),
        NotReleased::Store(error) => Trouble::incident(error),
        NotReleased::Stopped => Trouble::new(Class::Again, "stopped", failure.to_string())
            .means("whether the release was paid for is known once the node runs again")
            .next("start the node again, then ask again: what was published is given, what broke off is named void"),
        NotReleased::BrokenOff(_) => Trouble::incident(failure)
            .means("the privacy budget of this edition is spent and nothing of it was published or will be")
            .next("look up the incident in the node's log; other cohorts can be released"),
    }
}

fn unsent(failure: &NotSent) -> Trouble {
    let what = failure.to_string();
    match failure {
        NotSent::Nobody => Trouble::new(Class::Change, "no-recipients", what)
            .next("name the countries that shall have it: `--to LT,EE`"),
        NotSent::Own(country) => Trouble::new(Class::Change, "own-country", what)
            .means("what it releases it has already; nothing was counted and nothing was spent")
            .next(format!("leave {country} out of --to")),
        NotSent::Unknown(_) => Trouble::new(Class::Absent, "unknown-peer", what)
            .means("nothing was counted and nothing was spent")
            .next("see `varde status` for the pinned peers; `varde peer add FILE` pins one"),
        NotSent::Agreement(country, ..) => Trouble::new(Class::Ask, "not-agreed", what)
            .means("nothing was counted and nothing was spent")
            .next(format!("`varde agreement show {country}` prints what is agreed; leave {country} out of --to")),
        NotSent::Refused(rejection) => Trouble::new(Class::Ask, "would-be-refused", what)
            .means(format!("a peer would answer {}", rejection.code())),
    }
}

fn refusal(refused: &Refused) -> Trouble {
    let what = refused.to_string();
    let spent_nothing = "nothing was counted and nothing was spent";
    match refused {
        Refused::NotOver(_) => Trouble::new(Class::Ask, refused.code(), what)
            .means("a release freezes its cohort: children registered later in the period would never be counted")
            .next(
                "wait until the period is over, or release an earlier one; `--while-running` releases it all the same",
            ),
        Refused::NotBegun(_) | Refused::TooShort(_) => cohort(&what),
        Refused::Void(..) => Trouble::new(Class::Ask, refused.code(), what)
            .means("its privacy budget was spent when the node stopped or failed, and is never given back")
            .next("release another cohort; `varde trend list` shows the budget"),
        Refused::Unknown(_) => Trouble::new(Class::Ask, refused.code(), what)
            .means("the log of this node ended, and a peer may hold a release of that year which it does not know: a second one could cost its children twice")
            .next("release cohorts of a later year; what `varde trend list` shows as released is given again as before"),
        Refused::Chain(ChainFault::Overlap(other)) => Trouble::new(Class::Ask, refused.code(), what)
            .means(format!("its children are counted with {other}, and counting them twice would cost them twice"))
            .next("release periods of one length that do not overlap; `varde trend list` shows what was released"),
        Refused::Chain(_) => Trouble::new(Class::Ask, refused.code(), what)
            .means(spent_nothing)
            .next("`varde trend list` shows the budget, line by line"),
    }
}

/// An act of staff that is not taken.
pub(super) fn act(bad: &BadAct) -> Trouble {
    let trouble =
        Trouble::new(Class::Ask, "bad-act", bad.to_string()).means("nothing was counted and nothing was spent");
    match bad {
        BadAct::NotNow => trouble.next("set the clocks of this machine and of the node's, then try again"),
        BadAct::Missing | BadAct::UnknownCredential | BadAct::OtherAct => {
            trouble.next("sign with a credential that varde.toml lists: `--as FILE`")
        }
    }
}

/// A period that cannot be a cohort.
pub(super) fn cohort(what: &str) -> Trouble {
    Trouble::new(Class::Change, "bad-cohort", what)
        .means(
            "a cohort is a year, a half-year or a quarter that has begun; children are in that of their registration",
        )
        .next("give one as 2026, 2026-H1 or 2026-Q3")
}
