//! What an exchanged alert costs: two processes, mutual TLS, durable on both sides, alerts of 600 bytes.
//!
//! `cargo bench -p varde-tests --bench exchange [-- quick]`. Rates depend on the machine and on its disk; the ratios within
//! one run do not, so the node's rows stand beside a raw stream of the same bytes and a bare signed exchange (one signature an
//! alert, `verify_strict`, hash trees, one durable commit a batch on the node's own store adapter, a signed head as receipt).
//! It ends by itself: each case is bounded in alerts and in time.

mod bare;
mod log;
mod raw;
mod receiver;
mod report;
mod transport;

use bare::Case;
use report::Row;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// An outcome whose failure is only printed.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Seeds of the two processes' keys.
pub(crate) const SENDER: u8 = 1;
pub(crate) const RECEIVER: u8 = 2;

fn main() -> Outcome<()> {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["receiver"] => runtime.block_on(receiver::run()),
        [] => runtime.block_on(compare(1)),
        ["quick"] => runtime.block_on(compare(10)),
        _ => Err("usage: exchange [quick]".into()),
    }
}

async fn compare(divisor: usize) -> Outcome<()> {
    let (mut other, remote) = start()?;
    let result = cases(remote, divisor).await;
    other.kill()?;
    other.wait()?;
    result
}

async fn cases(remote: SocketAddr, divisor: usize) -> Outcome<()> {
    let sync = raw::fdatasync(300)?;
    let trip = raw::round_trip(remote, 2000 / divisor).await?;
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    println!("one fdatasync {:.3} ms, one round trip on the open stream {:.3} ms (medians)", ms(sync), ms(trip));
    println!("{}", Row::head());
    for batch in [1, 256] {
        let row = raw::stream(remote, batch, 400_000 / divisor).await?;
        println!("{}", row.line(&format!("raw stream, {batch} a message")));
    }
    for (batch, in_flight, alerts) in [(1, 1, 2_000), (1, 1024, 40_000), (16, 64, 40_000), (256, 1024, 100_000)] {
        let longest = Duration::from_secs(20);
        let row = bare::run(remote, Case { batch, in_flight, alerts: alerts / divisor, longest }).await?;
        println!("{}", row.line(&format!("bare exchange, by {batch}, {in_flight} in flight")));
    }
    Ok(())
}

/// Starts the other process, and returns where it listens.
fn start() -> Outcome<(Child, SocketAddr)> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program).arg("receiver").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take().ok_or("the receiver has no output")?).read_line(&mut line)?;
    Ok((child, line.trim().parse()?))
}
