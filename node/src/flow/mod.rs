//! What the node does, verb by verb. Here records and promises meet; async code stops here.
//!
//! An alert's way: [`alert`] drafts and releases, [`outbox`] logs it and owes it, [`deliver`] sends it and settles its
//! receipt; at the other end [`receive`] checks, takes and answers. [`summarise`] publishes a cohort over the same way and
//! [`query`] reads what was published. [`withdraw`] asks recipients to erase, [`erase`] makes what was withdrawn or has expired
//! unreadable for good, [`outstanding`] is who still owes that. [`connection`] runs both halves over one link, [`ledger`] is the one writer beneath
//! them all.

pub mod agreement;
pub mod alert;
pub mod arrivals;
pub mod bundle;
pub mod connection;
pub mod conversation;
pub mod deliver;
pub mod delivery;
pub mod desk;
pub mod ended;
pub mod entangle;
pub mod erase;
pub mod escrow;
pub mod filing;
pub mod foreign;
pub mod fork;
pub mod founding;
pub mod gossip;
mod greeting;
pub mod intake;
pub mod journal;
pub mod kept;
pub mod keys;
mod known;
pub mod ledger;
pub mod logbook;
pub mod outbox;
pub mod outstanding;
pub mod queries;
pub mod query;
pub mod receive;
pub mod records;
pub mod recover;
mod reopen;
pub mod room;
pub mod succession;
pub mod summarise;
pub mod versions;
pub mod withdraw;
pub mod witness;

use crate::port::{Board, Clock, Entropy, Peers};
use std::sync::Arc;
use tokio::sync::watch;
use varde_proto::home::Operator;
use varde_proto::time::Timestamp;

/// What does not end but by a failure.
enum Never {}

/// What every verb needs: the ledger, who we are, the keys that sign what leaves, and who the peers are.
pub struct Node {
    /// The one writer and all that is durable.
    pub ledger: ledger::Ledger,
    /// Our log and mode.
    pub me: receive::Me,
    /// The keys that sign what leaves.
    pub keys: Arc<keys::Keys>,
    /// Where it is kept what peers say of their keys.
    pub board: Arc<dyn Board>,
    /// How often a peer is told of a head that it has not seen.
    pub heartbeat: std::time::Duration,
    /// What peers told of other logs.
    pub gossip: gossip::Memory,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// The pinned peers.
    pub peers: watch::Receiver<Arc<Peers>>,
    /// The staff of this node who may act.
    pub operators: Vec<Operator>,
    /// What was refused without a place in the log.
    pub journal: journal::Journal,
    /// How fast each peer's items are taken.
    pub pace: connection::Pace,
    /// How far each peer's items are on their way.
    pub under_way: connection::UnderWay,
}

impl Node {
    /// The time by which agreements are asked: never before the newest leaf, which an auditor goes by.
    pub fn time(&self) -> Timestamp {
        self.clock.now().max(self.ledger.book().last_time)
    }
}
