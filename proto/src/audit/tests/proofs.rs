//! What a proof, or the want of it, decides; and identities taken for others.

use super::pairs::{compare, without};
use super::world::{Country, content, exchange, send, settle, take, two};
use super::{found, names};
use crate::audit::{Finding, Given, Scope, Trusted, verify};
use crate::envelope;
use crate::id::{Digest, NodeId, Origin};
use crate::log::event::{Direction, Event, Kind};
use crate::log::tiles::{read_bundle, write_bundle};

fn blamed(findings: &[Finding]) -> Vec<(&'static str, Option<Origin>)> {
    findings.iter().map(|finding| (finding.code.name, finding.origin.clone())).collect()
}

/// The senders' proofs in NO's bundle, changed by its operator.
fn resealed(no: &Country, change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<&'static str> {
    let bundle = no.with("sent/varde.example/ee/1/2/000", |bytes| {
        let mut proofs: Vec<Vec<u8>> = read_bundle(bytes).unwrap().into_iter().map(<[u8]>::to_vec).collect();
        change(&mut proofs);
        *bytes = write_bundle(proofs.iter().map(Vec::as_slice)).unwrap();
    });
    names(&found(no, &bundle))
}

#[test]
fn an_item_whose_senders_proof_is_not_shown_or_shows_another_is_found() {
    let (mut no, mut ee) = two();
    exchange(&mut ee, &mut no, 20);
    assert_eq!(resealed(&no, |_| {}), Vec::<&str>::new());
    assert_eq!(resealed(&no, |proofs| proofs[0].clear()), ["sent-proof-missing"]);
    assert_eq!(resealed(&no, |proofs| proofs.swap(0, 1)), ["sent-proof-differs"; 2]);
    assert_eq!(resealed(&no, |proofs| *proofs[0].last_mut().unwrap() = b'x'), ["sent-proof-invalid"]);
    let mut bundle = no.national();
    bundle.remove("sent/varde.example/ee/1/2/000");
    assert_eq!(names(&found(&no, &no.reseal(bundle))), ["sent-proof-missing"; 2]);
    let own = no.events.iter().position(|event| event.kind == Kind::SENT).unwrap();
    assert_eq!(resealed(&no, |proofs| proofs[0] = no.prove(own)), ["sent-proof-invalid"], "our own key is not theirs");
}

#[test]
fn a_sender_that_denies_is_shown_its_proof_and_a_receiver_without_one_stands_alone() {
    let (mut no, mut ee) = two();
    exchange(&mut no, &mut ee, 9);
    let mut denier = without(&no, |event| event.direction == Direction::Out && event.seq == 4);
    denier.receipts.retain(|(_, _, seq), _| *seq != 4);
    while denier.events.len() < no.events.len() + 2 {
        denier.log(Event::local(Kind::ANCHOR, denier.clock));
    }
    denier.commit();
    let (at_no, at_ee) = (Some(no.origin()), Some(ee.origin()));
    let told = compare(&denier, &ee);
    assert_eq!(blamed(&told), [("forked", at_no.clone()), ("sent-denied", at_no.clone())]);
    // Without the proof nothing is shown of this item, whatever became of the log.
    ee.sent.retain(|(_, _, seq), _| *seq != 4);
    assert_eq!(blamed(&compare(&denier, &ee)), [("forked", at_no), ("never-sent", at_ee)]);
}

#[test]
fn a_sender_that_equivocates_is_told_from_a_receiver_that_lies() {
    let (no, ee) = two();
    let (mut one, mut other, mut at_ee) = (no.clone(), no.clone(), ee.clone());
    send(&mut one, &[&ee], 9);
    let shown = send(&mut other, &[&ee], 10);
    take(&mut at_ee, &other, &shown, None);
    let told = compare(&one, &at_ee);
    assert_eq!(blamed(&told), [("forked", Some(no.origin())), ("equivocated", Some(no.origin()))]);
    at_ee.sent.retain(|(_, _, seq), _| *seq != 4);
    let told = compare(&one, &at_ee);
    assert_eq!(blamed(&told), [("forked", Some(no.origin())), ("item-differs", Some(ee.origin()))]);
}

#[test]
fn a_receiver_that_abandons_what_the_sender_did_not_is_found_in_receipt_and_log() {
    let (mut no, mut ee) = two();
    let sent = send(&mut no, &[&ee], 9);
    let leaf = ee.item(Kind::ABANDONED, Direction::In, &no, envelope::digest(&sent));
    let index = ee.log(leaf);
    ee.commit();
    let told = compare(&no, &ee);
    assert_eq!(blamed(&told), [("abandoned-by-the-receiver", Some(ee.origin()))]);
    settle(&mut no, &ee, index);
    let told = found(&no, &no.national());
    assert_eq!(blamed(&told), [("abandoned-by-the-receiver", Some(ee.origin()))]);
    // The sender's own leaf makes it the sender's act.
    let ours = no.events.iter().rfind(|event| event.kind == Kind::SENT).unwrap().clone();
    no.log(Event { kind: Kind::ABANDONED, ..ours });
    no.commit();
    assert_eq!(names(&found(&no, &no.national())), Vec::<&str>::new());
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
}

#[test]
fn an_item_that_is_admitted_under_two_numbers_is_found_unless_it_was_refused() {
    for (refused, wanted) in [(None, vec!["admitted-twice"]), (Some("content:duplicate"), vec![])] {
        let (mut no, mut ee) = two();
        let envelope = send(&mut ee, &[&no], 9);
        take(&mut no, &ee, &envelope, None);
        let again = ee.item(Kind::SENT, Direction::Out, &no, envelope::digest(&envelope));
        ee.write(again);
        ee.commit();
        let index = take(&mut no, &ee, &envelope, refused);
        no.envelopes.remove(&index);
        assert_eq!(names(&found(&no, &no.national())), wanted);
    }
}

#[test]
fn an_answer_is_judged_as_an_alert_is() {
    let (mut no, mut ee) = two();
    let envelope = ee.alert(content(5), &[&Country::new("lt", 21)]);
    let leaf = ee.item(Kind::ANSWER_SENT, Direction::Out, &no, envelope::digest(&envelope));
    let sent = ee.log(leaf);
    ee.commit();
    let leaf = no.item(Kind::ANSWER_RECEIVED, Direction::In, &ee, envelope::digest(&envelope));
    let (class, seq) = (leaf.class, leaf.seq);
    let index = no.log(leaf);
    no.envelopes.insert(index, envelope);
    no.sent.insert((ee.origin(), class, seq), ee.prove(sent));
    no.commit();
    assert_eq!(names(&found(&no, &no.national())), ["against-rules"]);
}

#[test]
fn leaf_0_opens_in_every_scope() {
    let (no, _) = two();
    let mut bundle = no.bundle(Scope::For(NodeId::parse("EE").unwrap()));
    let mut openings: Vec<Vec<u8>> =
        read_bundle(&bundle["openings/000"]).unwrap().into_iter().map(<[u8]>::to_vec).collect();
    openings[0].clear();
    bundle.insert("openings/000".into(), write_bundle(openings.iter().map(Vec::as_slice)).unwrap());
    assert_eq!(names(&found(&no, &no.reseal(bundle))), ["opening-missing"]);
}

#[test]
fn a_fingerprint_vouches_for_one_log_and_for_no_other() {
    let (no, ee) = two();
    let fingerprint = no.given().trusted[0].fingerprint;
    let of = |origin: Option<Origin>| Given { trusted: vec![Trusted { origin, fingerprint }], views: Vec::new() };
    let codes = |given: &Given| {
        let findings = verify(&no.national(), given).unwrap().findings;
        findings.iter().map(|finding| finding.code.name).filter(|name| *name != "rejected").collect::<Vec<_>>()
    };
    assert_eq!(codes(&of(Some(no.origin()))), Vec::<&str>::new());
    assert_eq!(codes(&of(Some(ee.origin()))), ["wrong-identity"]);
    // Of this origin another identity is known.
    let mut given = of(None);
    given.trusted.push(Trusted { origin: Some(no.origin()), fingerprint: Digest([1; 32]) });
    assert_eq!(codes(&given), ["wrong-identity"]);
    // Another country, founded by the same key.
    let twin = Country::new("lt", 1);
    let mut given = of(None);
    let mut read = |country: &Country| {
        let audit = verify(&country.national(), &given).unwrap();
        given.bind(audit.log.as_ref().unwrap());
        audit.findings.iter().any(|finding| finding.code.name == "wrong-identity")
    };
    assert_eq!((read(&no), read(&twin), read(&no)), (false, true, false));
}

#[test]
fn what_was_signed_by_an_impostor_convicts_nobody() {
    // NO took somebody else for EE, and holds a receipt and a head by that one's keys.
    let (mut no, mut impostor) = (Country::new("no", 1), Country::new("ee", 41));
    let (before_no, before) = (no.clone(), impostor.clone());
    no.pin(&before);
    impostor.pin(&before_no);
    exchange(&mut no, &mut impostor, 1);
    let mut ee = Country::new("ee", 11);
    ee.pin(&before_no);
    while ee.events.len() < 20 {
        ee.log(Event::local(Kind::ANCHOR, ee.clock));
    }
    ee.commit();
    let told: Vec<Finding> = compare(&no, &ee);
    assert_eq!(blamed(&told), [("peer-misidentified", Some(no.origin())), ("in-flight", Some(no.origin()))]);
}
