//! What the node touches: sockets, files, keys, the clock and the wire.

pub mod backup;
pub mod border;
pub mod ceremony;
pub mod clock;
pub mod contacts;
mod disk;
pub mod entropy;
pub mod generation;
pub mod guard;
pub mod keyring;
pub mod keys;
pub mod notify;
pub mod operator;
mod space;
pub mod start;
pub mod status;
pub mod store;
pub mod witness;
