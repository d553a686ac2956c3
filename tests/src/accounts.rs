//! What the staff of real nodes were told, and what must be true of it in the end: nothing acknowledged is lost, nothing is
//! delivered twice, every bundle verifies, and every two reconcile.
//!
//! In: releasing all the time, waiting until nothing is owed, comparing. Out: what happens to the nodes meanwhile (`bin/crash`,
//! `network`).

use crate::harness::{Country, Trouble};
use crate::pair::origin;
use crate::staff::Staff;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use varde_proto::id::NodeId;

/// A release that is not answered within this is given up; the node is asked again.
const ANSWER: Duration = Duration::from_secs(60);

/// One country's staff, who release alerts to the others until they are told to stop.
pub struct Desk {
    told: Arc<Told>,
    task: JoinHandle<()>,
}

struct Told {
    us: NodeId,
    others: Vec<NodeId>,
    /// Ids whose release was acknowledged, for each of the others.
    acknowledged: Mutex<Vec<BTreeSet<String>>>,
    stop: AtomicBool,
}

impl Told {
    fn note(&self, id: &str, to: &[NodeId]) {
        let mut all = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        for (ids, _) in all.iter_mut().zip(&self.others).filter(|(_, other)| to.contains(other)) {
            ids.insert(id.to_owned());
        }
    }
}

impl Desk {
    /// Opens one for each country. Each releases to one of the others after the other, and after each full round to all at once;
    /// `rest` after each release.
    pub fn open_all(countries: &[Country], rest: Duration) -> Result<Vec<Self>, Trouble> {
        let names = countries.iter().map(|country| NodeId::parse(country.code())).collect::<Result<Vec<_>, _>>();
        let names = names.map_err(|e| Trouble::new(e.to_string()))?;
        let open = |(country, us): (&Country, &NodeId)| {
            let others: Vec<NodeId> = names.iter().copied().filter(|name| name != us).collect();
            let acknowledged = Mutex::new(vec![BTreeSet::new(); others.len()]);
            let told = Arc::new(Told { us: *us, others, acknowledged, stop: AtomicBool::new(false) });
            let task = tokio::spawn(keep_releasing(country.dir().to_owned(), told.clone(), rest));
            Self { told, task }
        };
        Ok(countries.iter().zip(&names).map(open).collect())
    }

    /// How many releases were acknowledged so far, counted once for each recipient.
    pub fn acknowledged(&self) -> usize {
        self.told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).iter().map(BTreeSet::len).sum()
    }

    /// Whose it is.
    pub fn country(&self) -> NodeId {
        self.told.us
    }

    /// Whether nothing was acknowledged of what was to reach one of the others.
    pub fn has_idle_direction(&self) -> bool {
        self.told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner).iter().any(BTreeSet::is_empty)
    }

    /// Lets the staff finish what they are at.
    pub async fn close(&mut self) -> Result<(), Trouble> {
        self.told.stop.store(true, Ordering::Relaxed);
        (&mut self.task).await.map_err(|e| Trouble::new(e.to_string()))
    }

    /// What was acknowledged of what was to reach `there`.
    fn owed_to(&self, there: NodeId) -> BTreeSet<String> {
        let all = self.told.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let of_there = all.iter().zip(&self.told.others).find(|(_, other)| **other == there);
        of_there.map(|(ids, _)| ids.clone()).unwrap_or_default()
    }
}

/// Releases one alert after the other until told to stop; a node that is down is tried again.
async fn keep_releasing(dir: PathBuf, told: Arc<Told>, rest: Duration) {
    let everybody = told.others.as_slice();
    let single = everybody.iter().map(std::slice::from_ref);
    let mut rounds = single.chain((everybody.len() > 1).then_some(everybody)).cycle();
    while !told.stop.load(Ordering::Relaxed) {
        let Ok(staff) = Staff::connect(&dir, origin(told.us.as_str())).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        while !told.stop.load(Ordering::Relaxed) {
            let to = rounds.next().unwrap_or_default();
            match tokio::time::timeout(ANSWER, staff.release_route_to(to)).await {
                Ok(Ok(id)) => told.note(&id, to),
                Ok(Err(_)) | Err(_) => break,
            }
            tokio::time::sleep(rest).await;
        }
    }
}

fn status(code: &str) -> impl Fn(tonic::Status) -> Trouble {
    move |e| Trouble::new(format!("the node of {code} does not answer: {e}"))
}

/// What all nodes together still owe.
pub async fn owed(countries: &[Country]) -> Result<u64, Trouble> {
    let mut sum = 0;
    for country in countries {
        let staff = Staff::connect(country.dir(), origin(country.code())).await?;
        sum += staff.owed().await.map_err(status(country.code()))?;
    }
    Ok(sum)
}

/// Waits until no node owes anything.
pub async fn settled(countries: &[Country], limit: Duration) -> Result<(), Trouble> {
    let end = Instant::now() + limit;
    loop {
        let owed = owed(countries).await?;
        if owed == 0 {
            return Ok(());
        }
        if Instant::now() > end {
            let seconds = limit.as_secs();
            return Err(Trouble::new(format!("{owed} items are still owed {seconds} s after the last trouble")));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Compares what was acknowledged with what arrived, and says how much it was.
pub async fn compare(countries: &[Country], desks: &[Desk]) -> Result<String, Trouble> {
    let (mut acknowledged, mut arrivals) = (0, 0);
    for country in countries {
        let code = country.code();
        let there = NodeId::parse(code).map_err(|e| Trouble::new(e.to_string()))?;
        let staff = Staff::connect(country.dir(), origin(code)).await?;
        let inbox = staff.inbox().await.map_err(status(code))?;
        for desk in desks.iter().filter(|desk| desk.told.us != there) {
            let from = desk.told.us;
            let arrived: Vec<&str> = inbox.iter().filter(|a| a.from == from.as_str()).map(|a| a.id.as_str()).collect();
            let wanted = desk.owed_to(there);
            judge(&wanted, &arrived).map_err(|why| Trouble::new(format!("from {from} to {code}: {why}")))?;
            acknowledged += wanted.len();
            arrivals += arrived.len();
        }
        let known = |alert: &&varde_proto::wire::operator::ReceivedAlert| {
            desks.iter().any(|desk| desk.told.us != there && desk.told.us.as_str() == alert.from)
        };
        let strange = inbox.len() - inbox.iter().filter(known).count();
        if strange > 0 {
            return Err(Trouble::new(format!("{strange} alerts at {code} are of nobody whose staff released")));
        }
    }
    Ok(format!("{acknowledged} alerts acknowledged, {arrivals} arrived, none lost, none twice"))
}

/// Nothing twice, nothing lost. What arrived may be more than what was acknowledged: an answer may be lost after the deed.
fn judge(acknowledged: &BTreeSet<String>, arrived: &[&str]) -> Result<(), String> {
    let distinct: BTreeSet<&str> = arrived.iter().copied().collect();
    let twice = arrived.len() - distinct.len();
    if twice > 0 {
        return Err(format!("{twice} alerts were delivered twice"));
    }
    let lost = acknowledged.iter().filter(|id| !distinct.contains(id.as_str())).count();
    if lost > 0 {
        return Err(format!("{lost} of {} acknowledged alerts are lost", acknowledged.len()));
    }
    Ok(())
}

/// Every bundle verifies, and every two reconcile, without a finding. The bundles are left in `folder`.
pub fn reconcile(countries: &[Country], folder: &Path) -> Result<String, Trouble> {
    let mut bundles = Vec::new();
    for country in countries {
        let bundle = folder.join(format!("{}.bundle", country.code()));
        let text = bundle.to_string_lossy().into_owned();
        country.varde(&["log", "export", "--out", &text])?.ok()?;
        country.varde(&["audit", "verify", &text])?.expect_code(0)?;
        bundles.push(text);
    }
    for (n, here) in bundles.iter().enumerate() {
        for there in &bundles[n + 1..] {
            countries[n].varde(&["audit", "reconcile", here, there])?.expect_code(0)?;
        }
    }
    let pairs = bundles.len() * bundles.len().saturating_sub(1) / 2;
    Ok(format!("all bundles ({}) verify, all pairs ({pairs}) reconcile", bundles.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_and_what_comes_twice_is_found_and_what_nobody_was_told_of_may_come() {
        let acknowledged = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
        assert_eq!(judge(&acknowledged, &["b", "c", "a"]), Ok(()));
        assert_eq!(judge(&acknowledged, &["b", "c"]), Err("1 of 2 acknowledged alerts are lost".into()));
        assert_eq!(judge(&acknowledged, &["b", "a", "b"]), Err("1 alerts were delivered twice".into()));
    }
}
