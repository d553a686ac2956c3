//! The node itself: alerts issued, logged, owed, delivered, verified, admitted, indexed, receipted, all of it sealed and durable
//! on both sides. Released to receipted, as our own log says it.

use crate::Outcome;
use crate::bare::Case;
use crate::log::Used;
use crate::report::Row;
use crate::side::Side;
use prost::Message;
use std::collections::VecDeque;
use std::io::{BufRead, Write};
use std::net::SocketAddr;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use varde_node::flow::Node;
use varde_node::flow::alert::release;
use varde_node::state::{ChannelKey, Direction};
use varde_proto::id::{Digest, NodeId};
use varde_tests::pair::route;

const SENDER: &str = "NO";
const RECEIVER: &str = "LT";
/// Channel class of an alert of level L0.
const CLASS: u8 = 2;
/// How long two nodes may take to find each other, and the last receipts to come.
const PATIENCE: Duration = Duration::from_secs(30);
/// People who release at the same time, at most.
const ISSUERS: usize = 64;

/// The other process: a node that reports what it used whenever a line comes.
pub(crate) async fn receiver() -> Outcome<()> {
    let side = Side::start(RECEIVER, SENDER, None).await?;
    println!("{}", side.address());
    tokio::task::block_in_place(|| {
        for line in std::io::stdin().lock().lines() {
            line?;
            println!("{}", side.used()?.to_text());
            std::io::stdout().flush()?;
        }
        Ok(())
    })
}

/// The node that sends, and the process that receives.
pub(crate) struct Pair {
    side: Side,
    other: Child,
    answers: std::io::BufReader<std::process::ChildStdout>,
    sent: u64,
}

impl Pair {
    pub(crate) async fn start(
        other: Child,
        answers: std::io::BufReader<std::process::ChildStdout>,
        remote: SocketAddr,
    ) -> Outcome<Self> {
        let side = Side::start(SENDER, RECEIVER, Some(remote)).await?;
        let mut pair = Self { side, other, answers, sent: 0 };
        let first = Case { batch: 1, in_flight: 1, alerts: 1, longest: PATIENCE };
        pair.run(first).await?;
        Ok(pair)
    }

    /// Bytes of one alert's envelope.
    pub(crate) fn alert_bytes(&self) -> Outcome<usize> {
        let (to, decision) = ([NodeId::parse(RECEIVER)?], Digest::of(b"decision"));
        let mut id = [0; 16];
        self.side.node.entropy.fill(&mut id);
        Ok(release::issue(&self.side.node, route(id), decision, &to)?.envelope().encoded_len())
    }

    fn used(&mut self) -> Outcome<[Used; 2]> {
        writeln!(self.other.stdin.as_mut().ok_or("the receiver takes no input")?)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok([self.side.used()?, Used::parse(line.trim())?])
    }

    pub(crate) async fn run(&mut self, case: Case) -> Outcome<Row> {
        let before = self.used()?;
        let flight = Arc::new(Flight { waiting: Mutex::default(), free: Semaphore::new(case.in_flight) });
        let started = Instant::now();
        let settled = tokio::spawn(settle(self.side.node.clone(), flight.clone(), self.sent + case.alerts as u64));
        let issuers = (case.in_flight / case.batch).min(ISSUERS);
        let mut tasks = Vec::new();
        for issuer in 0..issuers {
            let batches = case.alerts / case.batch / issuers + usize::from(issuer < case.alerts / case.batch % issuers);
            tasks.push(tokio::spawn(issue(self.side.node.clone(), flight.clone(), case.batch, batches)));
        }
        for task in tasks {
            task.await?.map_err(|e| e.to_string())?;
        }
        let (spans, last) = settled.await?.map_err(|e| e.to_string())?;
        self.sent += case.alerts as u64;
        let used = self.used()?;
        let used = [0, 1].map(|side| used[side].since(before[side]));
        Ok(Row::new(case.alerts, last - started, spans, used, None))
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.other.kill();
        let _ = self.other.wait();
    }
}

/// What is on its way.
struct Flight {
    /// Channel number and the moment its issue began, in order.
    waiting: Mutex<VecDeque<(u64, Instant)>>,
    free: Semaphore,
}

impl Flight {
    /// Moves what is settled from the waiting to the times it took.
    fn take(&self, settled: u64, now: Instant, spans: &mut Vec<Duration>) {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        while waiting.front().is_some_and(|(seq, _)| *seq <= settled) {
            spans.extend(waiting.pop_front().map(|(_, started)| now - started));
        }
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Issues batches of alerts and owes each batch in one decision.
async fn issue(node: Arc<Node>, flight: Arc<Flight>, batch: usize, batches: usize) -> Result<(), Failure> {
    let to = [NodeId::parse(RECEIVER)?];
    for _ in 0..batches {
        flight.free.acquire_many(u32::try_from(batch)?).await?.forget();
        let started = Instant::now();
        let issuing = node.clone();
        let issued = tokio::task::spawn_blocking(move || {
            let mut id = [0; 16];
            let one = |_| {
                issuing.entropy.fill(&mut id);
                let content = route(id);
                let decision = Digest::of(&id);
                release::issue(&issuing, content.clone(), decision, &to).map(|signed| (signed, content, decision))
            };
            (0..batch).map(one).collect::<Result<Vec<_>, _>>()
        });
        let issued = issued.await??;
        let (own, peer) = (flight.clone(), node.peers.borrow().values().next().cloned().ok_or("no peer")?);
        let owe = move |desk: &mut varde_node::flow::desk::Desk<'_>| {
            let key = ChannelKey { direction: Direction::Out, peer: peer.origin.clone(), class: CLASS };
            for (signed, content, decision) in &issued {
                release::owe(desk, signed, content, *decision)?;
                let mut waiting = own.waiting.lock().unwrap_or_else(PoisonError::into_inner);
                waiting.push_back((desk.channel(&key).seq, started));
            }
            Ok::<(), varde_node::port::StoreError>(())
        };
        node.ledger.commit(owe).await?;
    }
    Ok(())
}

/// Watches the log for receipts until `through` is settled. The time of each alert, and of the last.
async fn settle(node: Arc<Node>, flight: Arc<Flight>, through: u64) -> Result<(Vec<Duration>, Instant), Failure> {
    let mut heads = node.ledger.heads();
    let mut spans = Vec::new();
    loop {
        let now = Instant::now();
        let settled = settled(&node);
        let before = spans.len();
        flight.take(settled, now, &mut spans);
        flight.free.add_permits(spans.len() - before);
        if settled >= through {
            return Ok((spans, now));
        }
        match tokio::time::timeout(PATIENCE, heads.changed()).await {
            Ok(true) => {}
            Ok(false) => return Err("the ledger has stopped".into()),
            Err(_) => return Err(format!("no receipt for {PATIENCE:?} after {settled} of {through}").into()),
        }
    }
}

fn settled(node: &Node) -> u64 {
    let Some(peer) = node.peers.borrow().values().next().map(|peer| peer.origin.clone()) else { return 0 };
    node.ledger.book().channel(&ChannelKey { direction: Direction::Out, peer, class: CLASS }).settled
}
