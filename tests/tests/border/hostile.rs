//! Parties that must not come in: each is refused under its own name, reads nothing, and stops nobody else.

use super::{DEADLINE, link, refused, refused_on, talk};
use rustls::SignatureScheme;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use varde_node::edge::border::{Arrivals, Border, Code, Side};
use varde_node::port::Clock;
use varde_proto::home::ConnectionLimits;
use varde_proto::identity::SecretKey;
use varde_proto::identity::certificate::Certificate;
use varde_proto::time::Timestamp;
use varde_tests::party::{Party, TestClock, key};
use varde_tests::stranger::{Shown, Signing, client, connect, read_to_the_end};

const DAY_MS: i64 = 86_400_000;

/// NO, open; EE, pinned at NO.
struct Scene {
    no: Party,
    ee: Party,
    border: Border,
    at_no: Arrivals,
}

impl Scene {
    async fn new() -> Self {
        let clock = TestClock::new();
        let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
        no.pin(&ee, None).unwrap();
        let (border, at_no) = no.open(ConnectionLimits::default()).await.unwrap();
        Self { no, ee, border, at_no }
    }

    fn address(&self) -> SocketAddr {
        self.border.local()
    }

    /// A certificate of EE's name for any key, issued some days ago.
    fn certificate(&self, key: &SecretKey, days_ago: i64) -> Vec<u8> {
        let then = Timestamp::from_ms(self.no.clock.now().ms() - days_ago * DAY_MS).unwrap();
        Certificate::issue(key, then).unwrap()
    }

    /// What EE would show, issued some days ago.
    fn shown(&self, days_ago: i64) -> Shown {
        let certificate = self.certificate(&self.ee.keys.tls, days_ago);
        Shown { certificate, signing: Signing::Ours(self.ee.keys.tls.clone()) }
    }

    /// Shows this to NO; what NO calls it. Whoever shows it reads nothing.
    async fn refusal(&mut self, shown: Option<Shown>) -> Code {
        // In TLS 1.3 the client finishes first: a refusal shows at its first read.
        let stream = connect(self.address(), client(shown, b"h2")).await.unwrap();
        let read = tokio::time::timeout(DEADLINE, read_to_the_end(stream)).await.expect("the connection is closed");
        assert_eq!(read, b"", "a refused party read something");
        let refused = refused(&mut self.at_no).await;
        assert_eq!((refused.side, refused.peer), (Side::Accepted, None));
        assert!(refused.remote.is_some_and(|r| r.ip().is_loopback()));
        refused.code
    }

    /// The pinned peer still gets in, and frames still pass.
    async fn serves_others(mut self) {
        self.ee.pin(&self.no, Some(self.address().port())).unwrap();
        let (_ee_border, mut at_ee) = self.ee.open(ConnectionLimits::default()).await.unwrap();
        let (mut here, mut there) = (link(&mut self.at_no).await, link(&mut at_ee).await);
        talk(&mut here, &mut there).await;
    }
}

#[tokio::test]
async fn an_unpinned_key_is_refused() {
    let mut scene = Scene::new().await;
    let stranger = Arc::new(key());
    let certificate = scene.certificate(&stranger, 0);
    assert_eq!(scene.refusal(Some(Shown { certificate, signing: Signing::Ours(stranger) })).await, Code::Unpinned);
    scene.serves_others().await;
}

#[tokio::test]
async fn a_pinned_certificate_without_its_key_is_refused() {
    let mut scene = Scene::new().await;
    let stolen = Shown { signing: Signing::Ours(Arc::new(key())), ..scene.shown(0) };
    assert_eq!(scene.refusal(Some(stolen)).await, Code::BadHandshakeSignature);
    scene.serves_others().await;
}

#[tokio::test]
async fn a_certificate_outside_its_window_is_refused() {
    let mut scene = Scene::new().await;
    let (expired, future) = (scene.shown(91), scene.shown(-2));
    assert_eq!(scene.refusal(Some(expired)).await, Code::CertificateExpired);
    assert_eq!(scene.refusal(Some(future)).await, Code::CertificateNotYetValid);
    scene.serves_others().await;
}

#[tokio::test]
async fn a_key_of_another_algorithm_is_refused() {
    let mut scene = Scene::new().await;
    let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![]).unwrap().self_signed(&pair).unwrap().der().to_vec();
    let der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.serialize_der()));
    let signer = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).unwrap();
    let signing = Signing::Other(signer, SignatureScheme::ECDSA_NISTP256_SHA256);
    assert_eq!(scene.refusal(Some(Shown { certificate, signing })).await, Code::NotEd25519);
    scene.serves_others().await;
}

#[tokio::test]
async fn a_client_without_a_readable_certificate_is_refused() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.refusal(None).await, Code::NoCertificate);
    let garbage = Shown { certificate: vec![0x30, 0x82, 1, 2, 3], signing: Signing::Ours(Arc::new(key())) };
    assert_eq!(scene.refusal(Some(garbage)).await, Code::MalformedCertificate);
    scene.serves_others().await;
}

#[tokio::test]
async fn a_client_of_another_application_is_refused() {
    let mut scene = Scene::new().await;
    let shown = scene.shown(0);
    let answer = connect(scene.address(), client(Some(shown), b"http/1.1")).await;
    assert!(answer.is_err(), "the server chose a protocol that it does not speak");
    assert_eq!(refused(&mut scene.at_no).await.code, Code::TlsParameters);
    scene.serves_others().await;
}

/// The first flight of a TLS 1.2 client, by hand: no `supported_versions`, so that 1.2 is the best it speaks (RFC 5246).
#[tokio::test]
async fn a_tls_1_2_client_and_one_that_speaks_no_tls_are_refused() {
    let mut scene = Scene::new().await;
    let mut hello = vec![3, 3];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x2b, 1, 0]);
    let extensions = [&[0, 10, 0, 4, 0, 2, 0, 29][..], &[0, 13, 0, 4, 0, 2, 8, 7]].concat();
    hello.extend((extensions.len() as u16).to_be_bytes());
    hello.extend(extensions);
    let mut flight = vec![22, 3, 1];
    flight.extend((hello.len() as u16 + 4).to_be_bytes());
    flight.extend([1, 0]);
    flight.extend((hello.len() as u16).to_be_bytes());
    flight.extend(hello);
    for (bytes, code) in [(flight, Code::TlsVersion), (b"GET / HTTP/1.1\r\n\r\n".to_vec(), Code::NotTls)] {
        let mut stream = TcpStream::connect(scene.address()).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let answer = tokio::time::timeout(DEADLINE, read_to_the_end(stream)).await.expect("the connection is closed");
        assert!(answer.len() <= 7, "more than an alert came back: {answer:02x?}");
        assert_eq!(refused(&mut scene.at_no).await.code, code);
    }
    scene.serves_others().await;
}

/// Each side names what it sees: NO an unpinned key, EE that NO does not know its key.
#[tokio::test]
async fn a_peer_that_has_not_pinned_us_is_told_apart_from_one_that_is_not_there() {
    let scene = Scene::new().await;
    let (mut at_no, lt) = (scene.at_no, Party::new("LT", &scene.no.clock).unwrap());
    lt.pin(&scene.no, Some(scene.border.local().port())).unwrap();
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    lt.pin(&scene.ee, Some(closed.local_addr().unwrap().port())).unwrap();
    drop(closed);
    let (_lt_border, mut at_lt) = lt.open(ConnectionLimits::default()).await.unwrap();
    assert_eq!(refused(&mut at_no).await.code, Code::Unpinned);
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let refused = refused(&mut at_lt).await;
        let known = (refused.peer.unwrap().to_string(), refused.code);
        if !seen.contains(&known) {
            seen.push(known);
        }
    }
    seen.sort();
    let wanted = [("EE".to_owned(), Code::Unreachable), ("NO".to_owned(), Code::PeerDoesNotKnowOurKey)];
    assert_eq!(seen, wanted);
}

#[tokio::test]
async fn another_key_at_the_dialled_address_is_refused() {
    let mut scene = Scene::new().await;
    let (dk, lt) = (Party::new("DK", &scene.no.clock).unwrap(), Party::new("LT", &scene.no.clock).unwrap());
    scene.no.pin(&lt, None).unwrap();
    // LT believes that DK lives where NO listens.
    lt.pin(&dk, Some(scene.address().port())).unwrap();
    let (_lt_border, mut at_lt) = lt.open(ConnectionLimits::default()).await.unwrap();
    assert_eq!(refused_on(&mut at_lt, Side::Dialled).await, Code::Unpinned);
    assert_eq!(refused(&mut scene.at_no).await.code, Code::PeerDoesNotKnowOurKey);
}

/// EE's clock is three months ahead: for EE the certificate of NO has passed.
#[tokio::test]
async fn a_server_whose_certificate_has_passed_is_refused() {
    let (now, ahead) = (TestClock::new(), TestClock::new());
    ahead.forward(92);
    let (no, ee) = (Party::new("NO", &now).unwrap(), Party::new("EE", &ahead).unwrap());
    let (border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    ee.pin(&no, Some(border.local().port())).unwrap();
    let (_ee_border, mut at_ee) = ee.open(ConnectionLimits::default()).await.unwrap();
    let told = refused(&mut at_ee).await;
    assert_eq!(
        (told.code, told.side, told.peer),
        (Code::CertificateExpired, Side::Dialled, Some(no.genesis.origin().node()))
    );
    assert_eq!(refused(&mut at_no).await.code, Code::PeerDoesNotKnowOurKey);
}

#[tokio::test]
async fn what_a_plain_tls_client_agrees_on_is_post_quantum_and_never_resumed() {
    let scene = Scene::new().await;
    let stream = connect(scene.address(), client(Some(scene.shown(0)), b"h2")).await.unwrap();
    let session = stream.get_ref().1;
    let group = session.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), rustls::NamedGroup::X25519MLKEM768);
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(session.tls13_tickets_received(), 0);
}
