//! How people and scripts see a word about an alert: one JSON object, codes by name.

use super::Said;
use crate::json::Out;
use crate::vocabulary::{Outcome, Vocabulary};

/// The fields of what is said, the type first.
pub fn show(said: &Said) -> Vec<(&'static str, Out)> {
    let mut fields = vec![("type", Out::text(said.reply_type()))];
    fields.extend(said.outcome().map(|outcome| ("outcome", Out::text(outcome))));
    match said {
        Said::Seen | Said::Outcome(_) | Said::Accept | Said::Recall => {}
        Said::CannotComply(handling, prohibitions) => {
            fields.extend([("handling", Out::texts(handling)), ("prohibitions", Out::texts(prohibitions))]);
        }
        Said::NotCompetent(forward) => {
            let contact = vec![
                ("country", Out::text(forward.country)),
                ("channel", Out::text(forward.channel)),
                ("desk_role", Out::text(forward.role)),
            ];
            fields.push(("forward", Out::Object(contact)));
        }
        Said::DuplicateOf(id) => fields.push(("duplicate_of", Out::text(id))),
        Said::Answer(answer) => fields.push(("answer", Out::text(answer))),
        Said::Referral(state) => fields.push(("referral", Out::text(state))),
        Said::Challenge(grounds) => fields.push(("grounds", Out::texts(grounds))),
        Said::RelayRequest(to) => fields.push(("relay_to", Out::texts(to))),
        Said::Ruling(about, ruling) => {
            fields.extend([("about", Out::text(about)), ("ruling", Out::text(ruling))]);
        }
    }
    fields
}

/// The same in a few words: the one code that matters, and to whom it points.
pub fn line(said: &Said) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match said {
        Said::Seen => "seen by a person".to_owned(),
        Said::Outcome(outcome) => outcome.to_string(),
        Said::NotCompetent(forward) => {
            format!("{}: {} {} by {}", Outcome::NOT_COMPETENT, forward.country, forward.role, forward.channel)
        }
        Said::DuplicateOf(id) => format!("{} {id}", Outcome::DUPLICATE_OF),
        Said::Answer(answer) => answer.to_string(),
        Said::Referral(state) => state.to_string(),
        Said::Challenge(grounds) => format!("disputed: {}", list(grounds.iter().map(|g| g.label()).collect())),
        Said::RelayRequest(to) => {
            format!("asks to pass it on to {}", list(to.iter().map(ToString::to_string).collect()))
        }
        Said::Ruling(_, ruling) => ruling.label(),
        Said::Accept => "accepts the offer and its conditions".to_owned(),
        Said::CannotComply(handling, prohibitions) => {
            let codes = handling.iter().map(ToString::to_string).chain(prohibitions.iter().map(ToString::to_string));
            let codes = list(codes.collect());
            let which = if codes.is_empty() { String::new() } else { format!(" with {codes}") };
            format!("cannot comply{which}")
        }
        Said::Recall => "takes the offer back".to_owned(),
    }
}
