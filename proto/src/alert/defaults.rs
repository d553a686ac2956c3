//! What a kind's envelope says where the draft says nothing, and how long a kind may live.

use crate::vocabulary::*;
use std::time::Duration;

const DAY: u64 = 24 * 60 * 60;

/// The longest time from issue to expiry: 14 days for pointers (a renewal is a new version), 12 months for methods, 6 months
/// for everything else.
pub fn longest_life(kind: AlertKind) -> Duration {
    let days = match kind {
        _ if kind.level() == PersonalDataLevel::L1 => 14,
        AlertKind::MODUS_OPERANDI => 366,
        _ => 184,
    };
    Duration::from_secs(days * DAY)
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
    if kind.level() == PersonalDataLevel::L1 { pointer() } else { pattern(kind) }
}

fn pointer() -> Defaults {
    Defaults {
        tlp: Tlp::RED,
        handling: &[Handling::H2],
        purposes: &[Purpose::P1, Purpose::P2],
        prohibitions: &[Prohibition::X1, Prohibition::X2, Prohibition::X3, Prohibition::X4, Prohibition::X5],
        legal: (LegalRegime::GDPR, LegalBasis::GDPR_6_1_D, TransferGround::NOT_NEEDED),
        requested_actions: &[RequestedAction::LOOK_OUT, RequestedAction::CALL_BACK],
        life: Duration::from_secs(14 * DAY),
        review: Duration::from_secs(7 * DAY),
        reply: Some(Duration::from_secs(3 * DAY)),
        support: Some(SupportBand::SINGLE),
    }
}

fn pattern(kind: AlertKind) -> Defaults {
    // A little short of the longest life, which counts from a time of issue that is cut to the day.
    let life = longest_life(kind) - Duration::from_secs(2 * DAY);
    Defaults {
        tlp: Tlp::AMBER,
        handling: &[Handling::H2],
        purposes: &[Purpose::P4, Purpose::P5],
        prohibitions: &[Prohibition::X1, Prohibition::X3],
        legal: (LegalRegime::NONE, LegalBasis::NOT_PERSONAL, TransferGround::NOT_NEEDED),
        requested_actions: &[RequestedAction::PREVENTIVE_OUTREACH],
        life,
        review: life / 2,
        reply: None,
        support: None,
    }
}
