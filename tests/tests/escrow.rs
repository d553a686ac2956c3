//! Peers keep each other's entries: with each head where the step is small, on request where it was large, and never what
//! nobody asked for or what does not make the signed root.
#![allow(missing_docs, reason = "tests")]

use prost::Message;
use std::sync::Arc;
use std::time::{Duration, Instant};
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection::{self, Ended};
use varde_node::flow::{delivery, escrow};
use varde_node::port::{Link, StoreError};
use varde_proto::exchange::{Frame, Gossip, KnownHead, Piece, Proven};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::limits;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Entry;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;
use varde_tests::pair::{Country, connect, origin, pipe, release, route};
use varde_tests::rogue::{Answer, Rogue, Wire};

const SOON: Duration = Duration::from_secs(60);

async fn country(code: &str, dir: &std::path::Path) -> Country {
    Country::open(code, Arc::new(MemoryStore::default()), &dir.join(code)).await
}

fn id(n: u64) -> [u8; 16] {
    *Digest::of(&n.to_be_bytes()).0.first_chunk().unwrap()
}

/// Waits until `here` keeps the entries of `there`'s log up to a size, and compares each.
async fn keeps_all(here: &Country, there: &Country, size: u64) {
    let all = async {
        while here.node.ledger.book().kept_of(there.origin()).size().0 < size {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, all).await.expect("the entries");
    let own = escrow::own(&there.node.ledger, 0, size).unwrap();
    assert_eq!(escrow::kept(&here.node.ledger, there.origin(), 0, size as usize).unwrap(), own);
    for from in [1, size / 2, size - 1] {
        let kept = escrow::kept(&here.node.ledger, there.origin(), from, 300).unwrap();
        let to = own.len().min(from as usize + 300);
        assert_eq!(kept, own[from as usize..to], "from {from}");
    }
    assert_eq!(escrow::kept(&here.node.ledger, there.origin(), size, 300).unwrap(), []);
}

async fn pads(country: &Country, count: usize) {
    for _ in 0..count.div_ceil(limits::COMMIT_ENTRIES) {
        let landed = country.node.ledger.commit(|desk| {
            for _ in 0..limits::COMMIT_ENTRIES {
                desk.append(Event::local(Kind::PAD, Timestamp::default()))?;
            }
            Ok::<_, StoreError>(())
        });
        landed.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_exchanged_leaves_the_entries_of_each_log_with_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let _sides = connect(&no, &lt).await;
    for n in 0..3 {
        let kept = release(&no, route(id(n)), &["LT"]).await;
        delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    }
    let (ours, theirs) = (no.node.ledger.book().loud, lt.node.ledger.book().loud);
    keeps_all(&lt, &no, ours).await;
    keeps_all(&no, &lt, theirs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_step_holds_up_no_alert_and_its_entries_follow_on_request() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    no.pin(&lt).await;
    pads(&no, 2 * limits::FRAME_ENTRIES + 100).await;
    let kept = release(&no, route(id(1)), &["LT"]).await;
    let _sides = connect(&no, &lt).await;
    let deliveries = delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert!(matches!(deliveries[0].state, delivery::State::Received { .. }), "{deliveries:?}");
    let told = no.node.ledger.book().loud;
    keeps_all(&lt, &no, told).await;
    // From then on entries come with the heads again.
    let before = no.node.ledger.head().size().0;
    let kept = release(&no, route(id(2)), &["LT"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    keeps_all(&lt, &no, before + 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_nobody_asked_for_or_that_make_another_root_close_the_connection() {
    let dir = tempfile::tempdir().unwrap();
    let cases = [("entries-not-asked-for", false), ("inconsistent", true)];
    for (code, forged) in cases {
        let home = dir.path().join(code);
        std::fs::create_dir(&home).unwrap();
        let (lt, no) = (country("LT", &home).await, country("NO", &home).await);
        let pinned = lt.pin(&no).await;
        let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
        for _ in 0..9 {
            rogue.append(Event::local(Kind::PAD, Timestamp::default()));
        }
        let (to, incoming) = pipe();
        let (outgoing, from) = pipe();
        let ended = tokio::spawn(connection::run(lt.node.clone(), pinned, Link { outgoing, incoming }));
        let mut wire = Wire { to, from };
        wire.greet(&mut rogue).await;
        // A head without its entries: LT asks for them once. Before that, one more head, so that only the entries are wrong.
        let nothing = KnownHead { size: 0, root: Digest::of(b"") };
        let Proven { checkpoint, .. } = rogue.proven();
        let bare = Proven { checkpoint, from_size: 0, consistency: vec![], entries: vec![], cosigned: None };
        wire.to.send(Frame::Heads(bare, Box::new(Gossip::none(nothing)))).await.unwrap();
        let (from, to) = loop {
            match tokio::time::timeout(SOON, wire.from.recv()).await.unwrap().unwrap().unwrap() {
                Frame::Ask(from, to) => break (from, to),
                _ => continue,
            }
        };
        assert_eq!((from, to), (0, 10));
        let end = if forged { 10 } else { 5 };
        let root = rogue.tree.root_at(TreeSize(end)).unwrap();
        let checkpoint = Head::sign(&rogue.origin, TreeSize(end), root, &rogue.log).unwrap().to_wire();
        let mut entries = rogue.entries(0, end);
        if forged {
            entries[3] = Entry::new(&Digest([9; 32]));
        }
        let answer = wire.ask(Frame::Entries(Piece { checkpoint, from: 0, entries })).await;
        assert_eq!(answer, Answer::Closed(code.into()));
        assert!(matches!(ended.await.unwrap(), Ended::Broken(broken) if broken.code() == code));
        assert_eq!(lt.node.ledger.book().kept_of(&rogue.origin).size().0, 0, "nothing was kept");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_entries_without_end_is_given_four_frames_a_second() {
    let dir = tempfile::tempdir().unwrap();
    let (lt, no) = (country("LT", dir.path()).await, country("NO", dir.path()).await);
    pads(&lt, 2 * limits::FRAME_ENTRIES).await;
    let pinned = lt.pin(&no).await;
    let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
    let (mut wire, _ended) = varde_tests::pair::admit(&lt, &pinned);
    wire.greet(&mut rogue).await;
    let next = async |wire: &mut Wire| tokio::time::timeout(SOON, wire.from.recv()).await.unwrap().unwrap().unwrap();
    let size = loop {
        if let Frame::Heads(proven, _) = next(&mut wire).await {
            break proven.checkpoint.size;
        }
    };
    let most = limits::FRAME_ENTRIES as u64;
    assert!(size >= most);
    let to = wire.to.clone();
    tokio::spawn(async move { while to.send(Frame::Ask(0, most)).await.is_ok() {} });
    let (begun, mut given) = (Instant::now(), 0);
    while given < 5 {
        if let Frame::Entries(piece) = next(&mut wire).await {
            assert_eq!(piece.entries.len() as u64, most);
            given += 1;
        }
    }
    let passed = begun.elapsed();
    assert!(passed >= Duration::from_millis(1000), "{given} frames within {passed:?}");
    // Whoever asks too much is given all the same what it is owed.
    let kept = release(&lt, route(id(1)), &["NO"]).await;
    while !matches!(next(&mut wire).await, Frame::Items(..)) {}
    assert!(kept > 0);
}

/// What escrow adds to a frame with one alert and to one with 256 is printed, and bounded.
#[tokio::test(flavor = "multi_thread")]
async fn entries_add_little_to_a_frame() {
    let dir = tempfile::tempdir().unwrap();
    let no = country("NO", dir.path()).await;
    for count in [1_u64, 256] {
        let size = no.node.ledger.head().size().0;
        pads(&no, 1).await;
        let (head, entries) =
            (no.node.ledger.head_at(size + count).unwrap(), escrow::own(&no.node.ledger, size, size + count));
        let proven = |entries| Proven {
            checkpoint: head.to_wire(),
            from_size: size,
            consistency: Vec::new(),
            entries,
            cosigned: None,
        };
        let known = KnownHead { size: 0, root: Digest::NONE };
        let bytes = |entries| Frame::Heads(proven(entries), Box::new(Gossip::none(known))).into_wire().encoded_len();
        let added = bytes(entries.unwrap()) - bytes(Vec::new());
        println!("{count} leaves add {added} bytes");
        assert!(added <= 32 * count as usize + 8, "{count} leaves add {added} bytes");
    }
}
