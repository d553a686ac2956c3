//! `varde key list`: keys and how long each is valid.

use super::chain::{self, Waiting};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::peer::pins;
use serde::Serialize;
use varde_proto::home;
use varde_proto::identity::{Descriptor, History, Holding, Role, Validity};
use varde_proto::limits;
use varde_proto::time::Timestamp;

/// No arguments of its own.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde key list --dir ./no\n  varde key list --dir ./no --json\n\n\
    `from` and `until` are sizes of the log of whose key it is: a key is valid for what stands there from the one to before\n\
    the other. Of a peer, only what it told this node is known.")]
pub(crate) struct Args {}

#[derive(Serialize)]
struct Key {
    country: String,
    role: &'static str,
    key_id: String,
    from: u64,
    until: Option<u64>,
    state: &'static str,
}

#[derive(Serialize)]
struct Listed {
    keys: Vec<Key>,
    waiting: Option<Step>,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Step {
    number: u32,
    state: &'static str,
    why: Option<String>,
}

/// Reads and shows.
pub(crate) fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args {} = args;
    let home = Home::open(context)?;
    let now = context.now()?;
    let chain = chain::read(&home)?;
    let (mut keys, mut warnings) = (of(&chain.history), Vec::new());
    for pin in pins::read_all(&home)? {
        let Ok(descriptor) = pin.descriptor else { continue };
        keys.extend(of(&known(&home, &descriptor)));
        warnings.extend(warning(&descriptor, now));
    }
    let waiting = chain.waiting.map(|Waiting { number, approved, refused, .. }| {
        let state = match (&refused, approved) {
            (Some(_), _) => "refused",
            (None, true) => "approved",
            (None, false) => "proposed",
        };
        Step { number, state, why: refused.map(|why| why.trim().to_owned()) }
    });
    show(Listed { keys, waiting, warnings }, context)
}

/// What a peer told of its keys, unless its descriptor says more.
fn known(home: &Home, descriptor: &Descriptor) -> History {
    let pinned = History::pinned(descriptor);
    let text = files::read_text(&home.path(home::history(descriptor.node())), limits::KEY_HISTORY_BYTES);
    let told = text.ok().and_then(|text| History::read_whole(&text).ok());
    told.filter(|told| told.continues(&pinned)).unwrap_or(pinned)
}

fn of(history: &History) -> Vec<Key> {
    let key = |role: Role, holding: &Holding| Key {
        country: history.origin().node().to_string(),
        role: role.name(),
        key_id: holding.key.fingerprint().to_string(),
        from: holding.from.0,
        until: holding.until.map(|until| until.0),
        state: match (holding.until, holding.revoked) {
            (_, true) => "revoked",
            (Some(_), false) => "replaced",
            (None, false) => "in use",
        },
    };
    let held = |role| history.roster().holdings(history.origin(), role).iter().map(move |holding| key(role, holding));
    Role::ALL.into_iter().flat_map(held).collect()
}

fn warning(descriptor: &Descriptor, now: Timestamp) -> Option<String> {
    let (node, end) = (descriptor.node(), descriptor.not_after());
    match descriptor.validity(now) {
        Validity::Valid => None,
        Validity::EndsSoon => Some(format!("the descriptor of {node} ends on {end}: ask for a new one")),
        Validity::Expired => {
            Some(format!("the descriptor of {node} ended on {end}: nothing is exchanged until a new one"))
        }
        Validity::NotYet => Some(format!("the descriptor of {node} is not valid yet: one of the two clocks is wrong")),
    }
}

fn show(listed: Listed, context: &Context) -> Result<Exit, Failure> {
    if context.render.is_json() {
        context.render.document(&listed)?;
        return Ok(Exit::Done);
    }
    let row = |key: &Key| {
        let until = key.until.map_or_else(|| "-".to_owned(), |until| until.to_string());
        let id = key.key_id.chars().take(16).collect();
        [key.country.clone(), key.role.to_owned(), id, key.from.to_string(), until, key.state.to_owned()]
    };
    context.render.table(["country", "role", "key", "from", "until", "state"], listed.keys.iter().map(row));
    if let Some(Step { number, state, why }) = listed.waiting {
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let next = match state {
            "proposed" => format!(" Another person approves it: `varde key approve {number} --as FILE`."),
            _ => String::new(),
        };
        context.render.talk(&format!("The key statement {number} is {state}{why}.{next}"));
    }
    listed.warnings.iter().for_each(|warning| context.render.talk(&format!("Warning: {warning}")));
    Ok(Exit::Done)
}
