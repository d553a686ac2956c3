//! What a simulated country stands on: rows and keys in memory that outlive a crash, a clock that can be set wrong, chance
//! from the seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use varde_node::port::{Batch, Clock, Entropy, Guard, Keyring, Row, Store, StoreError};
use varde_proto::exchange::KnownHead;
use varde_proto::time::Timestamp;
use zeroize::Zeroizing;

/// When every simulation begins: a day in 2026.
const BEGIN_MS: i64 = 1_795_284_000_000;

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rows in a sorted map.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What becomes of the commit in which a node is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastCommit {
    /// Nothing of it is on the disk.
    Lost,
    /// It is on the disk, and nobody was told.
    Landed,
}

/// A sign guard that outlives its node.
#[derive(Debug, Default)]
pub struct SimGuard {
    shown: Mutex<Option<KnownHead>>,
    ever: AtomicU64,
}

impl SimGuard {
    /// Leaves that it says were shown.
    pub fn size(&self) -> u64 {
        held(&self.shown).map_or(0, |shown| shown.size)
    }

    /// Leaves that were ever shown, whatever became of the guard since.
    pub fn ever(&self) -> u64 {
        self.ever.load(Ordering::Relaxed)
    }

    /// One that says so.
    pub fn of(shown: Option<KnownHead>) -> Self {
        Self { shown: shown.into(), ever: AtomicU64::default() }
    }

    /// Removes it.
    pub fn lose(&self) {
        *held(&self.shown) = None;
    }
}

impl Guard for SimGuard {
    fn shown(&self) -> Option<KnownHead> {
        *held(&self.shown)
    }

    fn show(&self, head: KnownHead) -> Result<(), StoreError> {
        self.ever.fetch_max(head.size, Ordering::Relaxed);
        let mut shown = held(&self.shown);
        if shown.is_none_or(|shown| shown.size < head.size) {
            *shown = Some(head);
        }
        Ok(())
    }
}

/// A store that keeps what it acknowledged when its node is killed.
#[derive(Debug, Default)]
pub struct SimStore {
    rows: Mutex<Rows>,
    last: Mutex<Option<LastCommit>>,
    commits: AtomicU64,
}

impl SimStore {
    /// The rows as they are now.
    pub fn snapshot(&self) -> Rows {
        held(&self.rows).clone()
    }

    /// Puts other rows in the place of all.
    pub fn restore(&self, rows: Rows) {
        *held(&self.rows) = rows;
    }

    /// The next commit is the last one before the node is killed; `None` takes that back.
    pub fn kill_in_commit(&self, last: Option<LastCommit>) {
        *held(&self.last) = last;
    }

    /// How many commits landed.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }
}

impl Store for SimStore {
    fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let last = *held(&self.last);
        let killed = || StoreError::Io { what: "outlive its process", source: std::io::ErrorKind::Interrupted.into() };
        if last == Some(LastCommit::Lost) {
            return Err(killed());
        }
        let mut rows = held(&self.rows);
        for (row, value) in batch.writes {
            match value {
                Some(value) => rows.insert(row, value),
                None => rows.remove(&row),
            };
        }
        self.commits.fetch_add(1, Ordering::Relaxed);
        if last.is_some() { Err(killed()) } else { Ok(()) }
    }

    fn get(&self, row: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(held(&self.rows).get(row).cloned())
    }

    fn scan<'a>(
        &'a self,
        from: &[u8],
        to: &[u8],
        descending: bool,
    ) -> Box<dyn Iterator<Item = Result<Row, StoreError>> + 'a> {
        if from >= to {
            return Box::new(std::iter::empty());
        }
        // Most scans end after a few rows, so that copying the whole range first would cost more than asking again.
        let (mut from, mut to) = (from.to_vec(), to.to_vec());
        Box::new(std::iter::from_fn(move || {
            let rows = held(&self.rows);
            let mut range = rows.range(from.clone()..to.clone());
            let (row, value) = if descending { range.next_back() } else { range.next() }?;
            let found = (row.clone(), value.clone());
            if descending {
                to.clone_from(&found.0);
            } else {
                from = [&found.0[..], &[0]].concat();
            }
            Some(Ok(found))
        }))
    }
}

/// Bucket keys by number; `None` is a destroyed one.
pub type BucketKeys = BTreeMap<u64, Option<[u8; 32]>>;

/// Bucket keys that outlive a crash.
pub struct SimKeyring {
    index: [u8; 32],
    keys: Mutex<BucketKeys>,
    chance: SimChance,
}

impl SimKeyring {
    /// An empty keyring.
    pub fn new(seed: u64) -> Self {
        let chance = SimChance::new(seed);
        let mut index = [0; 32];
        chance.fill(&mut index);
        Self { index, keys: Mutex::default(), chance }
    }

    /// The keys as they are now.
    pub fn snapshot(&self) -> BucketKeys {
        held(&self.keys).clone()
    }

    /// Puts other keys in the place of all.
    pub fn restore(&self, keys: BucketKeys) {
        *held(&self.keys) = keys;
    }
}

impl Keyring for SimKeyring {
    fn key(&self, number: u64) -> Option<Zeroizing<[u8; 32]>> {
        held(&self.keys).get(&number).copied().flatten().map(Zeroizing::new)
    }

    fn ensure(&self, number: u64) -> Result<(), StoreError> {
        let mut keys = held(&self.keys);
        let key = keys.entry(number).or_insert_with(|| {
            let mut key = [0; 32];
            self.chance.fill(&mut key);
            Some(key)
        });
        key.map(drop).ok_or_else(|| StoreError::Damaged(format!("bucket key {number} is destroyed")))
    }

    fn destroy(&self, number: u64) -> Result<(), StoreError> {
        held(&self.keys).insert(number, None);
        Ok(())
    }

    fn index_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.index)
    }
}

/// The time of a whole simulation: the virtual one, and the days in which nothing happened.
pub struct Calendar {
    began: tokio::time::Instant,
    skipped_ms: Shown<i64>,
}

impl Calendar {
    /// Begins now.
    pub fn begin() -> Self {
        Self { began: tokio::time::Instant::now(), skipped_ms: Shown::new(0) }
    }

    /// So many days pass in which nothing happens: a year has more heartbeats than a simulation has events.
    pub fn skip(&self, days: u64) {
        self.skipped_ms.set(self.skipped() + days.cast_signed() * 86_400_000);
    }

    /// How much was skipped.
    pub fn skipped(&self) -> i64 {
        self.skipped_ms.get()
    }

    /// Waits until days are skipped.
    pub async fn skips(&self) {
        let before = self.skipped();
        self.skipped_ms.wait_for(|now| *now != before).await;
    }

    /// Days since the beginning.
    pub fn days(&self) -> u64 {
        (self.ms() - BEGIN_MS).cast_unsigned() / 86_400_000
    }

    /// The time now, as a clock that is right says it.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.ms()).unwrap_or_default()
    }

    fn ms(&self) -> i64 {
        // Machines of a simulated network have a time of their own each, and the network has the one that counts.
        let passed = turmoil::sim_elapsed().unwrap_or_else(|| self.began.elapsed());
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        BEGIN_MS + passed + self.skipped()
    }
}

/// The time, plus what this clock is wrong by.
pub struct SimClock {
    calendar: Arc<Calendar>,
    wrong_by_ms: AtomicI64,
}

impl SimClock {
    /// A clock that is right.
    pub fn new(calendar: Arc<Calendar>) -> Self {
        Self { calendar, wrong_by_ms: AtomicI64::new(0) }
    }

    /// Sets the clock wrong by so many milliseconds.
    pub fn set_wrong_by(&self, ms: i64) {
        self.wrong_by_ms.store(ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_ms(self.calendar.ms() + self.wrong_by_ms.load(Ordering::Relaxed)).unwrap_or_default()
    }
}

/// Chance that follows from the seed.
pub struct SimChance(Mutex<ChaCha8Rng>);

impl SimChance {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(ChaCha8Rng::seed_from_u64(seed)))
    }

    /// A number below `bound`, which is above 0.
    pub fn below(&self, bound: u64) -> u64 {
        held(&self.0).next_u64() % bound
    }

    /// True in so many of 1,000.
    pub fn permille(&self, permille: u64) -> bool {
        self.below(1000) < permille
    }

    /// One of several, if there are any.
    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len() as u64) as usize) }
    }

    /// So many milliseconds, or fewer.
    pub fn pause(&self, most_ms: u64) -> std::time::Duration {
        std::time::Duration::from_millis(self.below(most_ms + 1))
    }
}

impl Entropy for SimChance {
    fn fill(&self, bytes: &mut [u8]) {
        held(&self.0).fill_bytes(bytes);
    }
}

/// A value that tasks wait for; they are woken in the order in which they came to wait, which a seed must not leave to chance.
pub struct Shown<T> {
    value: Mutex<T>,
    changed: tokio::sync::Notify,
}

impl<T: Clone> Shown<T> {
    /// Shows a first value.
    pub fn new(value: T) -> Self {
        Self { value: Mutex::new(value), changed: tokio::sync::Notify::new() }
    }

    /// The value now.
    pub fn get(&self) -> T {
        held(&self.value).clone()
    }

    /// Shows another value; returns the one before.
    pub fn set(&self, value: T) -> T {
        let before = std::mem::replace(&mut *held(&self.value), value);
        self.changed.notify_waiters();
        before
    }

    /// Waits until the value is so.
    pub async fn wait_for(&self, is_so: impl Fn(&T) -> bool) -> T {
        loop {
            let changed = self.changed.notified();
            let value = self.get();
            if is_so(&value) {
                return value;
            }
            changed.await;
        }
    }
}
