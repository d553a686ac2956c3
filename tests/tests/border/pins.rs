//! Pins while the node runs: added, removed, expired.

use super::{ended, link, refused_on, talk};
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::border::{Code, Pins, Side};
use varde_proto::home::{self, ConnectionLimits};
use varde_tests::party::{Party, TestClock};

/// Within how long a pin must be taken up: one look a second, and slack for a busy machine.
const TAKEN_UP: Duration = Duration::from_secs(4);

#[tokio::test]
async fn a_pin_added_while_running_is_taken_up_and_its_removal_closes_the_connection() {
    let clock = TestClock::new();
    let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
    let (no_border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    ee.pin(&no, Some(no_border.local().port())).unwrap();
    let (_ee_border, mut at_ee) = ee.open(ConnectionLimits::default()).await.unwrap();
    assert_eq!(refused_on(&mut at_no, Side::Accepted).await, Code::Unpinned);
    assert_eq!(refused_on(&mut at_ee, Side::Dialled).await, Code::PeerDoesNotKnowOurKey);

    no.pin(&ee, None).unwrap();
    let known = |pins: &Arc<Pins>| pins.get(ee.genesis.origin().node()).is_some();
    tokio::time::timeout(TAKEN_UP, at_no.pins.wait_for(known)).await.expect("the pin is taken up").unwrap();
    let (mut here, mut there) = (link(&mut at_no).await, link(&mut at_ee).await);
    talk(&mut here, &mut there).await;

    no.unpin(&ee).unwrap();
    assert_eq!(ended(&here).await, Code::PinChanged);
    assert_eq!(here.incoming.recv().await, None, "nothing of an unpinned peer is read");
    assert_eq!(ended(&there).await, Code::ConnectionLost);
}

#[tokio::test]
async fn the_dialling_side_closes_too_when_it_removes_the_pin() {
    let clock = TestClock::new();
    let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
    let (no_border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    no.pin(&ee, None).unwrap();
    ee.pin(&no, Some(no_border.local().port())).unwrap();
    let (_ee_border, mut at_ee) = ee.open(ConnectionLimits::default()).await.unwrap();
    let (here, there) = (link(&mut at_no).await, link(&mut at_ee).await);
    ee.unpin(&no).unwrap();
    assert_eq!(ended(&there).await, Code::PinChanged);
    ended(&here).await;
}

#[tokio::test]
async fn an_expired_descriptor_is_no_pin_any_more() {
    let clock = TestClock::new();
    let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
    no.pin(&ee, None).unwrap();
    let (_border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    assert_eq!(at_no.pins.borrow_and_update().iter().count(), 1);
    clock.forward(731);
    tokio::time::timeout(TAKEN_UP, at_no.pins.changed()).await.expect("the end is noticed").unwrap();
    assert_eq!(at_no.pins.borrow().iter().count(), 0);
}

#[tokio::test]
async fn a_descriptor_that_breaks_a_rule_is_passed_over_and_the_others_count() {
    let clock = TestClock::new();
    let (no, ee, lt) = ("NO", "EE", "LT");
    let [no, ee, lt] = [no, ee, lt].map(|c| Party::new(c, &clock).unwrap());
    no.pin(&lt, None).unwrap();
    no.pin(&no, None).unwrap();
    let peers = no.dir().join(home::PEERS);
    std::fs::write(peers.join("DK.descriptor"), ee.descriptor(None).unwrap()).unwrap();
    let half = ee.descriptor(None).unwrap();
    std::fs::write(peers.join("EE.descriptor"), &half[..half.len() / 2]).unwrap();
    let (_border, at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    let pinned: Vec<_> = at_no.pins.borrow().iter().map(|p| p.node().to_string()).collect();
    assert_eq!(pinned, ["LT"]);
}
