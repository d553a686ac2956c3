//! A change for each rule over the kinds that are lists of fields.

use super::{Breakage, changed};
use crate::alert::{AlertContent, CountryInRole, Observed, Place, Subject, sample};
use crate::id::Digest;
use crate::time::Period;
use crate::vocabulary::*;

/// An example of a kind with a change of its envelope, and one with a change of its fields.
fn with(kind: AlertKind, change: fn(&mut AlertContent)) -> AlertContent {
    changed(sample::of(kind), change)
}

/// An example with a change of its fields.
macro_rules! fields {
    ($kind:ident, $variant:ident, $change:expr) => {
        with(AlertKind::$kind, |c| {
            let Subject::$variant(fields) = &mut c.subject else { panic!() };
            let change: fn(&mut crate::alert::$variant) = $change;
            change(fields);
        })
    };
}

/// Of the kinds that are lists of fields.
pub(super) fn breakages() -> Vec<Breakage> {
    [of_pointers(), of_patterns(), of_documents_and_centres(), of_others()].concat()
}

fn of_pointers() -> Vec<Breakage> {
    vec![
        ("support-not-about-cases", with(AlertKind::SITUATIONAL_WARNING, |c| c.support = SupportBand::FROM_50)),
        ("support-not-about-cases", with(AlertKind::RECRUITMENT_PATTERN, |c| c.support = SupportBand::NO_CASES)),
        ("support-below-k", with(AlertKind::RECRUITMENT_PATTERN, |c| c.support = SupportBand::NO_CASES)),
        ("tlp-too-wide", with(AlertKind::DOCUMENT_PATTERN, |c| c.tlp = Tlp::AMBER)),
        ("tlp-too-wide", with(AlertKind::CENTRE_DISAPPEARANCE_PATTERN, |c| c.tlp = Tlp::GREEN)),
        (
            "removal-risks-missing",
            fields!(CHILD_AT_RISK_OF_REMOVAL_POINTER, ChildAtRiskOfRemovalPointer, |p| p.removal_risks.clear()),
        ),
        (
            "current-place",
            fields!(CHILD_AT_RISK_OF_REMOVAL_POINTER, ChildAtRiskOfRemovalPointer, |p| p.current =
                Place { country: Country::UNKNOWN, nuts1: None }),
        ),
        (
            "found-place",
            fields!(FOUND_CHILD_QUERY, FoundChildQuery, |q| q.found.country = Country::parse("SE").unwrap()),
        ),
        ("pointer-sex", fields!(CHILD_AT_RISK_OF_REMOVAL_POINTER, ChildAtRiskOfRemovalPointer, |p| p.sex = Sex::OTHER)),
        (
            "elapsed-not-asked",
            with(AlertKind::FOUND_CHILD_QUERY, |c| c.observed = Observed::Elapsed(ElapsedBand::UNDER_24_HOURS)),
        ),
        (
            "situation-not-shareable",
            fields!(FOUND_CHILD_QUERY, FoundChildQuery, |q| {
                q.situations.insert(ChildSituation::ASYLUM_APPLICANT);
            }),
        ),
        ("pointer-tlp", with(AlertKind::CROSS_BORDER_REFERRAL_REQUEST, |c| c.tlp = Tlp::AMBER)),
        ("found-month", fields!(FOUND_CHILD_QUERY, FoundChildQuery, |q| q.found_month = Period::Quarter(2026, 3))),
    ]
}

fn of_patterns() -> Vec<Breakage> {
    vec![
        (
            "urgency-missing",
            fields!(CROSS_BORDER_REFERRAL_REQUEST, CrossBorderReferralRequest, |r| r.urgency =
                ReferralUrgency::UNKNOWN),
        ),
        (
            "languages-unknown",
            fields!(FOUND_CHILD_QUERY, FoundChildQuery, |q| q.languages = [Language::ENG, Language::TIR].into()),
        ),
        (
            "query-asks",
            with(AlertKind::FOUND_CHILD_QUERY, |c| c.requested_actions = [RequestedAction::CALL_BACK].into()),
        ),
        (
            "query-asks",
            with(AlertKind::FOUND_CHILD_QUERY, |c| {
                c.requested_actions.insert(RequestedAction::LOOK_OUT);
            }),
        ),
        (
            "languages-unknown",
            fields!(FOUND_CHILD_QUERY, FoundChildQuery, |q| {
                q.languages.insert(Language::OTHER);
            }),
        ),
        (
            "languages-unknown",
            fields!(RECRUITMENT_PATTERN, RecruitmentPattern, |p| {
                p.languages.insert(Language::from_number(777).unwrap());
            }),
        ),
        (
            "referral-reasons-missing",
            fields!(CROSS_BORDER_REFERRAL_REQUEST, CrossBorderReferralRequest, |r| r.reasons.clear()),
        ),
        (
            "referral-asks",
            with(AlertKind::CROSS_BORDER_REFERRAL_REQUEST, |c| {
                c.requested_actions = [RequestedAction::CALL_BACK].into()
            }),
        ),
        (
            "child-view-missing",
            fields!(CROSS_BORDER_REFERRAL_REQUEST, CrossBorderReferralRequest, |r| r.child_view = ChildView::UNKNOWN),
        ),
        ("platforms-missing", fields!(RECRUITMENT_PATTERN, RecruitmentPattern, |p| p.platforms.clear())),
        ("forms-missing", fields!(RECRUITMENT_PATTERN, RecruitmentPattern, |p| p.forms.clear())),
        (
            "target-not-shareable",
            fields!(RECRUITMENT_PATTERN, RecruitmentPattern, |p| {
                p.target_situations.insert(ChildSituation::DISABILITY);
            }),
        ),
    ]
}

fn of_documents_and_centres() -> Vec<Breakage> {
    vec![
        ("documents-missing", fields!(DOCUMENT_PATTERN, DocumentPattern, |p| p.documents.clear())),
        (
            "document-patterns",
            fields!(DOCUMENT_PATTERN, DocumentPattern, |p| {
                p.patterns.insert(Indicator::UB01);
            }),
        ),
        ("document-patterns", fields!(DOCUMENT_PATTERN, DocumentPattern, |p| p.patterns.clear())),
        (
            "issuing-countries-named",
            fields!(DOCUMENT_PATTERN, DocumentPattern, |p| p.issuing_countries = [Country::OTHER].into()),
        ),
        (
            "centre-place",
            fields!(CENTRE_DISAPPEARANCE_PATTERN, CentreDisappearancePattern, |p| p.place.country = Country::UNKNOWN),
        ),
        (
            "centre-place",
            changed(
                fields!(CENTRE_DISAPPEARANCE_PATTERN, CentreDisappearancePattern, |p| p.place.nuts1 =
                    Nuts1::parse("NO0").ok()),
                |c| (c.tlp, c.support) = (Tlp::RED, SupportBand::FROM_3_TO_4),
            ),
        ),
        (
            "pull-countries-named",
            fields!(CENTRE_DISAPPEARANCE_PATTERN, CentreDisappearancePattern, |p| p.pull_countries =
                [Country::OTHER].into()),
        ),
        (
            "centre-indicators",
            fields!(CENTRE_DISAPPEARANCE_PATTERN, CentreDisappearancePattern, |p| {
                p.indicators.insert(Indicator::DO01);
            }),
        ),
    ]
}

fn of_others() -> Vec<Breakage> {
    vec![
        (
            "roles-of-a-child",
            fields!(SITUATIONAL_WARNING, SituationalWarning, |w| {
                w.countries.insert(CountryInRole { role: CountryRole::CITIZENSHIP, country: Country::UNKNOWN });
            }),
        ),
        (
            "roles-of-a-child",
            fields!(PREVENTION_PRACTICE, PreventionPractice, |p| {
                p.countries.insert(CountryInRole { role: CountryRole::CURRENT, country: Country::UNKNOWN });
            }),
        ),
        ("notice-digests", fields!(TREND_SUMMARY_NOTICE, TrendSummaryNotice, |n| n.release = Digest::NONE)),
        (
            "notice-digests",
            fields!(TREND_SUMMARY_NOTICE, TrendSummaryNotice, |n| n.release =
                Digest(*b"Janis Berzins, born 7 March 2011")),
        ),
        (
            "notice-digests",
            fields!(TREND_SUMMARY_NOTICE, TrendSummaryNotice, |n| n.revises = Some(Digest::of(b"another"))),
        ),
        (
            "events-missing",
            fields!(SITUATIONAL_WARNING, SituationalWarning, |w| w.events = [WarningEvent::UNKNOWN].into()),
        ),
        ("events-missing", fields!(SITUATIONAL_WARNING, SituationalWarning, |w| w.events.clear())),
        ("practice-missing", fields!(PREVENTION_PRACTICE, PreventionPractice, |p| p.methods.clear())),
        ("practice-missing", fields!(PREVENTION_PRACTICE, PreventionPractice, |p| p.audiences.clear())),
        ("notice-cohort", fields!(TREND_SUMMARY_NOTICE, TrendSummaryNotice, |n| n.cohort = Period::Month(2026, 7))),
    ]
}
