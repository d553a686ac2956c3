//! What a log's leaves say of the log itself: when each was written, its policies, the heads of others that it wove in, what it
//! regained after a restored backup, how much of it is padding.

use super::codes;
use super::finding::{Finding, Findings};
use super::leaves::Leaves;
use crate::id::{Digest, LogIndex, Origin};
use crate::limits;
use crate::log::body::{Entangled, Recovery};
use crate::log::event::{Event, Kind};
use crate::log::policy::Policy;
use crate::time::Timestamp;
use std::collections::BTreeMap;

/// When a leaf was written, by its own word; of one that could not be read, the time of the one before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) time: Timestamp,
    /// Whether it is a leaf that peers should come to know of: neither padding nor a mere mention of others' heads.
    pub(super) loud: bool,
}

/// When each leaf was written, eight bytes a leaf: milliseconds, and in the lowest bit whether it is loud.
#[derive(Debug, Default)]
pub(super) struct Moments(Vec<i64>);

impl Moments {
    fn push(&mut self, moment: Moment) {
        self.0.push(moment.time.ms() << 1 | i64::from(moment.loud));
    }

    /// When a leaf was written.
    pub(super) fn get(&self, index: LogIndex) -> Option<Moment> {
        self.0.get(usize::try_from(index.0).ok()?).map(|packed| Self::unpack(*packed))
    }

    /// When the newest leaf was written.
    pub(super) fn last(&self) -> Option<Moment> {
        self.0.last().map(|packed| Self::unpack(*packed))
    }

    /// From a leaf on, in order.
    pub(super) fn from(&self, index: u64) -> impl Iterator<Item = (LogIndex, Moment)> + Clone {
        let rest = self.0.get(usize::try_from(index).unwrap_or(usize::MAX)..).unwrap_or_default();
        (index..).map(LogIndex).zip(rest.iter().map(|packed| Self::unpack(*packed)))
    }

    fn unpack(packed: i64) -> Moment {
        Moment { time: Timestamp::from_ms(packed >> 1).unwrap_or_default(), loud: packed & 1 == 1 }
    }
}

/// A head of another log, as a leaf of this one names it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Woven {
    pub(super) index: LogIndex,
    pub(super) size: u64,
    pub(super) root: Digest,
}

/// A leaf without opening, and the times of those around it.
#[derive(Debug, Clone, Copy)]
struct Missing {
    index: LogIndex,
    not_before: Option<Timestamp>,
    not_after: Option<Timestamp>,
}

/// What the leaves say of the log itself.
#[derive(Debug, Default)]
pub(super) struct Own {
    /// By index.
    pub(super) moments: Moments,
    /// Each policy that can be read, from the leaf that names it on.
    pub(super) policies: Vec<(LogIndex, Policy)>,
    /// What was regained, after each restored backup.
    pub(super) recoveries: Vec<Recovery>,
    /// Of the leaves that cannot be read, those of which a later leaf says that they were lost.
    pub(super) explained: usize,
    /// Heads of other logs, in order of the leaves that name them.
    pub(super) woven: BTreeMap<Origin, Vec<Woven>>,
    missing: Vec<Missing>,
    pads: u64,
}

impl Own {
    /// The leaf was read, or could not be.
    pub(super) fn moment(&mut self, event: Option<&Event>) {
        let before = self.moments.last().map_or(Timestamp::default(), |moment| moment.time);
        let loud = event.is_some_and(|event| !event.kind.is_quiet());
        self.moments.push(Moment { time: event.map_or(before, |event| event.time), loud });
        if let Some(event) = event {
            self.missing.iter_mut().rev().take_while(|missing| missing.not_after.is_none()).for_each(|missing| {
                missing.not_after = Some(event.time);
            });
        }
    }

    /// A leaf has no opening.
    pub(super) fn missing(&mut self, index: LogIndex, not_before: Option<Timestamp>) {
        self.missing.push(Missing { index, not_before, not_after: None });
    }

    /// Whether the log says that this leaf's opening did not come back after a restored backup.
    pub(super) fn is_lost(&self, index: LogIndex) -> bool {
        self.recoveries.iter().any(|recovery| recovery.misses(index.0))
    }

    /// Whether a leaf lies among those that a restored node had lost, and of which some did not come back.
    pub(super) fn is_in_lost_tail(&self, index: LogIndex) -> bool {
        let tail = |recovery: &Recovery| (recovery.backup_size..recovery.size).contains(&index.0);
        self.recoveries.iter().any(|recovery| tail(recovery) && !recovery.missing.is_empty())
    }

    /// Each leaf without opening is a finding, unless a restored backup explains it.
    pub(super) fn say_missing(&mut self, out: &mut Findings) {
        for Missing { index, not_before, not_after } in std::mem::take(&mut self.missing) {
            if self.is_lost(index) {
                continue;
            }
            let text = format!("leaf {} has no opening and nothing says why", index.0);
            out.add(Finding::new(codes::OPENING_MISSING, text).at(index).between(not_before, not_after));
        }
    }
}

impl Leaves<'_> {
    /// Takes in a leaf that is about the log itself.
    pub(super) fn take_own(&mut self, index: LogIndex, event: &Event) {
        if event.kind != Kind::PAD && event.kind != Kind::ENTANGLE {
            self.own.pads = 0;
        }
        match event.kind {
            Kind::POLICY => {
                self.own.policies.extend(Policy::parse(&event.body).ok().map(|policy| (index, policy)));
            }
            Kind::PAD => self.pad(index, event),
            Kind::ENTANGLE => match Entangled::read(&event.body) {
                Some(heads) => heads.into_iter().for_each(|head| self.weave(index, head)),
                None => self.say(index, event, codes::LEAF_MALFORMED, "an `entangle` leaf does not name heads"),
            },
            Kind::RECOVERY => match Recovery::read(&event.body) {
                Some(recovery) => self.recovery(index, event, recovery),
                None => {
                    self.say(index, event, codes::LEAF_MALFORMED, "a `recovery` leaf does not say what was regained");
                }
            },
            _ => {}
        }
    }

    fn pad(&mut self, index: LogIndex, event: &Event) {
        self.own.pads += 1;
        if self.own.pads == limits::PADS + 1 {
            let text = format!("from here on there is more padding than the {} leaves that hide a size", limits::PADS);
            self.say(index, event, codes::PADS_OVER_POLICY, text);
        }
    }

    fn weave(&mut self, index: LogIndex, head: Entangled) {
        let Entangled { origin, size, root } = head;
        let woven = self.own.woven.entry(origin).or_default();
        if woven.last().is_none_or(|last| (last.size, last.root) != (size, root)) {
            woven.push(Woven { index, size, root });
        }
    }

    fn recovery(&mut self, index: LogIndex, event: &Event, recovery: Recovery) {
        let Recovery { backup, backup_size, size, missing } = &recovery;
        if *size != index.0 {
            let text = format!(
                "leaf {} says that a backup of {backup_size} leaves was brought back to {size}; what stands between was \
                 written before that was said",
                index.0
            );
            self.say(index, event, codes::ROLLED_BACK, text);
            return;
        }
        let gone: u64 = missing.iter().map(|(from, to)| to - from).sum();
        let text = format!(
            "restored from a backup of {backup} with {backup_size} leaves; {} came back from peers, {gone} of them without \
             their openings",
            size - backup_size
        );
        self.say(index, event, codes::RESTORED, text);
        let place = |index: u64| self.unknown.partition_point(|lost| lost.0 < index);
        self.own.explained += recovery.missing.iter().map(|(from, to)| place(*to) - place(*from)).sum::<usize>();
        // What more restores than any node has had explain is not looked at: each costs something for every leaf that is lost.
        if self.own.recoveries.len() < limits::RECOVERIES {
            self.own.recoveries.push(recovery);
        }
    }
}
