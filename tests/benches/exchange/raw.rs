//! What the wire and the disk do by themselves: frames of the same bytes with nothing behind them, one round trip on an open
//! stream, one fdatasync of one alert.

use crate::Outcome;
use crate::bare::ALERT_BYTES;
use crate::log::Used;
use crate::report::{Row, percentile};
use crate::transport::dial;
use prost::Message;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use varde_proto::wire::peer::frame::Frame as Kind;
use varde_proto::wire::peer::{Envelope, Frame, Goodbye, Hello, Item, Items};
use varde_tests::bench::scratch;

fn hello(origin: &str) -> Frame {
    Frame { frame: Some(Kind::Hello(Hello { origin: origin.into(), ..Hello::default() })) }
}

fn items(count: usize) -> Frame {
    let envelope = Envelope { payload: vec![0x5a; ALERT_BYTES].into(), ..Envelope::default() };
    let item = Item { sent: None, envelope: Some(envelope) };
    Frame { frame: Some(Kind::Items(Items { items: vec![item; count], ..Items::default() })) }
}

/// Streams `alerts` alerts, `batch` in a frame, one way.
pub(crate) async fn stream(remote: SocketAddr, batch: usize, alerts: usize) -> Outcome<Row> {
    let before = varde_tests::bench::cpu_seconds();
    let (frames, mut incoming) = dial(remote, crate::SENDER, crate::RECEIVER).await?;
    frames.send(hello("raw")).await?;
    let frame = items(batch);
    let bytes = (frame.encoded_len() * (alerts / batch)) as u64;
    let started = Instant::now();
    for _ in 0..alerts / batch {
        frames.send(frame.clone()).await?;
    }
    frames.send(Frame { frame: Some(Kind::Goodbye(Goodbye::default())) }).await?;
    let Some(Frame { frame: Some(Kind::Goodbye(goodbye)) }) = incoming.message().await? else {
        return Err("no goodbye".into());
    };
    let span = started.elapsed();
    let own = Used { cpu_seconds: varde_tests::bench::cpu_seconds() - before, ..Used::default() };
    Ok(Row::new(alerts / batch * batch, span, Vec::new(), [own, Used::parse(&goodbye.reason)?], Some(bytes)))
}

/// Median time of a frame of one alert to the other process and back.
pub(crate) async fn round_trip(remote: SocketAddr, rounds: usize) -> Outcome<Duration> {
    let (frames, mut incoming) = dial(remote, crate::SENDER, crate::RECEIVER).await?;
    frames.send(hello("echo")).await?;
    let mut spans = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        frames.send(items(1)).await?;
        incoming.message().await?.ok_or("no echo")?;
        spans.push(started.elapsed());
    }
    spans.sort_unstable();
    Ok(percentile(&spans, 0.5))
}

/// Median time of appending one alert to a file and syncing it.
pub(crate) fn fdatasync(rounds: usize) -> Outcome<Duration> {
    let dir = scratch()?;
    let mut file = File::create(dir.path().join("file"))?;
    let mut spans = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let started = Instant::now();
        file.write_all(&[0x5a; ALERT_BYTES])?;
        file.sync_data()?;
        spans.push(started.elapsed());
    }
    spans.sort_unstable();
    Ok(percentile(&spans, 0.5))
}
