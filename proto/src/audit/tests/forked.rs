//! A log that holds the proof that another one was forked.

use super::dated::weave;
use super::pairs::compare;
use super::witnessed::{cosign, later, watched};
use super::world::{Country, exchange, two};
use super::{found, names};
use crate::audit::Scope;
use crate::id::{Digest, NodeId};
use crate::log::event::{Event, Kind};
use crate::log::fork::{Claim, Fork};
use crate::time::Timestamp;
use std::time::Duration;

/// The proof that a country signed two heads of seven leaves.
fn proof(country: &Country) -> Fork {
    let [one, other] = [1, 2].map(|root| country.forge_head(7, Digest([root; 32])));
    Fork::of(&one, &other, &[country.log_key(7).public()]).unwrap()
}

fn accuse(at: &mut Country, body: Vec<u8>, of: &Country) {
    let object = Digest::of(&body);
    at.log(Event { peer: Some(of.origin()), object, body, ..Event::local(Kind::MISBEHAVIOUR, Timestamp::default()) });
    at.commit();
}

#[test]
fn a_proof_that_another_log_was_forked_is_found_and_lies_in_every_bundle() {
    let (mut no, ee) = two();
    let proof = proof(&ee);
    accuse(&mut no, proof.claim().write(), &ee);
    for scope in [Scope::National, Scope::For(NodeId::parse("EE").unwrap())] {
        let bundle = no.bundle(scope);
        let mut findings = found(&no, &bundle);
        findings.retain(|finding| finding.code.name != "withheld");
        assert_eq!(names(&findings), ["split-view"], "{scope}");
        assert_eq!(findings[0].origin, Some(ee.origin()));
        let note = |place: u8| bundle[&format!("evidence/{}/{place}", proof.digest())].clone();
        assert_eq!([note(1), note(2)], proof.claim().notes().each_ref().map(|note| note.write().into_bytes()));
    }
}

#[test]
fn an_accusation_without_the_accused_logs_own_signatures_falls_back_on_the_accuser() {
    let (mut no, ee) = two();
    let text = |note: String| note.replace("\n7\n", "\n8\n");
    let genuine = proof(&ee);
    let forged = genuine.claim().notes().iter().flat_map(|note| {
        let note = text(note.write());
        [&u16::try_from(note.len()).unwrap().to_be_bytes()[..], note.as_bytes()].concat()
    });
    let forged: Vec<u8> = forged.collect();
    assert!(Claim::read(&forged).is_some());
    accuse(&mut no, forged, &ee);
    assert_eq!(names(&found(&no, &no.national())), ["evidence-invalid"]);
    let (mut no, ee) = two();
    accuse(&mut no, b"two heads".to_vec(), &ee);
    assert_eq!(names(&found(&no, &no.national())), ["leaf-malformed"]);
}

#[test]
fn taking_from_a_frozen_log_is_found_unless_two_people_ended_that() {
    for decided in [false, true] {
        let (mut no, mut ee) = two();
        let proof = proof(&no);
        accuse(&mut ee, proof.claim().write(), &no);
        if decided {
            let object = proof.digest();
            ee.log(Event { peer: Some(no.origin()), object, ..Event::local(Kind::UNFREEZE, Timestamp::default()) });
            ee.commit();
        }
        exchange(&mut no, &mut ee, 9);
        let expected: &[&str] = if decided { &["split-view"] } else { &["split-view", "frozen-ignored"] };
        assert_eq!(names(&found(&ee, &ee.national())), expected);
    }
}

#[test]
fn what_a_log_and_all_its_witnesses_forged_contradicts_what_an_honest_log_had_woven_in() {
    let (_, mut ee) = two();
    let mut no = watched();
    later(&mut no, Duration::from_secs(1));
    cosign(&mut no, 3);
    weave(&mut ee, &no, no.newest().root());
    assert_eq!(names(&compare(&no, &ee)), Vec::<&str>::new());
    // The last leaf becomes another one, and more than the one witness that may be faulty signs it: alone, the log is whole.
    let mut forged = no.clone();
    forged.events.last_mut().unwrap().object = Digest([8; 32]);
    cosign(&mut forged, 4);
    assert_eq!(names(&found(&forged, &forged.national())), Vec::<&str>::new());
    let findings = compare(&forged, &ee);
    assert_eq!(names(&findings), ["entangled-otherwise"]);
    // Estonia kept the head as Norway had signed it: that decides who of the two lies.
    ee.witnessed.insert(no.origin(), no.newest());
    let findings = compare(&forged, &ee);
    assert_eq!(names(&findings), ["forked"]);
    assert_eq!(findings[0].origin, Some(no.origin()));
}
