#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::alert::Alert;
use crate::alert::sample::{issue, missing_child_pointer, modus_operandi, route_corridor};
use crate::envelope::Rejection;
use crate::id::NodeId;
use crate::time::Timestamp;
use crate::vocabulary::*;
use crate::wire::peer::Mode;
use std::time::Duration;

const PROSE: &str = "Between the two.\n\n1. Purpose.\n";

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

/// Terms that permit what the samples are.
fn terms() -> Terms {
    Terms {
        network: Some("varde.example".into()),
        mode: Mode::Test,
        parties: vec![NodeId::parse("LT").unwrap(), NodeId::parse("NO").unwrap()],
        edition: 1,
        from: time("2026-01-01T00:00:00Z"),
        until: time("2028-01-01T00:00:00Z"),
        kinds: default::terms().kinds.into_iter().filter(|(kind, _)| *kind != AlertKind::ROUTE_CORRIDOR).collect(),
        ..default::terms()
    }
}

fn changed(change: impl FnOnce(&mut Terms)) -> Terms {
    let mut terms = terms();
    change(&mut terms);
    terms
}

#[test]
fn a_text_is_read_back_as_it_was_written_and_named_by_its_bytes() {
    let agreement = Agreement::write(&terms(), PROSE).unwrap();
    assert_eq!((agreement.terms(), agreement.prose()), (&terms(), PROSE));
    assert_eq!(agreement.id(), Digest::of(agreement.text().as_bytes()));
    assert_eq!(Agreement::read(agreement.text()), Ok(agreement));
    assert_eq!(*Agreement::read(DEFAULT_TEXT).unwrap().terms(), *Agreement::by_default().terms());
}

#[test]
fn a_text_has_one_spelling_and_a_mistake_names_its_line() {
    let text = Agreement::write(&terms(), PROSE).unwrap().text().to_owned();
    let line = |old: &str, new: &str| match Agreement::read(&text.replacen(old, new, 1)) {
        Err(BadText::Line { line, .. }) => line,
        other => panic!("{old} > {new}: {other:?}"),
    };
    assert_eq!(line("agreement/v1", "agreement/v2"), 1);
    assert_eq!(line("network varde", "network  varde"), 2);
    assert_eq!(line("mode test", "mode TEST"), 3);
    assert_eq!(line("parties LT NO", "parties NO LT"), 4);
    assert_eq!(line("parties LT NO", "parties LT"), 4);
    assert_eq!(line("edition 1", "edition 01"), 5);
    assert_eq!(line("edition 1", "edition 0"), 5);
    assert_eq!(line("from 2026", "from 2029"), 7);
    assert_eq!(line("until 2028-01-01T00:00:00Z", "until 2028-01-01"), 7);
    assert_eq!(line("level L1", "level L2"), 8);
    assert_eq!(line("tlp RED", "tlp PINK"), 9);
    assert_eq!(line("P1 P2", "P2 P1"), 11);
    assert_eq!(line("prohibitions -", "prohibitions"), 12);
    assert_eq!(line("days 14", "days 15"), 13);
    assert_eq!(line("days 14", "days 14 reply-hours 0"), 13);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(line(lines[12], lines[13]), 14, "a kind twice, or out of order");
    assert_eq!(line("trends first", "trends second"), text[..text.find("trends").unwrap()].lines().count() + 1);
    assert_eq!(line("at-end KEEP", "at-end KEEP\nmore"), text[..text.find("at-end").unwrap()].lines().count() + 2);
    for prose in ["", "\n", "x", "x \n", "x\n\n", "\nx\n", "x\ty\n", "x\r\n", "x\u{7f}\n"] {
        assert_eq!(Agreement::write(&terms(), prose).map(drop), Err(BadText::Prose), "{prose:?}");
    }
    assert!(matches!(Agreement::write(&terms(), &"x\n".repeat(5000)), Err(BadText::TooLong(_))));
}

/// What keeps an alert out, under these terms.
fn refused(terms: &Terms, alert: &Alert) -> Option<Rejection> {
    terms.permits(Traffic::Alert(alert)).err()
}

#[test]
fn each_term_keeps_out_what_breaks_it_and_names_itself() {
    let (pointer, pattern) = (issue(missing_child_pointer()).unwrap(), issue(modus_operandi()).unwrap());
    assert_eq!((refused(&terms(), &pointer), refused(&terms(), &pattern)), (None, None));
    let route = issue(route_corridor()).unwrap();
    assert_eq!(refused(&terms(), &route), Some(Rejection::Agreement("kind")));
    let by = |change: fn(&mut Terms), alert| refused(&changed(change), alert);
    assert_eq!(by(|t| t.level = PersonalDataLevel::L0, &pointer), Some(Rejection::Agreement("level")));
    assert_eq!(by(|t| t.level = PersonalDataLevel::L0, &pattern), None);
    assert_eq!(by(|t| t.tlp = Tlp::AMBER, &pointer), Some(Rejection::Agreement("tlp")));
    assert_eq!(by(|t| t.tlp = Tlp::AMBER, &pattern), None);
    assert_eq!(by(|t| t.handling = [Handling::H0].into(), &pattern), Some(Rejection::Agreement("handling")));
    assert_eq!(by(|t| t.purposes = [Purpose::P4].into(), &pattern), Some(Rejection::Agreement("purposes")));
    assert_eq!(by(|t| t.prohibitions = [Prohibition::X5].into(), &pattern), Some(Rejection::Agreement("prohibitions")));
    let short = |terms: &mut Terms| {
        terms.kinds.values_mut().for_each(|kind| kind.life = Duration::from_secs(86_400));
    };
    assert_eq!(by(short, &pattern), Some(Rejection::Agreement("life")));
    assert_eq!(terms().permits(Traffic::Trend("first")), Ok(()));
    assert_eq!(terms().permits(Traffic::Trend("other")), Err(Rejection::Agreement("trends")));
    let none = changed(|t| t.trends.clear());
    assert_eq!(none.permits(Traffic::Trend("first")), Err(Rejection::Agreement("trends")));
    assert_eq!(none.permits(Traffic::Budget), Err(Rejection::Agreement("trends")));
    assert_eq!(none.permits(Traffic::Control), Ok(()));
}

/// Two countries under the default, and an agreement of which nothing was said yet.
fn world() -> (Agreed, Arc<Agreement>, Timestamp) {
    let mut agreed = Agreed::default();
    let now = time("2026-11-23T12:00:00Z");
    for side in [Side::Ours, Side::Theirs] {
        agreed.hear(&Agreement::by_default(), side, false, now).unwrap();
    }
    (agreed, Arc::new(Agreement::write(&terms(), PROSE).unwrap()), now)
}

fn governs(agreed: &Agreed, now: Timestamp) -> (u32, bool) {
    let governing = agreed.governing(now).unwrap();
    (governing.agreement.terms().edition, governing.is_over)
}

#[test]
fn an_agreement_governs_from_its_time_once_both_accepted_and_the_one_before_never_comes_back() {
    let (mut agreed, agreement, now) = world();
    agreed.hear(&agreement, Side::Ours, false, now).unwrap();
    assert_eq!(governs(&agreed, now), (0, false), "one yes of two");
    agreed.hear(&agreement, Side::Theirs, false, now).unwrap();
    assert_eq!(governs(&agreed, now), (1, false));
    assert_eq!(governs(&agreed, time("2025-12-31T00:00:00Z")), (0, false), "not yet");
    assert_eq!(governs(&agreed, time("2028-01-01T00:00:00Z")), (1, true), "its time is over");
    for side in [Side::Ours, Side::Theirs] {
        let mut ended = agreed.clone();
        ended.hear(&agreement, side, true, now).unwrap();
        assert_eq!(governs(&ended, now), (1, true));
        ended.hear(&agreement, side, false, now).unwrap();
        assert_eq!(governs(&ended, now), (1, true), "an end is for good");
        let next = Arc::new(Agreement::write(&changed(|t| t.edition = 2), PROSE).unwrap());
        ended.hear(&next, Side::Ours, false, now).unwrap();
        ended.hear(&next, Side::Theirs, false, now).unwrap();
        assert_eq!(governs(&ended, now), (2, false));
    }
}

#[test]
fn what_was_owed_under_a_replaced_agreement_passes_within_both_and_nothing_after_an_end_but_control() {
    let (mut agreed, agreement, now) = world();
    let (pattern, route) = (issue(modus_operandi()).unwrap(), issue(route_corridor()).unwrap());
    let before = Agreement::by_default().id();
    assert_eq!(agreed.permits(&before, Traffic::Alert(&route), now), Ok(()));
    assert_eq!(agreed.permits(&agreement.id(), Traffic::Alert(&pattern), now), Err(Rejection::WrongAgreement));
    for side in [Side::Ours, Side::Theirs] {
        agreed.hear(&agreement, side, false, now).unwrap();
    }
    for named in [before, agreement.id()] {
        assert_eq!(agreed.permits(&named, Traffic::Alert(&pattern), now), Ok(()));
        assert_eq!(agreed.permits(&named, Traffic::Alert(&route), now), Err(Rejection::Agreement("kind")));
    }
    let mut replaced_ended = agreed.clone();
    replaced_ended.hear(&Agreement::by_default(), Side::Theirs, true, now).unwrap();
    let ended = Err(Rejection::Agreement("ended"));
    assert_eq!(replaced_ended.permits(&before, Traffic::Alert(&pattern), now), ended);
    assert_eq!(replaced_ended.permits(&agreement.id(), Traffic::Alert(&pattern), now), Ok(()));
    agreed.hear(&agreement, Side::Theirs, true, now).unwrap();
    for named in [before, agreement.id()] {
        assert_eq!(agreed.permits(&named, Traffic::Alert(&pattern), now), ended);
        assert_eq!(agreed.permits(&named, Traffic::Control, now), Ok(()));
    }
    assert_eq!(agreed.permits(&Digest::of(b"?"), Traffic::Control, now), Ok(()));
    assert_eq!(agreed.permits(&Digest::of(b"?"), Traffic::Budget, now), Err(Rejection::WrongAgreement));
    assert_eq!(Agreed::default().permits(&before, Traffic::Control, now), Err(Rejection::WrongAgreement));
}

#[test]
fn a_country_cannot_fill_another_with_proposals() {
    let (mut agreed, _, now) = world();
    let proposal = |edition| Arc::new(Agreement::write(&changed(|t| t.edition = edition), PROSE).unwrap());
    let half = crate::limits::AGREEMENTS as u32 / 2;
    for edition in 1..=half {
        agreed.hear(&proposal(edition), Side::Theirs, false, now).unwrap();
    }
    assert_eq!(agreed.hear(&proposal(half + 1), Side::Theirs, false, now), Err(TooMany));
    for edition in half + 1..2 * half {
        assert_eq!(agreed.hear(&proposal(edition), Side::Ours, false, now), Ok(()), "our own places");
    }
    assert_eq!(agreed.hear(&proposal(2 * half), Side::Ours, false, now), Err(TooMany));
    assert_eq!(agreed.hear(&proposal(1), Side::Ours, false, now), Ok(()), "what is known is still heard");
}

#[test]
fn what_is_owed_before_the_other_side_spoke_is_judged_by_the_default_and_never_by_what_we_ended() {
    let (_, agreement, now) = world();
    let nothing = Agreed::default();
    let default = Agreement::by_default();
    assert_eq!(nothing.supposed(now).governing(now).unwrap().agreement.id(), default.id());
    let mut ours = Agreed::default();
    ours.hear(&agreement, Side::Ours, false, now).unwrap();
    assert_eq!(governs(&ours.supposed(now), now), (1, false), "nothing else was accepted");
    ours.hear(&default, Side::Ours, false, now).unwrap();
    assert_eq!(governs(&ours.supposed(now), now), (0, false), "an offer may never be accepted");
    ours.hear(&default, Side::Ours, true, now).unwrap();
    assert_eq!(governs(&ours.supposed(now), now), (1, false));
    ours.hear(&agreement, Side::Ours, true, now).unwrap();
    assert!(governs(&ours.supposed(now), now).1, "everything was ended");
}

#[test]
fn a_text_shows_what_it_says() {
    for hidden in ['\u{202e}', '\u{2066}', '\u{200b}', '\u{2028}', '\u{feff}', '\u{ad}', '\u{e0041}'] {
        assert_eq!(Agreement::write(&terms(), &format!("a{hidden}b\n")).map(drop), Err(BadText::Prose), "{hidden:?}");
    }
    assert!(Agreement::write(&terms(), "Avtale mellom Norge og Ελλάδα, Łódź.\n").is_ok());
}
