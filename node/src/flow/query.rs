//! What an analyst asks of the summaries that this node holds, its own and its peers'. Every answer is computed from
//! published cells, so it costs no privacy and a peer computes the same; no question reaches a record.

use super::ledger::Ledger;
use super::{filing, kept};
use crate::port::StoreError;
use crate::rows;
use varde_proto::envelope::Payload;
use varde_proto::id::{NodeId, Origin};
use varde_proto::summary::{Corridor, TrendSummary};
use varde_proto::time::Period;

/// A summary that this node holds.
#[derive(Debug)]
pub struct Held {
    /// Who published it.
    pub issuer: NodeId,
    /// Under which its envelope is kept.
    pub index: u64,
    /// The summary.
    pub summary: TrendSummary,
}

impl Held {
    /// The countries to which it is addressed.
    pub fn recipients(&self) -> Vec<NodeId> {
        let origins = self.summary.header().recipients.iter();
        origins.filter_map(|origin| Origin::parse(origin).ok()).map(|origin| origin.node()).collect()
    }
}

/// Where a summary is kept, before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Filed {
    issuer: NodeId,
    cohort: Period,
    index: u64,
}

/// Which summaries are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Selection {
    /// Of one country, or of all.
    pub country: Option<NodeId>,
    /// Of one cohort, or the newest of each country.
    pub cohort: Option<Period>,
}

/// Every summary that is held, by country, the newest cohort first.
pub fn all(ledger: &Ledger) -> Result<Vec<Held>, StoreError> {
    filed(ledger)?.into_iter().map(|one| read(ledger, one)).collect()
}

/// The summaries of a selection, by country.
pub fn select(ledger: &Ledger, selection: Selection) -> Result<Vec<Held>, StoreError> {
    let mut chosen: Vec<Filed> = filed(ledger)?;
    chosen.retain(|one| selection.country.is_none_or(|country| one.issuer == country));
    match selection.cohort {
        Some(cohort) => chosen.retain(|one| one.cohort == cohort),
        None => chosen.dedup_by_key(|one| one.issuer),
    }
    chosen.into_iter().map(|one| read(ledger, one)).collect()
}

/// A corridor from the summaries of its two ends.
#[derive(Debug)]
pub struct Seen {
    /// What the country of recruitment has published.
    pub origin: Option<Held>,
    /// What the country of exploitation has published.
    pub destination: Option<Held>,
    /// The corridor in them.
    pub corridor: Corridor,
}

/// The corridor between two countries in one cohort; without one, in the newest that both have published, or failing that in
/// the newest of each. Ends of different cohorts are shown, and not compared.
pub fn corridor(ledger: &Ledger, from: NodeId, to: NodeId, cohort: Option<Period>) -> Result<Seen, StoreError> {
    let filed = filed(ledger)?;
    let of = |country: NodeId| filed.iter().filter(move |one| one.issuer == country);
    let shared = || of(from).find(|one| of(to).any(|other| other.cohort == one.cohort)).map(|one| one.cohort);
    let wanted = cohort.or_else(shared);
    let end = |country: NodeId| -> Result<Option<Held>, StoreError> {
        let one = of(country).find(|one| wanted.is_none_or(|cohort| one.cohort == cohort));
        one.map(|one| read(ledger, *one)).transpose()
    };
    let (origin, destination) = (end(from)?, end(to)?);
    let release = |held: &Option<Held>| held.as_ref().map(|held| held.summary.release().clone());
    let (there, here) = (release(&origin), release(&destination));
    let mut corridor = Corridor::of(from, to, there.as_ref(), here.as_ref());
    if there.map(|r| r.cohort()) != here.map(|r| r.cohort()) {
        corridor.gap = None;
    }
    Ok(Seen { origin, destination, corridor })
}

fn read(ledger: &Ledger, one: Filed) -> Result<Held, StoreError> {
    let (_, summary) = kept::payload::<TrendSummary>(ledger, one.index)?;
    Ok(Held { issuer: one.issuer, index: one.index, summary })
}

/// By country, the newest cohort first: by its last month, the longer period of two that end together after the shorter.
fn filed(ledger: &Ledger) -> Result<Vec<Filed>, StoreError> {
    let mut all = Vec::new();
    for row in ledger.scan(&[rows::SUMMARY], &[rows::SUMMARY + 1], false) {
        let (name, value) = row?;
        let (index, _) = filing::read_filed(&value)?;
        let unreadable = || StoreError::Damaged("the row of a summary cannot be read".into());
        let (issuer, cohort) = parse(&name).ok_or_else(unreadable)?;
        all.push(Filed { issuer, cohort, index });
    }
    all.sort_by_key(|one| {
        let (first, count) = one.cohort.months();
        (one.issuer, std::cmp::Reverse((one.cohort.year(), first + count)), count)
    });
    Ok(all)
}

fn parse(name: &[u8]) -> Option<(NodeId, Period)> {
    let text = std::str::from_utf8(name.get(1..)?).ok()?;
    let (issuer, rest) = text.split_at_checked(2)?;
    let (cohort, _edition) = rest.split_once('/')?;
    Some((NodeId::parse(issuer).ok()?, Period::parse(cohort).ok()?))
}
