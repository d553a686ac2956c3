//! A log that ended, because its node goes on under a new name: what it signed follows the node, and who goes on with it is seen.

use super::*;
use std::path::Path;
use varde_node::edge::clock::SystemClock;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::keys::BadHome;
use varde_node::flow::connection::{Pace, UnderWay};
use varde_node::flow::ended::Doubt;
use varde_node::flow::journal::Journal;
use varde_node::flow::keys::{Keys, Missing, recorded};
use varde_node::flow::ledger::{Ledger, Parts};
use varde_node::flow::receive::Me;
use varde_node::flow::succession::Follows;
use varde_node::flow::{Node, agreement, bundle, founding};
use varde_node::port::{Clock, Peers, Store};
use varde_proto::audit::{Given, MemoryBundle, Scope, Severity};
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope;
use varde_proto::exchange::Piece;
use varde_proto::id::Origin;
use varde_proto::identity::{Descriptor, Genesis, History, Incident, Reason, Role, RoleKeys};
use varde_proto::log::fork::Fork;

const LONG: Duration = Duration::from_secs(600);

fn second(code: &str) -> Origin {
    origin(code).successor().unwrap()
}

/// The genesis of a country's second log, and the statement why the first one ended, of which the store had so many leaves.
fn goes_on(code: &str, stored: u64) -> (Genesis, Envelope, Envelope) {
    let [id, log, msg] = pair::secrets(code);
    let [tls, staff] = ["y", "z"].map(|name| pair::staff(code, name));
    let roles = [Role::Id, Role::Log, Role::Wit, Role::Msg, Role::Tls, Role::Staff];
    let wit = pair::witness_key(code);
    let held: Vec<_> = roles.into_iter().zip([&id, &log, &wit, &msg, &tls, &staff]).collect();
    let proven = RoleKeys::prove(&second(code), &held).unwrap();
    let genesis = Genesis::found(second(code), Mode::Test, proven, Timestamp::default(), [1; 32]).unwrap();
    let signed = genesis.sign(&id).unwrap();
    let incident = Incident {
        origin: second(code),
        mode: Mode::Test,
        previous: origin(code),
        reason: Reason::TailLost,
        newest: String::new(),
        stored: KnownHead { size: stored, root: Digest([3; 32]) },
        shown: None,
        genesis: envelope::digest(&signed),
        created: Timestamp::default(),
        salt: [3; 32],
    };
    (genesis, signed, incident.sign(&id).unwrap())
}

/// Two people of a country have accepted Norway's second log.
async fn take_up(at: &Country, stored: u64) -> Arc<Peer> {
    let (genesis, _, statement) = goes_on("NO", stored);
    let issued = SystemClock.now();
    let descriptor = Descriptor::issue(&genesis, None, issued, [2; 32]).with_incident(statement).unwrap();
    let signed = descriptor.sign(&pair::secrets("NO")[0]).unwrap();
    let about = envelope::digest(&signed);
    let accepted = pair::STAFF.map(|name| {
        act::sign(Verb::Succeed, about, at.origin(), issued, &pair::staff(at.origin().node().as_str(), name))
    });
    let first = at.node.peers.borrow()[&origin("NO").node()].clone();
    let peer = Arc::new(Peer {
        origin: second("NO"),
        keys: Arc::new(History::pinned(&descriptor)),
        descriptor: signed,
        accepted: accepted.into(),
        ..(*first).clone()
    });
    let mut pins: Peers = (**at.node.peers.borrow()).clone();
    pins.insert(peer.origin.node(), peer.clone());
    at.pin_all(Arc::new(pins)).await.unwrap();
    peer
}

/// Everything that one country says to another on a new connection has been weighed there.
async fn told(from: &Country, to: &Country, id: u8) {
    let code = to.origin().node();
    let mut heard = listen(from, to).await;
    let telling = async { while heard.recv().await.is_some_and(|gossip| gossip.others.is_empty()) {} };
    tokio::time::timeout(SOON, telling).await.unwrap();
    let kept = release(from, route(*Digest::of(&[id]).0.first_chunk().unwrap()), &[code.as_str()]).await;
    varde_node::flow::delivery::wait(&from.node.ledger, kept, SOON).await.unwrap();
}

fn frozen(country: &Country) -> [bool; 2] {
    [origin("NO"), second("NO")].map(|log| fork::is_frozen(&country.node.ledger, &log).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fork_of_a_log_that_ended_is_proven_told_and_freezes_the_log_that_follows_it_until_two_people_decide() {
    let dir = tempfile::tempdir().unwrap();
    for forked in [false, true] {
        let dir = dir.path().join(forked.to_string());
        std::fs::create_dir(&dir).unwrap();
        let (ee, lt, no) = three(&dir, Duration::ZERO).await;
        let dk = country("DK", &dir, LONG).await;
        dk.pin(&no).await;
        // Norway shows two histories, and has a new name before the two countries meet.
        let _ended =
            (show(&ee, &no, &[b"one"]).await, show(&lt, &no, if forked { &[b"other"] } else { &[b"one"] }).await);
        let mut now = Vec::new();
        for country in [&ee, &lt, &dk] {
            now.push(take_up(country, 2).await);
        }
        connect(&lt, &dk).await;
        if !forked {
            told(&ee, &lt, 1).await;
            for country in [&ee, &lt, &dk] {
                assert_eq!(frozen(country), [false, false]);
                assert_eq!(gossip::divergences(&country.node), []);
            }
            continue;
        }
        connect(&ee, &lt).await;
        until("all freeze", || [&ee, &lt, &dk].iter().all(|country| frozen(country) == [true, true])).await;
        assert!([&ee, &lt, &dk].iter().all(|country| leaves_of(country, Kind::MISBEHAVIOUR) == 1));
        let journal = journal::newest(&ee.node.ledger, 10).unwrap();
        assert!(journal.iter().any(|entry| entry.code == "forked" && entry.who == "NO"), "{journal:?}");
        let mut rogue = Rogue::new(second("NO"), origin("EE"), Mode::Test, keys(&no));
        let (mut wire, ended) = admit(&ee, &now[0]);
        assert_eq!(wire.ask(rogue.heads()).await, Answer::Closed("frozen".into()));
        assert_eq!(ended.await.unwrap().to_string(), "frozen");

        // Whoever was told has the proof, by the keys that its log names.
        let (bundle, _) = bundle::write(&dk.node, Scope::National, MemoryBundle::new()).unwrap();
        let findings = varde_proto::audit::verify(&bundle, &Given::default()).unwrap().findings;
        let found = findings.iter().filter(|finding| finding.code.severity == Severity::Finding);
        let found: Vec<_> = found.map(|finding| (finding.code.name, finding.origin.clone())).collect();
        assert_eq!(found, [("split-view", Some(origin("NO")))]);

        let [(log, standing, _)] = fork::all(&ee.node.ledger).unwrap().try_into().unwrap();
        assert_eq!(log, origin("NO"));
        let about = act::about_unfreeze(&log, standing.evidence);
        for (name, done) in pair::STAFF.into_iter().zip([false, true]) {
            let act = act::sign(Verb::Unfreeze, about, ee.origin(), SystemClock.now(), &pair::staff("EE", name));
            assert_eq!(fork::unfreeze(&ee.node, &log, Some(act)).await.unwrap(), done);
            assert_eq!(frozen(&ee), [!done, !done]);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_goes_on_with_a_log_that_ended_is_an_alarm_of_its_own_where_another_country_tells_of_it() {
    let dir = tempfile::tempdir().unwrap();
    for (said, alarms) in [(3, vec![]), (2, vec![("LT".to_owned(), Doubt::GoesOn, origin("NO"), 3)])] {
        let dir = dir.path().join(said.to_string());
        std::fs::create_dir(&dir).unwrap();
        let (ee, lt, no) = three(&dir, Duration::ZERO).await;
        let _at_ee = show(&ee, &no, &[b"one"]).await;
        take_up(&ee, said).await;
        let _at_lt = show(&lt, &no, &[b"one", b"more"]).await;
        told(&lt, &ee, 1).await;
        let alarm = |a: gossip::Divergence| (a.teller.to_string(), a.doubt, a.log, a.head.size);
        assert_eq!(gossip::divergences(&ee.node).into_iter().map(alarm).collect::<Vec<_>>(), alarms);
        assert_eq!(frozen(&ee), [false, false], "no two heads contradict each other");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_of_a_log_that_ended_is_compared_with_the_entries_that_are_kept_of_it() {
    let dir = tempfile::tempdir().unwrap();
    for lies in [false, true] {
        let dir = dir.path().join(lies.to_string());
        std::fs::create_dir(&dir).unwrap();
        let (ee, lt, no) = three(&dir, Duration::ZERO).await;
        let _at_ee = show(&ee, &no, if lies { &[b"other"] } else { &[b"one"] }).await;
        let mut at_lt = show(&lt, &no, &[b"one", b"more"]).await;
        let asked = async { while !matches!(at_lt.wire.from.recv().await.unwrap().unwrap(), Frame::Ask(0, 3)) {} };
        tokio::time::timeout(SOON, asked).await.unwrap();
        let head = Head::sign(&origin("NO"), TreeSize(3), at_lt.rogue.tree.root(), &no.keys[1]).unwrap();
        let piece = Piece { checkpoint: head.to_wire(), from: 0, entries: at_lt.rogue.entries(0, 3) };
        at_lt.wire.to.send(Frame::Entries(piece)).await.unwrap();
        until("the entries", || lt.node.ledger.book().kept_of(&origin("NO")).size() == TreeSize(3)).await;
        for country in [&ee, &lt] {
            take_up(country, 3).await;
        }
        told(&ee, &lt, 1).await;
        let alarm = |a: gossip::Divergence| (a.teller.to_string(), a.doubt, a.head.size);
        let alarms: Vec<_> = gossip::divergences(&lt.node).into_iter().map(alarm).collect();
        assert_eq!(alarms, if lies { vec![("EE".to_owned(), Doubt::Apart, 2)] } else { vec![] });
    }
}

/// The second log of a country on the store of its first one.
async fn begun_anew(first: &Country, store: Arc<dyn Store>, dir: &Path) -> Node {
    let code = first.origin().node();
    let (genesis, signed, incident) = goes_on(code.as_str(), 2);
    let history = recorded(&*store, &genesis, &signed).unwrap();
    let [_, log, msg] = pair::secrets(code.as_str());
    let own = [log, msg, pair::witness_key(code.as_str())].map(Arc::new);
    let find = |role, wanted: &varde_proto::identity::PublicKey| {
        own.iter().find(|key| key.public() == *wanted).cloned().ok_or_else(|| BadHome::from(Missing(role)))
    };
    let keys = Arc::new(Keys::open(history, &*store, find).unwrap());
    let node = &first.node;
    let keyring = FileKeyring::open(&dir.join(code.as_str()), false, node.entropy.clone()).unwrap();
    let ledger = Ledger::open(Parts {
        store,
        keyring: Arc::new(keyring),
        clock: node.clock.clone(),
        entropy: node.entropy.clone(),
        keys: keys.clone(),
        guard: Arc::new(FileGuard::open(&dir.join("second.guard")).unwrap()),
        origin: second(code.as_str()),
    })
    .unwrap();
    let about = envelope::digest(&incident);
    let acts = pair::STAFF
        .map(|name| act::sign(Verb::Bump, about, first.origin(), SystemClock.now(), &pair::staff(code.as_str(), name)));
    founding::found_after(&ledger, &signed, Some(Follows { incident, acts }), "quorum none\n").await.unwrap();
    Node {
        keys,
        board: node.board.clone(),
        ledger,
        me: Me { origin: second(code.as_str()), mode: Mode::Test },
        heartbeat: node.heartbeat,
        gossip: gossip::Memory::new(LONG),
        clock: node.clock.clone(),
        entropy: node.entropy.clone(),
        peers: node.peers.clone(),
        operators: node.operators.clone(),
        journal: Journal::default(),
        pace: Pace::default(),
        under_way: UnderWay::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_log_of_ours_has_the_proofs_against_those_who_are_frozen() {
    let dir = tempfile::tempdir().unwrap();
    for forked in [false, true] {
        let dir = dir.path().join(forked.to_string());
        std::fs::create_dir(&dir).unwrap();
        let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
        let ee = Country::open_with("EE", store.clone(), &dir.join("EE"), &[], LONG).await;
        let no = country("NO", &dir, LONG).await;
        ee.pin(&no).await;
        if forked {
            let head = |root| Head::sign(&origin("NO"), TreeSize(2), Digest([root; 32]), &no.keys[1]).unwrap();
            fork::keep(&ee.node, Fork::of(&head(1), &head(2), &[no.keys[1].public()]).unwrap()).await.unwrap();
        }
        let node = begun_anew(&ee, store, &dir).await;
        for _ in 0..2 {
            let peers = node.peers.borrow().clone();
            agreement::log_roster(&node, &peers).await.unwrap();
        }
        let first = node.ledger.number(0);
        let kind = |index| node.ledger.opening(first + index).unwrap().event().kind;
        let said = (0..node.ledger.head().size().0).filter(|index| kind(*index) == Kind::MISBEHAVIOUR).count();
        assert_eq!(said, usize::from(forked));
        let (bundle, _) = bundle::write(&node, Scope::National, MemoryBundle::new()).unwrap();
        let findings = varde_proto::audit::verify(&bundle, &Given::default()).unwrap().findings;
        let found = findings.iter().filter(|finding| finding.code.severity == Severity::Finding);
        let found: Vec<_> = found.map(|finding| finding.code.name).collect();
        assert_eq!(found, if forked { vec!["split-view"] } else { vec![] });
    }
}
