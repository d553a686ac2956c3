//! Peers witness each other's logs: what was exchanged is cosigned at both ends, heads travel by themselves, and a quorum is
//! counted and shown.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::{bundle, delivery, witness};
use varde_node::rows;
use varde_proto::audit::{MemoryBundle, Scope};
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::{Frame, Item, Proven};
use varde_proto::id::{Digest, NodeId, TreeSize};
use varde_proto::log::head::Head;
use varde_proto::log::note::Note;
use varde_proto::log::vkey::{KeyMaterial, Vkey};
use varde_proto::log::{Checkpoint, cosignature};
use varde_proto::wire::peer::Mode;
use varde_tests::harness::{Country as Process, pin_all, until};
use varde_tests::pair::{Country, admit, connect, release, route, secrets};
use varde_tests::rogue::{Answer, Rogue};

const SOON: Duration = Duration::from_secs(60);

async fn country(code: &str, dir: &std::path::Path) -> Country {
    Country::open(code, Arc::new(MemoryStore::default()), &dir.join(code)).await
}

/// Waits until so many leaves of a country's log are witnessed by a quorum.
async fn witnessed(country: &Country, leaves: u64) -> witness::Witnessed {
    let reached = async {
        loop {
            let standing = witness::standing(&country.node).unwrap();
            if standing.size >= leaves {
                return standing;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(SOON, reached).await.expect("a quorum")
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_reach_every_peer_and_come_back_cosigned_also_where_nothing_is_exchanged() {
    let dir = tempfile::tempdir().unwrap();
    let (no, ee, lt) =
        (country("NO", dir.path()).await, country("EE", dir.path()).await, country("LT", dir.path()).await);
    let _links = (connect(&no, &ee).await, connect(&no, &lt).await);
    let kept = release(&no, route(*Digest::of(b"an alert").0.first_chunk().unwrap()), &["EE"]).await;
    delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
    let size = no.node.ledger.head().size().0;
    let standing = witnessed(&no, size).await;
    assert_eq!((standing.needed, standing.by.len(), standing.waiting_since), (2, 2, None));

    // The lines stand in the bundle, and any program that knows C2SP's formats can check them.
    let (whole, _) = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap();
    let note = Note::parse(&whole["checkpoint"]).unwrap();
    let keys = [&ee, &lt].map(|witness| {
        let key = KeyMaterial::Cosignature(witness.node.keys.witness(0).public());
        Vkey::new(&cosignature::witness_name(witness.origin()), key).unwrap()
    });
    let verified = note.verify(&keys).unwrap();
    assert_eq!(verified.iter().filter(|line| line.time.is_some()).count(), 2);
    assert!(Checkpoint::parse(note.text()).unwrap().size().0 >= size, "what was woven in meanwhile may be in it too");
    let for_ee = Scope::For(NodeId::parse("EE").unwrap());
    let (shown, _) = bundle::write(&no.node, for_ee, MemoryBundle::new()).unwrap();
    let lines = Note::parse(&shown["checkpoint"]).unwrap().verify(&keys).unwrap();
    let cosigned = lines.iter().filter(|line| line.time.is_some()).count();
    assert_eq!(cosigned, 2, "whoever judges by the policy needs every line");
    assert_eq!(shown["policy"], whole["policy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cosignature_of_another_head_or_by_another_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (no, ee) = (country("NO", dir.path()).await, country("EE", dir.path()).await);
    let peer = no.pin(&ee).await;
    let head = no.node.ledger.head();
    let (_, good) = witness::cosign(&ee.node, &head).unwrap();
    assert!(witness::check(&no.node, &peer, &good).is_ok());
    let code = |bad: &varde_proto::exchange::Cosigned| witness::check(&no.node, &peer, bad).unwrap_err().code();
    let mut later = good.clone();
    later.seconds += 1;
    assert_eq!(code(&later), "cosignature-invalid");
    let mut other = good.clone();
    other.head.root.0[0] ^= 1;
    assert_eq!(code(&other), "cosigned-another-log");
    let mut beyond = good.clone();
    beyond.head.size += 1;
    assert_eq!(code(&beyond), "cosigned-another-log");
    let (_, by_itself) = witness::cosign(&no.node, &head).unwrap();
    assert_eq!(code(&by_itself), "cosignature-invalid", "a log is no witness of itself");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_repeats_an_item_with_a_cosignature_of_every_size_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (no, ee) = (country("NO", dir.path()).await, country("EE", dir.path()).await);
    let pinned = ee.pin(&no).await;
    let mut rogue = Rogue::new(no.origin().clone(), ee.origin().clone(), Mode::Test, secrets("NO"));
    let (mut wire, _) = admit(&ee, &pinned);
    wire.greet(&mut rogue).await;
    let envelope = Envelope { payload_type: "no/payload".into(), ..Envelope::default() };
    let (index, opening) = rogue.sent(envelope::digest(&envelope), 2);
    let mut item = |cosigned| {
        let sent = rogue.show(index, opening.clone());
        Frame::Items(Proven { cosigned, ..rogue.proven() }, vec![Item { sent, envelope: Some(envelope.clone()) }])
    };
    let first = item(None);
    assert_eq!(wire.ask(first).await, Answer::Rejected("unknown-type".into()));
    let (ledger, size) = (&ee.node.ledger, ee.node.ledger.head().size().0);
    let cosigned = |size| {
        let root = ledger.book().tree.root_at(TreeSize(size)).unwrap();
        witness::cosign(&no.node, &Head::sign(ee.origin(), TreeSize(size), root, &ee.keys[1]).unwrap()).unwrap().1
    };
    for size in 1..=size {
        let again = item(Some(cosigned(size)));
        assert_eq!(wire.ask(again).await, Answer::Rejected("unknown-type".into()));
    }
    let rows = |prefix: u8| ledger.scan(&[prefix], &[prefix + 1], false).map(Result::unwrap).collect::<Vec<_>>();
    let kept = rows(rows::COSIGNATURE);
    let heads = rows(rows::HEAD).into_iter().filter(|(name, _)| name[1..] <= size.to_be_bytes()[..]);
    assert_eq!(kept.len(), heads.count(), "one for each head that was signed");
    assert!((kept.len() as u64) < size, "there are sizes between, or this shows nothing");
    let mut later = cosigned(size);
    later.seconds += 5;
    let origin = no.origin().clone();
    ledger.commit(move |desk| witness::keep(desk, &origin, &later)).await.unwrap();
    assert_eq!(rows(rows::COSIGNATURE), kept, "the first one stays");
}

#[test]
fn a_coordinator_sees_how_far_the_log_is_witnessed() {
    let home = tempfile::tempdir().unwrap();
    let mut no = Process::init(home.path(), "NO").unwrap();
    let mut ee = Process::init(home.path(), "EE").unwrap();
    pin_all(&[&no, &ee]).unwrap();
    for country in [&mut no, &mut ee] {
        let settings = country.dir().join("varde.toml");
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, text.replace("# heartbeat_seconds = 60", "heartbeat_seconds = 1")).unwrap();
        country.start().unwrap();
    }
    let status = || no.varde(&["log", "status", "--json"]).unwrap().json(0).unwrap();
    // The leaves that say who is pinned and what was agreed; heads of others that are woven in wait for the next leaf.
    let whole = |status: &Value| {
        status["witnessed"]["size"].as_u64() > Some(4) && status["witnessed"]["waiting_since"].is_null()
    };
    let status = until("a quorum", SOON, || Some(status()).filter(whole)).unwrap();
    let witnessed = &status["witnessed"];
    assert_eq!(
        (&witnessed["quorum"], &witnessed["peers"], &witnessed["overdue"]),
        (&1.into(), &1.into(), &false.into())
    );
    assert!(status["peers"][0]["cosigned_at"].is_string(), "{status}");
    let text = no.varde(&["log", "status"]).unwrap().ok().unwrap();
    assert!(text.contains("by 1 of 1 peers or more"), "{text}");
}
