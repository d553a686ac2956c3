//! The sending side of the bare exchange: signs, logs durably, sends, and takes the other side's signed head as the receipt.
//!
//! Both trees hold the same leaves in the same order, so a receipt is good when its signature is and its root is the root of
//! our own tree at that size. No index, no sealing, no business rule: a ceiling for the node on the same store adapter.

use crate::Outcome;
use crate::log::{DurableLog, Used};
use crate::report::Row;
use crate::transport::{QUEUE, dial, key, origin};
use prost::Message;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Sender;
use tonic::Streaming;
use varde_proto::envelope::pae;
use varde_proto::id::Digest;
use varde_proto::limits::FRAME_ITEMS;
use varde_proto::log::head::Head;
use varde_proto::wire::peer::frame::Frame as Kind;
use varde_proto::wire::peer::{Envelope, EnvelopeSignature, Frame, Goodbye, Hello, Item, Items};

const PAYLOAD_TYPE: &str = "application/vnd.varde.alert.v1+protobuf";
/// Bytes of an alert.
pub(crate) const ALERT_BYTES: usize = 600;

/// One case: alerts signed at once, alerts on their way at most, and where it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) batch: usize,
    pub(crate) in_flight: usize,
    pub(crate) alerts: usize,
    pub(crate) longest: Duration,
}

struct Signed {
    started: Instant,
    envelopes: Vec<(Digest, Envelope)>,
}

/// What the threads of the sender share.
struct Shared {
    log: Mutex<DurableLog>,
    receipt: Mutex<Option<Head>>,
    waiting: Mutex<VecDeque<(Instant, u64)>>,
}

pub(crate) async fn run(remote: SocketAddr, case: Case) -> Outcome<Row> {
    let before = varde_tests::bench::cpu_seconds();
    let (frames, incoming) = dial(remote, crate::SENDER, crate::RECEIVER).await?;
    let hello = Hello { origin: "bare".into(), ..Hello::default() };
    frames.send(Frame { frame: Some(Kind::Hello(hello)) }).await?;
    let shared = Arc::new(Shared {
        log: DurableLog::new("NO", crate::SENDER)?.into(),
        receipt: Mutex::default(),
        waiting: Mutex::default(),
    });
    let (tokens, taken) = sync_channel(case.in_flight / case.batch + 1);
    (0..(case.in_flight / case.batch).max(1)).try_for_each(|_| tokens.send(()))?;
    let (signed, to_commit) = sync_channel(QUEUE);
    let started = Instant::now();
    let signer = std::thread::spawn(move || sign(case, &taken, &signed));
    let (own, out) = (Arc::clone(&shared), frames.clone());
    let committer = std::thread::spawn(move || commit(&own, &to_commit, &out).map_err(|e| e.to_string()));
    let received = receive(incoming, &shared, &tokens, case, started);
    let (spans, other, ended, received_bytes) = received.await?;
    let alerts = signer.join().map_err(|_| "the signer stopped")?;
    let sent_bytes = committer.join().map_err(|_| "the committer stopped")??;
    let own = shared.log.lock().map_err(|_| "the log's holder stopped")?.used(before)?;
    Ok(Row::new(alerts, ended - started, spans, [own, other], Some(sent_bytes + received_bytes)))
}

/// Signs batch after batch, each when one before it is receipted. How many alerts.
fn sign(case: Case, tokens: &Receiver<()>, signed: &SyncSender<Signed>) -> usize {
    let key = key(crate::SENDER);
    let deadline = Instant::now() + case.longest;
    let mut count = 0;
    let mut payload = vec![0x5a; ALERT_BYTES];
    while count < case.alerts && Instant::now() < deadline && tokens.recv().is_ok() {
        let started = Instant::now();
        let one = |n: usize| {
            payload[..8].copy_from_slice(&n.to_be_bytes());
            let bytes = pae(PAYLOAD_TYPE, &payload);
            let signature =
                EnvelopeSignature { key_id: key.public().hint(), signature: key.sign(&bytes).to_vec().into() };
            let envelope = Envelope {
                payload_type: PAYLOAD_TYPE.into(),
                payload: payload.clone().into(),
                signatures: vec![signature],
            };
            (Digest::of(&bytes), envelope)
        };
        let envelopes: Vec<_> = (count..count + case.batch).map(one).collect();
        count += case.batch;
        if signed.send(Signed { started, envelopes }).is_err() {
            break;
        }
    }
    count
}

/// Commits what is signed, and sends what is committed. The bytes sent.
fn commit(shared: &Shared, signed: &Receiver<Signed>, frames: &Sender<Frame>) -> Outcome<u64> {
    let mut bytes = 0;
    while let Ok(first) = signed.recv() {
        let mut batches = vec![(first.started, first.envelopes.len() as u64)];
        let mut envelopes = first.envelopes;
        while envelopes.len() < FRAME_ITEMS {
            let Ok(more) = signed.try_recv() else { break };
            batches.push((more.started, more.envelopes.len() as u64));
            envelopes.extend(more.envelopes);
        }
        let stored = envelopes.iter().map(|(digest, envelope)| (*digest, envelope.encode_to_vec())).collect();
        let receipt = shared.receipt.lock().map_err(|_| "the receiver stopped")?.take();
        let head = shared.log.lock().map_err(|_| "the receiver stopped")?.append(stored, receipt.as_ref())?;
        shared.waiting.lock().map_err(|_| "the receiver stopped")?.extend(batches);
        let items = envelopes.into_iter().map(|(_, envelope)| Item { sent: None, envelope: Some(envelope) });
        let items = Items { checkpoint: Some(head.to_wire()), items: items.collect(), ..Items::default() };
        let frame = Frame { frame: Some(Kind::Items(items)) };
        bytes += frame.encoded_len() as u64;
        frames.blocking_send(frame)?;
    }
    frames.blocking_send(Frame { frame: Some(Kind::Goodbye(Goodbye::default())) })?;
    Ok(bytes)
}

type Received = (Vec<Duration>, Used, Instant, u64);

/// Checks receipts as they come; ends with the other side's goodbye. Time from signing to receipt, a figure for each batch.
async fn receive(
    mut incoming: Streaming<Frame>,
    shared: &Shared,
    tokens: &SyncSender<()>,
    case: Case,
    started: Instant,
) -> Outcome<Received> {
    let receiver = [key(crate::RECEIVER).public()];
    let origin = origin("LT")?;
    let (mut spans, mut last, mut bytes, mut settled) = (Vec::new(), started, 0, 0);
    loop {
        let frame = incoming.message().await?.ok_or("the receiver ended before its goodbye")?;
        bytes += frame.encoded_len() as u64;
        match frame.frame {
            Some(Kind::Receipts(receipts)) => {
                let head = Head::from_wire(&receipts.checkpoint.ok_or("no head")?, &origin, &receiver)?;
                let root = shared.log.lock().map_err(|_| "the committer stopped")?.root_at(head.size());
                if root != Some(head.root()) {
                    return Err("the receipt is for other alerts".into());
                }
                last = Instant::now();
                let mut waiting = shared.waiting.lock().map_err(|_| "the committer stopped")?;
                while waiting.front().is_some_and(|(_, length)| settled + length <= head.size().0) {
                    let Some((since, length)) = waiting.pop_front() else { break };
                    settled += length;
                    spans.push(last - since);
                    // Nobody takes the last ones any more.
                    let _ = tokens.try_send(());
                }
                *shared.receipt.lock().map_err(|_| "the committer stopped")? = Some(head);
            }
            Some(Kind::Goodbye(goodbye)) => return Ok((spans, Used::parse(&goodbye.reason)?, last, bytes)),
            _ => return Err(format!("an unexpected frame in the case of {} alerts a batch", case.batch).into()),
        }
    }
}
