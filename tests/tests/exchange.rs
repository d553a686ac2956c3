//! The exchange between two nodes: logged before sent, logged before acknowledged, nothing lost, nothing twice, and every
//! refusal by its name.
#![allow(missing_docs, reason = "tests")]

use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::delivery::{self, State};
use varde_node::rows;
use varde_proto::id::Digest;
use varde_proto::log::event::Kind;
use varde_tests::pair::{Country, connect, release, route};

async fn two(dir: &tempfile::TempDir) -> (Country, Country) {
    let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
    let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
    (no, lt)
}

fn id(n: u64) -> [u8; 16] {
    *Digest::of(&n.to_be_bytes()).0.first_chunk().unwrap()
}

const SOON: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_delivered_and_receipted() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = two(&dir).await;
    let _sides = connect(&no, &lt).await;
    let kept = release(&no, route(id(1)), &["LT"]).await;
    let deliveries = delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert!(matches!(deliveries[0].state, State::Received { .. }), "{deliveries:?}");
    let inbox: Vec<_> = lt.node.ledger.scan(&[rows::INBOX], &[rows::INBOX + 1], false).collect();
    assert_eq!(inbox.len(), 1);
    let held = no.node.ledger.opening(no.node.ledger.head().size().0 - 1).unwrap();
    assert_eq!(held.event().kind, Kind::RECEIPT_HELD);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_alerts_arrive_once_each_and_in_order_over_connections_that_break() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = two(&dir).await;
    no.pin(&lt).await;
    let mut last = 0;
    for n in 0..600 {
        last = release(&no, route(id(n)), &["LT"]).await;
    }
    for _ in 0..2 {
        let sides = connect(&no, &lt).await;
        let mut heads = lt.node.ledger.heads();
        assert!(tokio::time::timeout(SOON, heads.changed()).await.expect("something lands"));
        sides.0.abort();
        sides.1.abort();
    }
    let _sides = connect(&no, &lt).await;
    let deliveries = delivery::wait(&no.node.ledger, last, SOON).await.unwrap();
    assert!(matches!(deliveries[0].state, State::Received { .. }), "{deliveries:?}");
    let inbox = lt.node.ledger.scan(&[rows::INBOX], &[rows::INBOX + 1], false).count();
    let owed = no.node.ledger.scan(&[rows::OWED], &[rows::OWED + 1], false).count();
    assert_eq!((inbox, owed), (600, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_id_again_is_rejected_and_the_next_alert_still_passes() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = two(&dir).await;
    let _sides = connect(&no, &lt).await;
    release(&no, route(id(1)), &["LT"]).await;
    let again = release(&no, route(id(1)), &["LT"]).await;
    let next = release(&no, route(id(2)), &["LT"]).await;
    let deliveries = delivery::wait(&no.node.ledger, again, SOON).await.unwrap();
    assert!(matches!(&deliveries[0].state, State::Rejected { reason, .. } if reason == "content:alert-id-reused"));
    let deliveries = delivery::wait(&no.node.ledger, next, SOON).await.unwrap();
    assert!(matches!(deliveries[0].state, State::Received { .. }));
}
