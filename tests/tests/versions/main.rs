//! Versions: a correction or a renewal takes the place of the alert before, everywhere, and nobody can lead a chain astray.
#![allow(missing_docs, reason = "tests")]

mod processes;

use std::path::Path;
use std::time::Duration;
use varde_node::flow::alert::drafts::{self, Refused};
use varde_node::flow::alert::held::{self, What};
use varde_node::flow::alert::next::{self, Next};
use varde_node::flow::outbox::NotSent;
use varde_node::flow::outstanding::{self, Standing};
use varde_node::flow::withdraw::{Withdrawal, withdraw};
use varde_node::flow::{delivery, erase, filing, versions};
use varde_proto::alert::{AlertContent, Observed};
use varde_proto::audit::{Scope, reconcile};
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::file_of;
use varde_proto::envelope::Rejection;
use varde_proto::id::{AlertId, Digest};
use varde_proto::reply::Said;
use varde_proto::vocabulary::{AlertKind, ElapsedBand, ErasureReason, InformationGrade, MsgType, RiskTier};
use varde_tests::doomed::{SOON, against, audited, end, id, open};
use varde_tests::pair::{Country, connect, release as send, route};
use varde_tests::people::{draft, draft_next, release, sign};
use varde_tests::words::{code, content, say, state};

const KINDS: [AlertKind; 2] = [AlertKind::MISSING_CHILD_POINTER, AlertKind::MODUS_OPERANDI];

fn update(of: AlertId) -> Next {
    Next { of, how: MsgType::UPDATE, elapsed: None }
}

fn correct(of: AlertId) -> Next {
    Next { of, how: MsgType::CORRECT, elapsed: None }
}

/// E of a released alert.
fn object(country: &Country, id: AlertId) -> Digest {
    let row = filing::alert_row(country.origin().node(), id);
    filing::read_filed(&country.node.ledger.get(&row).unwrap().expect("released")).unwrap().1
}

/// Waits until each recipient of an alert has shown that it is erased there.
async fn erased(country: &Country, object: Digest, recipients: usize) {
    let known = outstanding::wait(&country.node, object, SOON).await.unwrap();
    let done = known.iter().filter(|one| one.standing == Standing::Erased).count();
    assert_eq!((done, known.len()), (recipients, recipients), "{known:?}");
}

/// Waits until each recipient of an alert has receipted it.
async fn receipted(country: &Country, id: AlertId) {
    let row = filing::alert_row(country.origin().node(), id);
    let (kept, _) = filing::read_filed(&country.node.ledger.get(&row).unwrap().expect("released")).unwrap();
    let deliveries = delivery::wait(&country.node.ledger, kept, SOON).await.unwrap();
    assert!(deliveries.iter().all(|one| matches!(one.state, delivery::State::Received { .. })), "{deliveries:?}");
}

/// What lies at a country of an alert of NO: its content, or why it is gone; nothing where it never came.
fn here(country: &Country, id: AlertId) -> Option<Result<AlertContent, ErasureReason>> {
    let found = held::find(&country.node.ledger, &[code("NO")], id).unwrap().into_iter().next()?;
    Some(match found.what {
        What::Alert(alert) => Ok(alert.content().clone()),
        What::Remains(remains) => Err(remains.reason),
    })
}

/// NO, LT and EE, that erase what they are asked to; NO is connected with both.
async fn three(dir: &Path) -> ([Country; 3], [varde_tests::pair::Sides; 2]) {
    let countries = [open("NO", dir).await, open("LT", dir).await, open("EE", dir).await];
    for country in &countries {
        tokio::spawn(erase::keep_erasing(country.node.clone()));
    }
    let [no, lt, ee] = &countries;
    let sides = [connect(no, lt).await, connect(no, ee).await];
    (countries, sides)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_correction_takes_what_was_wrong_back_from_all_who_had_it_and_goes_to_those_named() {
    let dir = tempfile::tempdir().unwrap();
    let ([no, lt, ee], sides) = three(dir.path()).await;
    for kind in KINDS {
        let first = release(&no, &draft(&no, kind).await.unwrap(), &["LT", "EE"]).await.unwrap();
        receipted(&no, first).await;
        let wrong = object(&no, first);
        let before = drafts::find(&no.node.ledger, first).unwrap();
        let right = AlertContent { information_grade: InformationGrade::UNKNOWN, ..before.content.clone() };
        let second = draft_next(&no, correct(first), &file_of(&right, &before.decision)).await.unwrap();
        assert_eq!(next::erases(&no.node, &second.content).unwrap(), [code("EE"), code("LT")], "{kind}");
        let second = release(&no, &second, &["LT"]).await.unwrap();
        receipted(&no, second).await;
        erased(&no, wrong, 2).await;
        let now = here(&lt, second).expect("the correction").unwrap();
        assert_eq!((now.version, now.supersedes, now.msg_type), (2, Some(wrong), MsgType::CORRECT));
        assert_eq!(now.information_grade, InformationGrade::UNKNOWN);
        assert_eq!(now.contact_token, before.content.contact_token, "whoever calls names what they were given first");
        for country in [&lt, &ee] {
            assert_eq!(here(country, first), Some(Err(ErasureReason::SUPERSEDED)), "{}", country.origin());
        }
        assert_eq!(here(&ee, second), None, "who is not named loses it and gets nothing");
        for country in [&no, &lt] {
            assert_eq!(versions::next(&country.node.ledger, code("NO"), &wrong).unwrap(), Some(second));
        }
        // Only the newest is followed, or taken back.
        let again = draft_next(&no, update(first), "").await;
        assert!(matches!(again, Err(Refused::Superseded(next)) if next == second), "{again:?}");
    }
    assert_eq!(outstanding::outstanding(&no.node, no.node.clock.now()).unwrap(), []);
    for sides in sides {
        end(sides).await;
    }
    let audits = [audited(&no, Scope::National), audited(&lt, Scope::National), audited(&ee, Scope::National)];
    for audit in &audits {
        assert_eq!(against(audit), [] as [&str; 0]);
    }
    assert_eq!((reconcile(&audits[0], &audits[1]), reconcile(&audits[0], &audits[2])), (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_says_how_things_stand_now_and_goes_on_for_a_year_at_most() {
    let dir = tempfile::tempdir().unwrap();
    let ([no, lt, _], _sides) = three(dir.path()).await;
    let kind = AlertKind::MISSING_CHILD_POINTER;
    let first = release(&no, &draft(&no, kind).await.unwrap(), &["LT"]).await.unwrap();
    receipted(&no, first).await;
    say(&lt, first, None, Said::Seen).await.unwrap();
    let stale = draft_next(&no, update(first), "").await;
    assert!(
        matches!(&stale, Err(Refused::Problems(problems)) if problems[0].field == "content.elapsed_band"),
        "{stale:?}"
    );
    let elapsed = Some(ElapsedBand::FROM_4_TO_14_DAYS);
    let renewed = draft_next(&no, Next { elapsed, ..update(first) }, "").await.unwrap();
    assert!(!drafts::is_approved(&renewed, &[]), "who approved the first has not seen the second");
    let second = release(&no, &renewed, &["LT", "EE"]).await.unwrap();
    receipted(&no, second).await;
    erased(&no, renewed.content.supersedes.unwrap(), 1).await;
    let (before, now) = (drafts::find(&no.node.ledger, second).unwrap(), here(&lt, second).unwrap().unwrap());
    assert_eq!(now.observed, Observed::Elapsed(ElapsedBand::FROM_4_TO_14_DAYS));
    assert_eq!((now.subject, now.reply_by.is_some()), (before.content.subject.clone(), true));
    assert_eq!(state(&no, second).1, [], "nobody has seen the second");

    // As if the first had been issued a year ago, here and there.
    for country in [&no, &lt] {
        age(country, object(&no, second), Duration::from_secs(360 * 86_400)).await;
    }
    let third = draft_next(&no, Next { elapsed, ..update(second) }, "").await.unwrap();
    let left = third.content.expires_at.since(no.node.clock.now());
    assert!(left < Duration::from_secs(7 * 86_400), "it ends with the year: {left:?}");
    let longer = third.content.expires_at.after(Duration::from_secs(5 * 86_400));
    let file = file_of(&AlertContent { expires_at: longer, ..third.content.clone() }, &third.decision);
    let third = draft_next(&no, update(second), &file).await.unwrap();
    let refused = release(&no, &third, &["LT"]).await;
    assert!(is_rule(&refused, "renewed-too-long"), "{refused:?}");
    let sent = send(&no, third.content, &["LT"]).await;
    assert_eq!(rejected(&no, sent).await, "renewed-too-long");
    assert!(here(&lt, second).unwrap().is_ok(), "what it would have followed stands");
}

fn is_rule(outcome: &Result<AlertId, Refused>, rule: &str) -> bool {
    matches!(outcome, Err(Refused::NotSent(NotSent::Refused(Rejection::Content(code)))) if *code == rule)
}

/// The first recipient's code of refusal.
async fn rejected(country: &Country, kept: u64) -> String {
    match delivery::wait(&country.node.ledger, kept, SOON).await.unwrap().remove(0).state {
        delivery::State::Rejected { reason, .. } => reason.trim_start_matches("content:").to_owned(),
        other => panic!("{other:?}"),
    }
}

/// Moves the time of issue of a chain's first version back.
async fn age(country: &Country, object: Digest, by: Duration) {
    let row = varde_node::rows::row(varde_node::rows::VERSION, &[b"NO", &object.0]);
    let known = country.node.ledger.get(&row).unwrap().unwrap();
    let first = i64::from_be_bytes(*known[24..].first_chunk().unwrap()) - i64::try_from(by.as_millis()).unwrap();
    let value = [&known[..24], &first.to_be_bytes(), &known[32..]].concat();
    let write = move |desk: &mut varde_node::flow::desk::Desk<'_>| desk.put(row, value);
    country.node.ledger.commit(write).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_leaps_forks_or_changes_its_kind_is_refused_and_a_stranger_to_it_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let ([no, lt, ee], _sides) = three(dir.path()).await;
    let first = route(id(1));
    let kept = send(&no, first.clone(), &["LT"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    let supersedes = Some(object(&no, first.id));
    let following = |content: AlertContent, n: u64, version| AlertContent {
        id: AlertId(id(n)),
        version,
        supersedes,
        msg_type: MsgType::CORRECT,
        ..content
    };
    let leaps = send(&no, following(first.clone(), 2, 3), &["LT"]).await;
    assert_eq!(rejected(&no, leaps).await, "version-number");
    let other = content(&no, AlertKind::MODUS_OPERANDI, AlertId(id(3)));
    let changes = send(&no, following(other, 3, 2), &["LT"]).await;
    assert_eq!(rejected(&no, changes).await, "version-kind");
    send(&no, following(first.clone(), 4, 2), &["LT"]).await;
    let forks = send(&no, following(first.clone(), 5, 2), &["LT"]).await;
    assert_eq!(rejected(&no, forks).await, "version-forked");
    assert!(here(&lt, AlertId(id(4))).unwrap().is_ok() && here(&lt, AlertId(id(5))).is_none());
    // EE never had the first, and knows nothing against any of them.
    let stranger = send(&no, following(first, 6, 2), &["EE"]).await;
    delivery::wait(&no.node.ledger, stranger, SOON).await.unwrap();
    assert!(here(&ee, AlertId(id(6))).unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_or_is_nobodys_is_followed_by_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ([no, lt, _], _sides) = three(dir.path()).await;
    let kind = AlertKind::MODUS_OPERANDI;
    let unreleased = draft(&no, kind).await.unwrap();
    let never = draft_next(&no, update(unreleased.content.id), "").await;
    assert!(matches!(never, Err(Refused::NeverReleased)), "{never:?}");
    let first = release(&no, &unreleased, &["LT"]).await.unwrap();
    receipted(&no, first).await;
    let drafted = draft_next(&no, update(first), "").await.unwrap();
    assert!(matches!(draft_next(&lt, update(first), "").await, Err(Refused::Absent(_))), "it is not LT's");
    // Nobody withdraws for the reason of a later version that does not come.
    let what = Withdrawal { reason: ErasureReason::SUPERSEDED, from: Vec::new() };
    let about = act::about_withdraw(object(&no, first), what.reason, &[]);
    let alone = withdraw(&no.node, first, what, sign(&no, "a", Verb::Withdraw, about)).await;
    assert!(matches!(alone, Err(Refused::Narrowing)), "{alone:?}");
    let what = Withdrawal { reason: ErasureReason::WITHDRAWN, from: Vec::new() };
    let about = act::about_withdraw(object(&no, first), what.reason, &[]);
    withdraw(&no.node, first, what, sign(&no, "a", Verb::Withdraw, about)).await.unwrap();
    let late = release(&no, &drafted, &["LT"]).await;
    assert!(matches!(late, Err(Refused::Withdrawn)), "{late:?}");
    assert!(matches!(draft_next(&no, update(first), "").await, Err(Refused::Withdrawn)));
    let told = here(&lt, drafted.content.id);
    assert_eq!(told, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_when_it_was_corrected_never_travels() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    no.pin(&lt).await;
    let kind = AlertKind::MISSING_CHILD_POINTER;
    let first = release(&no, &draft(&no, kind).await.unwrap(), &["LT"]).await.unwrap();
    let before = drafts::find(&no.node.ledger, first).unwrap();
    let mut right = before.content.clone();
    let varde_proto::alert::Subject::MissingChildPointer(child) = &mut right.subject else { panic!() };
    child.risk_tier = RiskTier::IMMEDIATE;
    let second = draft_next(&no, correct(first), &file_of(&right, &before.decision)).await.unwrap();
    let second = release(&no, &second, &["LT"]).await.unwrap();
    for country in [&no, &lt] {
        tokio::spawn(erase::keep_erasing(country.node.clone()));
    }
    let _sides = connect(&no, &lt).await;
    receipted(&no, second).await;
    erased(&no, right_before(&no, second), 1).await;
    assert!(here(&lt, second).unwrap().is_ok());
    assert_eq!(here(&lt, first), Some(Err(ErasureReason::SUPERSEDED)), "LT knows that there was one, and no more");
}

/// E of the version before.
fn right_before(country: &Country, id: AlertId) -> Digest {
    drafts::find(&country.node.ledger, id).unwrap().content.supersedes.expect("a version before")
}
