//! A node that is restored from a backup hears again what was said while its store was behind.

use super::{content, id, received, say, state};
use std::sync::Arc;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::conversation::State;
use varde_node::flow::delivery;
use varde_node::flow::recover;
use varde_proto::id::AlertId;
use varde_proto::reply::Said;
use varde_proto::vocabulary::*;
use varde_tests::doomed::{SOON, end};
use varde_tests::pair::{Country as Node, connect, release};
use varde_tests::sim::ground::SimStore;

#[tokio::test(flavor = "multi_thread")]
async fn what_both_said_after_the_backup_comes_back_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = Arc::new(SimStore::default());
    let no = Node::open("NO", store.clone(), &dir.path().join("NO")).await;
    let lt = Node::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
    let sides = connect(&no, &lt).await;
    let (before, after) = (AlertId(id(1)), AlertId(id(2)));
    let kept = release(&no, content(&no, AlertKind::MISSING_CHILD_POINTER, before), &["LT"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    let backup = store.snapshot();
    let kept = release(&no, content(&no, AlertKind::MISSING_CHILD_POINTER, after), &["LT"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    let taken = received();
    for alert in [before, after] {
        taken(say(&lt, alert, None, Said::Challenge([ChallengeGround::INACCURATE].into())).await);
        let asked = varde_tests::words::standings(&no, alert)[0].said[0].digest;
        taken(say(&no, alert, Some("LT"), Said::Ruling(asked, Ruling::UPHELD)).await);
        taken(say(&lt, alert, None, Said::Outcome(Outcome::NO_RECORD)).await);
    }
    let said = [before, after].map(|alert| state(&no, alert));
    let size = no.node.ledger.book().loud;
    let kept_there = || lt.node.ledger.book().kept_of(no.origin()).size().0;
    until(|| kept_there() >= size).await;
    end(sides).await;
    drop(no);

    store.restore(backup);
    let no = Node::open("NO", store, &dir.path().join("NO")).await;
    let sides = connect(&no, &lt).await;
    let mut locked = no.node.ledger.locked();
    let whole = tokio::time::timeout(SOON, locked.wait_for(|locked| !locked)).await;
    assert!(whole.is_ok(), "{:?}", recover::standing(&no.node));
    end(sides).await;
    let sides = connect(&no, &lt).await;
    until(|| state(&no, before) == said[0] && state(&no, after) == said[1]).await;
    assert_eq!(said[1].0, State::Acted);
    assert_eq!(super::late(&no, no.node.clock.now().after(std::time::Duration::from_secs(30 * 86_400))), []);
    end(sides).await;
}

async fn until(holds: impl Fn() -> bool) {
    let holds = async {
        while !holds() {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, holds).await.unwrap();
}
