//! What an exchanged alert costs: two processes, mutual TLS, durable on both sides, alerts of 600 bytes.
//!
//! `cargo bench -p varde-tests --bench exchange [-- quick]`. Rates depend on the machine and on its disk; the ratios within
//! one run do not, so the node's rows stand beside a raw stream of the same bytes and a bare signed exchange (one signature an
//! alert, `verify_strict`, hash trees, one durable commit a batch on the node's own store adapter, a signed head as receipt).
//! It ends by itself: each case is bounded in alerts and in time.

mod bare;
mod log;
mod product;
mod raw;
mod receiver;
mod report;
mod side;
mod transport;

use bare::Case;
use report::Row;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
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
        ["node"] => runtime.block_on(product::receiver()),
        [] => runtime.block_on(compare(1)),
        ["quick"] => runtime.block_on(compare(10)),
        _ => Err("usage: exchange [quick]".into()),
    }
}

async fn compare(divisor: usize) -> Outcome<()> {
    let (other, _answers, remote) = start("receiver")?;
    let mut other = Running(other);
    limits(remote, divisor).await?;
    other.end()?;
    let (other, answers, remote) = start("node")?;
    let mut pair = product::Pair::start(other, answers, remote).await?;
    println!(
        "the node: everything logged, receipted, admitted, indexed and sealed; {} bytes an alert",
        pair.alert_bytes()?
    );
    for case in cases(divisor) {
        println!("{}", pair.run(case).await?.line(&format!("node, by {}, {} in flight", case.batch, case.in_flight)));
    }
    Ok(())
}

fn cases(divisor: usize) -> impl Iterator<Item = Case> {
    [(1, 1, 1_000), (1, 1024, 20_000), (16, 64, 20_000), (256, 1024, 50_000)].into_iter().map(
        move |(batch, in_flight, alerts)| Case {
            batch,
            in_flight,
            alerts: (alerts / divisor).next_multiple_of(batch),
            longest: Duration::from_secs(30),
        },
    )
}

async fn limits(remote: SocketAddr, divisor: usize) -> Outcome<()> {
    let sync = raw::fdatasync(300)?;
    let trip = raw::round_trip(remote, 2000 / divisor).await?;
    let ms = |span: Duration| span.as_secs_f64() * 1e3;
    println!("medians: one fdatasync {:.3} ms, one round trip on the open stream {:.3} ms", ms(sync), ms(trip));
    println!("{}", Row::head());
    for batch in [1, 256] {
        let row = raw::stream(remote, batch, 400_000 / divisor).await?;
        println!("{}", row.line(&format!("raw stream, {batch} a message")));
    }
    for case in cases(divisor) {
        let row = bare::run(remote, case).await?;
        println!("{}", row.line(&format!("bare exchange, by {}, {} in flight", case.batch, case.in_flight)));
    }
    Ok(())
}

/// A process that ends with this one's interest in it.
struct Running(Child);

impl Running {
    fn end(&mut self) -> Outcome<()> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Starts the other process in this part, and returns what it says and where it listens.
fn start(part: &str) -> Outcome<(Child, BufReader<ChildStdout>, SocketAddr)> {
    let program = std::env::current_exe()?;
    let mut child = Command::new(program).arg(part).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut answers = BufReader::new(child.stdout.take().ok_or("the other process has no output")?);
    let mut line = String::new();
    answers.read_line(&mut line)?;
    Ok((child, answers, line.trim().parse()?))
}
