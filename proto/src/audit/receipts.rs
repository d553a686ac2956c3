//! Receipts: each a tlog-proof of the peer's leaf about an item that we sent. What the log claims to hold must be there.

use super::channels::{Channel, about};
use super::codes;
use super::crew::Line;
use super::dating::Known;
use super::files::Files;
use super::finding::Finding;
use super::layout::{self, receipts_folder};
use super::leaves::{Held, Leaves};
use super::shown::{Proofs, Shown};
use super::source::{BundleSource, Unreadable};
use crate::id::{Digest, LogIndex, NodeId, Origin, TreeSize};
use crate::log::Checkpoint;
use crate::log::event::{Direction, Event, Kind};
use crate::log::head::Head;
use crate::log::note::Note;
use crate::log::tiles::{parse_index, read_bundle};
use std::collections::{BTreeMap, BTreeSet};

/// Which receipts and senders' proofs verify, and what they and `witnessed/` show of other logs.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Receipts that verify.
    pub(super) count: u64,
    /// Heads of other logs, by size.
    pub(super) heads: BTreeMap<Origin, Vec<(u64, Digest)>>,
    /// When the leaves that they show were written, by the other logs' clocks.
    pub(super) known: Known,
    /// Receipts and senders' proofs of which something is already said.
    pub(super) bad: BTreeSet<(Channel, u64)>,
}

/// How a file of proofs is read: which way its items go, where it lies, and who judges each.
pub(super) struct Sort {
    pub(super) direction: Direction,
    pub(super) folder: fn(&Origin, u8) -> String,
    pub(super) under: &'static str,
    pub(super) misplaced: &'static str,
    pub(super) judge: fn(&mut Receipts, &Channel, u64, Shown, &mut Leaves<'_>),
}

const RECEIPT: Sort = Sort {
    direction: Direction::Out,
    folder: receipts_folder,
    under: "receipts/",
    misplaced: "is not where receipts lie",
    judge: Receipts::receipt,
};

impl Receipts {
    /// Reads every receipt and every witnessed head, then what the log claims to hold.
    pub(super) fn read(files: &mut Files<'_>, leaves: &mut Leaves<'_>) -> Result<Self, Unreadable> {
        let mut receipts = Self { known: Known::of(&leaves.own.woven), ..Self::default() };
        receipts.proofs(&RECEIPT, files, leaves)?;
        receipts.sent_proofs(files, leaves)?;
        receipts.witnessed(files, leaves)?;
        receipts.settle(leaves);
        receipts.compare_held(files, leaves);
        Ok(receipts)
    }

    /// Reads the proofs of one sort, channel by channel and by number.
    pub(super) fn proofs(
        &mut self,
        sort: &Sort,
        files: &mut Files<'_>,
        leaves: &mut Leaves<'_>,
    ) -> Result<(), Unreadable> {
        let mut paths = files.under(sort.under).into_iter();
        let mut line = Line::new(files.crew);
        loop {
            while !line.is_full()
                && let Some(path) = paths.next()
            {
                let Some((channel, block)) = parse_path(&path, sort.direction, sort.folder) else {
                    files.lose(&path, sort.misplaced, leaves.out);
                    continue;
                };
                let Some(proofs) = files.take_packed(&path, leaves.out)? else { continue };
                let proofs = Proofs::new(&channel, block, proofs, leaves);
                line.give(move || (channel, block, proofs.open()));
            }
            let Some((channel, block, shown)) = line.take()? else { return Ok(()) };
            for (seq, shown) in (block * layout::PACK + 1..).zip(shown) {
                if let Some(shown) = shown {
                    (sort.judge)(self, &channel, seq, shown, leaves);
                }
            }
        }
    }

    fn receipt(&mut self, channel: &Channel, seq: u64, shown: Shown, leaves: &mut Leaves<'_>) {
        let digest = shown.digest;
        let (code, text) = match self.verify(channel, seq, shown, leaves) {
            Ok((index, event)) => {
                self.count += 1;
                leaves.channels.prove(channel, seq, index);
                self.good(channel, seq, digest, &event, leaves);
                return;
            }
            Err(Wrong::Unknowable) => {
                self.bad.insert((channel.clone(), seq));
                return;
            }
            Err(Wrong::Invalid(text)) => (codes::RECEIPT_INVALID, text),
            Err(Wrong::Other(text)) => (codes::RECEIPT_DIFFERS, text),
        };
        self.bad.insert((channel.clone(), seq));
        leaves.out.add(about(code, text, channel, seq));
    }

    /// What a receipt that verifies says.
    fn good(&self, channel: &Channel, seq: u64, digest: Option<Digest>, event: &Event, leaves: &mut Leaves<'_>) {
        let held = leaves.held.get(channel).map_or(&[][..], Vec::as_slice);
        let held = held.binary_search_by_key(&seq, |held| held.seq).ok().and_then(|place| held.get(place));
        if let Some(held) = held.filter(|held| Some(held.digest) != digest) {
            let text = format!("leaf {} names another receipt than the one in the bundle", held.index.0);
            leaves.out.add(about(codes::RECEIPT_MISSING, text, channel, seq).at(held.index));
        }
        if event.kind == Kind::REJECTED {
            let text = format!("{} refused it: {}", channel.peer, reason(event));
            leaves.out.add(about(codes::REJECTED, text, channel, seq).between(Some(event.time), Some(event.time)));
        }
        let given_up = leaves.channels.item(channel, seq).is_some_and(|item| item.kind == Kind::ABANDONED);
        if event.kind == Kind::ABANDONED && !given_up && leaves.unknown.is_empty() {
            let text = format!("{} says that it was abandoned, and this log does not", channel.peer);
            leaves.out.add(about(codes::ABANDONED_BY_RECEIVER, text, channel, seq).of(&channel.peer));
        }
    }

    fn verify(
        &mut self,
        channel: &Channel,
        seq: u64,
        shown: Shown,
        leaves: &mut Leaves<'_>,
    ) -> Result<(LogIndex, Event), Wrong> {
        let (index, event) = self.leaf(channel, shown, leaves)?;
        let answers = matches!(event.kind, Kind::RECEIVED | Kind::REJECTED | Kind::ABANDONED);
        if !answers || event.direction != Direction::In {
            return Err(Wrong::Other("the leaf it shows is not about this item".into()));
        }
        match same_item(&event, channel, seq, leaves)? {
            Same::Yes | Same::Unknowable => Ok((index, event)),
            Same::Other => Err(Wrong::Other("the peer received another item under this number".into())),
            Same::None => Err(Wrong::Other("the log does not say that this item was sent".into())),
        }
    }

    /// A leaf of the peer's log, proven by a head that the peer signed.
    pub(super) fn leaf(
        &mut self,
        channel: &Channel,
        shown: Shown,
        leaves: &mut Leaves<'_>,
    ) -> Result<(LogIndex, Event), Wrong> {
        if leaves.peers.get(&channel.peer).is_none() && !leaves.unknown.is_empty() {
            return Err(Wrong::Unknowable);
        }
        if let Some((size, root)) = shown.head {
            self.keep(&channel.peer, size, root);
        }
        let (index, event) = shown.leaf.map_err(Wrong::Invalid)?;
        self.known.add(&channel.peer, index, event.time);
        Ok((index, event))
    }

    fn keep(&mut self, origin: &Origin, size: u64, root: Digest) {
        if !self.heads.contains_key(origin) {
            self.heads.insert(origin.clone(), Vec::new());
        }
        if let Some(heads) = self.heads.get_mut(origin).filter(|heads| heads.last() != Some(&(size, root))) {
            heads.push((size, root));
        }
    }

    /// All heads are known: of each log in order of size, each once.
    fn settle(&mut self, leaves: &mut Leaves<'_>) {
        for (origin, heads) in &mut self.heads {
            heads.sort_unstable();
            heads.dedup();
            for two in heads.windows(2).filter(|two| two[0].0 == two[1].0) {
                let text = format!("{origin} signed two different roots of {} leaves", two[0].0);
                leaves.out.add(Finding::new(codes::SPLIT_VIEW, text).of(origin));
            }
        }
    }

    fn witnessed(&mut self, files: &mut Files<'_>, leaves: &mut Leaves<'_>) -> Result<(), Unreadable> {
        for path in files.under("witnessed/") {
            let Some(bytes) = files.take(&path, leaves.out)? else { continue };
            let origin = path.strip_prefix("witnessed/").and_then(|origin| Origin::parse(origin).ok());
            let Some(origin) = origin else {
                files.lose(&path, "is not named after a log", leaves.out);
                continue;
            };
            let size = Note::parse(&bytes).ok().and_then(|note| Checkpoint::parse(note.text()).ok()).map(|c| c.size());
            let keys = leaves.peers.get(&origin).map(|pinned| pinned.log_keys(size.unwrap_or(TreeSize(0))));
            let keys = keys.unwrap_or_default();
            match Head::from_note(&bytes, &origin, &keys) {
                Ok(head) => self.keep(&origin, head.size().0, head.root()),
                Err(_) if keys.is_empty() && !leaves.unknown.is_empty() => {}
                Err(bad) => {
                    leaves.out.add(Finding::new(codes::WITNESS_INVALID, format!("{path}: {bad}")).with(&origin));
                }
            }
        }
        Ok(())
    }

    /// Every number up to the newest that the log claims must have its receipt; what is beyond is still owed.
    fn compare_held(&self, files: &Files<'_>, leaves: &mut Leaves<'_>) {
        let Leaves { channels, held, peers, out, .. } = leaves;
        for (channel, items) in channels.iter().filter(|(channel, _)| channel.direction == Direction::Out) {
            // What was given up when the peer's log ended is owed to nobody.
            let over = peers.pinned(&channel.peer).is_none();
            if files.lost(&receipts_folder(&channel.peer, channel.class)) {
                continue;
            }
            let through = held.get(channel).and_then(|held| held.last());
            for item in items.iter().filter(|item| item.proof().is_none()) {
                if self.bad.contains(&(channel.clone(), item.seq))
                    || over && item.kind == Kind::ABANDONED && through.is_none_or(|through| item.seq > through.seq)
                {
                    continue;
                }
                let finding = match through.filter(|through| item.seq <= through.seq) {
                    Some(Held { index, .. }) => {
                        let text =
                            format!("leaf {} says that its receipt is held, and it is not in the bundle", index.0);
                        about(codes::RECEIPT_MISSING, text, channel, item.seq).at(*index)
                    }
                    None => {
                        let text = format!("sent to {} and not receipted", channel.peer);
                        about(codes::UNDELIVERED, text, channel, item.seq).at(item.index)
                    }
                };
                out.add(finding.between(Some(item.time), None));
            }
        }
    }
}

/// Whether a leaf of the peer is about the item that our log has under this number.
pub(super) enum Same {
    Yes,
    Other,
    None,
    /// The leaf of our log that would tell could not be read.
    Unknowable,
}

/// Compares a leaf of the peer with our log; an error if it is of another channel or number.
pub(super) fn same_item(event: &Event, channel: &Channel, seq: u64, leaves: &Leaves<'_>) -> Result<Same, Wrong> {
    let with_us = event.peer.as_ref() == Some(leaves.genesis.origin());
    if !with_us || event.class != channel.class || event.seq != seq {
        return Err(Wrong::Other("the leaf it shows is not about this item".into()));
    }
    Ok(match leaves.channels.item(channel, seq) {
        Some(item) if item.object != event.object => Same::Other,
        Some(_) if leaves.channels.chain(channel, seq) == Some(event.chain) => Same::Yes,
        Some(_) => Same::Other,
        None if !leaves.unknown.is_empty() => Same::Unknowable,
        None => Same::None,
    })
}

/// Why a proof proves nothing of an item.
pub(super) enum Wrong {
    /// The leaf that pins the peer could not be read, which is already said.
    Unknowable,
    Invalid(String),
    Other(String),
}

/// `<sort>/<network>/<cc>/<generation>/<class>/<number>`
pub(super) fn parse_path(
    path: &str,
    direction: Direction,
    folder: fn(&Origin, u8) -> String,
) -> Option<(Channel, u64)> {
    let mut parts = path.splitn(6, '/');
    let (_, network, country, generation) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let peer = Origin::parse(&format!("{network}/{country}/{generation}")).ok()?;
    let class = parts.next()?.parse().ok()?;
    let block = parse_index(parts.next()?)?;
    let canonical = layout::packed(&folder(&peer, class), block) == path;
    canonical.then_some((Channel { direction, peer, class }, block))
}

/// The code that a `rejected` leaf gives, cut to what a code may hold.
fn reason(event: &Event) -> String {
    let plain = |b: &&u8| b.is_ascii_lowercase() || b.is_ascii_digit() || **b == b'-' || **b == b':';
    event.body.iter().filter(plain).take(64).map(|b| char::from(*b)).collect()
}

/// Bytes of the largest packed file: as many things as it may hold, each of the longest length.
const PACKED_BYTES: u64 = layout::PACK * (2 + u16::MAX as u64);

/// One receipt of a bundle as it stands there: a tlog-proof of the recipient's log, which `varde audit proof` and others'
/// tools verify. The newest generation of the recipient's log counts. Nothing is verified here.
pub fn extract(bundle: &dyn BundleSource, from: NodeId, class: u8, seq: u64) -> Result<Option<Vec<u8>>, Unreadable> {
    let (block, place) = (seq.saturating_sub(1) / layout::PACK, seq.saturating_sub(1) % layout::PACK);
    let wanted = |path: &String| {
        parse_path(path, Direction::Out, receipts_folder)
            .filter(|(channel, number)| channel.peer.node() == from && channel.class == class && *number == block)
    };
    let paths = bundle.paths()?;
    let newest = paths.iter().filter_map(|path| Some((wanted(path)?.0.peer.generation(), path))).max();
    let Some((_, path)) = newest else { return Ok(None) };
    let bytes = bundle.read(path, PACKED_BYTES)?.unwrap_or_default();
    let place = usize::try_from(place).unwrap_or(usize::MAX);
    let proof = read_bundle(&bytes).and_then(|things| things.get(place).map(|thing| thing.to_vec()));
    Ok(proof.filter(|proof| !proof.is_empty()))
}
