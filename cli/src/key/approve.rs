//! `varde key approve`: the second person's yes to a change of keys.

use super::chain::{self, Waiting};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use crate::home::Home;
use crate::staff::As;
use std::time::Duration;
use varde_proto::draft::act::{self, Verb};
use varde_proto::envelope;
use varde_proto::home::{self, Step};
use varde_proto::identity::armor::{self, Label};
use varde_proto::limits;

/// How long a running node has to take it up; it looks once a second.
const PATIENCE: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

/// Which statement, and who approves it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde key approve 1 --as ./no/operators/b.key --dir ./no\n\n\
    Who proposed it cannot approve it. A running node takes it up within a second; a stopped one when it starts.")]
pub(crate) struct Args {
    /// The statement's number, as `varde key rotate` or `revoke` printed it
    number: u32,
    #[command(flatten)]
    staff: As,
}

/// Signs, and waits a moment for the node.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let Args { number, staff } = args;
    let home = Home::open(context)?;
    let waiting = chain::read(&home)?.waiting.filter(|waiting| waiting.number == number && waiting.refused.is_none());
    let Some(Waiting { envelope, .. }) = waiting else {
        return Err(Failure::usage(format!("no key statement {number} waits for approval"))
            .next("look at `varde key list`")
            .reason("nothing-waits"));
    };
    let credential = staff.open(context)?;
    let act = credential.sign(Verb::ApproveKey, envelope::digest(&envelope), context)?;
    let path = home.path(home::statement(number, Step::Proposed));
    let proposed = armor::decode(Label::Act, &files::read_text(&path, limits::ARMOR_BYTES)?);
    let keys: Vec<_> = home.config.operators.iter().map(|operator| operator.public_key).collect();
    if proposed.ok().is_none_or(|proposed| act::signer(&proposed, &keys) == act::signer(&act, &keys)) {
        return Err(Failure::refused("whoever proposed a change of keys cannot approve it")
            .next("let another member of staff run this with `--as FILE`")
            .reason("same-person"));
    }
    chain::write(&home, number, Step::Approved, &armor::encode(Label::Act, &act))?;
    let mut waited = Duration::ZERO;
    let outcome = loop {
        let said = [Step::Taken, Step::Refused].into_iter().find_map(|step| {
            let path = home.path(home::statement(number, step));
            files::read_text(&path, limits::ARMOR_BYTES).ok().map(|text| (step, text.trim().to_owned()))
        });
        if said.is_some() || waited >= PATIENCE {
            break said;
        }
        tokio::time::sleep(LOOK).await;
        waited += LOOK;
    };
    show(number, outcome, context)
}

fn show(number: u32, outcome: Option<(Step, String)>, context: &Context) -> Result<Exit, Failure> {
    let (state, leaf) = match outcome {
        Some((Step::Refused, why)) => {
            return Err(Failure::refused(format!("the node does not take the key statement {number}: {why}"))
                .means("nothing has changed")
                .next("propose it again as it should be")
                .reason("refused"));
        }
        Some((_, leaf)) => ("taken", leaf.parse::<u64>().ok()),
        None => ("approved", None),
    };
    if context.render.is_json() {
        context.render.document(&serde_json::json!({"number": number, "state": state, "leaf": leaf}))?;
        return Ok(Exit::Done);
    }
    match leaf {
        Some(leaf) => context.render.line(format!("in force from size {} of the log on", leaf + 1)),
        None => context.render.line("approved; the node takes it up when it runs"),
    }
    Ok(Exit::Done)
}
