//! Peers that lie to a node that asks, about its log or about what was exchanged, or whose answer comes too late.

use super::{SOON, World, audited, said, stop, unlocked, until};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use varde_node::flow::connection::{self, Ended};
use varde_node::port::Link;
use varde_proto::exchange::{BadFrame, Frame, Held, Piece, Regained};
use varde_proto::id::Digest;
use varde_proto::log::leaf::Entry;
use varde_proto::wire::peer::Checkpoint;
use varde_tests::pair::{Country, connect, pipe};

/// Answers a restored node as EE might: with this head, and with entries of its own invention.
async fn lie(to: mpsc::Sender<Frame>, mut from: mpsc::Receiver<Result<Frame, BadFrame>>, head: Checkpoint) -> String {
    while let Some(Ok(frame)) = from.recv().await {
        let answer = match frame {
            Frame::Restored(..) => {
                Frame::Held(Held { checkpoint: Some(head.clone()), entries: head.size, statements: 0 })
            }
            Frame::Ask(from, to) => {
                let entries = (from..to).map(|n| Entry::new(&Digest::of(&n.to_be_bytes()))).collect();
                Frame::Entries(Piece { checkpoint: head.clone(), from, entries })
            }
            _ => continue,
        };
        if to.send(answer).await.is_err() {
            break;
        }
    }
    String::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_lies_about_a_restored_log_is_not_believed() {
    let world = World::set().await;
    let held = Country::open("NO", world.store.clone(), &world.keys()).await;
    let honest = held.node.ledger.show().unwrap().to_wire();
    drop(held);
    world.store.restore(world.snapshots[1].clone());
    let no = world.open().await;
    let forged = Checkpoint { size: honest.size + 7, ..honest.clone() };
    for (head, code) in [(forged, "not-our-head"), (honest, "entries-do-not-make-our-head")] {
        let pinned = no.pin(&world.ee).await;
        let (to, incoming) = pipe();
        let (outgoing, from) = pipe();
        let liar = tokio::spawn(lie(to, from, head));
        let asking = tokio::spawn(connection::run(no.node.clone(), pinned, Link { outgoing, incoming }));
        let mut sides = if code == "not-our-head" { vec![] } else { vec![connect(&no, &world.lt).await] };
        let ended = tokio::time::timeout(SOON, asking).await.unwrap().unwrap();
        assert_eq!(ended.to_string(), code);
        if code == "not-our-head" {
            assert!(*no.node.ledger.locked().borrow(), "nothing follows from a head that we did not sign");
        } else {
            // It may come back and be honest.
            sides.push(connect(&no, &world.ee).await);
            unlocked(&no).await;
            assert_eq!(said(&no)[0].1.size, world.size, "LT gave what EE forged");
        }
        liar.abort();
        stop(sides);
    }
}

/// What somebody does to what is given back.
type Change = fn(&mut Regained);

/// EE behind somebody who changes what it gives back.
async fn meddled(no: &Country, ee: &Country, change: Change) -> String {
    let (ee_seen, no_seen) = (no.pin(ee).await, ee.pin(no).await);
    let (to_ee, from_no) = pipe();
    let (to_middle, mut from_ee) = pipe();
    let (to_no, from_middle) = pipe();
    let honest =
        tokio::spawn(connection::run(ee.node.clone(), no_seen, Link { outgoing: to_middle, incoming: from_no }));
    let middle = tokio::spawn(async move {
        while let Some(Ok(mut frame)) = from_ee.recv().await {
            if let Frame::Regained(given) = &mut frame {
                change(given);
            }
            to_no.send(frame).await.unwrap();
        }
    });
    let ended = connection::run(no.node.clone(), ee_seen, Link { outgoing: to_ee, incoming: from_middle });
    let ended = tokio::time::timeout(SOON, ended).await.unwrap().to_string();
    middle.abort();
    honest.abort();
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_about_the_items_that_it_is_given_back_for() {
    let changes: [(Change, &str); 5] = [
        // The proof that EE sent one item is given for another.
        (
            |given| {
                let mut shown: Vec<_> = given.items.iter_mut().filter_map(|item| item.mine.as_mut()).collect();
                let [first, .., last] = &mut shown[..] else { panic!("EE sent several") };
                std::mem::swap(*first, *last);
            },
            "another-sent-proof",
        ),
        (|given| given.items.retain(|item| item.mine.is_none()), "goodbye"),
        (|given| given.items.iter_mut().for_each(|item| item.envelope = None), "goodbye"),
        (|given| (given.last, given.items) = (false, given.items.split_off(1)), "too-little-given-back"),
        (|given| given.consistency.clear(), "inconsistent"),
    ];
    for (change, code) in changes {
        let world = World::set().await;
        world.store.restore(world.snapshots[0].clone());
        let no = world.open().await;
        let lt = connect(&no, &world.lt).await;
        assert_eq!(meddled(&no, &world.ee, change).await, code);
        stop(vec![lt]);
        if code == "goodbye" {
            // What was sent is owed again until EE's receipts come.
            let found = audited(&no).findings.into_iter().map(|finding| finding.code.name);
            let found: Vec<_> = found.filter(|name| *name != "undelivered").collect();
            assert_eq!(found, ["restored"], "what nobody gave back is told in the log");
        }
    }
}

/// A connection with a peer behind somebody who keeps back such frames of its until he is told to go on.
async fn kept_back(
    no: &Country,
    peer: &Country,
    kept: fn(&Frame) -> bool,
    asked: Arc<AtomicBool>,
    mut go: watch::Receiver<bool>,
) -> JoinHandle<Ended> {
    let (peer_seen, no_seen) = (no.pin(peer).await, peer.pin(no).await);
    let (to_peer, from_no) = pipe();
    let (to_middle, mut from_peer) = pipe();
    let (to_no, from_middle) = pipe();
    tokio::spawn(connection::run(peer.node.clone(), no_seen, Link { outgoing: to_middle, incoming: from_no }));
    tokio::spawn(async move {
        while let Some(Ok(frame)) = from_peer.recv().await {
            if kept(&frame) {
                asked.store(true, Ordering::Relaxed);
                go.wait_for(|go| *go).await.unwrap();
            }
            if to_no.send(frame).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(connection::run(no.node.clone(), peer_seen, Link { outgoing: to_peer, incoming: from_middle }))
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_that_arrive_when_the_log_is_whole_and_goes_on_are_not_adopted_a_second_time() {
    let world = World::set().await;
    world.store.restore(world.snapshots[0].clone());
    let no = world.open().await;
    let (asked, (go, gone)) = (Arc::<AtomicBool>::default(), watch::channel(false));
    let mut late = Vec::new();
    for peer in [&world.ee, &world.lt] {
        let entries = |frame: &Frame| matches!(frame, Frame::Entries(_));
        late.push(kept_back(&no, peer, entries, asked.clone(), gone.clone()).await);
    }
    until(|| asked.load(Ordering::Relaxed)).await;
    let sides = vec![connect(&no, &world.ee).await, connect(&no, &world.lt).await];
    unlocked(&no).await;
    go.send_replace(true);
    for connection in late {
        // The other connection with the same peer may have been given first what was exchanged.
        let ended = tokio::time::timeout(SOON, connection).await.unwrap().unwrap().to_string();
        assert!(["goodbye", "superseded"].contains(&ended.as_str()), "{ended}");
    }
    assert_eq!(said(&no).len(), 1);
    let audit = audited(&no);
    assert!(audit.is_clean(), "{:?}", audit.findings);
    stop(sides);
}

/// Found by five seeds of the first 500: the second link took what the first had brought for a gap.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_gives_back_on_two_links_is_taken_once_and_neither_is_an_alarm() {
    let world = World::set().await;
    world.store.restore(world.snapshots[0].clone());
    let no = world.open().await;
    let (asked, (go, gone)) = (Arc::<AtomicBool>::default(), watch::channel(false));
    let given = |frame: &Frame| matches!(frame, Frame::Regained(_));
    let late = kept_back(&no, &world.ee, given, asked.clone(), gone).await;
    let mut sides = vec![connect(&no, &world.lt).await];
    until(|| asked.load(Ordering::Relaxed)).await;
    sides.push(connect(&no, &world.ee).await);
    unlocked(&no).await;
    go.send_replace(true);
    let ended = tokio::time::timeout(SOON, late).await.unwrap().unwrap();
    assert_eq!(ended.to_string(), "superseded");
    let audit = audited(&no);
    assert!(audit.is_clean(), "{:?}", audit.findings);
    stop(sides);
}
