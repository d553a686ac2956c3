//! A withdrawal reaches every recipient or stands on the list; what was withdrawn is gone at both ends, and cannot come later.
#![allow(missing_docs, reason = "tests")]

mod others;

use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::alert::drafts::Refused;
use varde_node::flow::alert::held::{self, What};
use varde_node::flow::erase::{self, hold};
use varde_node::flow::outstanding::{self, Outstanding, Standing};
use varde_node::flow::withdraw::{Withdrawal, take_back};
use varde_node::flow::{connection, deliver, delivery, kept};
use varde_node::port::Link;
use varde_node::state::outgoing::Run;
use varde_proto::agreement::{Agreed, default_agreement};
use varde_proto::alert::Alert;
use varde_proto::audit::{Scope, reconcile};
use varde_proto::control::{Act, Erasure, due};
use varde_proto::envelope::{self, Payload};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::log::event::Kind;
use varde_proto::log::proof::TlogProof;
use varde_proto::vocabulary::{DeskRole, ErasureBasis, ErasureReason};
use varde_proto::wire::peer::{self, Mode};
use varde_tests::doomed::{SOON, against, assert_gone, audited, doomed, end, id, keys, kinds, open, sent, steal};
use varde_tests::pair::{Country, connect, origin, pipe, release, route};
use varde_tests::rogue::{Answer, Rogue, Wire};

const ALL: [Kind; 4] = [Kind::ERASE_REQUEST, Kind::ERASE_DONE, Kind::HOLD, Kind::ABANDONED];
const WITHDRAWN: ErasureReason = ErasureReason::WITHDRAWN;

async fn in_memory(code: &str, dir: &tempfile::TempDir) -> Country {
    Country::open(code, Arc::new(MemoryStore::default()), &dir.path().join(code)).await
}

fn from_all(reason: ErasureReason) -> Withdrawal {
    Withdrawal { reason, from: Vec::new() }
}

fn eraser(country: &Country) {
    tokio::spawn(erase::keep_erasing(country.node.clone()));
}

/// Waits until an alert's recipients stand like this.
async fn stand(country: &Country, object: Digest, wanted: &[Standing]) -> Vec<Outstanding> {
    let reached = async {
        let mut heads = country.node.ledger.heads();
        loop {
            let now = outstanding::of(&country.node, &object).unwrap();
            if now.iter().map(|one| one.standing.clone()).collect::<Vec<_>>() == wanted {
                return now;
            }
            assert!(heads.changed().await);
        }
    };
    tokio::time::timeout(SOON, reached).await.expect("the recipients' answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_gone_at_both_ends_and_the_recipients_proof_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let sides = connect(&no, &lt).await;
    sent(&no, (0..3).map(|n| route(id(n)))).await;
    sent(&no, [doomed()]).await;
    sent(&no, (3..5).map(|n| route(id(n)))).await;
    let before = ["NO", "LT"].map(|code| keys(&steal(code, dir.path())));
    eraser(&no);
    eraser(&lt);
    let object = take_back(&no.node, AlertId(id(99)), from_all(WITHDRAWN)).await.unwrap();
    let answered = stand(&no, object, &[Standing::Erased]).await;
    for (code, keys) in ["NO", "LT"].iter().zip(&before) {
        assert_gone(&steal(code, dir.path()), keys);
    }
    for country in [&no, &lt] {
        assert_eq!(kinds(country, &ALL), [Kind::ERASE_REQUEST, Kind::ERASE_DONE], "{}", country.origin());
    }

    let proof = answered[0].proof(&no.node.ledger).unwrap().expect("the receipt of the erasure");
    let proof = TlogProof::parse(&proof).unwrap();
    let event = proof.opening().unwrap().event().clone();
    assert_eq!((event.kind, event.object), (Kind::ERASE_DONE, object));
    assert_eq!(proof.checkpoint.text().lines().next(), Some("varde.example/lt/1"));

    let mute = held::find(&lt.node.ledger, &[no.origin().node()], AlertId(id(99))).unwrap().remove(0);
    assert!(matches!(mute.what, What::Remains(remains) if remains.reason == WITHDRAWN));
    assert_eq!(outstanding::outstanding(&no.node, no.node.clock.now()).unwrap(), []);
    let again = take_back(&no.node, AlertId(id(99)), from_all(WITHDRAWN)).await;
    assert!(matches!(again, Err(Refused::Withdrawn)), "{again:?}");
    end(sides).await;
    let (here, there) = (audited(&no, Scope::National), audited(&lt, Scope::National));
    assert_eq!((against(&here), against(&there)), (vec![], vec![]));
    assert_eq!(reconcile(&here, &there), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_is_abandoned_owed_to_the_list_and_never_travels() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let seen = no.pin(&lt).await;
    let ledger = &no.node.ledger;
    release(&no, doomed(), &["LT"]).await;
    let size = ledger.head().size().0;
    let run = Run { class: 2, from: 1, count: 1, taken: 0 };
    let now = no.node.clock.now();
    let nothing = Agreed::default();
    let agreed = nothing.supposed(now);
    let items = |size| deliver::items((ledger, now), (&seen, &agreed), run, size, usize::MAX).unwrap();
    assert!(items(size)[0].envelope.is_some());
    let object = take_back(&no.node, AlertId(id(99)), from_all(ErasureReason::DATA_SUBJECT)).await.unwrap();
    assert!(items(size).is_empty(), "its leaf comes after this head");
    let item = items(ledger.head().size().0).remove(0);
    assert_eq!((item.sent.opening.event().kind, item.envelope), (Kind::ABANDONED, None));

    let now = no.node.clock.now();
    let listed = outstanding::outstanding(&no.node, now).unwrap().remove(0);
    assert_eq!((listed.standing.clone(), listed.is_overdue(now)), (Standing::Owed, false));
    assert_eq!(listed.due, due(false, listed.asked));
    assert!(listed.is_overdue(now.after(Duration::from_secs(31 * 86_400))));

    let sides = connect(&no, &lt).await;
    eraser(&lt);
    stand(&no, object, &[Standing::Erased]).await;
    // The request overtakes the item that is not coming.
    let settled = async {
        while no.node.ledger.book().owed(lt.origin().node()) > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(SOON, settled).await.expect("every receipt");
    let mut logged = kinds(&lt, &ALL);
    assert_eq!(logged[0], Kind::ERASE_REQUEST);
    logged.sort_unstable();
    assert_eq!(logged, [Kind::ABANDONED, Kind::ERASE_REQUEST, Kind::ERASE_DONE]);
    assert_eq!(held::inbox(&lt.node.ledger, 0, 10).unwrap().len(), 0);
    erase::look(&no.node, now).await.unwrap();
    end(sides).await;
    let (here, there) = (audited(&no, Scope::National), audited(&lt, Scope::National));
    assert_eq!((against(&here), against(&there)), (vec![], vec![]));
    assert_eq!(reconcile(&here, &there), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_keeps_an_alert_and_says_so_to_its_issuer_until_it_is_lifted() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let _sides = connect(&no, &lt).await;
    sent(&no, [doomed()]).await;
    let (index, held) = hold::find(&lt.node, AlertId(id(99)), None).unwrap();
    let set = |begins| lt.node.ledger.commit(move |desk| hold::set(desk, index, held, begins));
    assert!(set(true).await.unwrap().into_value());
    eraser(&no);
    eraser(&lt);
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(kinds(&lt, &ALL), [Kind::HOLD], "its time is over, and it is on hold");
    let object = take_back(&no.node, AlertId(id(99)), from_all(WITHDRAWN)).await.unwrap();
    assert_eq!(object, held);
    let waiting = stand(&no, object, &[Standing::OnHold]).await;
    assert!(waiting[0].proof(&no.node.ledger).unwrap().is_none());
    assert!(kept::if_kept::<Alert>(&lt.node.ledger, index).unwrap().is_some(), "it is still there");
    assert_eq!(outstanding::outstanding(&no.node, no.node.clock.now()).unwrap().len(), 1);

    assert!(set(false).await.unwrap().into_value());
    stand(&no, object, &[Standing::Erased]).await;
    assert!(kept::if_kept::<Alert>(&lt.node.ledger, index).unwrap().is_none());
    assert_eq!(kinds(&lt, &ALL), [Kind::HOLD, Kind::ERASE_REQUEST, Kind::HOLD, Kind::ERASE_DONE]);
    assert!(!set(true).await.unwrap().into_value(), "what is erased cannot be held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_narrowed_alert_is_erased_where_it_is_taken_back_and_nowhere_else() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let _sides = (connect(&no, &lt).await, connect(&no, &ee).await);
    let kept_at = release(&no, doomed(), &["LT", "EE"]).await;
    delivery::wait(&no.node.ledger, kept_at, SOON).await.unwrap();
    [&no, &lt, &ee].into_iter().for_each(eraser);
    let from = |code: &str| vec![NodeId::parse(code).unwrap()];
    let narrowed = |from| take_back(&no.node, AlertId(id(99)), Withdrawal { reason: ErasureReason::NARROWED, from });
    assert!(matches!(narrowed(Vec::new()).await, Err(Refused::Narrowing)));
    assert!(matches!(narrowed(from("SI")).await, Err(Refused::NotRecipient(_))));
    let object = narrowed(from("LT")).await.unwrap();
    stand(&no, object, &[Standing::Erased]).await;
    let whole = |country: &Country| {
        let (index, _) = hold::find(&country.node, AlertId(id(99)), None).unwrap();
        kept::if_kept::<Alert>(&country.node.ledger, index).unwrap().is_some()
    };
    assert_eq!([&no, &lt, &ee].map(whole), [true, false, true]);
    let later = take_back(&no.node, AlertId(id(99)), from_all(WITHDRAWN)).await.unwrap();
    stand(&no, later, &[Standing::Erased, Standing::Erased]).await;
    assert_eq!(kinds(&lt, &ALL), [Kind::ERASE_REQUEST, Kind::ERASE_DONE], "who has shown it is not asked again");
    erase::look(&no.node, no.node.clock.now()).await.unwrap();
    assert_eq!([&no, &lt, &ee].map(whole), [false, false, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_end_of_its_time_the_issuer_gets_the_proof_unasked_and_until_then_it_is_listed() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let _sides = connect(&no, &lt).await;
    sent(&no, [doomed()]).await;
    let (_, object) = hold::find(&lt.node, AlertId(id(99)), None).unwrap();
    assert_eq!(outstanding::of(&no.node, &object).unwrap(), []);
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    let shown = stand(&no, object, &[Standing::Erased]).await;
    assert_eq!(shown[0].reason, ErasureReason::EXPIRED);
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(kinds(&lt, &[Kind::SENT]).len(), 1, "one answer is enough");
}

/// A node LT and a rogue NO that it has pinned.
async fn stage(dir: &tempfile::TempDir) -> (Country, Rogue, Wire) {
    let (lt, no) = (in_memory("LT", dir).await, in_memory("NO", dir).await);
    let pinned = lt.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
    let (to, incoming) = pipe();
    let (outgoing, from) = pipe();
    tokio::spawn(connection::run(lt.node.clone(), pinned, Link { outgoing, incoming }));
    let mut wire = Wire { to, from };
    wire.greet(&mut rogue).await;
    (lt, rogue, wire)
}

fn header(salt: u8) -> peer::Header {
    header_of("NO", salt)
}

fn header_of(country: &str, salt: u8) -> peer::Header {
    peer::Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: origin(country).as_str().into(),
        recipients: vec!["varde.example/lt/1".into()],
        agreement: default_agreement().0.to_vec().into(),
        salt: vec![salt | 0x80; 32].into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_that_overtakes_its_alert_keeps_it_out_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let (lt, mut rogue, mut wire) = stage(&dir).await;
    let now = lt.node.clock.now();
    let late = Alert::issue(doomed(), header(1), now, Digest::of(b"decision")).unwrap().to_wire();
    let late = envelope::sign(Alert::TYPE, &late, &rogue.message);
    let request = |object, salt| {
        let act =
            Act::Request { basis: ErasureBasis::AGREEMENT, authority: DeskRole::FOCAL_POINT, due: due(false, now) };
        let id = AlertId(id(99));
        Erasure { header: header(salt), object, id, reason: WITHDRAWN, act }.to_wire()
    };
    let asked = envelope::sign(Erasure::TYPE, &request(envelope::digest(&late), 2), &rogue.message);
    let frame = rogue.item(asked, 5);
    assert_eq!(wire.ask(frame).await, Answer::Received);
    erase::look(&lt.node, now).await.unwrap();
    assert_eq!(kinds(&lt, &ALL), [Kind::ERASE_REQUEST, Kind::ERASE_DONE]);
    let frame = rogue.item(late, 2);
    assert_eq!(wire.ask(frame).await, Answer::Rejected("content:withdrawn".into()));
    let other = envelope::sign(Erasure::TYPE, &request(Digest([7; 32]), 3), &rogue.message);
    let frame = rogue.item(other, 5);
    assert_eq!(wire.ask(frame).await, Answer::Rejected("content:erasure-other-item".into()));
    assert_eq!(held::inbox(&lt.node.ledger, 0, 10).unwrap().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_its_proof_or_about_what_we_never_sent_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (lt, mut rogue, mut wire) = stage(&dir).await;
    let answer = |proof: &[u8]| {
        let act = Act::Done { request: Digest::NONE, proof: proof.to_vec() };
        let object = Digest([7; 32]);
        Erasure { header: header(1), object, id: AlertId(id(99)), reason: ErasureReason::EXPIRED, act }.to_wire()
    };
    let forged = envelope::sign(Erasure::TYPE, &answer(b"no proof"), &rogue.message);
    let frame = rogue.item(forged, 5);
    assert_eq!(wire.ask(frame).await, Answer::Rejected("content:erasure-proof".into()));
    let body = varde_proto::control::leaf::Done { request: Digest::NONE, reason: ErasureReason::EXPIRED }.encode();
    let event = varde_proto::log::event::Event {
        kind: Kind::ERASE_DONE,
        direction: varde_proto::log::event::Direction::In,
        body,
        ..rogue.event(Digest([7; 32]), 2, 1, Digest::NONE)
    };
    let (index, opening) = rogue.append(event);
    let shown = rogue.show(index, opening);
    let head =
        varde_proto::log::head::Head::sign(&rogue.origin, rogue.tree.size(), rogue.tree.root(), &rogue.log).unwrap();
    let index = varde_proto::id::LogIndex(shown.index);
    let proof = TlogProof::of_leaf(&shown.opening, index, shown.path, head.note().clone()).write();
    let invented = envelope::sign(Erasure::TYPE, &answer(proof.as_bytes()), &rogue.message);
    let frame = rogue.item(invented, 5);
    assert_eq!(wire.ask(frame).await, Answer::Rejected("content:erasure-not-issued".into()));
    assert_eq!(kinds(&lt, &ALL), []);
}
