//! Bundles that cannot be compared, and countries that would like theirs to be such.

use super::names;
use super::pairs::{compare, without};
use super::world::{Country, exchange, two};
use crate::audit::{Audit, Finding, MemoryBundle, Scope, codes, incomparable, reconcile, verify};
use crate::id::{NodeId, Origin};
use crate::identity::testing::genesis_of;
use crate::log::event::{Event, Kind};
use crate::wire::peer::Mode;

fn audit(country: &Country, scope: Scope) -> Audit {
    verify(&country.bundle(scope), &country.given()).unwrap()
}

fn national(country: &Country) -> Audit {
    audit(country, Scope::National)
}

fn for_lt() -> Scope {
    Scope::For(NodeId::parse("LT").unwrap())
}

/// The one reason why two bundles are not compared, whichever comes first; nothing else is found.
#[track_caller]
fn only_reason(a: &Audit, b: &Audit) -> String {
    for (a, b) in [(a, b), (b, a)] {
        assert_eq!(names(&reconcile(a, b)), ["not-comparable"]);
    }
    let reason = incomparable(a, b).unwrap();
    assert!(!reason.next.is_empty());
    reason.why
}

/// What is found besides the reason for which items are not compared.
#[track_caller]
fn besides(a: &Audit, b: &Audit) -> Vec<Finding> {
    let mut findings = reconcile(a, b);
    assert_eq!(findings.pop().map(|finding| finding.code), Some(codes::NOT_COMPARABLE));
    findings
}

/// The same bundle under another genesis.
fn as_of(mut audit: Audit, origin: &str, mode: Mode, first: u8) -> Audit {
    let log = audit.log.as_mut().unwrap();
    log.origin = Origin::parse(origin).unwrap();
    log.genesis = genesis_of(log.origin.clone(), mode, first);
    audit
}

#[test]
fn bundles_that_do_not_belong_together_say_why() {
    let (mut no, ee) = two();
    let earlier = national(&no);
    no.log(Event::local(Kind::ANCHOR, no.clock));
    no.commit();
    assert!(only_reason(&national(&no), &earlier).contains("both bundles are of varde.example/no/1"));
    assert!(only_reason(&audit(&no, for_lt()), &national(&ee)).contains("leaves EE out"));
    let lt = national(&Country::new("lt", 21));
    assert!(only_reason(&national(&no), &lt).contains("exchanged nothing"));
    let elsewhere = as_of(national(&Country::new("lt", 21)), "elsewhere.example/lt/1", Mode::Test, 21);
    assert!(only_reason(&national(&no), &elsewhere).contains("different networks"));
    let drill = as_of(national(&Country::new("lt", 21)), "varde.example/lt/1", Mode::Exercise, 21);
    assert!(only_reason(&national(&no), &drill).contains("varde.example/lt/1 is of mode exercise"));
    let nothing = verify(&MemoryBundle::new(), &no.given()).unwrap();
    assert!(only_reason(&national(&no), &nothing).contains("cannot be read"));
    assert!(!nothing.is_clean(), "an unreadable bundle is a finding of its own");
}

#[test]
fn peers_that_pinned_each_other_and_sent_nothing_agree_on_that() {
    let (mut no, mut lt) = (Country::new("no", 1), Country::new("lt", 21));
    let (before_no, before_lt) = (no.clone(), lt.clone());
    no.pin(&before_lt);
    lt.pin(&before_no);
    no.witnessed.insert(lt.origin(), lt.newest());
    assert_eq!(names(&reconcile(&national(&no), &national(&lt))), ["nothing-exchanged"]);
    // A head that does not fit is found all the same.
    let other = without(&lt, |event| event.kind == Kind::AGREEMENT);
    assert_eq!(names(&reconcile(&national(&no), &national(&other))), ["bundle-behind", "nothing-exchanged"]);
}

#[test]
fn a_country_that_strips_its_channel_with_the_other_is_found() {
    let (no, ee) = two();
    let with_ee = |event: &Event| event.peer == Some(ee.origin()) && event.seq > 0;
    let mut stripped = without(&no, with_ee);
    stripped.receipts.clear();
    stripped.sent.clear();
    while stripped.events.len() < no.events.len() {
        stripped.log(Event::local(Kind::ANCHOR, stripped.clock));
    }
    stripped.commit();
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
    let findings = compare(&stripped, &ee);
    let denied = ["forked", "sent-denied", "sent-denied", "sent-denied", "receipt-denied"];
    assert_eq!(names(&findings), denied);
    assert!(findings.iter().all(|finding| finding.origin == Some(no.origin())), "{findings:?}");
    // Stripped of everything, pins too, and signed as if it had just begun.
    let mut bare = without(&no, |event| event.peer.is_some());
    bare.receipts.clear();
    bare.sent.clear();
    assert_eq!(names(&compare(&bare, &ee)), ["bundle-behind"]);
}

#[test]
fn a_bundle_for_another_peer_does_not_excuse_a_log_that_was_rewritten() {
    let (mut no, ee) = two();
    let mut rewritten = without(&no, |event| event.kind == Kind::SENT && event.seq == 2);
    while rewritten.events.len() < no.events.len() + 2 {
        rewritten.log(Event::local(Kind::ANCHOR, rewritten.clock));
    }
    rewritten.commit();
    let findings = besides(&audit(&rewritten, for_lt()), &national(&ee));
    assert_eq!(names(&findings), ["forked"]);
    assert_eq!(findings[0].origin, Some(no.origin()));
    // The same log in two versions, though neither is compared with another country's.
    no.log(Event::local(Kind::ANCHOR, no.clock));
    no.commit();
    assert_eq!(names(&besides(&audit(&rewritten, for_lt()), &national(&no))), ["rewritten"]);
}

#[test]
fn a_log_under_another_name_mode_or_identity_does_not_hide_behind_it() {
    let (no, mut ee) = two();
    let mut more = no.clone();
    exchange(&mut more, &mut ee, 9);
    let renamed = as_of(national(&no), "elsewhere.example/no/1", Mode::Test, 1);
    assert_eq!(names(&besides(&renamed, &national(&ee))), ["peer-misidentified"]);
    let drill = as_of(national(&Country::new("no", 31)), "varde.example/no/1", Mode::Exercise, 31);
    assert_eq!(names(&besides(&drill, &national(&ee))), ["peer-misidentified"]);
    assert_eq!(names(&besides(&drill, &national(&no))), ["wrong-identity"]);
    let behind = as_of(national(&no), "varde.example/no/1", Mode::Exercise, 1);
    assert_eq!(names(&besides(&behind, &national(&ee))), ["bundle-behind"]);
}

#[test]
fn a_second_log_of_a_country_does_not_stand_in_for_the_one_that_its_peer_knows() {
    let (_, ee) = two();
    let fresh = as_of(national(&Country::new("lt", 21)), "varde.example/no/2", Mode::Test, 21);
    assert_eq!(names(&besides(&fresh, &national(&ee))), ["another-log"]);
    assert_eq!(names(&besides(&national(&ee), &fresh)), ["another-log"]);
}
