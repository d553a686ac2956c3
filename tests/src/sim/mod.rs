//! The federation in virtual time, from a seed: the product's own ledgers, connections, proofs and audits, on stores in memory
//! and a network that is slow, foul and cut. A seed says everything: who there is, what happens when, and in which order.
//!
//! In: countries whose staff draft, approve, offer, release, answer, take back and hold alerts of every kind, and agree and end
//! agreements (`people`, `treaties`), through a year that passes in leaps; that change their keys, are killed between any two steps
//! and in any commit, are restored from any backup, whose clocks are wrong and whose network fails (`faults`). After every calm,
//! everything owed is delivered, what must be gone is gone, both ends say the same, and the audit of every log finds nothing
//! (`check`). Out: sockets, TLS and disks, which are the business of `crash` and `powercut`.

pub mod attack;
pub mod check;
mod faults;
pub mod ground;
pub mod member;
pub mod network;
pub mod people;
pub mod tls;
pub mod treaties;
pub mod watch;

use crate::pair;
use ground::{Calendar, SimChance};
use member::Member;
use network::{Between, Weather, country};
use people::Shared;
use std::sync::Arc;
use std::time::Duration;
use tls::Machine;
use tokio::task::JoinSet;
use treaties::Said;
use varde_node::flow::alert::release;
use varde_node::flow::outbox::NotSent;
use varde_node::port::Entropy;
use varde_proto::envelope::Rejection;
use varde_proto::id::{Digest, NodeId};
use watch::Watch;

/// Countries that there may be.
const CODES: [&str; 20] = [
    "BG", "CY", "DK", "EE", "GR", "IT", "LT", "NO", "PT", "RO", "SI", "AT", "BE", "CZ", "DE", "ES", "FI", "FR", "HU",
    "IE",
];
/// After the last disturbance, everything owed is delivered within this.
const SETTLED: Duration = Duration::from_secs(600);

/// In so many of 1,000 seeds a country is not honest at the end.
const ATTACKED: u64 = 200;
/// In so many of 1,000 seeds all comes to rest once in the middle, too.
const RESTS: u64 = 250;
/// So many of 1,000 seeds of few countries live a year.
const YEARS: u64 = 800;
/// A seed in which so much has happened comes to its end.
const MOST_EVENTS: u64 = 5_000;
/// More countries have too many events for that.
const MOST_THAT_REST: usize = 8;
/// No descriptor outlives two years.
const MOST_DAYS: u64 = 500;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// Countries.
    pub countries: usize,
    /// Frames and commits.
    pub events: u64,
    /// Alerts whose release or offer was acknowledged.
    pub released: usize,
    /// Words about them that were taken by our own side.
    pub said: usize,
    /// Words about agreements that were signed.
    pub agreed: usize,
    /// Alerts that were taken back, whole or from some.
    pub withdrawn: usize,
    /// Days that passed.
    pub days: u64,
    /// How often a country was restored from a backup.
    pub restored: usize,
    /// What must not be; empty if all holds.
    pub failures: Vec<String>,
    /// What was done, in its order, each with the day and the time.
    pub steps: Vec<String>,
    /// A digest of all heads that passed: the same seed has the same.
    pub trace: [u8; 32],
}

/// Runs a seed.
pub fn run(seed: u64) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async { World::new(seed, Network::Frames, &|_| None).live().await })
}

/// What lies between the countries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Network {
    /// Channels of frames, in one process.
    Frames,
    /// Machines, TCP and TLS ([`tls`]).
    Tls,
}

/// All that there is in a seed.
pub struct World {
    /// The countries.
    pub members: Vec<Arc<Member>>,
    /// What lies between each two.
    pub between: Vec<Arc<Between>>,
    /// Who saw every frame.
    pub watch: Arc<Watch>,
    /// Alerts whose release or offer was acknowledged.
    pub shared: Vec<Shared>,
    /// Every word about an agreement that was signed.
    pub treaties: Vec<Said>,
    /// The time.
    pub calendar: Arc<Calendar>,
    said: usize,
    withdrawn: usize,
    restored: usize,
    heartbeat: Duration,
    chance: SimChance,
    network: Network,
    /// What was begun and ends by itself: restarts, links beside the first one.
    errands: JoinSet<()>,
}

impl World {
    fn new(seed: u64, network: Network, machine: &dyn Fn(&str) -> Option<Machine>) -> Self {
        let chance = SimChance::new(seed);
        // Few countries mostly, many sometimes: what goes wrong between two needs few, what goes wrong in a quorum many.
        let count = match (network, chance.below(100)) {
            (Network::Tls, _) => 2 + chance.below(4),
            (Network::Frames, 0..60) => 2 + chance.below(4),
            (Network::Frames, 60..95) => 5 + chance.below(6),
            (Network::Frames, _) => 11 + chance.below(10),
        } as usize;
        let calendar = Arc::new(Calendar::begin());
        // As many pairs, as seldom: a seed of twenty countries has about as many events as one of five.
        let pairs = (count * (count - 1) / 2) as u64;
        let (heartbeat, longest) = (Duration::from_millis(250 + 110 * pairs), 15_000 + 4_500 * pairs);
        let member = |place: usize| {
            let others = CODES[..count].iter().filter(|other| **other != CODES[place]);
            let peers = others.map(|other| (country(other), Arc::new(pair::peer(CODES[place], other))));
            let seed = chance.below(u64::MAX);
            let member = Member::new(CODES[place], seed, heartbeat, calendar.clone(), peers.collect());
            Arc::new(match machine(CODES[place]) {
                Some(machine) => member.on(machine),
                None => member,
            })
        };
        let members: Vec<_> = (0..count).map(member).collect();
        let watch = Arc::<Watch>::default();
        let mut between = Vec::new();
        for a in 0..count {
            for b in a + 1..count {
                let ends = [members[a].clone(), members[b].clone()];
                between.push(Arc::new(Between::new(
                    ends,
                    (longest, chance.below(u64::MAX)),
                    calendar.clone(),
                    watch.clone(),
                )));
            }
        }
        let (shared, treaties, errands) = (Vec::new(), Vec::new(), JoinSet::new());
        let (said, withdrawn, restored) = (0, 0, 0);
        Self {
            members,
            between,
            watch,
            shared,
            treaties,
            calendar,
            said,
            withdrawn,
            restored,
            heartbeat,
            chance,
            network,
            errands,
        }
    }

    async fn live(mut self) -> Outcome {
        for member in &self.members {
            if let Err(failure) = member.start().await {
                self.watch.fail(failure);
            }
        }
        let mut network = JoinSet::new();
        for between in &self.between {
            match self.network {
                Network::Frames => network.spawn(between.clone().keep_linked()),
                Network::Tls => network.spawn(tls::keep_weather(between.clone())),
            };
        }
        match self.network {
            Network::Frames => self.be_disturbed().await,
            Network::Tls => {
                let end = self.calendar.now().after(tls::DISTURBED);
                while self.calendar.now() < end {
                    tokio::time::sleep(self.chance.pause(2_000)).await;
                    self.disturb().await;
                }
            }
        }
        self.rest().await;
        // Two faces need somebody to show each of them to.
        if self.network == Network::Frames && self.members.len() > 2 && self.chance.permille(ATTACKED) {
            attack::two_faces(&mut self).await;
        }
        network.shutdown().await;
        self.outcome()
    }

    /// Things happen, and once in the middle all comes to rest, now and then.
    async fn be_disturbed(&mut self) {
        let steps = 10 + self.chance.below(40);
        let rests = self.chance.permille(RESTS) && self.members.len() <= MOST_THAT_REST;
        let rest = if rests { steps / 2 } else { steps };
        // Most seeds of few countries live a year; many countries have too many events to come back after each leap.
        let leaps = if self.members.len() <= MOST_THAT_REST && self.chance.permille(YEARS) { 350 } else { 40 };
        for step in 0..steps {
            if step == rest {
                self.rest().await;
            }
            if self.events() > MOST_EVENTS {
                return;
            }
            tokio::time::sleep(self.chance.pause(3_000)).await;
            if self.chance.permille(leaps) {
                self.skip_days().await;
            }
            self.disturb().await;
        }
    }

    /// All comes to rest, and everything that was promised holds.
    async fn rest(&mut self) {
        self.calm().await;
        self.lift_most().await;
        check::settled(self).await;
        check::audited(self);
    }

    /// Notes what is done, beside how long every log is by then.
    fn step(&self, what: impl std::fmt::Display) {
        self.watch.step(|| {
            let size = |member: &Member| match member.life() {
                Some(life) if member.is_locked() => format!("{} locked", life.country.node.ledger.book().tree.size().0),
                Some(life) => life.country.node.ledger.book().tree.size().0.to_string(),
                None => "down".into(),
            };
            let sizes: Vec<_> = self.members.iter().map(|of| format!("{} {}", of.code, size(of))).collect();
            let (day, now) = (self.calendar.days(), self.calendar.now());
            format!("day {day}, {now}: {what} ({})", sizes.join(", "))
        });
    }

    fn events(&self) -> u64 {
        let commits: u64 = self.members.iter().map(|member| member.store.commits()).sum();
        commits + self.watch.seen(|seen| seen.frames)
    }

    fn outcome(self) -> Outcome {
        let events = self.events();
        let (countries, released, restored) = (self.members.len(), self.shared.len(), self.restored);
        self.watch.seen(|seen| Outcome {
            countries,
            events,
            released,
            said: self.said,
            agreed: self.treaties.len(),
            withdrawn: self.withdrawn,
            days: self.calendar.days(),
            restored,
            trace: seen.trace(),
            failures: std::mem::take(&mut seen.failures),
            steps: std::mem::take(&mut seen.steps),
        })
    }

    /// One thing happens.
    async fn disturb(&mut self) {
        let place = self.chance.below(self.members.len() as u64) as usize;
        if self.chance.permille(300) {
            self.members[self.chance.below(self.members.len() as u64) as usize].back_up();
        }
        // Machines open their connections by themselves.
        let what = match (self.network, self.chance.below(100)) {
            (Network::Tls, 87..92) => 81,
            (_, what) => what,
        };
        match what {
            0..24 => self.share(place).await,
            24..36 => self.speak_up().await,
            36..42 => self.take_back().await,
            42..45 => self.hold().await,
            45..55 => self.agree(place).await,
            55..64 => self.restore(place).await,
            64..73 => self.kill(place),
            73..81 => self.weather(),
            81..87 => self.weather_for(Weather::Foul),
            87..92 => self.link_again(),
            92..95 => self.rotate(place),
            _ => self.set_clock(place),
        }
    }

    /// Some of the other countries.
    fn some_others(&self, place: usize) -> Vec<NodeId> {
        let code = &self.members[place].code;
        let others = self.members.iter().filter(|other| other.code != *code).map(|other| country(&other.code));
        let mut to: Vec<NodeId> = others.filter(|_| self.chance.permille(500)).collect();
        to.truncate(5);
        to
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
            Err(NotSent::Agreement(..) | NotSent::Refused(Rejection::WrongAgreement)) => return None,
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
