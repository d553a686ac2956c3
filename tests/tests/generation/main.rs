//! A log whose end is nowhere any more goes on under a new generation, by the decision of two people at every node: with real
//! processes, through the command line.
#![allow(missing_docs, reason = "tests")]

mod files;
mod offered;

use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use varde_proto::home;
use varde_tests::harness::{Country, Outcome, Trouble, pin_all, until};

const LIMIT: Duration = Duration::from_secs(90);

fn drafted(from: &Country) -> Result<String, Trouble> {
    let file = from.dir().with_extension("json").to_string_lossy().into_owned();
    let template = from.varde(&["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--template"])?.ok()?;
    std::fs::write(&file, template)?;
    Ok(from.varde(&["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--from", &file])?.ok()?.trim().to_owned())
}

/// Drafts an alert from the template and releases it; returns when every receipt is there.
fn exchange(from: &Country, to: &str) -> Result<String, Trouble> {
    let id = drafted(from)?;
    from.varde(&["alert", "release", &id, "--to", to, "--wait", "90s"])?.ok()?;
    Ok(id)
}

fn as_person(country: &Country, args: &[&str], name: &str) -> Result<Outcome, Trouble> {
    let key = country.dir().join("operators").join(format!("{name}.key")).to_string_lossy().into_owned();
    country.varde(&[args, &["--as", &key, "--json"]].concat())
}

fn recovering(country: &Country) -> Result<Option<String>, Trouble> {
    let status = country.varde(&["log", "status", "--json"])?.json(0)?;
    Ok(status["recovering"].as_str().map(str::to_owned))
}

fn exported(country: &Country, name: &str) -> Result<String, Trouble> {
    let out = country.dir().with_extension(name).to_string_lossy().into_owned();
    country.varde(&["log", "export", "--out", &out])?.ok()?;
    Ok(out)
}

fn codes(document: &Value) -> Vec<String> {
    let findings = document.as_array().cloned().unwrap_or_default();
    findings.iter().filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

fn found(by: &Country, bundle: &str) -> Result<Vec<String>, Trouble> {
    let verdict = by.varde(&["audit", "verify", bundle, "--json"])?.json(0)?;
    Ok(codes(&verdict)
        .into_iter()
        .filter(|code| !["unpinned-identity", "no-outside-view"].contains(&code.as_str()))
        .collect())
}

fn inbox(country: &Country) -> Result<usize, Trouble> {
    let inbox = country.varde(&["alert", "inbox", "--json"])?.json(0)?;
    Ok(inbox.as_array().map(Vec::len).unwrap_or_default())
}

struct World {
    no: Country,
    ee: Country,
    lt: Country,
    /// What NO released when no peer could hear of it.
    lost: String,
    /// What NO and EE released before.
    known: [String; 2],
}

/// How an edition of an agreement stands with a country: its state, and whether we ended it.
fn agreement(at: &Country, with: &str, edition: u64) -> Option<(String, bool)> {
    let all = at.varde(&["agreement", "list", "--json"]).ok()?.json(0).ok()?;
    let is_it = |one: &&Value| one["peer"] == with && one["edition"] == edition;
    let one = all.as_array()?.iter().find(is_it)?.clone();
    Some((one["state"].as_str()?.to_owned(), !one["ended_by_us"].is_null()))
}

/// The two sign a text of their own that permits what the default does.
fn agree(no: &Country, lt: &Country) -> Result<(), Trouble> {
    let template = no.varde(&["agreement", "propose", "--template", "--to", "LT"])?.ok()?;
    let begun =
        |line: &str| if line.starts_with("from ") { "from 2026-01-01T00:00:00Z".into() } else { line.to_owned() };
    let file = no.dir().with_extension("agreement");
    std::fs::write(&file, template.lines().map(begun).collect::<Vec<_>>().join("\n") + "\n")?;
    let signed = no.varde(&["agreement", "propose", &file.to_string_lossy(), "--to", "LT", "--json"])?.json(0)?;
    let id = signed[0]["agreement"].as_str().unwrap_or_default().to_owned();
    let is = |at: &Country, with: &str, state: &str| agreement(at, with, 1).filter(|one| one.0 == state);
    until("the offer", LIMIT, || is(lt, "NO", "offered-by-peer"))?;
    lt.varde(&["agreement", "accept", &id])?.ok()?;
    until("both to know", LIMIT, || is(lt, "NO", "in-force").and(is(no, "LT", "in-force")))?;
    Ok(())
}

/// Three countries that exchanged something; then NO's store goes back behind a head that it showed to an auditor, and of which no
/// peer ever heard.
fn world(home: &Path) -> Result<World, Trouble> {
    let mut all = [Country::init(home, "NO")?, Country::init(home, "EE")?, Country::init(home, "LT")?];
    all.iter_mut().try_for_each(Country::start)?;
    let [no, ee, lt] = &all;
    pin_all(&[no, ee, lt])?;
    for peer in ["EE", "LT"] {
        no.connected(peer)?;
    }
    ee.connected("LT")?;
    agree(no, lt)?;
    let known = [exchange(no, "EE,LT")?, exchange(ee, "NO,LT")?];
    let backup = home.join("no.backup");
    no.varde(&["log", "backup", &backup.to_string_lossy()])?.ok()?;
    let [mut no, mut ee, mut lt] = all;
    ee.stop()?;
    lt.stop()?;
    let lost = drafted(&no)?;
    no.varde(&["alert", "release", &lost, "--to", "EE"])?.ok()?;
    exported(&no, "shown")?;
    no.stop()?;
    for part in ["store", "keyring"] {
        std::fs::rename(no.dir().join(part), no.dir().join(format!("{part}.lost")))?;
    }
    no.varde(&["log", "restore", &backup.to_string_lossy()])?.ok()?;
    ee.start()?;
    // What EE owes to NO's first log when that ends.
    let owed = drafted(&ee)?;
    ee.varde(&["alert", "release", &owed, "--to", "NO"])?.ok()?;
    lt.start()?;
    no.start()?;
    Ok(World { no, ee, lt, lost, known })
}

fn frozen(no: &Country) -> Result<(), Trouble> {
    let lost = |told: &String| told.contains("the end of its log is lost");
    let frozen = until("the node to be frozen", LIMIT, || recovering(no).ok().flatten().filter(lost).map(drop));
    frozen.map_err(|waited| Trouble::new(format!("{waited}; it says {:?}", recovering(no))))
}

/// Whoever looks at the locked node sees how far people have decided.
fn decided(no: &Country, state: &str, words: &str) -> Result<(), Trouble> {
    for command in [&["status"][..], &["log", "status"]] {
        let (text, document) = (no.varde(command)?.ok()?, no.varde(&[command, &["--json"]].concat())?.json(0)?);
        assert!(text.contains(words) && document["bump"] == state, "{text}\n{document:#}");
    }
    Ok(())
}

/// Two people of NO decide that its log ends; one is not enough, neither twice nor with a restart.
fn bump(no: &mut Country) -> Result<(), Trouble> {
    let (key, away) = (no.dir().join(home::IDENTITY_KEY), no.dir().with_extension("identity"));
    std::fs::rename(&key, &away)?;
    let keyless = as_person(no, &["log", "bump"], "a")?;
    assert!(keyless.code == Some(2) && keyless.stderr.contains("no-identity-key"), "{}", keyless.stderr);
    std::fs::rename(&away, &key)?;
    let proposed = as_person(no, &["log", "bump"], "a")?.json(0)?;
    assert_eq!((&proposed["state"], &proposed["reason"]), (&"proposed".into(), &"tail-lost".into()), "{proposed:#}");
    assert!(proposed["shown"].as_u64() > proposed["peers_had"].as_u64(), "{proposed:#}");
    let again = as_person(no, &["log", "bump"], "a")?;
    assert!(again.code == Some(3) && again.stderr.contains("same-person"), "{}", again.stderr);
    no.stop()?;
    no.start()?;
    frozen(no)?;
    decided(no, "proposed", "One person has decided")?;
    let early = no.varde(&["log", "export", "--out", &no.dir().with_extension("early").to_string_lossy()])?;
    assert_eq!(early.code, Some(75), "{}", early.stderr);
    let approved = as_person(no, &["log", "bump"], "b")?.json(0)?;
    assert_eq!((&approved["state"], &approved["origin"]), (&"approved".into(), &"varde.example/no/2".into()));
    decided(no, "approved", "start the node again")?;
    let last = exported(no, "last")?;
    let first = no.varde(&["audit", "verify", &last, "--json"])?.json(0)?;
    let of_the_first = |note: &Value| note["origin"] == "varde.example/no/1";
    assert!(first.as_array().is_some_and(|notes| notes.iter().all(of_the_first)), "{first:#}");
    no.stop()?;
    no.start()?;
    let kept = no.dir().join(home::last_bundle(1)).to_string_lossy().into_owned();
    assert_eq!(found(no, &kept)?, [""; 0], "the last bundle of the old log is kept");
    let next = no.dir().with_extension("first-of-2").to_string_lossy().into_owned();
    no.varde(&["log", "export", "--out", &next])?.ok()?;
    let both = no.varde(&["audit", "reconcile", &kept, &next, "--json"])?.json(0)?;
    let mut both = codes(&both);
    both.retain(|code| code != "unpinned-identity");
    assert_eq!(both, ["generation-bumped"], "the auditor sees how one log follows the other");
    assert_eq!(recovering(no)?, None, "the new log is not locked");
    assert_eq!(inbox(no)?, 1, "what came from peers before is still there");
    Ok(())
}

fn refused(peer: &Country) -> Result<(), Trouble> {
    let failed = || -> Result<bool, Trouble> {
        let status = peer.varde(&["status", "--json"])?.json(0)?;
        let peers = status["peers"].as_array().cloned().unwrap_or_default();
        let no = peers.into_iter().find(|p| p["country"] == "NO").unwrap_or_default();
        Ok(no["connected"] == false && no["last_failure"].to_string().contains("another-origin"))
    };
    until("the new log to be refused", LIMIT, || failed().unwrap_or(false).then_some(()))
}

/// Nobody deals with the new log before two people there have accepted it.
fn accepted(no: &Country, peers: [&Country; 2], file: &str) -> Result<(), Trouble> {
    std::fs::write(file, no.varde(&["peer", "export"])?.ok()?)?;
    refused(peers[0])?;
    for peer in peers {
        let one = as_person(peer, &["peer", "add", file], "a")?.json(0)?;
        assert_eq!((&one["outcome"], &one["reason"]), (&"one-of-two".into(), &"tail-lost".into()), "{one:#}");
        let again = as_person(peer, &["peer", "add", file], "a")?;
        assert!(again.code == Some(3) && again.stderr.contains("same-person"), "{}", again.stderr);
    }
    refused(peers[1])?;
    for peer in peers {
        let two = as_person(peer, &["peer", "add", file], "b")?.json(0)?;
        assert_eq!((&two["outcome"], &two["origin"]), (&"replaced".into(), &"varde.example/no/2".into()), "{two:#}");
        no.connected(peer.code())?;
    }
    Ok(())
}

/// The audits of all sides have exactly the finding, and reconcile.
fn audited(no: &Country, [ee, lt]: [&Country; 2]) -> Result<(), Trouble> {
    let (here, there, third) = (exported(no, "2")?, exported(ee, "2")?, exported(lt, "2")?);
    assert_eq!(found(ee, &here)?, ["generation-bumped"]);
    assert_eq!((found(no, &there)?, found(no, &third)?), (vec![], vec![]));
    for other in [&there, &third] {
        let compared = no.varde(&["audit", "reconcile", &here, other, "--json"])?.json(0)?;
        let mut codes = codes(&compared);
        codes.retain(|code| code != "unpinned-identity" && code != "in-flight");
        assert_eq!(codes, ["generation-bumped"], "{compared:#}");
    }
    Ok(())
}

#[test]
fn a_log_whose_end_is_lost_everywhere_goes_on_under_a_new_name_once_two_people_at_each_node_have_decided()
-> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let World { mut no, ee, lt, lost, known } = world(home.path())?;
    frozen(&no)?;
    bump(&mut no)?;
    let old = no.varde(&["log", "restore", &home.path().join("no.backup").to_string_lossy(), "--json"])?;
    assert!(old.code == Some(2) && old.stderr.contains("generation-ended"), "{}", old.stderr);
    accepted(&no, [&ee, &lt], &home.path().join("no2.descriptor").to_string_lossy())?;

    // Alerts flow both ways again, and what was owed to the old log is given up.
    exchange(&no, "EE,LT")?;
    exchange(&ee, "NO")?;
    exchange(&lt, "NO,EE")?;
    assert_eq!(inbox(&no)?, 3);
    assert_eq!(
        no.varde(&["alert", "show", &lost, "--json"])?.code,
        Some(2),
        "what was logged after the backup is lost"
    );
    let list = ee.varde(&["status", "--json"])?.json(0)?;
    let owed: Vec<_> = list["peers"].as_array().into_iter().flatten().map(|peer| peer["owed"].clone()).collect();
    assert!(owed.iter().all(|owed| *owed == 0), "{list:#}");

    // What was agreed holds under the new name, and what it replaced does not come back.
    for (at, with) in [(&no, "LT"), (&lt, "NO")] {
        assert_eq!(agreement(at, with, 1), Some(("in-force".into(), false)));
        assert_eq!(agreement(at, with, 0), Some(("replaced".into(), true)));
    }
    assert_eq!(agreement(&no, "EE", 0), Some(("in-force".into(), false)));

    // It is a log like any other at its next start.
    no.stop()?;
    no.start()?;
    assert_eq!(recovering(&no)?, None);
    no.connected("EE")?;
    no.connected("LT")?;
    exchange(&no, "EE")?;

    // What was shared under the old name is erased under the new one, both ways, and the proofs come back.
    for (issuer, id) in [&no, &ee].into_iter().zip(&known) {
        issuer.varde(&["alert", "withdraw", id, "--reason", "WITHDRAWN", "--wait", "90s"])?.ok()?;
        let left = issuer.varde(&["log", "outstanding", "--json"])?.json(0)?;
        assert_eq!(left.as_array().map(Vec::len), Some(0), "{left:#}");
    }
    audited(&no, [&ee, &lt])
}

/// The alert of this id at a country: how `alert show` says it stands there.
fn erased(at: &Country, id: &str) -> Result<bool, Trouble> {
    let shown = at.varde(&["alert", "inbox", "--json"])?.json(0)?;
    let shown = shown.as_array().cloned().unwrap_or_default();
    Ok(shown.iter().any(|one| one["alert_id"] == id && one["state"] == "withdrawn"))
}

#[test]
fn a_log_that_ends_without_the_word_of_a_peer_takes_no_erased_alert_back_and_spends_no_budget_that_may_be_spent()
-> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut all = [Country::init(home.path(), "NO")?, Country::init(home.path(), "EE")?];
    all.iter_mut().try_for_each(Country::start)?;
    let [no, ee] = &all;
    pin_all(&[no, ee])?;
    no.connected("EE")?;
    let taken_back = exchange(ee, "NO")?;
    let backup = home.path().join("no.backup");
    no.varde(&["log", "backup", &backup.to_string_lossy()])?.ok()?;
    ee.varde(&["alert", "withdraw", &taken_back, "--reason", "WITHDRAWN", "--wait", "90s"])?.ok()?;
    assert!(erased(no, &taken_back)?);
    no.varde(&["trend", "release", "--cohort", "2026-Q2", "--to", "EE"])?.ok()?;
    let [mut no, mut ee] = all;
    no.stop()?;
    ee.stop()?;
    for part in ["store", "keyring"] {
        std::fs::rename(no.dir().join(part), no.dir().join(format!("{part}.lost")))?;
    }
    no.varde(&["log", "restore", &backup.to_string_lossy()])?.ok()?;
    no.start()?;
    for (name, state) in [("a", "proposed"), ("b", "approved")] {
        let said = as_person(&no, &["log", "bump"], name)?.json(0)?;
        assert_eq!((&said["state"], &said["reason"]), (&state.into(), &"peers-unreachable".into()), "{said:#}");
    }
    no.stop()?;
    no.start()?;
    assert_eq!(recovering(&no)?, None);
    assert!(!erased(&no, &taken_back)?, "the backup has it again");

    // Of the year of which EE may hold a release nothing is spent; the next cohort may be published when it has begun.
    for cohort in ["2026-Q2", "2026-Q3", "2025"] {
        let again = no.varde(&["trend", "release", "--cohort", cohort, "--to", "EE"])?;
        assert!(
            again.code == Some(3) && again.stderr.contains("the log that ended spent"),
            "{cohort}: {}",
            again.stderr
        );
    }
    ee.start()?;
    let file = home.path().join("no2.descriptor").to_string_lossy().into_owned();
    std::fs::write(&file, no.varde(&["peer", "export"])?.ok()?)?;
    for name in ["a", "b"] {
        as_person(&ee, &["peer", "add", &file], name)?.json(0)?;
    }
    no.connected("EE")?;
    // EE asks the new log for what the old one had erased.
    until("the alert to be erased again", LIMIT, || erased(&no, &taken_back).unwrap_or(false).then_some(()))?;
    let left = || -> Result<usize, Trouble> {
        let left = ee.varde(&["log", "outstanding", "--json"])?.json(0)?;
        Ok(left.as_array().map(Vec::len).unwrap_or_default())
    };
    until("the new proof", LIMIT, || (left().ok()? == 0).then_some(()))?;
    let (here, there) = (exported(&no, "2")?, exported(&ee, "2")?);
    assert_eq!((found(&ee, &here)?, found(&no, &there)?), (vec!["generation-bumped".to_owned()], vec![]));
    Ok(())
}
