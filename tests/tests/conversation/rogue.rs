//! A member that says what it may not, at the wire.

use super::in_memory;
use varde_proto::control::{Act, Erasure};
use varde_proto::envelope::{self, Envelope, Header, Payload};
use varde_proto::id::{AlertId, Digest};
use varde_proto::limits;
use varde_proto::reply::{Reply, Said};
use varde_proto::vocabulary::*;
use varde_proto::wire::peer::Mode;
use varde_tests::doomed::id;
use varde_tests::pair::{Country as Node, admit, origin, release};
use varde_tests::rogue::{Answer, Rogue, Wire};
use varde_tests::words::content;

/// NO, which sent one pointer to LT and another to EE only; and LT, which is a rogue.
struct Scene {
    no: Node,
    rogue: Rogue,
    wire: Wire,
    pointer: AlertId,
    to_another: AlertId,
    salt: u8,
}

async fn scene(dir: &tempfile::TempDir) -> Scene {
    let (no, lt, ee) = (in_memory("NO", dir).await, in_memory("LT", dir).await, in_memory("EE", dir).await);
    let (pinned, _) = (no.pin(&lt).await, no.pin(&ee).await);
    let [pointer, to_another] = [(1, "LT"), (2, "EE")].map(|(n, to)| (AlertId(id(n)), to));
    for (id, to) in [pointer, to_another] {
        release(&no, content(&no, AlertKind::MISSING_CHILD_POINTER, id), &[to]).await;
    }
    let mut rogue = Rogue::new(origin("LT"), origin("NO"), Mode::Test, lt.keys);
    let (mut wire, _ended) = admit(&no, &pinned);
    wire.greet(&mut rogue).await;
    Scene { no, rogue, wire, pointer: pointer.0, to_another: to_another.0, salt: 0 }
}

impl Scene {
    fn object(&self, id: AlertId) -> Digest {
        varde_node::flow::conversation::ours(&self.no.node, id).unwrap().unwrap().1
    }

    fn header(&mut self) -> Header {
        self.salt += 1;
        Header {
            network: "varde.example".into(),
            mode: Mode::Test as i32,
            issuer: self.rogue.origin.to_string(),
            recipients: vec![self.rogue.target.to_string()],
            agreement: self.rogue.agreement.0.to_vec().into(),
            salt: vec![self.salt | 0x80; 32].into(),
        }
    }

    fn word(&mut self, reply: impl FnOnce(&mut Reply)) -> (Envelope, u8) {
        let header = self.header();
        let (object, kind) = (self.object(self.pointer), AlertKind::MISSING_CHILD_POINTER);
        let desk_role = DeskRole::FOCAL_POINT;
        let mut word = Reply { header, object, id: self.pointer, kind, desk_role, said: Said::Seen };
        reply(&mut word);
        (envelope::sign(Reply::TYPE, &word.to_wire(), &self.rogue.message), word.class())
    }

    async fn says(&mut self, reply: impl FnOnce(&mut Reply)) -> Answer {
        let (envelope, class) = self.word(reply);
        self.sends(envelope, class).await
    }

    async fn sends(&mut self, envelope: Envelope, class: u8) -> Answer {
        let frame = self.rogue.item(envelope, class);
        self.wire.ask(frame).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_about_what_was_not_sent_to_the_speaker_or_out_of_turn_are_refused_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = scene(&dir).await;
    let refused = |rule: &str| Answer::Rejected(format!("content:{rule}"));
    let (to_another, other_object) = (scene.to_another, scene.object(scene.to_another));
    assert_eq!(scene.says(|word| word.id = AlertId(id(77))).await, refused("reply-unknown"));
    assert_eq!(scene.says(|word| word.object = Digest::of(b"other")).await, refused("reply-other-item"));
    let fishing = scene.says(|word| (word.id, word.object) = (to_another, other_object)).await;
    assert_eq!(fishing, refused("reply-not-sent"));
    let other_kind = scene.says(|word| word.kind = AlertKind::CHILD_AT_RISK_OF_REMOVAL_POINTER).await;
    assert_eq!(other_kind, refused("reply-kind"));
    let of_kind = scene.says(|word| word.said = Said::Answer(FoundAnswer::CALL_ME)).await;
    assert_eq!(of_kind, refused("reply-of-kind"));
    let ruling = scene.says(|word| word.said = Said::Ruling(Digest::of(b"x"), Ruling::UPHELD)).await;
    assert_eq!(ruling, refused("reply-unknown"), "it never issued such an alert");
    let us = Country::parse("NO").unwrap();
    assert_eq!(scene.says(|word| word.said = Said::RelayRequest([us].into())).await, refused("reply-names"));
    assert_eq!(scene.says(|word| word.said = Said::DuplicateOf(to_another)).await, refused("reply-names"));
    assert_eq!(scene.says(|_| ()).await, Answer::Received);
    assert_eq!(scene.says(|_| ()).await, refused("reply-repeated"));
}

#[tokio::test(flavor = "multi_thread")]
async fn words_without_end_come_to_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = scene(&dir).await;
    for said in 1..=limits::REPLIES {
        let answer = scene.says(|word| word.said = Said::Outcome(Outcome::NO_RECORD)).await;
        assert_eq!(answer, Answer::Received, "{said}");
    }
    let one_more = scene.says(|word| word.said = Said::Outcome(Outcome::NO_RECORD)).await;
    assert_eq!(one_more, Answer::Rejected("content:reply-too-many".into()));
    let said = &varde_tests::words::standings(&scene.no, scene.pointer)[0].said;
    assert_eq!(said.len(), limits::REPLIES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_under_a_second_number_is_refused_and_what_is_no_alert_is_not_said_to_be_erased() {
    let dir = tempfile::tempdir().unwrap();
    let mut scene = scene(&dir).await;
    let (word, class) = scene.word(|word| word.said = Said::Outcome(Outcome::NO_RECORD));
    let object = envelope::digest(&word);
    assert_eq!(scene.sends(word.clone(), class).await, Answer::Received);
    assert_eq!(scene.sends(word, class).await, Answer::Rejected("content:duplicate".into()));
    let (basis, authority) = (ErasureBasis::AGREEMENT, DeskRole::FOCAL_POINT);
    let act = Act::Request { basis, authority, due: varde_proto::time::Timestamp::default() };
    let (header, reason) = (scene.header(), ErasureReason::WITHDRAWN);
    let request = Erasure { header, object, id: AlertId(id(55)), reason, act };
    let request = envelope::sign(Erasure::TYPE, &request.to_wire(), &scene.rogue.message);
    let refused = scene.sends(request, limits::CONTROL).await;
    assert_eq!(refused, Answer::Rejected("content:erasure-not-an-alert".into()));
}
