//! What is said about alerts, in tests within one process: contents of any kind, and words of staff.

use crate::pair::{Country, staff};
use varde_node::flow::alert::drafts::{self, Refused};
use varde_node::flow::conversation::{self, Standing, State, Told, Word, offers};
use varde_node::flow::{delivery, filing, kept};
use varde_proto::alert::AlertContent;
use varde_proto::draft::act::{self, Verb};
use varde_proto::draft::{self, template};
use varde_proto::id::{AlertId, Digest, NodeId};
use varde_proto::reply::Said;
use varde_proto::vocabulary::{AlertKind, DeskRole};

/// The template of a kind as a content, under an id of its own.
pub fn content(country: &Country, kind: AlertKind, id: AlertId) -> AlertContent {
    let now = country.node.clock.now();
    let text = template(kind, now).expect("a template");
    let read = draft::read(&text, Some(kind), drafts::fresh(&country.node)).expect("a valid template");
    AlertContent { id, ..read.content }
}

/// A country's code.
pub fn code(text: &str) -> NodeId {
    NodeId::parse(text).expect("a country")
}

/// Says something in the name of staff `a`; what became of it.
pub async fn tell(country: &Country, id: AlertId, with: Option<&str>, said: Said) -> Result<Told, Refused> {
    let origin = country.origin();
    let (ledger, own) = (&country.node.ledger, origin.node());
    let issuers = if said.is_by_issuer() { vec![own] } else { kept::countries(ledger)? };
    let about = |issuer: &NodeId| {
        let alert = ledger.get(&filing::alert_row(*issuer, id)).ok()??;
        filing::read_filed(&alert).ok().map(|(_, object)| (*issuer, object))
    };
    let offer = |issuer: &NodeId| Some((*issuer, offers::find(ledger, *issuer, id).ok()??.object));
    let alert = issuers.iter().find_map(about).filter(|_| said.is_about_offer() != Some(true));
    let (issuer, object) = alert.or_else(|| issuers.iter().find_map(offer)).unwrap_or((own, Digest::NONE));
    let to = if said.is_by_issuer() { code(with.expect("whom")) } else { issuer };
    let about = act::about_reply(object, to, DeskRole::FOCAL_POINT, &said);
    let act = act::sign(Verb::Reply, about, origin, country.node.clock.now(), &staff(own.as_str(), "a"));
    let word = Word { id, with: with.map(code), desk_role: DeskRole::FOCAL_POINT, said };
    conversation::say(&country.node, word, Some(act)).await
}

/// The same, and waits until the other side has receipted or refused it.
pub async fn say(country: &Country, id: AlertId, with: Option<&str>, said: Said) -> Result<delivery::State, Refused> {
    let Told::Owed(kept) = tell(country, id, with, said).await? else { panic!("nobody was told") };
    let deliveries = delivery::wait(&country.node.ledger, kept, crate::doomed::SOON).await?;
    Ok(deliveries.into_iter().next().expect("a recipient").state)
}

/// How far each recipient of a country's own alert is.
pub fn standings(country: &Country, id: AlertId) -> Vec<Standing> {
    let (kept, object) = conversation::ours(&country.node, id).expect("a store").expect("a released alert");
    conversation::of_ours(&country.node, (id, kept, object), None).expect("a store")
}

/// The state of the first recipient, and what was said with it.
pub fn state(country: &Country, id: AlertId) -> (State, Vec<Said>) {
    let first = standings(country, id).into_iter().next().expect("a recipient");
    (first.state, first.said.into_iter().map(|word| word.said).collect())
}
