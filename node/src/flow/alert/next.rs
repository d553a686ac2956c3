//! The next version of an alert of ours: one that corrects what was wrong, or one that goes on with it. It is drafted, approved and released
//! like any other; its release takes the version before back from everyone who ever had it.

use super::drafts::{self, Drafted, Refused, fresh};
use crate::flow::outbox::NotSent;
use crate::flow::withdraw::{self, TakenBack, Withdrawal};
use crate::flow::{Node, kept, versions};
use varde_proto::alert::rules::precision;
use varde_proto::alert::{Alert, AlertContent, Observed, longest_chain};
use varde_proto::draft::{self, Decision};
use varde_proto::envelope::Rejection;
use varde_proto::id::{AlertId, Digest};
use varde_proto::json::Problem;
use varde_proto::vocabulary::{ElapsedBand, ErasureReason, MsgType};

/// What is to follow what, and how.
#[derive(Debug, Clone, Copy)]
pub struct Next {
    /// The version before.
    pub of: AlertId,
    /// UPDATE or CORRECT.
    pub how: MsgType,
    /// For a pointer that is renewed without a file: since when by now.
    pub elapsed: Option<ElapsedBand>,
}

/// Drafts the next version: what a file says, or the same again from now on.
pub fn draft(node: &Node, next: Next, file: &str) -> Result<Drafted, Refused> {
    let (object, before) = last(node, next.of)?;
    let mut drafted = if file.is_empty() {
        let observed = observed(&before, next.elapsed)?;
        let decision = decision(node, next.of)?;
        let mut content = draft::renewed(&before, observed, fresh(node));
        until_the_end(node, &object, &mut content)?;
        Drafted { content, decision, fields: Vec::new() }
    } else {
        drafts::from_file(node, file, Some(before.kind()))?
    };
    let content = &mut drafted.content;
    (content.version, content.supersedes, content.msg_type) = (before.version + 1, Some(object), next.how);
    // Who must never get it does not get the next version either, whatever its file forgets.
    if let Ok(earlier) = decision(node, next.of) {
        drafted.decision.never_to.extend(earlier.never_to);
    }
    // Whoever calls about the case names what they were given first.
    content.contact_token = before.contact_token;
    let problems = draft::check(content, &drafted.decision);
    if problems.is_empty() { Ok(drafted) } else { Err(Refused::Problems(problems)) }
}

/// Cuts the times of a renewal to the end of the chain, where one is set.
fn until_the_end(node: &Node, object: &Digest, content: &mut AlertContent) -> Result<(), Refused> {
    let known = versions::find(&node.ledger, node.me.origin.node(), object)?;
    let Some(end) = known.and_then(|version| Some(version.first.after(longest_chain(version.kind)?))) else {
        return Ok(());
    };
    content.expires_at = content.expires_at.min(precision(content.kind()).cut(end));
    content.review_at = content.review_at.min(content.expires_at);
    content.reply_by = content.reply_by.map(|by| by.min(content.expires_at));
    Ok(())
}

/// `FILE.json` of a released alert as it stands, to be changed for its next version.
pub fn file(node: &Node, id: AlertId) -> Result<String, Refused> {
    let (_, content) = last(node, id)?;
    Ok(draft::file_of(&content, &decision(node, id)?))
}

/// E and content of a released alert of ours that no other has followed and that was not withdrawn.
fn last(node: &Node, id: AlertId) -> Result<(Digest, AlertContent), Refused> {
    let (index, object) = withdraw::own(node, id)?;
    if let Some(next) = versions::next(&node.ledger, node.me.origin.node(), &object)? {
        return Err(Refused::Superseded(next));
    }
    let (_, alert) = kept::if_kept::<Alert>(&node.ledger, index)?.ok_or(Refused::Withdrawn)?;
    Ok((object, alert.content().clone()))
}

/// What was decided about sharing it. A restored backup does not have it back.
fn decision(node: &Node, id: AlertId) -> Result<Decision, Refused> {
    match drafts::find(&node.ledger, id) {
        Ok(draft) => Ok(draft.decision.bare()),
        Err(Refused::Absent(_)) => Err(Refused::Undecided),
        Err(refused) => Err(refused),
    }
}

/// How long the child has been missing by now: what was said of it is as old as the alert.
fn observed(before: &AlertContent, elapsed: Option<ElapsedBand>) -> Result<Observed, Refused> {
    match (before.observed, elapsed) {
        (Observed::Elapsed(ElapsedBand::UNKNOWN) | Observed::Period(_), None) => Ok(before.observed),
        (Observed::Elapsed(_), Some(elapsed)) => Ok(Observed::Elapsed(elapsed)),
        (_, given) => Err(Refused::Problems(vec![Problem {
            at: None,
            field: "content.elapsed_band".into(),
            wanted: if given.is_none() { "how long it is by now" } else { "nothing: a pattern has its period" }.into(),
            got: given.map(|band| band.to_string()).unwrap_or_default(),
            next: if given.is_none() { "add --elapsed BAND" } else { "leave --elapsed out" }.into(),
        }])),
    }
}

/// Taking back the version that a draft follows, from everyone who has it; nothing for a first version.
pub(super) fn taking_back(node: &Node, draft: &AlertContent) -> Result<Option<TakenBack>, Refused> {
    let Some(object) = draft.supersedes else { return Ok(None) };
    let before = versions::find(&node.ledger, node.me.origin.node(), &object)?.ok_or(Refused::NeverReleased)?;
    let id = before.id;
    last(node, id)?;
    versions::may_follow(&before, draft, None).map_err(|rule| NotSent::Refused(Rejection::Content(rule)))?;
    let what = Withdrawal { reason: ErasureReason::SUPERSEDED, from: Vec::new() };
    withdraw::prepare(node, id, what).map(Some)
}

/// The countries that are asked to erase the version before when a draft is released.
pub fn erases(node: &Node, draft: &AlertContent) -> Result<Vec<varde_proto::id::NodeId>, Refused> {
    Ok(taking_back(node, draft)?.map(|before| before.countries()).unwrap_or_default())
}
