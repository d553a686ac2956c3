//! The desk at which one decision is written: reads see what earlier decisions of the same commit wrote, and a decision that
//! is refused leaves nothing behind.

mod staged;

use crate::port::{Batch, Entropy, Row, Store, StoreError};
use crate::rows;
use crate::state::{Book, ChannelKey, ChannelState, PeerHead, peer_parts};
use crate::vault::{self, Vault};
use staged::Undo;
pub(super) use staged::{Leaf, Staged};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use varde_proto::agreement::Agreed;
use varde_proto::id::{LogIndex, Origin};
use varde_proto::limits;
use varde_proto::log::body::Entangled;
use varde_proto::log::event::Event;
use varde_proto::log::frontier::Frontier;
use varde_proto::log::head::Head;
use varde_proto::log::leaf::Opening;
use varde_proto::time::Timestamp;
use zeroize::Zeroizing;

/// Where one decision reads and writes.
pub struct Desk<'a> {
    pub(super) book: &'a Book,
    pub(super) store: &'a dyn Store,
    pub(super) vault: &'a mut Vault,
    pub(super) entropy: &'a dyn Entropy,
    pub(super) staged: &'a mut Staged,
    pub(super) now: Timestamp,
    pub(super) locked: bool,
    undo: Undo,
}

impl<'a> Desk<'a> {
    pub(super) fn new(
        book: &'a Book,
        store: &'a dyn Store,
        vault: &'a mut Vault,
        entropy: &'a dyn Entropy,
        staged: &'a mut Staged,
        (now, locked): (Timestamp, bool),
    ) -> Self {
        let undo = staged.mark();
        Self { book, store, vault, entropy, staged, now, locked, undo }
    }

    /// Takes back everything this decision wrote.
    pub(super) fn undo(self) {
        self.staged.take_back(self.undo);
    }

    /// The time of this commit.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The name of our log.
    pub fn origin(&self) -> &Origin {
        &self.book.origin
    }

    /// Fresh random bytes.
    pub fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A row, as this commit will leave it.
    pub fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.staged.get(self.store, row)
    }

    /// A sealed row, unsealed.
    pub fn open(&self, row: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.vault.unsealer().open(row, |name| self.get(name))
    }

    /// Rows that are already durable, in order; this commit's own writes are not among them.
    pub fn scan_durable<'s>(
        &'s self,
        from: &[u8],
        to: &[u8],
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 's> {
        self.store.scan(from, to, false)
    }

    /// Writes a plain row. A value over the bound refuses the decision; it must never reach the store, where it would stop
    /// the writer.
    pub fn put(&mut self, row: Vec<u8>, value: Vec<u8>) -> Result<(), StoreError> {
        if value.len() > limits::STORED_VALUE_BYTES {
            return Err(StoreError::TooLarge(value.len()));
        }
        self.write(row, Some(value));
        Ok(())
    }

    /// Deletes a plain row.
    pub fn delete(&mut self, row: Vec<u8>) {
        self.write(row, None);
    }

    /// Writes a sealed row.
    pub fn seal(&mut self, row: Vec<u8>, plaintext: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let current = self.get(&row)?;
        self.vault.seal(&mut batch, row, current.as_deref(), plaintext)?;
        batch.writes.into_iter().for_each(|(row, value)| self.write(row, value));
        Ok(())
    }

    /// Deletes a sealed row together with its key.
    pub fn erase(&mut self, row: Vec<u8>) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let current = self.get(&row)?;
        self.vault.delete(&mut batch, row, current.as_deref())?;
        batch.writes.into_iter().for_each(|(row, value)| self.write(row, value));
        Ok(())
    }

    /// Deletes sealed rows for good, with every earlier version of them. Returns the bucket keys that must be destroyed once
    /// this commit is durable; before that, copies of the store can still be read.
    pub fn destroy(&mut self, doomed: &[Vec<u8>]) -> Result<Vec<u64>, StoreError> {
        let mut items = BTreeSet::new();
        for row in doomed {
            if let Some(value) = self.get(row)? {
                items.insert(vault::item_of(row, &value)?);
                self.delete(row.clone());
            }
            for trail in self.trail(row)? {
                let item = trail.last_chunk().map(|bytes| u64::from_be_bytes(*bytes));
                items.extend(item);
                self.delete(trail);
            }
        }
        let mut batch = Batch::default();
        let (staged, store) = (&*self.staged, self.store);
        let retired = self.vault.retire(&mut batch, &items, |row| staged.get(store, row))?;
        batch.writes.into_iter().for_each(|(row, value)| self.write(row, value));
        Ok(retired)
    }

    /// The rows that say where earlier versions of a row were stored, those of this commit among them.
    fn trail(&self, row: &[u8]) -> Result<BTreeSet<Vec<u8>>, StoreError> {
        let from = rows::row(rows::EARLIER, &[row]);
        let to = [&from[..], &[0xff; 9]].concat();
        let durable = self.scan_durable(&from, &to).map(|row| row.map(|(name, _)| name));
        let mut trail = durable.collect::<Result<BTreeSet<_>, _>>()?;
        for (name, value) in self.staged.rows.range(from..to) {
            if value.is_some() {
                trail.insert(name.clone());
            } else {
                trail.remove(name);
            }
        }
        Ok(trail)
    }

    fn write(&mut self, row: Vec<u8>, value: Option<Vec<u8>>) {
        self.undo.rows.push((row.clone(), self.staged.rows.get(&row).cloned()));
        self.staged.put(row, value);
    }

    /// A counter kept under `rows::FACT`: returns the next number, starting at 0.
    pub fn next_number(&mut self, name: &str) -> Result<u64, StoreError> {
        let row = rows::row(rows::FACT, &[name.as_bytes()]);
        let number = read_number(self.get(&row)?.as_deref(), name)?;
        self.put(row, (number + 1).to_be_bytes().to_vec())?;
        Ok(number)
    }

    /// A fact, as this commit will leave it.
    pub fn fact(&self, name: &FactName) -> Result<Option<Vec<u8>>, StoreError> {
        self.get(&name.0)
    }

    /// Forgets a fact.
    pub fn forget(&mut self, name: &FactName) {
        self.delete(name.0.clone());
    }

    /// Sets a fact.
    pub fn set_fact(&mut self, name: &FactName, value: Vec<u8>) -> Result<(), StoreError> {
        self.put(name.0.clone(), value)
    }

    /// Countries and generations of which a durable fact with this prefix is kept.
    pub fn facts_named(&self, prefix: &str) -> Result<Vec<(String, u32)>, StoreError> {
        let from = rows::row(rows::FACT, &[prefix.as_bytes()]);
        let to = [&from[..], &[0xff]].concat();
        let mut named = Vec::new();
        for row in self.scan_durable(&from, &to) {
            let (name, _) = row?;
            let text = name.get(from.len()..).and_then(|rest| std::str::from_utf8(rest).ok());
            let parts = text.and_then(|text| text.split_once('/'));
            if let Some((country, Ok(generation))) = parts.map(|(c, g)| (c.to_owned(), g.parse())) {
                named.push((country, generation));
            }
        }
        Ok(named)
    }

    /// The index that the next leaf will have.
    pub fn next_index(&self) -> LogIndex {
        LogIndex(self.book.tree.size().0 + self.staged.leaves.len() as u64)
    }

    /// The number under which the next leaf will be stored.
    pub fn next_leaf(&self) -> u64 {
        self.number(self.next_index().0)
    }

    /// The number under which something that is counted in our log is stored.
    pub fn number(&self, counted: u64) -> u64 {
        self.book.first + counted
    }

    /// Appends a leaf; its time is the commit's, and never before the leaf before it. Returns the number under which it is stored,
    /// and its opening.
    pub fn append(&mut self, mut event: Event) -> Result<(u64, Opening), StoreError> {
        if self.locked {
            return Err(StoreError::Locked);
        }
        let number = self.next_leaf();
        let last = self.last_time();
        event.time = self.now.max(last);
        let time = event.time;
        let opening = Opening::new(&self.random(), event)
            .map_err(|bad| StoreError::Damaged(format!("a leaf could not be written: {bad}")))?;
        let entry = opening.entry();
        self.put(rows::numbered(rows::LEAF, number), entry.bytes().to_vec())?;
        self.seal(rows::numbered(rows::OPENING, number), opening.bytes())?;
        let loud = !opening.event().kind.is_quiet();
        self.staged.leaves.push(Leaf { hash: entry.leaf_hash(), time, loud });
        Ok((number, opening))
    }

    /// Time of the newest leaf, as this commit will leave it.
    pub fn last_time(&self) -> Timestamp {
        self.staged.leaves.last().map_or(self.book.last_time, |leaf| leaf.time).max(self.staged.floor)
    }

    /// A channel, as this commit will leave it.
    pub fn channel(&self, key: &ChannelKey) -> ChannelState {
        self.staged.channels.get(key).copied().unwrap_or_else(|| self.book.channel(key))
    }

    /// Moves a channel on.
    pub fn set_channel(&mut self, key: ChannelKey, state: ChannelState) -> Result<(), StoreError> {
        let direction = match key.direction {
            crate::state::Direction::Out => b'>',
            crate::state::Direction::In => b'<',
        };
        self.put(
            rows::row(rows::CHANNEL, &[&[direction], &key.row_parts(), &rows::channel_end(self.book.first)]),
            state.encode(),
        )?;
        let before = self.staged.channels.insert(key.clone(), state);
        self.undo.channels.push((key, before));
        Ok(())
    }

    /// A peer's newest verified head, as this commit will leave it.
    pub fn head_of(&self, peer: &Origin) -> PeerHead {
        self.staged.heads.get(peer).copied().unwrap_or_else(|| self.book.head_of(peer))
    }

    /// The newest verified head of every other log, as this commit will leave them; of a node whose log ended, only of the one that
    /// follows it.
    pub fn heads(&self) -> Vec<Entangled> {
        let mut heads: BTreeMap<&Origin, PeerHead> = self.book.heads().collect();
        heads.extend(self.staged.heads.iter().map(|(log, head)| (log, *head)));
        let named =
            |(log, head): (&Origin, PeerHead)| Entangled { origin: log.clone(), size: head.size, root: head.root };
        let last =
            |log: &Origin| !heads.keys().any(|other| other.is_of_node(log) && other.generation() > log.generation());
        heads.iter().filter(|(log, head)| head.size > 0 && last(log)).map(|(log, head)| named((log, *head))).collect()
    }

    /// Keeps a peer's verified head, with the note that proves it.
    pub fn set_head(&mut self, peer: &Origin, head: &Head) -> Result<(), StoreError> {
        let (size, root) = (head.size().0, head.root());
        let value = [&root.0[..], head.write().as_bytes()].concat();
        self.put(head_row(peer, size), value)?;
        let head = PeerHead { size, root };
        let before = self.staged.heads.insert(peer.clone(), head);
        self.undo.heads.push((peer.clone(), before));
        Ok(())
    }

    /// What we and a peer said to each other of agreements, as this commit will leave it.
    pub fn agreed(&self, peer: &Origin) -> Arc<Agreed> {
        self.staged.agreed_with.get(peer).cloned().unwrap_or_else(|| self.book.agreed(peer))
    }

    /// Sets what was said; its rows are written apart.
    pub(super) fn set_agreed(&mut self, peer: &Origin, agreed: Arc<Agreed>) {
        let before = self.staged.agreed_with.insert(peer.clone(), agreed);
        self.undo.agreed_with.push((peer.clone(), before));
    }

    /// How far a peer's entries are kept, as this commit will leave it.
    pub fn kept_of(&self, peer: &Origin) -> Frontier {
        self.staged.kept.get(peer).cloned().unwrap_or_else(|| self.book.kept_of(peer))
    }

    /// Moves on how far a peer's entries are kept.
    pub(super) fn set_kept(&mut self, peer: &Origin, kept: Frontier) -> Result<(), StoreError> {
        self.put(rows::row(rows::ESCROW_END, &[&peer_parts(peer)]), kept.bytes())?;
        let before = self.staged.kept.insert(peer.clone(), kept);
        self.undo.kept.push((peer.clone(), before));
        Ok(())
    }
}

/// The row of a peer's verified head.
pub(super) fn head_row(peer: &Origin, size: u64) -> Vec<u8> {
    rows::row(rows::PEER_HEAD, &[&peer_parts(peer), &size.to_be_bytes()])
}

/// The name of a one-row fact about a peer.
pub struct FactName(Vec<u8>);

impl FactName {
    /// `prefix`, then the peer's country and generation.
    pub fn new(prefix: &str, peer: &Origin) -> Self {
        let peer = format!("{}/{}", peer.node(), peer.generation());
        Self(rows::row(rows::FACT, &[prefix.as_bytes(), peer.as_bytes()]))
    }

    /// Its row.
    pub fn row(&self) -> &[u8] {
        &self.0
    }
}

/// Reads a counter's row.
pub(crate) fn read_number(value: Option<&[u8]>, name: &str) -> Result<u64, StoreError> {
    let Some(bytes) = value else { return Ok(0) };
    let damaged = |_| StoreError::Damaged(format!("the counter {name} has {} bytes, not 8", bytes.len()));
    bytes.try_into().map(u64::from_be_bytes).map_err(damaged)
}
