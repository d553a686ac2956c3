//! What two Varde nodes and an auditor must agree on.
//!
//! In: the wire ([`wire`]), the vocabularies ([`vocabulary`]), the payloads ([`alert`], [`offer`], [`reply`], [`summary`], [`control`], [`identity`]), what two
//! countries [`agreement`] permits, the signed [`envelope`], the exchange [`log`] and its offline verification ([`audit`]). Out: clocks, sockets, files and
//! async code; those are the node's (`varde-node`) and the command line's (`varde-cli`). Every function here is a pure
//! function of its arguments, so sender, receiver and auditor run the same lines.

pub mod agreement;
pub mod alert;
pub mod audit;
pub mod control;
#[cfg(feature = "operator")]
pub mod draft;
pub mod envelope;
pub mod exchange;
#[cfg(feature = "operator")]
pub mod home;
pub mod id;
pub mod identity;
pub mod json;
pub mod limits;
pub mod log;
pub mod offer;
pub mod reply;
pub mod summary;
pub mod time;
pub mod vocabulary;
pub mod wire;
