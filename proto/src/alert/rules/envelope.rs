//! Rules over the fields that every alert has.

use super::{Rule, counts_cases, is_pattern, minimum_cases, precision, reaches};
use crate::alert::{AlertContent, Observed, looks_written};
use crate::limits::VERSIONS;
use crate::time::{Period, Timestamp};
use crate::vocabulary::*;

pub(super) const RULES: &[Rule] = &[
    Rule {
        code: "msg-type-not-accepted",
        field: "msg_type",
        wanted: "ALERT, UPDATE or CORRECT",
        next: "leave it out; `varde alert renew` and `varde alert correct` set it, and the others are acts of their own",
        holds: |c| matches!(c.msg_type, MsgType::ALERT | MsgType::UPDATE | MsgType::CORRECT),
    },
    Rule {
        code: "version-chain",
        field: "version",
        wanted: "1 for an ALERT, superseding nothing; from 2 to 255 for an UPDATE or a CORRECT, superseding the version before",
        next: "leave it out; `varde alert renew` and `varde alert correct` set it",
        holds: |c| match c.supersedes {
            None => c.version == 1 && c.msg_type == MsgType::ALERT,
            Some(_) => (2..=VERSIONS).contains(&c.version) && c.msg_type != MsgType::ALERT,
        },
    },
    Rule {
        code: "id-readable",
        field: "alert_id",
        wanted: "128 random bits",
        next: "leave it out; the node draws it",
        holds: |c| !looks_written(&c.id.0),
    },
    Rule {
        code: "contact-token-readable",
        field: "contact_token",
        wanted: "80 random bits",
        next: "leave it out; the node draws it",
        holds: |c| !looks_written(&c.contact_token),
    },
    Rule {
        code: "observed-precision",
        field: "observed_period",
        wanted: "a quarter such as 2026-Q3 for a pattern, elapsed_band for a pointer",
        next: "widen the period to its quarter",
        holds: observed_fits_kind,
    },
    Rule {
        code: "level-of-kind",
        field: "personal_data_level",
        wanted: "L0 for patterns, L1 for pointers",
        next: "leave it out; the kind decides it",
        holds: |c| c.personal_data_level == c.kind().level(),
    },
    Rule {
        code: "handling-missing",
        field: "handling",
        wanted: "at least one handling code for RED, AMBER_STRICT and AMBER",
        next: "add H2 (not to be passed on without permission), or what fits better",
        holds: |c| c.tlp > Tlp::AMBER || !c.handling.is_empty(),
    },
    Rule {
        code: "purposes-missing",
        field: "purposes",
        wanted: "at least one purpose",
        next: "say what it may be used for, P1 to P6",
        holds: |c| !c.purposes.is_empty(),
    },
    Rule {
        code: "legal-basis-missing",
        field: "legal_basis",
        wanted: "a regime and an article, not UNKNOWN, NOT_COLLECTED or WITHHELD",
        next: "ask your data protection officer which article you rely on",
        holds: |c| says_something(c.legal_regime) && says_something(c.legal_basis),
    },
    Rule {
        code: "legal-basis-regime",
        field: "legal_basis",
        wanted: "an article of the regime named beside it",
        next: "change the regime or the article",
        holds: |c| c.legal_basis.regime().is_none_or(|regime| regime == c.legal_regime),
    },
    Rule {
        code: "sources-missing",
        field: "source_type",
        wanted: "at least one type of source",
        next: "name the type of who told you, or UNKNOWN",
        holds: |c| !c.sources.is_empty(),
    },
    Rule {
        code: "requested-actions-missing",
        field: "requested_action",
        wanted: "at least one action",
        next: "say what the recipient should do; INFORM_ONLY if nothing",
        holds: |c| !c.requested_actions.is_empty(),
    },
    Rule {
        code: "inform-only-with-more",
        field: "requested_action",
        wanted: "INFORM_ONLY alone, or other actions without it",
        next: "take INFORM_ONLY out, or everything else",
        holds: |c| c.requested_actions.len() < 2 || !c.requested_actions.contains(&RequestedAction::INFORM_ONLY),
    },
    Rule {
        code: "reply-by-missing",
        field: "reply_by",
        wanted: "a time, because an answer is asked for",
        next: "say by when you need the answer",
        holds: |c| c.reply_by.is_some() || !asks_for_answer(c),
    },
    Rule {
        code: "reply-by-precision",
        field: "reply_by",
        wanted: "a time to the minute",
        next: "set the seconds to zero",
        holds: |c| c.reply_by.is_none_or(|time| time == time.to_minute()),
    },
    Rule {
        code: "reply-after-expiry",
        field: "reply_by",
        wanted: "a time before expires_at",
        next: "ask for the answer earlier",
        holds: |c| c.reply_by.is_none_or(|time| time <= c.expires_at),
    },
    Rule {
        code: "expires-precision",
        field: "expires_at",
        wanted: "midnight UTC, and a full minute where a child is missing or may be taken away",
        next: "cut the time",
        holds: |c| is_cut(c, c.expires_at),
    },
    Rule {
        code: "review-precision",
        field: "review_at",
        wanted: "midnight UTC, and a full minute where a child is missing or may be taken away",
        next: "cut the time",
        holds: |c| is_cut(c, c.review_at),
    },
    Rule {
        code: "review-after-expiry",
        field: "review_at",
        wanted: "a time not after expires_at",
        next: "review earlier",
        holds: |c| c.review_at <= c.expires_at,
    },
    Rule {
        code: "support-below-k",
        field: "support_count",
        wanted: "10 cases for GREEN and CLEAR, 5 for AMBER, 3 for AMBER_STRICT",
        next: "widen what the pattern covers, or choose a stricter tlp",
        holds: |c| !counts_cases(c) || reaches(c.support, minimum_cases(c.tlp)),
    },
    Rule {
        code: "support-one-source",
        field: "independent_sources",
        wanted: "two independent sources for AMBER_STRICT below 5 cases",
        next: "find a second source, or send it RED to one recipient",
        holds: |c| !counts_cases(c) || c.tlp != Tlp::AMBER_STRICT || has_two_sources(c) || reaches(c.support, 5),
    },
    Rule {
        code: "contact-channel-missing",
        field: "contact_channel",
        wanted: "a channel over which you can be reached",
        next: "name one, for example FOCAL_POINT",
        holds: |c| says_something(c.contact_channel) && says_something(c.desk_role),
    },
];

fn observed_fits_kind(c: &AlertContent) -> bool {
    match c.observed {
        Observed::Period(Period::Quarter(..)) => is_pattern(c),
        Observed::Period(Period::Year(_) | Period::Half(..) | Period::Month(..)) => false,
        Observed::Elapsed(_) => !is_pattern(c),
    }
}

fn is_cut(c: &AlertContent, time: Timestamp) -> bool {
    precision(c.kind()).cut(time) == time
}

fn asks_for_answer(c: &AlertContent) -> bool {
    use RequestedAction as Ask;
    let asking = [Ask::CHECK_OWN_RECORDS, Ask::CALL_BACK, Ask::PREPARE_RECEPTION, Ask::START_REFERRAL];
    asking.iter().any(|action| c.requested_actions.contains(action))
}

fn has_two_sources(c: &AlertContent) -> bool {
    c.independent_sources >= IndependentSources::TWO
}

/// Not one of UNKNOWN, NOT_COLLECTED and WITHHELD, which every descriptive list has under the same numbers.
pub(super) fn says_something<V: Vocabulary>(code: V) -> bool {
    ![98, 100, 101].contains(&code.number())
}
