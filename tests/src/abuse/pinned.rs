//! Attacks by a country that is pinned and has its real keys. Each runs until it is stopped.

use super::foe::{Foe, Pace, until_closed};
use super::strangers::crowd;
use super::wire::*;
use crate::party::Failure;
use crate::rogue::{Rogue, Wire};
use crate::stranger::connect_over;
use hyper_util::rt::TokioIo;
use prost::Message;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_rustls::client::TlsStream;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Endpoint;
use varde_proto::alert::Alert;
use varde_proto::envelope::{self, Payload};
use varde_proto::exchange::{Frame, Item, KnownHead};
use varde_proto::id::Digest;
use varde_proto::limits;
use varde_proto::wire::peer;
use varde_proto::wire::peer::exchange_client::ExchangeClient;

/// Connections at once: more than one peer may have.
const CONNECTIONS: u32 = 6;
/// What a node may take until it closes: ten seconds for a greeting, five for what is under way, and what a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(18);
/// What stays open at least so long was ended because its time was over, and not for another reason.
const STAYED: Duration = Duration::from_secs(5);

type Stream = TlsStream<TcpStream>;

/// Runs `one` on connections that are opened again, 50 a second; the number that it gets counts them.
async fn again<F, Fut>(foe: Arc<Foe>, one: F)
where
    F: Fn(Arc<Foe>, Stream, u32) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send,
{
    let (pace, count) = (Arc::new(Pace::new(50)), Arc::new(AtomicU32::new(0)));
    crowd(CONNECTIONS, move |_| {
        let (foe, pace, count, one) = (foe.clone(), pace.clone(), count.clone(), one.clone());
        async move {
            pace.turn(1).await;
            let stream = foe.enter().await?;
            let number = count.fetch_add(1, Ordering::Relaxed);
            one(foe, stream, number).await
        }
    })
    .await;
}

/// Reads nothing of interest, in a task of its own, so that the other side can always write.
fn drained(stream: Stream) -> tokio::io::WriteHalf<Stream> {
    let (mut read, write) = tokio::io::split(stream);
    tokio::spawn(async move { until_closed(&mut read, Duration::from_secs(600)).await });
    write
}

/// Begun, and left after a moment or never: three that stay, which leaves one place of those that a peer may have.
pub(super) async fn half_open(foe: Arc<Foe>) {
    let pace = Arc::new(Pace::new(50));
    crowd(3 + CONNECTIONS, move |place| {
        let (foe, pace) = (foe.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let mut stream = foe.enter().await?;
            let begun = match place {
                0 => open(1, EXCHANGE),
                odd if odd % 2 == 1 => frame(HEADERS, 0, 1, &call(EXCHANGE)),
                _ => Vec::new(),
            };
            foe.send(&mut stream, 0, &begun).await?;
            if place >= 3 {
                until_closed(&mut stream, Duration::from_millis(100)).await;
                return Ok(());
            }
            let since = Instant::now();
            match until_closed(&mut stream, PATIENCE).await {
                true => foe.done.add(u64::from(since.elapsed() > STAYED), 0),
                false => drop(foe.done.kept.fetch_add(1, Ordering::Relaxed)),
            }
            Ok(())
        }
    })
    .await;
}

/// Streams that say nothing; each takes the place of the one before.
pub(super) async fn half_open_streams(foe: Arc<Foe>) {
    again(foe, |foe, mut stream, number| async move {
        let streams = if number.is_multiple_of(2) { 1 } else { 100 };
        let begun: Vec<u8> = (0..streams).flat_map(|n| open(2 * n + 1, EXCHANGE)).collect();
        foe.send(&mut stream, 1, &begun).await?;
        until_closed(&mut stream, Duration::from_millis(100)).await;
        Ok(())
    })
    .await;
}

/// Streams that end as they begin.
pub(super) async fn rapid_reset(foe: Arc<Foe>) {
    let pace = Arc::new(Pace::new(20_000));
    again(foe, move |foe, stream, number| {
        let pace = pace.clone();
        async move {
            let path = if number.is_multiple_of(2) { EXCHANGE } else { "/nothing/there" };
            let (mut stream, mut id) = (drained(stream), 1);
            loop {
                pace.turn(100).await;
                let mut flight = Vec::new();
                for _ in 0..100 {
                    flight.extend(open(id, path));
                    flight.extend(frame(RST_STREAM, 0, id, &8u32.to_be_bytes()));
                    id += 2;
                }
                foe.send(&mut stream, 100, &flight).await?;
            }
        }
    })
    .await;
}

/// Frames and messages that are larger than they may be.
pub(super) async fn giants(foe: Arc<Foe>) {
    again(foe, |foe, stream, number| async move {
        let (mut stream, chunk) = (drained(stream), vec![0; FRAME_BYTES]);
        let data = |bytes: &[u8]| frame(DATA, 0, 1, bytes);
        match number % 4 {
            // A frame of 16 MiB.
            0 => {
                let begun = [open(1, EXCHANGE), claimed(0x00ff_ffff, DATA, 0, 1)].concat();
                foe.send(&mut stream, 1, &begun).await?;
                for _ in 0..1024 {
                    foe.send(&mut stream, 1, &chunk).await?;
                }
            }
            // A message of 4 GiB.
            1 => {
                let begun = [open(1, EXCHANGE), data(&message_head(u32::MAX))].concat();
                foe.send(&mut stream, 1, &begun).await?;
                for _ in 0..1024 {
                    foe.send(&mut stream, 1, &data(&chunk)).await?;
                }
            }
            // The largest that there may be, of nothing but a field that nobody knows.
            2 => {
                let field = [&[0x82, 0x7d][..], &varint(limits::MESSAGE_BYTES - 8)].concat();
                let message = [&field[..], &vec![7; limits::MESSAGE_BYTES - 8]].concat();
                foe.send(&mut stream, 1, &[open(1, EXCHANGE), data(&message_head(message.len() as u32))].concat())
                    .await?;
                for part in message.chunks(FRAME_BYTES) {
                    foe.send(&mut stream, 1, &data(part)).await?;
                }
            }
            // The largest that there may be, without its last byte.
            _ => {
                let begun = [open(1, EXCHANGE), data(&message_head(limits::MESSAGE_BYTES as u32))].concat();
                foe.send(&mut stream, 1, &begun).await?;
                for _ in 0..(limits::MESSAGE_BYTES - 1) / FRAME_BYTES {
                    foe.send(&mut stream, 1, &data(&chunk)).await?;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    })
    .await;
}

fn varint(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 128 {
        out.push((value % 128) as u8 | 0x80);
        value /= 128;
    }
    out.push(value as u8);
    out
}

/// Heads without end, and heads that grow when they are read.
pub(super) async fn metadata(foe: Arc<Foe>) {
    again(foe, |foe, stream, number| async move {
        let mut stream = drained(stream);
        let part = |bytes: &[u8]| frame(CONTINUATION, 0, 1, bytes);
        match number % 4 {
            // Continuations: full, then empty, without end.
            kind @ (0 | 1) => {
                foe.send(&mut stream, 1, &frame(HEADERS, 0, 1, &call(EXCHANGE))).await?;
                let filling = field("a", &"b".repeat(if kind == 0 { 16_000 } else { 0 }));
                for _ in 0..100_000 {
                    foe.send(&mut stream, 1, &part(&filling)).await?;
                }
            }
            // Ten thousand fields in a head that ends.
            2 => {
                let fields: Vec<u8> = (0..10_000).flat_map(|n| field(&format!("x{n}"), "y")).collect();
                foe.send(&mut stream, 1, &frame(HEADERS, 0, 1, &call(EXCHANGE))).await?;
                for piece in fields.chunks(FRAME_BYTES) {
                    foe.send(&mut stream, 1, &part(piece)).await?;
                }
                foe.send(&mut stream, 1, &frame(CONTINUATION, END_HEADERS, 1, b"")).await?;
            }
            // One field of 4,000 bytes, and sixteen thousand times that field in a byte each; again on every stream.
            _ => {
                let bomb = [call(EXCHANGE), kept_field("x", &"y".repeat(3_900)), vec![AGAIN; 12_000]].concat();
                for id in (1..2_001).step_by(2) {
                    foe.send(&mut stream, 1, &frame(HEADERS, END_HEADERS, id, &bomb)).await?;
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok(())
    })
    .await;
}

/// What is no stream's business and must be answered or at least read, as fast as it is taken.
pub(super) async fn control(foe: Arc<Foe>) {
    again(foe, |foe, mut stream, number| async move {
        let one = match number % 5 {
            0 => frame(PING, 0, 0, b"answer!!"),
            1 => frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0]),
            2 => frame(DATA, 0, 1, b""),
            3 => frame(UNKNOWN, 0, 0, &[7; FRAME_BYTES]),
            _ => frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        };
        let many = one.repeat((64 * 1024 / one.len()).max(1));
        let count = (many.len() / one.len()) as u64;
        foe.send(&mut stream, 1, &open(1, EXCHANGE)).await?;
        // Nothing is read: what has to be answered piles up, or the node stops reading as well.
        let flood = async {
            loop {
                foe.send(&mut stream, count, &many).await?;
            }
        };
        tokio::time::timeout(Duration::from_secs(3), flood).await.unwrap_or(Ok(()))
    })
    .await;
}

/// Messages, items after a greeting, and frames, of no meaning, as fast as they are taken.
pub(super) async fn garbage(foe: Arc<Foe>) {
    let Ok(rogue) = foe.rogue() else { return };
    let hello = Frame::Hello(Box::new(rogue.hello(KnownHead { size: 0, root: Digest::of(b"") })));
    let (hello, pace) = (Arc::new(hello.into_wire().encode_to_vec()), Arc::new(Pace::new(500)));
    crowd(CONNECTIONS, move |place| {
        let (foe, hello, pace) = (foe.clone(), hello.clone(), pace.clone());
        async move {
            pace.turn(1).await;
            let mut stream = drained(foe.enter().await?);
            let mut chance = ChaCha8Rng::seed_from_u64(foe.done.connections.load(Ordering::Relaxed));
            foe.send(&mut stream, 1, &open(1, EXCHANGE)).await?;
            let mut greeting = hello.to_vec();
            if place % 3 == 1 {
                for _ in 0..1 + chance.next_u64() % 8 {
                    let changed = (chance.next_u64() % greeting.len().max(1) as u64) as usize;
                    if let Some(byte) = greeting.get_mut(changed) {
                        *byte = chance.next_u64() as u8;
                    }
                }
            }
            if place % 3 != 0 {
                let message = [message_head(greeting.len() as u32), greeting].concat();
                foe.send(&mut stream, 1, &frame(DATA, 0, 1, &message)).await?;
            }
            let mut noise = vec![0; 1 + (chance.next_u64() % limits::MESSAGE_BYTES as u64) as usize];
            chance.fill_bytes(&mut noise);
            let message = [message_head(noise.len() as u32), noise].concat();
            for part in message.chunks(FRAME_BYTES) {
                foe.send(&mut stream, 1, &frame(DATA, 0, 1, part)).await?;
            }
            // Whoever must not read a message any more must read frames that nobody knows.
            let unknown: Vec<u8> = message.chunks(FRAME_BYTES).flat_map(|part| frame(UNKNOWN, 0, 0, part)).collect();
            let flood = async {
                loop {
                    foe.send(&mut stream, 1, &unknown).await?;
                }
            };
            tokio::time::timeout(Duration::from_millis(500), flood).await.unwrap_or(Ok(()))
        }
    })
    .await;
}

/// A connection over which frames pass, as the node's own peers have it.
async fn session(foe: &Foe) -> Result<Wire, Failure> {
    let stream = connect_over(foe.knock(0).await?, foe.pinned.clone()).await?;
    let once = Mutex::new(Some(TokioIo::new(stream)));
    let connector = tower::service_fn(move |_| {
        let stream = once.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { stream.ok_or_else(|| std::io::Error::other("used up")) }
    });
    let channel = Endpoint::from_static("https://a.example").connect_with_connector(connector).await?;
    let (to, said) = mpsc::channel::<Frame>(16);
    let (give, from) = mpsc::channel(16);
    let mut client = ExchangeClient::new(channel);
    let said = ReceiverStream::new(said).map(Frame::into_wire);
    let mut incoming = client.exchange(said).await?.into_inner();
    tokio::spawn(async move {
        while let Ok(Some(frame)) = incoming.message().await {
            if give.send(Frame::from_wire(frame)).await.is_err() {
                return;
            }
        }
    });
    Ok(Wire { to, from })
}

/// Greets; an error where the node does not answer with a greeting.
async fn greeted(foe: &Foe, rogue: &mut Rogue) -> Result<Wire, Failure> {
    let mut wire = session(foe).await?;
    let nothing = KnownHead { size: 0, root: Digest::of(b"") };
    wire.to.send(Frame::Hello(Box::new(rogue.hello(nothing)))).await?;
    match tokio::time::timeout(PATIENCE, wire.from.recv()).await? {
        Some(Ok(Frame::Hello(hello))) => rogue.shown = hello.your_log.size,
        other => return Err(format!("no greeting but {other:?}").into()),
    }
    Ok(wire)
}

/// Alerts whose proofs do not hold; and heads that are true, one after the other.
pub(super) async fn bad_proofs(foe: Arc<Foe>) {
    let Ok(mut rogue) = foe.rogue() else { return };
    let pace = Pace::new(50);
    for number in 0u32.. {
        pace.turn(1).await;
        let Ok(mut wire) = greeted(&foe, &mut rogue).await else { continue };
        // Its log is the same in each round, which goes on where the one before ended.
        while rogue.size() < rogue.shown {
            let (before, envelope) =
                (rogue.channels.clone(), envelope::sign(Alert::TYPE, &peer::Alert::default(), &rogue.message));
            rogue.sent(envelope::digest(&envelope), 2);
            rogue.channels = before;
        }
        let lies = async {
            if number % 8 == 7 {
                let deadline = tokio::time::Instant::now() + Duration::from_millis(500);
                while tokio::time::timeout_at(deadline, wire.to.send(rogue.heads()))
                    .await
                    .is_ok_and(|sent| sent.is_ok())
                {
                    foe.done.add(1, 0);
                }
                return;
            }
            let payload = peer::Alert::default();
            let envelope = envelope::sign(Alert::TYPE, &payload, &rogue.message);
            let before = rogue.channels.clone();
            let (index, opening) = rogue.sent(envelope::digest(&envelope), 2);
            let mut item = Item { sent: rogue.show(index, opening), envelope: Some(envelope) };
            item.sent.index = 0;
            // Nothing of it advances the node; the log of the rogue has grown all the same.
            rogue.channels = before;
            let _ = wire.to.send(Frame::Items(rogue.proven(), vec![item])).await;
            foe.done.add(1, 0);
            while let Ok(Some(Ok(_))) = tokio::time::timeout(PATIENCE, wire.from.recv()).await {}
        };
        lies.await;
    }
}
