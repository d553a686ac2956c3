#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::alert::Subject;
use crate::alert::sample::{self, header, issue, missing_child_pointer, modus_operandi, now, route_corridor};
use crate::alert::tests::refused;
use crate::alert::{CountryInRole, MissingChildPointer, ModusOperandi, Observed, Place, RouteCorridor};
use crate::envelope::{Payload, Rejection};
use crate::id::{AlertId, Digest};
use crate::time::{Period, Week};
use crate::vocabulary::*;
use crate::wire::peer;
use std::collections::BTreeSet;
use std::time::Duration;

mod kinds;

const DAY: Duration = Duration::from_secs(86_400);

/// A rule's code, and a content that breaks it.
type Breakage = (&'static str, AlertContent);

/// One change for each rule over a content, which breaks that rule.
fn breakages() -> Vec<Breakage> {
    [
        envelope_breakages(),
        envelope_breakages_of_a_pointer(),
        pattern_breakages(),
        pointer_breakages(),
        kinds::breakages(),
    ]
    .concat()
}

/// The same as a version that follows another.
fn following(content: &AlertContent, version: u32) -> AlertContent {
    let (supersedes, msg_type) = (Some(Digest::of(b"before")), MsgType::CORRECT);
    AlertContent { version, supersedes, msg_type, ..content.clone() }
}

#[test]
fn a_correction_and_an_update_keep_every_rule() {
    for version in [2, 255] {
        let correct = following(&modus_operandi(), version);
        assert!(broken(&correct).is_empty());
        assert!(broken(&AlertContent { msg_type: MsgType::UPDATE, ..correct }).is_empty());
    }
}

fn mo(change: fn(&mut AlertContent)) -> AlertContent {
    changed(modus_operandi(), change)
}

fn mo_in(change: fn(&mut ModusOperandi)) -> AlertContent {
    let mut content = modus_operandi();
    let Subject::ModusOperandi(m) = &mut content.subject else { panic!() };
    change(m);
    content
}

fn route(change: fn(&mut RouteCorridor)) -> AlertContent {
    let mut content = route_corridor();
    in_route(&mut content, change);
    content
}

fn child(change: fn(&mut AlertContent)) -> AlertContent {
    changed(missing_child_pointer(), change)
}

fn child_in(change: fn(&mut MissingChildPointer)) -> AlertContent {
    let mut content = missing_child_pointer();
    let Subject::MissingChildPointer(p) = &mut content.subject else { panic!() };
    change(p);
    content
}

/// Of what every kind carries.
fn envelope_breakages() -> Vec<Breakage> {
    vec![
        ("msg-type-not-accepted", mo(|c| c.msg_type = MsgType::WITHDRAW)),
        ("version-chain", mo(|c| c.version = 2)),
        ("version-chain", mo(|c| c.supersedes = Some(Digest::of(b"before")))),
        ("version-chain", mo(|c| c.msg_type = MsgType::CORRECT)),
        ("version-chain", mo(|c| (c.version, c.supersedes) = (2, Some(Digest::of(b"before"))))),
        ("version-chain", mo(|c| *c = following(c, 256))),
        ("version-chain", mo(|c| *c = following(c, 1))),
        ("id-readable", mo(|c| c.id = AlertId(*b"JanisB2011-03-07"))),
        ("contact-token-readable", mo(|c| c.contact_token = *b"+370612345")),
        ("contact-token-readable", mo(|c| c.contact_token = [0x20, 0x11, 3, 7, 0, 0, 0, 0, 0, 0])),
        ("observed-precision", mo(|c| c.observed = Observed::Period(Period::Month(2026, 7)))),
        ("observed-precision", mo(|c| c.observed = Observed::Elapsed(ElapsedBand::OVER_90_DAYS))),
        ("level-of-kind", mo(|c| c.personal_data_level = PersonalDataLevel::L1)),
        ("handling-missing", mo(|c| c.handling.clear())),
        ("purposes-missing", mo(|c| c.purposes.clear())),
        ("legal-basis-missing", mo(|c| c.legal_basis = LegalBasis::UNKNOWN)),
        ("legal-basis-regime", mo(|c| c.legal_basis = LegalBasis::LED_8)),
        ("sources-missing", mo(|c| c.sources.clear())),
        ("requested-actions-missing", mo(|c| c.requested_actions.clear())),
        (
            "inform-only-with-more",
            mo(|c| {
                c.requested_actions.insert(RequestedAction::INFORM_ONLY);
            }),
        ),
        ("expires-precision", mo(|c| c.expires_at = c.expires_at.after(DAY / 2))),
        ("review-precision", mo(|c| c.review_at = c.review_at.after(DAY / 2))),
        ("review-after-expiry", mo(|c| c.review_at = c.expires_at.after(DAY))),
        ("support-below-k", mo(|c| c.support = SupportBand::FROM_3_TO_4)),
        ("support-below-k", mo(|c| c.tlp = Tlp::AMBER_STRICT).tap(|c| c.support = SupportBand::TWO)),
        ("support-one-source", mo(lonely)),
        ("contact-channel-missing", mo(|c| c.contact_channel = ContactChannel::WITHHELD)),
        ("contact-channel-missing", mo(|c| c.desk_role = DeskRole::UNKNOWN)),
        ("sexes-below-k", mo(|c| c.support = SupportBand::FROM_5_TO_9)),
    ]
}

/// Of what every kind carries, where a pointer shows it.
fn envelope_breakages_of_a_pointer() -> Vec<Breakage> {
    vec![
        ("observed-precision", child(|c| c.observed = Observed::Period(Period::Quarter(2026, 3)))),
        ("reply-by-missing", child(|c| c.reply_by = None)),
        ("reply-by-precision", child(|c| c.reply_by = Some(now()))),
        ("reply-after-expiry", child(|c| c.reply_by = Some(c.expires_at.after(DAY)))),
        ("pointer-tlp", child(|c| c.tlp = Tlp::AMBER_STRICT)),
        ("pointer-support", child(|c| c.support = SupportBand::TWO)),
        (
            "pointer-purposes",
            child(|c| {
                c.purposes.insert(Purpose::P5);
            }),
        ),
        (
            "pointer-prohibitions",
            child(|c| {
                c.prohibitions.remove(&Prohibition::X1);
            }),
        ),
        ("pointer-legal-basis", child(impersonal)),
    ]
}

/// Of the two kinds that speak of patterns.
fn pattern_breakages() -> Vec<Breakage> {
    vec![
        ("forms-missing", mo_in(|m| m.forms.clear())),
        ("age-bands-too-narrow", mo_in(|m| m.age_bands = [AgeBand::AGE_9_13].into())),
        (
            "age-bands-too-narrow",
            mo_in(|m| {
                m.age_bands.insert(AgeBand::UNKNOWN);
            }),
        ),
        ("age-bands-too-narrow", mo_in(|m| m.age_bands.clear())),
        ("sexes-not-both", mo_in(|m| m.sexes = [Sex::MALE].into())),
        ("countries-missing", mo_in(|m| m.countries.clear())),
        ("forms-missing", route(|r| r.forms.clear())),
        ("stops-number", route(|r| r.stops.truncate(1)).tap(|c| in_route(c, |r| r.legs.clear()))),
        (
            "legs-number",
            route(|r| {
                r.legs.pop();
            }),
        ),
        ("stops-named", route(|r| r.stops[0].place.country = Country::UNKNOWN)),
        ("stops-role", route(|r| r.stops[0].role = CountryRole::CITIZENSHIP)),
        ("stops-repeated", route(|r| r.stops[2] = r.stops[1])),
        ("stops-region-country", route(|r| r.stops[1].place.country = Country::parse("BG").unwrap())),
        ("legs-below-k", route(|r| r.legs[1].support = SupportBand::FROM_3_TO_4)),
        ("legs-above-support", route(|r| r.legs[0].support = SupportBand::FROM_20_TO_49)),
        ("region-below-k", changed(route(|r| r.legs[1].support = SupportBand::TWO), |c| c.tlp = Tlp::RED)),
    ]
}

/// Of the kind that points to one child.
fn pointer_breakages() -> Vec<Breakage> {
    vec![
        ("pointer-sex", child_in(|p| p.sex = Sex::OTHER)),
        ("pointer-age-band", child_in(|p| p.age_band = AgeBand::WITHHELD)),
        (
            "situation-not-shareable",
            child_in(|p| {
                p.situations.insert(ChildSituation::ASYLUM_APPLICANT);
            }),
        ),
        (
            "situation-not-shareable",
            child_in(|p| {
                p.situations.insert(ChildSituation::from_number(44).unwrap());
            }),
        ),
        ("last-seen-country", child_in(|p| p.last_seen = Place { country: Country::UNKNOWN, nuts1: None })),
        ("last-seen-region", child_in(|p| p.last_seen.country = Country::parse("SE").unwrap())),
        ("destinations-named", child_in(|p| p.suspected_destinations[1].country = Country::OTHER)),
    ]
}

trait Tap: Sized {
    fn tap(self, change: fn(&mut Self)) -> Self;
}

impl Tap for AlertContent {
    fn tap(self, change: fn(&mut Self)) -> Self {
        changed(self, change)
    }
}

fn changed(mut content: AlertContent, change: fn(&mut AlertContent)) -> AlertContent {
    change(&mut content);
    content
}

fn in_route(content: &mut AlertContent, change: fn(&mut RouteCorridor)) {
    let Subject::RouteCorridor(r) = &mut content.subject else { panic!() };
    change(r);
}

fn lonely(c: &mut AlertContent) {
    c.tlp = Tlp::AMBER_STRICT;
    c.support = SupportBand::FROM_3_TO_4;
    c.independent_sources = IndependentSources::ONE;
    let Subject::ModusOperandi(m) = &mut c.subject else { panic!() };
    m.sexes.clear();
}

fn impersonal(c: &mut AlertContent) {
    c.legal_regime = LegalRegime::NONE;
    c.legal_basis = LegalBasis::NOT_PERSONAL;
}

#[test]
fn every_rule_refuses_what_breaks_it_and_names_itself() {
    for (code, content) in breakages() {
        let found: Vec<_> = broken(&content).iter().map(|rule| rule.code).collect();
        assert!(found.contains(&code), "{code} does not bite; broken: {found:?}");
        let refusal = refused(issue(content));
        assert!(found.contains(&refusal), "{code}: refused as {refusal}");
    }
    let tried: BTreeSet<_> = breakages().iter().map(|(code, _)| *code).collect();
    assert_eq!(tried, super::all().map(|rule| rule.code).collect(), "a rule without a breakage");
    for content in crate::alert::sample::all() {
        assert!(broken(&content).is_empty());
    }
}

/// One change for each rule over an issued alert.
fn breakages_at_issue() -> Vec<(&'static str, Alert)> {
    let pattern = |change: fn(&mut Alert)| {
        let mut alert = issue(modus_operandi()).unwrap();
        change(&mut alert);
        alert
    };
    let pointer = |change: fn(&mut Alert)| {
        let mut alert = issue(missing_child_pointer()).unwrap();
        change(&mut alert);
        alert
    };
    vec![
        ("issued-precision", pattern(|a| a.issued_at = now())),
        ("expires-before-issue", pattern(|a| a.issued_at = a.content.expires_at)),
        ("life-too-long", pattern(|a| a.content.expires_at = a.content.expires_at.after(3 * DAY))),
        ("life-too-long", pointer(|a| a.issued_at = now().to_day())),
        ("review-before-issue", pattern(|a| a.content.review_at = Timestamp::parse("2026-11-20T00:00:00Z").unwrap())),
        ("reply-before-issue", pointer(|a| a.content.reply_by = Some(a.issued_at))),
        ("period-in-future", pattern(|a| a.content.observed = Observed::Period(Period::Quarter(2027, 1)))),
        ("decision-missing", pattern(|a| a.decision = Digest::NONE)),
        ("recipients-missing", pattern(|a| a.header.recipients.clear())),
        ("recipients-missing", pattern(|a| a.header.recipients = vec!["everybody".into()])),
        ("recipient-is-issuer", pattern(|a| a.header.recipients = vec![a.header.issuer.clone()])),
        ("support-bilateral", pattern(|a| a.content = to_two_countries())),
        ("transfer-ground-missing", pointer(|a| a.header.recipients = vec!["varde.example/md/1".into()])),
        ("recipient-is-origin", pattern(to_the_country_of_citizenship)),
        (
            "found-long-ago",
            of(AlertKind::FOUND_CHILD_QUERY, |c| {
                let Subject::FoundChildQuery(q) = &mut c.subject else { panic!() };
                q.found_month = Period::Month(2025, 10);
            }),
        ),
        (
            "travel-week-range",
            of(AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER, |c| {
                let Subject::ChildAtRiskOfRemovalPointer(p) = &mut c.subject else { panic!() };
                p.travel_week = Week::parse("2011-W10").ok();
            }),
        ),
        (
            "travel-week-range",
            of(AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER, |c| {
                let Subject::ChildAtRiskOfRemovalPointer(p) = &mut c.subject else { panic!() };
                p.travel_week = Week::parse("2027-W10").ok();
            }),
        ),
        (
            "reply-by-urgency",
            of(AlertKind::CROSS_BORDER_REFERRAL_REQUEST, |c| {
                let Subject::CrossBorderReferralRequest(r) = &mut c.subject else { panic!() };
                r.urgency = ReferralUrgency::IMMEDIATE;
            }),
        ),
    ]
}

/// An issued example of a kind with a change.
fn of(kind: AlertKind, change: fn(&mut AlertContent)) -> Alert {
    let mut alert = issue(sample::of(kind)).unwrap();
    change(&mut alert.content);
    alert
}

fn to_two_countries() -> AlertContent {
    changed(modus_operandi(), |c| {
        lonely(c);
        c.independent_sources = IndependentSources::TWO;
    })
}

fn to_the_country_of_citizenship(alert: &mut Alert) {
    alert.content.prohibitions.insert(Prohibition::X4);
    let Subject::ModusOperandi(m) = &mut alert.content.subject else { panic!() };
    m.countries.insert(CountryInRole { role: CountryRole::CITIZENSHIP, country: Country::parse("LT").unwrap() });
}

#[test]
fn every_rule_over_an_issued_alert_refuses_what_breaks_it() {
    for (code, alert) in breakages_at_issue() {
        let found: Vec<_> = broken_at_issue(&alert).iter().map(|rule| rule.code).collect();
        assert!(found.contains(&code), "{code} does not bite; broken: {found:?}");
        assert!(Alert::from_wire(alert.to_wire()).is_err());
    }
    let tried: BTreeSet<_> = breakages_at_issue().iter().map(|(code, _)| *code).collect();
    assert_eq!(tried, all_at_issue().map(|rule| rule.code).collect(), "a rule without a breakage");
}

#[test]
fn few_cases_go_to_one_country_by_name() {
    let alone = |content| {
        let header = peer::Header { recipients: vec!["varde.example/lt/1".into()], ..header() };
        Alert::issue(content, header, now(), Digest::of(b"decision"))
    };
    assert!(alone(to_two_countries()).is_ok());
    let single = changed(to_two_countries(), |c| {
        c.tlp = Tlp::RED;
        c.support = SupportBand::SINGLE;
    });
    assert!(alone(single.clone()).is_ok());
    assert_eq!(refused(issue(single)), "support-bilateral");
}

#[test]
fn the_codes_of_rules_fit_a_refusal() {
    let codes = super::all().map(|r| r.code).chain(all_at_issue().map(|r| r.code));
    for code in codes {
        let text = Rejection::Content(code).code();
        assert!(text.len() <= 64 && text.bytes().all(|b| b.is_ascii_lowercase() || b"-:".contains(&b)), "{text}");
    }
}
