//! Recall, kind by kind, through real processes: what is withdrawn is gone from a copy of the recipient's files and from its command
//! line, is tombstoned and receipted, and an auditor can check each receipt; a peer that was down the whole time stands on the list,
//! and complies within one heartbeat of its return.
//!
//! `cargo run -p varde-tests --bin recall`. Exit codes: 0 all holds, 1 something does not.
#![allow(clippy::print_stdout, reason = "a program that says what it found")]

use serde_json::Value;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use varde_proto::id::{hex, unhex};
use varde_proto::vocabulary::{AlertKind, PersonalDataLevel, Vocabulary};
use varde_tests::doomed::{Opens, gone, opens};
use varde_tests::harness::{Country, Trouble, pin_all, until};
use varde_tests::thief::Loot;

/// What varde.toml says of heartbeats here.
const HEARTBEAT: Duration = Duration::from_secs(10);
const SOON: Duration = Duration::from_secs(120);

/// An alert that will be withdrawn: its kind, its id, and the token that stands in it and nowhere else.
struct Doomed {
    kind: AlertKind,
    id: String,
    token: Vec<u8>,
}

fn main() -> ExitCode {
    match recall() {
        Ok(lines) => {
            lines.iter().for_each(|line| println!("{line}"));
            ExitCode::SUCCESS
        }
        Err(trouble) => {
            println!("FAILED: {trouble}");
            ExitCode::FAILURE
        }
    }
}

fn recall() -> Result<Vec<String>, Trouble> {
    let home = tempfile::tempdir()?;
    let mut countries = stage(home.path())?;
    let [no, lt, ee] = &mut countries;
    let mut doomed = Vec::new();
    for kind in AlertKind::all() {
        doomed.push(released(no, kind)?);
    }
    until("every receipt", SOON, || all_states(no, &doomed, "stored").unwrap_or(false).then_some(()))?;
    // EE has all of them, and is down from here on.
    ee.stop()?;
    lt.stop()?;
    let [at_lt, at_ee] = [lying(lt, &doomed)?, lying(ee, &doomed)?];
    lt.start()?;
    for one in &doomed {
        no.varde(&["alert", "withdraw", &one.id, "--reason", "WITHDRAWN"])?.ok()?;
    }
    until("every proof of LT", SOON, || (owed_by(no, "LT").ok()? == 0).then_some(()))?;
    if owed_by(no, "EE")? != doomed.len() {
        return Err(Trouble::new(format!("EE, which is down, does not stand on the list with {}", doomed.len())));
    }
    emptied(lt, &doomed, &at_lt)?;

    let begun = Instant::now();
    ee.start()?;
    let ready = begun.elapsed();
    until("every proof of EE", SOON, || (owed_by(no, "EE").ok()? == 0).then_some(()))?;
    let took = begun.elapsed().saturating_sub(ready);
    if took > HEARTBEAT {
        return Err(Trouble::new(format!("EE complied {took:?} after its return, which is more than {HEARTBEAT:?}")));
    }
    emptied(ee, &doomed, &at_ee)?;
    audited(&countries)?;
    let checked = doomed.iter().map(|one| receipted(&countries[0], one)).sum::<Result<usize, Trouble>>()?;
    Ok(vec![
        format!(
            "{} kinds withdrawn: gone from the files and the command line of LT and EE, tombstoned, {checked} receipts checked",
            doomed.len()
        ),
        format!(
            "EE was down the whole time, stood on the list, and complied {} ms after its return (at most {} s)",
            took.as_millis(),
            HEARTBEAT.as_secs()
        ),
        "the bundles of all three verify, and every two reconcile".to_owned(),
    ])
}

/// NO, LT and EE, pinned with each other, running, with a short heartbeat.
fn stage(home: &std::path::Path) -> Result<[Country; 3], Trouble> {
    let mut countries = [Country::init(home, "NO")?, Country::init(home, "LT")?, Country::init(home, "EE")?];
    pin_all(&countries.each_ref())?;
    for country in &mut countries {
        let path = country.dir().join("varde.toml");
        let text = std::fs::read_to_string(&path)?;
        let beats = format!("heartbeat_seconds = {}", HEARTBEAT.as_secs());
        let lines = text.lines().map(|line| if line.starts_with("# heartbeat_seconds") { &beats } else { line });
        let lines: Vec<&str> = lines.collect();
        if !lines.contains(&beats.as_str()) {
            return Err(Trouble::new("the settings have no line for the heartbeat"));
        }
        std::fs::write(&path, lines.join("\n"))?;
        country.start()?;
    }
    Ok(countries)
}

/// Drafts the template of a kind, has it approved where that is needed, releases it to both.
fn released(no: &Country, kind: AlertKind) -> Result<Doomed, Trouble> {
    let name = kind.name().unwrap_or_default();
    let file = no.dir().join("file.json").to_string_lossy().into_owned();
    std::fs::write(&file, no.varde(&["alert", "draft", "--kind", name, "--template"])?.ok()?)?;
    let id = no.varde(&["alert", "draft", "--kind", name, "--from", &file])?.ok()?.trim().to_owned();
    if kind.level() == PersonalDataLevel::L1 {
        let other = no.dir().join("operators/b.key");
        no.varde(&["alert", "approve", &id, "--as", &other.to_string_lossy()])?.ok()?;
    }
    no.varde(&["alert", "release", &id, "--to", "LT,EE"])?.ok()?;
    let shown = no.varde(&["alert", "show", &id, "--json"])?.json(0)?;
    let token = shown["alert"]["contact_token"].as_str().and_then(unhex::<10>);
    let token = token.ok_or_else(|| Trouble::new(format!("{name} has no contact token: {shown}")))?.to_vec();
    Ok(Doomed { kind, id, token })
}

fn all_states(no: &Country, doomed: &[Doomed], state: &str) -> Result<bool, Trouble> {
    for one in doomed {
        let status = no.varde(&["alert", "status", &one.id, "--json"])?.json(0)?;
        let recipients = status["recipients"].as_array().cloned().unwrap_or_default();
        if recipients.len() != 2 || !recipients.iter().all(|recipient| recipient["state"] == state) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn copy(country: &Country) -> Result<Loot, Trouble> {
    Ok(Loot::take(&country.dir().join("store"), &country.dir().join("keyring"))?)
}

/// How many erasures a country still owes.
fn owed_by(no: &Country, country: &str) -> Result<usize, Trouble> {
    let outcome = no.varde(&["log", "outstanding", "--json"])?;
    let listed: Value = serde_json::from_str(&outcome.stdout).map_err(|_| outcome.trouble("no list"))?;
    let all = listed.as_array().ok_or_else(|| outcome.trouble("no list"))?;
    Ok(all.iter().filter(|one| one["country"] == country).count())
}

/// Where each payload lies in the files of a country that is down, and by which keys it opens.
fn lying(country: &Country, doomed: &[Doomed]) -> Result<Vec<Opens>, Trouble> {
    let files = copy(country)?;
    let all: Vec<Opens> = doomed.iter().map(|one| opens(&files, &one.token)).collect();
    match all.iter().any(|(items, buckets)| items.is_empty() || buckets.is_empty()) {
        true => Err(Trouble::new("what is not erased does not come out of a copy: the search shows nothing")),
        false => Ok(all),
    }
}

/// Nothing of any payload comes out of the files of a country, nor out of what it says to its people.
fn emptied(country: &mut Country, doomed: &[Doomed], before: &[Opens]) -> Result<(), Trouble> {
    country.stop()?;
    let after = copy(country)?;
    country.start()?;
    let mut said = String::new();
    for words in [["alert", "inbox"], ["alert", "list"], ["alert", "refused"]] {
        said += &country.varde(&[&words[..], &["--json"]].concat())?.ok()?;
    }
    for (one, keys) in doomed.iter().zip(before) {
        let told = |why: &str| Trouble::new(format!("{} at {}: {why}", one.kind, country.code()));
        gone(&after, keys, &one.token).map_err(told)?;
        if said.contains(&hex(&one.token)) {
            return Err(told("its contact token stands on the command line"));
        }
        tombstoned(country, one)?;
    }
    Ok(())
}

/// At a recipient there is no more than that there was one.
fn tombstoned(country: &Country, one: &Doomed) -> Result<(), Trouble> {
    let outcome = country.varde(&["alert", "show", &one.id, "--json"])?;
    let shown = outcome.json(0)?;
    if shown["alert"].is_null() && shown["received"]["state"] == "withdrawn" {
        return Ok(());
    }
    Err(Trouble::new(format!("{} at {}: {shown}", one.kind, country.code())))
}

/// The proofs of both recipients, each checked by the policy of the log that it is from, without node or network.
fn receipted(no: &Country, one: &Doomed) -> Result<usize, Trouble> {
    for country in ["LT", "EE"] {
        let file = no.dir().join("proof");
        std::fs::write(&file, no.varde(&["alert", "proof", &one.id, "--from", country])?.ok()?)?;
        let policy = no.dir().with_file_name(format!("{}.bundle", country.to_lowercase())).join("policy");
        let (file, policy) = (file.to_string_lossy(), policy.to_string_lossy());
        no.varde(&["audit", "proof", &file, "--policy", &policy, "--log-alone"])?.ok()?;
    }
    Ok(2)
}

fn audited(countries: &[Country; 3]) -> Result<(), Trouble> {
    let bundle = |country: &Country| country.dir().with_extension("bundle").to_string_lossy().into_owned();
    let trust = |country: &Country| country.dir().with_extension("descriptor").to_string_lossy().into_owned();
    for country in countries {
        country.varde(&["log", "export", "--out", &bundle(country)])?.ok()?;
        country.varde(&["audit", "verify", &bundle(country), "--trust", &trust(country)])?.ok()?;
    }
    for (one, other) in [(0, 1), (0, 2), (1, 2)].map(|(a, b)| (&countries[a], &countries[b])) {
        let trusts = [trust(one), trust(other)];
        one.varde(&["audit", "reconcile", &bundle(one), &bundle(other), "--trust", &trusts[0], "--trust", &trusts[1]])?
            .ok()?;
    }
    Ok(())
}
