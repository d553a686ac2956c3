//! One line of a node's privacy budget, with the rules that need no other line. What the lines say together is checked by
//! [`super::Chain`].

use super::family::{self, Edition};
use super::rho::{Rho, cost};
use crate::envelope::{Payload, Rejection, Sealed};
use crate::id::Digest;
use crate::limits;
use crate::time::{Period, Timestamp};
use crate::wire::peer;

/// What one table costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Charge {
    /// Cells that a child may change, by one each.
    pub contribution: u32,
    /// Variance of the noise in 1/1024.
    pub sigma2_q10: u64,
}

/// What a line does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Spends, before anything is counted.
    Reserve(Vec<Charge>),
    /// Names the one release that was paid for.
    Commit {
        /// SHA-256(PAE) of the RESERVE entry.
        reserve: Digest,
        /// The release's digest.
        release: Digest,
    },
    /// There is no release and there will be none; the cost stays spent.
    Void {
        /// SHA-256(PAE) of the RESERVE entry.
        reserve: Digest,
    },
}

impl Act {
    /// `RESERVE`, `COMMIT` or `VOID`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reserve(_) => "RESERVE",
            Self::Commit { .. } => "COMMIT",
            Self::Void { .. } => "VOID",
        }
    }

    /// What it adds to the cohort's spending; `None` if a charge has no noise or the sum overflows.
    pub fn rho(&self) -> Option<Rho> {
        match self {
            Self::Reserve(charges) => charges
                .iter()
                .try_fold(Rho::default(), |sum, charge| sum.plus(cost(charge.contribution, charge.sigma2_q10)?)),
            Self::Commit { .. } | Self::Void { .. } => Some(Rho::default()),
        }
    }
}

/// One line of the budget.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// Who issues it, and to whom it goes.
    pub header: peer::Header,
    /// From 1, without gaps.
    pub seq: u64,
    /// SHA-256(PAE) of the entry before; [`Digest::NONE`] for the first.
    pub prev: Digest,
    /// What it does.
    pub act: Act,
    /// Which children.
    pub cohort: Period,
    /// Which publication.
    pub edition: Edition,
    /// What the cohort has spent with it.
    pub spent: Rho,
    /// SHA-256 of the issuer's program.
    pub program: Digest,
    /// When.
    pub time: Timestamp,
}

impl LedgerEntry {
    /// As it is signed.
    pub fn to_wire(&self) -> peer::LedgerEntry {
        let bytes = |digest: &Digest| bytes::Bytes::copy_from_slice(&digest.0);
        let (act, charges, settles, release) = match &self.act {
            Act::Reserve(charges) => {
                (peer::LedgerAct::Reserve, charges.clone(), Default::default(), Default::default())
            }
            Act::Commit { reserve, release } => (peer::LedgerAct::Commit, Vec::new(), bytes(reserve), bytes(release)),
            Act::Void { reserve } => (peer::LedgerAct::Void, Vec::new(), bytes(reserve), Default::default()),
        };
        let charge = |c: Charge| peer::Charge { max_contribution: c.contribution, sigma2_q10: c.sigma2_q10 };
        peer::LedgerEntry {
            header: Some(self.header.clone()),
            seq: self.seq,
            prev: bytes(&self.prev),
            act: act as i32,
            cohort: self.cohort.to_string(),
            edition: self.edition.to_wire(),
            family: family::NAME.to_owned(),
            family_version: family::VERSION,
            charges: charges.into_iter().map(charge).collect(),
            rho_nano: self.act.rho().unwrap_or_default().nano(),
            rho_nano_cohort: self.spent.nano(),
            rho_nano_cap: family::COHORT_CAP.nano(),
            settles,
            release,
            program: bytes(&self.program),
            time_ms: self.time.ms(),
        }
    }
}

impl Sealed for LedgerEntry {}

impl Payload for LedgerEntry {
    type Wire = peer::LedgerEntry;
    const TYPE: &'static str = "application/vnd.varde.budget.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let peer::LedgerEntry {
            header,
            seq,
            prev,
            act,
            cohort,
            edition,
            family,
            family_version,
            charges,
            rho_nano,
            rho_nano_cohort,
            rho_nano_cap,
            settles,
            release,
            program,
            time_ms,
        } = wire;
        let header = header.ok_or(Rejection::Content("header"))?;
        let prev = Digest::from_bytes(&prev).ok_or(Rejection::Content("budget-prev"))?;
        if seq == 0 || (seq == 1) != (prev == Digest::NONE) {
            return Err(Rejection::Content("budget-seq"));
        }
        if family != family::NAME || family_version != family::VERSION {
            return Err(Rejection::Content("budget-family"));
        }
        let cohort = super::trend::cohort(&cohort).ok_or(Rejection::Content("budget-cohort"))?;
        let edition = Edition::from_wire(edition).ok_or(Rejection::Content("budget-edition"))?;
        let act = read_act(act, charges, &settles, &release)?;
        let rho = act.rho().ok_or(Rejection::Content("budget-charges"))?;
        if rho.nano() != rho_nano || rho_nano_cohort < rho_nano {
            return Err(Rejection::Content("budget-rho"));
        }
        let within_caps = rho <= edition.cap() && rho_nano_cohort <= rho_nano_cap;
        if !within_caps || rho_nano_cap != family::COHORT_CAP.nano() {
            return Err(Rejection::Content("budget-overspent"));
        }
        let program = Digest::from_bytes(&program).ok_or(Rejection::Content("budget-program"))?;
        let time = Timestamp::from_ms(time_ms).map_err(|_| Rejection::Content("budget-time"))?;
        let spent = Rho::from_nano(rho_nano_cohort);
        Ok(Self { header, seq, prev, act, cohort, edition, spent, program, time })
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    fn class(&self) -> u8 {
        3
    }
}

fn read_act(act: i32, charges: Vec<peer::Charge>, settles: &[u8], release: &[u8]) -> Result<Act, Rejection> {
    let reserve = Digest::from_bytes(settles);
    let release_digest = Digest::from_bytes(release);
    let act = peer::LedgerAct::try_from(act).unwrap_or(peer::LedgerAct::Unspecified);
    match (act, charges.is_empty(), reserve, release_digest) {
        (peer::LedgerAct::Reserve, false, None, None) if settles.is_empty() && release.is_empty() => {
            read_charges(charges).map(Act::Reserve)
        }
        (peer::LedgerAct::Commit, true, Some(reserve), Some(release)) => Ok(Act::Commit { reserve, release }),
        (peer::LedgerAct::Void, true, Some(reserve), None) if release.is_empty() => Ok(Act::Void { reserve }),
        _ => Err(Rejection::Content("budget-act")),
    }
}

fn read_charges(charges: Vec<peer::Charge>) -> Result<Vec<Charge>, Rejection> {
    let bad = Rejection::Content("budget-charges");
    let tables = family::TableName::ALL;
    if charges.len() != tables.len() {
        return Err(bad);
    }
    let read = |(charge, table): (peer::Charge, family::TableName)| {
        let peer::Charge { max_contribution, sigma2_q10 } = charge;
        let fits = max_contribution == table.contribution() && (1..=limits::SUMMARY_SIGMA2_Q10).contains(&sigma2_q10);
        if fits { Ok(Charge { contribution: max_contribution, sigma2_q10 }) } else { Err(bad) }
    };
    charges.into_iter().zip(tables).map(read).collect()
}
