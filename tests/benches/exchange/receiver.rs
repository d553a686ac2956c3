//! The other process: counts raw frames, or verifies, logs and receipts the bare exchange.

use crate::Outcome;
use crate::log::{DurableLog, Used};
use crate::transport::{self, QUEUE, key, origin};
use prost::Message;
use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Sender;
use tonic::{Status, Streaming};
use varde_proto::envelope::pae;
use varde_proto::id::Digest;
use varde_proto::identity::PublicKey;
use varde_proto::limits::FRAME_ITEMS;
use varde_proto::log::head::Head;
use varde_proto::wire::peer::frame::Frame as Kind;
use varde_proto::wire::peer::{Envelope, Frame, Goodbye, Items, Receipts};

type Answers = Sender<Result<Frame, Status>>;

/// Serves until its standard input ends; prints the port first.
pub(crate) async fn run() -> Outcome<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    std::thread::spawn(|| {
        // The parent is gone, or wants this process to end.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let handler = Arc::new(|incoming, answers| {
        tokio::spawn(async move {
            if let Err(error) = stream(incoming, answers).await {
                eprintln!("receiver: {error}");
            }
        });
    });
    transport::serve(listener, crate::RECEIVER, crate::SENDER, handler).await
}

/// The first frame says which: a hello of the origin `raw`, `echo` or `bare`.
async fn stream(mut incoming: Streaming<Frame>, answers: Answers) -> Outcome<()> {
    let before = varde_tests::bench::cpu_seconds();
    let Some(Frame { frame: Some(Kind::Hello(hello)) }) = incoming.message().await? else {
        return Err("no hello".into());
    };
    match hello.origin.as_str() {
        "raw" => while let Some(Frame { frame: Some(Kind::Items(_)) }) = incoming.message().await? {},
        "echo" => {
            while let Some(frame) = incoming.message().await? {
                match frame.frame {
                    Some(Kind::Goodbye(_)) | None => break,
                    Some(_) => answers.send(Ok(frame)).await?,
                }
            }
        }
        _ => return bare(incoming, answers, before).await,
    }
    let used = Used { cpu_seconds: varde_tests::bench::cpu_seconds() - before, ..Used::default() };
    answers.send(Ok(goodbye(&used))).await?;
    Ok(())
}

fn goodbye(used: &Used) -> Frame {
    let goodbye = Goodbye { reason: used.to_text(), retry_after_ms: 0 };
    Frame { frame: Some(Kind::Goodbye(goodbye)) }
}

/// A frame whose every signature is good.
struct Checked {
    envelopes: Vec<(Digest, Vec<u8>)>,
    head: Head,
}

/// Frames go through two threads: one verifies while the other commits what was verified before.
async fn bare(mut incoming: Streaming<Frame>, answers: Answers, before: f64) -> Outcome<()> {
    let (frames, to_check) = sync_channel::<Items>(QUEUE);
    let (checked, to_commit) = sync_channel::<Checked>(QUEUE);
    let verifier = std::thread::spawn(move || -> Result<(), String> {
        let sender = key(crate::SENDER).public();
        for items in to_check {
            checked.send(check(items, &sender).map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        }
        Ok(())
    });
    let told = answers.clone();
    let committer = std::thread::spawn(move || commit(&to_commit, &told, before).map_err(|e| e.to_string()));
    while let Some(Frame { frame: Some(Kind::Items(items)) }) = incoming.message().await? {
        // Blocks this task only, and that is the back-pressure on the sender.
        tokio::task::block_in_place(|| frames.send(items).map_err(|_| "the verifier stopped"))?;
    }
    drop(frames);
    let used = tokio::task::spawn_blocking(move || {
        verifier.join().map_err(|_| "the verifier stopped".to_owned())??;
        committer.join().map_err(|_| "the committer stopped".to_owned())?
    });
    answers.send(Ok(goodbye(&used.await??))).await?;
    Ok(())
}

fn check(items: Items, sender: &PublicKey) -> Outcome<Checked> {
    let wire = items.checkpoint.ok_or("a frame without a head")?;
    let head = Head::from_wire(&wire, &origin("NO")?, std::slice::from_ref(sender))?;
    let mut envelopes = Vec::with_capacity(items.items.len());
    for item in items.items {
        let envelope: Envelope = item.envelope.ok_or("an item without an envelope")?;
        let signed = pae(&envelope.payload_type, &envelope.payload);
        let signature = envelope.signatures.first().ok_or("an envelope without a signature")?;
        sender.verify(&signed, &signature.signature)?;
        envelopes.push((Digest::of(&signed), envelope.encode_to_vec()));
    }
    Ok(Checked { envelopes, head })
}

fn commit(checked: &Receiver<Checked>, answers: &Answers, before: f64) -> Outcome<Used> {
    let mut log = DurableLog::new("LT", crate::RECEIVER)?;
    while let Ok(Checked { mut envelopes, mut head }) = checked.recv() {
        // What came while the last commit was under way goes into this one.
        while envelopes.len() < FRAME_ITEMS {
            let Ok(more) = checked.try_recv() else { break };
            envelopes.extend(more.envelopes);
            head = more.head;
        }
        let own = log.append(envelopes, Some(&head))?;
        let receipts = Receipts { checkpoint: Some(own.to_wire()), ..Receipts::default() };
        answers.blocking_send(Ok(Frame { frame: Some(Kind::Receipts(receipts)) }))?;
    }
    log.used(before)
}
