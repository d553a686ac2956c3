//! What a country's people do with an alert, in tests within one process: draft, approve, release, each with an own credential.

use crate::pair::{Country, staff};
use crate::words::code;
use varde_node::flow::alert::drafts::{self, Drafted, Refused, Signed};
use varde_node::flow::alert::next::{self, Next};
use varde_node::flow::alert::release;
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::{Draft, template};
use varde_proto::envelope::Envelope;
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::vocabulary::AlertKind;

/// An act of one of a country's staff, now.
pub fn sign(country: &Country, who: &str, verb: Verb, about: Digest) -> Option<Envelope> {
    let (origin, now) = (country.origin(), country.node.clock.now());
    Some(act::sign(verb, about, origin, now, &staff(origin.node().as_str(), who)))
}

/// Keeps a draft that `a` made.
pub async fn keep(country: &Country, drafted: Drafted) -> Result<Draft, Refused> {
    let about = Digest::of(&drafted.content.id.0);
    let act = sign(country, "a", Verb::Draft, about);
    drafts::keep(&country.node, drafted, &Signed { about, act }).await
}

/// The template of a kind, drafted by `a`.
pub async fn draft(country: &Country, kind: AlertKind) -> Result<Draft, Refused> {
    let text = template(kind, country.node.clock.now()).expect("a template");
    keep(country, drafts::from_file(&country.node, &text, None)?).await
}

/// The version after a released alert, drafted by `a`.
pub async fn draft_next(country: &Country, next: Next, file: &str) -> Result<Draft, Refused> {
    keep(country, next::draft(&country.node, next, file)?).await
}

/// Approves it as `b` and releases it as `a` to these countries.
pub async fn release(country: &Country, draft: &Draft, to: &[&str]) -> Result<AlertId, Refused> {
    let (id, digest) = (draft.content.id, draft.digest());
    let to: Vec<NodeId> = to.iter().map(|country| code(country)).collect();
    drafts::approve(&country.node, id, sign(country, "b", Verb::Approve, digest)).await?;
    let about = act::about_release(digest, &to);
    release::release(&country.node, id, &to, sign(country, "a", Verb::Release, about)).await?;
    Ok(id)
}
