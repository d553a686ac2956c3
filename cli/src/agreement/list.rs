//! `varde agreement list` and `show`.

use super::{all, find, governing, read_id};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use serde::Serialize;
use varde_proto::id::NodeId;
use varde_proto::time::Timestamp;
use varde_proto::wire::operator::AgreementEntry;

/// Digits of an agreement's name that are shown: enough to tell any two apart.
const SHOWN: usize = 16;

/// Of whom.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde agreement list --dir ./no\n  varde agreement list --json --dir ./no\n\n\
    in-force: what is exchanged is held to it. ended, expired: nothing passes but erasures and their proofs, until both sign\n\
    another. offered-by-us, offered-by-peer: one side has signed. to-come: both have, and it governs from a later day on.\n\
    replaced: a later edition governs. declined: a side ended it before both had signed.")]
pub(crate) struct ListArgs {}

/// Which.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  varde agreement show EE --dir ./no\n  varde agreement show 1f3a9c02 --dir ./no > offered.txt"
)]
pub(crate) struct ShowArgs {
    /// A country, for what is in force with it; or the beginning of an agreement's name
    #[arg(value_name = "CC|ID")]
    which: String,
    /// With whom, where several peers stand under the same text
    #[arg(long, value_name = "CC", value_parser = NodeId::parse)]
    with: Option<NodeId>,
}

#[derive(Serialize)]
struct Shown {
    peer: String,
    agreement: String,
    edition: u32,
    state: String,
    from: Option<String>,
    until: Option<String>,
    accepted_by_us: Option<String>,
    accepted_by_peer: Option<String>,
    ended_by_us: Option<String>,
    ended_by_peer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
}

/// A time, unless nothing was said, or it is the beginning or the end of all times.
fn time(ms: i64) -> Option<String> {
    let time = Timestamp::from_ms(ms).ok()?;
    (ms != 0 && time != Timestamp::MAX).then(|| time.to_string())
}

fn shown(one: &AgreementEntry, with_text: bool) -> Shown {
    Shown {
        peer: one.peer.clone(),
        agreement: one.id.clone(),
        edition: one.edition,
        state: one.state.clone(),
        from: time(one.from_ms),
        until: time(one.until_ms),
        accepted_by_us: time(one.accepted_by_us_ms),
        accepted_by_peer: time(one.accepted_by_peer_ms),
        ended_by_us: time(one.ended_by_us_ms),
        ended_by_peer: time(one.ended_by_peer_ms),
        text: with_text.then(|| one.text.clone()),
    }
}

/// Asks and shows.
pub(super) async fn list(args: ListArgs, context: &Context) -> Result<Exit, Failure> {
    let ListArgs {} = args;
    let mut agreements = all(context).await?;
    agreements.sort_by(|a, b| (&a.peer, a.edition, &a.id).cmp(&(&b.peer, b.edition, &b.id)));
    let render = &context.render;
    if render.is_json() {
        render.document(&agreements.iter().map(|one| shown(one, false)).collect::<Vec<_>>())?;
    } else if agreements.is_empty() {
        render.talk("Nothing is agreed yet: `varde peer add FILE` pins a peer.");
    } else {
        let day = |ms| time(ms).and_then(|time| time.get(..10).map(str::to_owned)).unwrap_or_else(|| "-".into());
        let edition = |one: &AgreementEntry| match one.edition {
            0 => "default".to_owned(),
            edition => edition.to_string(),
        };
        let rows = agreements.iter().map(|one| {
            let id = one.id.get(..SHOWN).unwrap_or_default().to_owned();
            [one.peer.clone(), edition(one), one.state.clone(), day(one.from_ms), day(one.until_ms), id]
        });
        render.table(["peer", "edition", "state", "from", "until", "agreement"], rows);
        for one in agreements.iter().filter(|one| one.state == "offered-by-peer") {
            let id = one.id.get(..SHOWN).unwrap_or_default();
            render.talk(&format!("{} offers an agreement: read it (`varde agreement show {id}`), then `varde agreement accept {id}` or `varde agreement revoke {} --agreement {id}`", one.peer, one.peer));
        }
    }
    Ok(Exit::Done)
}

/// Prints a text.
pub(super) async fn show(args: ShowArgs, context: &Context) -> Result<Exit, Failure> {
    let ShowArgs { which, with } = args;
    let all = all(context).await?;
    let one = match NodeId::parse(&which) {
        Ok(peer) => governing(&all, peer).ok_or_else(|| {
            Failure::refused(format!("nothing is agreed with {peer} yet"))
                .means("it is not pinned, or no connection with it was made since it was")
                .next("`varde agreement list` shows what there is; `varde status` who is connected")
                .reason("unknown-agreement")
        })?,
        Err(_) => {
            let id = read_id(&which).map_err(|wanted| {
                Failure::usage(format!("{which:?} is neither a country nor the name of an agreement"))
                    .next(format!("give a country such as EE, or {wanted}"))
                    .reason("bad-id")
            })?;
            find(&all, &id, with)?
        }
    };
    if context.render.is_json() {
        context.render.document(&shown(one, true))?;
    } else {
        context.render.text(&one.text);
        context.render.talk(&format!("With {}: {}. SHA-256 of the text above: {}", one.peer, one.state, one.id));
    }
    Ok(Exit::Done)
}
