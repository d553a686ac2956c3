//! What goes wrong in a simulation: processes end, stores go back, keys change, clocks are wrong, the network fails, and days pass.

use super::ground::LastCommit;
use super::member::Member;
use super::network::{Between, Weather};
use super::{MOST_DAYS, Network, World};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use varde_node::port::Entropy;
use varde_proto::identity::{Role, SecretKey};
use zeroize::Zeroizing;

/// A clock may be wrong by so much, which is less than what makes anyone doubt it.
const WRONG_CLOCK_MS: u64 = 50_000;
/// Days for which a country may be away at once.
const AWAY_DAYS: u64 = 10;

impl World {
    pub(super) fn rotate(&mut self, place: usize) {
        let (mut seed, mut salt) = (Zeroizing::new([0; 32]), [0; 32]);
        self.chance.fill(&mut *seed);
        self.chance.fill(&mut salt);
        let role = [Role::Log, Role::Wit, Role::Msg][self.chance.below(3) as usize];
        self.step(format_args!("{} replaces its {role} key", self.members[place].code));
        if let Err(failure) = self.members[place].rotate(role, SecretKey::from_seed(&seed), salt) {
            self.watch.fail(failure);
        }
    }

    pub(super) fn kill(&mut self, place: usize) {
        let member = self.members[place].clone();
        let watch = self.watch.clone();
        let down = self.chance.pause(10_000);
        let how = [None, Some(LastCommit::Lost), Some(LastCommit::Landed)][self.chance.below(3) as usize];
        self.step(format_args!("{} is killed ({how:?} of its next commit), for {down:?}", member.code));
        self.errands.spawn(async move {
            match how {
                None => member.kill(),
                Some(last) => member.kill_in_commit(last).await,
            }
            tokio::time::sleep(down).await;
            if let Err(failure) = member.start().await {
                watch.fail(failure);
            }
        });
    }

    pub(super) fn set_clock(&self, place: usize) {
        let wrong_by = self.chance.below(2 * WRONG_CLOCK_MS).cast_signed() - WRONG_CLOCK_MS.cast_signed();
        self.step(format_args!("{}'s clock is wrong by {wrong_by} ms", self.members[place].code));
        self.members[place].clock.set_wrong_by(wrong_by);
    }

    /// Days pass in which nothing happens. Before many pass, whoever is away comes back, and after them the logs are cosigned as they are
    /// every day: a restored node does not wait for a peer that was silent for a month (docs/recovery.md), which would be all of them.
    pub(super) async fn skip_days(&mut self) {
        let days = 1 + self.chance.below(if self.chance.permille(300) { 4 } else { 120 });
        if self.calendar.days() + days > MOST_DAYS {
            return;
        }
        let many = days > AWAY_DAYS;
        if many {
            self.calm().await;
        }
        self.step(format_args!("{days} days pass"));
        self.calendar.skip(days);
        if many {
            tokio::time::sleep(3 * self.heartbeat + Duration::from_secs(10)).await;
        }
    }

    /// Puts a country back to a backup of it, also while others are being made whole. What it showed last must be at some peer that
    /// is whole: if a log's end is nowhere any more, people must decide.
    pub(super) async fn restore(&mut self, place: usize) {
        let member = self.members[place].clone();
        let mut backups = member.backups.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if backups.is_empty() {
            return;
        }
        let backup = backups.swap_remove(self.chance.below(backups.len() as u64) as usize);
        let size = backup.size;
        let (down, unguarded) = (self.chance.pause(10_000), self.chance.permille(200));
        for _ in 0..50 {
            if self.may_be_put_back(&member) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if !self.may_be_put_back(&member) {
            return;
        }
        let guard = if unguarded { ", without its guard" } else { "" };
        self.step(format_args!("{} goes back to {size} leaves{guard}, for {down:?}", member.code));
        // One that is newer than this one and made before now must not be used any more (docs/recovery.md).
        member.backups.lock().unwrap_or_else(PoisonError::into_inner).retain(|of| of.size <= size);
        member.kill();
        member.put_back(backup);
        if unguarded {
            member.guard.lose();
        }
        // What was released or taken back since must be released or taken back again.
        self.shared.retain(|shared| shared.from != place || shared.kept < size);
        self.shared.iter_mut().filter(|shared| shared.from == place).for_each(|shared| shared.forget(size));
        self.restored += 1;
        let watch = self.watch.clone();
        self.errands.spawn(async move {
            tokio::time::sleep(down).await;
            if let Err(failure) = member.start().await {
                watch.fail(failure);
            }
        });
    }

    /// Whether a country may be put back: what it showed is kept by another one that is whole, and so is what those showed that are
    /// not whole now and may need it.
    fn may_be_put_back(&self, member: &Arc<Member>) -> bool {
        let is_kept = |of: &Arc<Member>| {
            let log = crate::pair::origin(&of.code);
            // A head that was signed and reached nobody counts as well: the sign guard has it.
            let passed = match self.network {
                Network::Frames => self.watch.seen(|seen| seen.shown(log.as_str())),
                Network::Tls => of.guard.ever(),
            };
            let shown = passed.max(of.guard.size());
            let others = self.members.iter().filter(|other| !Arc::ptr_eq(other, of) && !Arc::ptr_eq(other, member));
            others.filter(|other| !other.is_locked()).filter_map(|other| other.life()).any(|other| {
                let book = other.country.node.ledger.book();
                book.head_of(&log).size >= shown && book.kept_of(&log).size().0 >= shown
            })
        };
        !member.is_locked() && self.members.iter().filter(|of| Arc::ptr_eq(of, member) || of.is_locked()).all(is_kept)
    }

    /// Nothing gets through for a while: either way, or one way.
    pub(super) fn weather(&mut self) {
        let mute = [Weather::Mute(0), Weather::Mute(1), Weather::Cut, Weather::Cut];
        self.weather_for(mute[self.chance.below(4) as usize]);
    }

    /// Another weather for a while, between two or between two halves of all.
    pub(super) fn weather_for(&mut self, weather: Weather) {
        let halves = weather != Weather::Foul && self.chance.permille(300);
        let here: Vec<bool> = self.members.iter().map(|_| self.chance.permille(500)).collect();
        let one = self.chance.below(self.between.len() as u64) as usize;
        let place = |member: &Arc<Member>| self.members.iter().position(|other| Arc::ptr_eq(member, other));
        let is_here =
            |between: &Between| between.ends().each_ref().map(|end| place(end).is_some_and(|place| here[place]));
        let meant = |(n, between): &(usize, &Arc<Between>)| {
            let [a, b] = is_here(between);
            if halves { a != b } else { *n == one }
        };
        // One way between two halves is the same way between every two of them.
        let turned = |between: &Between| match (weather, is_here(between)) {
            (Weather::Mute(way), [true, _]) if halves => Weather::Mute(1 - way),
            _ => weather,
        };
        let touched: Vec<_> =
            self.between.iter().enumerate().filter(meant).map(|(_, b)| (b.clone(), turned(b))).collect();
        let how_long = self.chance.pause(15_000);
        let ends = |(between, weather): &(Arc<Between>, Weather)| {
            let [a, b] = between.ends();
            format!("{} {} {weather:?}", a.code, b.code)
        };
        let told: Vec<_> = touched.iter().map(ends).collect();
        self.step(format_args!("for {how_long:?} between {}", told.join(", ")));
        self.errands.spawn(async move {
            touched.iter().for_each(|(between, weather)| {
                between.weather.set(*weather);
            });
            tokio::time::sleep(how_long).await;
            touched.iter().for_each(|(between, _)| {
                between.weather.set(Weather::Fair);
            });
        });
    }

    /// A second link between two that have one.
    pub(super) fn link_again(&mut self) {
        let between = self.between[self.chance.below(self.between.len() as u64) as usize].clone();
        self.step("a second link between two");
        self.errands.spawn(async move {
            if let [Some(a), Some(b)] = between.ends().each_ref().map(|end| end.life()) {
                between.link(&a, &b).await;
            }
        });
    }
}
