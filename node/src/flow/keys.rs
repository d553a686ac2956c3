//! The keys with which this node signs, as they stand in its log: a statement that two people approved is taken up while the
//! node runs, and what is signed for the tree from its leaf on is signed by the new key.
//!
//! In: which key signs what stands at which size, taking up a statement, showing the statements to peers. Out: what a statement
//! must be ([`History`]), key files and approvals (`edge::ceremony`), what peers say of theirs (`super::greeting`).

mod filed;

pub use filed::Filed;

use super::ledger::{CommitError, Ledger};
use super::{Node, founding};
use crate::port::{Store, StoreError};
use crate::rows;
use prost::Message;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use varde_proto::envelope::{self, Envelope};
use varde_proto::exchange::Shown;
use varde_proto::id::{Digest, LogIndex, Origin, TreeSize};
use varde_proto::identity::{BadHistory, Change, Genesis, History, PublicKey, Role, SecretKey};
use varde_proto::log::event::Event;
use varde_proto::log::head::{BadHead, Head};
use varde_proto::time::Timestamp;

/// A key of ours, and the first size of our log at which it signs.
struct Turn {
    from: u64,
    /// The first head that it signed, together with the key before it; known once there is one.
    first: Option<u64>,
    key: Arc<SecretKey>,
}

struct State {
    history: Arc<History>,
    turns: BTreeMap<Role, Vec<Turn>>,
    /// Statements at the end of `history` that the store lacks, with their numbers.
    foreseen: Vec<(u32, Filed)>,
}

/// Our keys, as they stand in our log.
pub struct Keys(RwLock<State>);

/// No file holds a key that this node must have.
#[derive(Debug, thiserror::Error)]
#[error("no file holds the {0} key that this node's log names")]
pub struct Missing(pub Role);

/// The roles in which the node signs what peers and auditors read.
const SIGNING: [Role; 3] = [Role::Log, Role::Wit, Role::Msg];

impl Keys {
    /// From what the log says and what `find` has in files. Of the log's own keys all must be there, because every head that
    /// was signed is signed again when it is shown; of the others the one in use. `store` tells which heads there are.
    pub fn open<E: From<Missing> + From<StoreError>>(
        history: History,
        store: &dyn Store,
        find: impl Fn(Role, &PublicKey) -> Result<Arc<SecretKey>, E>,
    ) -> Result<Self, E> {
        let mut turns = BTreeMap::new();
        for role in SIGNING {
            let held = history.roster().holdings(history.origin(), role);
            let newest = held.iter().rposition(|holding| holding.until.is_none()).ok_or(Missing(role))?;
            let mut of_role = Vec::new();
            for (place, holding) in held.iter().enumerate().take(newest + 1) {
                if role == Role::Log || place == newest {
                    let (from, key) = (holding.from.0, find(role, &holding.key)?);
                    let first = if from == 0 { None } else { first_head(store, rows::first(history.origin()) + from)? };
                    of_role.push(Turn { from, first, key });
                }
            }
            turns.insert(role, of_role);
        }
        Ok(Self(RwLock::new(State { history: Arc::new(history), turns, foreseen: Vec::new() })))
    }

    /// How the keys came to be what they are.
    pub fn history(&self) -> Arc<History> {
        self.read(|state| state.history.clone())
    }

    /// The key that signs payloads at this size of our log.
    pub fn message(&self, size: u64) -> Arc<SecretKey> {
        self.read(|state| state.key(Role::Msg, size))
    }

    /// The key that cosigns peers' heads at this size of our log.
    pub fn witness(&self, size: u64) -> Arc<SecretKey> {
        self.read(|state| state.key(Role::Wit, size))
    }

    /// Signs a head, as it was or will be signed: Ed25519 is deterministic.
    pub(super) fn sign(&self, origin: &Origin, size: TreeSize, root: Digest) -> Result<Head, BadHead> {
        let signers = self.read(|state| {
            let turns = state.turns.get(&Role::Log).map_or(&[][..], Vec::as_slice);
            let place = turns.iter().rposition(|turn| turn.from <= size.0).unwrap_or_default();
            let both = turns.get(place).is_some_and(|turn| turn.first == Some(size.0)) && place > 0;
            let first = if both { place - 1 } else { place };
            turns.iter().take(place + 1).skip(first).map(|turn| turn.key.clone()).collect::<Vec<_>>()
        });
        let signers: Vec<&SecretKey> = signers.iter().map(|key| &**key).collect();
        Head::sign_by(origin, size, root, &signers)
    }

    /// Signs the head of a commit that just landed.
    pub(super) fn sign_newest(&self, origin: &Origin, size: TreeSize, root: Digest) -> Result<Head, BadHead> {
        let mut state = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let newest = state.turns.get_mut(&Role::Log).and_then(|turns| turns.last_mut());
        if let Some(turn) = newest.filter(|turn| turn.first.is_none() && (1..=size.0).contains(&turn.from)) {
            turn.first = Some(size.0);
        }
        drop(state);
        self.sign(origin, size, root)
    }

    /// Index of the first statement that somebody who was told of `told` of them does not know.
    pub(super) fn untold(&self, told: u32) -> Option<u64> {
        self.read(|state| state.history.statements().get(told as usize).map(|logged| logged.index.0))
    }

    /// Whether a role keeps a key in use, and where we sign with it ourselves, the one that we have.
    fn remains(&self, role: Role, history: &History) -> bool {
        let current = history.current(role);
        let ours = self.read(|state| state.turns.get(&role).and_then(|turns| turns.last()).map(|t| t.key.public()));
        ours.map_or(!current.is_empty(), |ours| current.contains(&ours))
    }

    fn turn(&self, history: History, taken: Option<(Role, u64, Arc<SecretKey>)>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).turn(history, taken);
    }

    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn turn(&mut self, history: History, taken: Option<(Role, u64, Arc<SecretKey>)>) {
        if let Some((role, from, key)) = taken {
            self.turns.entry(role).or_default().push(Turn { from, first: None, key });
        }
        self.history = Arc::new(history);
    }

    /// There is a turn for each role, and the first of it stands from size 0 on where no later one is in force.
    fn key(&self, role: Role, size: u64) -> Arc<SecretKey> {
        let turns = &self.turns[&role];
        turns.iter().rev().find(|turn| turn.from <= size).unwrap_or(&turns[0]).key.clone()
    }
}

fn first_head(store: &dyn Store, from: u64) -> Result<Option<u64>, StoreError> {
    let row = store.scan(&rows::numbered(rows::HEAD, from), &[rows::HEAD + 1], false).next().transpose()?;
    let number =
        row.and_then(|(name, _)| name.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes));
    Ok(number.map(rows::counted))
}

/// How the keys of a log came to be what they are, from the rows of its statements.
pub fn recorded(store: &dyn Store, genesis: &Genesis, envelope: &Envelope) -> Result<History, StoreError> {
    let mut history = History::found(genesis, envelope);
    let first = rows::first(genesis.origin());
    let [from, to] = [first, first + u64::from(u32::MAX)].map(|number| rows::numbered(rows::KEY, number));
    for row in store.scan(&from, &to, false) {
        let (_, value) = row?;
        let parts = value.split_first_chunk::<8>();
        let parts = parts.and_then(|(index, bytes)| Some((u64::from_be_bytes(*index), Envelope::decode(bytes).ok()?)));
        let (index, envelope) = parts.ok_or_else(|| StoreError::Damaged("the row of a key cannot be read".into()))?;
        let taken = history.take(&envelope, LogIndex(index));
        taken.map_err(|bad| StoreError::Damaged(format!("the row of a key: {bad}")))?;
    }
    Ok(history)
}

/// Why a statement is not taken up. Nothing was logged.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// It does not follow from what the log says.
    #[error("{0}")]
    History(#[from] BadHistory),
    /// The private half of the new key is not there, or is another.
    #[error("the file of the new {0} key is missing, or holds another key")]
    Secret(Role),
    /// Nothing would be left to sign with.
    #[error("it would leave this node without a {0} key: rotate first, then revoke")]
    Last(Role),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The writer has stopped.
    #[error("the node has stopped writing")]
    Stopped,
}

/// Logs a statement and signs with the new key from its leaf on. Returns the index of the leaf. That two people approved it, the
/// caller has seen. `file` keeps the leaf where no backup of the store replaces it; it is called before the leaf lands.
pub async fn take_up(
    node: &Node,
    envelope: Envelope,
    secret: Option<Arc<SecretKey>>,
    file: impl FnOnce(Filed) -> Result<(), StoreError> + Send + 'static,
) -> Result<u64, NotTaken> {
    let (keys, peers) = (node.keys.clone(), node.peers.borrow().clone());
    let landed = node.ledger.commit(move |desk| {
        let index = desk.next_index();
        let mut history = (*keys.history()).clone();
        let logged = history.take(&envelope, index)?.clone();
        let role = logged.statement.change.role();
        let taken = match &logged.statement.change {
            Change::Rotate { new, .. } => {
                let secret = secret.filter(|secret| secret.public() == *new.key()).ok_or(NotTaken::Secret(role))?;
                SIGNING.contains(&role).then_some((role, index.0 + 1, secret))
            }
            Change::Revoke { .. } if !keys.remains(role, &history) => return Err(NotTaken::Last(role)),
            Change::Revoke { .. } => None,
        };
        let body = envelope.encode_to_vec();
        let row = rows::numbered(rows::KEY, desk.number(u64::from(history.number())));
        desk.put(row, [&index.0.to_be_bytes()[..], &body].concat())?;
        let local = Event::local(logged.kind(), Timestamp::default());
        let (_, opening) = desk.append(Event { object: envelope::digest(&envelope), body, ..local })?;
        founding::follow(desk, &history, &peers)?;
        file(Filed { index, opening })?;
        keys.turn(history, taken);
        Ok(index.0)
    });
    match landed.await {
        Ok(landed) => Ok(landed.into_value()),
        Err(CommitError::Refused(why)) => Err(why),
        Err(CommitError::Stopped) => Err(NotTaken::Stopped),
    }
}

/// The genesis and every statement below `size` as leaves of our log, for a peer; nothing while there is no statement.
pub(super) fn shown(ledger: &Ledger, history: &History, size: u64) -> Result<Vec<Shown>, StoreError> {
    let below = history.statements().iter().map(|logged| logged.index.0).filter(|index| *index < size);
    let indexes: Vec<u64> = std::iter::once(0).chain(below).collect();
    if indexes.len() == 1 {
        return Ok(Vec::new());
    }
    let show = |index: u64| {
        let (opening, path) =
            (ledger.opening(ledger.number(index))?, super::deliver::path(&ledger.book(), index, size)?);
        Ok(Shown { index, opening, path })
    };
    indexes.into_iter().map(show).collect()
}
