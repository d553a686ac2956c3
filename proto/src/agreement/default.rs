//! The agreement that is in force between two nodes until they sign one of their own.

use super::terms::{AtEnd, KindTerms, Terms};
use crate::alert::longest_life;
use crate::id::Digest;
use crate::summary::FAMILIES;
use crate::time::Timestamp;
use crate::vocabulary::{AlertKind, Handling, PersonalDataLevel, Purpose, Tlp, Vocabulary};
use crate::wire::peer::Mode;

/// The default agreement's text, version 1. Its bytes never change; another wording is another version.
pub const DEFAULT_TEXT: &str = include_str!("../../agreement/default-v1.txt");

/// SHA-256 of [`DEFAULT_TEXT`]: what stands in headers, leaves and acceptances.
pub fn default_agreement() -> Digest {
    Digest::of(DEFAULT_TEXT.as_bytes())
}

/// What that text permits: whatever the rules of each kind and level do, for as long as nobody ends it. What was exchanged under it
/// stays until its own time is over.
pub(super) fn terms() -> Terms {
    Terms {
        network: None,
        mode: Mode::Unspecified,
        parties: Vec::new(),
        edition: 0,
        from: Timestamp::default(),
        until: Timestamp::MAX,
        level: PersonalDataLevel::L1,
        tlp: Tlp::RED,
        handling: Handling::all().collect(),
        purposes: Purpose::all().collect(),
        prohibitions: [].into(),
        kinds: AlertKind::all().map(|kind| (kind, KindTerms { life: longest_life(kind), reply: None })).collect(),
        trends: FAMILIES.iter().map(|name| (*name).to_owned()).collect(),
        at_end: AtEnd::Keep,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_text_never_changes() {
        assert_eq!(default_agreement().to_string(), "b87a46075518524dc7e04cbb71b8711f653b83cc480cf88b5f62eb55889e83cc");
    }
}
