//! Receipts: each a tlog-proof of the peer's leaf about an item that we sent. What the log claims to hold must be there.

use super::channels::{Channel, about};
use super::codes;
use super::dating::Known;
use super::files::Files;
use super::finding::Finding;
use super::layout::{self, receipts_folder};
use super::leaves::Leaves;
use super::source::{BundleSource, Unreadable};
use crate::id::{Digest, LogIndex, NodeId, Origin};
use crate::log::event::{Direction, Event, Kind};
use crate::log::head::Head;
use crate::log::merkle;
use crate::log::proof::TlogProof;
use crate::log::tiles::{parse_index, read_bundle};
use std::collections::{BTreeMap, BTreeSet};

/// One receipt that verifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// The item's number.
    pub seq: u64,
    /// The leaf in the peer's log.
    pub index: LogIndex,
    /// `received`, `rejected` or `abandoned`.
    pub kind: Kind,
    /// Size of the peer's tree in which it was proven.
    pub size: u64,
}

/// The sender's proof of one item taken, which verifies and is of that item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentProof {
    /// The item's number.
    pub seq: u64,
    /// The leaf in the sender's log.
    pub index: LogIndex,
}

/// Receipts by channel, and heads of other logs that they and `witnessed/` show.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    pub(super) by_channel: BTreeMap<Channel, Vec<Receipt>>,
    pub(super) sent: BTreeMap<Channel, Vec<SentProof>>,
    pub(super) heads: BTreeMap<Origin, BTreeMap<u64, Digest>>,
    /// When the leaves that they show were written, by the other logs' clocks.
    pub(super) known: Known,
    last: Option<(String, Head)>,
    /// Receipts and senders' proofs of which something is already said.
    pub(super) bad: BTreeSet<(Channel, u64)>,
}

impl Receipts {
    /// Reads every receipt and every witnessed head, then what the log claims to hold.
    pub(super) fn read(files: &mut Files<'_>, leaves: &mut Leaves<'_>) -> Result<Self, Unreadable> {
        let mut receipts = Self::default();
        for path in files.under("receipts/") {
            let Some((channel, block)) = parse_path(&path, Direction::Out, receipts_folder) else {
                files.lose(&path, "is not where receipts lie", leaves.out);
                continue;
            };
            let Some(proofs) = files.take_packed(&path, leaves.out)? else { continue };
            for (place, proof) in proofs.iter().enumerate().filter(|(_, proof)| !proof.is_empty()) {
                receipts.receipt(&channel, block * layout::PACK + place as u64 + 1, proof, leaves);
            }
        }
        receipts.sent_proofs(files, leaves)?;
        receipts.witnessed(files, leaves)?;
        receipts.compare_held(files, leaves);
        Ok(receipts)
    }

    fn receipt(&mut self, channel: &Channel, seq: u64, bytes: &[u8], leaves: &mut Leaves<'_>) {
        let (code, text) = match self.verify(channel, seq, bytes, leaves) {
            Ok((receipt, event)) => {
                self.compare_digest(channel, seq, bytes, leaves);
                self.by_channel.entry(channel.clone()).or_default().push(receipt);
                if receipt.kind == Kind::REJECTED {
                    let text = format!("{} refused it: {}", channel.peer, reason(&event));
                    let finding =
                        about(codes::REJECTED, text, channel, seq).between(Some(event.time), Some(event.time));
                    leaves.out.add(finding);
                }
                let given_up = leaves.channels.item(channel, seq).is_some_and(|item| item.kind == Kind::ABANDONED);
                if receipt.kind == Kind::ABANDONED && !given_up && leaves.unknown.is_empty() {
                    let text = format!("{} says that it was abandoned, and this log does not", channel.peer);
                    leaves.out.add(about(codes::ABANDONED_BY_RECEIVER, text, channel, seq).of(&channel.peer));
                }
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

    /// A receipt that verifies, and is not the one that the log says is held.
    fn compare_digest(&self, channel: &Channel, seq: u64, bytes: &[u8], leaves: &mut Leaves<'_>) {
        let held = leaves.held.get(&(channel.clone(), seq)).copied();
        if let Some(held) = held.filter(|held| held.digest != Digest::of(bytes)) {
            let text = format!("leaf {} names another receipt than the one in the bundle", held.index.0);
            leaves.out.add(about(codes::RECEIPT_MISSING, text, channel, seq).at(held.index));
        }
    }

    fn verify(
        &mut self,
        channel: &Channel,
        seq: u64,
        bytes: &[u8],
        leaves: &mut Leaves<'_>,
    ) -> Result<(Receipt, Event), Wrong> {
        let shown = self.shown(channel, bytes, leaves)?;
        let event = &shown.event;
        let answers = matches!(event.kind, Kind::RECEIVED | Kind::REJECTED | Kind::ABANDONED);
        if !answers || event.direction != Direction::In {
            return Err(Wrong::Other("the leaf it shows is not about this item".into()));
        }
        match same_item(event, channel, seq, leaves)? {
            Same::Yes | Same::Unknowable => {}
            Same::Other => return Err(Wrong::Other("the peer received another item under this number".into())),
            Same::None => return Err(Wrong::Other("the log does not say that this item was sent".into())),
        }
        let Shown { index, size, event } = shown;
        Ok((Receipt { seq, index, kind: event.kind, size }, event))
    }

    /// A leaf of the peer's log, proven by a head that the peer signed.
    pub(super) fn shown(&mut self, channel: &Channel, bytes: &[u8], leaves: &mut Leaves<'_>) -> Result<Shown, Wrong> {
        let invalid = |text: String| Wrong::Invalid(text);
        if leaves.peers.get(&channel.peer).is_none() && !leaves.unknown.is_empty() {
            return Err(Wrong::Unknowable);
        }
        let proof = TlogProof::parse(bytes).map_err(|bad| invalid(bad.to_string()))?;
        let opening = proof.opening().ok_or_else(|| invalid("it does not show the leaf it is of".into()))?;
        let head = self.head(&proof, &channel.peer, leaves).map_err(invalid)?;
        merkle::verify_inclusion(proof.index, head.size(), &opening.entry().leaf_hash(), &proof.path, &head.root())
            .map_err(|bad| invalid(bad.to_string()))?;
        self.known.add(&channel.peer, proof.index, opening.event().time);
        Ok(Shown { index: proof.index, size: head.size().0, event: opening.event().clone() })
    }

    /// The peer's head in a proof; the receipts of one frame share it, so it is verified once.
    fn head(&mut self, proof: &TlogProof, peer: &Origin, leaves: &mut Leaves<'_>) -> Result<Head, String> {
        let text = proof.checkpoint.write();
        if let Some((same, head)) = &self.last
            && *same == text
            && head.origin() == peer
        {
            return Ok(head.clone());
        }
        let keys = leaves.peers.get(peer).map(|pinned| pinned.log_keys.clone()).unwrap_or_default();
        let head = Head::verify(proof.checkpoint.clone(), peer, &keys).map_err(|bad| bad.to_string())?;
        self.keep(&head, leaves);
        self.last = Some((text, head.clone()));
        Ok(head)
    }

    fn keep(&mut self, head: &Head, leaves: &mut Leaves<'_>) {
        let heads = self.heads.entry(head.origin().clone()).or_default();
        let before = heads.insert(head.size().0, head.root());
        if before.is_some_and(|root| root != head.root()) {
            let text = format!("{} signed two different roots of {} leaves", head.origin(), head.size().0);
            leaves.out.add(Finding::new(codes::SPLIT_VIEW, text).of(head.origin()));
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
            let keys = leaves.peers.get(&origin).map(|pinned| pinned.log_keys.clone()).unwrap_or_default();
            match Head::from_note(&bytes, &origin, &keys) {
                Ok(head) => self.keep(&head, leaves),
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
        let mut claimed: BTreeMap<&Channel, (u64, LogIndex)> = BTreeMap::new();
        for ((channel, seq), held) in &leaves.held {
            claimed.insert(channel, (*seq, held.index));
        }
        let mut findings = Vec::new();
        for (channel, items) in leaves.channels.iter().filter(|(channel, _)| channel.direction == Direction::Out) {
            if files.lost(&receipts_folder(&channel.peer, channel.class)) {
                continue;
            }
            let none = Vec::new();
            let receipts = self.by_channel.get(channel).unwrap_or(&none);
            let through = claimed.get(channel).copied();
            for item in items {
                let there = receipts.binary_search_by_key(&item.seq, |receipt| receipt.seq).is_ok();
                if there || self.bad.contains(&(channel.clone(), item.seq)) {
                    continue;
                }
                let finding = match through {
                    Some((seq, index)) if item.seq <= seq => {
                        let text =
                            format!("leaf {} says that its receipt is held, and it is not in the bundle", index.0);
                        about(codes::RECEIPT_MISSING, text, channel, item.seq).at(index)
                    }
                    _ => {
                        let text = format!("sent to {} and not receipted", channel.peer);
                        about(codes::UNDELIVERED, text, channel, item.seq).at(item.index)
                    }
                };
                findings.push(finding.between(Some(item.time), None));
            }
        }
        for finding in findings {
            leaves.out.add(finding);
        }
    }
}

/// What a proof shows: a leaf, its place, and the size of the tree it was proven in.
pub(super) struct Shown {
    pub(super) index: LogIndex,
    pub(super) size: u64,
    pub(super) event: Event,
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
        Some(item) if (item.object, item.chain) == (event.object, event.chain) => Same::Yes,
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
