//! The kinds that are lists of fields: how they are spoiled, and what is still taken of them.

use super::{K, LOWEST, SHAREABLE, at, check_level_0, check_pattern, check_pointer, is_country, is_region};
use proptest::prelude::*;
use varde_proto::time::{Period, Week};
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::{self, alert::Content};

/// A change inside the content.
pub(super) fn spoil(content: &mut Content, n: i32, text: &str) {
    let place = || Some(peer::Place { country: "NO".into(), nuts1: text.into() });
    match content {
        Content::ChildAtRiskOfRemovalPointer(p) => match n % 5 {
            0 => p.situations.push(n),
            1 => p.current = place(),
            2 => p.travel_week = text.into(),
            3 => p.removal_risks.clear(),
            _ => p.sex = n,
        },
        Content::FoundChildQuery(q) => match n % 5 {
            0 => q.languages.push(n),
            1 => q.found_month = text.into(),
            2 => q.found = place(),
            3 => q.situations.push(n),
            _ => q.age_band = n,
        },
        Content::CrossBorderReferralRequest(r) => match n % 3 {
            0 => r.child_view = n,
            1 => r.reasons.clear(),
            _ => r.services.push(n),
        },
        Content::RecruitmentPattern(p) => match n % 4 {
            0 => p.target_situations.push(n),
            1 => p.languages.push(n),
            2 => p.countries[0].country = text.into(),
            _ => p.platforms.clear(),
        },
        Content::DocumentPattern(p) => match n % 3 {
            0 => p.patterns.push(n),
            1 => p.issuing_countries.push(text.into()),
            _ => p.documents.clear(),
        },
        Content::CentreDisappearancePattern(p) => match n % 3 {
            0 => p.place = place(),
            1 => p.indicators.push(n),
            _ => p.pull_countries.push(text.into()),
        },
        Content::SituationalWarning(w) => w.countries[0].country = text.into(),
        Content::PreventionPractice(p) => p.methods.push(n),
        Content::TrendSummaryNotice(t) => match n % 3 {
            0 => t.family = text.into(),
            1 => t.cohort = text.into(),
            _ => t.release = text.as_bytes().to_vec().into(),
        },
        Content::ModusOperandi(_) | Content::RouteCorridor(_) | Content::MissingChildPointer(_) => {}
    }
}

fn is_place(place: Option<&peer::Place>) -> bool {
    place.is_some_and(|place| is_country(&place.country) && is_region(&place.nuts1, &place.country))
}

/// What must hold of what is taken.
pub(super) fn check(wire: &peer::Alert, content: &Content) -> Result<(), TestCaseError> {
    let named = |codes: &[i32], name: fn(i32) -> Option<&'static str>, start: &str| {
        codes.iter().all(|code| name(*code).is_some_and(|name| name.starts_with(start)))
    };
    let indicator = |code| Indicator::from_number(code).and_then(Vocabulary::name);
    let language = |code| Language::from_number(code).and_then(Vocabulary::name);
    match content {
        Content::ChildAtRiskOfRemovalPointer(p) => {
            check_pointer(wire, p.age_band, p.sex, &p.situations)?;
            prop_assert!(is_place(p.current.as_ref()) && !p.removal_risks.is_empty());
            prop_assert!(p.travel_week.is_empty() || Week::parse(&p.travel_week).is_ok());
        }
        Content::FoundChildQuery(q) => {
            check_pointer(wire, q.age_band, 98, &q.situations)?;
            prop_assert!(q.languages.len() <= 1);
            prop_assert!(is_place(q.found.as_ref()) && matches!(Period::parse(&q.found_month), Ok(Period::Month(..))));
            prop_assert!(named(&q.languages, language, ""));
            prop_assert!(wire.requested_actions.iter().all(|asked| [3, 4].contains(asked)));
        }
        Content::CrossBorderReferralRequest(r) => {
            check_pointer(wire, r.age_band, 98, &[])?;
            prop_assert!(!r.reasons.is_empty() && ![97, 98, 100, 101].contains(&r.child_view));
        }
        Content::RecruitmentPattern(p) => {
            check_pattern(wire)?;
            prop_assert!(
                p.target_situations.iter().all(|s| SHAREABLE.contains(s)) && named(&p.languages, language, "")
            );
            prop_assert!(p.countries.iter().all(|c| is_country(&c.country)));
        }
        Content::DocumentPattern(p) => {
            check_pattern(wire)?;
            prop_assert!(wire.tlp <= 2 && named(&p.patterns, indicator, "DO"));
            prop_assert!(p.issuing_countries.iter().all(|c| is_country(c)));
        }
        Content::CentreDisappearancePattern(p) => {
            check_pattern(wire)?;
            let region = p.place.as_ref().is_some_and(|place| !place.nuts1.is_empty());
            let k = at(&K, wire.tlp).max(if region && wire.tlp != 2 { 5 } else { 0 });
            prop_assert!(wire.tlp <= 2 && is_place(p.place.as_ref()) && at(&LOWEST, wire.support) >= k);
            prop_assert!(named(&p.indicators, indicator, "RD") && p.pull_countries.iter().all(|c| is_country(c)));
        }
        _ => {
            check_level_0(wire)?;
            prop_assert_eq!(wire.support, 8);
        }
    }
    Ok(())
}
