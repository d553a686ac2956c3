//! What this country says of an agreement: signed with the identity key, as a file that the node takes up.

use crate::failure::Failure;
use crate::files;
use crate::home::Home;
use crate::peer::pins;
use varde_proto::agreement::Agreement;
use varde_proto::home;
use varde_proto::id::{Digest, NodeId, Origin};
use varde_proto::identity::{Acceptance, Revocation, SecretKey, Word};
use varde_proto::limits;
use varde_proto::time::Timestamp;

/// The log of a pinned peer.
pub(super) fn log_of(home: &Home, peer: NodeId) -> Result<Origin, Failure> {
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

/// Everything that was said of agreements with a country, signed anew as its log and ours are called now, where one of the two goes on
/// under another name: what each file is called, and its text.
pub(crate) fn said_again(
    home: &Home,
    (from, with): (&Origin, &Origin),
    id: &SecretKey,
) -> Result<Vec<(String, String)>, Failure> {
    let Ok(entries) = std::fs::read_dir(home.path(home::AGREEMENTS)) else { return Ok(Vec::new()) };
    let mut said = Vec::new();
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.ends_with(home::ACCEPTANCE_SUFFIX) && !name.ends_with(home::REVOCATION_SUFFIX) {
            continue;
        }
        let text = files::read_text(&entry.path(), limits::ARMOR_BYTES)?;
        let Ok((word, _)) = Word::open_text(&text, home.genesis.keys().id()) else { continue };
        let of = word.of();
        if of.with.node() != with.node() || (of.from == *from && of.with == *with) {
            continue;
        }
        let of = Acceptance { from: from.clone(), with: with.clone(), salt: pins::salt()?, ..of.clone() };
        let text = word.again(of).sign_text(id).map_err(|bad| Failure::ours(format!("cannot sign: {bad}")))?;
        said.push((format!("{}/{name}", home::AGREEMENTS), text));
    }
    Ok(said)
}
