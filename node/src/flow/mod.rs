//! What the node does, verb by verb. Here records and promises meet; async code stops here.
//!
//! [`ledger`] is the one writer beneath it all.

pub mod desk;
pub mod founding;
pub mod journal;
pub mod ledger;
mod reopen;
