//! Tests of the messages about an erasure.

#![allow(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::envelope::{Payload, Rejection};
use crate::id::{AlertId, Digest, LogIndex};
use crate::identity::testing::{key, now, origin};
use crate::log::event::{Direction, Event, Kind};
use crate::log::head::Head;
use crate::log::leaf::Opening;
use crate::log::proof::TlogProof;
use crate::log::tree::Tree;
use crate::vocabulary::{DeskRole, ErasureBasis, ErasureReason};
use crate::wire::peer;

fn header() -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: 1,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/lt/1".into()],
        agreement: vec![1; 32].into(),
        salt: vec![2; 32].into(),
    }
}

fn message(act: Act) -> Erasure {
    let (object, id) = (Digest([3; 32]), AlertId([4; 16]));
    Erasure { header: header(), object, id, reason: ErasureReason::WITHDRAWN, act }
}

fn request() -> Erasure {
    let (basis, authority) = (ErasureBasis::AGREEMENT, DeskRole::FOCAL_POINT);
    message(Act::Request { basis, authority, due: due(true, now()) })
}

/// The proof of a leaf of LT's log about the item that NO issued, in a tree of two leaves.
fn proof(kind: Kind, body: Vec<u8>, changed: impl FnOnce(&mut Event)) -> Vec<u8> {
    let mut event = Event::local(kind, now());
    (event.peer, event.direction, event.object, event.body) =
        (Some(origin("no")), Direction::In, Digest([3; 32]), body);
    changed(&mut event);
    let opening = Opening::new(&[5; 32], event).unwrap();
    let mut tree = Tree::default();
    tree.push(Digest([6; 32]));
    tree.push(opening.entry().leaf_hash());
    let head = Head::sign(&origin("lt"), tree.size(), tree.root(), &key(7)).unwrap();
    let path = tree.inclusion(LogIndex(1), tree.size()).unwrap();
    TlogProof::of_leaf(&opening, LogIndex(1), path, head.note().clone()).write().into_bytes()
}

fn done_body(request: Digest) -> Vec<u8> {
    leaf::Done { request, reason: ErasureReason::WITHDRAWN }.encode()
}

#[test]
fn every_message_reads_back_as_it_was_written() {
    let (asked, proof) = (Digest([8; 32]), b"proof".to_vec());
    let expired = Act::Done { request: Digest::NONE, proof: proof.clone() };
    let done = Act::Done { request: asked, proof: proof.clone() };
    for message in [request(), message(expired), message(done), message(Act::Held { request: asked, proof })] {
        assert_eq!(Erasure::from_wire(message.to_wire()).unwrap(), message);
    }
}

#[test]
fn fields_of_another_act_and_missing_ones_are_refused() {
    let (asked, proof) = (Digest([8; 32]), b"proof".to_vec());
    let done = message(Act::Done { request: asked, proof: proof.clone() });
    let held = message(Act::Held { request: asked, proof });
    let refused = |message: &Erasure, change: fn(&mut peer::Erasure)| {
        let mut wire = message.to_wire();
        change(&mut wire);
        Erasure::from_wire(wire).err().map(|rejection| rejection.code())
    };
    assert_eq!(refused(&request(), |_| {}), None);
    type Case<'a> = (&'a Erasure, fn(&mut peer::Erasure), &'static str);
    let cases: [Case<'_>; 12] = [
        (&request(), |w| w.header = None, "header"),
        (&request(), |w| w.object = vec![1; 31].into(), "erasure-object"),
        (&request(), |w| w.alert_id = vec![].into(), "erasure-id"),
        (&request(), |w| w.reason = 9, "erasure-reason"),
        (&request(), |w| w.basis = 0, "erasure-basis"),
        (&request(), |w| w.due_ms = -1, "erasure-due"),
        (&request(), |w| w.act = 0, "erasure-act"),
        (&request(), |w| w.proof = vec![1].into(), "erasure-act"),
        (&done, |w| w.due_ms = 1, "erasure-act"),
        (&done, |w| w.proof = vec![].into(), "erasure-act"),
        (&done, |w| w.request = vec![0; 32].into(), "erasure-act"),
        (&held, |w| w.request = vec![].into(), "erasure-act"),
    ];
    for (place, (message, change, code)) in cases.into_iter().enumerate() {
        assert_eq!(refused(message, change), Some(format!("content:{code}")), "case {place}");
    }
}

#[test]
fn an_answer_is_believed_only_with_the_leaf_that_says_so_under_the_answerers_head() {
    let asked = Digest([8; 32]);
    let check = |act| check_answer(&message(act), &origin("lt"), |_| vec![key(7).public()], &origin("no"));
    let done = |proof: Vec<u8>| check(Act::Done { request: asked, proof });
    let refused = Err(Rejection::Content("erasure-proof"));
    let good = proof(Kind::ERASE_DONE, done_body(asked), |_| {});
    assert_eq!(done(good.clone()), Ok(()));
    assert_eq!(check(Act::Held { request: asked, proof: proof(Kind::HOLD, leaf::hold(true), |_| {}) }), Ok(()));
    assert_eq!(check(Act::Held { request: asked, proof: proof(Kind::HOLD, leaf::hold(false), |_| {}) }), refused);
    assert_eq!(check(Act::Held { request: asked, proof: good.clone() }), refused, "another kind");
    assert_eq!(done(proof(Kind::ERASE_DONE, done_body(Digest([9; 32])), |_| {})), refused, "another request");
    assert_eq!(
        done(proof(Kind::ERASE_DONE, done_body(asked), |e| e.object = Digest([9; 32]))),
        refused,
        "another item"
    );
    assert_eq!(
        done(proof(Kind::ERASE_DONE, done_body(asked), |e| e.peer = Some(origin("ee")))),
        refused,
        "another issuer"
    );
    let other = check_answer(
        &message(Act::Done { request: asked, proof: good.clone() }),
        &origin("lt"),
        |_| vec![key(8).public()],
        &origin("no"),
    );
    assert_eq!(other, refused, "another log's key");
    for place in (0..good.len()).step_by(7) {
        let mut changed = good.clone();
        changed[place] ^= 1;
        assert_eq!(done(changed), refused, "byte {place}");
    }
}

#[test]
fn an_erasure_is_overdue_after_72_hours_for_one_child_and_30_days_otherwise() {
    let asked = now();
    let hours = |one| due(one, asked).since(asked).as_secs() / 3600;
    assert_eq!((hours(true), hours(false)), (72, 720));
}
