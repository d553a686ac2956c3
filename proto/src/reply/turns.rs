//! What may be said next about one alert, or its offer, between its issuer and one recipient, and how far the two have come.

use super::Said;
use crate::id::Digest;
use crate::limits;
use crate::vocabulary::{ReferralState, ReplyType};

/// One word of the two, in the order in which they were said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// E of its envelope.
    pub digest: Digest,
    /// What it says.
    pub said: Said,
}

/// Whether this may follow what was said before; otherwise the rule that it breaks.
pub fn may_follow(before: &[Turn], next: &Said) -> Result<(), &'static str> {
    if before.len() >= limits::REPLIES {
        return Err("reply-too-many");
    }
    let has = |wanted: ReplyType| before.iter().any(|turn| turn.said.reply_type() == wanted);
    let recipient = before.iter().rev().find(|turn| !turn.said.is_by_issuer());
    match next {
        Said::Seen if recipient.is_some() => Err("reply-repeated"),
        Said::Referral(next) => {
            let last = before.iter().rev().find_map(|turn| match turn.said {
                Said::Referral(state) => Some(state),
                _ => None,
            });
            if referral(last, *next) { Ok(()) } else { Err("reply-order") }
        }
        Said::Ruling(about, _) => {
            let asked = before.iter().find(|turn| turn.digest == *about).map(|turn| turn.said.reply_type());
            let ruled = before.iter().any(|turn| matches!(turn.said, Said::Ruling(one, _) if one == *about));
            let open = matches!(asked, Some(ReplyType::CHALLENGE | ReplyType::RELAY_REQUEST)) && !ruled;
            if open { Ok(()) } else { Err("reply-about") }
        }
        Said::Accept | Said::CannotComply(..) if has(ReplyType::ACCEPT) || has(ReplyType::CANNOT_COMPLY) => {
            Err("reply-decided")
        }
        // A no counts for good, also where it crosses the recall.
        Said::Accept if has(ReplyType::RECALL) => Err("reply-decided"),
        Said::Recall if has(ReplyType::RECALL) => Err("reply-repeated"),
        _ => Ok(()),
    }
}

/// A referral is first accepted or not; what was accepted begins and is done, and may turn out to be impossible until then.
fn referral(last: Option<ReferralState>, next: ReferralState) -> bool {
    use ReferralState as State;
    match last {
        None => matches!(next, State::ACCEPTED | State::DECLINED | State::CANNOT_COMPLY),
        Some(State::ACCEPTED) => matches!(next, State::IN_PROGRESS | State::DONE | State::CANNOT_COMPLY),
        Some(State::IN_PROGRESS) => matches!(next, State::DONE | State::CANNOT_COMPLY),
        Some(_) => false,
    }
}

/// How far a recipient is with an alert, in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress<'a> {
    /// It has said nothing.
    Silent,
    /// A person saw it.
    Seen,
    /// Its last answer.
    Answered(&'a Said),
}

/// How far a recipient is, by what was said.
pub fn progress(turns: &[Turn]) -> Progress<'_> {
    match turns.iter().rev().find(|turn| turn.said.is_answer()) {
        Some(turn) => Progress::Answered(&turn.said),
        None if turns.iter().any(|turn| !turn.said.is_by_issuer()) => Progress::Seen,
        None => Progress::Silent,
    }
}
