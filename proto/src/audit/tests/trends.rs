//! Trend summaries in a log: each must be the release that the node's own budget paid for and committed.

use super::world::{Country, two};
use super::{found, names};
use crate::envelope::{self, Envelope, Payload};
use crate::id::Digest;
use crate::identity::testing::now;
use crate::log::chain;
use crate::log::event::{Direction, Event, Kind};
use crate::summary::family::FLASH_SIGMA2_Q10;
use crate::summary::{
    Act, Chain, Charge, Coverage, Edition, LedgerEntry, Place, Release, ReleaseDraft, Rho, TableName, TrendSummary,
};
use crate::time::Period;

const Q3: Place = Place { cohort: Period::Quarter(2026, 3), edition: Edition::Flash };

/// The next line of a budget, logged with its envelope.
fn spend(no: &mut Country, budget: &mut Chain, header: &crate::wire::peer::Header, act: Act) -> Digest {
    let entry = LedgerEntry {
        header: header.clone(),
        seq: budget.length() + 1,
        prev: budget.head(),
        spent: budget.admit(Q3, &act).unwrap(),
        act,
        cohort: Q3.cohort,
        edition: Q3.edition,
        program: Digest::of(b"program"),
        time: now(),
    };
    let envelope = envelope::sign(LedgerEntry::TYPE, &entry.to_wire(), &no.message_key());
    let object = envelope::digest(&envelope);
    budget.append(&entry, object).unwrap();
    let index = no.log(Event { object, ..Event::local(Kind::BUDGET, now()) });
    no.envelopes.insert(index, envelope);
    object
}

fn release(reserve: Digest, children: i64) -> Release {
    let tables = TableName::ALL.map(|table| (FLASH_SIGMA2_Q10, vec![children; table.cells()]));
    let draft = ReleaseDraft {
        cohort: Q3.cohort,
        edition: Q3.edition,
        published: now(),
        coverage: Coverage::OverNinety,
        break_in_series: false,
        software: "0.1.0".into(),
        spent: Rho::from_nano(50_000_000),
        reserve,
        tables,
    };
    Release::new(draft).unwrap()
}

fn publish(no: &mut Country, ee: &Country, envelope: Envelope) {
    let (class, object) = (3, envelope::digest(&envelope));
    let leaf = no.item(Kind::SENT, Direction::Out, ee, object);
    let chain = chain::next(&chain::start(&no.origin(), &ee.origin(), class), 1, &object);
    let index = no.log(Event { class, seq: 1, chain, restricted: Digest::NONE, ..leaf });
    no.envelopes.insert(index, envelope);
    no.commit();
}

/// What is found when EE is sent a release of so many children, and the budget committed one of 90, or none.
fn sent(children: i64, committed: bool) -> Vec<&'static str> {
    let (mut no, ee) = two();
    let header = no.header(&[&ee], Digest::of(b"salt"));
    let mut budget = Chain::default();
    let charges = vec![Charge { contribution: 1, sigma2_q10: FLASH_SIGMA2_Q10 }; 4];
    let reserve = spend(&mut no, &mut budget, &header, Act::Reserve(charges));
    if committed {
        let release = release(reserve, 90).digest();
        spend(&mut no, &mut budget, &header, Act::Commit { reserve, release });
    }
    let summary = TrendSummary::new(header, release(reserve, children));
    let envelope = envelope::sign(TrendSummary::TYPE, &summary.to_wire(), &no.message_key());
    publish(&mut no, &ee, envelope);
    let bundle = no.national();
    names(&found(&no, &bundle))
}

#[test]
fn a_summary_that_the_budget_did_not_commit_is_found() {
    assert_eq!(sent(90, true), ["undelivered"]);
    assert_eq!(sent(91, true), ["budget-fault", "undelivered"]);
    assert_eq!(sent(90, false), ["budget-fault", "undelivered"]);
}
