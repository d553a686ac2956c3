//! `varde alert release --dry-run`: who would get what, and who would not and why, by the steps of the release itself.

use super::alerts::{pins_taken_up, read_country, read_id, read_override, told};
use super::stories::story;
use crate::flow::Node;
use crate::flow::alert::drafts::{self, Refused};
use crate::flow::alert::{next, release};
use std::sync::Arc;
use tonic::Status;
use varde_proto::alert::show::show_content;
use varde_proto::id::NodeId;
use varde_proto::wire::operator::{DryRunReply, Prospect, ReleaseRequest};

/// What a release would do.
pub(super) async fn dry_run(node: &Arc<Node>, request: ReleaseRequest) -> Result<DryRunReply, Status> {
    let id = read_id(&request.id)?;
    let to = request.to.iter().map(|country| read_country(country)).collect::<Result<Vec<NodeId>, _>>()?;
    let alone = read_override(request.without_approval)?;
    pins_taken_up(node, &to).await;
    let draft = drafts::find(&node.ledger, id).map_err(told)?;
    let one = |country: &NodeId| prospect(&country.to_string(), release::judge(node, id, &[*country], alone));
    let prospects = to.iter().map(one).collect::<Result<Vec<_>, Status>>()?;
    let able: Vec<NodeId> =
        to.iter().zip(&prospects).filter(|(_, one)| one.code.is_empty()).map(|(country, _)| *country).collect();
    let together =
        if able.len() < 2 { Prospect::default() } else { prospect("", release::judge(node, id, &able, alone))? };
    // What is against it stands with each of them.
    let erases = next::erases(node, &draft.content).unwrap_or_default();
    Ok(DryRunReply {
        leaves_json: show_content(&draft.content).to_string(),
        prospects,
        together: Some(together),
        erases: erases.iter().map(ToString::to_string).collect(),
    })
}

fn prospect(country: &str, judged: Result<(), Refused>) -> Result<Prospect, Status> {
    let against = match judged {
        Ok(()) => return Ok(Prospect { country: country.to_owned(), ..Prospect::default() }),
        // Ours: no verdict about the country.
        Err(failure @ (Refused::Store(_) | Refused::Stopped)) => return Err(told(failure)),
        Err(refused) => story(refused),
    };
    let (code, why, next) = against.parts();
    Ok(Prospect { country: country.to_owned(), code: code.to_owned(), why: why.to_owned(), next: next.to_owned() })
}
