//! A log that ended and the one that follows it: showing why ours did, and pinning a peer's new one, which two people decide.

use super::add;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::staff::Credential;
use std::path::Path;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope;
use varde_proto::home;
use varde_proto::identity::armor::{self, Label};
use varde_proto::identity::{Descriptor, History, Incident, Role};
use varde_proto::limits;

/// Our descriptor with the statement of why the log before ended, where there was one.
pub(super) fn explained(home: &Home, descriptor: Descriptor) -> Result<Descriptor, Failure> {
    if descriptor.origin().generation() == 1 {
        return Ok(descriptor);
    }
    let path = home.path(home::INCIDENT);
    let statement = armor::decode(Label::Incident, &files::read_text(&path, limits::ARMOR_BYTES)?);
    let broken = |bad: &dyn std::fmt::Display| {
        Failure::usage(format!("{}: {bad}", path.display()))
            .means("it is not the statement with which this node's log began")
            .next("restore it from a backup")
            .reason("bad-incident")
    };
    let statement = statement.map_err(|bad| broken(&bad))?;
    descriptor.with_incident(statement).map_err(|bad| broken(&bad))
}

/// Whether two people must decide about a descriptor: it is of a later log than its node's first, and that log is not pinned. A
/// generation that ended, one that does not follow the pinned one, and another identity are refused.
pub(super) fn needs_two(home: &Home, found: &Descriptor) -> Result<bool, Failure> {
    let (node, now) = (found.node(), found.origin());
    let Some(pinned) = super::pins::read(home, node)?.and_then(|pin| pin.descriptor.ok()) else {
        return Ok(now.generation() > 1);
    };
    let before = pinned.origin();
    let refused = |what: String, next: &str, reason| {
        Err(Failure::refused(what).means("nothing was pinned").next(next).reason(reason))
    };
    if before.generation() == now.generation() {
        if pinned.explanation() == found.explanation() {
            return Ok(false);
        }
        let what = format!("{now} is pinned with another statement of why it began");
        return refused(what, "call the peer: a log begins once, and with one statement", "generation-differs");
    }
    if now.generation() < before.generation() {
        let what = format!("{now} ended: {before} is pinned, which follows it");
        return refused(what, "ask the peer for the descriptor of its log of now", "generation-ended");
    }
    if pinned.keys().id() != found.keys().id() {
        let what = format!("{now} is of another identity key than {before}, which is pinned");
        return refused(what, "call the peer: nobody but the holder of that key can end a log", "other-identity");
    }
    let Some(incident) = found.incident().filter(|incident| incident.previous == *before) else {
        let what = format!("{now} does not follow {before}, which is pinned");
        let next = "ask the peer for the descriptors in between, and add them in their order";
        return refused(what, next, "generation-skipped");
    };
    let keys = told(home, &pinned);
    // The log may have had another key since it was pinned, which goes on in the next one; whether that can be, its own node knows.
    let known = |size| keys.at(Role::Log, size).into_iter().chain(found.key(Role::Log).copied()).collect();
    if !incident.is_headed(known) {
        let what = format!("the newest head in the statement why {before} ended is not signed by that log");
        return refused(what, "call the peer: its statement is damaged or false", "generation-head-unsigned");
    }
    if let Some(role) = keys.names_again(found.keys()) {
        let what = format!("{now} names as its {role} key one that {before} has revoked");
        return refused(what, "call the peer: a revoked key may be in other hands", "generation-revoked-key");
    }
    Ok(true)
}

/// What is known of the keys of a pinned log.
fn told(home: &Home, pinned: &Descriptor) -> History {
    let shown = History::pinned(pinned);
    let text = files::read_text(&home.path(home::history(pinned.node())), limits::KEY_HISTORY_BYTES);
    let told = text.ok().and_then(|text| History::read_whole(&text).ok());
    told.filter(|told| told.continues(&shown)).unwrap_or(shown)
}

/// One person's yes to a peer's new log. The second person's pins it.
pub(super) fn run(
    home: &Home,
    (found, text): (&Descriptor, &str),
    credential: &Credential,
    context: &Context,
) -> Result<Exit, Failure> {
    let (node, generation) = (found.node(), found.origin().generation());
    let descriptor = armor::decode(Label::Descriptor, text).map_err(|bad| Failure::usage(bad.to_string()))?;
    let act = credential.sign(Verb::Succeed, envelope::digest(&descriptor), context)?;
    let [first, second] = [1, 2].map(|place| home.path(home::accepted(node, generation, place)));
    let proposed = home.path(home::successor(node, generation));
    let write = |path: &Path, text: &str| files::replace(path, text.as_bytes()).map_err(|e| files::unwritten(path, &e));
    let waits = files::read_text(&proposed, limits::ARMOR_BYTES).is_ok_and(|waiting| waiting == text);
    let one = files::read_text(&first, limits::ARMOR_BYTES).ok();
    let one = one.filter(|_| waits).and_then(|text| armor::decode(Label::Act, &text).ok());
    let staff: Vec<_> = home.config.operators.iter().map(|operator| operator.public_key).collect();
    let Some(one) = one.and_then(|one| act::signer(&one, &staff)) else {
        write(&first, &armor::encode(Label::Act, &act))?;
        write(&proposed, text)?;
        return say(found, "one-of-two", context);
    };
    if act::signer(&act, &staff) == Some(one) {
        return Err(Failure::refused("whoever accepted the new log of a peer first cannot accept it a second time")
            .means("four eyes: two people answer for dealing with a log that follows one that was lost; nothing was pinned")
            .next(format!("another member of staff runs: varde peer add FILE --as THEIR-KEY-FILE, with the file of {node}"))
            .reason("same-person"));
    }
    write(&second, &armor::encode(Label::Act, &act))?;
    add::accept(home, found, context.now()?)?;
    write(&home.path(home::descriptor(node)), text)?;
    // What was proposed is pinned, and what the old log said of its keys is over.
    for over in [proposed, home.path(home::history(node))] {
        let _ = std::fs::remove_file(over);
    }
    say(found, "replaced", context)
}

fn say(found: &Descriptor, outcome: &str, context: &Context) -> Result<Exit, Failure> {
    let then = found.incident().map_or("", |incident| incident.previous.as_str());
    let now = found.origin();
    let reason = found.incident().map_or("", |incident| incident.reason.name());
    let head = found.incident().and_then(Incident::answered).map(|head| head.size);
    if context.render.is_json() {
        context.render.document(&serde_json::json!({
            "country": found.node().as_str(),
            "origin": now.as_str(),
            "previous": then,
            "reason": reason,
            "peers_had": head,
            "outcome": outcome,
        }))?;
        return Ok(Exit::Done);
    }
    let had = head.map_or_else(String::new, |head| format!("; the newest head that its peers had is of {head} leaves"));
    context.render.talk(&format!("{then} ended ({reason}), and {now} follows it{had}."));
    context.render.talk(&match outcome {
        "replaced" => format!(
            "{now} is pinned in its place. What was owed to {then} is given up: `varde alert list` shows what to release again."
        ),
        _ => "Nothing is pinned anew until a second person has accepted this: varde peer add FILE --as THEIR-KEY-FILE".to_owned(),
    });
    Ok(Exit::Done)
}
