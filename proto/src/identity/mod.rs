//! Who is who.
//!
//! In: keys and their roles ([`key`], [`role`]), the three documents that K_id signs ([`Genesis`], [`Descriptor`],
//! [`Acceptance`], which a [`Revocation`] ends) and their text form ([`armor`]), who holds which key when ([`Roster`]), how a
//! log's keys change ([`Statement`], [`History`]), why one ended and another follows it ([`Incident`]), and the TLS [`certificate`]. Out: key files, which `varde init` makes and the node reads; the pins on disk and the connections,
//! which are the node's (`node::edge`).

mod acceptance;
pub mod armor;
pub mod certificate;
mod descriptor;
mod document;
mod endpoint;
mod genesis;
mod history;
mod incident;
pub mod key;
#[cfg(varde_simulation)]
mod memo;
pub mod mode;
pub mod role;
mod roster;
mod statement;
#[cfg(test)]
pub(crate) mod testing;

pub use acceptance::{Acceptance, Revocation, Word};
pub use descriptor::{Descriptor, Validity};
pub use document::BadDocument;
pub use endpoint::Endpoint;
pub use genesis::Genesis;
pub use history::{BadHistory, History, Logged};
pub use incident::{Incident, Reason};
pub use key::{BadKey, BadSignature, PublicKey, SecretKey};
pub use role::{BadRoles, Held, Role, RoleKeys};
pub use roster::{BadEntry, Holding, Roster};
pub use statement::{Change, Statement};
