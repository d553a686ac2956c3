//! A peer that names the alerts of others: by their E, or by their ids.

use super::*;

/// EE, a co-recipient that knows each E, asks LT to erase what is not its own, each under an id that LT has not heard of, and
/// LT goes through with whatever it makes of that.
async fn erase_what_others_issued(lt: &Country, ee: Country, objects: &[Digest]) {
    let pinned = lt.pin(&ee).await;
    let mut rogue = Rogue::new(origin("EE"), origin("LT"), Mode::Test, ee.keys);
    let (mut wire, _) = varde_tests::pair::admit(lt, &pinned);
    wire.greet(&mut rogue).await;
    for (n, object) in (1..).zip(objects) {
        let due = due(false, lt.node.clock.now());
        let act = Act::Request { basis: ErasureBasis::AGREEMENT, authority: DeskRole::FOCAL_POINT, due };
        let (header, id) = (header_of("EE", n), AlertId([n; 16]));
        let request = Erasure { header, object: *object, id, reason: WITHDRAWN, act }.to_wire();
        let frame = rogue.item(envelope::sign(Erasure::TYPE, &request, &rogue.message), 5);
        assert_eq!(wire.ask(frame).await, Answer::Received);
    }
    erase::look(&lt.node, lt.node.clock.now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_names_the_alerts_of_others_neither_erases_them_nor_keeps_them_from_being_erased() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let ee = in_memory("EE", &dir).await;
    let sides = connect(&no, &lt).await;
    sent(&no, [doomed(), route(id(1))]).await;
    release(&lt, route(id(2)), &["NO"]).await;
    end(sides).await;
    release(&no, route(id(3)), &["LT"]).await;
    let of = |country: &Country, n| hold::find(&country.node, AlertId(id(n)), None).unwrap();
    let [filed, expiring, own, coming] = [of(&lt, 1), of(&lt, 99), of(&lt, 2), of(&no, 3)];
    erase_what_others_issued(&lt, ee, &[filed.1, expiring.1, own.1, coming.1]).await;

    let whole = |index| kept::if_kept::<Alert>(&lt.node.ledger, index).unwrap().is_some();
    assert_eq!([filed.0, expiring.0, own.0].map(whole), [true; 3], "it erased what others issued");
    for begins in [true, false] {
        let set = lt.node.ledger.commit(move |desk| hold::set(desk, own.0, own.1, begins));
        assert!(set.await.unwrap().into_value(), "our own alert cannot be put on hold");
    }
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!([filed.0, expiring.0, own.0].map(whole), [true, false, true], "what expired outlived its time");
    take_back(&lt.node, AlertId(id(2)), from_all(WITHDRAWN)).await.expect("our own alert cannot be withdrawn");
    let _sides = connect(&no, &lt).await;
    eraser(&lt);
    delivery::wait(&no.node.ledger, coming.0, SOON).await.unwrap();
    let arrived = hold::find(&lt.node, AlertId(id(3)), None).expect("what was on its way was refused");
    let object = take_back(&no.node, AlertId(id(1)), from_all(WITHDRAWN)).await.unwrap();
    stand(&no, object, &[Standing::Erased]).await;
    assert_eq!([filed.0, own.0, arrived.0].map(whole), [false, false, true], "NO has a proof, and LT the alert");
    assert_eq!(against(&audited(&lt, Scope::National)), Vec::<&str>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_asks_under_a_wrong_id_is_told_the_truth_when_it_asks_under_the_right_one() {
    let dir = tempfile::tempdir().unwrap();
    let (lt, mut rogue, mut wire) = stage(&dir).await;
    let now = lt.node.clock.now();
    let issue = |content, salt| Alert::issue(content, header(salt), now, Digest::of(b"decision")).unwrap().to_wire();
    let alerts = [doomed(), route(id(1))].map(|content| (content.id, content));
    let mut objects = Vec::new();
    for (salt, (_, content)) in (1..).zip(&alerts) {
        let alert = envelope::sign(Alert::TYPE, &issue(content.clone(), salt), &rogue.message);
        objects.push(envelope::digest(&alert));
        let frame = rogue.item(alert, 2);
        assert_eq!(wire.ask(frame).await, Answer::Received);
    }
    let kept_at = alerts.each_ref().map(|(id, _)| hold::find(&lt.node, *id, None).unwrap().0);
    let whole = || kept_at.map(|index| kept::if_kept::<Alert>(&lt.node.ledger, index).unwrap().is_some());
    let requests = [(objects[0], AlertId([7; 16])), (objects[1], AlertId([8; 16])), (objects[1], alerts[1].0)];
    for (salt, (object, id)) in (3..).zip(requests) {
        let act =
            Act::Request { basis: ErasureBasis::AGREEMENT, authority: DeskRole::FOCAL_POINT, due: due(false, now) };
        let request = Erasure { header: header(salt), object, id, reason: WITHDRAWN, act }.to_wire();
        let frame = rogue.item(envelope::sign(Erasure::TYPE, &request, &rogue.message), 5);
        assert_eq!(wire.ask(frame).await, Answer::Received);
        erase::look(&lt.node, now).await.unwrap();
    }
    assert_eq!(whole(), [true, false], "the right id reaches the alert");
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(whole(), [false, false], "and so does the end of its time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_several_countries_use_is_held_only_for_the_one_that_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let ee = in_memory("EE", &dir).await;
    let _sides = connect(&no, &lt).await;
    sent(&no, [route(id(1)), route(id(2))]).await;
    release(&lt, route(id(3)), &["NO"]).await;
    let of = |country: &str, n| hold::find(&lt.node, AlertId(id(n)), Some(NodeId::parse(country).unwrap()));
    let genuine = [of("NO", 1).unwrap(), of("NO", 2).unwrap(), of("LT", 3).unwrap()];
    // Estonia takes over the ids of a Norwegian and of a Lithuanian alert.
    let pinned = lt.pin(&ee).await;
    let mut rogue = Rogue::new(origin("EE"), origin("LT"), Mode::Test, ee.keys);
    let (mut wire, _) = varde_tests::pair::admit(&lt, &pinned);
    wire.greet(&mut rogue).await;
    for (salt, n) in [(1, 1), (2, 3)] {
        let now = lt.node.clock.now();
        let alert = Alert::issue(route(id(n)), header_of("EE", salt), now, Digest::of(b"decision")).unwrap();
        let frame = rogue.item(envelope::sign(Alert::TYPE, &alert.to_wire(), &rogue.message), 2);
        assert_eq!(wire.ask(frame).await, Answer::Received);
    }
    for (n, who) in [(1, ["EE", "NO"]), (3, ["EE", "LT"])] {
        let found = hold::find(&lt.node, AlertId(id(n)), None);
        let Err(Refused::SeveralIssuers(_, named)) = found else { panic!("{found:?}") };
        assert_eq!(named.iter().map(NodeId::as_str).collect::<Vec<_>>(), who);
    }
    assert_eq!([of("NO", 1).unwrap(), of("NO", 2).unwrap(), of("LT", 3).unwrap()], genuine);
    assert_eq!(hold::find(&lt.node, AlertId(id(2)), None).unwrap(), genuine[1], "whose id nobody took");
    assert!(of("EE", 1).is_ok() && matches!(of("EE", 2), Err(Refused::Absent(_))));
    // What is erased is in nobody's way.
    eraser(&lt);
    let object = take_back(&no.node, AlertId(id(1)), from_all(WITHDRAWN)).await.unwrap();
    stand(&no, object, &[Standing::Erased]).await;
    assert_eq!(hold::find(&lt.node, AlertId(id(1)), None).unwrap(), of("EE", 1).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recipient_that_was_not_pinned_when_it_was_to_be_asked_is_asked_once_it_is_again() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    eraser(&no);
    eraser(&lt);
    let sides = connect(&no, &lt).await;
    sent(&no, [route(id(1))]).await;
    end(sides).await;
    no.pin_all(Arc::default()).await.unwrap();
    let object = take_back(&no.node, AlertId(id(1)), from_all(WITHDRAWN)).await.unwrap();
    stand(&no, object, &[Standing::NotAsked]).await;
    let sides = connect(&no, &lt).await;
    let answered = stand(&no, object, &[Standing::Erased]).await;
    assert!(answered[0].proof(&no.node.ledger).unwrap().is_some());
    end(sides).await;
    let (here, there) = (audited(&no, Scope::National), audited(&lt, Scope::National));
    assert_eq!((against(&here), against(&there)), (vec![], vec![]));
    assert_eq!(reconcile(&here, &there), []);
}
