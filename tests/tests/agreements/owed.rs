//! What is owed when agreements change.

use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::alert::held;
use varde_node::flow::delivery::{self, State};
use varde_node::flow::{erase, recover};
use varde_proto::agreement::{Agreement, Terms};
use varde_proto::id::{AlertId, Digest};
use varde_tests::doomed::end;
use varde_tests::pair::promises::{terms, text};
use varde_tests::pair::{Country, connect, release, route};
use varde_tests::sim::ground::SimStore;

const SOON: Duration = Duration::from_secs(60);

async fn countries(dir: &std::path::Path) -> (Country, Country) {
    let open = async |code: &str| Country::open(code, Arc::new(MemoryStore::default()), &dir.join(code)).await;
    let (no, lt) = (open("NO").await, open("LT").await);
    for country in [&no, &lt] {
        tokio::spawn(erase::keep_erasing(country.node.clone()));
    }
    (no, lt)
}

fn id(n: u8) -> [u8; 16] {
    *Digest::of(&[n]).0.first_chunk().unwrap()
}

/// Releases an alert to LT; returns where it is kept.
async fn owe(no: &Country, n: u8) -> u64 {
    release(no, route(id(n)), &["LT"]).await
}

async fn state(no: &Country, kept: u64) -> State {
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap().remove(0).state
}

/// An agreement that permits everything.
fn wide(edition: u32) -> Arc<Agreement> {
    text(&Terms { kinds: Agreement::by_default().terms().kinds.clone(), ..terms(edition) })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_under_an_agreement_that_was_replaced_goes_within_both_and_what_is_beyond_is_abandoned() {
    for (agreement, arrives) in [(wide(1), true), (text(&terms(1)), false)] {
        let dir = tempfile::tempdir().unwrap();
        let (no, lt) = countries(dir.path()).await;
        no.pin(&lt).await;
        let kept = owe(&no, 1).await;
        no.say("LT", &agreement, false).await;
        lt.say("NO", &agreement, false).await;
        let _sides = connect(&no, &lt).await;
        let state = state(&no, kept).await;
        assert!(
            matches!((&state, arrives), (State::Received { .. }, true) | (State::Abandoned { .. }, false)),
            "{state:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_owed_under_a_replaced_agreement_that_is_then_ended_is_abandoned_and_holds_nothing_up() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = countries(dir.path()).await;
    no.pin(&lt).await;
    let kept = owe(&no, 1).await;
    let agreement = wide(1);
    no.say("LT", &agreement, false).await;
    lt.say("NO", &agreement, false).await;
    // The two know it of each other, and the item is still owed.
    no.say("LT", &Agreement::by_default(), true).await;
    let _sides = connect(&no, &lt).await;
    assert!(matches!(state(&no, kept).await, State::Abandoned { .. }));
    let kept = owe(&no, 2).await;
    assert!(matches!(state(&no, kept).await, State::Received { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_offer_that_nobody_answered_changes_nothing_of_what_is_owed_before_the_first_contact() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = countries(dir.path()).await;
    no.pin(&lt).await;
    no.say("LT", &wide(3), false).await;
    let kept = owe(&no, 1).await;
    let _sides = connect(&no, &lt).await;
    assert!(matches!(state(&no, kept).await, State::Received { .. }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_is_said_while_two_greet_is_told_before_anything_passes_by_it() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = countries(dir.path()).await;
    let agreement = wide(1);
    lt.say("NO", &agreement, false).await;
    no.pin(&lt).await;
    // NO accepts at some moment of the greeting or after it: never may the two go on by different words.
    for wait in [0, 1, 3, 10, 30, 100] {
        let (at_no, at_lt) = connect(&no, &lt).await;
        tokio::time::sleep(Duration::from_millis(wait)).await;
        if wait == 3 {
            no.say("LT", &agreement, false).await;
        }
        let _ = tokio::time::timeout(Duration::from_millis(300), at_no).await;
        at_lt.abort();
    }
    let _sides = connect(&no, &lt).await;
    let kept = owe(&no, 1).await;
    assert!(matches!(state(&no, kept).await, State::Received { .. }));
    let governs = |country: &Country, other: &Country| {
        let agreed = country.node.ledger.book().agreed(other.origin());
        agreed.governing(country.node.time()).map(|one| one.agreement.id())
    };
    assert_eq!((governs(&no, &lt), governs(&lt, &no)), (Some(agreement.id()), Some(agreement.id())));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_may_keep_after_the_end_comes_back_to_it() {
    for over in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(SimStore::default());
        let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
        let lt = Country::open("LT", store.clone(), &dir.path().join("LT")).await;
        let sides = connect(&no, &lt).await;
        let kept = owe(&no, 1).await;
        assert!(matches!(state(&no, kept).await, State::Received { .. }));
        let backup = store.snapshot();
        let kept = owe(&no, 2).await;
        assert!(matches!(state(&no, kept).await, State::Received { .. }));
        if over {
            no.say("LT", &Agreement::by_default(), true).await;
        }
        end(sides).await;
        drop(lt);
        store.restore(backup);
        let lt = Country::open("LT", store, &dir.path().join("LT")).await;
        let sides = connect(&no, &lt).await;
        let mut locked = lt.node.ledger.locked();
        let whole = tokio::time::timeout(SOON, locked.wait_for(|locked| !locked)).await;
        assert!(whole.is_ok(), "{:?}", recover::standing(&lt.node));
        let has = |n| !held::find(&lt.node.ledger, &[no.origin().node()], AlertId(id(n))).unwrap().is_empty();
        assert_eq!((has(1), has(2)), (true, true), "over: {over}");
        end(sides).await;
    }
}
