//! What follows from a code: roll-ups, groups, what may leave the country, minimum counts.

use super::{AgeBand, AlertKind, ChildSituation, Form, LegalBasis, LegalRegime, MeansGroup, MeansOfControl};
use super::{IndependentSources, PersonalDataLevel, ReferralUrgency, SupportBand, Vocabulary};
use std::time::Duration;

impl Form {
    /// The form under which it is counted: 11 to 15 under 10, 21 and 22 under 20, 41 to 46 under 40, else itself.
    pub fn rolls_up_to(self) -> Self {
        self.cell("rolls_up_to").and_then(|name| Self::parse(name).ok()).unwrap_or(self)
    }
}

impl MeansOfControl {
    /// The group in which it is shared; none for OTHER and for answers that name no means.
    pub fn group(self) -> Option<MeansGroup> {
        self.cell("group").and_then(|name| MeansGroup::parse(name).ok())
    }
}

impl ChildSituation {
    /// Whether it may leave the country. Asylum, health and offence data may not, nor a code that we do not know.
    pub fn shareable(self) -> bool {
        self.cell("shareable") == Some("yes")
    }
}

impl AgeBand {
    /// The youngest and the oldest age in full years; nothing for a band that we do not know.
    pub fn years(self) -> Option<(u8, u8)> {
        let bound = |column| self.cell(column).and_then(|years| years.parse().ok());
        Some((bound("lowest")?, bound("highest")?))
    }

    /// The band of an age in full years; nothing from 18 on.
    pub fn of(years: u8) -> Option<Self> {
        [Self::AGE_0_8, Self::AGE_9_13, Self::AGE_14_15, Self::AGE_16_17]
            .into_iter()
            .find(|band| band.years().is_some_and(|(lowest, highest)| (lowest..=highest).contains(&years)))
    }
}

impl SupportBand {
    /// The band of a count of distinct children; nothing for 0.
    pub fn of(count: u64) -> Option<Self> {
        Self::all().filter(|band| band.lowest() <= count && band.lowest() > 0).last()
    }

    /// The smallest count in the band.
    pub fn lowest(self) -> u64 {
        self.cell("lowest").and_then(|count| count.parse().ok()).unwrap_or(0)
    }

    /// The largest count in the band; the highest band has no end.
    pub fn highest(self) -> u64 {
        let above = Self::all().find(|band| band.lowest() > self.lowest());
        above.map_or(u64::MAX, |next| next.lowest() - 1)
    }
}

impl IndependentSources {
    /// The class of a number of sources; nothing for 0.
    pub fn of(count: u64) -> Option<Self> {
        match count {
            0 => None,
            1 => Some(Self::ONE),
            2 => Some(Self::TWO),
            _ => Some(Self::THREE_OR_MORE),
        }
    }
}

impl AlertKind {
    /// L1 for a pointer to one child, L0 for a pattern over many.
    pub fn level(self) -> PersonalDataLevel {
        match self.cell("level") {
            Some("L0") => PersonalDataLevel::L0,
            _ => PersonalDataLevel::L1,
        }
    }

    /// Whether distinct cases stand behind it, which k counts.
    pub fn is_about_cases(self) -> bool {
        ![Self::SITUATIONAL_WARNING, Self::PREVENTION_PRACTICE, Self::TREND_SUMMARY_NOTICE].contains(&self)
    }
}

impl ReferralUrgency {
    /// In which time an answer is asked for; nothing for what is no urgency.
    pub fn answer_within(self) -> Option<Duration> {
        let hours = match self {
            Self::IMMEDIATE => 8,
            Self::URGENT => 3 * 24,
            Self::ROUTINE => 7 * 24,
            _ => return None,
        };
        Some(Duration::from_secs(hours * 3600))
    }
}

impl LegalBasis {
    /// The law in which the article stands; none for a basis that we do not know.
    pub fn regime(self) -> Option<LegalRegime> {
        self.cell("regime").and_then(|name| LegalRegime::parse(name).ok())
    }
}
