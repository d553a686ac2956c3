//! `varde peer evidence` and `varde peer unfreeze`: what proves that a log was forked, and the decision of two people to deal with it
//! again.

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::staff::As;
use serde::Serialize;
use varde_proto::draft::act::{self, Verb};
use varde_proto::id::{Digest, NodeId, Origin, hex};
use varde_proto::wire::operator::log_client::LogClient;
use varde_proto::wire::operator::{LogFork, LogForksRequest, LogUnfreezeRequest};

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde peer evidence --dir ./no\n  varde peer evidence --dir ./no --json\n\n\
    Two heads of one size, signed by one key: whoever has that log's key can check them, with any program for C2SP notes.")]
pub(crate) struct EvidenceArgs {}

/// Whose log, and who decides.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde peer evidence --dir ./no\n  varde peer unfreeze EE --dir ./no --as ./no/operators/a.key\n  \
    varde peer unfreeze EE --dir ./no --as ./no/operators/b.key\n\n\
    Call the country first, and the others. Two people decide; the second one's word ends it, and the log says so."
)]
pub(crate) struct UnfreezeArgs {
    /// The country: two capital letters
    #[arg(value_name = "CC", value_parser = NodeId::parse)]
    country: NodeId,
    #[command(flatten)]
    staff: As,
}

#[derive(Serialize)]
struct Evidence {
    origin: String,
    size: u64,
    frozen: bool,
    decided_by: Option<String>,
    evidence: String,
    heads: [String; 2],
}

impl From<LogFork> for Evidence {
    fn from(fork: LogFork) -> Self {
        let LogFork { origin, size, one, other, evidence, frozen, decided_by } = fork;
        let decided_by = (!decided_by.is_empty()).then_some(decided_by);
        Self { origin, size, frozen, decided_by, evidence: hex(&evidence), heads: [one, other] }
    }
}

/// Shows every proof.
pub(crate) async fn evidence(args: EvidenceArgs, context: &Context) -> Result<Exit, Failure> {
    let EvidenceArgs {} = args;
    let forks = LogClient::new(client::connect(context).await?).forks(LogForksRequest {}).await?.into_inner().forks;
    let (render, all) = (&context.render, forks.into_iter().map(Evidence::from).collect::<Vec<_>>());
    if render.is_json() {
        render.document(&all)?;
        return Ok(Exit::Done);
    }
    for Evidence { origin, size, frozen, decided_by, heads, .. } in &all {
        let state = match (frozen, decided_by) {
            (false, _) => "two people decided to deal with it again".to_owned(),
            (true, None) => "frozen".to_owned(),
            (true, Some(name)) => format!("frozen; {name} has decided, a second person has not"),
        };
        render.line(format!("{origin} signed two different heads of {size} leaves: {state}"));
        heads.iter().for_each(|head| render.text(&format!("\n{head}")));
    }
    if all.is_empty() {
        render.talk("No log is known to be forked.");
    }
    Ok(Exit::Done)
}

/// Signs that the log is to be dealt with again.
pub(crate) async fn unfreeze(args: UnfreezeArgs, context: &Context) -> Result<Exit, Failure> {
    let UnfreezeArgs { country, staff } = args;
    let staff = staff.open(context)?;
    let mut node = LogClient::new(client::connect(context).await?);
    let forks = node.forks(LogForksRequest {}).await?.into_inner().forks;
    let frozen = forks.iter().filter(|fork| fork.frozen).find_map(|fork| {
        let origin = Origin::parse(&fork.origin).ok().filter(|origin| origin.node() == country)?;
        Some((origin, Digest::from_bytes(&fork.evidence)?))
    });
    let (origin, evidence) = frozen.ok_or_else(|| {
        Failure::usage(format!("no log of {country} is frozen"))
            .next("`varde peer evidence` shows which are")
            .reason("not-frozen")
    })?;
    let act = staff.sign(Verb::Unfreeze, act::about_unfreeze(&origin, evidence), context)?;
    let request = LogUnfreezeRequest { origin: origin.to_string(), act: Some(act) };
    let done = node.unfreeze(request).await?.into_inner().done;
    if context.render.is_json() {
        let outcome = if done { "unfrozen" } else { "one-of-two" };
        context.render.document(&serde_json::json!({ "origin": origin.as_str(), "outcome": outcome }))?;
    } else if done {
        context.render.talk(&format!("{origin} is dealt with again from now on."));
    } else {
        context.render.talk(&format!(
            "{origin} stays frozen until a second person decides: varde peer unfreeze {country} --as THEIR-KEY-FILE"
        ));
    }
    Ok(Exit::Done)
}
