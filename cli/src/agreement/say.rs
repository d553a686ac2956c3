//! What this country says of an agreement: signed with the identity key, as a file that the node takes up.

use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use crate::peer::pins;
use std::collections::{BTreeMap, BTreeSet};
use varde_proto::agreement::{Agreement, default_agreement};
use varde_proto::home;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::identity::{Acceptance, Revocation, SecretKey, Word};
use varde_proto::limits;
use varde_proto::time::Timestamp;

/// The log of a pinned peer.
pub(super) fn log_of(home: &Home, peer: NodeId) -> Result<Origin, Failure> {
    if home.path(home::BUMP).exists() {
        return Err(Failure::refused("the log of this node is about to end, and goes on under another name")
            .means("what is signed now would be about the old name; nothing was signed")
            .next("start the node on its new log first (`varde log status`), then run this again")
            .reason("log-ends"));
    }
    let pinned = pins::read(home, peer)?.and_then(|pin| pin.descriptor.ok());
    pinned.map(|descriptor| descriptor.origin().clone()).ok_or_else(|| {
        Failure::refused(format!("{peer} is not a pinned peer"))
            .means("an agreement is signed towards a log whose identity was compared; nothing was signed")
            .next(format!("`varde peer add FILE` pins {peer}"))
            .reason("unknown-peer")
    })
}

/// A yes to an agreement, or its end, towards a peer's log.
pub(super) fn word(
    home: &Home,
    (agreement, ends): (Digest, bool),
    with: Origin,
    now: Timestamp,
) -> Result<Word, Failure> {
    let (from, mode, salt) = (home.genesis.origin().clone(), home.genesis.mode(), pins::salt()?);
    let of = Acceptance { from, with, mode, agreement, accepted: now, salt };
    Ok(if ends { Word::No(Revocation(of)) } else { Word::Yes(of) })
}

/// Signs a word and lays it down for the node. The text must lie there first.
pub(super) fn say(home: &Home, word: &Word, id: &SecretKey) -> Result<(), Failure> {
    let of = word.of();
    let text = word.sign_text(id).map_err(|bad| Failure::ours(format!("cannot sign: {bad}")))?;
    lay(home, &home::word(&of.agreement, of.with.node(), matches!(word, Word::No(_))), &text)
}

/// Lays the text of an agreement down.
pub(super) fn lay_text(home: &Home, agreement: &Agreement) -> Result<(), Failure> {
    lay(home, &home::agreement(&agreement.id()), agreement.text())
}

fn lay(home: &Home, name: &str, text: &str) -> Result<(), Failure> {
    let (folder, path) = (home.path(home::AGREEMENTS), home.path(name));
    if !folder.exists() {
        files::make_dir(&folder).map_err(|e| files::unwritten(&folder, &e))?;
    }
    files::replace(&path, text.as_bytes()).map_err(|e| files::unwritten(&path, &e))
}

/// What was said of agreements with a country, signed anew as its log and ours are called now, where one of the two goes on under
/// another name: what each file is called, and its text. Where an agreement of their own was agreed on, what was before it is ended
/// towards the new name: the other side might not say again what replaced it.
pub(crate) fn said_again(
    home: &Home,
    (from, with): (&Origin, &Origin),
    id: &SecretKey,
) -> Result<Vec<(String, String)>, Failure> {
    let mut texts: BTreeMap<Digest, u32> = BTreeMap::from([(default_agreement(), 0)]);
    let (mut ours, mut theirs) = (Vec::new(), BTreeSet::new());
    for name in names(home) {
        let text = files::read_text(&home.path(home::AGREEMENTS).join(&name), limits::ARMOR_BYTES)?;
        let Some((agreement, rest)) = name.split_once('.') else { continue };
        let Ok(agreement) = Digest::parse(agreement) else { continue };
        let of_country = rest.starts_with(&format!("{}.", with.node()));
        if name.ends_with(home::TEXT_SUFFIX) {
            texts.extend(Agreement::read(&text).ok().map(|read| (read.id(), read.terms().edition)));
        } else if of_country && name.ends_with(home::PEER_ACCEPTANCE_SUFFIX) {
            theirs.insert(agreement);
        } else if let Ok((word, _)) = Word::open_text(&text, home.genesis.keys().id())
            && of_country
        {
            ours.push(word);
        }
    }
    let agreed = ours.iter().filter(|word| matches!(word, Word::Yes(_)) && theirs.contains(&word.of().agreement));
    let newest = agreed.filter_map(|word| texts.get(&word.of().agreement)).max().copied().unwrap_or(0);
    let mut said = Vec::new();
    let mut say = |agreement, ends| -> Result<(), Failure> {
        let (mode, salt) = (home.genesis.mode(), pins::salt()?);
        let accepted = ours.iter().map(|word| word.of().accepted).max().unwrap_or_default();
        let of = Acceptance { from: from.clone(), with: with.clone(), mode, agreement, accepted, salt };
        let word = if ends { Word::No(Revocation(of)) } else { Word::Yes(of) };
        let text = word.sign_text(id).map_err(|bad| Failure::ours(format!("cannot sign: {bad}")))?;
        said.push((home::word(&agreement, with.node(), ends), text));
        Ok(())
    };
    for word in &ours {
        let agreement = word.of().agreement;
        let Some(edition) = texts.get(&agreement) else { continue };
        say(agreement, matches!(word, Word::No(_)) || *edition < newest)?;
    }
    if newest > 0 {
        say(default_agreement(), true)?;
    }
    Ok(said)
}

/// The names of the files in the folder of agreements.
fn names(home: &Home) -> Vec<String> {
    let entries = std::fs::read_dir(home.path(home::AGREEMENTS)).into_iter().flatten().filter_map(Result::ok);
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}
