//! The plain HTTP door, spoken to by hand: the specification's bytes and answers for foreign logs, what is kept, what monitors
//! are shown of them and of our own log, and what nobody is shown.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::edge::witness::Listener;
use varde_proto::home::{ForeignLog, WitnessDoor};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::SecretKey;
use varde_proto::limits;
use varde_proto::log::checkpoint::Checkpoint;
use varde_proto::log::cosignature::witness_name;
use varde_proto::log::vkey::{KeyMaterial, Vkey};
use varde_proto::log::witness::AddCheckpoint;
use varde_proto::log::{Note, Tree, merkle, tiles};
use varde_tests::harness;
use varde_tests::pair::{Country, release, route};
use zeroize::Zeroizing;

const LOG: &str = "log.example/ct";

fn log_key() -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([77; 32]))
}

fn log_vkey() -> Vkey {
    Vkey::new(LOG, KeyMaterial::Ed25519(log_key().public())).unwrap()
}

/// EE with its door open for one foreign log.
struct Scene {
    ee: Country,
    door: SocketAddr,
    store: Arc<MemoryStore>,
    dir: tempfile::TempDir,
}

impl Scene {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Arc::new(MemoryStore::default());
        let ee = Country::open("EE", store.clone(), &dir.path().join("EE")).await;
        let door = open(&ee, false).await;
        Self { ee, door, store, dir }
    }

    async fn add(&self, body: &str) -> Answer {
        let request = format!(
            "POST /add-checkpoint HTTP/1.1\r\nHost: ee\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        say(self.door, request.as_bytes()).await
    }

    /// What is answered to a request, and the body where it is no cosignature.
    async fn status(&self, body: &str) -> (u16, String) {
        let answer = self.add(body).await;
        let said = if answer.status == 200 { String::new() } else { answer.text().to_owned() };
        (answer.status, said)
    }

    async fn monitored(&self) -> Answer {
        get(self.door, &format!("/{}/checkpoint", Digest::of(LOG.as_bytes()))).await
    }
}

async fn open(ee: &Country, publish: bool) -> SocketAddr {
    let logs = vec![ForeignLog { origin: LOG.into(), keys: vec![log_vkey()] }];
    let listen = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(WitnessDoor { listen, logs, publish }).await.unwrap();
    let door = listener.local().unwrap();
    tokio::spawn(listener.run(ee.node.clone()));
    door
}

async fn get(door: SocketAddr, path: &str) -> Answer {
    say(door, format!("GET {path} HTTP/1.1\r\nHost: ee\r\nConnection: close\r\n\r\n").as_bytes()).await
}

async fn say(door: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(door).await.unwrap();
    // An answer may come, and the connection close, before everything is read.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes).await;
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head, body: bytes.get(end + 4..).unwrap_or_default().to_vec() }
}

#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

fn tree(name: &str, size: u64) -> Tree {
    let mut tree = Tree::default();
    for n in 0..size {
        tree.push(merkle::leaf_hash(format!("{name} {n}").as_bytes()));
    }
    tree
}

fn head(tree: &Tree, size: u64) -> Note {
    let root = tree.root_at(TreeSize(size)).unwrap();
    let mut note = Note::new(&(Checkpoint::new(LOG, TreeSize(size), root).unwrap().text() + "extension\n")).unwrap();
    note.sign(LOG, &log_key()).unwrap();
    note
}

fn request(tree: &Tree, old: u64, new: u64) -> String {
    let proof = tree.consistency(TreeSize(old), TreeSize(new)).unwrap_or_default();
    AddCheckpoint::new(TreeSize(old), proof, head(tree, new)).unwrap().write()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_log_is_cosigned_and_a_monitor_sees_what_was_cosigned_after_a_restart_too() {
    let scene = Scene::set().await;
    let log = tree("true", 9);
    assert_eq!(scene.monitored().await.status, 404, "nothing was cosigned yet");
    let answer = scene.add(&request(&log, 0, 5)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let note = Note::parse((head(&log, 5).write() + answer.text()).as_bytes()).unwrap();
    let key = KeyMaterial::Cosignature(scene.ee.node.keys.witness(0).public());
    let known = [Vkey::new(&witness_name(scene.ee.origin()), key).unwrap()];
    assert!(note.verify(&known).unwrap()[0].time.is_some_and(|seconds| seconds > 1_700_000_000));
    let shown = scene.monitored().await;
    assert_eq!((shown.status, shown.text()), (200, note.write().as_str()));
    assert_eq!(scene.add(&request(&log, 5, 5)).await.status, 200, "the same again is cosigned again");
    let again = Country::open("EE", scene.store.clone(), &scene.dir.path().join("EE")).await;
    let again = Scene { door: open(&again, false).await, ee: again, ..scene };
    assert_eq!(again.monitored().await.text(), note.write(), "it was answered before it was durable");
    let conflict = again.add(&request(&tree("false", 9), 0, 5)).await;
    assert_eq!((conflict.status, conflict.text()), (409, "5\n"));
    assert_eq!(again.add(&request(&log, 5, 9)).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_rests_is_answered_as_the_specification_has_it_and_a_flood_of_steps_is_not() {
    let scene = Scene::set().await;
    let log = tree("true", 60);
    let steps = [(0, 2, 200), (1, 2, 409), (2, 4, 200), (4, 4, 200), (4, 5, 200), (4, 5, 409), (5, 5, 200)];
    for (old, new, wanted) in steps {
        let (status, said) = scene.status(&request(&log, old, new)).await;
        assert_eq!(status, wanted, "from {old} to {new}: {said}");
    }
    let mut taken = 0;
    while scene.status(&request(&log, 5 + taken, 6 + taken)).await.0 == 200 {
        taken += 1;
        assert!(taken < 50, "as many steps as it likes");
    }
    assert!(taken >= 10, "it took {taken}");
    let answer = scene.add(&request(&log, 5 + taken, 6 + taken)).await;
    assert!(answer.status == 429 && answer.head.contains("retry-after: 1"), "{answer:?}");
    let again = scene.add(&request(&log, 5 + taken, 5 + taken)).await;
    assert_eq!(again.status, 200, "what was cosigned is answered again, {again:?}");
    assert!(scene.monitored().await.text().ends_with(again.text()), "monitors are shown what was answered last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_key_has_another_name_is_known_by_its_origin_and_what_nobody_signed_by_whose_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let ee = Country::open("EE", Arc::new(MemoryStore::default()), &dir.path().join("EE")).await;
    let origin = "a log with spaces";
    let logs = vec![ForeignLog { origin: origin.into(), keys: vec![log_vkey()] }];
    let listen = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(WitnessDoor { listen, logs, publish: false }).await.unwrap();
    let door = listener.local().unwrap();
    tokio::spawn(listener.run(ee.node.clone()));
    let scene = Scene { ee, door, store: Arc::new(MemoryStore::default()), dir };
    let text = Checkpoint::new(origin, TreeSize(0), merkle::EMPTY_ROOT).unwrap().text();
    let mut note = Note::new(&text).unwrap();
    note.sign(LOG, &log_key()).unwrap();
    assert_eq!(scene.status(&format!("old 0\n\n{}", note.write())).await.0, 200);
    assert_eq!(scene.status(&format!("old 0\n\n{text}\n")).await.0, 403);
    assert_eq!(scene.status(&format!("old 0\n\n{}\n", text.replace("a log", "no log"))).await.0, 404);
    let path = format!("/{}/checkpoint", Digest::of(origin.as_bytes()));
    let whole = get(door, &path).await;
    assert!(whole.status == 200 && whole.text().starts_with(&note.write()), "{whole:?}");
    let head = say(door, format!("HEAD {path} HTTP/1.1\r\nHost: ee\r\nConnection: close\r\n\r\n").as_bytes()).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert!(head.head.contains(&format!("content-length: {}", whole.body.len())), "{}", head.head);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_the_answer_of_the_specification_and_changes_nothing() {
    let scene = Scene::set().await;
    let (log, other) = (tree("true", 9), tree("false", 9));
    assert_eq!(scene.add(&request(&log, 0, 5)).await.status, 200);
    let shown = scene.monitored().await.body;
    let conflict = scene.add(&request(&log, 3, 9)).await;
    assert_eq!((conflict.status, conflict.text()), (409, "5\n"));
    assert!(conflict.head.contains("content-type: text/x.tlog.size"), "{}", conflict.head);
    let ours = scene.ee.origin().as_str();
    for (status, body) in [
        (422, request(&other, 5, 5)),
        (422, request(&other, 5, 9)),
        (400, request(&log, 5, 9).replacen("old 5", "old 10", 1)),
        (400, request(&log, 5, 9).replacen("old 5", "old 05", 1)),
        (400, "hello".to_owned()),
        (403, request(&log, 5, 9).replacen("\n9\n", "\n8\n", 1)),
        (404, request(&log, 5, 9).replace(LOG, "log.example/other")),
        (404, request(&log, 5, 9).replace(LOG, ours)),
    ] {
        let answer = scene.add(&body).await;
        assert_eq!(answer.status, status, "{body}");
        assert!(!answer.text().contains('\u{2014}'), "a refusal was signed");
    }
    assert_eq!(scene.monitored().await.body, shown);
    let journal = varde_node::flow::journal::newest(&scene.ee.node.ledger, 10).unwrap();
    let codes: Vec<_> = journal.iter().map(|entry| (entry.code.as_str(), entry.who.as_str())).collect();
    assert!(codes.contains(&("foreign-fork", LOG)) && codes.contains(&("foreign-inconsistent", LOG)), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_forks_that_arrive_at_once_are_never_both_cosigned() {
    let scene = Scene::set().await;
    let requests = ["a", "b", "c", "d"].map(|name| request(&tree(name, 5), 0, 5));
    let [a, b, c, d] = &requests;
    let (a, b, c, d) = tokio::join!(scene.add(a), scene.add(b), scene.add(c), scene.add(d));
    let cosigned = [a, b, c, d].iter().filter(|answer| answer.status == 200).count();
    assert_eq!(cosigned, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_elsewhere_or_asked_otherwise_is_refused() {
    let scene = Scene::set().await;
    let large = "x".repeat(limits::ADD_CHECKPOINT_BYTES + 1);
    // The connection may close before the answer was read.
    assert!(matches!(scene.add(&large).await.status, 413 | 0));
    let mut extended = Note::new(&(head(&tree("true", 5), 5).text().to_owned() + &"e\n".repeat(8 * 1024))).unwrap();
    extended.sign(LOG, &log_key()).unwrap();
    let extended = AddCheckpoint::new(TreeSize(0), Vec::new(), extended).unwrap().write();
    assert_eq!(scene.add(&extended).await.status, 413);
    let hash = |origin: &str| Digest::of(origin.as_bytes()).to_string();
    let paths = [
        "/".to_owned(),
        "/checkpoint".to_owned(),
        "/add-checkpoint/".to_owned(),
        "/../varde.toml".to_owned(),
        format!("/{}/checkpoint", hash(LOG).to_uppercase()),
        format!("/{}/checkpoint", hash(scene.ee.origin().as_str())),
        "/log/checkpoint".to_owned(),
        "/log/tile/0/000.p/1".to_owned(),
    ];
    for path in paths {
        assert_eq!(get(scene.door, &path).await.status, 404, "{path}");
    }
    let wrong = get(scene.door, "/add-checkpoint").await;
    assert!(wrong.status == 405 && wrong.head.contains("allow: post"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_to_come_later() {
    let scene = Scene::set().await;
    let mut soon = None;
    for _ in 0..2_000 {
        let answer = scene.monitored().await;
        if answer.status == 429 {
            soon = Some(answer);
            break;
        }
    }
    assert!(soon.is_some_and(|soon| soon.head.contains("retry-after: 1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_follows_our_own_log_in_sixteens_and_is_shown_no_opening() {
    let scene = Scene::set().await;
    scene.ee.pin(&Country::open("NO", Arc::new(MemoryStore::default()), &scene.dir.path().join("NO")).await).await;
    for n in 0..20 {
        let id = Digest::of(&[n]).0[..16].try_into().unwrap();
        release(&scene.ee, route(id), &["NO"]).await;
    }
    let size = scene.ee.node.ledger.head().size().0;
    assert!(size > 20 && size % 16 != 0, "the newest leaves must not fill a sixteen: {size}");
    let door = open(&scene.ee, true).await;
    let note = Note::parse(&get(door, "/log/checkpoint").await.body).unwrap();
    let key = Vkey::new(scene.ee.origin().as_str(), KeyMaterial::Ed25519(scene.ee.keys[1].public())).unwrap();
    note.verify(&[key]).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    assert_eq!(checkpoint.size().0, size - size % 16);
    let mut rebuilt = Tree::default();
    let width = checkpoint.size().0;
    let entries = get(door, &format!("/log/tile/entries/000.p/{width}")).await;
    let hashes = get(door, &format!("/log/tile/0/000.p/{width}")).await;
    let entries = tiles::read_bundle(&entries.body).unwrap();
    for (entry, hash) in entries.iter().zip(hashes.body.chunks(32)) {
        assert_eq!((entry.len(), &merkle::leaf_hash(entry).0[..]), (33, hash));
        rebuilt.push(merkle::leaf_hash(entry));
    }
    assert_eq!((rebuilt.size(), rebuilt.root()), (checkpoint.size(), checkpoint.root()));
    assert_eq!(get(door, "/log/tile/0/000.p/7").await.body, hashes.body[..7 * 32]);
    for hidden in [format!("/log/tile/0/000.p/{}", width + 1), "/log/tile/0/000".into(), "/log/tile/1/000.p/1".into()] {
        assert_eq!(get(door, &hidden).await.status, 404, "{hidden}");
    }
    for path in ["/log/openings/000", "/log/keys/genesis", "/log/tile/0/001.p/1", "/log/tile/5/x123/x456/078.p/0"] {
        assert_eq!(get(door, path).await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_opens_the_door_that_its_settings_name_and_no_other() {
    let home = tempfile::tempdir().unwrap();
    let mut ee = harness::Country::init(home.path(), "EE").unwrap();
    let settings = ee.dir().join("varde.toml");
    let text = std::fs::read_to_string(&settings).unwrap();
    std::fs::write(
        &settings,
        format!("{text}\n[witness]\nlisten = \"127.0.0.1:0\"\nlogs = [\"{}\"]\n", log_vkey().text()),
    )
    .unwrap();
    ee.start().unwrap();
    let said = std::fs::read_to_string(ee.log()).unwrap();
    let line = said.lines().find(|line| line.contains("the witness answers plain HTTP")).unwrap();
    let at = line.find("127.0.0.1:").unwrap();
    let address: String = line[at..].chars().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':')).collect();
    let door: SocketAddr = address.parse().unwrap();
    let log = tree("true", 5);
    let body = request(&log, 0, 5);
    let text = format!(
        "POST /add-checkpoint HTTP/1.1\r\nConnection: close\r\nHost: ee\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(say(door, text.as_bytes()).await.status, 200);
    assert_eq!(get(door, "/log/checkpoint").await.status, 404, "the log was published unasked");
    ee.stop().unwrap();
    std::fs::write(&settings, std::fs::read_to_string(&settings).unwrap().replace("[witness]", "[witness_]")).unwrap();
    assert!(ee.start().is_err(), "unknown settings were passed over");
}
