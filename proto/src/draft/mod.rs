//! A draft: an alert that a country's own staff prepare, decide on and sign off. Nothing of this module crosses a border but
//! the alert itself.
//!
//! In: reading `FILE.json` ([`read`]), the [`template`]s, the [`Terms`] under which something is shared, the local sharing
//! [`Decision`], the signed [`act`]s of staff, and the one stored form of a [`Draft`]. Out: building content from case
//! records (`varde-node`, `national::minimise`), keeping drafts and releasing them (`varde-node`, `flow::alert`).

pub mod act;
mod caution;
mod decision;
mod file;
pub mod shield;
mod stored;
mod subject;
mod template;
mod terms;
mod vocabulary;

pub use caution::Caution;
pub use decision::Decision;
pub use file::{FileDraft, check, read, read_terms};
pub use stored::{BadDraft, Draft, Explained};
pub use template::{file_of, template};
pub use terms::{Fresh, Terms, renewed};
pub use vocabulary::{ApprovalOverride, ChildHeard, GuardianInformed, Harm, Necessity, lists};

#[cfg(test)]
mod tests;
