//! `varde agreement`: what is agreed with each peer, and changing it. What is said of an agreement is signed with `identity.key` and
//! written into `DIR/agreements`; the running node takes it up within a second and tells the peer.

mod list;
mod offer;
mod say;
mod template;

pub(crate) use say::said_again;

use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use clap::Subcommand;
use varde_proto::id::NodeId;
use varde_proto::wire::operator::agreements_client::AgreementsClient;
use varde_proto::wire::operator::{AgreementEntry, AgreementsRequest};

/// What to do with agreements.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
#[command(after_help = "Examples:\n  varde agreement list --dir ./no\n  varde agreement show EE --dir ./no\n  \
    varde agreement propose ee.txt --to EE --dir ./no\n\n\
    Two countries that pinned each other stand under the default agreement. One of their own takes its place when both have\n\
    signed the same text: one proposes it, the other accepts it.")]
pub(crate) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Shows what is agreed with each peer, and what is offered
    List(list::ListArgs),
    /// Prints the text of an agreement
    Show(list::ShowArgs),
    /// Signs a text and offers it to peers
    Propose(offer::ProposeArgs),
    /// Signs what a peer offers
    Accept(offer::AcceptArgs),
    /// Prints the text in force as its next edition, to be changed and proposed
    Amend(template::AmendArgs),
    /// Ends an agreement, or declines an offer, for good
    Revoke(offer::RevokeArgs),
}

/// Hands the arguments to their verb.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    match args.verb {
        Verb::List(args) => list::list(args, context).await,
        Verb::Show(args) => list::show(args, context).await,
        Verb::Propose(args) => offer::propose(args, context).await,
        Verb::Accept(args) => offer::accept(args, context).await,
        Verb::Amend(args) => template::amend(args, context).await,
        Verb::Revoke(args) => offer::revoke(args, context).await,
    }
}

/// Everything that was said with any peer.
async fn all(context: &Context) -> Result<Vec<AgreementEntry>, Failure> {
    let mut client = AgreementsClient::new(client::connect(context).await?);
    Ok(client.list(AgreementsRequest {}).await?.into_inner().agreements)
}

/// The one with a peer that governs, if the two agreed on anything.
fn governing(all: &[AgreementEntry], peer: NodeId) -> Option<&AgreementEntry> {
    let governs = |one: &&AgreementEntry| ["in-force", "ended", "expired"].contains(&one.state.as_str());
    all.iter().filter(|one| one.peer == peer.as_str()).find(governs)
}

/// Reads the beginning of an agreement's name: 8 hex digits or more.
fn read_id(text: &str) -> Result<String, String> {
    let hex = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if hex && (8..=64).contains(&text.len()) {
        Ok(text.to_owned())
    } else {
        Err("8 to 64 hex digits, as `varde agreement list` shows them".to_owned())
    }
}

/// The one agreement whose name begins so, with one peer.
fn find<'a>(all: &'a [AgreementEntry], id: &str, peer: Option<NodeId>) -> Result<&'a AgreementEntry, Failure> {
    let is_it = |one: &&AgreementEntry| one.id.starts_with(id) && peer.is_none_or(|peer| one.peer == peer.as_str());
    let found: Vec<_> = all.iter().filter(is_it).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::refused(format!("no agreement with a pinned peer begins with {id}"))
            .next("`varde agreement list` shows those that there are")
            .reason("unknown-agreement")),
        several => Err(Failure::refused(format!("{} agreements with peers begin with {id}", several.len()))
            .next("say with whom: --with CC; or give more digits")
            .reason("several-agreements")),
    }
}
