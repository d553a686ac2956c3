//! A log that changes its key, and tells some of it and others not.

use super::*;
use prost::Message;
use varde_proto::identity::Role;
use varde_proto::log::leaf::Opening;
use varde_proto::wire::peer::NoteSignature;
use zeroize::Zeroizing;

/// What becomes of Norway's log key at leaf 1.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Change {
    None,
    Replaced,
    /// Another stands beside it.
    Added,
}

fn new_key() -> SecretKey {
    SecretKey::from_seed(&Zeroizing::new([88; 32]))
}

/// A face of Norway's log with three leaves, and the first two of them.
struct Face {
    rogue: Rogue,
    opened: [Opening; 2],
}

impl Face {
    fn new(no: &Country, to: &Country, change: Change) -> Self {
        let mut rogue = Rogue::new(origin("NO"), to.origin().clone(), Mode::Test, keys(no));
        let history = no.node.keys.history();
        let replaced = Some(&no.keys[1]).filter(|_| change == Change::Replaced);
        let new = new_key();
        let statement = history.rotate(&no.keys[0], Role::Log, (replaced, &new), Timestamp::default(), [5; 32]);
        let leaf = |kind, body| Event { body, ..Event::local(kind, Timestamp::default()) };
        rogue.tree = Default::default();
        let (_, first) = rogue.append(leaf(Kind::GENESIS, history.genesis().unwrap().encode_to_vec()));
        let (_, second) = rogue.append(match change {
            Change::None => leaf(Kind::PAD, Vec::new()),
            _ => leaf(Kind::KEY_ROTATE, statement.unwrap().encode_to_vec()),
        });
        rogue.append(leaf(Kind::PAD, Vec::new()));
        if replaced.is_some() {
            rogue.log = new;
        }
        Self { rogue, opened: [first, second] }
    }

    /// Shows it, with its changes of keys or without, and waits until it is verified.
    async fn show(&mut self, to: &Country, no: &Country, with_keys: bool, junk: Option<NoteSignature>) -> Wire {
        let pinned = to.pin(no).await;
        let (mut wire, _) = admit(to, &pinned);
        let mut hello = self.rogue.hello(KnownHead { size: 0, root: Digest::of(b"") });
        if with_keys {
            let opened = (0..).zip(&self.opened);
            hello.keys = opened.map(|(index, opening)| self.rogue.show(index, opening.clone())).collect();
        }
        wire.to.send(Frame::Hello(Box::new(hello))).await.unwrap();
        while !matches!(wire.from.recv().await.unwrap().unwrap(), Frame::Hello(_)) {}
        let mut frame = self.rogue.heads();
        if let Frame::Heads(proven, _) = &mut frame {
            proven.checkpoint.signatures.extend(junk);
        }
        wire.to.send(frame).await.unwrap();
        until("the head", || head_of(to, "NO") == self.rogue.tree.size().0).await;
        wire
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_that_is_shown_to_one_peer_and_hidden_from_another_is_an_alarm_at_both() {
    let dir = tempfile::tempdir().unwrap();
    let (ee, lt, no) = three(dir.path(), Duration::ZERO).await;
    let (mut to_ee, mut to_lt) = (Face::new(&no, &ee, Change::None), Face::new(&no, &lt, Change::Replaced));
    let mut at_ee = to_ee.show(&ee, &no, false, None).await;
    let _at_lt = to_lt.show(&lt, &no, true, None).await;
    connect(&ee, &lt).await;
    let alarms = |country: &Country| {
        let alarm = |alarm: gossip::Divergence| (alarm.teller.to_string(), alarm.log, alarm.head.size);
        gossip::divergences(&country.node).into_iter().map(alarm).collect::<Vec<_>>()
    };
    let of = |teller: &str| vec![(teller.to_owned(), origin("NO"), 3)];
    until("both alarms", || alarms(&ee) == of("LT") && alarms(&lt) == of("EE")).await;
    // Norway is asked, and nothing that it can show of the log that Estonia knows leads to the other.
    assert_eq!(next_asked(&mut at_ee).await.size, 3);
    face(&mut to_ee.rogue, &[b"more"]);
    let consistency = to_ee.rogue.tree.consistency(TreeSize(3), TreeSize(4)).unwrap();
    let joined = vec![varde_proto::exchange::Joined { size: 3, consistency }];
    let frame = to_ee.rogue.gossip(Gossip { joined, ..Gossip::none(KnownHead { size: 0, root: Digest::of(b"") }) });
    at_ee.to.send(frame).await.unwrap();
    until("the answer", || head_of(&ee, "NO") == 4).await;
    assert_eq!(alarms(&ee), of("LT"));
    assert!(!is_frozen(&ee, "NO") && !is_frozen(&lt, "NO"), "no key signed both");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_keys_that_one_peer_hears_of_later_is_no_alarm_once_it_has() {
    let dir = tempfile::tempdir().unwrap();
    let (ee, lt, no) = three(dir.path(), Duration::ZERO).await;
    ee.pin(&no).await;
    let _at_lt = Face::new(&no, &lt, Change::Replaced).show(&lt, &no, true, None).await;
    connect(&ee, &lt).await;
    until("a head by a key that Estonia does not know", || gossip::divergences(&ee.node).len() == 1).await;
    let _at_ee = Face::new(&no, &ee, Change::Replaced).show(&ee, &no, true, None).await;
    until("no alarm", || gossip::divergences(&ee.node).is_empty()).await;
    assert!(gossip::divergences(&lt.node).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_a_log_adds_to_its_head_puts_no_blame_on_whoever_hands_the_head_on() {
    let dir = tempfile::tempdir().unwrap();
    let (ee, lt, no) = three(dir.path(), Duration::from_secs(600)).await;
    // Lithuania knows the second key, Estonia does not; and under it Norway has put what is no signature.
    let _at_lt = Face::new(&no, &lt, Change::Added).show(&lt, &no, true, None).await;
    let mut to_ee = Face::new(&no, &ee, Change::Added);
    face(&mut to_ee.rogue, &[b"more"]);
    let mut junk = Head::sign(&origin("NO"), TreeSize(4), Digest([0; 32]), &new_key()).unwrap().to_wire();
    let _at_ee = to_ee.show(&ee, &no, false, junk.signatures.pop()).await;
    let mut heard = listen(&ee, &lt).await;
    let told = tokio::time::timeout(SOON, heard.recv()).await.unwrap().unwrap();
    let [head] = &told.others[..] else { panic!("{told:?}") };
    assert_eq!(
        (head.checkpoint.size, head.checkpoint.signatures.len()),
        (4, 1),
        "what Estonia could not check travels on"
    );
    let kept = release(&ee, route(*Digest::of(b"an alert").0.first_chunk().unwrap()), &["LT"]).await;
    let sent = varde_node::flow::delivery::wait(&ee.node.ledger, kept, SOON).await.unwrap();
    let receipted = matches!(sent[0].state, varde_node::flow::delivery::State::Received { .. });
    assert!(receipted, "Lithuania took Estonia for a forger: {sent:?}");
}
