//! What the node touches: sockets, files, keys, the clock and the wire.

pub mod operator;
pub mod status;
