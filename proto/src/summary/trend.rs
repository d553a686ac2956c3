//! The payload: a release and whom it is addressed to.

use super::release::Release;
use crate::envelope::{Payload, Rejection, Sealed};
use crate::time::Period;
use crate::wire::peer;

/// One country's noisy counts of one cohort, addressed.
#[derive(Debug, Clone, PartialEq)]
pub struct TrendSummary {
    header: peer::Header,
    release: Release,
}

impl TrendSummary {
    /// Addresses a release.
    pub fn new(header: peer::Header, release: Release) -> Self {
        Self { header, release }
    }

    /// What is published.
    pub fn release(&self) -> &Release {
        &self.release
    }

    /// As it is signed.
    pub fn to_wire(&self) -> peer::TrendSummary {
        peer::TrendSummary { header: Some(self.header.clone()), release: Some(self.release.to_wire()) }
    }
}

impl Sealed for TrendSummary {}

impl Payload for TrendSummary {
    type Wire = peer::TrendSummary;
    const TYPE: &'static str = "application/vnd.varde.summary.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let peer::TrendSummary { header, release } = wire;
        let header = header.ok_or(Rejection::Content("header"))?;
        let release = Release::from_wire(release.ok_or(Rejection::Content("summary-release"))?)?;
        Ok(Self { header, release })
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    fn class(&self) -> u8 {
        3
    }
}

/// Reads the period of a cohort: a year, half-year or quarter. A month holds too few children to be worth its noise.
pub(super) fn cohort(text: &str) -> Option<Period> {
    let period = Period::parse(text).ok()?;
    (period.months().1 > 1).then_some(period)
}
