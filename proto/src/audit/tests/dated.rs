//! Times that contradict each other, and what is owed for too long.

use super::pairs::compare;
use super::witnessed::{cosign, later, watched};
use super::world::{Country, exchange, send, settle, take, two};
use super::{found, names};
use crate::audit::{codes, verify};
use crate::control::leaf::Requested;
use crate::envelope;
use crate::id::{Digest, LogIndex};
use crate::log::body::Entangled;
use crate::log::event::{Direction, Event, Kind};
use crate::vocabulary::{ErasureBasis, ErasureReason};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Weaves the newest head of another log in.
pub(super) fn weave(no: &mut Country, other: &Country, root: Digest) -> usize {
    let head = Entangled { origin: other.origin(), size: other.events.len() as u64, root };
    let body = Entangled::write(&[head]).unwrap();
    let index = no.log(Event { body, ..Event::local(Kind::ENTANGLE, no.clock) });
    no.commit();
    index
}

#[test]
fn a_leaf_older_than_what_its_log_had_woven_in_is_backdated() {
    let dated = |ahead: Duration| {
        let (mut no, mut ee) = two();
        ee.clock = ee.clock.after(ahead);
        exchange(&mut no, &mut ee, 9);
        let root = ee.newest().root();
        let woven = weave(&mut no, &ee, root);
        (found(&no, &no.national()), woven, ee)
    };
    assert_eq!(names(&dated(5 * MINUTE).0), Vec::<&str>::new());
    let (findings, woven, ee) = dated(60 * MINUTE);
    assert_eq!(names(&findings), ["backdated"]);
    assert_eq!(findings[0].index, Some(LogIndex(woven as u64)));
    assert_eq!(findings[0].not_before, ee.events.last().map(|event| event.time));
}

#[test]
fn the_other_logs_bundle_shows_a_backdated_leaf_and_a_head_woven_in_that_never_was() {
    let woven = |ahead: Duration, root: fn(&Country) -> Digest| {
        let (mut no, mut ee) = two();
        ee.clock = ee.clock.after(ahead);
        ee.write(Event::local(Kind::ANCHOR, ee.clock));
        ee.commit();
        let root = root(&ee);
        weave(&mut no, &ee, root);
        assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new(), "alone, nothing shows it");
        (compare(&no, &ee), no, ee)
    };
    let honest = |ee: &Country| ee.newest().root();
    assert_eq!(names(&woven(5 * MINUTE, honest).0), Vec::<&str>::new());
    let (findings, no, _) = woven(60 * MINUTE, honest);
    assert_eq!(names(&findings), ["backdated"]);
    assert_eq!(findings[0].origin, Some(no.origin()));
    let (findings, no, ee) = woven(Duration::ZERO, |_| Digest([5; 32]));
    assert_eq!(names(&findings), ["entangled-otherwise"]);
    assert_eq!((findings[0].origin.clone(), findings[0].peer.clone()), (Some(ee.origin()), Some(no.origin())));
}

#[test]
fn a_leaf_younger_than_its_witnesses_is_dated_forward_and_the_rest_is_bracketed() {
    let mut no = watched();
    cosign(&mut no, 3);
    let first = no.events.len() as u64;
    later(&mut no, 60 * MINUTE);
    cosign(&mut no, 4);
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    let size = no.events.len() as u64;
    let half_an_hour_before = no.events[usize::try_from(first).unwrap()].time;
    no.clock = no.clock.after(30 * MINUTE);
    no.events[usize::try_from(first).unwrap()].time = no.clock;
    let findings = found(&no, &no.national());
    assert_eq!(names(&findings), ["forward-dated"]);
    assert_eq!(findings[0].index, Some(LogIndex(first)));
    assert_eq!(findings[0].not_after, no.cosigned[&size].first().map(|(_, time)| *time));
    no.events[usize::try_from(first).unwrap()].time = half_an_hour_before;
    // A finding that names no times of its own gets those that the witnesses give.
    let entries = format!("tile/entries/000.p/{size}");
    let altered = no.with(&entries, |bytes| {
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
    });
    let findings = found(&no, &altered);
    assert_eq!(names(&findings), ["entry-altered"]);
    assert_eq!(findings[0].not_after, no.cosigned[&size].first().map(|(_, time)| *time));
}

/// Both logs go on for a while.
fn go_on(countries: [&mut Country; 2], pause: Duration) {
    for country in countries {
        country.clock = country.clock.after(pause);
        country.write(Event::local(Kind::ANCHOR, country.clock));
        country.commit();
    }
}

#[test]
fn what_is_under_way_for_too_long_is_overdue() {
    let after = |pause: Duration| {
        let (mut no, mut ee) = two();
        send(&mut no, &[&ee], 9);
        go_on([&mut no, &mut ee], pause);
        names(&compare(&no, &ee))
    };
    assert_eq!(after(4 * MINUTE), ["in-flight"]);
    assert_eq!(after(6 * MINUTE), ["overdue"]);
}

#[test]
fn a_receipt_that_is_claimed_and_not_shown_is_no_item_under_way() {
    let (mut no, ee) = two();
    let envelope = send(&mut no, &[&ee], 9);
    let mut other = ee.clone();
    let leaf = take(&mut other, &no, &envelope, None);
    settle(&mut no, &other, leaf);
    no.witnessed.insert(ee.origin(), ee.newest());
    no.receipts.retain(|(_, _, seq), _| *seq != 4);
    assert_eq!(names(&found(&no, &no.national())), ["receipt-missing"]);
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
}

#[test]
fn an_erasure_that_was_asked_for_and_not_done_is_overdue() {
    let after = |pause: Duration, answers: &[(Kind, u8)]| {
        let (mut no, mut ee) = two();
        let sent = no.events.iter().find(|event| event.kind == Kind::SENT).unwrap().clone();
        let about = |kind, direction, peer: &Country| Event {
            peer: Some(peer.origin()),
            direction,
            class: sent.class,
            seq: sent.seq,
            object: sent.object,
            ..Event::local(kind, sent.time)
        };
        no.write(about(Kind::ERASE_REQUEST, Direction::Out, &ee));
        for (kind, said) in answers {
            ee.write(about(Kind::ERASE_REQUEST, Direction::In, &no));
            ee.write(Event { body: vec![*said], ..about(*kind, Direction::In, &no) });
        }
        go_on([&mut no, &mut ee], pause);
        let findings = compare(&no, &ee);
        assert!(findings.iter().all(|finding| finding.origin == Some(ee.origin())));
        names(&findings)
    };
    let (done, held, lifted) = ((Kind::ERASE_DONE, 1), (Kind::HOLD, 1), (Kind::HOLD, 0));
    assert_eq!(after(29 * DAY, &[]), Vec::<&str>::new());
    assert_eq!(after(31 * DAY, &[]), ["erasure-overdue"]);
    assert_eq!(after(31 * DAY, &[done]), Vec::<&str>::new());
    assert_eq!(after(31 * DAY, &[held]), Vec::<&str>::new());
    assert_eq!(after(31 * DAY, &[held, lifted]), ["erasure-overdue"]);
    // A hold of what a backup lost is lifted after the erasure that its restore did again.
    assert_eq!(after(31 * DAY, &[held, done, lifted]), Vec::<&str>::new());
}

#[test]
fn whoever_takes_back_and_does_not_ask_owes_it_itself_until_it_asks() {
    let after = |asks: &[(Duration, Digest)], answers: bool| {
        let (mut no, mut ee) = two();
        let sent = no.events.iter().find(|event| event.kind == Kind::SENT).unwrap().clone();
        let about = |kind, direction, peer: &Country, time| Event {
            peer: Some(peer.origin()),
            direction,
            class: sent.class,
            seq: sent.seq,
            object: sent.object,
            ..Event::local(kind, time)
        };
        for (pause, request) in asks {
            go_on([&mut no, &mut ee], *pause);
            let (reason, basis) = (ErasureReason::WITHDRAWN, ErasureBasis::AGREEMENT);
            let body = Requested { request: *request, reason, basis, due: no.clock }.encode();
            no.write(Event { body, ..about(Kind::ERASE_REQUEST, Direction::Out, &ee, no.clock) });
        }
        if answers {
            ee.write(about(Kind::ERASE_REQUEST, Direction::In, &no, ee.clock));
            ee.write(Event { body: vec![1], ..about(Kind::ERASE_DONE, Direction::In, &no, ee.clock) });
        }
        go_on([&mut no, &mut ee], 31 * DAY);
        let findings = compare(&no, &ee);
        findings.iter().map(|found| (found.code.name, found.origin == Some(no.origin()))).collect::<Vec<_>>()
    };
    let (silent, request) = ((MINUTE, Digest::NONE), Digest([7; 32]));
    assert_eq!(after(&[silent], false), [("erasure-not-asked", true)]);
    assert_eq!(after(&[silent], true), []);
    assert_eq!(after(&[silent, (DAY, request)], false), [("erasure-overdue", false)]);
}

#[test]
fn queries_without_answer_are_listed_for_each_purpose() {
    let (mut no, mut ee) = two();
    let mut asked = Vec::new();
    for (number, purpose) in [(9, "p2"), (10, "p2"), (11, "p7")] {
        let query = send(&mut no, &[&ee], number);
        let last = no.events.len() - 1;
        no.events[last].kind = Kind::QUERY_SENT;
        no.events[last].body = purpose.as_bytes().to_vec();
        let leaf = take(&mut ee, &no, &query, None);
        settle(&mut no, &ee, leaf);
        asked.push(envelope::digest(&query));
    }
    let unanswered = |no: &Country| {
        let findings = verify(&no.national(), &no.given()).unwrap().findings;
        let queries = findings.into_iter().filter(|finding| finding.code != codes::REJECTED);
        queries.map(|finding| (finding.code.name, finding.text)).collect::<Vec<_>>()
    };
    assert_eq!(unanswered(&no), []);
    let answer = send(&mut ee, &[&no], 12);
    let leaf = take(&mut no, &ee, &answer, None);
    no.events[leaf].kind = Kind::ANSWER_RECEIVED;
    no.events[leaf].body = asked[1].0.to_vec();
    no.clock = no.clock.after(2 * DAY);
    no.write(Event::local(Kind::ANCHOR, no.clock));
    no.commit();
    let told = unanswered(&no);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().all(|(code, _)| *code == "query-unanswered"));
    assert!(told[0].1.starts_with("1 queries for the purpose p2") && told[1].1.contains("the purpose p7"), "{told:?}");
}
