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
    let own = node.show(request).await?.into_inner().own;
    let country = from.to_string();
    let erasures = own.map(|own| own.erasures).unwrap_or_default();
    let of_it: Vec<&ErasureStanding> = erasures.iter().filter(|one| one.country == country).collect();
    let Some(proof) = of_it.iter().map(|one| &one.proof).find(|proof| !proof.is_empty()) else {
        return Err(none(id, &country, &of_it));
    };
    if context.render.is_json() {
        let document = serde_json::json!({ "alert_id": id.to_string(), "from": country, "proof": proof });
        context.render.document(&document)?;
    } else {
        context.render.bytes(proof.as_bytes());
    }
    Ok(Exit::Done)
}

fn none(id: AlertId, country: &str, of_it: &[&ErasureStanding]) -> Failure {
    let failure = Failure::usage(format!("there is no proof that {country} erased {id}")).reason("no-proof");
    match of_it.first() {
        Some(one) => failure
            .means(format!("it was to erase it, and is so far: {}", one.state))
            .next("`varde log outstanding` lists who still owes an erasure, and since when"),
        None => failure
            .means("the alert is ours and was not taken back from that country, or is not ours, or never went there")
            .next("look who has it: `varde alert status ID`; take it back: `varde alert withdraw ID --reason CODE`"),
    }
}
