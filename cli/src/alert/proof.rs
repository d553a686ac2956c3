//! `varde alert proof ID --from CC`: the proof that a recipient erased an alert of ours, as a file for an auditor.

use super::{connect_to_read, read_id, release};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::id::{AlertId, NodeId};
use varde_proto::wire::operator::{ErasureStanding, ShowRequest};

/// Which proof of which alert.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert proof ID --from LT > lt.tlog-proof\n  \
    varde audit proof lt.tlog-proof --policy lt.bundle/policy --log-alone\n\n\
    The proof is signed by the recipient's own log: that its leaf says `erase-done` of this alert. The policy says under which\n\
    keys: it lies in every bundle of that country, and `varde audit verify` checks whose it is. With --json the proof is the\n\
    text `proof` of a document.")]
pub(crate) struct Args {
    /// Our alert's id
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// The country that erased it
    #[arg(long, value_name = "CC", value_parser = release::read_country)]
    from: NodeId,
}

/// Writes it to stdout.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { id, from } = args;
    let (mut node, _) = connect_to_read(context).await?;
    let request = ShowRequest { id: id.to_string(), issuer: String::new() };
    let Some(own) = node.show(request).await?.into_inner().own else {
        return Err(Failure::refused("this alert came from a peer: who issued it has the proofs").reason("not-ours"));
    };
    let country = from.to_string();
    let of_it: Vec<&ErasureStanding> = own.erasures.iter().filter(|one| one.country == country).collect();
    let Some(proof) = of_it.iter().map(|one| &one.proof).find(|proof| !proof.is_empty()) else {
        let went_there = own.deliveries.iter().any(|one| one.country == country);
        let over = went_there && own.expires_ms != 0 && own.expires_ms <= context.now()?.ms();
        let state = of_it.first().map(|one| one.state.as_str()).or(over.then_some("asked"));
        return Err(none(id, &country, state, went_there));
    };
    if context.render.is_json() {
        let document = serde_json::json!({ "alert_id": id.to_string(), "from": country, "proof": proof });
        context.render.document(&document)?;
    } else {
        context.render.bytes(proof.as_bytes());
    }
    Ok(Exit::Done)
}

/// Why there is no proof, by how far the recipient is.
fn none(id: AlertId, country: &str, state: Option<&str>, went_there: bool) -> Failure {
    let what = format!("there is no proof that {country} erased {id}");
    let list = "`varde log outstanding` lists who still owes an erasure, since when and until when";
    match state {
        Some("owed" | "asked") => Failure::not_ready(what)
            .means("it is to erase it, and has not answered yet")
            .next(list)
            .reason("erasure-owed"),
        Some(state) => Failure::refused(what)
            .means(format!("it was to erase it, and how that stands is: {state}"))
            .next(format!("{list}; `varde alert show {id} --json` says what it answered"))
            .reason("no-proof"),
        None if went_there => Failure::refused(what)
            .means("it was released to that country and not taken back")
            .next(format!(
                "nothing, unless it is wrong: the proof comes when its time is over; `varde alert status {id}`"
            ))
            .reason("not-withdrawn"),
        None => Failure::usage(what)
            .means("it was never released to that country")
            .next(format!("look who has it: `varde alert status {id}`"))
            .reason("not-a-recipient"),
    }
}
