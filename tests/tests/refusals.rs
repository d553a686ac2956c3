//! What a malicious peer with real keys can say, and the name by which each of it is refused. Refusals of content stand in
//! the log, refusals of proofs in the journal; the node goes on either way.
#![allow(missing_docs, reason = "tests")]

use prost::Message;
use std::sync::Arc;
use tokio::task::JoinHandle;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::connection::{self, Ended};
use varde_node::port::Link;
use varde_proto::agreement::default_agreement;
use varde_proto::alert::Alert;
use varde_proto::envelope::{self, Envelope, Payload};
use varde_proto::exchange::{Frame, Item, Proven};
use varde_proto::id::{AlertId, Digest};
use varde_proto::identity::SecretKey;
use varde_proto::log::chain;
use varde_proto::log::event::{Event, Kind};
use varde_proto::log::leaf::Opening;
use varde_proto::log::tree::Tree;
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::{self, Mode};
use varde_tests::pair::{Country, origin, pipe, route};
use varde_tests::rogue::{Answer, Rogue, Wire};
use zeroize::Zeroizing;

const DAY: i64 = 86_400_000;

/// A node LT, and a rogue NO that LT has pinned, connected and greeted.
struct Stage {
    lt: Country,
    rogue: Rogue,
    wire: Wire,
    ended: JoinHandle<Ended>,
    _dir: tempfile::TempDir,
}

impl Stage {
    async fn set() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let lt = Country::open("LT", Arc::new(MemoryStore::default()), &dir.path().join("LT")).await;
        let no = Country::open("NO", Arc::new(MemoryStore::default()), &dir.path().join("NO")).await;
        let pinned = lt.pin(&no).await;
        let mut rogue = Rogue::new(origin("NO"), origin("LT"), Mode::Test, no.keys);
        let (to, incoming) = pipe();
        let (outgoing, from) = pipe();
        let ended = tokio::spawn(connection::run(lt.node.clone(), pinned, Link { outgoing, incoming }));
        let mut wire = Wire { to, from };
        wire.greet(&mut rogue).await;
        Self { lt, rogue, wire, ended, _dir: dir }
    }

    /// An alert as an honest NO would send it, changed on the way to its signature.
    fn alert(&self, n: u8, change: impl FnOnce(&mut peer::Alert)) -> Envelope {
        let mut wire = honest(n);
        change(&mut wire);
        envelope::sign(Alert::TYPE, &wire, &self.rogue.message)
    }

    async fn tell(&mut self, envelope: Envelope) -> Answer {
        let frame = self.rogue.item(envelope, 2);
        self.wire.ask(frame).await
    }

    /// The connection ended with this code and nothing of what was sent advanced anything.
    async fn closed_with(self, answer: Answer, code: &str) {
        assert_eq!(answer, Answer::Closed(code.into()));
        let ended = self.ended.await.unwrap();
        assert_eq!(ended.to_string(), code);
        assert!(ended.is_suspicious(), "{code} must be told to people");
        let log = &self.lt.node.ledger;
        let received = (0..log.head().size().0).filter(|i| log.opening(*i).unwrap().event().kind == Kind::RECEIVED);
        assert_eq!(received.count(), 0, "{code}: something was taken all the same");
    }
}

fn honest(n: u8) -> peer::Alert {
    let id = AlertId(*Digest::of(&[n]).0.first_chunk().unwrap());
    let header = peer::Header {
        network: "varde.example".into(),
        mode: Mode::Test as i32,
        issuer: "varde.example/no/1".into(),
        recipients: vec!["varde.example/lt/1".into()],
        agreement: default_agreement().0.to_vec().into(),
        salt: vec![n | 0x80; 32].into(),
    };
    let now = varde_node::port::Clock::now(&varde_node::edge::clock::SystemClock);
    Alert::issue(route(id.0), header, now, Digest::of(b"decision")).unwrap().to_wire()
}

fn rejected(code: &str) -> Answer {
    Answer::Rejected(code.into())
}

#[tokio::test(flavor = "multi_thread")]
async fn content_that_breaks_a_rule_is_refused_by_name_and_the_channel_goes_on() {
    let mut stage = Stage::set().await;
    type Change = fn(&mut peer::Alert);
    let cases: [(&str, Change); 9] = [
        ("wrong-recipient", |a| a.header.as_mut().unwrap().recipients = vec!["varde.example/ee/1".into()]),
        ("content:recipients-missing", |a| a.header.as_mut().unwrap().recipients = Vec::new()),
        ("wrong-issuer", |a| a.header.as_mut().unwrap().issuer = "varde.example/ee/1".into()),
        ("wrong-network", |a| a.header.as_mut().unwrap().network = "other.example".into()),
        ("wrong-mode", |a| a.header.as_mut().unwrap().mode = Mode::Actual as i32),
        ("wrong-agreement", |a| a.header.as_mut().unwrap().agreement = vec![9; 32].into()),
        ("content:salt", |a| a.header.as_mut().unwrap().salt = vec![9; 8].into()),
        ("content:expired", |a| {
            let issued = a.issued_at_ms;
            (a.issued_at_ms, a.review_at_ms, a.expires_at_ms) = (issued - 9 * DAY, issued - 2 * DAY, issued - DAY);
        }),
        ("content:issued-in-future", |a| {
            for time in [&mut a.issued_at_ms, &mut a.expires_at_ms, &mut a.review_at_ms] {
                *time += 2 * DAY;
            }
        }),
    ];
    for (n, (code, change)) in cases.into_iter().enumerate() {
        let envelope = stage.alert(n as u8, change);
        assert_eq!(stage.tell(envelope).await, rejected(code), "case {n}");
    }
    let envelope = stage.alert(100, |_| ());
    assert_eq!(stage.tell(envelope).await, Answer::Received);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_or_altered_payload_is_refused_by_name() {
    let mut stage = Stage::set().await;
    let forger = SecretKey::from_seed(&Zeroizing::new([99; 32]));
    let forged = envelope::sign(Alert::TYPE, &honest(1), &forger);
    assert_eq!(stage.tell(forged).await, rejected("bad-signature"));

    let signed = |payload: Vec<u8>, stage: &Stage| {
        let signature = stage.rogue.message.sign(&envelope::pae(Alert::TYPE, &payload));
        let mut envelope = stage.alert(2, |_| ());
        envelope.payload = payload.into();
        envelope.signatures[0].signature = signature.to_vec().into();
        envelope
    };
    // A name in a field that the schema does not have: field 200, 12 bytes.
    let smuggled = [&honest(2).encode_to_vec()[..], b"\xc2\x0c\x0cA child's na"].concat();
    let envelope = signed(smuggled, &stage);
    assert_eq!(stage.tell(envelope).await, rejected("non-canonical"));
    let whole = honest(3).encode_to_vec();
    let envelope = signed(whole[..whole.len() - 3].to_vec(), &stage);
    assert_eq!(stage.tell(envelope).await, rejected("non-canonical"));
    let padded = [&whole[..], &whole[whole.len() - 34..]].concat();
    let envelope = signed(padded, &stage);
    assert_eq!(stage.tell(envelope).await, rejected("non-canonical"));
    let envelope = signed(vec![0; varde_proto::limits::PAYLOAD_BYTES + 1], &stage);
    assert_eq!(stage.tell(envelope).await, rejected("oversized"));

    let mut unknown = stage.alert(4, |_| ());
    unknown.payload_type = "application/vnd.varde.record.v1+protobuf".into();
    assert_eq!(stage.tell(unknown).await, rejected("unknown-type"));
    let urgent = stage.alert(5, |_| ());
    let frame = stage.rogue.item(urgent, 1);
    assert_eq!(stage.wire.ask(frame).await, rejected("wrong-class"));
    let envelope = stage.alert(6, |_| ());
    assert_eq!(stage.tell(envelope).await, Answer::Received);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_item_is_answered_with_the_receipt_of_then() {
    let mut stage = Stage::set().await;
    let envelope = stage.alert(1, |_| ());
    let (index, opening) = stage.rogue.sent(envelope::digest(&envelope), 2);
    let item = Item { sent: stage.rogue.show(index, opening), envelope: Some(envelope) };
    let frame = Frame::Items(stage.rogue.proven(), vec![item.clone()]);
    assert_eq!(stage.wire.ask(frame).await, Answer::Received);
    let size = stage.lt.node.ledger.head().size();
    let frame = Frame::Items(stage.rogue.proven(), vec![item]);
    assert_eq!(stage.wire.ask(frame).await, Answer::Received);
    assert_eq!(stage.lt.node.ledger.head().size(), size, "the repetition was logged as something new");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_content_under_one_number_is_equivocation() {
    let mut stage = Stage::set().await;
    let (one, other) = (stage.alert(1, |_| ()), stage.alert(2, |_| ()));
    assert_eq!(stage.tell(one).await, Answer::Received);
    stage.rogue.channels.clear();
    let frame = stage.rogue.item(other, 2);
    assert_eq!(stage.wire.ask(frame).await, Answer::Closed("equivocation".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_out_of_turn_or_off_its_chain_closes_the_connection() {
    for (code, seq, honest_chain) in [("sequence-gap", 2, true), ("chain-mismatch", 1, false)] {
        let mut stage = Stage::set().await;
        let envelope = stage.alert(1, |_| ());
        let object = envelope::digest(&envelope);
        let start = chain::start(&origin("NO"), &origin("LT"), 2);
        let x = if honest_chain { chain::next(&start, seq, &object) } else { start };
        let event = stage.rogue.event(object, 2, seq, x);
        let (index, opening) = stage.rogue.append(event);
        let item = Item { sent: stage.rogue.show(index, opening), envelope: Some(envelope) };
        let frame = Frame::Items(stage.rogue.proven(), vec![item]);
        let answer = stage.wire.ask(frame).await;
        stage.closed_with(answer, code).await;
    }
}

/// How a frame with one honest item is spoiled.
type Spoil = fn(&mut Rogue, &mut Frame);

fn parts(frame: &mut Frame) -> (&mut Proven, &mut Item) {
    match frame {
        Frame::Items(proven, items) => (proven, &mut items[0]),
        _ => unreachable!("the stage sends items"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_that_does_not_hold_closes_the_connection() {
    let cases: [(&str, Spoil); 7] = [
        ("bad-checkpoint-signature", |rogue, frame| {
            rogue.log = SecretKey::from_seed(&Zeroizing::new([98; 32]));
            rogue.shown = 0;
            parts(frame).0.checkpoint = rogue.proven().checkpoint;
        }),
        ("bad-checkpoint-signature", |_, frame| parts(frame).0.checkpoint.size += 1),
        ("not-included", |_, frame| parts(frame).1.sent.index = 0),
        ("not-included", |_, frame| parts(frame).1.sent.path.truncate(0)),
        ("not-included", |_, frame| {
            let sent = &mut parts(frame).1.sent;
            let mut event = sent.opening.event().clone();
            event.time = Timestamp::MAX;
            sent.opening = Opening::new(&[7; 32], event).unwrap();
        }),
        ("envelope-not-as-logged", |_, frame| {
            let envelope = parts(frame).1.envelope.as_mut().unwrap();
            envelope.payload = honest(77).encode_to_vec().into();
        }),
        ("envelope-not-as-logged", |_, frame| parts(frame).1.envelope = None),
    ];
    for (code, spoil) in cases {
        let mut stage = Stage::set().await;
        let envelope = stage.alert(1, |_| ());
        let mut frame = stage.rogue.item(envelope, 2);
        spoil(&mut stage.rogue, &mut frame);
        let answer = stage.wire.ask(frame).await;
        stage.closed_with(answer, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_rewritten_or_rolled_back_is_refused() {
    for (code, grow) in [("fork", 1), ("inconsistent", 2), ("rollback", 0)] {
        let mut stage = Stage::set().await;
        let frame = stage.rogue.heads();
        stage.wire.to.send(frame).await.unwrap();
        let keys = || [97_u8, 96, 95].map(|n| SecretKey::from_seed(&Zeroizing::new([n; 32])));
        let mut other = Rogue::new(origin("NO"), origin("LT"), Mode::Test, keys());
        std::mem::swap(&mut other.log, &mut stage.rogue.log);
        // Another first leaf: another tree of the same size, of a greater one, or none at all.
        other.tree = Tree::default();
        let event = Event { body: b"another".to_vec(), ..Event::local(Kind::GENESIS, Timestamp::default()) };
        for _ in 0..grow {
            other.append(event.clone());
        }
        other.shown = u64::from(grow == 2);
        let frame = other.heads();
        let answer = stage.wire.ask(frame).await;
        stage.closed_with(answer, code).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_envelope_under_a_second_number_is_a_duplicate() {
    let mut stage = Stage::set().await;
    let envelope = stage.alert(1, |_| ());
    assert_eq!(stage.tell(envelope.clone()).await, Answer::Received);
    assert_eq!(stage.tell(envelope).await, rejected("content:duplicate"));
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_lines_on_a_head_and_padded_signatures_cost_nothing() {
    let mut stage = Stage::set().await;
    let envelope = stage.alert(1, |_| ());
    let mut frame = stage.rogue.item(envelope, 2);
    let padding = peer::NoteSignature { name: "junk".into(), key_id: 1, signature: vec![0; 15_000].into() };
    parts(&mut frame).0.checkpoint.signatures.push(padding);
    assert_eq!(stage.wire.ask(frame).await, Answer::Received);
    let mut padded = stage.alert(2, |_| ());
    padded.signatures.push(peer::EnvelopeSignature { key_id: String::new(), signature: vec![0; 9_000].into() });
    assert_eq!(stage.tell(padded).await, rejected("oversized"));
    let envelope = stage.alert(3, |_| ());
    assert_eq!(stage.tell(envelope).await, Answer::Received);
    assert!(!*stage.lt.node.ledger.stopped().borrow(), "the node stopped writing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_cannot_call_what_it_read_abandoned() {
    let mut stage = Stage::set().await;
    let kept =
        varde_tests::pair::release(&stage.lt, route(*Digest::of(b"ours").0.first_chunk().unwrap()), &["NO"]).await;
    let sent = stage.lt.node.ledger.opening(kept).unwrap().event().clone();
    let event = Event {
        kind: Kind::ABANDONED,
        peer: Some(origin("LT")),
        direction: varde_proto::log::event::Direction::In,
        ..sent
    };
    let (index, opening) = stage.rogue.append(event);
    let shown = vec![stage.rogue.show(index, opening)];
    let frame = Frame::Receipts(stage.rogue.proven(), shown);
    let answer = stage.wire.ask(frame).await;
    assert_eq!(answer, Answer::Closed("abandoned-by-the-receiver".into()));
    assert_eq!(stage.lt.node.ledger.book().owed(origin("NO").node()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_with_the_number_zero_is_out_of_turn() {
    let mut stage = Stage::set().await;
    let envelope = stage.alert(1, |_| ());
    let event = stage.rogue.event(envelope::digest(&envelope), 2, 0, Digest::NONE);
    let (index, opening) = stage.rogue.append(event);
    let item = Item { sent: stage.rogue.show(index, opening), envelope: Some(envelope) };
    let frame = Frame::Items(stage.rogue.proven(), vec![item]);
    let answer = stage.wire.ask(frame).await;
    stage.closed_with(answer, "sequence-gap").await;
}
