//! `varde agreement propose`, `accept` and `revoke`.

use super::{all, find, governing, read_id, say, template};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use varde_proto::agreement::Agreement;
use varde_proto::id::{Digest, NodeId};
use varde_proto::identity::mode;
use varde_proto::limits;
use varde_proto::wire::operator::AgreementEntry;

/// How long the node may take to take up what was signed.
const TAKEN_UP: Duration = Duration::from_secs(5);

/// What to whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde agreement propose --template --to EE --dir ./no > ee.txt\n  \
    varde agreement propose ee.txt --to EE --dir ./no\n  varde agreement propose baltic.txt --to EE,LT --dir ./no\n\n\
    A text has a head of terms, an empty line, and the prose that lawyers wrote. Terms are checked at both ends with everything\n\
    that is sent: what they do not name is not exchanged. The text that several countries sign may be the same; each two of them\n\
    sign it towards each other. Signing needs identity.key, and the node must run.")]
pub(crate) struct ProposeArgs {
    /// The text
    #[arg(required_unless_present = "template")]
    file: Option<PathBuf>,
    /// Peers, separated by commas
    #[arg(long, value_name = "CC,CC", value_delimiter = ',', required = true, value_parser = NodeId::parse)]
    to: Vec<NodeId>,
    /// Prints a whole text to begin with, and signs nothing
    #[arg(long, conflicts_with = "file")]
    template: bool,
}

/// Which.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde agreement show 1f3a9c02 --dir ./ee\n  varde agreement accept 1f3a9c02 --dir ./ee\n\n\
    Read it first. From the time that it names on, everything that is exchanged with the peer is held to its terms, and what is\n\
    still owed beyond them is given up. Signing needs identity.key, and the node must run."
)]
pub(crate) struct AcceptArgs {
    /// The beginning of its name, as `varde agreement list` shows it
    #[arg(value_name = "ID", value_parser = read_id)]
    id: String,
    /// Who offers it, where several do
    #[arg(long, value_name = "CC", value_parser = NodeId::parse)]
    with: Option<NodeId>,
}

/// Which.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde agreement revoke EE --agreement 1f3a9c02 --dir ./no\n\n\
    For good. Ending what is in force stops everything with that country at once but erasures and their proofs; if the agreement\n\
    says `at-end ERASE`, each side asks the other to erase what it was sent. What is declined or ended is not accepted later:\n\
    propose another edition. Signing needs identity.key, and the node must run.")]
pub(crate) struct RevokeArgs {
    /// The peer
    #[arg(value_name = "CC", value_parser = NodeId::parse)]
    with: NodeId,
    /// The beginning of its name, as `varde agreement list` shows it: so that nobody ends another than he means
    #[arg(long, value_name = "ID", value_parser = read_id)]
    agreement: Option<String>,
}

#[derive(Serialize)]
struct Done {
    agreement: String,
    peer: String,
    state: String,
}

/// Signs a text towards peers.
pub(super) async fn propose(args: ProposeArgs, context: &Context) -> Result<Exit, Failure> {
    let ProposeArgs { file, to, template: _ } = args;
    let (home, known) = (Home::open(context)?, all(context).await?);
    let Some(file) = file else {
        let edition = template::next_edition(&known, &to);
        context.render.text(template::example(&home, &to, edition, context.now()?)?.text());
        return Ok(Exit::Done);
    };
    let text = files::read_text(&file, limits::AGREEMENT_BYTES)?;
    let agreement = Agreement::read(&text).map_err(|bad| {
        Failure::usage(format!("{}: {bad}", file.display()))
            .means("a text has one spelling, so that both countries sign the same bytes; nothing was signed")
            .next("correct it; `varde agreement propose --template --to CC` prints a whole example")
            .reason("bad-agreement")
    })?;
    for peer in &to {
        check(&home, &agreement, *peer, &known)?;
    }
    let words =
        to.iter().map(|peer| say::word(&home, (agreement.id(), false), say::log_of(&home, *peer)?, context.now()?));
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let id = home.identity()?;
    say::lay_text(&home, &agreement)?;
    words.iter().try_for_each(|word| say::say(&home, word, &id))?;
    told(&agreement.id(), &to, |one| one.accepted_by_us_ms != 0, context).await
}

/// Whether a text can be agreed on with a peer now.
fn check(home: &Home, agreement: &Agreement, peer: NodeId, known: &[AgreementEntry]) -> Result<(), Failure> {
    let (terms, own) = (agreement.terms(), home.genesis.origin());
    let refused = |what: String, next: String, reason| {
        Err(Failure::refused(what).means("nothing was signed").next(next).reason(reason))
    };
    if terms.network.as_deref() != Some(own.network()) || terms.mode != home.genesis.mode() {
        let ours = format!("network {}, mode {}", own.network(), mode::name(home.genesis.mode()));
        return refused(
            "the text is for another network or mode".into(),
            format!("this node is of {ours}"),
            "other-network",
        );
    }
    if !terms.is_between(own.node(), peer) {
        let what = format!("the text is not between {} and {peer}", own.node());
        return refused(what, "name both on its line `parties`".into(), "other-parties");
    }
    let with = |one: &&AgreementEntry| one.peer == peer.as_str();
    let said = known.iter().filter(with).find(|one| one.id == agreement.id().to_string());
    if said.is_some_and(|one| one.ended_by_us_ms != 0 || one.ended_by_peer_ms != 0) {
        let what = format!("this text was ended or declined by {} or {peer}", own.node());
        return refused(what, "propose another edition: an end is for good".into(), "ended");
    }
    let newest = governing(known, peer);
    if let Some(newest) = newest.filter(|one| terms.edition <= one.edition && one.id != agreement.id().to_string()) {
        let what = format!("edition {} is in force with {peer} already", newest.edition);
        return refused(what, format!("write `edition {}` or higher", newest.edition + 1), "edition");
    }
    let open = |one: &&AgreementEntry| {
        one.state == "offered-by-us" && one.edition >= terms.edition && one.id != agreement.id().to_string()
    };
    if let Some(open) = known.iter().filter(with).find(open) {
        let id = open.id.get(..16).unwrap_or_default();
        let what = format!("edition {} is offered to {peer} and not answered", open.edition);
        let next = format!("`varde agreement revoke {peer} --agreement {id}` takes it back; or write a higher edition");
        return refused(what, next, "offered");
    }
    Ok(())
}

/// Signs what a peer offers.
pub(super) async fn accept(args: AcceptArgs, context: &Context) -> Result<Exit, Failure> {
    let AcceptArgs { id, with } = args;
    let (home, known) = (Home::open(context)?, all(context).await?);
    let one = find(&known, &id, with)?;
    let broken =
        |bad: &dyn std::fmt::Display| Failure::ours(format!("the node shows an agreement that cannot be read: {bad}"));
    let agreement = Agreement::read(&one.text).map_err(|bad| broken(&bad))?;
    let peer = NodeId::parse(&one.peer).map_err(|bad| broken(&bad))?;
    if one.ended_by_us_ms != 0 || one.ended_by_peer_ms != 0 {
        return Err(Failure::refused(format!("this agreement with {peer} was ended, and an end is for good"))
            .means("nothing was signed")
            .next("agree on a later edition: `varde agreement propose`")
            .reason("agreement-ended"));
    }
    if one.accepted_by_us_ms == 0 {
        check(&home, &agreement, peer, &known)?;
        let word = say::word(&home, (agreement.id(), false), say::log_of(&home, peer)?, context.now()?)?;
        let key = home.identity()?;
        say::lay_text(&home, &agreement)?;
        say::say(&home, &word, &key)?;
    }
    told(&agreement.id(), &[peer], |one| one.accepted_by_us_ms != 0, context).await
}

/// Ends an agreement with a peer.
pub(super) async fn revoke(args: RevokeArgs, context: &Context) -> Result<Exit, Failure> {
    let RevokeArgs { with, agreement } = args;
    let (home, known) = (Home::open(context)?, all(context).await?);
    let Some(id) = agreement else {
        let shown = known.iter().filter(|one| one.peer == with.as_str());
        let shown = shown.map(|one| format!("{} ({})", one.id.get(..16).unwrap_or_default(), one.state));
        return Err(Failure::usage(format!("which agreement with {with}?"))
            .means("an end is for good; nothing was signed")
            .next(format!("add --agreement ID: {}", shown.collect::<Vec<_>>().join(", ")))
            .reason("no-agreement"));
    };
    let one = find(&known, &id, Some(with))?;
    let unreadable = || Failure::ours("the node shows an agreement without a name".to_owned());
    let id = Digest::parse(&one.id).map_err(|_| unreadable())?;
    if one.ended_by_us_ms == 0 {
        let word = say::word(&home, (id, true), say::log_of(&home, with)?, context.now()?)?;
        let key = home.identity()?;
        if let Ok(agreement) = Agreement::read(&one.text) {
            say::lay_text(&home, &agreement)?;
        }
        say::say(&home, &word, &key)?;
    }
    told(&id, &[with], |one| one.ended_by_us_ms != 0, context).await
}

/// Waits until the node has taken up what was signed, and says how it stands.
async fn told(
    id: &Digest,
    peers: &[NodeId],
    is_said: impl Fn(&AgreementEntry) -> bool,
    context: &Context,
) -> Result<Exit, Failure> {
    let (name, begun) = (id.to_string(), Instant::now());
    let of = |one: &&AgreementEntry| one.id == name && peers.iter().any(|peer| one.peer == peer.as_str());
    loop {
        let known = all(context).await?;
        let said: Vec<_> = known.iter().filter(of).filter(|one| is_said(one)).collect();
        if said.len() == peers.len() {
            return show(&said, context);
        }
        if begun.elapsed() > TAKEN_UP {
            return Err(Failure::not_ready("what was signed lies in the node's directory and was not taken up yet")
                .means("the log is locked after a restore, there are more agreements with that country than are kept, or the node does not see that directory")
                .next("`varde agreement list` shows when it is; the output of varde-node says why it is not")
                .reason("not-taken-up"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

fn show(said: &[&AgreementEntry], context: &Context) -> Result<Exit, Failure> {
    if context.render.is_json() {
        let done = |one: &&AgreementEntry| Done {
            agreement: one.id.clone(),
            peer: one.peer.clone(),
            state: one.state.clone(),
        };
        context.render.document(&said.iter().map(done).collect::<Vec<_>>())?;
        return Ok(Exit::Done);
    }
    for one in said {
        let (peer, id) = (&one.peer, one.id.get(..16).unwrap_or_default());
        context.render.talk(&match one.state.as_str() {
            "offered-by-us" => {
                format!("Offered to {peer}: it governs when that country has run `varde agreement accept {id}`.")
            }
            "in-force" => format!("In force with {peer}, edition {}.", one.edition),
            "to-come" => format!("Agreed with {peer}; it governs from the day that it names on."),
            "ended" => format!("Ended with {peer}: nothing passes but erasures and their proofs."),
            "declined" => format!("Declined: {peer} is told."),
            other => format!("With {peer}: {other}."),
        });
    }
    Ok(Exit::Done)
}
