//! Texts to begin with: an example for `propose`, and the text in force as its next edition.

use super::{all, governing};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::home::Home;
use std::time::Duration;
use varde_proto::agreement::{Agreement, AtEnd, DEFAULT_TEXT, KindTerms, Terms};
use varde_proto::id::NodeId;
use varde_proto::time::Timestamp;
use varde_proto::vocabulary::{PersonalDataLevel, Prohibition};

/// Two years, as a descriptor.
const VALID: Duration = Duration::from_secs(730 * 86_400);
/// In which a country answers for a child, unless the two agree on another time: three days, as between police in the EU for what is not urgent
/// (Directive (EU) 2023/977).
const REPLY: Duration = Duration::from_secs(72 * 3600);

/// With whom.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde agreement amend EE --dir ./no > ee.txt\n  varde agreement propose ee.txt --to EE --dir ./no"
)]
pub(crate) struct AmendArgs {
    /// The peer
    #[arg(value_name = "CC", value_parser = NodeId::parse)]
    with: NodeId,
}

/// Prints the text in force as its next edition.
pub(super) async fn amend(args: AmendArgs, context: &Context) -> Result<Exit, Failure> {
    let home = Home::open(context)?;
    let all = all(context).await?;
    let edition = next_edition(&all, &[args.with]);
    let in_force = governing(&all, args.with).and_then(|one| Agreement::read(&one.text).ok());
    let text = match in_force.filter(|one| one.text() != DEFAULT_TEXT) {
        Some(one) => written(&Terms { edition, ..one.terms().clone() }, one.prose())?,
        None => example(&home, &[args.with], edition, context.now()?)?,
    };
    context.render.text(text.text());
    context.render.talk(&format!("Change it, then: varde agreement propose FILE --to {}", args.with));
    Ok(Exit::Done)
}

/// One more than any edition that was spoken of with these.
pub(super) fn next_edition(all: &[varde_proto::wire::operator::AgreementEntry], with: &[NodeId]) -> u32 {
    let theirs = all.iter().filter(|one| with.iter().any(|peer| one.peer == peer.as_str()));
    theirs.map(|one| one.edition).max().unwrap_or(0) + 1
}

/// A whole text for these parties that permits what the default does, from the next day on.
pub(super) fn example(home: &Home, with: &[NodeId], edition: u32, now: Timestamp) -> Result<Agreement, Failure> {
    let default = Agreement::by_default();
    let from = now.to_day().after(Duration::from_secs(86_400));
    let mut parties: Vec<NodeId> = with.iter().copied().chain([home.genesis.origin().node()]).collect();
    parties.sort_unstable();
    parties.dedup();
    let kinds = default.terms().kinds.iter().map(|(kind, terms)| {
        let reply = (kind.level() == PersonalDataLevel::L1).then_some(REPLY);
        (*kind, KindTerms { reply, ..*terms })
    });
    let terms = Terms {
        network: Some(home.genesis.origin().network().to_owned()),
        mode: home.genesis.mode(),
        parties,
        edition,
        from,
        until: from.after(VALID),
        prohibitions: [Prohibition::X1, Prohibition::X3].into(),
        kinds: kinds.collect(),
        at_end: AtEnd::Erase,
        ..default.terms().clone()
    };
    // The clauses of the default, without its title and the sentence on when it is in force.
    let clauses = DEFAULT_TEXT.find("\n1. ").map_or(DEFAULT_TEXT, |start| &DEFAULT_TEXT[start + 1..]);
    written(&terms, clauses)
}

fn written(terms: &Terms, prose: &str) -> Result<Agreement, Failure> {
    Agreement::write(terms, prose).map_err(|bad| Failure::ours(format!("the text cannot be written: {bad}")))
}
