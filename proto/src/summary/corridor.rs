//! One corridor seen from both ends: what the country of recruitment knows of children exploited in the other, and what the
//! country of exploitation knows of children recruited in the first. Both are shown, never averaged: they count different
//! registrations.

use super::axis::Here;
use super::display::{Figure, State};
use super::estimate::{Estimate, Estimates};
use super::family::TableName;
use super::release::Release;
use crate::id::NodeId;
use crate::vocabulary::Country;

/// The corridor as one of its ends sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The table it stands in.
    pub table: TableName,
    /// Its cell there.
    pub cell: usize,
    /// What it says.
    pub figure: Figure,
}

/// The corridor as both ends see it; an end that has published nothing has no sight of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corridor {
    /// By the country of recruitment: exploited in the other, and recruited here.
    pub origin: Option<Sight>,
    /// By the country of exploitation: recruited in the other, and exploited here.
    pub destination: Option<Sight>,
    /// Origin's figure minus destination's, when there are both and they come from two nodes.
    pub gap: Option<Figure>,
}

impl Corridor {
    /// From `from`, which published `origin`, to `to`, which published `destination`.
    pub fn of(from: NodeId, to: NodeId, origin: Option<&Release>, destination: Option<&Release>) -> Self {
        let here = Here::Yes.row();
        let out = origin.and_then(|release| sight(release, TableName::ExploitedIn, to, here));
        let into = destination.and_then(|release| sight(release, TableName::RecruitedIn, from, here));
        let gap = match (&out, &into) {
            (Some((_, a)), Some((_, b))) if from != to => Some(Figure::of(State::Reported, &a.minus(b))),
            _ => None,
        };
        Self { origin: out.map(|(sight, _)| sight), destination: into.map(|(sight, _)| sight), gap }
    }

    /// Whether the two ends differ by more than noise explains: zero lies outside the gap's interval.
    pub fn ends_differ(&self) -> bool {
        self.gap.is_some_and(|gap| gap.low > 0 || gap.high < 0)
    }
}

fn sight(release: &Release, table: TableName, other: NodeId, here: usize) -> Option<(Sight, Estimate)> {
    let other = Country::parse(other.as_str()).ok()?;
    let place = TableName::ALL.iter().position(|name| *name == table)?;
    let cell = table.cell(&[other.index(), here])?;
    let figure = *release.display().tables.get(place)?.figures.get(cell)?;
    let count = *release.tables().get(place)?.cells().get(cell)?;
    let estimate = Estimates::of(release.tables()).of_sum(place, count, 1)?;
    Some((Sight { table, cell, figure }, estimate))
}
