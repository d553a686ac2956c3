//! `varde audit proof FILE --policy FILE`: a C2SP tlog-proof, of this or any other system.
//!
//! What a proof shows is that an entry is in a tree that a log of the policy signed and enough witnesses cosigned. Our own
//! proofs carry the opening of their leaf, so they say themselves what was logged; others may leave that to the reader, and
//! without it nothing is shown of any entry.

use super::show::{self, Row};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use varde_proto::audit::{Finding, codes};
use varde_proto::id::{Digest, Origin};
use varde_proto::limits;
use varde_proto::log::Event;
use varde_proto::log::policy::Policy;
use varde_proto::log::proof::{self, Leaf, Refused, Shown, TlogProof, Verified};
use varde_proto::time::Timestamp;

/// Which proof, by which policy.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde audit proof receipt.tlog-proof --policy network.policy\n  \
    varde audit proof release.tlog-proof --policy sigsum.policy --entry release.leaf\n\n\
    The formats are C2SP's: https://c2sp.org/tlog-proof and https://c2sp.org/tlog-policy.\n\
    A proof made by Varde says itself what was logged; for others give --entry or --leaf, without which it shows\n\
    nothing (3).")]
pub(crate) struct Args {
    /// The proof
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// The policy: which logs and witnesses you believe
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Take the log's own signature, whoever else has cosigned: a receipt waits for no witness
    #[arg(long)]
    log_alone: bool,
    /// The entry that should be in the log, as the log holds it
    #[arg(long, value_name = "FILE", conflicts_with = "leaf")]
    entry: Option<PathBuf>,
    /// The leaf hash of that entry, SHA-256(0x00 || entry), as 64 hex digits or base64
    #[arg(long, value_name = "HASH")]
    leaf: Option<String>,
}

/// Bytes of an entry that is read: more than any log's entries have.
const ENTRY_BYTES: u64 = 64 * 1024 * 1024;

#[derive(Serialize)]
struct Document {
    verified: bool,
    origin: Option<String>,
    size: Option<u64>,
    root: Option<String>,
    index: Option<u64>,
    witnesses: Vec<Witness>,
    entry: &'static str,
    event: Option<Logged>,
    findings: Vec<Row>,
}

#[derive(Serialize)]
struct Witness {
    name: String,
    time: Option<String>,
}

#[derive(Serialize)]
struct Logged {
    kind: String,
    time: String,
    peer: Option<String>,
    direction: &'static str,
    class: u8,
    seq: u64,
    object: String,
    chain: String,
    agreement: String,
    body: String,
}

/// Verifies it.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { proof, policy, log_alone, entry, leaf } = args;
    let bytes = read(&policy, limits::POLICY_BYTES as u64)?;
    let policy = Policy::parse(&bytes).map_err(|bad| {
        Failure::usage(format!("{}: {bad}", policy.display()))
            .next("see https://c2sp.org/tlog-policy for its form")
            .reason("bad-policy")
    })?;
    let policy = if log_alone { Policy::of_logs(policy.logs().to_vec()) } else { policy };
    let entry = entry.map(|path| read(&path, ENTRY_BYTES)).transpose()?;
    let shown = match (&entry, leaf) {
        (Some(entry), _) => Shown::Entry(entry),
        (None, Some(hash)) => Shown::Leaf(leaf_hash(&hash)?),
        (None, None) => Shown::ByItself,
    };
    let mut findings = Vec::new();
    let verified = check(&read(&proof, limits::PROOF_BYTES as u64)?, &policy, shown, &mut findings);
    if verified.is_some() {
        remark(&policy, &mut findings);
    }
    answer(verified.as_ref(), &findings, context)
}

fn check(bytes: &[u8], policy: &Policy, shown: Shown<'_>, findings: &mut Vec<Finding>) -> Option<Verified> {
    let outcome = match TlogProof::parse(bytes) {
        Err(bad) => Err(Finding::new(codes::PROOF_MALFORMED, bad.to_string())),
        Ok(proof) => proof::verify(&proof, policy, shown).map_err(|refused| match refused {
            Refused::Policy(why) => Finding::new(codes::PROOF_UNTRUSTED, why.to_string()),
            Refused::Inclusion(why) => Finding::new(codes::NOT_INCLUDED, why.to_string()).at(proof.index),
        }),
    };
    match outcome {
        Err(finding) => {
            findings.push(finding);
            None
        }
        Ok(verified) => {
            if verified.leaf == Leaf::Unknown {
                findings.push(nothing_shown(&verified));
            }
            Some(verified)
        }
    }
}

/// A proof of a log of ours carries its opening, so that one without it was cut; others' proofs need not say what they are of.
fn nothing_shown(verified: &Verified) -> Finding {
    let ours = Origin::parse(verified.head.checkpoint.origin()).is_ok();
    let code = if ours { codes::ENTRY_NOT_GIVEN } else { codes::ENTRY_NOT_CHECKED };
    let text = "the log signed this tree; that anything in particular is in it was not checked, because neither the proof \
        nor you say what was logged";
    Finding::new(code, text).at(verified.index)
}

fn remark(policy: &Policy, findings: &mut Vec<Finding>) {
    for witness in policy.unverifiable() {
        let text = format!("the lines of the witness {} were passed over: its key is ML-DSA-44", witness.name);
        findings.push(Finding::new(codes::WITNESS_UNVERIFIABLE, text));
    }
    if policy.is_quorum(&[]) {
        findings.push(Finding::new(codes::UNWITNESSED, "no witness was asked for: the log's word alone was taken"));
    }
}

fn answer(verified: Option<&Verified>, findings: &[Finding], context: &Context) -> Result<Exit, Failure> {
    if !context.render.is_json() {
        if let Some(verified) = verified {
            describe(verified, context);
        }
        return show::findings(findings, context);
    }
    let exit = show::exit(findings);
    let head = verified.map(|verified| &verified.head);
    let witness = |(name, seconds): &(String, u64)| Witness { name: name.clone(), time: time(*seconds) };
    context.render.document(&Document {
        verified: exit == Exit::Done && verified.is_some_and(|verified| verified.leaf != Leaf::Unknown),
        origin: head.map(|head| head.checkpoint.origin().to_owned()),
        size: head.map(|head| head.checkpoint.size().0),
        root: head.map(|head| head.checkpoint.root().to_string()),
        index: verified.map(|verified| verified.index.0),
        witnesses: head.map(|head| head.witnesses.iter().map(witness).collect()).unwrap_or_default(),
        entry: match verified.map(|verified| &verified.leaf) {
            Some(Leaf::Given) => "given",
            Some(Leaf::Event(_)) => "event",
            Some(Leaf::Extra) => "extra",
            Some(Leaf::Unknown) | None => "unknown",
        },
        event: verified.and_then(|verified| match &verified.leaf {
            Leaf::Event(opening) => Some(logged(opening.event())),
            Leaf::Given | Leaf::Extra | Leaf::Unknown => None,
        }),
        findings: findings.iter().map(Row::from).collect(),
    })?;
    Ok(exit)
}

fn describe(verified: &Verified, context: &Context) {
    let (head, render) = (&verified.head, &context.render);
    let checkpoint = &head.checkpoint;
    let (origin, size) = (checkpoint.origin(), checkpoint.size().0);
    render.line(format!("log      {origin}, {size} leaves, root {}", checkpoint.root()));
    for (name, seconds) in &head.witnesses {
        render.line(format!("witness  {name}, {}", time(*seconds).unwrap_or_else(|| format!("{seconds} s"))));
    }
    let what = match &verified.leaf {
        Leaf::Given => "the entry that you gave".to_owned(),
        Leaf::Extra => "the bytes of the proof's `extra`".to_owned(),
        Leaf::Unknown => "not shown".to_owned(),
        Leaf::Event(opening) => {
            let event = logged(opening.event());
            let with = event
                .peer
                .map(|peer| format!(" {} {peer}, class {} number {}", event.direction, event.class, event.seq));
            let reason = if event.body.is_empty() { String::new() } else { format!(", {}", event.body) };
            format!("`{}`{} at {}, object {}{reason}", event.kind, with.unwrap_or_default(), event.time, event.object)
        }
    };
    render.line(format!("leaf {}   {what}", verified.index.0));
}

fn logged(event: &Event) -> Logged {
    let printable = !event.body.is_empty() && event.body.len() <= 64 && event.body.iter().all(u8::is_ascii_graphic);
    Logged {
        kind: event.kind.name(),
        time: event.time.to_string(),
        peer: event.peer.as_ref().map(ToString::to_string),
        direction: ["", "to", "from"][usize::from(event.direction.number())],
        class: event.class,
        seq: event.seq,
        object: event.object.to_string(),
        chain: event.chain.to_string(),
        agreement: event.agreement.to_string(),
        body: if printable { String::from_utf8_lossy(&event.body).into_owned() } else { String::new() },
    }
}

fn time(seconds: u64) -> Option<String> {
    let ms = i64::try_from(seconds).ok()?.checked_mul(1000)?;
    Timestamp::from_ms(ms).ok().map(|time| time.to_string())
}

fn leaf_hash(text: &str) -> Result<Digest, Failure> {
    let base64 = || STANDARD.decode(text).ok().and_then(|bytes| Digest::from_bytes(&bytes));
    Digest::parse(text).ok().or_else(base64).ok_or_else(|| {
        Failure::usage(format!("--leaf {text}: not a SHA-256 value"))
            .next("give 64 lower-case hex digits, or the base64 of 32 bytes")
            .reason("bad-leaf")
    })
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let outcome = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    let failed =
        |what: String| Failure::usage(format!("cannot read {}: {what}", path.display())).next("look at the path");
    match outcome {
        Err(error) => Err(failed(error.to_string()).reason("unreadable")),
        Ok(_) if bytes.len() as u64 > most => Err(failed(format!("it has over {most} bytes")).reason("too-large")),
        Ok(_) => Ok(bytes),
    }
}
