//! What a node that was restored from a backup asks its peers, and what they give back.

use super::{
    BadFrame, Position, Shown, bound, digest_bytes, read_checkpoint, read_hashes, read_position, read_shown,
    write_position, write_shown,
};
use crate::envelope::Envelope;
use crate::id::Digest;
use crate::limits;
use crate::wire::peer;

/// What the sender keeps of the receiver's log.
#[derive(Debug, Clone)]
pub struct Held {
    /// The newest head that it verified, not yet verified by the receiver; `None` when it knows none.
    pub checkpoint: Option<peer::Checkpoint>,
    /// How many entries it keeps, from the first on.
    pub entries: u64,
    /// How many of the receiver's key statements it knows.
    pub statements: u32,
}

/// Asks for what was exchanged after these numbers.
#[derive(Debug, Clone)]
pub struct Regain {
    /// How far the asker knows that what it sent was answered, or has been given back, for each class.
    pub sent: Vec<Position>,
    /// How far it knows that it received.
    pub received: Vec<Position>,
    /// Size of the giver's log that it verified last.
    pub size: u64,
    /// How many of the giver's key statements it knows.
    pub statements: u32,
}

/// Things given back.
#[derive(Debug, Clone)]
pub struct Regained {
    /// The giver's newest head, in which its own leaves are shown.
    pub checkpoint: peer::Checkpoint,
    /// That it extends what the asker verified last (RFC 6962).
    pub consistency: Vec<Digest>,
    /// The things, in order within each channel.
    pub items: Vec<RegainedItem>,
    /// Nothing more is held.
    pub last: bool,
    /// The giver's genesis and key statements, as leaves of `checkpoint`, where the asker knows fewer; then there are no items.
    pub keys: Vec<Shown>,
}

/// Something that was exchanged.
#[derive(Debug, Clone)]
pub struct RegainedItem {
    /// The asker's leaf, which it once showed; without a path, since the asker has the tree.
    pub yours: Shown,
    /// What was exchanged, unless it was erased or abandoned.
    pub envelope: Option<Envelope>,
    /// The giver's leaf, where it was the sender.
    pub mine: Option<Shown>,
}

pub(super) fn read_held(held: peer::Held) -> Result<Held, BadFrame> {
    let peer::Held { checkpoint, entries, statements } = held;
    let checkpoint = checkpoint.map(|checkpoint| read_checkpoint(Some(checkpoint))).transpose()?;
    Ok(Held { checkpoint, entries, statements })
}

pub(super) fn write_held(held: Held) -> peer::Held {
    peer::Held { checkpoint: held.checkpoint, entries: held.entries, statements: held.statements }
}

pub(super) fn read_regain(regain: peer::Regain) -> Result<Regain, BadFrame> {
    let peer::Regain { sent, received, size, statements } = regain;
    bound(sent.len().max(received.len()) <= usize::from(limits::CLASSES), "regain")?;
    let positions = |list: Vec<peer::Position>| list.into_iter().map(read_position).collect::<Result<_, _>>();
    Ok(Regain { sent: positions(sent)?, received: positions(received)?, size, statements })
}

pub(super) fn write_regain(regain: Regain) -> peer::Regain {
    let positions = |list: Vec<Position>| list.into_iter().map(write_position).collect();
    let (size, statements) = (regain.size, regain.statements);
    peer::Regain { sent: positions(regain.sent), received: positions(regain.received), size, statements }
}

pub(super) fn read_regained(regained: peer::Regained) -> Result<Regained, BadFrame> {
    let peer::Regained { checkpoint, items, last, consistency, keys } = regained;
    bound(items.len() <= limits::FRAME_ITEMS, "items")?;
    bound(keys.len() <= limits::KEY_STATEMENTS as usize + 1 && (keys.is_empty() || items.is_empty()), "keys")?;
    let keys = keys.into_iter().map(read_shown).collect::<Result<_, _>>()?;
    let item = |item: peer::RegainedItem| {
        let peer::RegainedItem { yours, envelope, mine } = item;
        let yours = read_shown(yours.ok_or(BadFrame::Field("yours"))?)?;
        Ok(RegainedItem { yours, envelope, mine: mine.map(read_shown).transpose()? })
    };
    let items = items.into_iter().map(item).collect::<Result<_, _>>()?;
    let consistency = read_hashes(consistency, "consistency")?;
    Ok(Regained { checkpoint: read_checkpoint(checkpoint)?, consistency, items, last, keys })
}

pub(super) fn write_regained(regained: Regained) -> peer::Regained {
    let item = |item: RegainedItem| peer::RegainedItem {
        yours: Some(write_shown(item.yours)),
        envelope: item.envelope,
        mine: item.mine.map(write_shown),
    };
    let items = regained.items.into_iter().map(item).collect();
    let consistency = regained.consistency.iter().map(digest_bytes).collect();
    let keys = regained.keys.into_iter().map(write_shown).collect();
    peer::Regained { checkpoint: Some(regained.checkpoint), items, last: regained.last, consistency, keys }
}
