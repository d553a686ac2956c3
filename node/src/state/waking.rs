//! Whom to wake now. Pure: what nobody has seen and how old it is are arguments, and so is the time, as a span since the node began.
//!
//! In: an urgent alert is rung for at once, again after each `repeat` until somebody has seen it, and at the second contact, too, once
//! it is as old as `second_after`; other alerts once a minute at most for each sender and kind. No sender keeps the bell from
//! another: it rings for six of its alerts a minute, and first for whoever it rang for least. Out: how a bell is rung (`edge::notify`).

use std::collections::BTreeMap;
use std::time::Duration;
use varde_proto::id::NodeId;
use varde_proto::vocabulary::AlertKind;

/// How soon it is tried again after a bell did not ring.
const RETRY: Duration = Duration::from_secs(60);
/// How long one routine alert stands for those of its sender and kind that follow it; and in what time a sender's rings are counted.
const MINUTE: Duration = Duration::from_secs(60);
/// Rings for urgent alerts of one sender in a minute: more wake nobody any better.
const RINGS: usize = 6;

/// An urgent alert that nobody has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// By the index of its leaf.
    pub index: u64,
    /// Whose.
    pub from: NodeId,
    /// How old it is, by the clock.
    pub age: Duration,
}

/// A bell to ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ring {
    /// The alert, by the index of its leaf.
    pub index: u64,
    /// Whether the second contact is to be woken, too.
    pub also_second: bool,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    /// When it was first looked at: a clock that is set back makes nothing younger.
    since: Duration,
    /// When it is rung for again; at once, where it never was.
    next: Option<Duration>,
    second_rang: bool,
}

/// What was rung for, and when it is rung again.
#[derive(Debug)]
pub struct Waking {
    repeat: Duration,
    second_after: Duration,
    known: BTreeMap<u64, Known>,
    rings: BTreeMap<NodeId, Vec<Duration>>,
    routine: BTreeMap<(NodeId, AlertKind), Duration>,
}

impl Waking {
    /// Nothing rung yet.
    pub fn new(repeat: Duration, second_after: Duration) -> Self {
        Self { repeat, second_after, known: BTreeMap::new(), rings: BTreeMap::new(), routine: BTreeMap::new() }
    }

    /// What to ring for next, of what nobody has seen: of the sender for whom it rang least in the last minute, what was never rung for
    /// first, the newest of that.
    pub fn due(&mut self, unseen: &[Waiting], now: Duration) -> Option<Ring> {
        self.known.retain(|index, _| unseen.iter().any(|one| one.index == *index));
        self.rings.retain(|_, rings| {
            rings.retain(|ring| now.saturating_sub(*ring) < MINUTE);
            !rings.is_empty()
        });
        let rung = |from: NodeId| self.rings.get(&from).map_or(0, Vec::len);
        let mut best = None;
        for one in unseen {
            let known = *self.known.entry(one.index).or_insert(Known { since: now, next: None, second_rang: false });
            let also_second = self.is_old(one.age, &known, now);
            let again = known.next.is_none_or(|next| next <= now) || also_second && !known.second_rang;
            if !again || rung(one.from) >= RINGS {
                continue;
            }
            let order = (rung(one.from), known.next, std::cmp::Reverse(one.index));
            if best.is_none_or(|(known, _)| order < known) {
                best = Some((order, Ring { index: one.index, also_second }));
            }
        }
        best.map(|(_, ring)| ring)
    }

    fn is_old(&self, age: Duration, known: &Known, now: Duration) -> bool {
        age.max(now.saturating_sub(known.since)) >= self.second_after
    }

    /// Notes that the bell rang for an alert, or did not.
    pub fn rang(&mut self, Ring { index, also_second }: Ring, from: NodeId, worked: bool, now: Duration) {
        let pause = if worked { self.repeat } else { self.repeat.min(RETRY) };
        if let Some(known) = self.known.get_mut(&index) {
            known.next = Some(now + pause);
            known.second_rang |= also_second;
        }
        self.rings.entry(from).or_default().push(now);
    }

    /// Whether a routine alert is to be rung for.
    pub fn is_new(&mut self, from: NodeId, kind: AlertKind, now: Duration) -> bool {
        self.routine.retain(|_, until| *until > now);
        !self.routine.contains_key(&(from, kind))
    }

    /// Notes that it was.
    pub fn rang_routine(&mut self, from: NodeId, kind: AlertKind, now: Duration) {
        self.routine.insert((from, kind), now + MINUTE);
    }

    /// When there may be something to ring for again; `None` where nothing waits.
    pub fn next(&self) -> Option<Duration> {
        let second = |known: &Known| (!known.second_rang).then_some(known.since + self.second_after);
        let one = |known: &Known| [known.next, second(known)].into_iter().flatten().min();
        let full = self.rings.values().filter(|rings| rings.len() >= RINGS).filter_map(|rings| rings.first());
        self.known.values().filter_map(one).chain(full.map(|first| *first + MINUTE)).min()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(60 * minutes)
    }

    fn country(code: &str) -> NodeId {
        NodeId::parse(code).unwrap()
    }

    /// An alert of NO.
    fn one(index: u64, age: u64) -> Waiting {
        Waiting { index, from: country("NO"), age: minutes(age) }
    }

    /// Everything that is rung for at a time, all of which works.
    fn rings(waking: &mut Waking, unseen: &[Waiting], now: Duration) -> Vec<Ring> {
        let mut rung = Vec::new();
        while let Some(ring) = waking.due(unseen, now) {
            let from = unseen.iter().find(|one| one.index == ring.index).unwrap().from;
            waking.rang(ring, from, true, now);
            rung.push(ring);
        }
        rung
    }

    #[test]
    fn an_urgent_alert_is_rung_for_at_once_and_again_until_it_is_seen_and_then_at_the_second_contact() {
        let mut waking = Waking::new(minutes(15), minutes(20));
        let mut rung = Vec::new();
        for minute in 0..=40 {
            let rings = rings(&mut waking, &[one(7, minute)], minutes(minute));
            rung.extend(rings.into_iter().map(|ring| (minute, ring.also_second)));
        }
        assert_eq!(rung, [(0, false), (15, false), (20, true), (35, true)], "the second one not only at a repetition");
        assert_eq!(waking.next(), Some(minutes(50)));
        assert_eq!((waking.due(&[], minutes(90)), waking.next()), (None, None), "it was seen");
    }

    #[test]
    fn a_clock_that_is_set_back_puts_off_nobody() {
        let mut waking = Waking::new(minutes(15), minutes(30));
        assert_eq!(rings(&mut waking, &[one(7, 0)], minutes(0)).len(), 1);
        assert!(rings(&mut waking, &[one(7, 0)], minutes(30))[0].also_second);
    }

    #[test]
    fn what_did_not_ring_is_tried_again_within_a_minute_and_holds_up_no_other() {
        let mut waking = Waking::new(minutes(15), minutes(30));
        let two = [one(7, 0), one(9, 0)];
        let first = waking.due(&two, minutes(0)).unwrap();
        assert_eq!(first.index, 9, "the newest");
        waking.rang(first, country("NO"), false, minutes(0));
        let second = waking.due(&two, minutes(0)).unwrap();
        assert_eq!(second.index, 7);
        waking.rang(second, country("NO"), true, minutes(0));
        assert_eq!(waking.due(&two, Duration::from_secs(59)), None);
        assert_eq!(waking.due(&two, minutes(1)).unwrap().index, 9);
        let mut quick = Waking::new(Duration::from_secs(5), minutes(30));
        let ring = quick.due(&two, minutes(0)).unwrap();
        quick.rang(ring, country("NO"), false, minutes(0));
        assert_eq!(quick.next(), Some(Duration::from_secs(5)), "never later than it would be repeated");
    }

    #[test]
    fn a_flood_of_urgent_alerts_of_one_sender_keeps_the_bell_from_nobody() {
        let mut waking = Waking::new(minutes(15), minutes(30));
        let flood: Vec<_> = (100..200).map(|index| one(index, 0)).collect();
        assert_eq!(rings(&mut waking, &flood, minutes(0)).len(), RINGS);
        assert_eq!(waking.next(), Some(minutes(1)), "the others wait for the next minute");
        let honest = Waiting { from: country("LT"), ..one(5, 0) };
        let both: Vec<_> = flood.into_iter().chain([honest]).collect();
        let rung = rings(&mut waking, &both, Duration::from_secs(1));
        assert_eq!(rung.iter().map(|ring| ring.index).collect::<Vec<_>>(), [5]);
        // A call that takes long leaves no sender behind: whoever rang least is next, new or not.
        let mut slow = Waking::new(minutes(15), minutes(30));
        let ring = slow.due(&[honest], minutes(0)).unwrap();
        slow.rang(ring, honest.from, true, minutes(0));
        let fresh = slow.due(&both, minutes(15)).unwrap();
        slow.rang(fresh, country("NO"), true, minutes(15));
        assert_eq!((fresh.index, slow.due(&both, minutes(15)).unwrap().index), (199, 5));
        let later = rings(&mut waking, &both, minutes(15) + Duration::from_secs(2));
        assert!(later.iter().any(|ring| ring.index == 5), "and again in its time: {later:?}");
    }

    #[test]
    fn a_flood_of_routine_alerts_rings_once_a_minute_for_each_sender_and_kind() {
        let mut waking = Waking::new(minutes(15), minutes(30));
        let [no, lt] = ["NO", "LT"].map(country);
        let (route, method) = (AlertKind::ROUTE_CORRIDOR, AlertKind::MODUS_OPERANDI);
        let mut rings = |from, kind, second| {
            let is_new = waking.is_new(from, kind, Duration::from_secs(second));
            if is_new {
                waking.rang_routine(from, kind, Duration::from_secs(second));
            }
            is_new
        };
        assert!(rings(no, route, 0) && !rings(no, route, 59) && rings(no, route, 60));
        assert!(rings(lt, route, 60) && rings(no, method, 60));
    }
}
