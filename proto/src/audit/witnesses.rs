//! What witnesses say of a log: which of its leaves a quorum of its own policy had cosigned, by when, and whether the sizes that
//! they saw ever went back. A cosignature states its witness's time, so nothing here rests on the node's clock alone.

use super::codes;
use super::finding::{Finding, Findings};
use super::own::Own;
use crate::id::LogIndex;
use crate::log::head::Head;
use crate::log::note::BadNote;
use crate::log::policy::Policy;
use crate::time::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far two honest clocks may be apart.
pub(super) const SKEW: Duration = Duration::from_secs(10 * 60);
/// After this, a leaf that no quorum cosigned is worth saying.
const LATE: Duration = Duration::from_secs(10 * 60);
/// After this, it is not to be explained by a partition.
const TOO_LATE: Duration = Duration::from_secs(24 * 60 * 60);

/// The cosignatures of a log's heads.
#[derive(Debug, Default)]
pub(super) struct Witnessed {
    /// Sizes that a quorum cosigned, and by when at least one honest witness had.
    quorum: BTreeMap<u64, Timestamp>,
    /// Every head that enough witnesses cosigned for one of them to be honest.
    seen: Vec<Seen>,
}

/// When honest witnesses were shown a size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Seen {
    /// One at the latest by then.
    by: Timestamp,
    /// One as late as then.
    until: Timestamp,
    size: u64,
}

impl Witnessed {
    /// Takes in the cosignatures of a head.
    pub(super) fn take(&mut self, size: u64, cosigned: Cosigned, policies: &[(LogIndex, Policy)], out: &mut Findings) {
        match (cosigned, in_force(policies, size)) {
            (Ok(cosigned), Some(policy)) => self.keep(size, policy, &cosigned),
            (Ok(_), None) => {}
            (Err(bad), _) => {
                let text = format!("the head of {size} leaves: {bad}");
                out.add(Finding::new(codes::CHECKPOINT_INVALID, text));
            }
        }
    }

    /// With f faulty witnesses among them, an honest one states the (f+1)-th smallest time or an earlier one, and an honest one
    /// the (f+1)-th largest or a later one.
    fn keep(&mut self, size: u64, policy: &Policy, cosigned: &[(usize, u64)]) {
        let faulty = policy.witnesses().len().saturating_sub(1) / 3;
        let mut times: Vec<u64> = cosigned.iter().map(|(_, seconds)| *seconds).collect();
        times.sort_unstable();
        let at = |place: usize| times.get(place).and_then(|seconds| time(*seconds));
        let until = times.len().checked_sub(faulty + 1).and_then(at);
        let Some((by, until)) = at(faulty).zip(until) else { return };
        self.seen.push(Seen { by, until, size });
        let places: Vec<usize> = cosigned.iter().map(|(place, _)| *place).collect();
        if !policy.is_quorum(&[]) && policy.is_quorum(&places) {
            self.quorum.entry(size).and_modify(|before| *before = by.min(*before)).or_insert(by);
        }
    }

    /// Sizes that a quorum cosigned, and by when.
    pub(super) fn quorum(&self) -> &BTreeMap<u64, Timestamp> {
        &self.quorum
    }

    /// All heads were taken in.
    pub(super) fn finish(&mut self) {
        self.seen.sort_unstable();
        self.seen.dedup();
    }

    /// The newest leaves, if no quorum cosigned them for longer than that takes.
    pub(super) fn tail(&self, own: &Own, out: &mut Findings) {
        let Some((from, policy)) = own.policies.last().filter(|(_, policy)| !policy.is_quorum(&[])) else { return };
        let covered = self.quorum.keys().last().copied().unwrap_or(0).max(from.0);
        let tail = own.moments.from(covered);
        let Some((index, first)) = tail.clone().find(|(_, moment)| moment.loud) else { return };
        let written = own.moments.last().map_or(first.time, |moment| moment.time);
        let until = self.seen.iter().map(|seen| seen.until).fold(written, Timestamp::max);
        let code = match until.since(first.time) {
            waited if waited > TOO_LATE => codes::NOT_WITNESSED,
            waited if waited > LATE => codes::WITNESS_LATE,
            _ => return,
        };
        let text = format!(
            "no quorum of its {} witnesses had cosigned leaf {} and what follows, {} leaves, by {until}",
            policy.witnesses().len(),
            index.0,
            tail.count()
        );
        out.add(Finding::new(code, text).at(index).between(Some(first.time), Some(until)));
    }

    /// Whether witnesses were shown a smaller log after a larger one, and no restored backup explains it.
    pub(super) fn order(&self, own: &Own, out: &mut Findings) {
        // The sizes that were the largest of their time, by when they were seen.
        let mut largest: Vec<(Timestamp, u64)> = Vec::new();
        for Seen { by, size, .. } in &self.seen {
            if largest.last().is_none_or(|(_, most)| size > most) {
                largest.push((*by, *size));
            }
        }
        let mut late: Vec<&Seen> = self.seen.iter().collect();
        late.sort_unstable_by_key(|seen| (seen.until, seen.size));
        for Seen { until, size, .. } in late {
            let before = largest.partition_point(|(by, _)| by.after(SKEW) < *until);
            let Some((when, most)) = before.checked_sub(1).and_then(|newest| largest.get(newest)) else { continue };
            let explained = own.recoveries.iter().any(|r| r.backup_size <= *size && r.size >= *most);
            if size < most && !explained {
                let text = format!(
                    "at {when} witnesses had cosigned {most} leaves and at {until} only {size}; no leaf says that a backup was \
                     restored"
                );
                out.add(Finding::new(codes::ROLLED_BACK, text).at(LogIndex(*size)).between(Some(*when), Some(*until)));
                return;
            }
        }
    }
}

/// Which witnesses of the policy cosigned a head, and the earliest time that each states.
pub(super) type Cosigned = Result<Vec<(usize, u64)>, BadNote>;

/// The policy in force for a head.
fn in_force(policies: &[(LogIndex, Policy)], size: u64) -> Option<&Policy> {
    policies.iter().rfind(|(index, _)| index.0 < size).map(|(_, policy)| policy)
}

/// Checks the cosignatures of a head by the policy that was in force for it.
pub(super) fn cosignatures(head: &Head, policies: &[(LogIndex, Policy)]) -> Cosigned {
    let mut cosigned = Vec::new();
    let others = head.note().signatures().iter().any(|line| line.name() != head.origin().as_str());
    let policy = in_force(policies, head.size().0).filter(|_| others);
    for (place, witness) in policy.iter().flat_map(|policy| policy.witnesses()).enumerate() {
        match head.note().verify(std::slice::from_ref(&witness.key)) {
            Err(BadNote::Unsigned) => {}
            lines => cosigned.extend(lines?.iter().filter_map(|line| line.time).min().map(|time| (place, time))),
        }
    }
    Ok(cosigned)
}

fn time(seconds: u64) -> Option<Timestamp> {
    Timestamp::from_ms(i64::try_from(seconds).ok()?.checked_mul(1000)?).ok()
}
