//! The exchange log: what a leaf commits to ([`event`], [`body`], [`leaf`], [`chain`]), the Merkle tree over the leaves ([`merkle`],
//! [`tree`], [`frontier`], [`tiles`]), its signed heads ([`vkey`], [`note`], [`checkpoint`], [`cosignature`], [`head`]), what
//! shows one leaf to a stranger ([`policy`], [`proof`]), when a head is cosigned for others ([`witness`]), and what proves that a log
//! has two histories ([`fork`]).
//!
//! Out: where leaves are kept and when a head is signed (the node), and what a whole log proves ([`crate::audit`]).
//! Hashing is RFC 6962's (RFC 9162, section 2.1); notes, checkpoints, proofs and policies are C2SP's, at the versions that
//! docs/protocol.md pins. No function here panics on any input.

pub mod body;
pub mod chain;
pub mod checkpoint;
pub(crate) mod codec;
pub mod cosignature;
pub mod event;
pub mod fork;
pub mod frontier;
pub mod head;
pub mod leaf;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod proof;
#[cfg(feature = "post-quantum")]
pub mod quantum;
pub mod tiles;
pub mod tree;
pub mod vkey;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use event::{Direction, Event, Kind};
pub use frontier::Frontier;
pub use head::Head;
pub use leaf::{Entry, Opening};
pub use note::Note;
pub use policy::Policy;
pub use proof::TlogProof;
pub use tree::Tree;
pub use vkey::Vkey;
