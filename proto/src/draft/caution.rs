//! What a person should look at before a draft leaves. In: seeing it, and the words for it. Out: rules, which forbid
//! ([`super::check`]); a caution forbids nothing, because only people know whether it matters.

use super::{Decision, Draft, GuardianInformed, Harm, template};
use crate::vocabulary::PersonalDataLevel;

/// Something about a draft that is allowed and seldom meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caution {
    /// It says what the template says.
    AsTemplate,
    /// It is about one child, and its sharing decision is the template's, though its content is not.
    DecidedAsTemplate,
    /// It is about one child, and its sharing decision says nothing.
    NothingDecided,
    /// The exploiter is in the family, and the guardian was informed.
    GuardianInformed,
}

impl Caution {
    /// The code by which a script tells it from others.
    pub fn code(self) -> &'static str {
        match self {
            Self::AsTemplate => "as-template",
            Self::DecidedAsTemplate => "decided-as-template",
            Self::NothingDecided => "nothing-decided",
            Self::GuardianInformed => "guardian-informed",
        }
    }

    /// For the person at the keyboard: what is so, what it means, what to do.
    pub fn text(self) -> &'static str {
        match self {
            Self::AsTemplate => {
                "this is the template as it was shipped; edit it first. What it says is invented, and whoever receives it \
                 would act on it. Change `content` in the file and draft it again"
            }
            Self::DecidedAsTemplate => {
                "the sharing decision of this draft is the template's: invented, and nobody's. If it happens to be right, \
                 leave it; otherwise write into `decision` what was really decided and draft it again"
            }
            Self::GuardianInformed => {
                "the exploiter is in the family, and the decision says that the guardian was informed. If the guardian is of the \
                 family, whoever is to be stopped knows; if not, leave it"
            }
            Self::NothingDecided => {
                "the sharing decision of this draft is empty. It does not say why less would not do, who considered the \
                 best interests of the child, whether the child was heard, or whether the guardian was informed. Write \
                 `decision` into the file (for a draft from a record: `--terms FILE.json`) and draft it again"
            }
        }
    }
}

impl Draft {
    /// What to look at before it leaves. What was drawn from records is no template, even if it says the same.
    pub fn cautions(&self) -> Vec<Caution> {
        let template = self.fields.is_empty() && template::is_invented(&self.content.subject);
        let one_child = self.content.personal_data_level == PersonalDataLevel::L1;
        let by_hand = self.fields.is_empty() && self.decision.bare() == template::decision(self.content.subject.kind());
        let seen = [
            (template, Caution::AsTemplate),
            (one_child && by_hand && !template, Caution::DecidedAsTemplate),
            (one_child && self.decision.says_nothing(), Caution::NothingDecided),
            (told_family(&self.decision), Caution::GuardianInformed),
        ];
        seen.into_iter().filter_map(|(holds, caution)| holds.then_some(caution)).collect()
    }
}

fn told_family(decision: &Decision) -> bool {
    decision.harms.contains(&Harm::EXPLOITER_IN_FAMILY) && decision.guardian_informed == GuardianInformed::INFORMED
}
