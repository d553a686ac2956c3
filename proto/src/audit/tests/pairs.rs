//! Two bundles side by side: the table of docs/protocol.md on what an auditor may conclude.

use super::world::{Country, content, exchange, send, settle, take, two};
use super::{found, names};
use crate::audit::{Finding, reconcile, verify};
use crate::envelope;
use crate::log::event::{Direction, Event, Kind};
use std::time::Duration;

pub(super) fn compare(a: &Country, b: &Country) -> Vec<Finding> {
    let audit = |country: &Country| verify(&country.national(), &country.given()).unwrap();
    let (a, b) = (audit(a), audit(b));
    let findings = reconcile(&a, &b);
    let mut swapped = names(&reconcile(&b, &a));
    let mut codes = names(&findings);
    swapped.sort_unstable();
    codes.sort_unstable();
    assert_eq!(codes, swapped, "the order of the bundles changes the result");
    findings
}

/// The log without some leaves, signed again by its own operator.
pub(super) fn without(country: &Country, gone: impl Fn(&Event) -> bool) -> Country {
    let mut changed = country.clone();
    let kept: Vec<usize> = (0..country.events.len()).filter(|index| !gone(&country.events[*index])).collect();
    changed.events = kept.iter().map(|index| country.events[*index].clone()).collect();
    let moved = |(index, envelope): (&usize, &envelope::Envelope)| {
        kept.iter().position(|old| old == index).map(|new| (new, envelope.clone()))
    };
    changed.envelopes = country.envelopes.iter().filter_map(moved).collect();
    changed.heads = [changed.events.len() as u64].into();
    changed
}

/// The two of [`two`], between whom there is nothing to find.
fn honest() -> (Country, Country) {
    let (no, ee) = two();
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
    for country in [&no, &ee] {
        assert_eq!(names(&found(country, &country.national())), Vec::<&str>::new());
    }
    (no, ee)
}

#[test]
fn honest_bundles_reconcile() {
    let (mut no, mut ee) = honest();
    exchange(&mut no, &mut ee, 9);
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
}

#[test]
fn what_is_under_way_is_no_lie() {
    let (mut no, ee) = honest();
    send(&mut no, &[&ee], 9);
    let findings = compare(&no, &ee);
    assert_eq!(names(&findings), ["in-flight"]);
    assert_eq!((findings[0].seq, findings[0].peer.clone()), (Some(4), Some(ee.origin())));
}

#[test]
fn a_receiver_that_forgot_what_it_receipted_is_shown_its_own_signature() {
    let (no, ee) = honest();
    let mut forgetful = without(&ee, |event| event.kind == Kind::RECEIVED && event.seq == 2);
    assert_eq!(names(&compare(&no, &forgetful)), ["forked", "bundle-behind", "receipt-denied"]);
    while forgetful.events.len() < ee.events.len() + 2 {
        forgetful.log(Event::local(Kind::ANCHOR, forgetful.clock));
    }
    forgetful.commit();
    let findings = compare(&no, &forgetful);
    assert_eq!(names(&findings), ["forked", "receipt-denied"]);
    assert!(findings.iter().all(|finding| finding.origin == Some(ee.origin())));
    let rolled_back = without(&ee, |event| event.seq == 3 && event.kind == Kind::REJECTED);
    assert_eq!(names(&compare(&no, &rolled_back)), ["bundle-behind"]);
}

#[test]
fn a_sender_that_forgot_what_it_sent_is_shown_its_own_signature() {
    let (mut no, mut ee) = honest();
    exchange(&mut no, &mut ee, 9);
    let mut forgetful = without(&no, |event| event.direction == Direction::Out && event.seq == 4);
    forgetful.receipts.retain(|(_, _, seq), _| *seq != 4);
    while forgetful.events.len() < no.events.len() + 2 {
        forgetful.log(Event::local(Kind::ANCHOR, forgetful.clock));
    }
    forgetful.commit();
    let findings = compare(&forgetful, &ee);
    assert_eq!(names(&findings), ["forked", "sent-denied"]);
    assert!(findings.iter().all(|finding| finding.origin == Some(no.origin())), "{findings:?}");
}

#[test]
fn a_receiver_that_invents_an_item_stands_alone() {
    let (no, mut ee) = honest();
    let envelope = no.alert(content(9), &[&ee]);
    take(&mut ee, &no, &envelope, None);
    let findings = compare(&no, &ee);
    assert_eq!(names(&findings), ["never-sent"]);
    assert_eq!((findings[0].origin.clone(), findings[0].seq), (Some(ee.origin()), Some(4)));
}

#[test]
fn two_items_under_one_number_are_found() {
    let (mut no, mut ee) = honest();
    let sent = send(&mut no, &[&ee], 9);
    let other = no.alert(content(10), &[&ee]);
    let leaf = take(&mut ee, &no, &other, None);
    let findings = compare(&no, &ee);
    assert_eq!(names(&findings), ["item-differs"]);
    assert_eq!(findings[0].origin, Some(ee.origin()), "who has no proof stands alone");
    assert_ne!(envelope::digest(&sent), envelope::digest(&other));
    // A sender that equivocated holds a receipt for what it did not log.
    settle(&mut no, &ee, leaf);
    assert_eq!(names(&found(&no, &no.national())), ["receipt-differs"]);
}

#[test]
fn a_bundle_that_ends_too_early_is_asked_for_again() {
    let (mut no, mut ee) = honest();
    let early = no.clone();
    exchange(&mut no, &mut ee, 9);
    let findings = compare(&early, &ee);
    assert_eq!(names(&findings), ["bundle-behind"]);
    assert_eq!(findings[0].origin, Some(no.origin()));
}

#[test]
fn clocks_that_are_far_apart_are_noted() {
    let (mut no, mut ee) = honest();
    no.clock = no.clock.after(Duration::from_secs(3600));
    exchange(&mut no, &mut ee, 9);
    assert_eq!(names(&compare(&no, &ee)), ["clock-skew"]);
}
