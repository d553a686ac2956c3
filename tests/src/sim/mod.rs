//! The federation in virtual time, from a seed: the product's own ledgers, connections, proofs and audits, on stores in memory
//! and a network that is slow, foul and cut. A seed says everything: who there is, what happens when, and in which order.
//!
//! In: countries that send alerts, change their keys, are killed between any two steps and in any commit, are restored from any
//! backup, whose clocks are wrong and whose network fails. At the end all runs again, everything owed is delivered, and the audit
//! of every log finds nothing. Out: sockets, TLS and disks, which are the business of `crash` and `powercut`.

pub mod attack;
pub mod check;
pub mod ground;
pub mod member;
pub mod network;
pub mod watch;

use crate::pair;
use ground::{LastCommit, SimChance};
use member::Member;
use network::{Between, Weather, country};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use varde_node::flow::alert::release;
use varde_node::port::Entropy;
use varde_proto::id::{Digest, NodeId};
use varde_proto::identity::{Role, SecretKey};
use watch::Watch;
use zeroize::Zeroizing;

/// Countries that there may be.
const CODES: [&str; 20] = [
    "BG", "CY", "DK", "EE", "GR", "IT", "LT", "NO", "PT", "RO", "SI", "AT", "BE", "CZ", "DE", "ES", "FI", "FR", "HU",
    "IE",
];
/// A clock may be wrong by so much, which is less than what makes anyone doubt it.
const WRONG_CLOCK_MS: u64 = 50_000;
/// After the last disturbance, everything owed is delivered within this.
const SETTLED: Duration = Duration::from_secs(600);

/// In so many of 1,000 seeds a country is not honest at the end.
const ATTACKED: u64 = 200;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// Countries.
    pub countries: usize,
    /// Frames and commits.
    pub events: u64,
    /// Alerts whose release was acknowledged.
    pub released: usize,
    /// How often a country was restored from a backup.
    pub restored: usize,
    /// What must not be; empty if all holds.
    pub failures: Vec<String>,
    /// A digest of all heads that passed: the same seed has the same.
    pub trace: [u8; 32],
}

/// Runs a seed.
pub fn run(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async { World::new(seed).live().await })
}

/// An alert that somebody was told is released.
pub struct Released {
    from: usize,
    kept: u64,
    to: usize,
}

/// All that there is in a seed.
pub struct World {
    /// The countries.
    pub members: Vec<Arc<Member>>,
    /// What lies between each two.
    pub between: Vec<Arc<Between>>,
    /// Who saw every frame.
    pub watch: Arc<Watch>,
    /// Acknowledged releases.
    pub released: Vec<Released>,
    restored: usize,
    heartbeat: Duration,
    chance: SimChance,
    /// What was begun and ends by itself: restarts, links beside the first one.
    errands: JoinSet<()>,
}

impl World {
    fn new(seed: u64) -> Self {
        let chance = SimChance::new(seed);
        // Few countries mostly, many sometimes: what goes wrong between two needs few, what goes wrong in a quorum many.
        let count = match chance.below(100) {
            0..60 => 3 + chance.below(3),
            60..95 => 5 + chance.below(6),
            _ => 11 + chance.below(10),
        } as usize;
        let began = tokio::time::Instant::now();
        // As many pairs, as seldom: a seed of twenty countries has about as many events as one of five.
        let pairs = (count * (count - 1) / 2) as u64;
        let (heartbeat, longest) = (Duration::from_millis(250 + 80 * pairs), 15_000 + 4_500 * pairs);
        let member = |place: usize| {
            let others = CODES[..count].iter().filter(|other| **other != CODES[place]);
            let peers = others.map(|other| (country(other), Arc::new(pair::peer(CODES[place], other))));
            Arc::new(Member::new(CODES[place], chance.below(u64::MAX), heartbeat, began, peers.collect()))
        };
        let members: Vec<_> = (0..count).map(member).collect();
        let watch = Arc::<Watch>::default();
        let mut between = Vec::new();
        for a in 0..count {
            for b in a + 1..count {
                let ends = [members[a].clone(), members[b].clone()];
                between.push(Arc::new(Between::new(ends, longest, chance.below(u64::MAX), watch.clone())));
            }
        }
        let (released, errands) = (Vec::new(), JoinSet::new());
        Self { members, between, watch, released, restored: 0, heartbeat, chance, errands }
    }

    async fn live(mut self) -> Outcome {
        for member in &self.members {
            if let Err(failure) = member.start().await {
                self.watch.fail(failure);
            }
        }
        let mut network = JoinSet::new();
        for between in &self.between {
            network.spawn(between.clone().keep_linked());
        }
        let steps = 10 + self.chance.below(40);
        for _ in 0..steps {
            tokio::time::sleep(self.chance.pause(3_000)).await;
            self.disturb().await;
        }
        self.calm().await;
        check::settled(&self).await;
        check::audited(&self);
        if self.chance.permille(ATTACKED) {
            attack::two_faces(&mut self).await;
        }
        network.shutdown().await;
        self.outcome()
    }

    fn outcome(self) -> Outcome {
        let commits: u64 = self.members.iter().map(|member| member.store.commits()).sum();
        let (countries, released, restored) = (self.members.len(), self.released.len(), self.restored);
        self.watch.seen(|seen| Outcome {
            countries,
            events: seen.frames + commits,
            released,
            restored,
            trace: seen.trace(),
            failures: std::mem::take(&mut seen.failures),
        })
    }

    /// One thing happens.
    async fn disturb(&mut self) {
        let place = self.chance.below(self.members.len() as u64) as usize;
        if self.chance.permille(300) {
            self.members[self.chance.below(self.members.len() as u64) as usize].back_up();
        }
        match self.chance.below(100) {
            0..54 => self.release(place).await,
            54..60 => self.restore(place).await,
            60..70 => self.kill(place),
            70..80 => self.weather(Weather::Cut),
            80..87 => self.weather(Weather::Foul),
            87..92 => self.link_again(),
            92..95 => self.rotate(place),
            _ => {
                let wrong_by = self.chance.below(2 * WRONG_CLOCK_MS) as i64 - WRONG_CLOCK_MS as i64;
                self.members[place].clock.set_wrong_by(wrong_by);
            }
        }
    }

    async fn release(&mut self, from: usize) {
        let member = self.members[from].clone();
        let others = self.members.iter().filter(|other| other.code != member.code).map(|other| country(&other.code));
        let mut to: Vec<NodeId> = others.filter(|_| self.chance.permille(500)).collect();
        to.truncate(5);
        if let Some(kept) = self.release_from(&member, &to).await {
            self.released.push(Released { from, kept, to: to.len() });
        }
    }

    /// Releases an alert; returns the index under which it is kept, once that is acknowledged.
    async fn release_from(&self, member: &Member, to: &[NodeId]) -> Option<u64> {
        let life = member.life().filter(|_| !to.is_empty())?;
        let node = &life.country.node;
        let mut id = [0; 16];
        self.chance.fill(&mut id);
        let content = pair::route_at(id, node.clock.now());
        let decision = Digest::of(&id);
        let signed = match release::issue(node, content.clone(), decision, to) {
            Ok(signed) => signed,
            Err(refused) => {
                self.watch.fail(format!("an alert cannot be issued: {refused}"));
                return None;
            }
        };
        let owe = move |desk: &mut varde_node::flow::desk::Desk<'_>| release::owe(desk, &signed, &content, decision);
        // A node that is killed meanwhile never answers, and what it never said need not be.
        let landed = tokio::time::timeout(Duration::from_secs(30), node.ledger.commit(owe)).await;
        landed.ok()?.ok().map(varde_node::flow::ledger::Committed::into_value)
    }

    fn rotate(&mut self, place: usize) {
        let (mut seed, mut salt) = (Zeroizing::new([0; 32]), [0; 32]);
        self.chance.fill(&mut *seed);
        self.chance.fill(&mut salt);
        let role = [Role::Log, Role::Wit, Role::Msg][self.chance.below(3) as usize];
        if let Err(failure) = self.members[place].rotate(role, SecretKey::from_seed(&seed), salt) {
            self.watch.fail(failure);
        }
    }

    fn kill(&mut self, place: usize) {
        let member = self.members[place].clone();
        let watch = self.watch.clone();
        let down = self.chance.pause(10_000);
        let how = [None, Some(LastCommit::Lost), Some(LastCommit::Landed)][self.chance.below(3) as usize];
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

    /// Puts a country back to a backup of it, also while others are being made whole. What it showed last must be at some peer that
    /// is whole: if a log's end is nowhere any more, people must decide.
    async fn restore(&mut self, place: usize) {
        let member = self.members[place].clone();
        let mut backups = member.backups.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if backups.is_empty() {
            return;
        }
        let (size, rows) = backups.swap_remove(self.chance.below(backups.len() as u64) as usize);
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
        // One that is newer than this one and made before now must not be used any more (docs/recovery.md).
        member.backups.lock().unwrap_or_else(PoisonError::into_inner).retain(|(of, _)| *of <= size);
        member.kill();
        member.store.restore(rows);
        if unguarded {
            member.guard.lose();
        }
        // What was released since must be released again.
        self.released.retain(|released| released.from != place || released.kept < size);
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
            let shown = self.watch.seen(|seen| seen.shown(log.as_str())).max(of.guard.size());
            let others = self.members.iter().filter(|other| !Arc::ptr_eq(other, of) && !Arc::ptr_eq(other, member));
            others.filter(|other| !other.is_locked()).filter_map(|other| other.life()).any(|other| {
                let book = other.country.node.ledger.book();
                book.head_of(&log).size >= shown && book.kept_of(&log).size().0 >= shown
            })
        };
        !member.is_locked() && self.members.iter().filter(|of| Arc::ptr_eq(of, member) || of.is_locked()).all(is_kept)
    }

    /// Another weather for a while, between two or between two halves of all.
    fn weather(&mut self, weather: Weather) {
        let halves = weather == Weather::Cut && self.chance.permille(300);
        let here: Vec<bool> = self.members.iter().map(|_| self.chance.permille(500)).collect();
        let one = self.chance.below(self.between.len() as u64) as usize;
        let place = |member: &Arc<Member>| self.members.iter().position(|other| Arc::ptr_eq(member, other));
        let is_apart = |between: &Between| {
            let [a, b] = between.ends().each_ref().map(|end| place(end).is_some_and(|place| here[place]));
            a != b
        };
        let meant = |(n, between): &(usize, &Arc<Between>)| if halves { is_apart(between) } else { *n == one };
        let touched: Vec<_> = self.between.iter().enumerate().filter(meant).map(|(_, b)| b.clone()).collect();
        let how_long = self.chance.pause(15_000);
        self.errands.spawn(async move {
            touched.iter().for_each(|between| {
                between.weather.set(weather);
            });
            tokio::time::sleep(how_long).await;
            touched.iter().for_each(|between| {
                between.weather.set(Weather::Fair);
            });
        });
    }

    /// A second link between two that have one.
    fn link_again(&mut self) {
        let between = self.between[self.chance.below(self.between.len() as u64) as usize].clone();
        self.errands.spawn(async move {
            if let [Some(a), Some(b)] = between.ends().each_ref().map(|end| end.life()) {
                between.link(&a, &b).await;
            }
        });
    }

    /// Nothing disturbs any more, and everyone runs.
    async fn calm(&mut self) {
        while self.errands.join_next().await.is_some() {}
        for between in &self.between {
            between.weather.set(Weather::Fair);
        }
        for member in &self.members {
            if let Err(failure) = member.start().await {
                self.watch.fail(failure);
            }
        }
    }
}
