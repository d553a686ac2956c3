//! The terms at the head of an agreement, and what they permit.

use crate::alert::Alert;
use crate::envelope::Rejection;
use crate::id::NodeId;
use crate::offer::{Conditions, Offer};
use crate::time::Timestamp;
use crate::vocabulary::{AlertKind, Handling, PersonalDataLevel, Prohibition, Purpose, Tlp, Vocabulary};
use crate::wire::peer::Mode;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What is to become of the alerts of either side that the other holds, when the agreement is over: ended, or at the end of its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AtEnd {
    /// Each asks the other to erase them.
    Erase,
    /// They stay until their own time is over.
    Keep,
}

/// What is agreed of a kind of alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindTerms {
    /// The longest time from issue to expiry.
    pub life: Duration,
    /// The time in which an answer is promised.
    pub reply: Option<Duration>,
}

/// The limits of what is exchanged. What is not named is not permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The network; `None` in the default agreement, which holds in every one.
    pub network: Option<String>,
    /// ACTUAL, EXERCISE or TEST; unspecified in the default agreement.
    pub mode: Mode,
    /// The countries that may sign it, sorted; any two in the default agreement.
    pub parties: Vec<NodeId>,
    /// Of two agreements between the same countries the one with the higher edition governs; 0 is the default.
    pub edition: u32,
    /// From when on it governs.
    pub from: Timestamp,
    /// From then on it governs no more, and nothing takes its place by itself.
    pub until: Timestamp,
    /// The highest level of personal data.
    pub level: PersonalDataLevel,
    /// The strictest colour that may be sent: whoever receives it promises to be able to keep it.
    pub tlp: Tlp,
    /// Handling codes that may be asked for.
    pub handling: BTreeSet<Handling>,
    /// What an alert may be used for, at most.
    pub purposes: BTreeSet<Purpose>,
    /// What every alert must prohibit, at least.
    pub prohibitions: BTreeSet<Prohibition>,
    /// The kinds of alerts.
    pub kinds: BTreeMap<AlertKind, KindTerms>,
    /// The families of trend tables.
    pub trends: BTreeSet<String>,
    /// What follows its end.
    pub at_end: AtEnd,
}

/// What is about to be exchanged.
#[derive(Debug, Clone, Copy)]
pub enum Traffic<'a> {
    /// An alert.
    Alert(&'a Alert),
    /// The offer of an alert.
    Offer(&'a Offer),
    /// A word about an alert of this kind.
    Reply(AlertKind),
    /// A trend summary of this family.
    Trend(&'a str),
    /// An entry of a privacy budget, which goes with trend summaries.
    Budget,
    /// Erasures and their proofs, which outlast every agreement.
    Control,
}

impl Terms {
    /// Whether this may be exchanged while these terms govern; otherwise which of them it breaks.
    pub fn permits(&self, what: Traffic<'_>) -> Result<(), Rejection> {
        let broken = match what {
            Traffic::Control => None,
            Traffic::Alert(alert) => self.broken_by(alert),
            Traffic::Offer(offer) => self.broken_by_conditions(&offer.conditions, offer.conditions.kind.level()),
            Traffic::Reply(kind) => (!self.kinds.contains_key(&kind)).then_some("kind"),
            Traffic::Trend(family) => (!self.trends.contains(family)).then_some("trends"),
            Traffic::Budget => self.trends.is_empty().then_some("trends"),
        };
        broken.map_or(Ok(()), |term| Err(Rejection::Agreement(term)))
    }

    fn broken_by(&self, alert: &Alert) -> Option<&'static str> {
        let conditions = Conditions::of(alert.content());
        let Some(kind) = self.kinds.get(&conditions.kind) else { return Some("kind") };
        let life = conditions.expires_at <= alert.issued_at().after(kind.life);
        self.broken_by_conditions(&conditions, alert.content().personal_data_level).or((!life).then_some("life"))
    }

    fn broken_by_conditions(&self, conditions: &Conditions, level: PersonalDataLevel) -> Option<&'static str> {
        let checks = [
            ("kind", self.kinds.contains_key(&conditions.kind)),
            ("level", level <= self.level),
            // The colours are numbered from the strictest on.
            ("tlp", conditions.tlp >= self.tlp),
            ("handling", conditions.handling.is_subset(&self.handling)),
            ("purposes", conditions.purposes.is_subset(&self.purposes)),
            ("prohibitions", conditions.prohibitions.is_superset(&self.prohibitions)),
        ];
        checks.into_iter().find(|(_, holds)| !holds).map(|(term, _)| term)
    }

    /// Whether two countries may sign it.
    pub fn is_between(&self, one: NodeId, other: NodeId) -> bool {
        self.parties.is_empty() || [one, other].iter().all(|party| self.parties.contains(party))
    }

    /// What a term means, for whoever is told that something breaks it.
    pub fn explain(&self, term: &str) -> String {
        fn names<T: Vocabulary>(list: impl IntoIterator<Item = T>) -> String {
            let names: Vec<String> = list.into_iter().map(|code| code.to_string()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        }
        match term {
            "kind" => format!("kinds of alerts: {}", names(self.kinds.keys().copied())),
            "level" => format!("personal data up to {}", self.level),
            "tlp" => format!("nothing stricter than {}", self.tlp),
            "handling" => format!("handling codes: {}", names(self.handling.iter().copied())),
            "purposes" => format!("purposes: {}", names(self.purposes.iter().copied())),
            "prohibitions" => format!("every alert prohibits {}", names(self.prohibitions.iter().copied())),
            "life" => "how long an alert of each kind may live: see the text".to_owned(),
            "trends" => {
                format!("families of trend tables: {}", self.trends.iter().cloned().collect::<Vec<_>>().join(", "))
            }
            _ => "nothing but erasures and their proofs: it was ended, or its time is over".to_owned(),
        }
    }
}
