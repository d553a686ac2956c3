//! `varde alert correct` and `varde alert renew`: the next version of an alert of ours.

use super::staff::As;
use super::{connect_for, decision, draft, read_code, read_id};
use crate::client;
use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::files;
use std::path::PathBuf;
use varde_proto::draft::act::{Verb, about_draft};
use varde_proto::id::AlertId;
use varde_proto::limits::DRAFT_FILE_BYTES;
use varde_proto::vocabulary::{ElapsedBand, MsgType, Vocabulary};
use varde_proto::wire::operator::draft_request::From;
use varde_proto::wire::operator::{DraftRequest, FileRequest, NextVersion};

/// One alert of ours, and what is right.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    varde alert correct ID --template > right.json\n  varde alert correct ID --from right.json\n\n\
    Prints the id of a draft, which is approved and released like any other: `varde alert release NEW-ID --to LT,EE`. Its\n\
    release asks everyone who has the wrong version to erase it; `--dry-run` lists them. Whoever\n\
    is not named there any more loses it and gets nothing new.")]
pub(crate) struct CorrectArgs {
    /// The released alert that says something wrong
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// Print the alert as it stands as FILE.json, to be edited, and do nothing else
    #[arg(long, conflicts_with = "from")]
    template: bool,
    /// Take everything from this file
    #[arg(long, value_name = "FILE.json", required_unless_present = "template")]
    from: Option<PathBuf>,
    #[command(flatten)]
    staff: As,
}

/// One alert of ours that is to go on.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    varde alert renew ID\n  varde alert renew ID --elapsed FROM_15_TO_90_DAYS\n  \
    varde alert renew ID --template > next.json\n  varde alert renew ID --from next.json\n\n\
    Without a file: the same again, with the times of its kind from now on. Prints the id of a draft, which is approved and\n\
    released like any other, to the same countries or to others: `varde alert release NEW-ID --to LT,EE`. Its release asks\n\
    everyone who has the version before to erase it; `--dry-run` lists them. A pointer to a child goes on for a year at\n\
    most.")]
pub(crate) struct RenewArgs {
    /// The released alert that is to go on
    #[arg(value_parser = read_id)]
    id: AlertId,
    /// Print the alert as it stands as FILE.json, to be edited, and do nothing else
    #[arg(long, conflicts_with_all = ["from", "elapsed"])]
    template: bool,
    /// Take everything from this file
    #[arg(long, value_name = "FILE.json", conflicts_with = "elapsed")]
    from: Option<PathBuf>,
    /// For a pointer: the time since the child was last seen by now, as a band
    #[arg(long, value_name = "BAND", value_parser = read_code::<ElapsedBand>)]
    elapsed: Option<ElapsedBand>,
    #[command(flatten)]
    staff: As,
}

/// Drafts a correction.
pub(crate) async fn correct(args: CorrectArgs, context: &Context) -> Result<Exit, Failure> {
    let CorrectArgs { id, template, from, staff } = args;
    let next = Next { id, how: MsgType::CORRECT, from, elapsed: None };
    if template { file(id, context).await } else { next.draft(&staff, context).await }
}

/// Drafts a version that goes on.
pub(crate) async fn renew(args: RenewArgs, context: &Context) -> Result<Exit, Failure> {
    let RenewArgs { id, template, from, elapsed, staff } = args;
    let next = Next { id, how: MsgType::UPDATE, from, elapsed };
    if template { file(id, context).await } else { next.draft(&staff, context).await }
}

async fn file(id: AlertId, context: &Context) -> Result<Exit, Failure> {
    let mut node = connect_for(context, client::COUNTING).await?;
    let file = node.file(FileRequest { id: id.to_string() }).await?.into_inner().file;
    context.render.text(&file);
    Ok(Exit::Done)
}

struct Next {
    id: AlertId,
    how: MsgType,
    from: Option<PathBuf>,
    elapsed: Option<ElapsedBand>,
}

impl Next {
    async fn draft(self, staff: &As, context: &Context) -> Result<Exit, Failure> {
        let staff = staff.open(context)?;
        let text = match &self.from {
            Some(path) => files::read_text(path, DRAFT_FILE_BYTES)?,
            None => String::new(),
        };
        if let Some(path) = &self.from {
            draft::check_file(path, &text, context.now()?)?;
        }
        let next = NextVersion {
            of: self.id.to_string(),
            msg_type: self.how.number(),
            elapsed: self.elapsed.map_or(0, Vocabulary::number),
        };
        let mut request =
            DraftRequest { file: text.into_bytes().into(), from: Some(From::Next(next)), act: None, kind: 0 };
        request.act = Some(staff.sign(Verb::Draft, about_draft(&request), context)?);
        let reply = connect_for(context, client::COUNTING).await?.draft(request).await?.into_inner();
        let cautions = reply.state.unwrap_or_default().cautions;
        if context.render.is_json() {
            let warnings = decision::warnings(&cautions);
            let (id, of) = (reply.id, self.id.to_string());
            context.render.document(&serde_json::json!({ "alert_id": id, "supersedes": of, "warnings": warnings }))?;
        } else {
            context.render.line(&reply.id);
            context.render.talk(&format!("see what would leave: varde alert preview {}", reply.id));
        }
        decision::warn(&cautions, context);
        Ok(Exit::Done)
    }
}
