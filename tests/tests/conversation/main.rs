//! What is said about an alert: it arrives, is judged alike at both ends, and shows in one state for each recipient.
#![allow(missing_docs, reason = "tests")]

mod offers;
mod processes;
mod restored;
mod rogue;
mod waking;

use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::alert::drafts::Refused;
use varde_node::flow::alert::held;
use varde_node::flow::conversation::{self, Fate, State, Told};
use varde_node::flow::delivery;
use varde_node::flow::erase;
use varde_node::flow::outbox::NotSent;
use varde_node::flow::withdraw::{Withdrawal, take_back};
use varde_node::rows;
use varde_proto::audit::{Scope, reconcile};
use varde_proto::envelope::Rejection;
use varde_proto::id::AlertId;
use varde_proto::reply::{Forward, Said};
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::*;
use varde_tests::doomed::{SOON, against, audited, end, id};
use varde_tests::pair::{Country as Node, connect, release};
use varde_tests::words::{code, content, say, standings, state, tell};

async fn in_memory(country: &str, dir: &tempfile::TempDir) -> Node {
    Node::open(country, Arc::new(MemoryStore::default()), &dir.path().join(country)).await
}

/// Releases the template of a kind to these countries.
async fn sent(no: &Node, kind: AlertKind, n: u64, to: &[&str]) -> AlertId {
    let id = AlertId(id(n));
    let kept = release(no, content(no, kind, id), to).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    id
}

fn received() -> impl Fn(Result<delivery::State, Refused>) {
    |state| assert!(matches!(state, Ok(delivery::State::Received { .. })), "{state:?}")
}

fn rule(refused: Result<delivery::State, Refused>) -> &'static str {
    match refused {
        Err(Refused::NotSent(NotSent::Refused(Rejection::Content(rule)))) => rule,
        other => panic!("no rule but {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_recipient_says_reaches_the_issuer_and_shows_in_one_state() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    lt.pin(&no).await;
    no.pin(&lt).await;
    let pointer = AlertId(id(1));
    let kept = release(&no, content(&no, AlertKind::MISSING_CHILD_POINTER, pointer), &["LT"]).await;
    assert_eq!(state(&no, pointer), (State::Queued, vec![]));
    let sides = connect(&no, &lt).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    assert_eq!(state(&no, pointer), (State::Stored, vec![]));
    let taken = received();
    taken(say(&lt, pointer, None, Said::Seen).await);
    assert_eq!(state(&no, pointer), (State::Seen, vec![Said::Seen]));
    let (country, channel, role) = (Country::parse("SE").unwrap(), ContactChannel::SIRENE, DeskRole::SIRENE);
    let elsewhere = Said::NotCompetent(Forward { country, channel, role });
    taken(say(&lt, pointer, None, elsewhere.clone()).await);
    let challenge = Said::Challenge([ChallengeGround::OUTDATED].into());
    taken(say(&lt, pointer, Some("NO"), challenge.clone()).await);
    let asked = standings(&no, pointer)[0].said[2].clone();
    assert_eq!((asked.by, asked.said.clone(), asked.fate), (code("LT"), challenge.clone(), Fate::Held));
    let ruling = Said::Ruling(asked.digest, Ruling::DISMISSED);
    taken(say(&no, pointer, Some("LT"), ruling.clone()).await);
    let all = vec![Said::Seen, elsewhere, challenge, ruling];
    assert_eq!(state(&no, pointer), (State::Acted, all.clone()));
    let here = held::find(&lt.node.ledger, &[code("NO")], pointer).unwrap().remove(0);
    let here = conversation::of_received(&lt.node, pointer, &here).unwrap();
    assert_eq!((here.state, here.due), (State::Acted, None));
    assert_eq!(here.said.into_iter().map(|word| word.said).collect::<Vec<_>>(), all);
    end(sides).await;
    let (here, there) = (audited(&no, Scope::National), audited(&lt, Scope::National));
    assert_eq!((against(&here), against(&there)), (vec![], vec![]));
    assert_eq!(reconcile(&here, &there), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_said_is_refused_before_anything_is_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt, ee) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await, in_memory("EE", &dir).await);
    let sides = [connect(&no, &lt).await, connect(&no, &ee).await];
    let query = sent(&no, AlertKind::FOUND_CHILD_QUERY, 1, &["LT"]).await;
    let referral = sent(&no, AlertKind::CROSS_BORDER_REFERRAL_REQUEST, 2, &["LT"]).await;
    let pattern = sent(&no, AlertKind::MODUS_OPERANDI, 3, &["LT", "EE"]).await;
    let other = sent(&no, AlertKind::MODUS_OPERANDI, 4, &["EE"]).await;
    let size = || lt.node.ledger.head().size();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = size();
    let relay = |to: &str| Said::RelayRequest([Country::parse(to).unwrap()].into());
    let done = Said::Referral(ReferralState::DONE);
    for (id, said, broken) in [
        (query, Said::Outcome(Outcome::MATCH_CONTACTED), "reply-of-kind"),
        (pattern, Said::Answer(FoundAnswer::NO), "reply-of-kind"),
        (referral, done.clone(), "reply-order"),
        (pattern, relay("NO"), "reply-names"),
        (pattern, relay("LT"), "reply-names"),
        (pattern, Said::DuplicateOf(pattern), "reply-names"),
        (pattern, Said::DuplicateOf(other), "reply-names"),
    ] {
        assert_eq!(rule(say(&lt, id, None, said).await), broken);
    }
    let absent = say(&lt, other, None, Said::Seen).await;
    assert!(matches!(absent, Err(Refused::Absent(_))), "{absent:?}");
    let own = say(&no, pattern, None, Said::Seen).await;
    assert!(matches!(own, Err(Refused::Absent(_))), "its issuer says nothing of this sort: {own:?}");
    let nothing = Said::Ruling(varde_proto::id::Digest::NONE, Ruling::UPHELD);
    assert_eq!(rule(say(&no, pattern, Some("LT"), nothing).await), "reply-about");
    assert_eq!(size(), before, "something was logged");
    let taken = received();
    taken(say(&lt, pattern, None, Said::DuplicateOf(query)).await);
    taken(say(&lt, referral, None, Said::Referral(ReferralState::ACCEPTED)).await);
    taken(say(&lt, referral, None, done.clone()).await);
    assert_eq!(rule(say(&lt, referral, None, done).await), "reply-order");
    let again = tell(&lt, referral, None, Said::Seen).await.unwrap();
    assert!(matches!(&again, Told::Here(why) if why.contains("reply-repeated")), "{again:?}");
    let states: Vec<_> = standings(&no, pattern).into_iter().map(|one| (one.country, one.state)).collect();
    assert_eq!(states, [(code("EE"), State::Stored), (code("LT"), State::Acted)], "each recipient by itself");
    for side in sides {
        end(side).await;
    }
}

fn late(country: &Node, now: Timestamp) -> Vec<(AlertId, String)> {
    let late = conversation::overdue(&country.node, now, 1000).unwrap();
    late.into_iter().map(|one| (one.id, format!("{}-{}", one.issuer, one.recipient))).collect()
}

fn unseen(country: &Node) -> usize {
    country.node.ledger.scan(&[rows::UNSEEN], &[rows::UNSEEN + 1], false).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_late_stands_on_both_lists_until_it_comes_or_the_alert_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    let first = sent(&no, AlertKind::MISSING_CHILD_POINTER, 1, &["LT"]).await;
    let second = sent(&no, AlertKind::MISSING_CHILD_POINTER, 2, &["LT"]).await;
    let third = sent(&no, AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER, 3, &["LT"]).await;
    // A pattern asks for no answer.
    sent(&no, AlertKind::SITUATIONAL_WARNING, 4, &["LT"]).await;
    let now = no.node.clock.now();
    let later = now.after(Duration::from_secs(8 * 24 * 3600));
    assert_eq!((late(&no, now), late(&lt, now)), (vec![], vec![]));
    let wanted = |ids: &[AlertId]| {
        let mut wanted: Vec<_> = ids.iter().map(|id| (*id, "NO-LT".to_owned())).collect();
        wanted.sort();
        wanted
    };
    let sorted = |country: &Node| {
        let mut late = late(country, later);
        late.sort();
        late
    };
    assert_eq!((sorted(&no), sorted(&lt)), (wanted(&[first, second, third]), wanted(&[first, second, third])));
    assert_eq!((unseen(&no), unseen(&lt)), (0, 3));
    let taken = received();
    taken(say(&lt, first, None, Said::Seen).await);
    assert_eq!((sorted(&no).len(), sorted(&lt).len(), unseen(&lt)), (3, 3, 2), "that it was seen is no answer");
    taken(say(&lt, first, None, Said::Outcome(Outcome::NO_RECORD)).await);
    assert_eq!((sorted(&no), sorted(&lt)), (wanted(&[second, third]), wanted(&[second, third])));
    // What is taken back asks for nothing, and wakes nobody.
    tokio::spawn(erase::keep_erasing(no.node.clone()));
    tokio::spawn(erase::keep_erasing(lt.node.clone()));
    take_back(&no.node, second, Withdrawal { reason: ErasureReason::WITHDRAWN, from: vec![] }).await.unwrap();
    let erased = async {
        while state(&no, second).0 != State::Erased {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, erased).await.unwrap();
    assert_eq!((sorted(&no), sorted(&lt), unseen(&lt)), (wanted(&[third]), wanted(&[third]), 1));
    // A recipient that loses it owes no answer either.
    take_back(&no.node, third, Withdrawal { reason: ErasureReason::NARROWED, from: vec![code("LT")] }).await.unwrap();
    assert_eq!(sorted(&no), []);
    end(sides).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_that_crosses_a_withdrawal_is_taken_and_an_erased_alert_can_still_be_answered() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    let pointer = sent(&no, AlertKind::MISSING_CHILD_POINTER, 1, &["LT"]).await;
    end(sides).await;
    // NO takes it back while LT, which cannot know, says what came of it.
    take_back(&no.node, pointer, Withdrawal { reason: ErasureReason::WITHDRAWN, from: vec![] }).await.unwrap();
    let sides = connect(&no, &lt).await;
    received()(say(&lt, pointer, None, Said::Outcome(Outcome::ACTED_CHILD_SAFE)).await);
    let (reached, said) = state(&no, pointer);
    assert_eq!((reached, said), (State::Withdrawn, vec![Said::Outcome(Outcome::ACTED_CHILD_SAFE)]));
    end(sides).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_nobody_can_give_any_more_is_struck_off_at_both_ends() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    sent(&no, AlertKind::MISSING_CHILD_POINTER, 1, &["LT"]).await;
    let due = |country: &Node| country.node.ledger.scan(&[rows::DUE], &[rows::DUE + 1], false).count();
    let days = |days: u64| no.node.clock.now().after(Duration::from_secs(days * 86_400));
    for country in [&no, &lt] {
        conversation::sweep(&country.node, days(8), &mut Vec::new()).await.unwrap();
        assert_eq!((late(country, days(8)).len(), due(country)), (1, 1), "it is late and lives");
        assert_eq!(late(country, days(20)), [], "its time is over");
        conversation::sweep(&country.node, days(20), &mut Vec::new()).await.unwrap();
        assert_eq!(due(country), 0);
    }
    end(sides).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_can_be_ended_where_the_issuer_can_no_longer_be_told() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (in_memory("NO", &dir).await, in_memory("LT", &dir).await);
    let sides = connect(&no, &lt).await;
    let pointer = sent(&no, AlertKind::MISSING_CHILD_POINTER, 1, &["LT"]).await;
    assert_eq!(unseen(&lt), 1);
    end(sides).await;
    lt.pin_all(Arc::default()).await.unwrap();
    let outcome = tell(&lt, pointer, None, Said::Outcome(Outcome::NO_RECORD)).await;
    assert!(matches!(outcome, Err(Refused::NotSent(NotSent::Unknown(_)))), "{outcome:?}");
    let seen = tell(&lt, pointer, None, Said::Seen).await.unwrap();
    assert!(matches!(seen, Told::Here(_)), "{seen:?}");
    assert_eq!(unseen(&lt), 0);
}
