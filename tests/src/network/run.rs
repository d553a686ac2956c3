//! One run: builds the network, lets things go wrong while staff release alerts in all directions, heals everything, and checks.

use super::NoRun;
use super::field::Field;
use super::mishap::{KINDS, Mishap, Part, Schedule, Turn};
use super::proxies::Proxies;
use super::proxy::Mode;
use crate::accounts::{self, Desk};
use crate::harness::{Country, Site, Trouble};
use crate::powercut::{Disk, NoDisk};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const CODES: [&str; 5] = ["NO", "LT", "EE", "DK", "SE"];
const DISK_MEBIBYTES: u64 = 2048;
/// In a run of this length everything must go wrong at least once.
const LONG: Duration = Duration::from_secs(10 * 60);
/// What all staff together release in a second, at most: so much that something is always under way, and so little that the load
/// itself is not what a small machine is busy with.
const RELEASES: u32 = 50;
/// And in a whole run: every two bundles are verified in the end, which must not take longer than the run.
const RELEASES_IN_ALL: u32 = 20_000;
/// After the last mishap: the longest wait before a peer is dialled again is a minute, and a dead connection may take as long to be
/// noticed.
const SETTLED: Duration = Duration::from_secs(300);
/// Files and sockets that a node may hold open in the end: a dozen of its own, and some connections with each peer.
const OPEN_FILES: usize = 100;

/// What to run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How long things go wrong.
    pub time: Duration,
    /// 2 to 5.
    pub nodes: usize,
    /// Of the schedule.
    pub seed: u64,
    /// Where the nodes' logs, the schedule as it happened and the bundles are left.
    pub papers: PathBuf,
}

/// Everything that runs; ended in this order when dropped.
struct Stage {
    proxies: Proxies,
    countries: Vec<Country>,
    disks: Vec<Disk>,
    field: Field,
    /// What is wrong now, and until when.
    wrong: BTreeMap<(usize, Part), Instant>,
    tally: BTreeMap<&'static str, u64>,
    diary: File,
    begun: Instant,
}

/// Runs, and says what was seen. Nothing is left behind but the papers.
pub async fn run(plan: &Plan) -> Result<String, NoRun> {
    let home = tempfile::tempdir()?;
    let mut stage = Stage::build(plan, home.path())?;
    let every = (Duration::from_secs(1) / RELEASES).max(plan.time / RELEASES_IN_ALL);
    let mut desks = Desk::open_all(&stage.countries, every * plan.nodes as u32)?;
    let end = Instant::now() + plan.time;
    for turn in Schedule::new(plan.seed, plan.nodes) {
        if Instant::now() > end {
            break;
        }
        stage.play(turn).await?;
    }
    let during: usize = desks.iter().map(Desk::acknowledged).sum();
    // A node that is just up may not answer yet; then everything counts as owed.
    let owed = accounts::owed(&stage.countries).await.map_or(during, |owed| owed as usize);
    stage.heal(|_| true)?;
    for desk in &mut desks {
        desk.close().await?;
    }
    let healed = Instant::now();
    accounts::settled(&stage.countries, SETTLED).await?;
    let settled = healed.elapsed().as_secs();
    let checked = accounts::compare(&stage.countries, &desks).await?;
    let bundles = accounts::reconcile(&stage.countries, &plan.papers)?;
    let open = stage.open_files()?;
    let proof = stage.proof(&desks, plan.time >= LONG)?;
    let Plan { nodes, seed, time, .. } = plan;
    let delivered = during.saturating_sub(owed);
    if 2 * delivered < during {
        let told = format!("of {during} alerts, {delivered} were delivered before all was healed");
        return Err(Trouble::new(format!("{told}: channels that only work on a whole network")).into());
    }
    Ok(format!(
        "{nodes} nodes, {} s, seed {seed}: {proof}; {checked} ({delivered} while things went wrong, the last {settled} s after); \
         {bundles}; at most {open} files and sockets open in a node",
        time.as_secs()
    ))
}

impl Stage {
    fn build(plan: &Plan, home: &Path) -> Result<Self, NoRun> {
        let field = Field::new(plan.nodes)?;
        let mut disks = Vec::new();
        for code in &CODES[..plan.nodes] {
            let place = home.join(format!("disk-{code}"));
            std::fs::create_dir(&place)?;
            match Disk::new(&place, DISK_MEBIBYTES).and_then(|mut disk| disk.mount().map(|()| disk)) {
                Ok(disk) => disks.push(disk),
                Err(NoDisk::Skipped(why)) if plan.time >= LONG => {
                    return Err(NoRun::Skipped(format!("no power can be cut: {why}")));
                }
                Err(NoDisk::Skipped(why)) => {
                    println!("without power cuts: {why}");
                    disks.clear();
                    break;
                }
                Err(NoDisk::Failed(why)) => return Err(Trouble::new(why).into()),
            }
        }
        let mut countries = Vec::new();
        for (n, code) in CODES[..plan.nodes].iter().enumerate() {
            let at = disks.get(n).map_or(home, Disk::path).to_owned();
            let site = Site { home: at, logs: plan.papers.clone(), listen: field.listen(n), around: field.around(n) };
            countries.push(Country::init_at(site, code, &["--mode", "test"])?);
        }
        pin(&countries, &field)?;
        let proxies = Proxies::start(&field, plan.nodes)?;
        for country in &mut countries {
            country.start()?;
        }
        let diary = File::create(plan.papers.join("schedule.txt"))?;
        let (wrong, tally) = (BTreeMap::new(), BTreeMap::new());
        Ok(Self { proxies, countries, disks, field, wrong, tally, diary, begun: Instant::now() })
    }

    async fn play(&mut self, turn: Turn) -> Result<(), Trouble> {
        match turn {
            Turn::Calm(time) => {
                let soon = Instant::now() + 2 * time;
                self.heal(|until| until <= soon)?;
                self.note("calm")?;
                tokio::time::sleep(time).await;
            }
            Turn::Goes { wrong, at, lasts, after } => {
                tokio::time::sleep(after).await;
                let now = Instant::now();
                self.heal(|until| until <= now)?;
                // Without disks whose power can be cut, what is left of a power cut is the kill.
                let wrong = if self.disks.is_empty() && wrong == Mishap::PowerCut { Mishap::Kill } else { wrong };
                let code = self.countries.get(at).map_or("", Country::code).to_owned();
                self.note(&format!("{code} {wrong} for {} ms", lasts.as_millis()))?;
                *self.tally.entry(wrong.kind()).or_default() += 1;
                if let Some(part) = wrong.part() {
                    self.wrong.insert((at, part), now + lasts);
                }
                self.inflict(wrong, at)?;
            }
        }
        Ok(())
    }

    fn inflict(&mut self, wrong: Mishap, at: usize) -> Result<(), Trouble> {
        match wrong {
            Mishap::Loss(way, percent) => self.field.lose(at, way, percent),
            Mishap::Link(end) => self.field.link(at, end, false),
            Mishap::Narrow(way, kilobits) => self.field.narrow(at, way, Some(kilobits)),
            Mishap::Proxy(mode) => self.proxies.set(at, mode),
            Mishap::Kill => {
                self.countries[at].kill9()?;
                self.countries[at].start()
            }
            Mishap::PowerCut => {
                self.disks[at].cut().map_err(Trouble::new)?;
                self.countries[at].kill9()?;
                self.disks[at].power_on().map_err(Trouble::new)?;
                self.countries[at].start()
            }
        }
    }

    /// Heals what was to be over by now, or everything.
    fn heal(&mut self, is_over: impl Fn(Instant) -> bool) -> Result<(), Trouble> {
        let over: Vec<(usize, Part)> =
            self.wrong.iter().filter(|(_, end)| is_over(**end)).map(|(key, _)| *key).collect();
        for (at, part) in over {
            match part {
                Part::Loss(way) => self.field.lose(at, way, 0)?,
                Part::Link(end) => self.field.link(at, end, true)?,
                Part::Narrow(way) => self.field.narrow(at, way, None)?,
                Part::Proxy => self.proxies.set(at, Mode::Pass)?,
            }
            self.wrong.remove(&(at, part));
        }
        Ok(())
    }

    fn note(&mut self, text: &str) -> Result<(), Trouble> {
        Ok(writeln!(self.diary, "{:9.3} {text}", self.begun.elapsed().as_secs_f64())?)
    }

    /// The most files and sockets that a node holds open: every connection that broke must have been let go.
    fn open_files(&self) -> Result<usize, Trouble> {
        let mut most = 0;
        for country in &self.countries {
            let pid = country.pid().ok_or_else(|| Trouble::new(format!("{} does not run", country.code())))?;
            let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?.count();
            if open > OPEN_FILES {
                return Err(Trouble::new(format!("{} holds {open} files and sockets open", country.code())));
            }
            most = most.max(open);
        }
        Ok(most)
    }

    /// Says what went wrong; a run in which nothing did, or in which somebody could release nothing, proves nothing. In a long one
    /// everything goes wrong that can.
    fn proof(self, desks: &[Desk], long: bool) -> Result<String, Trouble> {
        let (lost, carried) = (self.field.lost()?, self.proxies.end()?);
        let list: Vec<String> = self.tally.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        let list = list.join(", ");
        if long && self.tally.len() < KINDS {
            return Err(Trouble::new(format!("{list}, of {KINDS} kinds of mishap")));
        }
        if self.tally.len() > 5 && (lost == 0 || carried == 0) {
            return Err(Trouble::new(format!(
                "{list}, but {lost} packets lost and {carried} connections through the proxy"
            )));
        }
        if let Some(idle) = desks.iter().find(|desk| desk.has_idle_direction()) {
            return Err(Trouble::new(format!("the staff of {} released nothing to one of the others", idle.country())));
        }
        Ok(format!("{list}; {lost} packets lost, {carried} connections through the proxy"))
    }
}

/// Pins each at each other. Of every two, one dials the other through that one's proxy, and is dialled straight: so that both ways
/// of being reached stand between every two.
fn pin(countries: &[Country], field: &Field) -> Result<(), Trouble> {
    for (h, here) in countries.iter().enumerate() {
        for (t, there) in countries.iter().enumerate().filter(|(t, _)| *t != h) {
            let through_proxy = (h + t) % 2 == usize::from(h < t);
            let endpoint = if through_proxy { field.proxy(t) } else { field.listen(t) };
            here.pin_at(there, &endpoint)?;
        }
    }
    Ok(())
}
