//! Bundles attacked: each attack has one name, and an honest bundle has none.
#![allow(clippy::unwrap_used, reason = "tests")]

mod aged;
mod altered;
mod apart;
mod dated;
mod dishonest;
mod erased;
mod forked;
mod generation;
mod keys;
mod lost;
mod pairs;
mod proofs;
mod trends;
mod witnessed;
mod world;
mod written;

use super::{Finding, Given, MemoryBundle, Scope, verify};
use crate::id::NodeId;
use world::{Country, exchange, send, two};

/// Codes of what was found, in order.
fn names(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().map(|finding| finding.code.name).collect()
}

/// What a reader who trusts the country's key finds in a bundle, besides `rejected`, which honest nodes have too.
fn found(country: &Country, bundle: &MemoryBundle) -> Vec<Finding> {
    let mut findings = verify(bundle, &country.given()).unwrap().findings;
    findings.retain(|finding| finding.code.name != "rejected");
    findings
}

#[test]
fn honest_bundles_are_clean_and_say_how_much_was_checked() {
    let (no, ee) = two();
    for country in [&no, &ee] {
        let audit = verify(&country.national(), &country.given()).unwrap();
        assert!(audit.is_clean(), "{:?}", audit.findings);
        let counts = audit.log.unwrap().counts;
        assert_eq!(counts.opened, country.events.len() as u64);
        assert_eq!(counts.heads, country.heads.len() as u64);
        assert_eq!(counts.receipts, country.receipts.len() as u64);
        assert_eq!(counts.envelopes, country.envelopes.len() as u64);
        assert!(counts.decisions > 0);
    }
    let notes = verify(&no.national(), &no.given()).unwrap().findings;
    assert_eq!(names(&notes), ["rejected"]);
    assert!(notes[0].text.contains("content:floor"), "{}", notes[0].text);
}

#[test]
fn a_bundle_of_a_thousand_leaves_is_clean() {
    let (mut no, mut ee) = two();
    for number in 10..40 {
        exchange(&mut no, &mut ee, number);
    }
    for _ in 0..850 {
        no.log(crate::log::Event::local(crate::log::Kind::ANCHOR, no.clock));
    }
    no.commit();
    let bundle = no.national();
    assert!(bundle.contains_key("tile/1/000.p/3") && bundle.contains_key("openings/003"));
    assert_eq!(names(&found(&no, &bundle)), Vec::<&str>::new());
}

#[test]
fn a_reader_without_a_trusted_key_is_told_the_fingerprint() {
    let (no, ee) = two();
    let audit = verify(&no.national(), &Given::default()).unwrap();
    assert_eq!(names(&audit.findings)[0], "unpinned-identity");
    assert!(audit.findings[0].text.contains(&no.given().trusted[0].fingerprint.to_string()));
    assert!(audit.is_clean(), "a note leaves a bundle clean");
    let audit = verify(&no.national(), &ee.given()).unwrap();
    assert_eq!(names(&audit.findings)[0], "wrong-identity");
    assert!(!audit.is_clean());
}

#[test]
fn a_bundle_for_one_peer_shows_what_concerns_it_and_no_more() {
    let (mut no, mut ee) = two();
    let mut lt = Country::new("lt", 21);
    let before = no.clone();
    no.pin(&lt);
    lt.pin(&before);
    exchange(&mut no, &mut lt, 7);
    let both = send(&mut no, &[&lt, &ee], 8);
    for peer in [&mut lt, &mut ee] {
        let leaf = world::take(peer, &no, &both, None);
        world::settle(&mut no, peer, leaf);
    }
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    let for_ee = no.bundle(Scope::For(NodeId::parse("EE").unwrap()));
    assert_eq!(names(&found(&no, &for_ee)), ["withheld"]);
    let shown = |path: &str, text: &str| for_ee[path].windows(text.len()).any(|window| window == text.as_bytes());
    assert!(shown("openings/000", "varde.example/ee/1") && !shown("openings/000", "varde.example/lt/1"));
    // The alert to both names both, as each recipient may see; nothing else about LT is in the bundle.
    let (ours, lts) = (no.envelopes.len(), for_ee.keys().filter(|path| path.contains("/lt/")).count());
    let packed = crate::log::tiles::read_bundle(&for_ee["envelopes/000"]).unwrap();
    let given = packed.iter().filter(|envelope| !envelope.is_empty()).count();
    assert_eq!((lts, given), (0, ours - 1));
    assert!(!for_ee.keys().any(|path| path.starts_with("decisions/")), "a sharing decision left the country");
    let both_sides =
        super::reconcile(&verify(&for_ee, &no.given()).unwrap(), &verify(&ee.national(), &ee.given()).unwrap());
    assert_eq!(names(&both_sides), Vec::<&str>::new());
}
