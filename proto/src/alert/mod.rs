//! The alert: a minimised, coded message about a pattern, or a pointer to a case, from one country to named others.
//!
//! In: its content ([`AlertContent`]), its one encoding, the [`rules`] that sender, receiver and auditor check alike, and
//! the JSON in which people write a draft and read an alert. Out: building content from case records (`varde-node`,
//! `national::minimise`), signing and addressing (`envelope`), keeping and sending (`varde-node`).

mod admit;
mod content;
mod decode;
mod defaults;
mod encode;
pub mod kinds;
pub mod rules;
pub mod show;
mod token;

pub use admit::admit;
pub use content::{
    AlertContent, CountryInRole, Leg, MissingChildPointer, ModusOperandi, Observed, Place, RouteCorridor, Stop,
    Subject, SuspectedDestination,
};
pub use defaults::{Defaults, defaults, longest_chain, longest_life};
pub use kinds::{
    CentreDisappearancePattern, ChildAtRiskOfRemovalPointer, CrossBorderReferralRequest, DocumentPattern, Family,
    FoundChildQuery, PreventionPractice, RecruitmentPattern, SituationalWarning, TrendSummaryNotice,
};
pub use token::{looks_written, random_token};

use crate::envelope::{Payload, Rejection, Sealed};
use crate::id::Digest;
use crate::time::Timestamp;
use crate::vocabulary::PersonalDataLevel;
use crate::wire::peer;

impl AlertContent {
    /// The bytes in which a draft keeps it: an alert without header, time of issue and decision.
    pub fn to_wire(&self) -> peer::Alert {
        encode::content(self)
    }

    /// Reads them back. Its rules are checked when it is issued.
    pub fn from_wire(wire: peer::Alert) -> Result<Self, Rejection> {
        decode::content(wire).map(|(content, _)| content)
    }
}

/// An alert that keeps every rule: made by [`Alert::issue`] at the sender and read by [`Payload::from_wire`] elsewhere, which
/// run the same lines.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    header: peer::Header,
    issued_at: Timestamp,
    decision: Digest,
    content: AlertContent,
}

impl Alert {
    /// Issues a content. `now` is cut as the kind wants it; `decision` is the commitment to the sharing
    /// decision. Refuses what a receiver would refuse.
    pub fn issue(
        content: AlertContent,
        header: peer::Header,
        now: Timestamp,
        decision: Digest,
    ) -> Result<Self, Rejection> {
        let issued_at = rules::precision(content.kind()).cut(now);
        let alert = Self { header, issued_at, decision, content };
        Self::from_wire(alert.to_wire())
    }

    /// What it says.
    pub fn content(&self) -> &AlertContent {
        &self.content
    }

    /// Cut to the day, and to the minute where a child is missing or may be taken away.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// The salted commitment to the sharing decision that stays in the issuer's node.
    pub fn decision(&self) -> Digest {
        self.decision
    }

    /// Its message, as it is signed and sent.
    pub fn to_wire(&self) -> peer::Alert {
        encode::alert(self)
    }
}

impl Sealed for Alert {}

impl Payload for Alert {
    type Wire = peer::Alert;
    const TYPE: &'static str = "application/vnd.varde.alert.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let alert = decode::alert(wire)?;
        match rules::first_broken(&alert) {
            Some(code) => Err(Rejection::Content(code)),
            None => Ok(alert),
        }
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    /// 1 (urgent) for a pointer to one child, 2 otherwise.
    fn class(&self) -> u8 {
        if self.content.personal_data_level == PersonalDataLevel::L1 { 1 } else { 2 }
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
