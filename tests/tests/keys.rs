//! Keys change while nodes exchange: rotations are learned from the node itself and nothing is lost; what a stolen key says after
//! its revocation is refused; and people drive it all through the command line.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection::{self, Ended};
use varde_node::flow::keys::{NotTaken, take_up};
use varde_node::flow::{bundle, delivery, witness};
use varde_node::port::{Link, Store};
use varde_proto::audit::{self, Audit, Given, MemoryBundle, Scope, Severity, reconcile};
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{Frame, Hello};
use varde_proto::id::{Digest, TreeSize};
use varde_proto::identity::{PublicKey, Role, SecretKey};
use varde_proto::log::event::Kind;
use varde_proto::log::tiles::read_bundle;
use varde_proto::log::{Checkpoint, Head, Note};
use varde_proto::time::Timestamp;
use varde_tests::harness::{Country as Process, pin_all, until};
use varde_tests::pair::{Country, Sides, connect, pipe, release, route};
use zeroize::Zeroizing;

const SOON: Duration = Duration::from_secs(60);

fn new_key(seed: u8) -> Arc<SecretKey> {
    Arc::new(SecretKey::from_seed(&Zeroizing::new([seed; 32])))
}

async fn country(code: &str, dir: &std::path::Path) -> Country {
    Country::open(code, Arc::new(MemoryStore::default()), &dir.join(code)).await
}

fn now() -> Timestamp {
    Timestamp::from_ms(1_795_284_000_000).unwrap()
}

/// The statement by which a key of this seed follows the one in use.
fn rotation(country: &Country, role: Role, old: &SecretKey, seed: u8) -> Envelope {
    let history = country.node.keys.history();
    history.rotate(&country.keys[0], role, (Some(old), &new_key(seed)), now(), [seed; 32]).unwrap()
}

async fn rotate(country: &Country, role: Role, old: &SecretKey, seed: u8) -> u64 {
    take_up(&country.node, rotation(country, role, old, seed), Some(new_key(seed)), |_| Ok(())).await.unwrap()
}

async fn revoke(country: &Country, role: Role, key: &PublicKey, above: u64) -> Result<u64, NotTaken> {
    let history = country.node.keys.history();
    let key = (role, key.fingerprint());
    let signed = history.revoke(&country.keys[0], key, TreeSize(above), now(), [9; 32]).unwrap();
    take_up(&country.node, signed, None, |_| Ok(())).await
}

fn alert(n: u8) -> varde_proto::alert::AlertContent {
    route(*Digest::of(&[n]).0.first_chunk().unwrap())
}

/// Sends an alert and waits for its receipt.
async fn exchange(from: &Country, to: &Country, n: u8) {
    let kept = release(from, alert(n), &[to.origin().node().as_str()]).await;
    delivery::wait(&from.node.ledger, kept, SOON).await.unwrap();
}

/// Both ends of a connection have ended, and each because keys changed.
async fn changed(sides: Sides) {
    let (at_a, at_b) = tokio::time::timeout(SOON, async { (sides.0.await, sides.1.await) }).await.unwrap();
    for ended in [at_a.unwrap(), at_b.unwrap()] {
        assert!(matches!(ended, Ended::KeysChanged | Ended::Goodbye(0) | Ended::Closed), "{ended:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_role_change_during_an_exchange_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let mut link = connect(&no, &lt).await;
    exchange(&no, &lt, 1).await;
    let old = [no.node.keys.message(0), no.node.keys.witness(0)];
    let [message, witness] = &old;
    for (n, (role, old)) in
        [(Role::Log, &no.keys[1]), (Role::Msg, message), (Role::Wit, witness)].into_iter().enumerate()
    {
        // Logged under the old key, delivered after the change.
        let kept = release(&no, alert(10 + n as u8), &["LT"]).await;
        let leaf = rotate(&no, role, old, 60 + n as u8).await;
        changed(link).await;
        link = connect(&no, &lt).await;
        delivery::wait(&no.node.ledger, kept, SOON).await.unwrap();
        exchange(&no, &lt, 20 + n as u8).await;
        exchange(&lt, &no, 30 + n as u8).await;
        let known = lt.node.peers.borrow().get(&no.origin().node()).unwrap().keys.clone();
        assert_eq!(known.current(role), [new_key(60 + n as u8).public()], "{role}");
        assert_eq!(known.statements()[n].index.0, leaf);
    }
    // The first head with the rotation has a line by either log key, the heads before and after by one.
    let first = no.node.keys.history().statements()[0].index.0 + 1;
    let lines = |size: u64| no.node.ledger.head_at(size).unwrap().note().signatures().len();
    let sizes = (first..).find(|size| lines(*size) == 2).unwrap();
    assert_eq!((lines(first - 1), lines(sizes + 1)), (1, 1));
    let both = [no.keys[1].public(), new_key(60).public()];
    for key in both {
        let head = no.node.ledger.head_at(sizes).unwrap();
        assert!(Head::verify(head.note().clone(), no.origin(), &[key]).is_ok());
    }
    // Either log can be verified from its genesis on, and the two agree.
    let [ours, theirs] = [&no, &lt].map(|country| {
        let audit = verify(country);
        assert!(audit.is_clean(), "{:?}", audit.findings);
        audit
    });
    let found = reconcile(&ours, &theirs);
    assert!(found.iter().all(|finding| finding.code.severity == Severity::Note), "{found:?}");
    // The new witness key cosigns, and LT keeps it.
    let size = lt.node.ledger.book().loud;
    let witnessed = || witness::standing(&lt.node).unwrap().by[0].size >= size;
    tokio::time::timeout(SOON, async {
        while !witnessed() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_changed_its_keys_very_often_is_dealt_with_like_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let mut old = no.node.keys.message(0);
    for seed in 60..100 {
        rotate(&no, Role::Msg, &old, seed).await;
        old = new_key(seed);
    }
    let told: usize = no.node.keys.history().statements().iter().map(|logged| logged.envelope.encoded_len()).sum();
    assert!(told > varde_proto::limits::STORED_VALUE_BYTES, "less than what fills a row: {told}");
    let _link = connect(&no, &lt).await;
    exchange(&no, &lt, 1).await;
    exchange(&lt, &no, 2).await;
    let known = lt.node.peers.borrow().get(&no.origin().node()).unwrap().keys.clone();
    assert_eq!((known.number(), known.current(Role::Msg)), (40, vec![new_key(99).public()]));
}

fn verify(country: &Country) -> Audit {
    let (whole, _) = bundle::write(&country.node, Scope::National, MemoryBundle::new()).unwrap();
    audit::verify(&whole, &Given::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_signed_above_the_limit_of_a_revoked_key_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let link = connect(&no, &lt).await;
    exchange(&no, &lt, 1).await;
    let above = no.node.ledger.head().size().0;
    exchange(&no, &lt, 2).await;
    let message = no.node.keys.message(0);
    rotate(&no, Role::Log, &no.keys[1], 60).await;
    rotate(&no, Role::Msg, &message, 61).await;
    changed(link).await;
    assert!(verify(&no).is_clean(), "a rotation alone is found: {:?}", verify(&no).findings);
    revoke(&no, Role::Log, &no.keys[1].public(), above).await.unwrap();
    revoke(&no, Role::Msg, &message.public(), above).await.unwrap();
    let found = verify(&no).findings;
    let bad = found.iter().filter(|finding| finding.code.severity == Severity::Finding);
    let bad: BTreeSet<(&str, u64)> = bad.map(|finding| (finding.code.name, finding.index.unwrap().0)).collect();
    // Every head after the limit and before the rotation, and the one alert signed there.
    let leaves = || 0..no.node.ledger.head().size().0;
    let at = |kind| {
        leaves().filter(|index| no.node.ledger.opening(*index).unwrap().event().kind == kind).collect::<Vec<_>>()
    };
    let rotated = at(Kind::KEY_ROTATE)[0];
    let (whole, _) = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap();
    let notes = read_bundle(&whole["checkpoints/000"]).unwrap();
    // What LT had cosigned by then stands.
    let alone = notes.iter().map(|note| Note::parse(note).unwrap()).filter(|note| note.signatures().len() == 1);
    let sizes = alone.map(|note| Checkpoint::parse(note.text()).unwrap().size().0);
    let mut wanted: BTreeSet<(&str, u64)> =
        sizes.filter(|size| (above + 1..=rotated).contains(size)).map(|size| ("key-out-of-time", size)).collect();
    assert!(!wanted.is_empty());
    wanted.extend(at(Kind::SENT).into_iter().filter(|index| *index >= above).map(|index| ("envelope-unsigned", index)));
    assert_eq!(bad, wanted);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_leaves_out_or_changes_a_key_statement_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let no = country("NO", dir.path()).await;
    rotate(&no, Role::Wit, &no.node.keys.witness(0), 60).await;
    let (mut whole, _) = bundle::write(&no.node, Scope::National, MemoryBundle::new()).unwrap();
    let codes = |whole: &MemoryBundle| {
        let found = audit::verify(whole, &Given::default()).unwrap().findings;
        found
            .into_iter()
            .map(|finding| finding.code.name)
            .filter(|name| *name != "unpinned-identity")
            .collect::<Vec<_>>()
    };
    assert_eq!(codes(&whole), [] as [&str; 0]);
    let text = String::from_utf8(whole["keys/statements"].clone()).unwrap();
    whole.insert("keys/statements".into(), text.replace("leaf 2", "leaf 3").into_bytes());
    assert!(codes(&whole).contains(&"keys-differ"), "{:?}", codes(&whole));
    whole.remove("keys/statements");
    assert!(codes(&whole).contains(&"keys-differ"), "{:?}", codes(&whole));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_signs_as_before_and_misses_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let no = Country::open("NO", store.clone(), &dir.path().join("NO")).await;
    rotate(&no, Role::Log, &no.keys[1], 60).await;
    release_nothing(&no).await;
    let notes = |country: &Country| {
        let sizes = 1..=country.node.ledger.head().size().0;
        sizes.filter_map(|size| country.node.ledger.head_at(size).ok().map(|head| head.write())).collect::<Vec<_>>()
    };
    let before = notes(&no);
    drop(no);
    let again = Country::open_with("NO", store, &dir.path().join("NO"), &[new_key(60)], Duration::from_secs(600)).await;
    assert_eq!(notes(&again), before);
    assert_eq!(again.node.keys.history().current(Role::Log), [new_key(60).public()]);
}

/// One more leaf.
async fn release_nothing(country: &Country) {
    use varde_proto::log::event::{Event, Kind};
    let pad = |desk: &mut varde_node::flow::desk::Desk<'_>| desk.append(Event::local(Kind::PAD, Timestamp::default()));
    country.node.ledger.commit(pad).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_does_not_follow_or_leaves_no_key_is_not_taken_up() {
    let dir = tempfile::tempdir().unwrap();
    let no = country("NO", dir.path()).await;
    let statement = rotation(&no, Role::Log, &no.keys[1], 60);
    let size = no.node.ledger.head().size();
    for secret in [None, Some(new_key(61))] {
        assert!(matches!(
            take_up(&no.node, statement.clone(), secret, |_| Ok(())).await,
            Err(NotTaken::Secret(Role::Log))
        ));
    }
    assert!(matches!(revoke(&no, Role::Log, &no.keys[1].public(), 1).await, Err(NotTaken::Last(Role::Log))));
    assert_eq!(no.node.ledger.head().size(), size, "what was refused was logged");
    take_up(&no.node, statement.clone(), Some(new_key(60)), |_| Ok(())).await.unwrap();
    assert!(
        matches!(take_up(&no.node, statement, Some(new_key(60)), |_| Ok(())).await, Err(NotTaken::History(_))),
        "a replay"
    );
}

/// LT's greeting as it would send it now, and how NO ends a connection that begins with another one.
async fn greeted(no: &Country, lt: &Country, forge: impl FnOnce(Hello) -> Hello) -> Ended {
    let (lt_at_no, no_at_lt) = (no.pin(lt).await, lt.pin(no).await);
    let (out, mut said) = pipe();
    let (_kept, silent) = pipe();
    let honest = tokio::spawn(connection::run(lt.node.clone(), no_at_lt, Link { outgoing: out, incoming: silent }));
    let Some(Ok(Frame::Hello(hello))) = said.recv().await else { panic!("no hello") };
    honest.abort();
    let (to_no, incoming) = pipe();
    let (outgoing, _from_no) = pipe();
    let ended = tokio::spawn(connection::run(no.node.clone(), lt_at_no, Link { outgoing, incoming }));
    to_no.send(Frame::Hello(Box::new(forge(*hello)))).await.unwrap();
    drop(to_no);
    tokio::time::timeout(SOON, ended).await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stolen_log_key_signs_after_its_revocation_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let link = connect(&no, &lt).await;
    exchange(&lt, &no, 1).await;
    let above = lt.node.ledger.head().size().0;
    rotate(&lt, Role::Log, &lt.keys[1], 60).await;
    revoke(&lt, Role::Log, &lt.keys[1].public(), above).await.unwrap();
    changed(link).await;
    let link = connect(&no, &lt).await;
    exchange(&lt, &no, 2).await;
    link.0.abort();
    link.1.abort();
    let thief = &lt.keys[1];
    // The thief forks the log at the next size, and has everything else that LT has.
    let forked = |hello: Hello| {
        let head = Head::sign(lt.origin(), TreeSize(hello.head.size + 1), Digest([7; 32]), thief).unwrap();
        Hello { head: head.to_wire(), ..hello }
    };
    let code = |ended: Ended| ended.to_string();
    assert_eq!(code(greeted(&no, &lt, forked).await), "bad-checkpoint-signature");
    // Saying nothing of the revocation does not help either.
    let silent = |hello: Hello| Hello { keys: Vec::new(), ..forked(hello) };
    assert_eq!(code(greeted(&no, &lt, silent).await), "keys-left-out");
    let earlier = |hello: Hello| Hello { keys: hello.keys[..2].to_vec(), ..forked(hello) };
    assert_eq!(code(greeted(&no, &lt, earlier).await), "keys-left-out");
    let reordered = |mut hello: Hello| {
        hello.keys.swap(1, 2);
        hello
    };
    assert_eq!(code(greeted(&no, &lt, reordered).await), "keys-invalid");
    let moved = |mut hello: Hello| {
        hello.keys[2].index += 1;
        hello
    };
    assert_eq!(code(greeted(&no, &lt, moved).await), "keys-left-out", "a statement stood at two leaves");
    // The same greeting as LT means it is none of these.
    assert_eq!(code(greeted(&no, &lt, |hello| hello).await), "closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_ends_as_soon_as_a_key_of_the_peer_is_revoked() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (country("NO", dir.path()).await, country("LT", dir.path()).await);
    let (at_no, at_lt) = connect(&no, &lt).await;
    exchange(&lt, &no, 1).await;
    at_lt.abort();
    drop(at_lt.await);
    drop(at_no.await);
    // LT's own end never answers: this connection is the thief's, who has the log key, and NO hears of the revocation elsewhere.
    let peer = no.pin(&lt).await;
    let (outgoing, mut from_no) = pipe();
    let (to_no, incoming) = pipe();
    let (out, mut said) = pipe();
    let (_kept, silent) = pipe();
    let no_at_lt = lt.pin(&no).await;
    let honest = tokio::spawn(connection::run(lt.node.clone(), no_at_lt, Link { outgoing: out, incoming: silent }));
    let Some(Ok(Frame::Hello(hello))) = said.recv().await else { panic!("no hello") };
    honest.abort();
    let stolen = tokio::spawn(connection::run(no.node.clone(), peer, Link { outgoing, incoming }));
    to_no.send(Frame::Hello(hello)).await.unwrap();
    assert!(matches!(from_no.recv().await, Some(Ok(Frame::Hello(_)))));
    let above = lt.node.ledger.head().size().0;
    rotate(&lt, Role::Log, &lt.keys[1], 60).await;
    revoke(&lt, Role::Log, &lt.keys[1].public(), above).await.unwrap();
    let _link = connect(&no, &lt).await;
    let ended = tokio::time::timeout(SOON, stolen).await.unwrap().unwrap();
    assert!(matches!(ended, Ended::KeysChanged), "{ended:?}");
}

fn ok(country: &Process, arguments: &[&str]) -> String {
    country.varde(arguments).unwrap().ok().unwrap().trim().to_owned()
}

#[test]
fn two_people_change_keys_of_running_nodes_and_the_peer_learns_them_by_itself() {
    let home = tempfile::tempdir().unwrap();
    let mut no = Process::init(home.path(), "NO").unwrap();
    let mut ee = Process::init(home.path(), "EE").unwrap();
    pin_all(&[&no, &ee]).unwrap();
    for country in [&mut no, &mut ee] {
        country.start().unwrap();
    }
    let by = |name: &str| no.dir().join(format!("operators/{name}.key")).to_string_lossy().into_owned();
    let (a, b) = (by("a"), by("b"));
    no.connected("EE").unwrap();
    for (number, role) in ["log", "wit", "msg", "tls", "staff"].into_iter().enumerate() {
        let number = (number + 1).to_string();
        assert_eq!(ok(&no, &["key", "rotate", role, "--as", &a]), number);
        let same = no.varde(&["key", "approve", &number, "--as", &a]).unwrap();
        assert!(same.code != Some(0) && same.stderr.contains("cannot approve it"), "{}", same.stderr);
        let again = no.varde(&["key", "rotate", role, "--as", &a]).unwrap();
        assert!(again.code != Some(0) && again.stderr.contains("is on its way"), "{}", again.stderr);
        let said = ok(&no, &["key", "approve", &number, "--as", &b]);
        assert!(said.starts_with("in force from size "), "{said}");
    }
    let listed = |country: &Process, whose: &str, state: &str| {
        let listed = country.varde(&["key", "list", "--json"]).unwrap().json(0).unwrap();
        let keys = listed["keys"].as_array().unwrap().clone();
        let mine = keys.into_iter().filter(|key| key["country"] == whose && key["state"] == state);
        mine.map(|key| (key["role"].as_str().unwrap().to_owned(), key["key_id"].as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    let ours = listed(&no, "NO", "in use");
    assert_eq!((ours.len(), listed(&no, "NO", "replaced").len()), (6, 5));
    until("the peer to know every key", SOON, || (listed(&ee, "NO", "in use") == ours).then_some(())).unwrap();
    // The replaced TLS key is still shown for a week; revoking it turns to the new one at once, which the peer knows.
    let old = listed(&no, "NO", "replaced").into_iter().find(|(role, _)| role == "tls").unwrap().1;
    let beyond = no.varde(&["key", "revoke", "tls", &old[..8], "--above", "9999", "--as", &b, "--json"]).unwrap();
    assert!(beyond.code == Some(2) && beyond.stderr.contains("beyond-log"), "{}", beyond.stderr);
    let wrong = no.varde(&["key", "revoke", "tls", &old[..8], "--above", "2", "--as", &b]).unwrap();
    assert!(wrong.stderr.contains("6.statement"), "how it is taken back: {}", wrong.stderr);
    std::fs::remove_file(no.dir().join("keys/statements/6.statement")).unwrap();
    assert_eq!(ok(&no, &["key", "revoke", "tls", &old[..8], "--above", "3", "--as", &b]), "6");
    ok(&no, &["key", "approve", "6", "--as", &a]);
    until("the peer to know the revocation", SOON, || (listed(&ee, "NO", "revoked").len() == 1).then_some(())).unwrap();
    no.connected("EE").unwrap();
    // A node that starts again has all of it, and a descriptor shows the newest keys.
    no.stop().unwrap();
    no.start().unwrap();
    no.connected("EE").unwrap();
    let lt = Process::init(home.path(), "LT").unwrap();
    let descriptor = home.path().join("no.new");
    std::fs::write(&descriptor, ok(&no, &["peer", "export"]) + "\n").unwrap();
    let fingerprint = ok(&no, &["peer", "fingerprint"]);
    ok(&lt, &["peer", "add", &descriptor.to_string_lossy(), "--fingerprint", &fingerprint]);
    assert_eq!(listed(&lt, "NO", "in use"), ours.into_iter().filter(|(role, _)| role != "staff").collect::<Vec<_>>());
}
