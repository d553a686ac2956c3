//! `varde peer add`: pins a peer. From then on its node may connect, and both sides stand under the default agreement.

use super::{ask, pins, succeed};
use crate::agreement;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::staff::As;
use serde::Serialize;
use std::path::PathBuf;
use varde_proto::agreement::default_agreement;
use varde_proto::home;
use varde_proto::id::Digest;
use varde_proto::identity::{Acceptance, Descriptor, Validity};
use varde_proto::limits;
use varde_proto::time::Timestamp;

/// The descriptor, and how it is trusted.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde peer add ee.descriptor --dir ./no\n  \
    varde peer add ee.descriptor --fingerprint 5f0c...e1 --dir ./no\n\n\
    The fingerprint must come by another channel than the file: on the phone, or in person. A newer descriptor of a\n\
    peer that is already pinned needs no comparison; its identity key is the same.\n\n\
    Adding a peer also signs, with identity.key, this node's yes to the default agreement with it; both sides sign\n\
    the same text, and nothing travels before.\n\n\
    A peer whose log ended and goes on under a new one (`varde log bump` there) is pinned anew only after two people of this\n\
    node's staff ran this, each with `--as FILE`. Call that country first: what was owed to its old log is given up.")]
pub(crate) struct Args {
    /// The peer's descriptor, as its `varde peer export` wrote it
    file: PathBuf,
    /// What the peer's `varde peer fingerprint` prints
    #[arg(long, value_name = "HEX", value_parser = ask::parse)]
    fingerprint: Option<Digest>,
    #[command(flatten)]
    staff: As,
}

#[derive(Serialize)]
struct Added {
    country: String,
    origin: String,
    endpoint: Option<String>,
    fingerprint: String,
    not_after: String,
    outcome: &'static str,
}

/// What a descriptor does to the pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Added,
    Replaced,
    Unchanged,
}

/// Reads, checks, compares, pins.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { file, fingerprint, staff } = args;
    let home = Home::open(context)?;
    let now = context.now()?;
    let text = files::read_text(&file, limits::ARMOR_BYTES)?;
    let found = Descriptor::open_text(&text).map_err(|e| {
        Failure::usage(format!("{}: {e}", file.display()))
            .means("it is not a descriptor, or was changed on its way; nothing was pinned")
            .next("ask the peer for the file that its `varde peer export` writes, as an attachment rather than as text")
            .reason("bad-descriptor")
    })?;
    pins::check(&home, &found, now)?;
    pins::check_keys(&home, &found)?;
    if succeed::needs_two(&home, &found)? {
        if fingerprint.is_some() || pins::read(&home, found.node())?.is_none() {
            ask::compare(&found, fingerprint, context)?;
        }
        return succeed::run(&home, (&found, &text), &staff.open(context)?, context);
    }
    let outcome = judge(&home, &found, &text)?;
    if outcome == Outcome::Added || fingerprint.is_some() {
        ask::compare(&found, fingerprint, context)?;
    }
    // Also of a pin that stays: our yes may be of a log of ours that ended since, or lost.
    accept(&home, &found, now)?;
    if outcome != Outcome::Unchanged {
        let path = home.path(home::descriptor(found.node()));
        files::replace(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))?;
    }
    show(&found, outcome, now, context)?;
    Ok(Exit::Done)
}

/// Whether the descriptor is of a new peer, a newer one of the same, or the one that is pinned.
fn judge(home: &Home, found: &Descriptor, text: &str) -> Result<Outcome, Failure> {
    let Some(pin) = pins::read(home, found.node())? else { return Ok(Outcome::Added) };
    let Ok(pinned) = &pin.descriptor else { return Ok(Outcome::Added) };
    let node = found.node();
    if pinned.keys().id() != found.keys().id() {
        return Err(Failure::refused(format!("{node} is already pinned under another identity key"))
            .means(format!("pinned is {}, the file names {}", pinned.fingerprint(), found.fingerprint()))
            .next(format!("call the peer; if it has founded a new node, `varde peer remove {node}` first"))
            .reason("other-identity"));
    }
    if pin.text == text {
        return Ok(Outcome::Unchanged);
    }
    if found.not_before() <= pinned.not_before() {
        return Err(Failure::refused(format!("the descriptor of {node} is older than the one that is pinned"))
            .means(format!("the file was issued on {}, the pinned one on {}", found.not_before(), pinned.not_before()))
            .next("ask the peer for its newest descriptor")
            .reason("older"));
    }
    Ok(Outcome::Replaced)
}

/// Signs our yes to the default agreement, unless it is there already. It must be there before the pin is.
pub(super) fn accept(home: &Home, found: &Descriptor, now: Timestamp) -> Result<(), Failure> {
    let path = home.path(home::acceptance(found.node()));
    let is_between = |a: &Acceptance| a.with == *found.origin() && a.from == *home.genesis.origin();
    let stands = files::read_text(&path, limits::ARMOR_BYTES)
        .is_ok_and(|text| Acceptance::open_text(&text, home.genesis.keys().id()).is_ok_and(|(a, _)| is_between(&a)));
    if stands {
        return Ok(());
    }
    let id = home.identity()?;
    // What else was agreed with that country holds for its log of now as well.
    for (name, text) in agreement::said_again(home, (home.genesis.origin(), found.origin()), &id)? {
        let path = home.path(name);
        files::replace(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))?;
    }
    let acceptance = Acceptance {
        from: home.genesis.origin().clone(),
        with: found.origin().clone(),
        mode: home.genesis.mode(),
        agreement: default_agreement(),
        accepted: now,
        salt: pins::salt()?,
    };
    let text = acceptance.sign_text(&id).map_err(|e| Failure::ours(format!("cannot sign: {e}")))?;
    files::replace(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))
}

fn show(found: &Descriptor, outcome: Outcome, now: Timestamp, context: &Context) -> Result<(), Failure> {
    let node = found.node();
    let (word, sentence) = match outcome {
        Outcome::Added => ("added", format!("{node} is pinned. A running node takes it up within a second.")),
        Outcome::Replaced => ("replaced", format!("{node} was pinned already; its older descriptor was replaced.")),
        Outcome::Unchanged => ("unchanged", format!("{node} is pinned with this very descriptor; nothing changed.")),
    };
    if context.render.is_json() {
        return context.render.document(&Added {
            country: node.to_string(),
            origin: found.origin().to_string(),
            endpoint: found.endpoint().map(ToString::to_string),
            fingerprint: found.fingerprint().to_string(),
            not_after: found.not_after().to_string(),
            outcome: word,
        });
    }
    context.render.talk(&sentence);
    if found.validity(now) == Validity::EndsSoon {
        context.render.talk(&format!("Its descriptor ends on {}: ask for a new one soon.", found.not_after()));
    }
    Ok(())
}
