//! An alert is offered before it is sent: its conditions, and nothing of the case (CETS 197 Art. 34(2) and (3)).
//!
//! In: the message, and whether an alert is what was offered. Out: who accepted and what follows (`varde-node`, `flow::conversation`);
//! the answers, which are words like any other ([`crate::reply`]).

use crate::alert::{AlertContent, longest_life};
use crate::envelope::{Payload, Rejection, Sealed};
use crate::id::AlertId;
use crate::json::Out;
use crate::limits;
use crate::time::Timestamp;
use crate::vocabulary::*;
use crate::wire::peer;
use std::collections::BTreeSet;
use std::time::Duration;

/// Under what an alert is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Kind of alert; with it its level.
    pub kind: AlertKind,
    /// Which desk offers.
    pub desk_role: DeskRole,
    /// How far it may be passed on.
    pub tlp: Tlp,
    /// Handling codes.
    pub handling: BTreeSet<Handling>,
    /// What it may be used for.
    pub purposes: BTreeSet<Purpose>,
    /// What it may never be used for.
    pub prohibitions: BTreeSet<Prohibition>,
    /// Law, article, ground for recipients outside the EU and EEA.
    pub legal: (LegalRegime, LegalBasis, TransferGround),
    /// What the recipient will be asked to do.
    pub requested_actions: BTreeSet<RequestedAction>,
    /// Over which legal channel the issuer is reached.
    pub contact_channel: ContactChannel,
    /// Until when it will live.
    pub expires_at: Timestamp,
}

impl Conditions {
    /// Those of an alert.
    pub fn of(content: &AlertContent) -> Self {
        Self {
            kind: content.kind(),
            desk_role: content.desk_role,
            tlp: content.tlp,
            handling: content.handling.clone(),
            purposes: content.purposes.clone(),
            prohibitions: content.prohibitions.clone(),
            legal: (content.legal_regime, content.legal_basis, content.transfer_ground),
            requested_actions: content.requested_actions.clone(),
            contact_channel: content.contact_channel,
            expires_at: content.expires_at,
        }
    }

    /// How people see them: the fields of an alert, by name.
    pub fn show(&self) -> Out {
        let (regime, basis, ground) = self.legal;
        Out::Object(vec![
            ("kind", Out::text(self.kind)),
            ("desk_role", Out::text(self.desk_role)),
            ("tlp", Out::text(self.tlp)),
            ("handling", Out::texts(&self.handling)),
            ("purposes", Out::texts(&self.purposes)),
            ("prohibitions", Out::texts(&self.prohibitions)),
            (
                "legal_basis",
                Out::Object(vec![
                    ("regime", Out::text(regime)),
                    ("article", Out::text(basis)),
                    ("transfer_ground", Out::text(ground)),
                ]),
            ),
            ("requested_action", Out::texts(&self.requested_actions)),
            ("contact_channel", Out::text(self.contact_channel)),
            ("expires_at", Out::text(self.expires_at)),
        ])
    }
}

/// The offer of an alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    /// Who offers, and to whom.
    pub header: peer::Header,
    /// The id that the alert will have.
    pub id: AlertId,
    /// Under what it is given.
    pub conditions: Conditions,
    /// Until when an answer is awaited.
    pub answer_by: Timestamp,
}

impl Offer {
    /// What needs the clock: its time for answers is not over, and the alert lives no longer than one of its kind may.
    pub fn admit(&self, now: Timestamp) -> Result<(), Rejection> {
        if self.answer_by <= now {
            return refuse("offer-over");
        }
        // A day for the time of issue, which is cut to the day, and one for clocks and what is under way.
        let latest = now.after(longest_life(self.conditions.kind)).after(Duration::from_secs(2 * 86_400));
        if self.conditions.expires_at > latest { refuse("offer-time") } else { Ok(()) }
    }

    /// As it is signed.
    pub fn to_wire(&self) -> peer::Offer {
        let c = &self.conditions;
        peer::Offer {
            header: Some(self.header.clone()),
            alert_id: bytes::Bytes::copy_from_slice(&self.id.0),
            kind: c.kind.number(),
            desk_role: c.desk_role.number(),
            tlp: c.tlp.number(),
            handling: numbers(&c.handling),
            purposes: numbers(&c.purposes),
            prohibitions: numbers(&c.prohibitions),
            legal_regime: c.legal.0.number(),
            legal_basis: c.legal.1.number(),
            transfer_ground: c.legal.2.number(),
            requested_actions: numbers(&c.requested_actions),
            contact_channel: c.contact_channel.number(),
            answer_by_ms: self.answer_by.ms(),
            expires_at_ms: c.expires_at.ms(),
        }
    }
}

fn numbers<V: Vocabulary>(codes: &BTreeSet<V>) -> Vec<i32> {
    codes.iter().map(|code| code.number()).collect()
}

fn refuse<T>(rule: &'static str) -> Result<T, Rejection> {
    Err(Rejection::Content(rule))
}

fn code<V: Vocabulary>(number: i32) -> Result<V, Rejection> {
    V::from_number(number).map_or(refuse("offer-code"), Ok)
}

fn set<V: Vocabulary>(numbers: &[i32]) -> Result<BTreeSet<V>, Rejection> {
    let rising = numbers.windows(2).all(|pair| pair[0] < pair[1]) && numbers.len() <= limits::ALERT_CODES;
    if rising { numbers.iter().map(|number| code(*number)).collect() } else { refuse("offer-list") }
}

fn time(ms: i64) -> Result<Timestamp, Rejection> {
    Timestamp::from_ms(ms).or(refuse("offer-time"))
}

impl Sealed for Offer {}

impl Payload for Offer {
    type Wire = peer::Offer;
    const TYPE: &'static str = "application/vnd.varde.offer.v1+protobuf";

    fn from_wire(wire: Self::Wire) -> Result<Self, Rejection> {
        let conditions = Conditions {
            kind: code(wire.kind)?,
            desk_role: code(wire.desk_role)?,
            tlp: code(wire.tlp)?,
            handling: set(&wire.handling)?,
            purposes: set(&wire.purposes)?,
            prohibitions: set(&wire.prohibitions)?,
            legal: (code(wire.legal_regime)?, code(wire.legal_basis)?, code(wire.transfer_ground)?),
            requested_actions: set(&wire.requested_actions)?,
            contact_channel: code(wire.contact_channel)?,
            expires_at: time(wire.expires_at_ms)?,
        };
        let answer_by = time(wire.answer_by_ms)?;
        if conditions.purposes.is_empty() || conditions.requested_actions.is_empty() {
            return refuse("offer-list");
        }
        if answer_by >= conditions.expires_at {
            return refuse("offer-time");
        }
        Ok(Self {
            header: wire.header.map_or(refuse("header"), Ok)?,
            id: AlertId::from_bytes(&wire.alert_id).map_or(refuse("offer-id"), Ok)?,
            conditions,
            answer_by,
        })
    }

    fn header(&self) -> &peer::Header {
        &self.header
    }

    /// That of the alert.
    fn class(&self) -> u8 {
        if self.conditions.kind.level() == PersonalDataLevel::L1 { 1 } else { 2 }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::alert::sample;
    use prost::Message;

    fn offer() -> Offer {
        let content = sample::missing_child_pointer();
        let answer_by = Timestamp::from_ms(content.expires_at.ms() - 1).unwrap();
        let header = peer::Header { network: "varde.example".into(), ..peer::Header::default() };
        Offer { header, id: content.id, conditions: Conditions::of(&content), answer_by }
    }

    #[test]
    fn an_offer_reads_back_and_says_nothing_of_the_case() {
        let offer = offer();
        let bytes = offer.to_wire().encode_to_vec();
        assert_eq!(Offer::from_wire(peer::Offer::decode(bytes.as_slice()).unwrap()), Ok(offer.clone()));
        let shown = offer.conditions.show().to_string();
        for field in ["content", "age_band", "last_seen", "contact_token", "support_count", "note"] {
            assert!(!shown.contains(field), "{field}");
        }
    }

    #[test]
    fn an_offer_lives_no_longer_than_an_alert_of_its_kind_and_has_time_for_answers() {
        let offer = offer();
        let now = sample::now();
        assert_eq!(offer.admit(now), Ok(()));
        assert_eq!(offer.admit(offer.answer_by), refuse("offer-over"));
        let mut long = offer.clone();
        long.conditions.expires_at = now.after(Duration::from_secs(17 * 86_400));
        assert_eq!(long.admit(now), refuse("offer-time"));
    }

    #[test]
    fn what_is_missing_unknown_or_out_of_order_is_refused() {
        let refused = |change: fn(&mut peer::Offer)| {
            let mut wire = offer().to_wire();
            change(&mut wire);
            Offer::from_wire(wire).unwrap_err()
        };
        let rule = Rejection::Content;
        assert_eq!(refused(|w| w.kind = 99), rule("offer-code"));
        assert_eq!(refused(|w| w.tlp = 0), rule("offer-code"));
        assert_eq!(refused(|w| w.prohibitions = vec![2, 1]), rule("offer-list"));
        assert_eq!(refused(|w| w.prohibitions = vec![77]), rule("offer-code"));
        assert_eq!(refused(|w| w.purposes = vec![]), rule("offer-list"));
        assert_eq!(refused(|w| w.requested_actions = vec![]), rule("offer-list"));
        assert_eq!(refused(|w| w.answer_by_ms = w.expires_at_ms), rule("offer-time"));
        assert_eq!(refused(|w| w.answer_by_ms = -1), rule("offer-time"));
        assert_eq!(refused(|w| w.alert_id = vec![1; 17].into()), rule("offer-id"));
        assert_eq!(refused(|w| w.header = None), rule("header"));
    }
}
