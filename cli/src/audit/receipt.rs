//! `varde audit receipt BUNDLE --from CC --class N --seq N`: one receipt, as a file that other tools verify too.

use super::folder::{self, Folder};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use std::path::PathBuf;
use varde_proto::audit;
use varde_proto::id::NodeId;
use varde_proto::limits;

/// Which receipt of which bundle.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde audit receipt no.bundle --from EE --class 2 --seq 1 > ee.tlog-proof\n  \
    varde audit proof ee.tlog-proof --policy ee.bundle/policy --log-alone\n\n\
    Classes: 1 urgent, 2 alert, 3 summary and budget; `varde log show` names an item as class/number.\n\
    What comes out is as the bundle holds it; `varde audit proof` verifies it. With --json it is the text `proof` of a\n\
    document.")]
pub(crate) struct Args {
    /// The bundle of the node that sent the item
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The country that received it
    #[arg(long, value_name = "CC", value_parser = NodeId::parse)]
    from: NodeId,
    /// Class of the channel
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..i64::from(limits::CLASSES)))]
    class: u8,
    /// Number of the item in that channel, from 1
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    seq: u64,
}

/// Writes it to stdout.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { bundle, from, class, seq } = args;
    let folder = Folder::open(&bundle, context)?;
    let receipt = audit::receipt(&folder, from, class, seq);
    folder.done();
    match receipt.map_err(|error| folder::unreadable(folder.root(), &error))? {
        Some(proof) if context.render.is_json() => context.render.document(&serde_json::json!({
            "bundle": bundle, "from": from.to_string(), "class": class, "seq": seq,
            "proof": String::from_utf8_lossy(&proof),
        }))?,
        Some(proof) => context.render.bytes(&proof),
        None => {
            return Err(Failure::usage(format!(
                "{} holds no receipt of {from} for item {class}/{seq}",
                bundle.display()
            ))
            .means("it was not sent, not receipted yet when the bundle was made, or withheld from it")
            .next("look for the item in `varde log show`, or ask for a bundle that reaches further")
            .reason("no-receipt"));
        }
    }
    Ok(Exit::Done)
}
