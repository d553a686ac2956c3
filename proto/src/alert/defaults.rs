//! What a kind's envelope says where the draft says nothing, and how long a kind may live.

use crate::vocabulary::*;
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// The longest time from issue to expiry: 14 days for pointers (a renewal is a new version), 12 months for methods and practices, 3
/// months for warnings, 6 months for everything else.
pub fn longest_life(kind: AlertKind) -> Duration {
    let days = match kind {
        _ if kind.level() == PersonalDataLevel::L1 => 14,
        AlertKind::MODUS_OPERANDI | AlertKind::PREVENTION_PRACTICE => 366,
        AlertKind::SITUATIONAL_WARNING => 92,
        _ => 184,
    };
    Duration::from_secs(days * DAY)
}

/// The longest time from the issue of the first version to the expiry of the last: a year for pointers, as for entries under Art. 32(1)(c)
/// to (e) in Regulation (EU) 2018/1862, Art. 53; no bound for what is about no single child.
pub fn longest_chain(kind: AlertKind) -> Option<Duration> {
    (kind.level() == PersonalDataLevel::L1).then(|| Duration::from_secs(366 * DAY))
}

/// The envelope of a kind, where the draft does not say otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Defaults {
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Handling codes.
    pub handling: &'static [Handling],
    /// What it may be used for.
    pub purposes: &'static [Purpose],
    /// What it may never be used for.
    pub prohibitions: &'static [Prohibition],
    /// Law, article, ground for recipients outside the EU and EEA.
    pub legal: (LegalRegime, LegalBasis, TransferGround),
    /// What the recipient is asked to do.
    pub requested_actions: &'static [RequestedAction],
    /// Time from draft to expiry.
    pub life: Duration,
    /// Time from draft to review.
    pub review: Duration,
    /// Time from draft to the answer asked for.
    pub reply: Option<Duration>,
    /// How many cases; nothing where the draft must say so.
    pub support: Option<SupportBand>,
}

/// The defaults of a kind.
pub fn defaults(kind: AlertKind) -> Defaults {
    if kind.level() == PersonalDataLevel::L1 { pointer(kind) } else { pattern(kind) }
}

fn pointer(kind: AlertKind) -> Defaults {
    let day = Duration::from_secs(DAY);
    let (purposes, requested_actions, reply): (&[Purpose], &[RequestedAction], _) = match kind {
        AlertKind::FOUND_CHILD_QUERY => (&[Purpose::P1, Purpose::P2], &[RequestedAction::CHECK_OWN_RECORDS], day),
        AlertKind::CROSS_BORDER_REFERRAL_REQUEST => {
            (&[Purpose::P1, Purpose::P3], &[RequestedAction::START_REFERRAL], 7 * day)
        }
        _ => (&[Purpose::P1, Purpose::P2], &[RequestedAction::LOOK_OUT, RequestedAction::CALL_BACK], 3 * day),
    };
    Defaults {
        tlp: Tlp::RED,
        handling: &[Handling::H2],
        purposes,
        prohibitions: &[Prohibition::X1, Prohibition::X2, Prohibition::X3, Prohibition::X4, Prohibition::X5],
        legal: (LegalRegime::GDPR, LegalBasis::GDPR_6_1_D, TransferGround::NOT_NEEDED),
        requested_actions,
        life: Duration::from_secs(14 * DAY),
        review: Duration::from_secs(7 * DAY),
        reply: Some(reply),
        support: Some(SupportBand::SINGLE),
    }
}

fn pattern(kind: AlertKind) -> Defaults {
    // A little short of the longest life, which counts from a time of issue that is cut to the day.
    let life = longest_life(kind) - Duration::from_secs(2 * DAY);
    let tlp = match kind {
        AlertKind::DOCUMENT_PATTERN | AlertKind::CENTRE_DISAPPEARANCE_PATTERN => Tlp::AMBER_STRICT,
        AlertKind::SITUATIONAL_WARNING | AlertKind::TREND_SUMMARY_NOTICE => Tlp::GREEN,
        AlertKind::PREVENTION_PRACTICE => Tlp::CLEAR,
        _ => Tlp::AMBER,
    };
    Defaults {
        tlp,
        handling: if tlp > Tlp::AMBER { &[] } else { &[Handling::H2] },
        purposes: &[Purpose::P4, Purpose::P5],
        prohibitions: &[Prohibition::X1, Prohibition::X3],
        legal: (LegalRegime::NONE, LegalBasis::NOT_PERSONAL, TransferGround::NOT_NEEDED),
        requested_actions: if kind == AlertKind::TREND_SUMMARY_NOTICE {
            &[RequestedAction::INFORM_ONLY]
        } else {
            &[RequestedAction::PREVENTIVE_OUTREACH]
        },
        life,
        review: life / 2,
        reply: None,
        support: (!kind.is_about_cases()).then_some(SupportBand::NO_CASES),
    }
}
