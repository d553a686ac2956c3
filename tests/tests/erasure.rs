//! What is erased is gone: from a copy of the store and the key files taken afterwards comes neither the payload nor its key,
//! everything else still opens, every proof still verifies, and no backup brings it back.
#![allow(missing_docs, reason = "tests")]

use std::path::Path;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::store::sled::SledStore;
use varde_node::flow::alert::held::{self, What};
use varde_node::flow::bundle::{self, NotExported};
use varde_node::flow::erase::{self, Replayed, Stage, hold};
use varde_node::rows;
use varde_proto::audit::{BundleSink, MemoryBundle, Scope, reconcile};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::log::event::Kind;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::ErasureReason;
use varde_tests::doomed::{
    SECRET, against, assert_gone, audited, checked, doomed, events, id, keyring, keys, kinds, open, sent,
};
use varde_tests::doomed::{end, steal, store};
use varde_tests::pair::{Country, connect, route};

const ERASURE: [Kind; 2] = [Kind::ERASE_REQUEST, Kind::ERASE_DONE];

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_copied_files_yield_neither_payload_nor_key_and_all_else_opens() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let sides = connect(&no, &lt).await;
    sent(&no, (0..5).map(|n| route(id(n)))).await;
    sent(&no, [doomed()]).await;
    sent(&no, (5..8).map(|n| route(id(n)))).await;
    let before = keys(&steal("LT", dir.path()));

    let now = lt.node.clock.now();
    erase::look(&lt.node, now).await.unwrap();
    assert_eq!(kinds(&lt, &ERASURE), [], "nothing is expired yet");
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(kinds(&lt, &ERASURE), ERASURE);
    assert_gone(&steal("LT", dir.path()), &before);

    let inbox = held::inbox(&lt.node.ledger, 0, 100).unwrap();
    let whole = inbox.iter().filter(|received| matches!(received.what, What::Alert(_))).count();
    assert_eq!((inbox.len(), whole), (9, 8));
    let mute = held::find(&lt.node.ledger, &[no.origin().node()], AlertId(id(99))).unwrap().remove(0);
    let What::Remains(remains) = mute.what else { panic!("it is still there") };
    assert_eq!((remains.id, remains.reason), (AlertId(id(99)), ErasureReason::EXPIRED));
    end(sides).await;
    let (here, there) = (audited(&lt, Scope::National), audited(&no, Scope::National));
    assert_eq!((against(&here), against(&there)), (vec![], vec![]));
    // By the clock that dates the leaves its time is not over, which the issuer's copy shows.
    let told = reconcile(&here, &there);
    let told: Vec<_> = told.iter().map(|finding| finding.code.name).filter(|code| *code != "in-flight").collect();
    assert_eq!(told, ["erasure-unrequested"]);
    let shown = audited(&lt, Scope::For(NodeId::parse("NO").unwrap()));
    assert!(against(&shown).iter().all(|code| *code == "withheld"), "{:?}", shown.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_that_was_broken_off_is_finished_at_the_next_start_and_no_earlier_said_done() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let sides = connect(&no, &lt).await;
    let mut first = route(id(1));
    first.expires_at = Timestamp::from_ms(doomed().expires_at.ms() - 86_400_000).unwrap();
    sent(&no, [first.clone(), doomed(), route(id(2))]).await;
    erase::look(&lt.node, first.expires_at).await.unwrap();
    let object = events(&lt).iter().filter(|event| event.kind == Kind::RECEIVED).nth(1).unwrap().object;

    // The keyring cannot be written: the erasure gets as far as its first commit.
    let away = dir.path().join("away");
    std::fs::rename(keyring("LT", dir.path()), &away).unwrap();
    assert!(erase::look(&lt.node, doomed().expires_at).await.is_err());
    std::fs::rename(&away, keyring("LT", dir.path())).unwrap();
    assert_eq!(kinds(&lt, &ERASURE), [ERASURE[0], ERASURE[1], ERASURE[0]]);
    let stage =
        |country: &Country| erase::find(&country.node.ledger, no.origin().node(), &object).unwrap().unwrap().stage;
    assert!(matches!(stage(&lt), Stage::Destroying(_)));
    let copy = steal("LT", dir.path());
    assert!(!copy.showing(&copy.named_keys(), &SECRET).is_empty(), "without the second step a copy can be read");
    let exported = bundle::write(&lt.node, Scope::National, MemoryBundle::new());
    assert!(matches!(exported, Err(NotExported::Erasing)), "a bundle could not say why it is gone");

    end(sides).await;
    drop(lt);
    let lt = open("LT", dir.path()).await;
    lt.pin(&no).await;
    erase::look(&lt.node, lt.node.clock.now()).await.unwrap();
    assert!(matches!(stage(&lt), Stage::Done(_)));
    assert_eq!(kinds(&lt, &ERASURE), [ERASURE, ERASURE].concat());
    let copy = steal("LT", dir.path());
    assert!(copy.showing(&copy.named_keys(), &SECRET).is_empty());
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(kinds(&lt, &ERASURE).len(), 4, "what is done is not done again");
    let unfinished = lt.node.ledger.scan(&[rows::ERASING], &[rows::ERASING + 1], false).count();
    assert_eq!(unfinished, 0);
}

/// A bundle during whose first file something happens.
struct Interrupted<F> {
    files: MemoryBundle,
    then: Option<F>,
}

impl<F: FnOnce()> BundleSink for Interrupted<F> {
    type Error = <MemoryBundle as BundleSink>::Error;

    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), Self::Error> {
        if let Some(then) = self.then.take() {
            then();
        }
        self.files.write(path, bytes)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_during_which_something_is_erased_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let _sides = connect(&no, &lt).await;
    sent(&no, [doomed()]).await;
    let node = lt.node.clone();
    let erased = move || {
        let erased = async { erase::look(&node, doomed().expires_at).await };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(erased)).unwrap();
    };
    let begun = lt.node.ledger.head().size().0;
    let sink = Interrupted { files: MemoryBundle::new(), then: Some(erased) };
    let (Interrupted { files, .. }, size) = bundle::write(&lt.node, Scope::National, sink).unwrap();
    assert!(size > begun && kinds(&lt, &ERASURE) == ERASURE);
    assert_eq!(against(&checked(&lt, &files)), [""; 0]);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name())).unwrap();
        if path.is_dir() { copy(&path, &to.join(name)) } else { assert!(std::fs::copy(&path, to.join(name)).is_ok()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_from_its_backup_is_purged_before_anything_is_served() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let sides = connect(&no, &lt).await;
    sent(&no, [route(id(1)), doomed(), route(id(2))]).await;
    let (ring, backup) = (keyring("LT", dir.path()), dir.path().join("backup"));
    copy(&ring, &backup);
    let before = keys(&steal("LT", dir.path()));
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_gone(&steal("LT", dir.path()), &before);
    end(sides).await;
    drop(lt);

    std::fs::remove_dir_all(&ring).unwrap();
    copy(&backup, &ring);
    assert!(steal("LT", dir.path()).contains(before.1.first().unwrap()), "the backup has the key again");
    let opened = loop {
        match SledStore::open(&store("LT", dir.path())) {
            Ok(opened) => break opened,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    let entropy = std::sync::Arc::new(varde_node::edge::entropy::SystemEntropy);
    let restored = FileKeyring::open(&ring, false, entropy).unwrap();
    assert_eq!(erase::purge(&opened, &restored).unwrap(), 1);
    assert_eq!(erase::purge(&opened, &restored).unwrap(), 0, "once is enough");
    drop((opened, restored));
    assert_gone(&steal("LT", dir.path()), &before);
    let lt = open("LT", dir.path()).await;
    let inbox = held::inbox(&lt.node.ledger, 0, 10).unwrap();
    assert_eq!(inbox.iter().filter(|received| matches!(received.what, What::Alert(_))).count(), 2, "the others open");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_restored_store_has_again_is_erased_again_as_its_log_says() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    let _sides = connect(&no, &lt).await;
    sent(&no, [doomed(), route(id(1))]).await;
    let (index, object) = hold::find(&lt.node, AlertId(id(99)), None).unwrap();
    let row = rows::numbered(rows::ENVELOPE, index);
    let envelope = lt.node.ledger.read(&row).unwrap().unwrap().to_vec();
    erase::look(&lt.node, doomed().expires_at).await.unwrap();
    assert_eq!(erase::replay(&lt.node, 0).await.unwrap(), Replayed::default(), "nothing is back");

    // The rows as a backup of before has them, under a log whose tail came back.
    let remains = rows::row(rows::REMAINS, &[b"NO", &object.0]);
    let again = |row: Vec<u8>, remains: Vec<u8>| {
        let envelope = envelope.clone();
        lt.node.ledger.commit(move |desk| {
            desk.delete(remains);
            desk.seal(row, &envelope)
        })
    };
    again(row.clone(), remains.clone()).await.unwrap();
    let before = keys(&steal("LT", dir.path()));
    let size = lt.node.ledger.head().size();
    assert_eq!(
        erase::replay(&lt.node, size.0).await.unwrap(),
        Replayed::default(),
        "that part of the log says nothing"
    );
    assert_eq!(erase::replay(&lt.node, 0).await.unwrap(), Replayed { erased: 1, noted: 0 });
    assert_gone(&steal("LT", dir.path()), &before);
    assert_eq!((lt.node.ledger.head().size(), kinds(&lt, &ERASURE).len()), (size, 2), "nothing is logged twice");
    assert!(matches!(
        erase::find(&lt.node.ledger, no.origin().node(), &object).unwrap().unwrap().stage,
        Stage::Done(_)
    ));

    let forget = lt.node.ledger.commit(move |desk| {
        desk.delete(remains);
        Ok::<(), varde_node::port::StoreError>(())
    });
    forget.await.unwrap();
    assert_eq!(erase::replay(&lt.node, 0).await.unwrap(), Replayed { erased: 0, noted: 1 }, "it cannot come again");
}
