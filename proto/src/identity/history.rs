//! The keys of one log from its genesis on: which key is valid for a signature at which size. Statements are taken in the order
//! of the log, each once; what is refused changes nothing.

use super::armor::{self, Label};
use super::document::BadDocument;
use super::role::{Held, Role, RoleKeys};
use super::roster::{BadEntry, Roster};
use super::statement::{Change, Statement};
use super::{Descriptor, Genesis, PublicKey, SecretKey};
use crate::envelope;
use crate::id::{Digest, LogIndex, Origin, TreeSize};
use crate::limits;
use crate::log::event::Kind;
use crate::time::Timestamp;
use crate::wire::peer::{self, Mode};
use prost::Message;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// Why a statement is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadHistory {
    /// Its form, or a signature that it must have.
    #[error("{0}")]
    Document(#[from] BadDocument),
    /// Of another log, network or mode.
    #[error("it is a statement about {0}, or of another mode")]
    Other(Origin),
    /// A statement that was taken before, or one too early: it does not follow the newest.
    #[error("it is number {given}, and does not follow the {known} statements that are known")]
    Order {
        /// Its number.
        given: u32,
        /// How many were taken.
        known: u32,
    },
    /// K_id is the root of everything here; only the members of the network together can replace it.
    #[error("the identity key cannot be changed or revoked by itself")]
    Identity,
    /// The key to be replaced or revoked is not held, no longer in use, or revoked already.
    #[error("{0}")]
    Entry(#[from] BadEntry),
    /// The new key was held before.
    #[error("the new {0} key was held before")]
    Reused(Role),
    /// A leaf that does not come after the newest statement's, or a revocation that begins after itself.
    #[error("it stands at leaf {0}, which is not its place")]
    Place(u64),
    /// More statements, or larger ones, than a log may have.
    #[error("there are more key statements, or larger ones, than a log may have")]
    Bound,
    /// Text that is not a history as [`History::write`] writes it.
    #[error("it is not a history of keys")]
    Text,
    /// It leaves out or contradicts what is known of this log's keys.
    #[error("it leaves out or contradicts what is known of this log's keys")]
    Contradicts,
}

/// A statement with its place in the log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    /// Its leaf.
    pub index: LogIndex,
    /// As it was signed.
    pub envelope: peer::Envelope,
    /// What it says.
    pub statement: Statement,
}

impl Logged {
    /// Whether this is the statement that brought a key.
    pub fn brings(&self, role: Role, key: &PublicKey) -> bool {
        matches!(&self.statement.change, Change::Rotate { new, .. } if new.role() == role && new.key() == key)
    }

    /// The kind of its leaf.
    pub fn kind(&self) -> Kind {
        match self.statement.change {
            Change::Rotate { .. } => Kind::KEY_ROTATE,
            Change::Revoke { .. } => Kind::KEY_REVOKE,
        }
    }
}

/// The keys of one log.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    origin: Origin,
    mode: Mode,
    keys: RoleKeys,
    roster: Roster,
    number: u32,
    genesis: Option<peer::Envelope>,
    newest: Option<Digest>,
    statements: Vec<Logged>,
}

impl History {
    /// From a genesis, as it was read and as it was signed.
    pub fn found(genesis: &Genesis, envelope: &peer::Envelope) -> Self {
        let mut roster = Roster::default();
        // An empty roster holds nothing that could contradict.
        let _ = roster.enter_genesis(genesis);
        let (origin, mode) = (genesis.origin().clone(), genesis.mode());
        let (keys, newest) = (genesis.keys().clone(), Some(envelope::digest(envelope)));
        let genesis = Some(envelope.clone());
        Self { origin, mode, keys, roster, number: 0, genesis, newest, statements: vec![] }
    }

    /// What a descriptor says, which shows the newest keys and not how the log came to them: nothing can follow it.
    pub fn pinned(descriptor: &Descriptor) -> Self {
        let mut roster = Roster::default();
        let _ = roster.enter_descriptor(descriptor);
        let (origin, mode) = (descriptor.origin().clone(), descriptor.mode());
        let (keys, number) = (descriptor.keys().clone(), descriptor.key_statements());
        Self { origin, mode, keys, roster, number, genesis: None, newest: None, statements: vec![] }
    }

    /// As it was after its first statements.
    pub fn after(&self, statements: usize) -> Result<Self, BadHistory> {
        let envelope = self.genesis.as_ref().ok_or(BadHistory::Contradicts)?;
        let mut history = Self::found(&Genesis::open(envelope)?, envelope);
        let mut first = self.statements.iter().take(statements);
        first.try_for_each(|logged| history.take(&logged.envelope, logged.index).map(drop))?;
        Ok(history)
    }

    /// Takes the next statement, which stands at a leaf.
    pub fn take(&mut self, envelope: &peer::Envelope, index: LogIndex) -> Result<&Logged, BadHistory> {
        if envelope.encoded_len() > limits::KEY_STATEMENT_BYTES || self.number >= limits::KEY_STATEMENTS {
            return Err(BadHistory::Bound);
        }
        let statement = Statement::open(envelope, self.id(), |role, key| self.find(role, key))?;
        if statement.origin != self.origin || statement.mode != self.mode {
            return Err(BadHistory::Other(statement.origin));
        }
        if statement.number != self.number + 1 || Some(statement.previous) != self.newest {
            return Err(BadHistory::Order { given: statement.number, known: self.number });
        }
        if index.0 == 0 || index.0 == u64::MAX || self.statements.last().is_some_and(|last| last.index >= index) {
            return Err(BadHistory::Place(index.0));
        }
        let (mut keys, mut roster) = (self.keys.clone(), self.roster.clone());
        self.change(&statement.change, index, &mut keys, &mut roster)?;
        (self.keys, self.roster) = (keys, roster);
        (self.number, self.newest) = (statement.number, Some(envelope::digest(envelope)));
        self.statements.push(Logged { index, envelope: envelope.clone(), statement });
        self.statements.last().ok_or(BadHistory::Bound)
    }

    fn change(
        &self,
        change: &Change,
        index: LogIndex,
        keys: &mut RoleKeys,
        roster: &mut Roster,
    ) -> Result<(), BadHistory> {
        let (role, from) = (change.role(), TreeSize(index.0 + 1));
        if role == Role::Id {
            return Err(BadHistory::Identity);
        }
        match change {
            Change::Rotate { old, new } => {
                if self.find(role, &new.key().fingerprint()).is_some() {
                    return Err(BadHistory::Reused(role));
                }
                roster.enter(&self.origin, role, *new.key(), from)?;
                if let Some(old) = old.and_then(|old| self.find(role, &old)) {
                    roster.end(&self.origin, role, &old, from)?;
                }
                let first = keys.get(role).filter(|key| roster.current(&self.origin, role).contains(key));
                if first.is_none() {
                    keys.replace((**new).clone());
                }
            }
            Change::Revoke { key, above, .. } => {
                if above.0 > index.0 {
                    return Err(BadHistory::Place(index.0));
                }
                let unknown = || BadEntry::Unknown(self.origin.clone(), role);
                let key = self.find(role, key).ok_or_else(unknown)?;
                roster.revoke(&self.origin, role, &key, TreeSize(above.0 + 1))?;
                let current = roster.current(&self.origin, role);
                if keys.get(role) == Some(&key)
                    && let Some(other) = self.held(role).find(|held| current.contains(held.key()))
                {
                    keys.replace(other.clone());
                }
            }
        }
        Ok(())
    }

    /// Signs the statement by which a new key replaces `old`, or is added where there is none. Not taken yet.
    pub fn rotate(
        &self,
        id: &SecretKey,
        role: Role,
        (old, new): (Option<&SecretKey>, &SecretKey),
        now: Timestamp,
        salt: [u8; 32],
    ) -> Result<peer::Envelope, BadHistory> {
        let held = Box::new(Held::prove(&self.origin, self.id(), role, new));
        let change = Change::Rotate { old: old.map(|old| old.public().fingerprint()), new: held };
        let keys: Vec<&SecretKey> = std::iter::once(id).chain(old).chain([new]).collect();
        self.sign(change, &keys, now, salt)
    }

    /// Signs the statement by which a key ends. Not taken yet.
    pub fn revoke(
        &self,
        id: &SecretKey,
        (role, key): (Role, Digest),
        above: TreeSize,
        now: Timestamp,
        salt: [u8; 32],
    ) -> Result<peer::Envelope, BadHistory> {
        self.sign(Change::Revoke { role, key, above }, &[id], now, salt)
    }

    fn sign(
        &self,
        change: Change,
        keys: &[&SecretKey],
        created: Timestamp,
        salt: [u8; 32],
    ) -> Result<peer::Envelope, BadHistory> {
        let previous = self.newest.ok_or(BadHistory::Contradicts)?;
        let (origin, mode, number) = (self.origin.clone(), self.mode, self.number + 1);
        let signed = Statement { origin, mode, number, previous, change, created, salt }.sign(keys);
        // As whoever reads it will judge it, at the last leaf there can be.
        self.clone().take(&signed, LogIndex(u64::MAX - 1))?;
        Ok(signed)
    }

    /// Whether this is what `known` has come to: nothing that was known is left out, and nothing is told otherwise.
    pub fn continues(&self, known: &Self) -> bool {
        let same = self.origin == known.origin && self.mode == known.mode && self.id() == known.id();
        let prefix = known.statements.iter().zip(&self.statements).all(|(before, now)| before == now);
        let held = |(role, key): (Role, &PublicKey)| self.find(role, &key.fingerprint()).is_some();
        same && self.number >= known.number && prefix && known.keys.iter().all(held)
    }

    /// Keys that came by a statement.
    fn held(&self, role: Role) -> impl Iterator<Item = &Held> {
        self.statements.iter().filter_map(move |logged| match &logged.statement.change {
            Change::Rotate { new, .. } if new.role() == role => Some(&**new),
            Change::Rotate { .. } | Change::Revoke { .. } => None,
        })
    }

    fn find(&self, role: Role, key: &Digest) -> Option<PublicKey> {
        let held = self.roster.holdings(&self.origin, role).iter();
        held.map(|holding| holding.key).find(|held| held.fingerprint() == *key)
    }

    /// Whose keys.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// ACTUAL, EXERCISE or TEST.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The genesis from which it was walked; none for what a descriptor says.
    pub fn genesis(&self) -> Option<&peer::Envelope> {
        self.genesis.as_ref()
    }

    /// K_id.
    pub fn id(&self) -> &PublicKey {
        self.keys.id()
    }

    /// The key of each role that a new descriptor shows.
    pub fn keys(&self) -> &RoleKeys {
        &self.keys
    }

    /// Who holds which key from which size to which.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// How many statements were taken, or are behind a descriptor's keys.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Every statement that was taken.
    pub fn statements(&self) -> &[Logged] {
        &self.statements
    }

    /// The keys of a role that are valid for a head of this size, or for what stands at the last leaf below it.
    pub fn at(&self, role: Role, size: TreeSize) -> Vec<PublicKey> {
        self.roster.at(&self.origin, role, size)
    }

    /// The keys of a role that are in use.
    pub fn current(&self, role: Role) -> Vec<PublicKey> {
        self.roster.current(&self.origin, role)
    }

    /// Whether a key was revoked in a role, and above which size of the log.
    pub fn revoked_above(&self, role: Role, key: &PublicKey) -> Option<TreeSize> {
        let held = self.roster.holdings(&self.origin, role).iter().find(|h| h.key == *key && h.revoked)?;
        held.until.map(|until| TreeSize(until.0.saturating_sub(1)))
    }

    /// The role in which another log names a key that was revoked here.
    pub fn names_again(&self, keys: &RoleKeys) -> Option<Role> {
        let stolen = |key: &PublicKey| Role::ALL.into_iter().any(|role| self.revoked_above(role, key).is_some());
        keys.iter().find(|(_, key)| stolen(key)).map(|(role, _)| role)
    }

    /// The TLS keys by which its connections are authenticated: the one in use, and for a while one that was replaced and not
    /// revoked, until when.
    pub fn tls(&self, now: Timestamp) -> Vec<(PublicKey, Timestamp)> {
        let held = self.roster.holdings(&self.origin, Role::Tls).iter().filter(|h| !h.revoked);
        let until = |key: &PublicKey, days: u32| match self.replaced(Role::Tls, key) {
            Some(replaced) => replaced.after(DAY * days),
            None => Timestamp::MAX,
        };
        let held = held.map(|holding| (holding.key, until(&holding.key, limits::TLS_GRACE_DAYS)));
        held.filter(|(_, until)| now < *until).collect()
    }

    /// The TLS key that the log's own node shows: one that was replaced and not revoked for a few days more, so that every peer
    /// has heard of the new one before.
    pub fn tls_shown(&self, now: Timestamp) -> Option<PublicKey> {
        let held = self.roster.holdings(&self.origin, Role::Tls).iter().filter(|h| !h.revoked);
        let turned = |key: &PublicKey| {
            self.replaced(Role::Tls, key).is_some_and(|replaced| now >= replaced.after(DAY * limits::TLS_TURN_DAYS))
        };
        held.map(|holding| holding.key).find(|key| !turned(key))
    }

    /// When a key was replaced.
    fn replaced(&self, role: Role, key: &PublicKey) -> Option<Timestamp> {
        let fingerprint = Some(key.fingerprint());
        let replaces = |change: &Change| matches!(change, Change::Rotate { old, new } if new.role() == role && *old == fingerprint);
        let found = self.statements.iter().find(|logged| replaces(&logged.statement.change));
        found.map(|logged| logged.statement.created)
    }

    /// The statements as text, each after the line `leaf <index>`.
    pub fn write(&self) -> String {
        self.write_below(TreeSize(u64::MAX))
    }

    /// The statements that stand below a size of the log.
    pub fn write_below(&self, size: TreeSize) -> String {
        let block = |logged: &Logged| {
            format!("leaf {}\n{}", logged.index.0, armor::encode(Label::KeyStatement, &logged.envelope))
        };
        self.statements.iter().filter(|logged| logged.index.0 < size.0).map(block).collect()
    }

    /// Genesis and statements as text.
    pub fn write_whole(&self) -> Option<String> {
        let genesis = armor::encode(Label::Genesis, self.genesis.as_ref()?);
        Some(genesis + &self.write())
    }

    /// Reads what [`Self::write_whole`] wrote. It vouches for itself only.
    pub fn read_whole(text: &str) -> Result<Self, BadHistory> {
        let end = text.find("\nleaf ").map_or(text.len(), |end| end + 1);
        let (genesis, statements) = text.split_at(end);
        let (genesis, envelope) = Genesis::open_text(genesis)?;
        let mut history = Self::found(&genesis, &envelope);
        history.read(statements)?;
        Ok(history)
    }

    /// Takes every statement that [`Self::write`] wrote.
    pub fn read(&mut self, text: &str) -> Result<(), BadHistory> {
        if text.len() > limits::KEY_HISTORY_BYTES {
            return Err(BadHistory::Bound);
        }
        let mut rest = text;
        while let Some(block) = rest.strip_prefix("leaf ") {
            let (index, body) = block.split_once('\n').ok_or(BadHistory::Text)?;
            let end = body.find("\nleaf ").map_or(body.len(), |end| end + 1);
            let (body, more) = body.split_at(end);
            let envelope = armor::decode(Label::KeyStatement, body).map_err(|_| BadHistory::Text)?;
            let index = index.parse().map_err(|_| BadHistory::Text)?;
            self.take(&envelope, LogIndex(index))?;
            rest = more;
        }
        if rest.is_empty() && self.write().ends_with(text) { Ok(()) } else { Err(BadHistory::Text) }
    }
}

#[cfg(test)]
mod tests;
