//! The one writer: what is refused leaves nothing, what waits lands together, what landed is there after reopening.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::sync::Arc;
use varde_node::edge::clock::SystemClock;
use varde_node::edge::entropy::SystemEntropy;
use varde_node::edge::guard::FileGuard;
use varde_node::edge::keyring::FileKeyring;
use varde_node::edge::keys::BadHome;
use varde_node::edge::store::memory::MemoryStore;
use varde_node::flow::keys::Keys;
use varde_node::flow::ledger::{CommitError, Ledger, Parts};
use varde_node::port::{Batch, Store, StoreError};
use varde_node::rows;
use varde_node::state::{ChannelKey, Direction};
use varde_proto::id::{NodeId, Origin};
use varde_proto::identity::{Genesis, History, PublicKey, Role, RoleKeys, SecretKey};
use varde_proto::log::event::{Event, Kind};
use varde_proto::time::Timestamp;
use varde_proto::wire::peer::Mode;
use zeroize::Zeroizing;

fn origin(node: &str) -> Origin {
    Origin::new("varde.example", NodeId::parse(node).unwrap(), 1).unwrap()
}

/// Keys of seeds 1 to 6, in the order of the roles.
fn keys(store: &dyn Store) -> Arc<Keys> {
    let keys: Vec<_> = (1..=6).map(|seed| SecretKey::from_seed(&Zeroizing::new([seed; 32]))).collect();
    let roles: Vec<_> = Role::ALL.into_iter().zip(&keys).collect();
    let proven = RoleKeys::prove(&origin("NO"), &roles).unwrap();
    let genesis = Genesis::found(origin("NO"), Mode::Test, proven, Timestamp::default(), [0; 32]).unwrap();
    let history = History::found(&genesis, &genesis.sign(&keys[0]).unwrap());
    let find = |role: Role, _: &PublicKey| {
        let seed = Role::ALL.iter().position(|held| *held == role).unwrap() as u8 + 1;
        Ok::<_, BadHome>(Arc::new(SecretKey::from_seed(&Zeroizing::new([seed; 32]))))
    };
    Arc::new(Keys::open(history, store, find).unwrap())
}

struct Bench {
    store: Arc<dyn Store>,
    keys: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        Self { store: Arc::new(MemoryStore::default()), keys: tempfile::tempdir().unwrap() }
    }

    fn open(&self) -> Result<Ledger, StoreError> {
        let fresh = !self.keys.path().join("keyring").exists();
        let entropy = Arc::new(SystemEntropy);
        Ledger::open(Parts {
            store: self.store.clone(),
            keyring: Arc::new(FileKeyring::open(&self.keys.path().join("keyring"), fresh, entropy.clone()).unwrap()),
            clock: Arc::new(SystemClock),
            entropy,
            keys: keys(&*self.store),
            guard: Arc::new(FileGuard::open(&self.keys.path().join("guard")).unwrap()),
            origin: origin("NO"),
        })
    }
}

fn leaf() -> Event {
    Event::local(Kind::PAD, Timestamp::default())
}

fn channel() -> ChannelKey {
    ChannelKey { direction: Direction::Out, peer: origin("LT"), class: 2 }
}

#[tokio::test]
async fn a_refused_decision_leaves_nothing_behind() {
    let bench = Bench::new();
    let ledger = bench.open().unwrap();
    let landed = ledger.commit(|desk| {
        desk.append(leaf())?;
        desk.put(rows::numbered(rows::DRAFT, 1), b"first".to_vec())?;
        Ok::<(), StoreError>(())
    });
    landed.await.unwrap();
    let refused = ledger.commit(|desk| {
        desk.append(leaf()).unwrap();
        desk.put(rows::numbered(rows::DRAFT, 1), b"second".to_vec()).unwrap();
        let mut state = desk.channel(&channel());
        state.seq = 9;
        desk.set_channel(channel(), state).unwrap();
        Err::<(), &str>("no")
    });
    assert!(matches!(refused.await, Err(CommitError::Refused("no"))));
    assert_eq!(ledger.get(&rows::numbered(rows::DRAFT, 1)).unwrap().unwrap(), b"first");
    assert_eq!((ledger.book().tree.size().0, ledger.book().channel(&channel()).seq), (1, 0));
}

#[tokio::test]
async fn what_waits_lands_in_order_and_survives_reopening() {
    let bench = Bench::new();
    let (root, key) = {
        let ledger = bench.open().unwrap();
        let waiting: Vec<_> = (0..600_u64)
            .map(|n| {
                let ledger = ledger.clone();
                tokio::spawn(async move {
                    let landed = ledger.commit(move |desk| {
                        let mut state = desk.channel(&channel());
                        state.seq += 1;
                        desk.set_channel(channel(), state)?;
                        desk.seal(rows::numbered(rows::RECORD, n), &n.to_be_bytes())?;
                        desk.append(leaf()).map(|(number, _)| number)
                    });
                    let landed = landed.await.unwrap();
                    let size = landed.head().size().0;
                    (landed.into_value(), size)
                })
            })
            .collect();
        let mut indexes = Vec::new();
        for job in waiting {
            let (index, size) = job.await.unwrap();
            assert!(index < size, "a decision was answered under a head that does not cover it");
            indexes.push(index);
        }
        indexes.sort_unstable();
        assert_eq!(indexes, (0..600).collect::<Vec<_>>());
        let book = ledger.book();
        (book.tree.root(), book.channel(&channel()))
    };
    let again = bench.open().unwrap();
    assert_eq!((again.book().tree.root(), again.book().channel(&channel())), (root, key));
    assert_eq!(again.read(&rows::numbered(rows::RECORD, 599)).unwrap().unwrap().as_slice(), 599_u64.to_be_bytes());
    assert_eq!(again.opening(599).unwrap().event().kind, Kind::PAD);
    assert_eq!((again.head().size().0, again.head().root()), (600, root));
}

impl Bench {
    /// A log that grew to these sizes, a commit each.
    async fn grow(&self, sizes: &[u64]) -> Ledger {
        let ledger = self.open().unwrap();
        for size in sizes {
            let missing = size - ledger.book().tree.size().0;
            let landed = ledger.commit(move |desk| (0..missing).try_for_each(|_| desk.append(leaf()).map(drop)));
            landed.await.unwrap();
        }
        ledger
    }

    /// Changes a row as no node does; an empty value deletes it.
    fn damage(&self, row: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let mut value = self.store.get(row).unwrap().unwrap();
        change(&mut value);
        let mut batch = Batch::default();
        if value.is_empty() {
            batch.delete(row)
        } else {
            batch.put(row, value)
        }
        self.store.commit(batch).unwrap();
    }
}

#[tokio::test]
async fn a_log_is_read_back_at_every_size_around_a_whole_row_of_hashes() {
    let bench = Bench::new();
    for sizes in [&[200, 255][..], &[256], &[257], &[300, 511], &[700], &[768]] {
        let root = bench.grow(sizes).await.book().tree.root();
        let again = bench.open().unwrap();
        assert_eq!((again.head().size().0, again.head().root()), (*sizes.last().unwrap(), root));
    }
}

#[tokio::test]
async fn a_store_whose_leaves_do_not_make_its_head_is_not_opened() {
    type Change = fn(&mut Vec<u8>);
    let (gone, cut, changed): (Change, Change, Change) = (Vec::clear, |row| row.truncate(32), |row| row[7] ^= 1);
    let cases = [
        (rows::HASHES, 0, gone, "leaves 0 to 255 is missing or cut"),
        (rows::HASHES, 256, gone, "leaves 256 to 511 is missing or cut"),
        (rows::HASHES, 256, cut, "leaves 256 to 511 is missing or cut"),
        (rows::HASHES, 0, changed, "the 600 leaves of the log do not make the head"),
        (rows::LEAF, 512, gone, "leaf 512 of the log is missing"),
        (rows::LEAF, 599, gone, "the 599 leaves of the log do not make the head"),
        (rows::LEAF, 599, changed, "the 600 leaves of the log do not make the head"),
        (rows::LEAF, 599, cut, "a leaf of the log is not an entry"),
        (rows::HEAD, 600, changed, "the 600 leaves of the log do not make the head"),
    ];
    for (prefix, number, change, said) in cases {
        let bench = Bench::new();
        drop(bench.grow(&[300, 600]).await);
        drop(bench.open().unwrap());
        bench.damage(&rows::numbered(prefix, number), change);
        let Err(StoreError::Damaged(why)) = bench.open().map(drop) else { panic!("opened, without: {said}") };
        assert!(why.contains(said), "{why}");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_the_one_of_the_tree_is_refused_where_it_is_read() {
    let bench = Bench::new();
    drop(bench.grow(&[300]).await);
    bench.damage(&rows::numbered(rows::LEAF, 7), |row| row[7] ^= 1);
    bench.damage(&rows::numbered(rows::LEAF, 9), Vec::clear);
    let ledger = bench.open().unwrap();
    for index in [7, 9, 300] {
        assert!(matches!(ledger.entry(index), Err(StoreError::Damaged(_))), "entry {index}");
    }
    assert!(ledger.opening(8).unwrap().opens(&ledger.entry(8).unwrap()));
}
