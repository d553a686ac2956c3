//! What the node touches: sockets, files, keys, the clock and the wire.

pub mod border;
pub mod clock;
mod disk;
pub mod entropy;
pub mod keyring;
pub mod keys;
pub mod operator;
pub mod status;
pub mod store;
