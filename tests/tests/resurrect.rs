//! A backup from before an erasure brings nothing back: neither at the recipient who was asked to erase, nor at the issuer who
//! withdrew. The stores are real, and what lies on the disk afterwards is searched.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use varde_node::flow::alert::held::{self, What};
use varde_node::flow::erase::{self, hold};
use varde_node::flow::keys::take_up;
use varde_node::flow::outstanding::{self, Standing};
use varde_node::flow::recover;
use varde_node::flow::withdraw::{Withdrawal, take_back};
use varde_proto::audit::{Scope, reconcile};
use varde_proto::id::{AlertId, Digest};
use varde_proto::identity::{Role, SecretKey};
use varde_proto::log::event::Kind;
use varde_proto::vocabulary::ErasureReason;
use varde_tests::doomed::{self, SOON, assert_gone, audited, doomed, end, id, keyring, keys, sent, steal, store};
use varde_tests::pair::{Country, Sides, connect, route};

fn eraser(country: &Country) -> JoinHandle<()> {
    tokio::spawn(erase::keep_erasing(country.node.clone()))
}

async fn stop(erasers: Vec<JoinHandle<()>>, sides: Sides) {
    end(sides).await;
    for eraser in erasers {
        eraser.abort();
        let _ = eraser.await;
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = entry.map(|entry| (entry.path(), to.join(entry.file_name()))).unwrap();
        if path.is_dir() { copy(&path, &to) } else { assert!(std::fs::copy(&path, to).is_ok()) }
    }
}

/// What a backup has: the store, and apart from it the keyring.
fn parts(code: &str, dir: &Path) -> [std::path::PathBuf; 2] {
    [store(code, dir), keyring(code, dir)]
}

async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, wait).await.unwrap_or_else(|_| panic!("{what}"));
}

async fn withdrawn(no: &Country) -> Digest {
    let all = Withdrawal { reason: ErasureReason::WITHDRAWN, from: Vec::new() };
    let object = take_back(&no.node, AlertId(id(99)), all).await.unwrap();
    erased_at_lt(no, object).await;
    object
}

async fn erased_at_lt(no: &Country, object: Digest) {
    let shown = || outstanding::of(&no.node, &object).unwrap().iter().all(|one| one.standing == Standing::Erased);
    until("the recipient's proof", || !outstanding::of(&no.node, &object).unwrap().is_empty() && shown()).await;
}

fn whole(country: &Country) -> usize {
    let inbox = held::inbox(&country.node.ledger, 0, 100).unwrap();
    inbox.iter().filter(|received| matches!(received.what, What::Alert(_))).count()
}

/// A country on a real store; `newer` is a key of NO's that came later.
async fn open(code: &str, dir: &Path, newer: Option<&Arc<SecretKey>>) -> Country {
    let more: Vec<_> = newer.into_iter().filter(|_| code == "NO").cloned().collect();
    doomed::open_with(code, dir, &more).await
}

/// Signs payloads by a newer key from now on.
async fn rotate(country: &Country, newer: &Arc<SecretKey>) {
    let (history, now) = (country.node.keys.history(), country.node.clock.now());
    let old = country.node.keys.message(u64::MAX);
    let signed = history.rotate(&country.keys[0], Role::Msg, (Some(&old), newer), now, [9; 32]).unwrap();
    take_up(&country.node, signed, Some(newer.clone()), |_| Ok(())).await.unwrap();
}

/// Connects them as often as it takes until the one of them that is locked is not.
async fn regained(no: &Country, lt: &Country, one: &Country) -> Sides {
    let unlocked = || !*one.node.ledger.locked().borrow();
    loop {
        let sides = connect(no, lt).await;
        until("the recovery", || unlocked() || sides.0.is_finished() || sides.1.is_finished()).await;
        if unlocked() {
            return sides;
        }
        end(sides).await;
    }
}

/// NO sends, `who` is backed up, NO turns to a newer key if there is one, withdraws and goes on, and `who` is restored.
async fn restored(who: &str, newer: Option<Arc<SecretKey>>) {
    let dir = tempfile::tempdir().unwrap();
    let (dir, newer) = (dir.path(), newer.as_ref());
    let (no, lt) = (open("NO", dir, newer).await, open("LT", dir, newer).await);
    let mut sides = connect(&no, &lt).await;
    let erasers = vec![eraser(&no), eraser(&lt)];
    sent(&no, [route(id(1)), doomed(), route(id(2))]).await;
    let backup = parts(who, dir).map(|part| (part.clone(), dir.join("backup").join(part.file_name().unwrap())));
    backup.iter().for_each(|(part, copied)| copy(part, copied));
    let before = keys(&steal(who, dir));
    if let Some(newer) = newer {
        rotate(&no, newer).await;
        end(sides).await;
        sides = connect(&no, &lt).await;
    }
    let object = withdrawn(&no).await;
    assert_gone(&steal(who, dir), &before);
    sent(&no, [route(id(3))]).await;
    // The other keeps everything up to here.
    let (one, other) = if who == "NO" { (&no, &lt) } else { (&lt, &no) };
    let size = one.node.ledger.book().loud;
    until("the escrow", || other.node.ledger.book().kept_of(one.origin()).size().0 >= size).await;
    stop(erasers, sides).await;
    drop((no, lt));

    drop(open(who, dir, newer).await);
    for (part, copied) in &backup {
        std::fs::remove_dir_all(part).unwrap();
        std::fs::rename(copied, part).unwrap();
    }
    assert!(!steal(who, dir).showing(&before.0, &varde_tests::doomed::SECRET).is_empty(), "the backup has it again");
    let (no, lt) = (open("NO", dir, newer).await, open("LT", dir, newer).await);
    let one = if who == "NO" { &no } else { &lt };
    let sides = regained(&no, &lt, one).await;
    recover::finish(&one.node).await.unwrap();
    erase::look(&one.node, one.node.clock.now()).await.unwrap();
    assert_gone(&steal(who, dir), &before);
    end(sides).await;

    let sides = connect(&no, &lt).await;
    let erasers = vec![eraser(&no), eraser(&lt)];
    sent(&no, [route(id(4))]).await;
    erased_at_lt(&no, object).await;
    assert_eq!(whole(&lt), 4, "the others are there");
    // What came back from the peer is owed to it again, and answered like any repetition.
    let owed = |from: &Country, to: &Country| from.node.ledger.book().owed(to.origin().node());
    until("every receipt", || owed(&no, &lt) + owed(&lt, &no) == 0).await;
    assert!(hold::find(&no.node, AlertId(id(99)), None).is_ok(), "that it was there is known");
    let (here, there) = (audited(&no, Scope::National), audited(&lt, Scope::National));
    stop(erasers, sides).await;
    let codes = |audit: &varde_proto::audit::Audit| audit.findings.iter().map(|f| f.code.name).collect::<Vec<_>>();
    let (restored, honest) = if who == "NO" { (&here, &there) } else { (&there, &here) };
    assert_eq!(codes(restored), ["restored"], "{:?}", restored.findings);
    assert_eq!(codes(honest), [""; 0], "{:?}", honest.findings);
    assert_eq!(reconcile(&here, &there), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_was_withdrawn_after_the_backup_of_its_recipient_is_gone_after_the_restore() {
    restored("LT", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_was_withdrawn_after_the_backup_of_its_issuer_is_gone_after_the_restore() {
    restored("NO", None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_that_was_withdrawn_under_a_key_that_its_restored_recipient_must_learn_first_is_gone() {
    restored("LT", Some(Arc::new(SecretKey::from_seed(&zeroize::Zeroizing::new([60; 32]))))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_on_a_request_under_a_key_that_is_learnt_after_the_restore_is_not_one_without_request() {
    let dir = tempfile::tempdir().unwrap();
    let (dir, newer) = (dir.path(), Arc::new(SecretKey::from_seed(&zeroize::Zeroizing::new([60; 32]))));
    let (no, lt) = (open("NO", dir, Some(&newer)).await, open("LT", dir, None).await);
    let sides = connect(&no, &lt).await;
    sent(&no, [route(id(1)), doomed()]).await;
    let backup = parts("LT", dir).map(|part| (part.clone(), dir.join("backup").join(part.file_name().unwrap())));
    backup.iter().for_each(|(part, copied)| copy(part, copied));
    rotate(&no, &newer).await;
    end(sides).await;
    let sides = connect(&no, &lt).await;
    // The request comes, and the node stops before it obeys.
    let all = Withdrawal { reason: ErasureReason::WITHDRAWN, from: Vec::new() };
    take_back(&no.node, AlertId(id(99)), all).await.unwrap();
    let of_kind = |kind| {
        let ledger = &lt.node.ledger;
        let opened = (0..ledger.head().size().0).filter_map(|index| ledger.opening_if_kept(index).unwrap());
        opened.filter(|opening| opening.event().kind == kind).count()
    };
    until("the request", || of_kind(Kind::ERASE_REQUEST) == 1).await;
    assert_eq!(of_kind(Kind::ERASE_DONE), 0);
    let size = lt.node.ledger.book().loud;
    until("the escrow", || no.node.ledger.book().kept_of(lt.origin()).size().0 >= size).await;
    end(sides).await;
    drop(lt);
    drop(open("LT", dir, None).await);
    for (part, copied) in &backup {
        std::fs::remove_dir_all(part).unwrap();
        std::fs::rename(copied, part).unwrap();
    }
    let lt = open("LT", dir, None).await;
    let sides = regained(&no, &lt, &lt).await;
    recover::finish(&lt.node).await.unwrap();
    erase::look(&lt.node, lt.node.clock.now()).await.unwrap();
    end(sides).await;
    let sides = connect(&no, &lt).await;
    sent(&no, [route(id(4))]).await;
    end(sides).await;
    let audit = audited(&lt, Scope::National);
    assert_eq!(audit.findings.iter().map(|f| f.code.name).collect::<Vec<_>>(), ["restored"], "{:?}", audit.findings);
}
