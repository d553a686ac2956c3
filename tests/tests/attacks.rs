//! Attacks on a real node over real TLS: each is refused by its own name, stands in what `varde log show` prints, and the node
//! goes on serving others. The full list of what a malicious peer can say is in `refusals.rs`, of what a stranger can do in
//! `border`.
#![allow(missing_docs, reason = "tests")]

use prost::Message;
use std::time::Duration;
use varde_node::port::Clock;
use varde_proto::agreement::default_agreement;
use varde_proto::alert::Alert;
use varde_proto::envelope::{self, Envelope, Payload};
use varde_proto::exchange::{Frame, Item};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::identity::SecretKey;
use varde_proto::wire::peer;
use varde_tests::harness::{Country, pin_all, until};
use varde_tests::pair::{origin, route};
use varde_tests::rogue::{Answer, Rogue};
use varde_tests::staff::Staff;
use varde_tests::stage::{Front, rogue};
use zeroize::Zeroizing;

fn alert(rogue: &Rogue, n: u8) -> peer::Alert {
    let id = AlertId(*Digest::of(&[n]).0.first_chunk().unwrap());
    let header = peer::Header {
        network: "varde.example".into(),
        mode: rogue.mode as i32,
        issuer: rogue.origin.as_str().into(),
        recipients: vec![rogue.target.as_str().into()],
        agreement: default_agreement().0.to_vec().into(),
        salt: vec![n | 0x80; 32].into(),
    };
    let now = varde_node::edge::clock::SystemClock.now();
    Alert::issue(route(id.0), header, now, Digest::of(b"decision")).unwrap().to_wire()
}

fn signed(key: &SecretKey, payload: Vec<u8>) -> Envelope {
    let mut envelope = envelope::sign(Alert::TYPE, &peer::Alert::default(), key);
    envelope.signatures[0].signature = key.sign(&envelope::pae(Alert::TYPE, &payload)).to_vec().into();
    envelope.payload = payload.into();
    envelope
}

/// What is said in one connection about content: each has its turn and its name.
async fn content(front: &mut Front, lt: &Country, rogue: &mut Rogue) -> Vec<String> {
    let mut wire = front.wire(lt).await.unwrap();
    wire.greet(rogue).await;
    let forger = SecretKey::from_seed(&Zeroizing::new([99; 32]));
    let smuggled = [&alert(rogue, 2).encode_to_vec()[..], b"\xc2\x0c\x0cA child's na"].concat();
    let mut elsewhere = alert(rogue, 3);
    elsewhere.header.as_mut().unwrap().recipients = vec!["varde.example/ee/1".into()];
    let cases = [
        (signed(&forger, alert(rogue, 1).encode_to_vec()), "bad-signature"),
        (signed(&rogue.message, smuggled), "non-canonical"),
        (signed(&rogue.message, elsewhere.encode_to_vec()), "wrong-recipient"),
        (signed(&rogue.message, vec![0; varde_proto::limits::PAYLOAD_BYTES + 1]), "oversized"),
    ];
    let mut names = Vec::new();
    for (envelope, name) in cases {
        let frame = rogue.item(envelope, 2);
        assert_eq!(wire.ask(frame).await, Answer::Rejected(name.into()));
        names.push(name.to_owned());
    }
    names
}

/// What is said about proofs: each ends its connection.
async fn proofs(front: &mut Front, lt: &Country, rogue: &mut Rogue) -> Vec<String> {
    let mut names = Vec::new();
    for name in ["sequence-gap", "not-included", "envelope-not-as-logged"] {
        let mut wire = front.wire(lt).await.unwrap();
        wire.greet(rogue).await;
        let envelope = signed(&rogue.message, alert(rogue, 9).encode_to_vec());
        let before = rogue.channels.clone();
        if name == "sequence-gap" {
            rogue.sent(envelope::digest(&envelope), 2);
        }
        let (index, opening) = rogue.sent(envelope::digest(&envelope), 2);
        let mut item = Item { sent: rogue.show(index, opening), envelope: Some(envelope) };
        match name {
            "not-included" => item.sent.index = 0,
            "envelope-not-as-logged" => item.envelope = None,
            _ => {}
        }
        let frame = Frame::Items(rogue.proven(), vec![item]);
        assert_eq!(wire.ask(frame).await, Answer::Closed(name.into()));
        // Nothing advanced at the node, so the rogue's channel stands where it stood; its log has grown all the same.
        rogue.channels = before;
        names.push(name.to_owned());
    }
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attack_is_refused_by_name_and_shown_and_the_node_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let mut lt = Country::init(home.path(), "LT").unwrap();
    let no = Country::init(home.path(), "NO").unwrap();
    let mut dk = Country::init(home.path(), "DK").unwrap();
    let stranger = Country::init(home.path(), "EE").unwrap();
    pin_all(&[&lt, &no, &dk]).unwrap();
    lt.start().unwrap();
    dk.start().unwrap();
    // The stranger knows LT, but LT does not know the stranger.
    let file = lt.dir().with_extension("descriptor").to_string_lossy().into_owned();
    let fingerprint = lt.varde(&["peer", "fingerprint"]).unwrap().ok().unwrap();
    stranger.varde(&["peer", "add", &file, "--fingerprint", fingerprint.trim()]).unwrap().ok().unwrap();
    let _stranger = Front::open(stranger.dir()).await.unwrap();

    let mut front = Front::open(no.dir()).await.unwrap();
    let mut rogue = rogue(no.dir(), "NO", "LT").unwrap();
    let mut names = content(&mut front, &lt, &mut rogue).await;
    names.extend(proofs(&mut front, &lt, &mut rogue).await);
    names.push("unpinned".into());

    let shown = until("every refusal to be shown", Duration::from_secs(60), || {
        let shown = lt.varde(&["log", "show", "--json"]).ok()?.json(0).ok()?.to_string();
        names.iter().all(|name| shown.contains(&format!("\"{name}\""))).then_some(shown)
    });
    assert!(shown.is_ok(), "{names:?} are not all in {}", lt.varde(&["log", "show"]).unwrap().stdout);

    let dk_staff = Staff::connect(dk.dir(), origin("DK")).await.unwrap();
    dk_staff.release_route(NodeId::parse("LT").unwrap()).await.unwrap();
    let lt_staff = Staff::connect(lt.dir(), origin("LT")).await.unwrap();
    while lt_staff.inbox().await.unwrap().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(lt.pid().is_some());
}
