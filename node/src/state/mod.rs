//! What we have promised: the log, the channels and what is owed on them. Pure: no clock, no store, no socket; time is an
//! argument. Nothing here has heard of a case record.

pub mod backoff;
pub mod book;
pub mod hearsay;
pub mod outgoing;
pub mod quorum;
pub mod recovery;
pub mod waking;

pub use book::{Book, ChannelKey, ChannelState, Direction, PeerHead, peer_parts};
