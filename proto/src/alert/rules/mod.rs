//! The rules that every alert keeps, as one table: the issuer checks them when it drafts and again when it releases, the
//! receiver before it stores, the auditor when it reads a bundle. Each has a code of its own, which a refusal names.
//!
//! The minimum case counts k (domain: alert kinds) are checked as far as bands can show them: 10 for GREEN and CLEAR, 5 for
//! AMBER, 3 with two independent sources for AMBER_STRICT; below that only RED, to one named recipient.

mod envelope;
mod issue;
mod kinds;
mod pattern;
mod pointer;

use super::{Alert, AlertContent};
use crate::time::Timestamp;
use crate::vocabulary::{AlertKind, PersonalDataLevel, SupportBand, Tlp};

/// One rule over what is drafted.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its code, as a refusal names it.
    pub code: &'static str,
    /// The field of the draft's file that breaks it.
    pub field: &'static str,
    /// What is wanted there.
    pub wanted: &'static str,
    /// What to do about it.
    pub next: &'static str,
    holds: fn(&AlertContent) -> bool,
}

/// One rule over an alert that is issued: its times and its recipients.
#[derive(Debug, Clone, Copy)]
pub struct IssueRule {
    /// Its code, as a refusal names it.
    pub code: &'static str,
    /// What is wanted.
    pub wanted: &'static str,
    /// What to do about it.
    pub next: &'static str,
    holds: fn(&Alert) -> bool,
}

/// Every rule over a content.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    envelope::RULES.iter().chain(pattern::RULES).chain(pointer::RULES).chain(kinds::RULES)
}

/// Every rule over an issued alert.
pub fn all_at_issue() -> impl Iterator<Item = &'static IssueRule> {
    issue::RULES.iter()
}

/// The rules that a content breaks, in the order of the table; none for one that may be released.
pub fn broken(content: &AlertContent) -> Vec<&'static Rule> {
    all().filter(|rule| !(rule.holds)(content)).collect()
}

/// The rules that an issued alert breaks beyond those of its content.
pub fn broken_at_issue(alert: &Alert) -> Vec<&'static IssueRule> {
    all_at_issue().filter(|rule| !(rule.holds)(alert)).collect()
}

/// The code of the first rule that an issued alert breaks.
pub fn first_broken(alert: &Alert) -> Option<&'static str> {
    let content = all().find(|rule| !(rule.holds)(&alert.content)).map(|rule| rule.code);
    content.or_else(|| all_at_issue().find(|rule| !(rule.holds)(alert)).map(|rule| rule.code))
}

/// To what the times of a kind are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// Everything else: a day says when it was written up, not when anything happened.
    Day,
    /// Hours matter when a child is missing or about to be taken away.
    Minute,
}

impl Precision {
    /// Cuts a time.
    pub fn cut(self, time: Timestamp) -> Timestamp {
        match self {
            Self::Day => time.to_day(),
            Self::Minute => time.to_minute(),
        }
    }
}

/// The precision of a kind's times.
pub fn precision(kind: AlertKind) -> Precision {
    let urgent = [AlertKind::MISSING_CHILD_POINTER, AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER];
    if urgent.contains(&kind) { Precision::Minute } else { Precision::Day }
}

/// The minimum number of distinct cases behind a pattern: k. RED has none, and goes to one recipient by name.
pub fn minimum_cases(tlp: Tlp) -> u64 {
    match tlp {
        Tlp::RED => 1,
        Tlp::AMBER_STRICT => 3,
        Tlp::AMBER => 5,
        _ => 10,
    }
}

/// The minimum number of distinct cases behind a region below the country: k, and never under AMBER's.
pub fn minimum_cases_for_region(tlp: Tlp) -> u64 {
    match tlp {
        Tlp::AMBER_STRICT => 3,
        _ => minimum_cases(tlp).max(5),
    }
}

fn reaches(band: SupportBand, cases: u64) -> bool {
    band.lowest() >= cases
}

fn is_pattern(content: &AlertContent) -> bool {
    content.kind().level() == PersonalDataLevel::L0
}

/// Whether k is asked of it.
fn counts_cases(content: &AlertContent) -> bool {
    is_pattern(content) && content.kind().is_about_cases()
}

#[cfg(test)]
mod tests;
