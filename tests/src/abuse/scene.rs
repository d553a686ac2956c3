//! Who is there while a node is attacked, and what they notice: the node NO, LT which exchanges alerts with it all the time, the
//! newcomer DK which comes again and again, and the attacker with the keys of EE.

use super::foe::{connect_from, with_key_of};
use super::strike::{Done, Striker};
use super::{Attack, wire};
use crate::bench::disk_bytes;
use crate::harness::{Country, Trouble, pin_all, until};
use crate::pair::origin;
use crate::staff::Staff;
use crate::stranger::connect_over;
use rustls::ClientConfig;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use varde_proto::home;
use varde_proto::id::NodeId;

/// How much longer an exchange may take while the node is attacked, as a ratio of medians, and of 95th percentiles.
const SLOWER: f64 = 2.0;
/// How much memory an attack may cost the node.
const MEMORY_KIB: u64 = 64 * 1024;
/// How much all attacks one after the other may.
const ALL_MEMORY_KIB: u64 = 96 * 1024;
/// How much longer the log may get than by what was exchanged honestly.
const LEAVES: u64 = 16;
/// How much larger the store may get than by what was exchanged honestly: the journal of refusals, and the store's own pieces.
const STORE_BYTES: u64 = 8 * 1024 * 1024;
/// What an honest exchange may add to the store, with the store's own waste before it is tidied up.
const EXCHANGE_BYTES: u64 = 32 * 1024;
/// Of all exchanges, the part that is as fast, for which attacked and undisturbed are compared.
const PARTS: [f64; 2] = [0.5, 0.95];
/// Within this a newcomer is let in, however often it must try.
const NEWCOMER: Duration = Duration::from_secs(1);
/// At the beginning of an attack nothing is measured but newcomers.
const BEGINNING: Duration = Duration::from_millis(500);
/// Exchanges that a median needs.
const FEWEST: usize = 20;
/// Files that may be open more than before, once the attack is over.
const FILES: usize = 8;
/// Files that may be open more than before, while it lasts: 64 handshakes, 256 connections (`[limits]`), and some of its own.
const FILES_ATTACKED: usize = 350;
/// Whoever is not let in within this was shut out.
const SHUT_OUT: Duration = Duration::from_secs(30);

/// The countries.
pub struct Scene {
    victim: Country,
    _honest: Country,
    foe: Country,
    /// Of the honest country.
    staff: Staff,
    /// Of the victim.
    watching: Staff,
    newcomer: Arc<ClientConfig>,
    /// Alerts that were exchanged.
    released: AtomicU64,
    to: NodeId,
    /// The program that attacks, see [`super::strike`].
    attacker: PathBuf,
    /// Memory of the victim before anything was done to it.
    calm_kib: u64,
    _home: tempfile::TempDir,
}

/// What an attack came to.
pub struct Report {
    /// For people.
    pub line: String,
    /// What a longer attack must show again: others were served too slowly, or a busy machine left too little to go by.
    pub doubts: Vec<String>,
    /// Newcomers were let in too late, or the attacker put out too late.
    pub late: Vec<String>,
    /// It was no attack: the attacker did too little.
    pub idle: Vec<String>,
    /// What did not hold.
    pub breaches: Vec<String>,
}

/// Times of something that was done again and again.
#[derive(Default)]
struct Times(Vec<Duration>);

impl Times {
    fn at(&mut self, part: f64) -> f64 {
        self.0.sort_unstable();
        let place = ((self.0.len() as f64) * part) as usize;
        self.0.get(place).or(self.0.last()).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
    }
}

/// What the node holds.
struct Holds {
    rss_kib: u64,
    leaves: u64,
    /// Alerts that it took from the honest country.
    honest: u64,
    store: u64,
}

fn told(error: &dyn std::fmt::Display) -> Trouble {
    Trouble::new(error.to_string())
}

impl Scene {
    /// Four countries that have pinned each other; two of them run a node.
    pub async fn set(attacker: &Path) -> Result<Self, Trouble> {
        let home = tempfile::tempdir()?;
        let init = |code| Country::init(home.path(), code);
        let (mut victim, mut honest, foe, newcomer) = (init("NO")?, init("LT")?, init("EE")?, init("DK")?);
        pin_all(&[&victim, &honest, &foe, &newcomer])?;
        victim.start()?;
        honest.start()?;
        honest.connected("NO")?;
        let staff = Staff::connect(honest.dir(), origin("LT")).await?;
        let watching = Staff::connect(victim.dir(), origin("NO")).await?;
        let newcomer = with_key_of(newcomer.dir()).map_err(|e| told(&e))?;
        let to = NodeId::parse("NO").map_err(|e| told(&e))?;
        let mut scene = Self {
            victim,
            _honest: honest,
            foe,
            staff,
            watching,
            newcomer,
            released: AtomicU64::new(0),
            to,
            attacker: attacker.to_owned(),
            calm_kib: 0,
            _home: home,
        };
        // Not measured: what is done for the first time takes longer.
        scene.exchange(Duration::from_secs(2)).await?;
        scene.calm_kib = scene.status_kib("VmRSS:")?;
        Ok(scene)
    }

    /// Exchanges undisturbed for so long, and counts memory from there on. The store fills its cache whoever is there, so that a
    /// node that has just begun grows with what it exchanges honestly. Says how many exchanges that was, and the memory after it.
    pub async fn warm(&mut self, span: Duration) -> Result<String, Trouble> {
        let exchanged = self.exchange(span).await?.0.len();
        let full_kib = self.status_kib("VmRSS:")?;
        let before = std::mem::replace(&mut self.calm_kib, full_kib);
        Ok(format!(
            "{exchanged} exchanges before the first attack; memory {} MiB, then {}",
            before >> 10,
            full_kib >> 10
        ))
    }

    fn target(&self) -> Result<SocketAddr, Trouble> {
        self.victim.address().ok_or_else(|| Trouble::new("the node does not say where it listens"))
    }

    /// Lets the node suffer an attack for so long in all: in rounds, each between times without it, because what else goes on
    /// on a machine changes from one moment to the next.
    pub async fn suffer(&self, attack: &Attack, seconds: u64, rounds: u32) -> Result<Report, Trouble> {
        let span = (Duration::from_secs(seconds) / rounds).max(Duration::from_secs(attack.round));
        self.forget_peak();
        let before = self.holds().await?;
        let (mut served, mut done) = ([Served::default(), Served::default()], Done::default());
        let mut ratios = [Vec::new(), Vec::new()];
        for _ in 0..rounds {
            let mut calm = self.serve(span / 2).await?;
            let files = self.files()?;
            let striker = Striker::start(&self.attacker, attack.name, self.target()?, self.foe.dir())?;
            let beginning = self.serve(BEGINNING).await?;
            let mut attacked = self.serve(span).await?;
            done.add(&striker.stop()?);
            self.recovered(files)?;
            calm.add(self.serve(span / 2).await?);
            for (ratios, part) in ratios.iter_mut().zip(PARTS) {
                ratios.push(attacked.exchanges.at(part) / calm.exchanges.at(part));
            }
            attacked.add(Served { exchanges: Times::default(), ..beginning });
            attacked.files = attacked.files.saturating_sub(files);
            served[0].add(calm);
            served[1].add(attacked);
        }
        let ratios = ratios.map(|mut of_rounds| {
            of_rounds.sort_by(f64::total_cmp);
            of_rounds[of_rounds.len() / 2]
        });
        let (peak_kib, after) = (self.status_kib("VmHWM:")?, self.holds().await?);
        Ok(Suffered { served, ratios, calm_kib: self.calm_kib, peak_kib, before, after, done }.judge(attack))
    }

    /// The honest country exchanges alerts, and a newcomer comes again and again, for so long.
    async fn serve(&self, span: Duration) -> Result<Served, Trouble> {
        let mut served = Served::default();
        let (exchanges, newcomers) = tokio::join!(self.exchange(span), self.newcomers(span, &mut served));
        newcomers?;
        served.exchanges = exchanges?;
        Ok(served)
    }

    /// How long each alert took from its release at LT until its receipt by NO was there.
    async fn exchange(&self, span: Duration) -> Result<Times, Trouble> {
        let (since, mut times) = (Instant::now(), Times::default());
        while since.elapsed() < span {
            times.0.push(self.staff.exchange_route(self.to).await.map_err(|e| told(&e))?);
            self.released.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        Ok(times)
    }

    /// How long it took a pinned country to prove its key and be greeted, with all that it had to try; and how many files the node
    /// had open each time.
    async fn newcomers(&self, span: Duration, served: &mut Served) -> Result<(), Trouble> {
        let since = Instant::now();
        while since.elapsed() < span {
            let came = Instant::now();
            while !self.come().await {
                if came.elapsed() > SHUT_OUT {
                    served.shut_out += 1;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            served.newcomers.0.push(came.elapsed());
            served.files = served.files.max(self.files()?);
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    async fn come(&self) -> bool {
        let Ok(target) = self.target() else { return false };
        let come = async {
            let stream = connect_from([127, 2, 0, 1].into(), target).await?;
            let mut stream = connect_over(stream, self.newcomer.clone()).await?;
            stream.write_all(&wire::preface()).await?;
            stream.read_exact(&mut [0; 9]).await?;
            Ok::<_, crate::party::Failure>(())
        };
        matches!(tokio::time::timeout(Duration::from_secs(5), come).await, Ok(Ok(())))
    }

    async fn holds(&self) -> Result<Holds, Trouble> {
        let status = self.watching.status().await.map_err(|e| told(&e))?;
        Ok(Holds {
            rss_kib: self.status_kib("VmRSS:")?,
            leaves: status.log_size,
            honest: self.released.load(Ordering::Relaxed),
            store: disk_bytes(&self.victim.dir().join(home::STORE))?,
        })
    }

    /// After an attack the node lets go of all that it held because of it.
    fn recovered(&self, before: usize) -> Result<(), Trouble> {
        let fewer = || (self.files().ok()? <= before + FILES).then_some(());
        until("the node to close what the attacker opened", Duration::from_secs(20), fewer)
    }

    fn proc(&self, file: &str) -> std::path::PathBuf {
        Path::new("/proc").join(self.victim.pid().unwrap_or_default().to_string()).join(file)
    }

    fn files(&self) -> Result<usize, Trouble> {
        Ok(std::fs::read_dir(self.proc("fd"))?.count())
    }

    /// From here on the peak is counted anew (proc(5), `clear_refs`); where that may not be, it is the peak of all time, and the
    /// bound is the stricter for it.
    fn forget_peak(&self) {
        let _ = std::fs::write(self.proc("clear_refs"), "5");
    }

    fn status_kib(&self, what: &str) -> Result<u64, Trouble> {
        let status = std::fs::read_to_string(self.proc("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(what));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.ok_or_else(|| Trouble::new(format!("the system does not say {what}")))
    }
}

/// What others noticed for some time.
#[derive(Default)]
struct Served {
    exchanges: Times,
    newcomers: Times,
    /// Newcomers that were not let in at all.
    shut_out: usize,
    /// Files that the node had open at most; of an attack, more than before it.
    files: usize,
}

impl Served {
    fn add(&mut self, more: Self) {
        self.exchanges.0.extend(more.exchanges.0);
        self.newcomers.0.extend(more.newcomers.0);
        self.shut_out += more.shut_out;
        self.files = self.files.max(more.files);
    }
}

/// Everything that was measured of one attack.
struct Suffered {
    /// Without it, and while it lasted.
    served: [Served; 2],
    /// Attacked to undisturbed, the round in the middle, by [`PARTS`].
    ratios: [f64; 2],
    calm_kib: u64,
    peak_kib: u64,
    before: Holds,
    after: Holds,
    done: Done,
}

impl Suffered {
    fn judge(mut self, attack: &Attack) -> Report {
        let [_, attacked] = &mut self.served;
        let (counted, slowest) = (attacked.exchanges.0.len(), attacked.newcomers.at(1.0));
        let Served { shut_out, files, .. } = *attacked;
        let grown = self.peak_kib.saturating_sub(self.before.rss_kib);
        let store = self.after.store.saturating_sub(self.before.store);
        let strange = self.after.leaves.abs_diff(self.before.leaves + self.after.honest - self.before.honest);
        let allowed = STORE_BYTES + EXCHANGE_BYTES * (self.after.honest - self.before.honest);
        let all = self.peak_kib.saturating_sub(self.calm_kib);
        let Done { operations, at_once, kept, .. } = self.done;
        let [median, most] = self.ratios;
        let certain = [
            (median <= SLOWER, format!("exchanges took {median:.2} times as long")),
            (most <= SLOWER, format!("the slow ones among the exchanges took {most:.2} times as long")),
            (counted >= FEWEST, format!("only {counted} exchanges")),
        ];
        let idle = [
            (operations >= attack.least, format!("only {operations} operations: no attack")),
            (at_once >= attack.at_once(), format!("only {at_once} sockets at once: no attack")),
        ];
        let late = [
            (slowest <= NEWCOMER.as_secs_f64() * 1e3, format!("a newcomer was let in only after {slowest:.0} ms")),
            (kept == 0, format!("{kept} connections that stayed half open were not closed in time")),
        ];
        let checks = [
            (shut_out == 0, format!("{shut_out} newcomers were not let in")),
            (files <= FILES_ATTACKED, format!("the node had {files} files more open than before")),
            (grown <= MEMORY_KIB, format!("memory grew by {} MiB", grown >> 10)),
            (all <= ALL_MEMORY_KIB, format!("memory has grown by {} MiB since the beginning", all >> 10)),
            (strange <= LEAVES, format!("{strange} leaves of the log are of no honest exchange")),
            (store <= allowed, format!("the store grew by {store} bytes")),
        ];
        let failed = |checks: &[(bool, String)]| {
            let failed = checks.iter().filter(|(holds, _)| !holds);
            failed.map(|(_, what)| format!("{}: {what}", attack.name)).collect()
        };
        let (doubts, late, idle, breaches) = (failed(&certain), failed(&late), failed(&idle), failed(&checks));
        Report { line: self.line(), doubts, late, idle, breaches }
    }

    fn line(&mut self) -> String {
        let Self { served: [calm, attacked], ratios: [median, most], peak_kib, before, after, done, .. } = self;
        let Done { connections, operations, bytes, at_once, .. } = done;
        let parts = [
            format!(
                "median {:.1} ms, attacked {:.1} ms, {median:.2}x",
                calm.exchanges.at(0.5),
                attacked.exchanges.at(0.5)
            ),
            format!("95th {:.1}, {:.1}, {most:.2}x", calm.exchanges.at(0.95), attacked.exchanges.at(0.95)),
            format!("99th {:.1}, {:.1}", calm.exchanges.at(0.99), attacked.exchanges.at(0.99)),
            format!("of {} and {}", calm.exchanges.0.len(), attacked.exchanges.0.len()),
            format!("newcomer {:.1} ms, {:.1}", calm.newcomers.at(0.5), attacked.newcomers.at(0.5)),
            format!("at most {:.0}", attacked.newcomers.at(1.0)),
            format!("memory {} MiB, at most {}", before.rss_kib >> 10, *peak_kib >> 10),
            format!("log +{}", after.leaves - before.leaves),
            format!("store +{} KiB", after.store.saturating_sub(before.store) >> 10),
            match at_once {
                0 => format!("attacker {connections} connections"),
                most => format!("attacker {connections} connections, {most} sockets at once"),
            },
            format!("of the node's files {}", attacked.files),
            format!("{operations} operations, {} MiB", *bytes >> 20),
        ];
        parts.join("; ")
    }
}
