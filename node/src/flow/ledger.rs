//! The one writer. A decision runs at a [`Desk`]; what waits while a commit is under way is decided next and lands in the
//! next commit, whole: leaves, openings, channel states, head and rows together. Nobody gets an answer before it is durable.
//!
//! A commit that fails stops the writer for good: what it had decided may or may not be on disk, and only opening the store
//! again can tell. The head is signed after the leaves are durable, never before, so that a crash can never leave a
//! signature over leaves that are gone.

mod changes;
mod shown;
mod twice;

pub use changes::Changes;

use super::desk::{Desk, Staged, read_number};
use super::keys::Keys;
use super::recover::Recovering;
use super::reopen;
use super::room::Space;
use crate::port::{Clock, Entropy, Guard, Keyring, Row, Store, StoreError};
use crate::rows;
use crate::state::Book;
use crate::vault::{Unsealer, Vault};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use twice::Twice;
use varde_proto::id::{LogIndex, Origin};
use varde_proto::limits;
use varde_proto::log::head::Head;
use varde_proto::log::leaf::{Entry, Opening};
use zeroize::Zeroizing;

/// Decisions that wait at most; further ones wait to be queued, which is the back-pressure on whoever asks.
const QUEUE: usize = 1024;

/// Why a decision did not land.
#[derive(Debug, thiserror::Error)]
pub enum CommitError<E> {
    /// The decision itself refused; nothing was written.
    #[error(transparent)]
    Refused(E),
    /// The writer has stopped after a failure of the store; the outcome is unknown until the node is started again.
    #[error("the node has stopped writing after a failure of its store")]
    Stopped,
}

/// What a decision returned, and the head of the log that covers it. Only a durable commit makes one.
#[derive(Debug)]
pub struct Committed<T> {
    value: T,
    head: Arc<Head>,
}

impl<T> Committed<T> {
    /// The decision's result.
    pub fn into_value(self) -> T {
        self.value
    }

    /// The signed head that covers every leaf of the decision.
    pub fn head(&self) -> &Arc<Head> {
        &self.head
    }
}

/// Everything the writer and the readers share.
struct Shared {
    store: Arc<dyn Store>,
    keyring: Arc<dyn Keyring>,
    unsealer: Unsealer,
    keys: Arc<Keys>,
    guard: Arc<dyn Guard>,
    recovering: Option<Arc<Recovering>>,
    /// The number under which leaf 0 is stored.
    first: u64,
    book: RwLock<Book>,
    space: Space,
}

type Answer = Box<dyn FnOnce(Option<&Arc<Head>>) + Send>;
type Job = Box<dyn FnOnce(Desk<'_>) -> Answer + Send>;

/// What the writer needs besides the store.
pub struct Parts {
    /// Where rows are kept.
    pub store: Arc<dyn Store>,
    /// Under what they are sealed.
    pub keyring: Arc<dyn Keyring>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What was last shown.
    pub guard: Arc<dyn Guard>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The keys of the log, of which K_log signs its heads.
    pub keys: Arc<Keys>,
    /// The name of our log.
    pub origin: Origin,
}

/// A handle on the one writer and on what it has made durable. Cheap to clone.
#[derive(Clone)]
pub struct Ledger {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    head: watch::Receiver<Arc<Head>>,
    moved: broadcast::WeakSender<()>,
    stopped: watch::Receiver<bool>,
    locked: watch::Receiver<bool>,
}

impl Ledger {
    /// Reads the book from the store, checks it, and starts the writer on a thread of its own.
    pub fn open(parts: Parts) -> Result<Self, StoreError> {
        let (ledger, writer) = Self::prepare(parts)?;
        let spawned = std::thread::Builder::new().name("ledger".into()).spawn(move || writer.run_here());
        spawned.map_err(|source| StoreError::Io { what: "start its writer thread", source })?;
        Ok(ledger)
    }

    /// How much room there is for more.
    pub fn space(&self) -> &Space {
        &self.shared.space
    }

    /// Reads the book from the store and checks it; nothing lands before the writer runs.
    pub fn prepare(parts: Parts) -> Result<(Self, Writer), StoreError> {
        let vault = Vault::new(parts.keyring.clone(), parts.entropy.clone(), &*parts.store)?;
        let unsealer = vault.unsealer();
        let book = reopen::book(&*parts.store, &unsealer, &parts.origin)?;
        let (newest, twice) = (sign(&parts, &book)?, Twice::of(&book.tree, book.first));
        let recovering = Recovering::at_start(&*parts.store, &*parts.guard, &book, parts.clock.now())?;
        let (lock_sender, locked) = watch::channel(recovering.is_some());
        let (store, keyring, keys) = (parts.store.clone(), parts.keyring.clone(), parts.keys.clone());
        let (guard, first) = (parts.guard.clone(), book.first);
        let shared = Arc::new(Shared {
            store,
            keyring,
            unsealer,
            keys,
            guard,
            recovering,
            first,
            book: book.into(),
            space: Space::default(),
        });
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (head_sender, head) = watch::channel(Arc::new(newest));
        let (stop_sender, stopped) = watch::channel(false);
        let moved = broadcast::Sender::new(1);
        let weak = moved.downgrade();
        let writer = Writer {
            parts,
            vault,
            twice,
            queue,
            shared: shared.clone(),
            head: head_sender,
            moved,
            stop: stop_sender,
            lock: lock_sender,
        };
        Ok((Self { jobs, shared, head, moved: weak, stopped, locked }, writer))
    }

    /// Decides and makes durable. The decision sees everything that earlier decisions wrote; if it refuses, nothing of it
    /// remains.
    pub async fn commit<T, E>(
        &self,
        decide: impl FnOnce(&mut Desk<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Committed<T>, CommitError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let job: Job = Box::new(move |mut desk| match decide(&mut desk) {
            Ok(value) => Box::new(move |head| {
                let outcome = head.ok_or(CommitError::Stopped);
                let _ = answer.send(outcome.map(|head| Committed { value, head: head.clone() }));
            }),
            Err(refused) => {
                desk.undo();
                Box::new(move |_| drop(answer.send(Err(CommitError::Refused(refused)))))
            }
        });
        self.jobs.send(job).await.map_err(|_| CommitError::Stopped)?;
        answered.await.unwrap_or(Err(CommitError::Stopped))
    }

    /// The keys that sign its heads.
    pub fn keys(&self) -> &Arc<Keys> {
        &self.shared.keys
    }

    /// What is durable now.
    pub fn book(&self) -> RwLockReadGuard<'_, Book> {
        self.shared.book.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of every new head from now on.
    pub fn heads(&self) -> Changes {
        Changes::of(self.moved.upgrade().as_ref())
    }

    /// Becomes true when the store has failed and the process must end.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }

    /// A durable plain row.
    pub fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.store.get(row)
    }

    /// A counter kept under `rows::FACT`.
    pub fn count(&self, name: &str) -> Result<u64, StoreError> {
        read_number(self.get(&rows::row(rows::FACT, &[name.as_bytes()]))?.as_deref(), name)
    }

    /// A durable sealed row, unsealed.
    pub fn read(&self, row: &[u8]) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        self.shared.unsealer.open(row, |name| self.shared.store.get(name))
    }

    /// The number under which something that is counted in our log is stored.
    pub fn number(&self, counted: u64) -> u64 {
        self.shared.first + counted
    }

    /// An entry of our own log by its index, which is the one that its tree has.
    pub fn entry(&self, index: u64) -> Result<Entry, StoreError> {
        let entry = self.get(&rows::numbered(rows::LEAF, self.number(index)))?.as_deref().and_then(Entry::parse);
        let leaf = self.book().tree.leaf(LogIndex(index));
        let logged = entry.filter(|entry| leaf == Some(entry.leaf_hash()));
        logged.ok_or_else(|| StoreError::Damaged(format!("leaf {index} of the log is not the entry that was logged")))
    }

    /// The opening of one of our leaves, by the number under which it is stored.
    pub fn opening(&self, index: u64) -> Result<Opening, StoreError> {
        let bytes = self.read(&rows::numbered(rows::OPENING, index))?;
        let opening = bytes.and_then(|bytes| Opening::parse(&bytes).ok());
        opening.ok_or_else(|| StoreError::Damaged(format!("the opening of leaf {index} cannot be read")))
    }

    /// The opening of one of our leaves, unless it was erased.
    pub fn opening_if_kept(&self, index: u64) -> Result<Option<Opening>, StoreError> {
        let unreadable = |_| StoreError::Damaged(format!("the opening of leaf {index} cannot be read"));
        let bytes = self.read(&rows::numbered(rows::OPENING, index))?;
        bytes.map(|bytes| Opening::parse(&bytes).map_err(unreadable)).transpose()
    }

    /// Unseals a value that a scan returned.
    pub fn unseal(&self, row: &[u8], value: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        self.shared.unsealer.open_value(row, value, |name| self.shared.store.get(name))
    }

    /// Durable rows of `[from, to)` in order.
    pub fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a> {
        self.shared.store.scan(from, to, descending)
    }

    /// Destroys bucket keys that an erasure retired, once its commit is durable. Destroying one again changes nothing.
    pub fn destroy_keys(&self, numbers: &[u64]) -> Result<(), StoreError> {
        numbers.iter().try_for_each(|number| self.shared.keyring.destroy(*number))
    }

    /// The secret under which identities of imported rows are hashed.
    pub fn index_key(&self) -> Zeroizing<[u8; 32]> {
        self.shared.keyring.index_key()
    }
}

fn sign(parts: &Parts, book: &Book) -> Result<Head, StoreError> {
    let head = parts.keys.sign_newest(&parts.origin, book.tree.size(), book.tree.root());
    head.map_err(|bad| StoreError::Damaged(format!("the head could not be signed: {bad}")))
}

/// The one writer of a [`Ledger`]. It ends when every handle on the ledger is dropped, or when the store fails.
pub struct Writer {
    parts: Parts,
    vault: Vault,
    twice: Twice,
    queue: mpsc::Receiver<Job>,
    shared: Arc<Shared>,
    head: watch::Sender<Arc<Head>>,
    moved: broadcast::Sender<()>,
    stop: watch::Sender<bool>,
    lock: watch::Sender<bool>,
}

impl Writer {
    /// Writes on the calling thread.
    fn run_here(mut self) {
        while let Some(first) = self.queue.blocking_recv() {
            if self.turn(first).is_err() {
                return;
            }
        }
    }

    /// Writes as a task, for a runtime of one thread in which everything happens in one order.
    pub async fn run(mut self) {
        while let Some(first) = self.queue.recv().await {
            if self.turn(first).is_err() {
                return;
            }
        }
    }

    /// One commit: of this job and of what waits behind it.
    fn turn(&mut self, first: Job) -> Result<(), ()> {
        let (staged, answers) = self.decide(first);
        match self.land(staged) {
            Ok(head) => {
                answers.into_iter().for_each(|answer| answer(Some(&head)));
                Ok(())
            }
            Err(failure) => {
                tracing::error!(%failure, "the store failed; the node stops writing");
                answers.into_iter().for_each(|answer| answer(None));
                self.stop.send_replace(true);
                Err(())
            }
        }
    }

    /// Runs what waits, up to the bound of one commit.
    fn decide(&mut self, first: Job) -> (Staged, Vec<Answer>) {
        let shared = self.shared.clone();
        let book = shared.book.read().unwrap_or_else(PoisonError::into_inner);
        let now = self.parts.clock.now();
        let mut staged = Staged::default();
        let mut answers = Vec::new();
        let mut next = Some(first);
        while let Some(job) = next {
            let entropy = &*self.parts.entropy;
            let locked = *self.lock.borrow();
            let desk = Desk::new(&book, &*shared.store, &mut self.vault, entropy, &mut staged, (now, locked));
            answers.push(job(desk));
            let full = staged.leaves.len() >= limits::COMMIT_ENTRIES || staged.bytes() >= limits::COMMIT_BYTES;
            next = if full { None } else { self.queue.try_recv().ok() };
        }
        (staged, answers)
    }

    /// Makes what was decided durable, then moves the book on and signs the new head, whose root was computed twice.
    fn land(&mut self, mut staged: Staged) -> Result<Arc<Head>, StoreError> {
        if staged.is_empty() {
            return Ok(self.head.borrow().clone());
        }
        let staged_unlock = staged.unlock;
        let leaves = std::mem::take(&mut staged.leaves);
        let channels = std::mem::take(&mut staged.channels);
        let (heads, kept) = (std::mem::take(&mut staged.heads), std::mem::take(&mut staged.kept));
        let agreed_with = std::mem::take(&mut staged.agreed_with);
        if !leaves.is_empty() {
            let mut book = self.shared.book.write().unwrap_or_else(PoisonError::into_inner);
            let before = book.tree.size().0;
            for leaf in &leaves {
                book.tree.push(leaf.hash);
                book.last_time = leaf.time;
                if leaf.loud {
                    book.loud = book.tree.size().0;
                }
            }
            reopen::blocks(&book, before).for_each(|(row, hashes)| staged.put(row, Some(hashes)));
            let (size, root) = (book.tree.size(), book.tree.root());
            self.twice.check(&staged, leaves.len(), root)?;
            staged.put(rows::numbered(rows::HEAD, book.first + size.0), Some(root.0.to_vec()));
        }
        self.parts.store.commit(staged.into_batch())?;
        let mut book = self.shared.book.write().unwrap_or_else(PoisonError::into_inner);
        channels.into_iter().for_each(|(key, state)| book.set_channel(key, state));
        heads.into_iter().for_each(|(peer, head)| book.set_head(peer, head));
        kept.into_iter().for_each(|(peer, kept)| book.set_kept(peer, kept));
        agreed_with.into_iter().for_each(|(peer, agreed)| book.set_agreed(peer, agreed));
        let locked = *self.lock.borrow() && !staged_unlock;
        if !locked && book.tree.size() != self.head.borrow().size() {
            let signed = Arc::new(sign(&self.parts, &book)?);
            self.head.send_replace(signed);
            // Nobody listens now, perhaps.
            let _ = self.moved.send(());
        }
        if staged_unlock {
            self.lock.send_replace(false);
        }
        Ok(self.head.borrow().clone())
    }
}
