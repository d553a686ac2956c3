//! A log that shows two faces, and those who say so of one that does not.

use super::*;
use varde_node::flow::bundle;
use varde_proto::audit::{MemoryBundle, Scope, Severity};
use varde_proto::draft::act;
use varde_proto::exchange::{LogHead, Piece};
use varde_proto::log::fork::{Claim, Fork};
use varde_proto::log::note::Note;
use zeroize::Zeroizing;

#[tokio::test(flavor = "multi_thread")]
async fn two_logs_under_one_key_shown_to_two_peers_are_frozen_by_both() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, lt, no) = three(dir.path(), long).await;
    let mut to_ee = show(&ee, &no, &[b"one"]).await;
    let to_lt = show(&lt, &no, &[b"other"]).await;
    connect(&ee, &lt).await;
    until("both freeze", || is_frozen(&ee, "NO") && is_frozen(&lt, "NO")).await;

    // The connections end, the proof is a leaf of both logs, and it is the same.
    for shown in [to_ee.ended, to_lt.ended] {
        assert_eq!(tokio::time::timeout(SOON, shown).await.unwrap().unwrap().to_string(), "frozen");
    }
    for country in [&ee, &lt] {
        assert_eq!(leaves_of(country, Kind::MISBEHAVIOUR), 1);
        let [(log, standing, claim)] = fork::all(&country.node.ledger).unwrap().try_into().unwrap();
        assert_eq!((&log, claim.size(), standing.frozen), (&origin("NO"), TreeSize(2), true));
        assert!(claim.prove(&[no.keys[1].public()]).is_ok());
    }
    // It lies in the bundle, and an auditor finds it.
    let (bundle, _) = bundle::write(&ee.node, Scope::National, MemoryBundle::new()).unwrap();
    let findings = varde_proto::audit::verify(&bundle, &varde_proto::audit::Given::default()).unwrap().findings;
    let found: Vec<_> = findings.iter().filter(|finding| finding.code.severity == Severity::Finding).collect();
    assert_eq!(
        found.iter().map(|finding| (finding.code.name, &finding.origin)).collect::<Vec<_>>(),
        [("split-view", &Some(origin("NO")))]
    );
    // Nothing of that log is taken again, nor sent to its node.
    release(&ee, route(*Digest::of(b"an alert").0.first_chunk().unwrap()), &["NO"]).await;
    let size = ee.node.ledger.head().size();
    let (mut again, ended) = admit(&ee, &to_ee.pinned);
    to_ee.rogue.append(Event::local(Kind::PAD, Timestamp::default()));
    assert_eq!(again.ask(to_ee.rogue.heads()).await, Answer::Closed("frozen".into()));
    assert_eq!(ended.await.unwrap().to_string(), "frozen");
    assert_eq!((head_of(&ee, "NO"), ee.node.ledger.head().size()), (2, size));
    drop((to_ee.wire, to_lt.wire));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_log_is_dealt_with_again_when_two_people_have_decided() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, no) = (country("EE", dir.path(), long).await, country("NO", dir.path(), long).await);
    let log = origin("NO");
    let proof = |size| {
        let head = |root| Head::sign(&log, TreeSize(size), Digest([root; 32]), &no.keys[1]).unwrap();
        Fork::of(&head(1), &head(2), &[no.keys[1].public()]).unwrap()
    };
    fork::keep(&ee.node, proof(2)).await.unwrap();
    assert!(is_frozen(&ee, "NO"));
    let evidence = fork::standing(&ee.node.ledger, &log).unwrap().unwrap().evidence;
    let act = |name: &str| {
        let now = varde_node::port::Clock::now(&varde_node::edge::clock::SystemClock);
        let about = act::about_unfreeze(&log, evidence);
        Some(act::sign(act::Verb::Unfreeze, about, ee.origin(), now, &pair::staff("EE", name)))
    };
    assert!(!fork::unfreeze(&ee.node, &log, act("a")).await.unwrap());
    assert!(matches!(fork::unfreeze(&ee.node, &log, act("a")).await, Err(fork::Refused::SamePerson)));
    assert!(matches!(fork::unfreeze(&ee.node, &log, act("nobody")).await, Err(fork::Refused::Act(_))));
    assert!(is_frozen(&ee, "NO"));
    assert!(fork::unfreeze(&ee.node, &log, act("b")).await.unwrap());
    assert!(!is_frozen(&ee, "NO"));
    assert_eq!(leaves_of(&ee, Kind::UNFREEZE), 1);
    // What was decided about does not freeze it anew; another fork does.
    fork::keep(&ee.node, proof(2)).await.unwrap();
    assert!(!is_frozen(&ee, "NO"));
    fork::keep(&ee.node, proof(3)).await.unwrap();
    assert!(is_frozen(&ee, "NO"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_root_that_comes_with_entries_proves_a_fork_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    // At the size of the newest head that was verified, and at that of one before it.
    for earlier in [false, true] {
        let dir = dir.path().join(earlier.to_string());
        let (ee, no) = (country("EE", &dir, long).await, country("NO", &dir, long).await);
        let mut shown = show(&ee, &no, &[b"one", b"more"]).await;
        let mut other = Rogue::new(origin("NO"), origin("EE"), Mode::Test, keys(&no));
        face(&mut other, &[b"other", b"more"]);
        if earlier {
            face(&mut shown.rogue, &[b"and more"]);
            shown.wire.to.send(shown.rogue.heads()).await.unwrap();
            until("the newest head", || head_of(&ee, "NO") == 4).await;
        }
        let head = Head::sign(&origin("NO"), TreeSize(3), other.tree.root(), &no.keys[1]).unwrap();
        let asked = async {
            loop {
                if let Frame::Ask(from, _) = shown.wire.from.recv().await.unwrap().unwrap() {
                    return from;
                }
            }
        };
        let from = tokio::time::timeout(SOON, asked).await.unwrap();
        let piece = Piece { checkpoint: head.to_wire(), from, entries: other.entries(from, 3) };
        shown.wire.to.send(Frame::Entries(piece)).await.unwrap();
        until("the proof", || is_frozen(&ee, "NO")).await;
        assert_eq!(shown.ended.await.unwrap().to_string(), "fork");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_that_was_forgiven_forgives_no_other_whatever_size_it_claimed() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, _, no) = three(dir.path(), long).await;
    let shown = show(&ee, &no, &[b"one", b"two"]).await;
    let log = origin("NO");
    let proof = |size, root: u8| {
        let head = |root| Head::sign(&log, TreeSize(size), Digest([root; 32]), &no.keys[1]).unwrap();
        Fork::of(&head(root), &head(root + 1), &[no.keys[1].public()]).unwrap()
    };
    let keep = async |size, root| {
        fork::keep(&ee.node, proof(size, root)).await.unwrap();
        is_frozen(&ee, "NO")
    };
    assert!(keep(1 << 63, 1).await);
    let evidence = fork::standing(&ee.node.ledger, &log).unwrap().unwrap().evidence;
    for name in pair::STAFF {
        let now = varde_node::port::Clock::now(&varde_node::edge::clock::SystemClock);
        let about = act::about_unfreeze(&log, evidence);
        let act = act::sign(act::Verb::Unfreeze, about, ee.origin(), now, &pair::staff("EE", name));
        fork::unfreeze(&ee.node, &log, Some(act)).await.unwrap();
    }
    assert!(!is_frozen(&ee, "NO"));
    assert!(!keep(1 << 63, 1).await, "this one was decided about");
    assert!(!keep(3, 5).await, "and what it had shown us by then");
    assert!(keep(4, 5).await, "what came after was forgiven unseen");
    drop(shown);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_log_shown_to_two_peers_freezes_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let at_once = Duration::ZERO;
    let (ee, lt, no) = three(dir.path(), at_once).await;
    let _to = (show(&ee, &no, &[b"one"]).await, show(&lt, &no, &[b"one"]).await);
    let mut heard = listen(&ee, &lt).await;
    let gossip = tokio::time::timeout(SOON, heard.recv()).await.unwrap().unwrap();
    assert_eq!(gossip.others.len(), 1);
    let kept = release(&ee, route(*Digest::of(b"an alert").0.first_chunk().unwrap()), &["LT"]).await;
    varde_node::flow::delivery::wait(&ee.node.ledger, kept, SOON).await.unwrap();
    for country in [&ee, &lt] {
        assert!(!is_frozen(country, "NO") && gossip::divergences(&country.node).is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_asked_about_a_head_that_its_key_signed_and_its_log_does_not_have_tells_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, lt, no) = three(dir.path(), long).await;
    connect(&no, &lt).await;
    // Somebody has stolen Norway's key and shown Estonia a log that is not Norway's; Estonia asks.
    let pinned = no.pin(&ee).await;
    let mut asking = Rogue::new(origin("EE"), origin("NO"), Mode::Test, keys(&ee));
    let (mut wire, _ended) = admit(&no, &pinned);
    wire.greet(&mut asking).await;
    let stolen = Head::sign(&origin("NO"), TreeSize(2), Digest([9; 32]), &no.keys[1]).unwrap();
    let mut question = Gossip::none(KnownHead { size: 0, root: Digest::of(b"") });
    question.asked.push(stolen.to_wire());
    let frame = asking.gossip(question);
    wire.to.send(frame).await.unwrap();
    until("Norway knows, and Lithuania freezes it", || {
        let ours = fork::all(&no.node.ledger).unwrap();
        ours.len() == 1 && ours[0].0 == origin("NO") && is_frozen(&lt, "NO")
    })
    .await;
    assert_eq!(leaves_of(&no, Kind::MISBEHAVIOUR), 1);
    let told = varde_node::flow::journal::newest(&no.node.ledger, 10).unwrap();
    assert!(told.iter().any(|entry| entry.code == "forked-ourselves"), "{told:?}");
}

/// A proof whose text was changed after it was signed.
fn changed(proof: &Fork, from: &str, to: &str) -> Claim {
    let note = |note: &Note| {
        let note = note.write().replace(from, to);
        [&u16::try_from(note.len()).unwrap().to_be_bytes()[..], note.as_bytes()].concat()
    };
    Claim::read(&proof.claim().notes().iter().flat_map(note).collect::<Vec<u8>>()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_honest_node_hands_on_ends_the_connection_and_what_is_not_proven_freezes_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let (_, lt, no) = three(dir.path(), Duration::ZERO).await;
    let head = |root: u8, key: &SecretKey| Head::sign(&origin("NO"), TreeSize(7), Digest([root; 32]), key).unwrap();
    let another = SecretKey::from_seed(&Zeroizing::new([77; 32]));
    let genuine = Fork::of(&head(1, &no.keys[1]), &head(2, &no.keys[1]), &[no.keys[1].public()]).unwrap();
    let invented = Fork::of(&head(1, &another), &head(2, &another), &[another.public()]).unwrap();
    let told = |lines: usize| {
        let mut checkpoint = Checkpoint { size: 8, ..head(1, &no.keys[1]).to_wire() };
        checkpoint.signatures.truncate(lines);
        vec![LogHead { origin: origin("NO"), checkpoint }]
    };
    let others_name = changed(&genuine, "\u{2014} varde.example/no/1", "\u{2014} varde.example/si/1");
    let cases = [
        ("evidence-forged", vec![others_name], vec![]),
        ("gossip-forged", vec![], told(0)),
        // By none of the keys that are known: perhaps Norway has a new one, and perhaps it was ground to the id of the old.
        ("", vec![changed(&genuine, "\n7\n", "\n8\n")], vec![]),
        ("", vec![invented.claim().clone()], vec![]),
        ("", vec![], told(1)),
    ];
    for (n, (code, forks, others)) in cases.into_iter().enumerate() {
        let ee = country("EE", &dir.path().join(n.to_string()), Duration::ZERO).await;
        ee.pin(&no).await;
        let pinned = ee.pin(&lt).await;
        let mut slanderer = Rogue::new(origin("LT"), origin("EE"), Mode::Test, keys(&lt));
        face(&mut slanderer, &[code.as_bytes()]);
        let (mut wire, ended) = admit(&ee, &pinned);
        wire.greet(&mut slanderer).await;
        let gossip = Gossip { forks, others, ..Gossip::none(KnownHead { size: 0, root: Digest::of(b"") }) };
        let frame = slanderer.gossip(gossip);
        wire.to.send(frame).await.unwrap();
        if code.is_empty() {
            until("the slanderer's own head", || head_of(&ee, "LT") == 2).await;
        } else {
            assert_eq!(wire.answer().await, Answer::Closed(code.into()));
            let ended = ended.await.unwrap();
            assert!(ended.is_suspicious() && ended.to_string() == code);
        }
        // An alarm names whoever told it.
        let told: Vec<_> = gossip::divergences(&ee.node).iter().map(|alarm| alarm.teller.to_string()).collect();
        assert_eq!(told, if code.is_empty() { vec!["LT"] } else { vec![] }, "{n}");
        assert!(!is_frozen(&ee, "NO"), "{n}");
        assert_eq!(leaves_of(&ee, Kind::MISBEHAVIOUR), 0);
    }
}
