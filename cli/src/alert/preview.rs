//! `varde alert preview`: what stays and what leaves, side by side.

use super::{connect, decision, parse, read_id};
use crate::context::Context;
use crate::failure::{Exit, Failure};
use varde_proto::id::{AlertId, hex};
use varde_proto::wire::operator::{DraftState, FieldExplained, PreviewReply, PreviewRequest};

/// One draft.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  varde alert preview ID\n  varde alert preview ID --json\n\n\
    The third column is all that a recipient sees; the counts in the second never leave, nor does the sharing\n\
    decision below: what was decided, by whom. Whoever approves answers for it too.")]
pub(crate) struct Args {
    /// The draft's id
    #[arg(value_parser = read_id)]
    id: AlertId,
}

/// Shows it.
pub(crate) async fn run(args: Args, context: &Context) -> Result<Exit, Failure> {
    let request = PreviewRequest { id: args.id.to_string() };
    let reply = connect(context).await?.preview(request).await?.into_inner();
    let state = reply.state.clone().unwrap_or_default();
    if context.render.is_json() {
        context.render.document(&document(args.id, &reply)?)?;
        decision::warn(&state.cautions, context);
        return Ok(Exit::Done);
    }
    let PreviewReply { leaves_json, fields, decision: decided, .. } = reply;
    let render = &context.render;
    if fields.is_empty() {
        render.talk("It was written by hand: no record stands behind it, so nothing was taken out.");
    } else {
        render.heading("Field by field");
        let rows = fields.iter().flat_map(rows);
        render.table(["field", "what stays", "what leaves", "children"], rows);
        render.line("");
    }
    render.heading("What a recipient sees");
    render.text(&format!("{leaves_json}\n"));
    decision::show(decided, &parse(&leaves_json)?, &state.acts, context);
    decision::warn(&state.cautions, context);
    render.talk(&next(args.id, &state));
    Ok(Exit::Done)
}

/// Characters of each of the two wide columns.
const WIDE: usize = 42;

/// One field as the lines of a table: what stays beside what leaves, and below that how it was generalised.
fn rows(field: &FieldExplained) -> Vec<[String; 4]> {
    let leaves = if field.leaves.is_empty() { "-" } else { &field.leaves };
    let (stays, mut leaves) = (wrap(&field.stays), wrap(leaves));
    leaves.extend(wrap(&format!("({})", field.how)));
    let line = |lines: &[String], n: usize| lines.get(n).cloned().unwrap_or_default();
    let first = |n: usize, text: String| if n == 0 { text } else { String::new() };
    let cases = if field.cases == 0 { String::new() } else { field.cases.to_string() };
    let row = |n| [first(n, field.field.clone()), line(&stays, n), line(&leaves, n), first(n, cases.clone())];
    (0..stays.len().max(leaves.len())).map(row).collect()
}

/// Words in lines of at most [`WIDE`] characters; a longer word has a line of its own.
fn wrap(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDE => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// What can be done with a draft now; where it stands, for one that was released.
pub(super) fn next(id: AlertId, state: &DraftState) -> String {
    let DraftState { state: word, needs_approval, drafted_by, approved_by, .. } = state;
    match (word.as_str(), *needs_approval, approved_by.is_empty()) {
        ("released", ..) => format!("released already; `varde alert show {id}` says what became of it"),
        (_, true, true) => {
            format!("drafted by {drafted_by}; another person must approve it: varde alert approve {id} --as FILE")
        }
        (_, true, false) => {
            format!("drafted by {drafted_by}, approved by {approved_by}; send it: varde alert release {id} --to CC,CC")
        }
        (_, false, _) => format!("drafted by {drafted_by}; send it: varde alert release {id} --to CC,CC"),
    }
}

fn document(id: AlertId, reply: &PreviewReply) -> Result<serde_json::Value, Failure> {
    let leaves = parse(&reply.leaves_json)?;
    let field = |f: &FieldExplained| {
        serde_json::json!({
            "field": f.field, "stays": f.stays, "leaves": f.leaves, "how": f.how, "cases": f.cases,
        })
    };
    let state = reply.state.clone().unwrap_or_default();
    Ok(serde_json::json!({
        "alert_id": id.to_string(),
        "state": state.state,
        "needs_approval": state.needs_approval,
        "drafted_by": state.drafted_by,
        "approved_by": state.approved_by,
        "acts": decision::acts(&state.acts),
        "warnings": decision::warnings(&state.cautions),
        "digest": hex(&reply.digest),
        "decision": decision::document(reply.decision.clone(), &leaves),
        "fields": reply.fields.iter().map(field).collect::<Vec<_>>(),
        "leaves": leaves,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_stands_beside_what_leaves() {
        let field = FieldExplained {
            field: "age_band".into(),
            stays: "AGE_9_13 41, AGE_14_15 50, AGE_16_17 31, AGE_CHILD_NFS 7".into(),
            leaves: "AGE_9_13, AGE_14_15".into(),
            how: "bands that k children share".into(),
            cases: 141,
        };
        let text = |row: [&str; 4]| row.map(str::to_owned);
        assert_eq!(
            rows(&field),
            [
                text(["age_band", "AGE_9_13 41, AGE_14_15 50, AGE_16_17 31,", "AGE_9_13, AGE_14_15", "141"]),
                text(["", "AGE_CHILD_NFS 7", "(bands that k children share)", ""]),
            ]
        );
    }

    #[test]
    fn the_next_step_of_a_pointer_is_another_persons() {
        let state = DraftState { needs_approval: true, drafted_by: "a".into(), ..DraftState::default() };
        let id = AlertId([0x91; 16]);
        assert!(next(id, &state).contains("another person must approve it"));
        let approved = DraftState { approved_by: "b".into(), ..state };
        assert!(next(id, &approved).contains("varde alert release"));
    }
}
