//! Whom to wake now. Pure: what nobody has seen and how old it is are arguments, and so is the time, as a span since the node began.
//!
//! In: an urgent alert is rung for at once, again after each `repeat` until somebody has seen it, and at the second contact, too, from
//! the age `second_after` on; other alerts once a minute at most for each sender and kind. Out: how a bell is rung (`edge::notify`).

use std::collections::BTreeMap;
use std::time::Duration;
use varde_proto::id::NodeId;
use varde_proto::vocabulary::AlertKind;

/// How soon it is tried again after a bell did not ring.
const RETRY: Duration = Duration::from_secs(60);
/// How long one routine alert stands for those of its sender and kind that follow it.
const ROUTINE: Duration = Duration::from_secs(60);

/// A bell to ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// The alert, by the index of its leaf.
    pub index: u64,
    /// Whether the second contact is to be woken, too.
    pub also_second: bool,
}

/// What was rung for, and when it is rung again.
#[derive(Debug)]
pub struct Waking {
    repeat: Duration,
    second_after: Duration,
    next: BTreeMap<u64, Duration>,
    routine: BTreeMap<(NodeId, AlertKind), Duration>,
}

impl Waking {
    /// Nothing rung yet.
    pub fn new(repeat: Duration, second_after: Duration) -> Self {
        Self { repeat, second_after, next: BTreeMap::new(), routine: BTreeMap::new() }
    }

    /// What to ring for now, of what nobody has seen, by index with its age: the newest that was never rung for first.
    pub fn due(&mut self, unseen: &BTreeMap<u64, Duration>, now: Duration) -> Vec<Ring> {
        self.next.retain(|index, _| unseen.contains_key(index));
        let ring = |(index, age): (&u64, &Duration)| Ring { index: *index, also_second: *age >= self.second_after };
        let (fresh, known): (Vec<_>, Vec<_>) = unseen.iter().partition(|(index, _)| !self.next.contains_key(index));
        let again = known.into_iter().filter(|(index, _)| self.next.get(index).is_some_and(|next| *next <= now));
        fresh.into_iter().rev().chain(again).map(ring).collect()
    }

    /// Notes that the bell rang for an alert, or did not.
    pub fn rang(&mut self, index: u64, worked: bool, now: Duration) {
        let pause = if worked { self.repeat } else { self.repeat.min(RETRY) };
        self.next.insert(index, now + pause);
    }

    /// Puts off everything that is to be rung for now: what did not work once is not tried for each of them.
    pub fn put_off(&mut self, unseen: &BTreeMap<u64, Duration>, now: Duration) {
        let later = now + self.repeat.min(RETRY);
        for index in unseen.keys() {
            let next = self.next.entry(*index).or_insert(later);
            *next = (*next).max(later);
        }
    }

    /// Whether to ring for a routine alert.
    pub fn is_new(&mut self, from: NodeId, kind: AlertKind, now: Duration) -> bool {
        self.routine.retain(|_, until| *until > now);
        let is_new = !self.routine.contains_key(&(from, kind));
        if is_new {
            self.routine.insert((from, kind), now + ROUTINE);
        }
        is_new
    }

    /// When something is rung for again; `None` where nothing is.
    pub fn next(&self) -> Option<Duration> {
        self.next.values().min().copied()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn waking() -> Waking {
        Waking::new(minutes(15), minutes(30))
    }

    /// One alert that came at minute 0.
    fn one(now: u64) -> BTreeMap<u64, Duration> {
        [(7, minutes(now))].into()
    }

    #[test]
    fn an_urgent_alert_is_rung_for_at_once_and_again_until_it_is_seen_and_then_at_the_second_contact() {
        let mut waking = waking();
        let mut rung = Vec::new();
        for minute in 0..=46 {
            for ring in waking.due(&one(minute), minutes(minute)) {
                rung.push((minute, ring.also_second));
                waking.rang(ring.index, true, minutes(minute));
            }
        }
        assert_eq!(rung, [(0, false), (15, false), (30, true), (45, true)]);
        assert_eq!(waking.next(), Some(minutes(60)));
        assert_eq!((waking.due(&BTreeMap::new(), minutes(90)), waking.next()), (vec![], None), "it was seen");
    }

    #[test]
    fn what_did_not_ring_is_tried_again_within_a_minute_and_what_is_new_goes_first() {
        let mut waking = waking();
        waking.rang(7, false, minutes(0));
        assert_eq!(waking.due(&one(0), Duration::from_secs(59)), []);
        let two = [(7, minutes(1)), (9, minutes(0)), (11, minutes(0))].into();
        let order: Vec<u64> = waking.due(&two, minutes(1)).into_iter().map(|ring| ring.index).collect();
        assert_eq!(order, [11, 9, 7]);
        waking.put_off(&two, minutes(1));
        assert_eq!(waking.due(&two, Duration::from_secs(119)), [], "one failure stands for all");
        let mut quick = Waking::new(Duration::from_secs(5), minutes(30));
        quick.rang(7, false, minutes(0));
        assert_eq!(quick.next(), Some(Duration::from_secs(5)), "never later than it would be repeated");
    }

    #[test]
    fn a_flood_of_routine_alerts_rings_once_a_minute_for_each_sender_and_kind() {
        let mut waking = waking();
        let [no, lt] = ["NO", "LT"].map(|code| NodeId::parse(code).unwrap());
        let (route, method) = (AlertKind::ROUTE_CORRIDOR, AlertKind::MODUS_OPERANDI);
        let mut rings = |from, kind, second| waking.is_new(from, kind, Duration::from_secs(second));
        assert!(rings(no, route, 0) && !rings(no, route, 59) && rings(no, route, 60));
        assert!(rings(lt, route, 60) && rings(no, method, 60));
    }
}
