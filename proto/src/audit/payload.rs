//! What both ends check of a payload, checked once more: signature, canonical bytes, address, and the rules of its kind. The
//! rules that need the clock of that moment are not among them.

use crate::agreement::Traffic;
use crate::alert::Alert;
use crate::control::{Act, Erasure};
use crate::envelope::{self, Envelope, Expected, Payload, Rejection};
use crate::id::Digest;
use crate::identity::{Genesis, PublicKey};
use crate::log::event::{Direction, Event};
use crate::offer::Offer;
use crate::reply::Reply;
use crate::summary::{LedgerEntry, Place, TrendSummary, family};
use crate::vocabulary::AlertKind;

/// How far a payload that passed could be checked.
pub(super) enum Checked {
    /// Whole.
    Alert(Box<Alert>),
    /// Whole; a trend summary is one release of a place in the budget.
    Summary(Place, Digest),
    /// Whole; it asks to erase the item with this E.
    Request(Digest),
    /// Whole.
    Offer(Box<Offer>),
    /// Whole; a word about an alert of this kind.
    Reply(AlertKind),
    /// Whole; a line of a privacy budget.
    Budget,
    /// Whole.
    Known,
    /// Of a type that this version does not read; only its signature was checked.
    Unknown,
}

impl Checked {
    /// What an agreement is asked about it; of a payload that is not read it is asked nothing.
    pub(super) fn traffic(&self) -> Option<Traffic<'_>> {
        match self {
            Self::Alert(alert) => Some(Traffic::Alert(alert)),
            Self::Offer(offer) => Some(Traffic::Offer(offer)),
            Self::Reply(kind) => Some(Traffic::Reply(*kind)),
            Self::Summary(..) => Some(Traffic::Trend(family::NAME)),
            Self::Budget => Some(Traffic::Budget),
            Self::Request(_) | Self::Known => Some(Traffic::Control),
            Self::Unknown => None,
        }
    }
}

/// Checks the envelope of an item of our log by its issuer's keys; `None` for a leaf that names nobody.
pub(super) fn check_item(
    envelope: &Envelope,
    event: &Event,
    own: &Genesis,
    keys: &[PublicKey],
) -> Option<Result<Checked, Rejection>> {
    let peer = event.peer.as_ref()?;
    let out = event.direction == Direction::Out;
    let expected = Expected {
        network: own.origin().network(),
        mode: own.mode(),
        issuer: if out { own.origin() } else { peer },
        recipient: if out { peer } else { own.origin() },
        keys,
        agreement: event.agreement,
        class: event.class,
    };
    Some(check(envelope, &expected))
}

/// Checks an item's envelope as sender and receiver do.
fn check(envelope: &Envelope, expected: &Expected<'_>) -> Result<Checked, Rejection> {
    if envelope.payload_type == Alert::TYPE {
        envelope::check::<Alert>(envelope, expected).map(|alert| Checked::Alert(Box::new(alert)))
    } else if envelope.payload_type == TrendSummary::TYPE {
        envelope::check::<TrendSummary>(envelope, expected).map(|summary| {
            let release = summary.release();
            Checked::Summary(Place { cohort: release.cohort(), edition: release.edition() }, release.digest())
        })
    } else if envelope.payload_type == LedgerEntry::TYPE {
        envelope::check::<LedgerEntry>(envelope, expected).map(|_| Checked::Budget)
    } else if envelope.payload_type == Offer::TYPE {
        envelope::check::<Offer>(envelope, expected).map(|offer| Checked::Offer(Box::new(offer)))
    } else if envelope.payload_type == Reply::TYPE {
        envelope::check::<Reply>(envelope, expected).map(|reply| Checked::Reply(reply.kind))
    } else if envelope.payload_type == Erasure::TYPE {
        envelope::check::<Erasure>(envelope, expected).map(|erasure| match erasure {
            Erasure { act: Act::Request { .. }, object, .. } => Checked::Request(object),
            _ => Checked::Known,
        })
    } else {
        let signed = envelope::pae(&envelope.payload_type, &envelope.payload);
        let good = |key: &PublicKey| envelope.signatures.iter().any(|s| key.verify(&signed, &s.signature).is_ok());
        if expected.keys.iter().any(good) { Ok(Checked::Unknown) } else { Err(Rejection::BadSignature) }
    }
}

/// A line of the log's own privacy budget, whoever it is addressed to.
pub(super) fn own_budget(envelope: &Envelope, keys: &[PublicKey]) -> Result<(LedgerEntry, Digest), Rejection> {
    let wire = envelope::open(envelope, LedgerEntry::TYPE, keys)?;
    Ok((LedgerEntry::from_wire(wire)?, envelope::digest(envelope)))
}
