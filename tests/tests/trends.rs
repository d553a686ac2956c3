//! `varde trend` against real nodes: what a coordinator releases, and what an analyst at a neighbour's reads of it.
#![allow(missing_docs, reason = "tests")]

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fmt::Write;
use tempfile::TempDir;
use varde_tests::harness::{Country, pin_all};

const COHORT: &str = "2026-Q2";

/// Invented children, registered in the cohort.
fn cases(count: usize, from: &str, to: &str) -> String {
    let mut text = String::from("reference,registered_on,status,age,primary_form,places\n");
    for n in 0..count {
        let form = ["FORCED_BEGGING", "SEXUAL_EXPLOITATION", "FORCED_CRIMINALITY"][n % 3];
        let age = 9 + n % 9;
        writeln!(text, "{n},2026-05-10,PRESUMED,{age},{form},RECRUITMENT:{from}|EXPLOITATION:{to}").unwrap();
    }
    text
}

fn three() -> (TempDir, Vec<Country>) {
    let home = tempfile::tempdir().unwrap();
    let mut countries: Vec<Country> =
        ["NO", "LT", "EE"].iter().map(|code| Country::init(home.path(), code).unwrap()).collect();
    pin_all(&countries.iter().collect::<Vec<_>>()).unwrap();
    for (country, count) in countries.iter_mut().zip([300, 240, 0]) {
        country.start().unwrap();
        if count > 0 {
            let file = home.path().join(format!("{}.csv", country.code()));
            std::fs::write(&file, cases(count, "LT", "NO")).unwrap();
            country.varde(&["record", "import", &file.to_string_lossy(), "--format", "varde"]).unwrap().ok().unwrap();
        }
    }
    (home, countries)
}

fn json(country: &Country, args: &[&str]) -> Value {
    country.varde(&[&["--json", "trend"], args].concat()).unwrap().json(0).unwrap()
}

fn text(country: &Country, args: &[&str]) -> String {
    country.varde(&[&["trend"], args].concat()).unwrap().ok().unwrap()
}

#[test]
fn a_release_in_the_same_breath_as_a_pin_finds_the_peer() {
    let home = tempfile::tempdir().unwrap();
    let [mut no, lt] = ["NO", "LT"].map(|code| Country::init(home.path(), code).unwrap());
    no.start().unwrap();
    pin_all(&[&no, &lt]).unwrap();
    assert_eq!(json(&no, &["release", "--cohort", COHORT, "--to", "LT"])["deliveries"][0]["state"], "owed");
}

#[test]
fn a_node_that_stands_still_cannot_hold_up_a_release_beyond_its_wait() {
    let home = tempfile::tempdir().unwrap();
    let [mut no, lt] = ["NO", "LT"].map(|code| Country::init(home.path(), code).unwrap());
    pin_all(&[&no, &lt]).unwrap();
    no.start().unwrap();
    let pid = no.pid().and_then(|pid| Pid::from_raw(pid.try_into().unwrap())).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    let held = refused(&no, &["release", "--cohort", COHORT, "--to", "LT", "--wait", "1ms", "--patience", "2000"]);
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(held, ("no-answer".into(), Some(75)));
}

/// The reason code and the exit code of a refusal.
fn refused(country: &Country, args: &[&str]) -> (String, Option<i32>) {
    let outcome = country.varde(&[&["--json", "trend"], args].concat()).unwrap();
    let document: Value = serde_json::from_str(&outcome.stderr).unwrap();
    assert!(document["error"]["next"].is_string(), "no advice in {document}");
    (document["error"]["reason"].as_str().unwrap_or_default().to_owned(), outcome.code)
}

/// Every one of these stands in the text, wherever its lines break.
fn has(text: &str, words: &[&str]) {
    let flowing = text.replace('\n', " ");
    words.iter().for_each(|words| assert!(flowing.contains(words), "{words:?} is missing in\n{text}"));
}

fn release(country: &Country, to: &str) -> Value {
    json(country, &["release", "--cohort", COHORT, "--to", to, "--coverage", "over-ninety", "--wait", "60s"])
}

#[test]
fn a_cohort_is_released_and_an_analyst_elsewhere_reads_the_corridor_from_both_ends() {
    let (_home, mut countries) = three();
    let [no, lt, ee] = countries.as_mut_slice() else { panic!("three countries") };
    let nothing = json(ee, &["corridor", "LT", "NO"]);
    assert_eq!(nothing["sights"][0]["state"], "not-published");

    let first = release(no, "LT,EE");
    assert_eq!((&first["first"], &first["rho"]), (&true.into(), &"0.05".into()));
    let states: Vec<&Value> = first["deliveries"].as_array().unwrap().iter().map(|d| &d["state"]).collect();
    assert_eq!(states, ["receipted", "receipted"]);
    release(lt, "EE");

    let corridor = json(ee, &["corridor", "LT", "NO"]);
    for (sight, (country, truth)) in [("LT", 240), ("NO", 300)].iter().enumerate() {
        let sight = &corridor["sights"][sight];
        assert_eq!((&sight["country"], &sight["state"]), (&(*country).into(), &"reported".into()));
        let value = sight["figure"]["value"].as_i64().unwrap();
        assert!((value - truth).abs() < 45, "{value} for {truth}");
        assert!(sight["figure"]["low"].as_i64().unwrap() < value && value < sight["figure"]["high"].as_i64().unwrap());
    }
    let chosen = "chosen because it stood out as large";
    has(corridor["note"].as_str().unwrap(), &[chosen]);
    let ends = ["Lithuania (LT), origin", "Norway (NO), destination", "95 % interval", "than NO:", "Children under 18"];
    has(&text(ee, &["corridor", "lt", "no"]), &[&ends[..], &[chosen]].concat());

    let sheets = json(ee, &["show"]);
    let sizes = |sheet: &Value| -> Vec<usize> {
        sheet["tables"].as_array().unwrap().iter().map(|table| table["cells"].as_array().unwrap().len()).collect()
    };
    let sheets = sheets["summaries"].as_array().unwrap();
    assert_eq!(sheets.iter().map(sizes).collect::<Vec<_>>(), [[14, 6, 756, 756]; 2]);
    assert!(!sheets[0].to_string().contains("\"value\":0,"), "a hidden cell is shown as 0");
    let chosen = "the intervals do not hold for rows that were chosen for being large";
    has(sheets[0]["note"].as_str().unwrap(), &[chosen]);
    let method =
        ["Norway (NO)  2026-Q2  FLASH", "not shown separately", "rho 0.05, of at most 0.5", "over ninety per cent"];
    has(&text(ee, &["show", "NO", "--table", "form"]), &[&method[..], &[chosen]].concat());

    no.stop().unwrap();
    no.start().unwrap();
    let again = release(no, "EE");
    assert_eq!((&again["first"], &again["release"]), (&false.into(), &first["release"]));
    declares_otherwise(no);
    let list = json(no, &["list"]);
    let acts: Vec<&Value> = list["budget"].as_array().unwrap().iter().map(|line| &line["act"]).collect();
    assert_eq!(acts, ["RESERVE", "COMMIT"]);
    assert_eq!(list["releases"].as_array().unwrap().len(), 1, "LT released to EE alone");
    let further = release(lt, "NO");
    assert_eq!(further["first"], false, "the same release, to a country that had it not");

    let bundles = [&*no, &*lt, &*ee].map(export);
    let audit = |args: &[&str]| ee.varde(&[&["audit"], args].concat()).unwrap().ok().unwrap();
    audit(&["verify", &bundles[0], &bundles[1], &bundles[2]]);
    for (one, other) in [(0, 1), (0, 2), (1, 2)] {
        audit(&["reconcile", &bundles[one], &bundles[other]]);
    }
}

/// What an earlier release declared stands, and whoever declares otherwise is told.
fn declares_otherwise(no: &Country) {
    let args = ["trend", "release", "--cohort", COHORT, "--to", "EE", "--coverage", "under-half", "--break-in-series"];
    let said = no.varde(&args).unwrap();
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    let stands = "with coverage over-ninety; that stands";
    has(&said.stderr, &[stands, "--coverage under-half changed nothing", "--break-in-series changed nothing"]);
}

fn export(country: &Country) -> String {
    let bundle = country.dir().with_extension("bundle").to_string_lossy().into_owned();
    country.varde(&["log", "export", "--out", &bundle]).unwrap().ok().unwrap();
    bundle
}

#[test]
fn what_cannot_be_released_is_refused_with_its_reason_and_nothing_is_spent() {
    let home = tempfile::tempdir().unwrap();
    let mut countries: Vec<Country> =
        ["NO", "LT"].iter().map(|code| Country::init(home.path(), code).unwrap()).collect();
    pin_all(&countries.iter().collect::<Vec<_>>()).unwrap();
    countries[0].start().unwrap();
    let no = &countries[0];
    let ask = |cohort: &str, to: &str| refused(no, &["release", "--cohort", cohort, "--to", to]);
    assert_eq!(ask("2026-07", "LT"), ("bad-cohort".into(), Some(2)));
    assert_eq!(ask("2199", "LT"), ("bad-cohort".into(), Some(2)));
    assert_eq!(ask(COHORT, "SE"), ("unknown-peer".into(), Some(2)));
    assert_eq!(ask(COHORT, "LT,NO"), ("own-country".into(), Some(2)));
    let now = json(no, &["list"]);
    assert_eq!((&now["budget"], &now["releases"]), (&Value::Array(vec![]), &Value::Array(vec![])));
    let other = home.path().join("lt/operators/a.key");
    let other = other.to_string_lossy().into_owned();
    let stranger = refused(no, &["release", "--cohort", COHORT, "--to", "LT", "--as", &other]);
    assert_eq!(stranger, ("not-staff".into(), Some(3)));
    json(no, &["release", "--cohort", COHORT, "--to", "LT"]);
    assert_eq!(ask("2026-H1", "LT"), ("budget-overlap".into(), Some(3)));
    for misspelt in [["show", "XX"], ["corridor", "LT"], ["show", "--cohort"]] {
        assert_eq!(no.varde(&[&["trend"][..], &misspelt].concat()).unwrap().code, Some(2), "{misspelt:?}");
    }
}
