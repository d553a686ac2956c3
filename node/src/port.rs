//! What `flow` needs of the world, on one page: a store that keeps what it acknowledged, a keyring, a clock,
//! chance, and who the peers are.

use std::collections::BTreeMap;
use std::sync::Arc;
use varde_proto::agreement::Agreement;
use varde_proto::envelope::Envelope;
use varde_proto::exchange::{BadFrame, Frame, KnownHead};
use varde_proto::id::{NodeId, Origin};
use varde_proto::identity::{History, PublicKey};
use varde_proto::time::Timestamp;
use zeroize::Zeroizing;

/// Writes that land together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    /// Row and new value; `None` deletes. A later write of a row wins over an earlier one.
    pub writes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Writes a row. Values are at most `limits::STORED_VALUE_BYTES`.
    pub fn put(&mut self, row: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.writes.push((row.into(), Some(value.into())));
    }

    /// Deletes a row; one that is not there is no error.
    pub fn delete(&mut self, row: impl Into<Vec<u8>>) {
        self.writes.push((row.into(), None));
    }
}

/// Why the store did not do it. Never shown to a peer.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("the store could not {what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is stored does not read back as what was written: damage, or a foreign file.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A value over the bound; nothing of its batch was written.
    #[error("a stored value of {0} bytes is over the bound of 16 KiB")]
    TooLarge(usize),
    /// The log is locked: the node was restored from a backup and does not know yet what it signed.
    #[error(
        "this node was restored from a backup, or its sign guard is gone: nothing is sent, received or released before its peers \
         have said what it signed last"
    )]
    Locked,
    /// An agreement changed since what was to be sent was judged; nothing was written.
    #[error("what was agreed with a recipient has changed meanwhile: nothing was sent; try again")]
    Superseded,
    /// Another process has the store open.
    #[error("the store is in use by another process")]
    InUse,
}

/// A row and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// An ordered store of rows. One process, one writer, any number of readers.
///
/// A reader sees a batch whole or not at all, but may see it a moment before it is durable: nothing is sent or acknowledged
/// because a reader saw it, only because [`Store::commit`] returned.
pub trait Store: Send + Sync + 'static {
    /// Writes a batch whole. When it returns `Ok`, the batch survives a power cut; when it returns an error, the caller
    /// must assume nothing about it and stop.
    fn commit(&self, batch: Batch) -> Result<(), StoreError>;
    /// The value of a row.
    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;
    /// Rows in `[from, to)` in ascending order of bytes; or descending. No snapshot: what is committed meanwhile may show.
    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a>;
}

/// Rows in order.
pub type Rows<'a> = Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a>;

/// How rows are read, from the first name to before the second, ascending or descending: [`Store::scan`] of whoever has a store.
pub type Scan<'s, 'a> = &'s dyn Fn(&[u8], &[u8], bool) -> Rows<'a>;

/// The bucket keys, kept outside the store so that dropping one erases what it wraps.
pub trait Keyring: Send + Sync + 'static {
    /// A bucket key by its number; `None` if it was never made or is destroyed.
    fn key(&self, number: u64) -> Option<Zeroizing<[u8; 32]>>;
    /// Makes the key of `number` durable, if it is not yet. A destroyed one is never made again: that is an error.
    fn ensure(&self, number: u64) -> Result<(), StoreError>;
    /// Destroys a key durably; its number is never used again.
    fn destroy(&self, number: u64) -> Result<(), StoreError>;
    /// The secret under which row identities are hashed, so that an index row says nothing about its record.
    fn index_key(&self) -> Zeroizing<[u8; 32]>;
}

/// Which head of our log was last shown to anyone: kept outside the store and its backups, so that a store that went back is
/// told from one that merely crashed.
pub trait Guard: Send + Sync + 'static {
    /// What was last shown, as far as is known; `None` when there is no guard.
    fn shown(&self) -> Option<KnownHead>;
    /// Notes a head before it is shown. It need not survive a power cut at once: an older note is never wrong, only less sharp.
    fn show(&self, head: KnownHead) -> Result<(), StoreError>;
}

/// The time, as an argument.
pub trait Clock: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> Timestamp;
}

/// Unpredictable bytes, as an argument.
pub trait Entropy: Send + Sync + 'static {
    /// Fills the whole slice, or stops the process: without entropy nothing may be signed or sealed.
    fn fill(&self, bytes: &mut [u8]);
}

/// A pinned peer, as its verified descriptor says.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its log.
    pub origin: Origin,
    /// K_id: signs descriptors and acceptances.
    pub id_key: PublicKey,
    /// Which of its keys is valid at which size of its log, as far as it told us.
    pub keys: Arc<History>,
    /// Its descriptor, signed, as it was pinned.
    pub descriptor: Envelope,
    /// What its identity key and ours signed of agreements between the two, as far as it lies in files: a yes of ours first.
    pub words: Vec<Envelope>,
    /// The texts of those agreements.
    pub texts: Vec<Arc<Agreement>>,
    /// What members of our staff signed when its log went on under a new generation.
    pub accepted: Vec<Envelope>,
}

/// The pinned peers by country. Changes while the node runs.
pub type Peers = BTreeMap<NodeId, Arc<Peer>>;

/// Where it is kept how a peer's keys changed, beside its pin, and what it promised.
pub trait Board: Send + Sync + 'static {
    /// Keeps a history that was verified; soon after, the pinned peers have it.
    fn keep(&self, history: &History) -> Result<(), StoreError>;
    /// Keeps a peer's word about an agreement beside ours, once: a log that follows this one has to know what was agreed.
    fn promised(&self, agreement: &Agreement, peer: NodeId, word: &Envelope, ends: bool) -> Result<(), StoreError>;
}

/// One connection to one peer, whoever dialled. It ends when either half ends.
pub struct Link {
    /// Frames to the peer; full means the peer is slower than we are.
    pub outgoing: tokio::sync::mpsc::Sender<Frame>,
    /// Frames from the peer, already read from the wire.
    pub incoming: tokio::sync::mpsc::Receiver<Result<Frame, BadFrame>>,
}
