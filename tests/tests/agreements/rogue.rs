//! A member that has an agreement and does not keep to it, at the wire.

use std::sync::Arc;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection::Ended;
use varde_proto::agreement::{Agreement, DEFAULT_TEXT, default_agreement};
use varde_proto::alert::Alert;
use varde_proto::control::{Act, Erasure};
use varde_proto::envelope::{self, Envelope, Header, Payload};
use varde_proto::id::{AlertId, Digest};
use varde_proto::identity::Revocation;
use varde_proto::limits;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{DeskRole, ErasureBasis, ErasureReason};
use varde_proto::wire::peer::Mode;
use varde_tests::pair::promises::{terms, text};
use varde_tests::pair::{Country, admit, origin, route, secrets};
use varde_tests::rogue::{Answer, Rogue, Wire};

/// LT, which has said yes to this, and NO, a rogue that says what `says` makes it say.
async fn stage(agreement: &Arc<Agreement>, says: impl FnOnce(&mut Rogue)) -> (Country, Rogue, Wire, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
    let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
    let pinned = lt.say("NO", agreement, false).await;
    let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
    says(&mut rogue);
    let (mut wire, _ended) = admit(&lt, &pinned);
    wire.greet(&mut rogue).await;
    (lt, rogue, wire, dir)
}

fn accepts(rogue: &mut Rogue, agreement: &Agreement) {
    rogue.words.push(rogue.yes(agreement.id()).sign(&rogue.id).unwrap());
}

fn header(rogue: &Rogue) -> Header {
    Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: rogue.origin.to_string(),
        recipients: vec![rogue.target.to_string()],
        agreement: rogue.agreement.0.to_vec().into(),
        salt: vec![5; 32].into(),
    }
}

/// A route, which [`terms`] do not permit.
fn a_route(rogue: &Rogue, n: u8) -> Envelope {
    let now = varde_node::port::Clock::now(&varde_node::edge::clock::SystemClock);
    let alert = Alert::issue(route(*Digest::of(&[n]).0.first_chunk().unwrap()), header(rogue), now, Digest::of(b"d"));
    envelope::sign(Alert::TYPE, &alert.unwrap().to_wire(), &rogue.message)
}

async fn told(rogue: &mut Rogue, wire: &mut Wire, envelope: Envelope, class: u8) -> Answer {
    let frame = rogue.item(envelope, class);
    wire.ask(frame).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_agreement_in_force_does_not_permit_is_refused_under_any_name() {
    let agreement = text(&terms(1));
    let (_lt, mut rogue, mut wire, _dir) = stage(&agreement, |rogue| accepts(rogue, &agreement)).await;
    let refused = |code: &str| Answer::Rejected(code.into());
    for (n, named, answer) in [
        (1, agreement.id(), refused("agreement:kind")),
        // The one that was replaced permitted it.
        (2, default_agreement(), refused("agreement:kind")),
        (3, Digest::of(b"another"), refused("wrong-agreement")),
        (4, Digest::NONE, refused("wrong-agreement")),
    ] {
        rogue.agreement = named;
        let envelope = a_route(&rogue, n);
        assert_eq!(told(&mut rogue, &mut wire, envelope, 2).await, answer, "{n}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agreement_that_only_one_side_signed_replaces_nothing() {
    let agreement = text(&terms(1));
    let (_lt, mut rogue, mut wire, _dir) = stage(&agreement, |_| ()).await;
    let route = a_route(&rogue, 1);
    assert_eq!(told(&mut rogue, &mut wire, route, 2).await, Answer::Received);
    rogue.agreement = agreement.id();
    let route = a_route(&rogue, 2);
    assert_eq!(told(&mut rogue, &mut wire, route, 2).await, Answer::Rejected("wrong-agreement".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_end_nothing_is_taken_but_what_erases() {
    let agreement = text(&terms(1));
    let (_lt, mut rogue, mut wire, _dir) = stage(&agreement, |rogue| {
        accepts(rogue, &agreement);
        let end = Revocation(rogue.yes(agreement.id())).sign(&rogue.id).unwrap();
        rogue.words.push(end);
    })
    .await;
    for (n, named) in [(1, agreement.id()), (2, default_agreement())] {
        rogue.agreement = named;
        let envelope = a_route(&rogue, n);
        assert_eq!(told(&mut rogue, &mut wire, envelope, 2).await, Answer::Rejected("agreement:ended".into()));
    }
    rogue.agreement = agreement.id();
    let (basis, authority) = (ErasureBasis::AGREEMENT, DeskRole::FOCAL_POINT);
    let act = Act::Request { basis, authority, due: Timestamp::default() };
    let (object, id, reason) = (Digest::of(b"sent before"), AlertId([77; 16]), ErasureReason::WITHDRAWN);
    let request = Erasure { header: header(&rogue), object, id, reason, act };
    let request = envelope::sign(Erasure::TYPE, &request.to_wire(), &rogue.message);
    assert_eq!(told(&mut rogue, &mut wire, request, limits::CONTROL).await, Answer::Received);
}

/// How a greeting ends.
async fn greeted(says: impl FnOnce(&mut Rogue)) -> Ended {
    let dir = tempfile::tempdir().unwrap();
    let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
    let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
    let pinned = lt.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
    says(&mut rogue);
    let (mut wire, ended) = admit(&lt, &pinned);
    wire.greet(&mut rogue).await;
    drop(wire);
    let ended = ended.await.unwrap();
    let log = &lt.node.ledger;
    assert!(log.book().agreed(&origin("NO")).all().count() <= limits::AGREEMENTS);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn words_that_are_unsigned_or_of_others_are_refused_by_name_and_texts_of_others_are_not_kept() {
    let agreement = text(&terms(1));
    let id = agreement.id();
    let unsigned = greeted(|rogue| rogue.words.push(rogue.yes(id).sign(&rogue.message).unwrap())).await;
    assert_eq!(unsigned.to_string(), "acceptance-unsigned");
    let to_another = greeted(|rogue| {
        let yes = varde_proto::identity::Acceptance { with: origin("EE"), ..rogue.yes(id) };
        rogue.words.push(yes.sign(&rogue.id).unwrap());
    });
    assert_eq!(to_another.await.to_string(), "acceptance-for-another");
    let abroad = text(&varde_proto::agreement::Terms { network: Some("other.example".into()), ..terms(1) });
    let foreign = greeted(|rogue| {
        accepts(rogue, &abroad);
        rogue.texts = vec![abroad.text().to_owned(), "no agreement".into(), DEFAULT_TEXT.into()];
    });
    assert!(!foreign.await.is_suspicious());
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_without_end_fill_nothing() {
    let offers: Vec<_> = (1..=100).map(|edition| text(&terms(edition))).collect();
    let dir = tempfile::tempdir().unwrap();
    let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
    let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
    let pinned = lt.pin(&no).await;
    for some in offers.chunks(limits::GREETING_TEXTS) {
        let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, secrets("NO"));
        some.iter().for_each(|offer| accepts(&mut rogue, offer));
        rogue.texts = some.iter().map(|offer| offer.text().to_owned()).collect();
        let (mut wire, _ended) = admit(&lt, &pinned);
        wire.greet(&mut rogue).await;
        // The greeting is over when something is answered.
        let route = a_route(&rogue, some[0].terms().edition as u8);
        let answer = told(&mut rogue, &mut wire, route, 2).await;
        assert!(matches!(answer, Answer::Received | Answer::Closed(_)), "{answer:?}");
    }
    let kept = lt.node.ledger.book().agreed(&origin("NO")).all().count();
    assert!((2..=limits::AGREEMENTS / 2 + 2).contains(&kept), "{kept}");
}
