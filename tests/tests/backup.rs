//! A running node is backed up, loses what came after, and comes back: with real processes, through the command line.
#![allow(missing_docs, reason = "tests")]

use std::path::{Path, PathBuf};
use std::time::Duration;
use varde_tests::harness::{Country, Trouble, pin_all, until};

const LIMIT: Duration = Duration::from_secs(90);

/// Drafts an alert from the template and releases it; returns when the receipt is there.
fn exchange(from: &Country, to: &str) -> Result<String, Trouble> {
    let file = from.dir().with_extension("json").to_string_lossy().into_owned();
    let template = from.varde(&["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--template"])?.ok()?;
    std::fs::write(&file, template)?;
    let id = from.varde(&["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--from", &file])?.ok()?.trim().to_owned();
    from.varde(&["alert", "release", &id, "--to", to, "--wait", "90s"])?.ok()?;
    Ok(id)
}

fn recovering(country: &Country) -> Result<Option<String>, Trouble> {
    let status = country.varde(&["log", "status", "--json"])?.json(0)?;
    Ok(status["recovering"].as_str().map(str::to_owned))
}

/// Whether a command says that what it shows may not be all.
fn says_locked(country: &Country, args: &[&str]) -> Result<bool, Trouble> {
    let said = country.varde(args)?;
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    Ok(said.stderr.contains("This node is locked"))
}

/// What `log show` says beside the leaf with which a node went on.
fn of_recovery(country: &Country) -> Result<String, Trouble> {
    let leaves = country.varde(&["log", "show", "--json"])?.json(0)?;
    let leaf = leaves.as_array().into_iter().flatten().find(|leaf| leaf["what"] == "recovery");
    Ok(leaf.map(|leaf| leaf["reason"].to_string()).unwrap_or_default())
}

const LISTS: [&[&str]; 4] =
    [&["alert", "inbox", "--json"], &["alert", "list"], &["trend", "list"], &["log", "outstanding"]];

fn exported(country: &Country) -> Result<String, Trouble> {
    let out = country.dir().with_extension("bundle").to_string_lossy().into_owned();
    country.varde(&["log", "export", "--out", &out])?.ok()?;
    Ok(out)
}

fn codes(document: &serde_json::Value) -> Vec<String> {
    let findings = document.as_array().cloned().unwrap_or_default();
    findings.iter().filter_map(|finding| finding["code"].as_str().map(str::to_owned)).collect()
}

/// Two countries that exchanged something, with a backup of NO from the middle of it, and what NO released after it.
fn world(home: &Path) -> Result<(Country, Country, PathBuf, String), Trouble> {
    let (mut no, mut ee) = (Country::init(home, "NO")?, Country::init(home, "EE")?);
    no.start()?;
    ee.start()?;
    pin_all(&[&no, &ee])?;
    no.connected("EE")?;
    exchange(&no, "EE")?;
    exchange(&ee, "NO")?;
    let backup = home.join("no.backup");
    no.varde(&["log", "backup", &backup.to_string_lossy()])?.ok()?;
    let since = exchange(&no, "EE")?;
    exchange(&ee, "NO")?;
    Ok((no, ee, backup, since))
}

fn restore(no: &Country, backup: &Path) -> Result<(), Trouble> {
    for part in ["store", "keyring"] {
        std::fs::rename(no.dir().join(part), no.dir().join(format!("{part}.lost")))?;
    }
    let said = no.varde(&["log", "restore", &backup.to_string_lossy(), "--json"])?.json(0)?;
    assert_eq!(said["origin"], "varde.example/no/1");
    Ok(())
}

#[test]
fn a_node_that_is_restored_asks_its_peer_is_made_whole_and_goes_on_and_its_auditor_is_told() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let (mut no, mut ee, backup, since) = world(home.path())?;
    let again = no.varde(&["log", "restore", &backup.to_string_lossy(), "--json"])?;
    assert_eq!(again.code, Some(75), "{}", again.stderr);
    assert!(again.stderr.contains("node-runs"), "{}", again.stderr);
    no.stop()?;
    let again = no.varde(&["log", "restore", &backup.to_string_lossy(), "--json"])?;
    assert_eq!(again.code, Some(2), "{}", again.stderr);
    assert!(again.stderr.contains("not-empty"), "{}", again.stderr);
    ee.stop()?;
    restore(&no, &backup)?;

    // Alone it knows that it was restored, signs nothing and says for whom it waits.
    no.start()?;
    let waits = recovering(&no)?.unwrap_or_default();
    assert!(waits.contains("waiting for EE"), "{waits}");
    let status = no.varde(&["log", "status"])?.ok()?;
    assert!(status.contains("RESTORED") && !status.contains("decided"), "{status}");
    for list in LISTS {
        assert!(says_locked(&no, list)?, "{list:?}");
    }
    let trends = no.varde(&["trend", "list", "--json"])?.json(0)?;
    assert_eq!(trends["recovering"].as_str(), Some(waits.as_str()), "{trends:#}");
    let refused = no.varde(&["log", "export", "--out", &home.path().join("x").to_string_lossy(), "--json"])?;
    assert_eq!(refused.code, Some(75), "{}", refused.stderr);
    assert!(refused.stderr.contains("recovering") && !home.path().join("x").exists(), "{}", refused.stderr);

    ee.start()?;
    until("the recovery", LIMIT, || recovering(&no).ok().filter(Option::is_none).map(drop))?;
    no.connected("EE")?;
    exchange(&no, "EE")?;
    exchange(&ee, "NO")?;
    for list in LISTS {
        assert!(!says_locked(&no, list)?, "{list:?}");
    }
    let inbox = no.varde(&["alert", "inbox", "--json"])?.json(0)?;
    assert_eq!(inbox.as_array().map(Vec::len), Some(3), "what came after the backup is there again: {inbox:#}");
    let (here, there) = (exported(&no)?, exported(&ee)?);
    let verdict = no.varde(&["audit", "verify", &here, "--json"])?.json(0)?;
    assert_eq!(codes(&verdict), ["unpinned-identity", "restored", "no-outside-view"], "{verdict:#}");
    let compared = no.varde(&["audit", "reconcile", &here, &there, "--json"])?.json(0)?;
    assert_eq!(codes(&compared), ["unpinned-identity", "restored", "unpinned-identity"], "{compared:#}");

    let reason = of_recovery(&no)?;
    assert!(reason.contains("leaves came back from peers"), "{reason}");

    no.stop()?;
    no.start()?;
    assert_eq!(recovering(&no)?, None, "an ordinary start is no restore");
    // What was released after the backup has no draft any more, and is still ours to take back.
    let list = no.varde(&["alert", "list", "--json"])?.json(0)?;
    let listed = |one: &serde_json::Value| one["alert_id"] == since.as_str() && one["state"] == "released";
    assert!(list.as_array().is_some_and(|list| list.iter().any(listed)), "{since}: {list:#}");
    no.varde(&["alert", "show", &since])?.ok()?;
    no.connected("EE")?;
    taken_back_with_proof(&no, &since)?;
    Ok(())
}

/// NO takes an alert back from EE, and only then has EE's proof of it.
fn taken_back_with_proof(no: &Country, id: &str) -> Result<(), Trouble> {
    let proof = |from: &str| no.varde(&["alert", "proof", id, "--from", from, "--json"]);
    let none = |from: &str, code: i32, reason: &str| -> Result<(), Trouble> {
        let outcome = proof(from)?;
        assert_eq!((outcome.code, outcome.stderr.contains(reason)), (Some(code), true), "{}", outcome.stderr);
        Ok(())
    };
    none("EE", 3, "\"not-withdrawn\"")?;
    none("LT", 2, "\"not-a-recipient\"")?;
    no.varde(&["alert", "withdraw", id, "--reason", "WITHDRAWN", "--wait", "90s"])?.ok()?;
    let document = proof("EE")?.json(0)?;
    let proof = document["proof"].as_str().unwrap_or_default();
    assert!(proof.starts_with("c2sp.org/tlog-proof@v1\n") && proof.contains("\nvarde.example/ee/1\n"), "{proof}");
    none("LT", 2, "\"not-a-recipient\"")
}

#[test]
fn a_backup_that_is_not_whole_or_of_another_node_is_not_taken_up() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut no = Country::init(home.path(), "NO")?;
    no.start()?;
    let backup = home.path().join("no.backup");
    let shown = backup.to_string_lossy().into_owned();
    no.varde(&["log", "backup", &shown])?.ok()?;
    let twice = no.varde(&["log", "backup", &shown])?;
    assert_eq!(twice.code, Some(2), "{}", twice.stderr);
    assert!(!backup.join("guard").exists());
    no.stop()?;
    let ee = Country::init(home.path(), "EE")?;
    let other = ee.varde(&["log", "restore", &shown])?;
    assert!(other.code == Some(2) && other.stderr.contains("is of varde.example/no/1"), "{}", other.stderr);

    let rows = std::fs::read(backup.join("rows"))?;
    let mut altered = rows.clone();
    altered[rows.len() / 2] ^= 1;
    for bad in [&rows[..rows.len() - 1], &altered] {
        std::fs::write(backup.join("rows"), bad)?;
        for part in ["store", "keyring"] {
            let _ = std::fs::remove_dir_all(no.dir().join(part));
        }
        let refused = no.varde(&["log", "restore", &shown, "--json"])?;
        assert!(refused.code == Some(2) && refused.stderr.contains("backup-damaged"), "{}", refused.stderr);
        assert!(!no.dir().join("store.rows").exists() && !no.dir().join("keyring").exists());
    }
    std::fs::write(backup.join("rows"), &rows)?;
    // A part of the keyring is lost.
    let Some(Ok(part)) = std::fs::read_dir(backup.join("keyring"))?.next() else { panic!("a keyring") };
    let part = part.path();
    let key = std::fs::read(&part)?;
    std::fs::remove_file(&part)?;
    let refused = no.varde(&["log", "restore", &shown, "--json"])?;
    assert!(refused.code == Some(2) && refused.stderr.contains("backup-damaged"), "{}", refused.stderr);
    std::fs::write(&part, key)?;
    let no_backup = no.varde(&["log", "restore", &home.path().to_string_lossy(), "--json"])?;
    assert!(no_backup.code == Some(2) && no_backup.stderr.contains("no-backup"), "{}", no_backup.stderr);
    no.varde(&["log", "restore", &shown])?.ok()?;
    let again = no.varde(&["log", "restore", &shown])?;
    assert!(again.code == Some(2) && again.stderr.contains("has not taken it up"), "{}", again.stderr);
    // What was laid down is damaged before the node takes it up.
    std::fs::write(no.dir().join("store.rows"), &rows[..rows.len() - 1])?;
    let refused = no.start().expect_err("half a backup").to_string();
    assert!(refused.contains("the backup is not whole") && !no.dir().join("store").exists(), "{refused}");
    std::fs::write(no.dir().join("store.rows"), &rows)?;
    no.start()
}

#[test]
fn a_node_whose_store_is_gone_does_not_begin_a_second_log() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut no = Country::init(home.path(), "NO")?;
    no.start()?;
    let backup = home.path().join("no.backup");
    no.varde(&["log", "backup", &backup.to_string_lossy()])?.ok()?;
    no.stop()?;
    for part in ["store", "keyring"] {
        std::fs::remove_dir_all(no.dir().join(part))?;
    }
    // With the guard, and without it, as where a disk was lost and the keys were kept elsewhere.
    for _ in 0..2 {
        let refused = no.start().expect_err("a node without its store").to_string();
        assert!(refused.contains("this node has run before") && refused.contains("varde log restore"), "{refused}");
        assert!(!no.dir().join("store").exists() && !no.dir().join("keyring").exists());
        let _ = std::fs::remove_file(no.dir().join("guard"));
    }
    no.varde(&["log", "restore", &backup.to_string_lossy()])?.ok()?;
    no.start()?;
    let waits = recovering(&no)?.unwrap_or_default();
    assert!(waits.contains("no peer is pinned"), "{waits}");
    Ok(())
}

/// Keys of a country's roles by state, without those of the staff log, which no peer knows.
fn keys(at: &Country, whose: &str, state: &str) -> Result<Vec<(String, String)>, Trouble> {
    let listed = at.varde(&["key", "list", "--json"])?.json(0)?;
    let keys = listed["keys"].as_array().cloned().unwrap_or_default();
    let mine =
        keys.into_iter().filter(|key| key["country"] == whose && key["state"] == state && key["role"] != "staff");
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    Ok(mine.filter_map(|key| text(&key["role"]).zip(text(&key["key_id"]))).collect())
}

/// Proposes a change of keys as one member of staff and approves it as the other. Returns its number.
fn propose(country: &Country, change: &[&str]) -> Result<String, Trouble> {
    let by = |name: &str| country.dir().join(format!("operators/{name}.key")).to_string_lossy().into_owned();
    let number = country.varde(&[&["key"], change, &["--as", &by("a")]].concat())?.ok()?.trim().to_owned();
    country.varde(&["key", "approve", &number, "--as", &by("b")])?.ok()?;
    Ok(number)
}

/// Waits until the peer knows the node's keys; then something goes each way. Returns the keys: a peer that was merely shown the newest
/// head does not keep its leaves yet.
fn known(no: &Country, ee: &Country) -> Result<Vec<(String, String)>, Trouble> {
    let ours = keys(no, "NO", "in use")?;
    until("the peer to know", LIMIT, || keys(ee, "NO", "in use").ok().filter(|known| *known == ours))?;
    no.connected("EE")?;
    exchange(no, "EE")?;
    exchange(ee, "NO")?;
    Ok(ours)
}

#[test]
fn keys_that_changed_since_the_backup_here_and_at_a_peer_are_regained() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let (mut no, ee, backup, _) = world(home.path())?;
    for (country, role) in [(&no, "log"), (&ee, "msg"), (&no, "msg"), (&no, "wit"), (&no, "tls")] {
        propose(country, &["rotate", role])?;
    }
    for (_, old) in keys(&no, "NO", "replaced")?.iter().filter(|(role, _)| role == "tls") {
        propose(&no, &["revoke", "tls", &old[..8], "--above", "3"])?;
    }
    let ours = known(&no, &ee)?;
    no.stop()?;
    // What the peer changes now, the node cannot be told before it may greet anybody.
    propose(&ee, &["rotate", "log"])?;
    propose(&ee, &["rotate", "msg"])?;
    restore(&no, &backup)?;
    no.start()?;
    until("the recovery", LIMIT, || recovering(&no).ok().filter(Option::is_none).map(drop))?;
    no.connected("EE")?;
    assert_eq!(keys(&no, "NO", "in use")?, ours);
    let theirs = keys(&ee, "EE", "in use")?;
    until("the peer's keys", LIMIT, || keys(&no, "EE", "in use").ok().filter(|known| *known == theirs))?;
    // A next change follows those that came back.
    assert_eq!(propose(&no, &["rotate", "log"])?, "6");
    exchange(&no, "EE")?;
    exchange(&ee, "NO")?;
    let (here, there) = (exported(&no)?, exported(&ee)?);
    let verdict = no.varde(&["audit", "verify", &here, "--json"])?.json(0)?;
    assert_eq!(codes(&verdict), ["unpinned-identity", "restored", "no-outside-view"], "{verdict:#}");
    let compared = no.varde(&["audit", "reconcile", &here, &there, "--json"])?.json(0)?;
    assert_eq!(codes(&compared), ["unpinned-identity", "restored", "unpinned-identity"], "{compared:#}");
    Ok(())
}

#[test]
fn what_people_decide_about_keys_of_a_locked_node_waits_until_its_log_is_whole() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let (mut no, mut ee, backup, _) = world(home.path())?;
    ee.stop()?;
    no.stop()?;
    restore(&no, &backup)?;
    no.start()?;
    let number = propose(&no, &["rotate", "log"])?;
    let path = |step: &str| no.dir().join(format!("keys/statements/{number}.{step}"));
    std::thread::sleep(Duration::from_secs(3));
    assert!(recovering(&no)?.is_some() && !path("refused").exists() && !path("taken").exists());
    ee.start()?;
    until("the statement to be taken up", LIMIT, || path("taken").exists().then_some(()))?;
    assert!(recovering(&no)?.is_none());
    Ok(())
}

#[test]
fn a_node_that_is_restored_without_the_newest_copy_of_its_keys_stays_locked_and_says_why() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let (mut no, ee, backup, _) = world(home.path())?;
    propose(&no, &["rotate", "wit"])?;
    let ours = known(&no, &ee)?;
    no.stop()?;
    restore(&no, &backup)?;
    let [statements, apart] = ["keys/statements", "statements"].map(|name| no.dir().join(name));
    std::fs::rename(&statements, &apart)?;
    no.start()?;
    let why =
        || no.varde(&["status", "--json"]).ok()?.json(0).ok()?["peers"][0]["last_failure"].as_str().map(str::to_owned);
    until("the reason", LIMIT, || why().filter(|why| why == "keys-behind-peer"))?;
    assert!(recovering(&no)?.is_some());
    no.stop()?;
    std::fs::rename(&apart, &statements)?;
    no.start()?;
    until("the recovery", LIMIT, || recovering(&no).ok().filter(Option::is_none).map(drop))?;
    assert_eq!(keys(&no, "NO", "in use")?, ours);
    Ok(())
}
