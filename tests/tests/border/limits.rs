//! Limits: the silent, the many, the large.

use super::{DEADLINE, frame, link, refused, talk, word};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;
use varde_node::edge::border::{Code, Side};
use varde_node::port::Clock;
use varde_proto::home::ConnectionLimits;
use varde_proto::identity::certificate::Certificate;
use varde_proto::limits;
use varde_proto::wire::peer::Frame;
use varde_proto::wire::peer::exchange_client::ExchangeClient;
use varde_tests::party::{Party, TestClock};
use varde_tests::stranger::{Shown, Signing, client, connect};

async fn pair(limits: ConnectionLimits) -> (Party, Party, varde_node::edge::border::Border, super::Arrivals) {
    let clock = TestClock::new();
    let (no, ee) = (Party::new("NO", &clock).unwrap(), Party::new("EE", &clock).unwrap());
    no.pin(&ee, None).unwrap();
    let (border, at_no) = no.open(limits).await.unwrap();
    (no, ee, border, at_no)
}

fn shown(party: &Party) -> Shown {
    let certificate = Certificate::issue(&party.keys.tls, party.clock.now()).unwrap();
    Shown { certificate, signing: Signing::Ours(party.keys.tls.clone()) }
}

/// A pinned peer with a client of its own making.
async fn exchange(to: SocketAddr, party: &Party) -> (tokio::sync::mpsc::Sender<Frame>, Streaming<Frame>) {
    let stream = connect(to, client(Some(shown(party)), b"h2")).await.unwrap();
    let once = Mutex::new(Some(TokioIo::new(stream)));
    let connector = tower::service_fn(move |_| {
        let stream = once.lock().unwrap().take();
        async move { stream.ok_or_else(|| std::io::Error::other("used up")) }
    });
    let channel = Endpoint::from_static("https://a.example").connect_with_connector(connector).await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel(4);
    let mut client = ExchangeClient::new(channel);
    let incoming = client.exchange(ReceiverStream::new(receiver)).await.unwrap().into_inner();
    (sender, incoming)
}

/// Time is virtual: it leaps when nobody has anything to do.
#[tokio::test(start_paused = true)]
async fn a_silent_client_is_dropped_after_five_seconds() {
    let (_no, _ee, border, mut at_no) = pair(ConnectionLimits::default()).await;
    let began = tokio::time::Instant::now();
    let silent = TcpStream::connect(border.local()).await.unwrap();
    assert_eq!(refused(&mut at_no).await.code, Code::HandshakeTimeout);
    let took = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(7)).contains(&took), "it took {took:?}");
    drop(silent);
}

/// It greets as any HTTP/2 client does, and that is all.
#[tokio::test]
async fn a_peer_that_opens_no_stream_is_dropped_after_ten_seconds() {
    let (_no, ee, border, mut at_no) = pair(ConnectionLimits::default()).await;
    let mut stream = connect(border.local(), client(Some(shown(&ee)), b"h2")).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    stream.read_exact(&mut [0; 9]).await.unwrap();
    // The node has answered: from here on time may leap.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let told = refused(&mut at_no).await;
    assert_eq!((told.code, told.peer), (Code::NoStream, Some(ee.genesis.origin().node())));
    let took = began.elapsed();
    assert!((Duration::from_secs(5)..Duration::from_secs(12)).contains(&took), "it took {took:?}");
}

/// A certificate goes to whoever connects, so it says nothing of whose it is but the key.
#[test]
fn a_certificate_names_neither_its_country_nor_its_network() {
    let party = Party::new("NO", &TestClock::new()).unwrap();
    let certificate = shown(&party).certificate.to_ascii_lowercase();
    let origin = party.genesis.origin();
    for name in [origin.network().to_owned(), origin.as_str().to_ascii_lowercase()] {
        assert!(!certificate.windows(name.len()).any(|window| window == name.as_bytes()), "{name}");
    }
}

#[tokio::test]
async fn silent_clients_hold_up_nobody_and_cannot_take_every_turn() {
    let limits = ConnectionLimits { handshakes: 8, ..ConnectionLimits::default() };
    let (no, ee, border, mut at_no) = pair(limits).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(border.local()).await.unwrap());
    }
    ee.pin(&no, Some(border.local().port())).unwrap();
    let (_ee_border, mut at_ee) = ee.open(ConnectionLimits::default()).await.unwrap();
    let (mut here, mut there) = (link(&mut at_no).await, link(&mut at_ee).await);
    talk(&mut here, &mut there).await;
    for _ in 0..3 {
        silent.push(TcpStream::connect(border.local()).await.unwrap());
    }
    assert_eq!(refused(&mut at_no).await.code, Code::TooManyFromAddress);
}

#[tokio::test]
async fn connections_are_counted_in_all_and_of_each_peer() {
    let few = ConnectionLimits { total: 2, per_peer: 1, ..ConnectionLimits::default() };
    let (no, ee, border, mut at_no) = pair(few).await;
    let _first = exchange(border.local(), &ee).await;
    let _second = connect(border.local(), client(Some(shown(&ee)), b"h2")).await.unwrap();
    let second = refused(&mut at_no).await;
    assert_eq!((second.code, second.peer), (Code::TooManyFromPeer, Some(ee.genesis.origin().node())));
    let others = ["DK", "LT"].map(|country| Party::new(country, &no.clock).unwrap());
    for other in &others {
        no.pin(other, None).unwrap();
    }
    let both = |pins: &std::sync::Arc<varde_node::edge::border::Pins>| pins.iter().count() == 3;
    tokio::time::timeout(DEADLINE, at_no.pins.wait_for(both)).await.unwrap().unwrap();
    let _third = exchange(border.local(), &others[0]).await;
    let _fourth = connect(border.local(), client(Some(shown(&others[1])), b"h2")).await.unwrap();
    assert_eq!(refused(&mut at_no).await.code, Code::TooManyConnections);
}

#[tokio::test]
async fn an_oversized_message_ends_its_connection_and_no_other() {
    let clock = TestClock::new();
    let [no, ee, lt] = ["NO", "EE", "LT"].map(|country| Party::new(country, &clock).unwrap());
    no.pin(&ee, None).unwrap();
    no.pin(&lt, None).unwrap();
    let (border, mut at_no) = no.open(ConnectionLimits::default()).await.unwrap();
    lt.pin(&no, Some(border.local().port())).unwrap();
    let (_lt_border, mut at_lt) = lt.open(ConnectionLimits::default()).await.unwrap();
    let (mut here, mut there) = (link(&mut at_no).await, link(&mut at_lt).await);

    let (sender, mut incoming) = exchange(border.local(), &ee).await;
    let mut of_ee = link(&mut at_no).await;
    sender.send(word("a good one first")).await.unwrap();
    assert!(frame(&mut of_ee).await.is_some());
    sender.send(word(&"x".repeat(limits::MESSAGE_BYTES + 1))).await.unwrap();
    assert_eq!(frame(&mut of_ee).await, None);
    assert_eq!(of_ee.fate.wait().await, Code::OversizedFrame);
    let told = refused(&mut at_no).await;
    assert_eq!((told.code, told.side, told.peer), (Code::OversizedFrame, Side::Accepted, Some(of_ee.peer.node())));
    assert!(tokio::time::timeout(DEADLINE, incoming.message()).await.expect("the end").is_err());

    talk(&mut here, &mut there).await;
}

/// Every turn is held by somebody who never finishes, from as many addresses as there are turns.
#[tokio::test]
async fn slow_strangers_from_many_addresses_keep_nobody_out() {
    let limits = ConnectionLimits { handshakes: 4, ..ConnectionLimits::default() };
    let (_no, ee, border, mut at_no) = pair(limits).await;
    let mut silent = Vec::new();
    for last in 2..6 {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, last], 0).into()).unwrap();
        silent.push(socket.connect(border.local()).await.unwrap());
    }
    let _stream = exchange(border.local(), &ee).await;
    assert_eq!(link(&mut at_no).await.peer.node(), ee.genesis.origin().node());
    let told = refused(&mut at_no).await;
    assert_eq!((told.code, told.remote), (Code::TooManyHandshakes, silent[0].local_addr().ok()));
}
