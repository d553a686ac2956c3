//! Peers tell each other of third logs: a log that shows two faces is frozen by everybody, one that does not explain itself is an
//! alarm, and nobody can slander another.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod ended;
mod faces;
mod rotated;
mod weaving;

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection::{self, Ended};
use varde_node::flow::journal::{self, KEPT_OF_ONE, Of};
use varde_node::flow::{fork, gossip};
use varde_node::port::{Link, Peer};
use varde_node::rows;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{BadFrame, Frame, Gossip, KnownHead};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::SecretKey;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::{Checkpoint, Mode};
use varde_tests::pair::{self, Country, admit, connect, origin, pipe, release, route};
use varde_tests::rogue::{Answer, Rogue, Wire};

const SOON: Duration = Duration::from_secs(60);

async fn country(code: &str, dir: &std::path::Path, divergence: Duration) -> Country {
    Country::open_with(code, Arc::new(MemoryStore::default()), &dir.join(code), &[], divergence).await
}

/// Estonia, Lithuania and Norway.
async fn three(dir: &std::path::Path, divergence: Duration) -> (Country, Country, Country) {
    (country("EE", dir, divergence).await, country("LT", dir, divergence).await, country("NO", dir, divergence).await)
}

/// Waits for what must become true.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let reached = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.unwrap_or_else(|_| panic!("{what} did not come"));
}

fn keys(country: &Country) -> [SecretKey; 3] {
    pair::secrets(country.origin().node().as_str())
}

/// A face of a rogue's log: the genesis, then leaves of its own.
fn face(rogue: &mut Rogue, leaves: &[&[u8]]) {
    for leaf in leaves {
        rogue.append(Event { body: leaf.to_vec(), ..Event::local(Kind::PAD, Timestamp::default()) });
    }
}

/// A rogue of Norway that shows a country a face of its log.
struct Shown {
    rogue: Rogue,
    wire: Wire,
    ended: JoinHandle<Ended>,
    pinned: Arc<Peer>,
}

async fn show(to: &Country, no: &Country, leaves: &[&[u8]]) -> Shown {
    let pinned = to.pin(no).await;
    let mut rogue = Rogue::new(origin("NO"), to.origin().clone(), Mode::Test, keys(no));
    face(&mut rogue, leaves);
    let (mut wire, ended) = admit(to, &pinned);
    wire.greet(&mut rogue).await;
    wire.to.send(rogue.heads()).await.unwrap();
    until("the head", || head_of(to, "NO") == rogue.tree.size().0).await;
    Shown { rogue, wire, ended, pinned }
}

fn head_of(country: &Country, code: &str) -> u64 {
    country.node.ledger.book().head_of(&origin(code)).size
}

fn is_frozen(country: &Country, code: &str) -> bool {
    fork::is_frozen(&country.node.ledger, &origin(code)).unwrap()
}

fn leaves_of(country: &Country, kind: Kind) -> usize {
    let log = &country.node.ledger;
    (0..log.head().size().0).filter(|index| log.opening(*index).unwrap().event().kind == kind).count()
}

/// Connects two countries, and counts the frames that tell `b` of another log.
async fn listen(a: &Country, b: &Country) -> mpsc::UnboundedReceiver<Gossip> {
    let (b_seen_by_a, a_seen_by_b) = (a.pin(b).await, b.pin(a).await);
    let (to_b, mut from_a) = pipe();
    let (to_a, from_b) = pipe();
    let (give, incoming) = mpsc::channel::<Result<Frame, BadFrame>>(16);
    let (told, heard) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(frame) = from_a.recv().await {
            if let Ok(Frame::Heads(_, gossip)) = &frame {
                let _ = told.send((**gossip).clone());
            }
            if give.send(frame).await.is_err() {
                return;
            }
        }
    });
    tokio::spawn(connection::run(a.node.clone(), b_seen_by_a, Link { outgoing: to_b, incoming: from_b }));
    tokio::spawn(connection::run(b.node.clone(), a_seen_by_b, Link { outgoing: to_a, incoming }));
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_its_log_does_not_connect_is_an_alarm_and_one_that_it_connects_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let at_once = Duration::ZERO;
    for lies in [false, true] {
        let dir = dir.path().join(lies.to_string());
        std::fs::create_dir(&dir).unwrap();
        let (ee, lt, no) = three(&dir, at_once).await;
        let to_lt = show(&lt, &no, if lies { &[b"other", b"more"] } else { &[b"one", b"more"] }).await;
        let mut to_ee = show(&ee, &no, &[b"one"]).await;
        connect(&lt, &ee).await;
        // Estonia knows two leaves, hears of three, and asks Norway.
        let asked = next_asked(&mut to_ee.wire).await;
        assert_eq!((asked.size, gossip::divergences(&ee.node).len()), (3, 1));
        // Its answer is the best it can do: what proves that the log that Estonia knows has grown.
        face(&mut to_ee.rogue, &[b"more", b"and more"]);
        let newest = to_ee.rogue.tree.size();
        let consistency = to_ee.rogue.tree.consistency(TreeSize(3), newest).unwrap();
        let mut answer = Gossip::none(KnownHead { size: 0, root: Digest::of(b"") });
        answer.joined.push(varde_proto::exchange::Joined { size: 3, consistency });
        let frame = to_ee.rogue.gossip(answer);
        to_ee.wire.to.send(frame).await.unwrap();
        until("the answer", || head_of(&ee, "NO") == newest.0).await;
        let alarms = gossip::divergences(&ee.node);
        assert_eq!(alarms.len(), usize::from(lies));
        if let [alarm] = &alarms[..] {
            assert_eq!((alarm.teller.as_str(), alarm.head.size, &alarm.log), ("LT", 3, &origin("NO")));
        }
        assert!(!is_frozen(&ee, "NO"), "a divergence is no proof");
        drop((to_lt.wire, to_lt.rogue));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_sends_beyond_its_pace_waits_and_is_taken_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, no) = (country("EE", dir.path(), long).await, country("NO", dir.path(), long).await);
    let pinned = ee.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("EE"), Mode::Test, keys(&no));
    let (mut wire, _ended) = admit(&ee, &pinned);
    wire.greet(&mut rogue).await;
    // It has sent all that is taken at once, and more.
    let begun = tokio::time::Instant::now();
    let mut free = begun;
    while free < begun + Duration::from_secs(1) {
        free = ee.node.pace.count(no.origin().node(), 100, begun);
    }
    let envelope = Envelope { payload_type: "no/payload".into(), ..Envelope::default() };
    let frame = rogue.item(envelope, 2);
    assert_eq!(wire.ask(frame).await, Answer::Rejected("unknown-type".into()));
    assert!(tokio::time::Instant::now() >= free, "it was taken before its time");
}

#[tokio::test]
async fn a_country_that_floods_the_journal_pushes_out_what_is_its_own_and_nobody_elses() {
    let dir = tempfile::tempdir().unwrap();
    let ee = country("EE", dir.path(), Duration::ZERO).await;
    let [lt, no] = ["LT", "NO"].map(|code| Of::Peer(pair::origin(code).node()));
    let (ledger, journal) = (&ee.node.ledger, &ee.node.journal);
    let note = async |minute: u64, code: &str, who: &str, of| {
        let now = Timestamp::default().after(Duration::from_secs(60 * minute));
        journal.note(ledger, now, code, who, of).await;
    };
    note(0, "bad-frame", "NO", no).await;
    note(0, "unpinned", "192.0.2.1:9", Of::Stranger).await;
    for n in 0..=KEPT_OF_ONE {
        note(1 + n / 60, "sequence-gap", "LT", lt).await;
    }
    note(100, "sequence-gap", "NO", no).await;
    let all = journal::newest(ledger, usize::MAX).unwrap();
    let of = |who: &str| all.iter().filter(|entry| entry.who == who).count() as u64;
    assert_eq!([of("LT"), of("NO"), of("192.0.2.1:9")], [KEPT_OF_ONE, 2, 1]);
    let newest = journal::newest(ledger, 2).unwrap();
    assert_eq!(newest.iter().map(|entry| entry.who.as_str()).collect::<Vec<_>>(), ["NO", "LT"]);
}

/// The head of its own log about which a rogue is asked.
async fn next_asked(wire: &mut Wire) -> Checkpoint {
    loop {
        let frame = tokio::time::timeout(SOON, wire.from.recv()).await.unwrap().unwrap().unwrap();
        if let Frame::Heads(_, gossip) = frame
            && let Some(asked) = gossip.asked.into_iter().next()
        {
            return asked;
        }
    }
}

/// Found by seed 7699: asked at every heartbeat, both sides were kept at the pace of heads, and alerts waited behind them.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_has_not_answered_is_not_asked_again_on_the_same_connection() {
    let dir = tempfile::tempdir().unwrap();
    let (ee, lt, no) = three(dir.path(), Duration::ZERO).await;
    let _to_lt = show(&lt, &no, &[b"one", b"more"]).await;
    let mut to_ee = show(&ee, &no, &[b"one"]).await;
    connect(&lt, &ee).await;
    assert_eq!(next_asked(&mut to_ee.wire).await.size, 3);
    // Four heartbeats.
    let again = tokio::time::timeout(Duration::from_secs(4), next_asked(&mut to_ee.wire)).await;
    assert!(again.is_err(), "it is asked again: {again:?}");
    assert_eq!(gossip::divergences(&ee.node).len(), 1, "and what was asked is open still");
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_nodes_connect_what_their_peers_were_told_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let at_once = Duration::ZERO;
    let (ee, lt, no) = three(dir.path(), at_once).await;
    connect(&no, &lt).await;
    let mut heard = listen(&no, &ee).await;
    connect(&ee, &lt).await;
    let alert = |n: u8| route(*Digest::of(&[n]).0.first_chunk().unwrap());
    // Lithuania is shown heads of Norway that Estonia never sees.
    let mut joined = false;
    for n in 0..40 {
        let kept = release(&no, alert(n), &["LT"]).await;
        varde_node::flow::delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
        while let Ok(gossip) = heard.try_recv() {
            joined |= !gossip.joined.is_empty();
        }
        if joined {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(joined, "Estonia never asked, or Norway never answered");
    until("no alarm", || gossip::divergences(&ee.node).is_empty()).await;
    assert!(!is_frozen(&ee, "NO") && !is_frozen(&lt, "NO"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_only_tells_of_its_own_log_is_kept_to_one_head_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let long = Duration::from_secs(600);
    let (ee, no) = (country("EE", dir.path(), long).await, country("NO", dir.path(), long).await);
    let pinned = ee.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("EE"), Mode::Test, keys(&no));
    let (mut wire, _ended) = admit(&ee, &pinned);
    wire.greet(&mut rogue).await;
    let begun = Instant::now();
    let to = wire.to.clone();
    tokio::spawn(async move {
        loop {
            rogue.append(Event::local(Kind::PAD, Timestamp::default()));
            if to.send(rogue.heads()).await.is_err() {
                return;
            }
        }
    });
    let kept = || ee.node.ledger.scan(&[rows::PEER_HEAD], &[rows::PEER_HEAD + 1], false).count();
    until("three heads", || kept() >= 3).await;
    let passed = begun.elapsed();
    assert!(passed >= Duration::from_secs(2), "{} heads were kept within {passed:?}", kept());
}
