//! A country's folder of keys, of which no backup of its store has a copy: private keys that came later, statements that two
//! people decided, and the leaf of each.

use super::{genesis, key};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use varde_node::edge::keys::BadHome;
use varde_node::flow::Node;
use varde_node::flow::keys::{self, Filed, Keys, Missing, NotTaken, take_up};
use varde_node::flow::ledger::Ledger;
use varde_node::port::Store;
use varde_proto::envelope::Envelope;
use varde_proto::identity::{PublicKey, Role, SecretKey};

/// A folder of keys.
#[derive(Default)]
pub struct KeyFiles(Mutex<Files>);

#[derive(Default)]
struct Files {
    secrets: Vec<Arc<SecretKey>>,
    decided: BTreeMap<u32, (Envelope, Arc<SecretKey>)>,
    leaves: BTreeMap<u32, Filed>,
}

/// The keys of a country as its log on `store` has them; `more` are those that came by statements.
pub fn keys(country: &str, store: &dyn Store, more: &[Arc<SecretKey>]) -> Arc<Keys> {
    KeyFiles::holding(more).open(country, store)
}

impl KeyFiles {
    /// With these private keys beside the first ones.
    pub fn holding(more: &[Arc<SecretKey>]) -> Self {
        Self(Files { secrets: more.to_vec(), ..Files::default() }.into())
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A private key of a country.
    pub fn find(&self, country: &str, role: Role, wanted: &PublicKey) -> Result<Arc<SecretKey>, BadHome> {
        let own = [2, 3, 4].map(|role| Arc::new(key(country, role)));
        let files = self.files();
        let found = own.iter().chain(&files.secrets).find(|key| key.public() == *wanted).cloned();
        found.ok_or_else(|| BadHome::from(Missing(role)))
    }

    pub(super) fn open(&self, country: &str, store: &dyn Store) -> Arc<Keys> {
        let genesis = genesis(country);
        let signed = genesis.sign(&key(country, 1)).expect("a genesis");
        let history = keys::recorded(store, &genesis, &signed).expect("a history");
        Arc::new(Keys::open(history, store, |role, wanted| self.find(country, role, wanted)).expect("keys"))
    }

    /// A log that may have lost statements goes by the files.
    pub(super) fn foresee(&self, country: &str, ledger: &Ledger) {
        let first = ledger.keys().history().number() + 1;
        let leaves = self.files().leaves.clone();
        let filed = (first..).map_while(|number| leaves.get(&number).cloned());
        let found = ledger.foresee(filed, |_, role, wanted| self.find(country, role, wanted));
        found.expect("the private keys of statements that were filed");
    }

    /// Two people decided a statement with this number, which brings a key.
    pub fn decide(&self, number: u32, statement: Envelope, secret: Arc<SecretKey>) {
        let mut files = self.files();
        files.secrets.push(secret.clone());
        files.decided.insert(number, (statement, secret));
    }

    /// Whether a statement with this number was decided.
    pub fn is_decided(&self, number: u32) -> bool {
        self.files().decided.contains_key(&number)
    }

    /// Takes up what was decided and the log does not have, as a node does when its log is whole.
    pub async fn take_up(self: &Arc<Self>, node: &Node) -> Result<(), NotTaken> {
        loop {
            let number = node.keys.history().number() + 1;
            let decided = self.files().decided.get(&number).cloned();
            let Some((statement, secret)) = decided.filter(|_| !*node.ledger.locked().borrow()) else { return Ok(()) };
            let files = self.clone();
            let file = move |filed| {
                files.files().leaves.insert(number, filed);
                Ok(())
            };
            take_up(node, statement, Some(secret), file).await?;
        }
    }
}
