//! Real nodes: an agreement is proposed, accepted, kept to, amended and ended.

use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use varde_tests::harness::{Country, Trouble, pin_all, until};

const SOON: Duration = Duration::from_secs(60);

/// NO, EE and LT, pinned with each other and running.
fn world(home: &Path) -> Result<[Country; 3], Trouble> {
    let mut countries = [Country::init(home, "NO")?, Country::init(home, "EE")?, Country::init(home, "LT")?];
    pin_all(&countries.each_ref())?;
    countries.iter_mut().try_for_each(Country::start)?;
    let [no, ..] = &countries;
    no.connected("EE")?;
    no.connected("LT")?;
    Ok(countries)
}

/// How agreements stand with a country: edition and state, by rising edition.
fn agreements(at: &Country, with: &str) -> Result<Vec<(u64, String, String)>, Trouble> {
    let all = at.varde(&["agreement", "list", "--json"])?.json(0)?;
    let one = |one: &Value| {
        let text = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        (one["edition"].as_u64().unwrap_or(99), text("state"), text("agreement"))
    };
    let mut found: Vec<_> = all.as_array().into_iter().flatten().filter(|a| a["peer"] == with).map(one).collect();
    found.sort();
    Ok(found)
}

fn state(at: &Country, with: &str, edition: u64, wanted: &str) -> Result<String, Trouble> {
    let found = || agreements(at, with).ok()?.into_iter().find(|one| one.0 == edition && one.1 == wanted);
    Ok(until(&format!("{with} {edition} {wanted}"), SOON, found)?.2)
}

/// A text with EE that began long ago, without routes.
fn propose(no: &Country, edition: u64) -> Result<String, Trouble> {
    let template = no.varde(&["agreement", "propose", "--template", "--to", "EE"])?.ok()?;
    let keep = |line: &&str| !line.starts_with("kind ROUTE_CORRIDOR");
    let lines = template.lines().filter(keep).map(|line| match line.split_once(' ') {
        Some(("from", _)) => "from 2026-01-01T00:00:00Z".to_owned(),
        Some(("edition", _)) => format!("edition {edition}"),
        _ => line.to_owned(),
    });
    let file = no.dir().join("offered.txt");
    std::fs::write(&file, lines.collect::<Vec<_>>().join("\n") + "\n")?;
    no.varde(&["agreement", "propose", &file.to_string_lossy(), "--to", "EE"])?.ok()?;
    state(no, "EE", edition, "offered-by-us")
}

fn agree(no: &Country, ee: &Country, edition: u64) -> Result<String, Trouble> {
    let id = propose(no, edition)?;
    assert_eq!(state(ee, "NO", edition, "offered-by-peer")?, id);
    ee.varde(&["agreement", "accept", &id[..8]])?.ok()?;
    state(ee, "NO", edition, "in-force")?;
    state(no, "EE", edition, "in-force")?;
    Ok(id)
}

fn draft(country: &Country, kind: &str) -> Result<String, Trouble> {
    let file = country.dir().join(kind);
    std::fs::write(&file, country.varde(&["alert", "draft", "--kind", kind, "--template"])?.ok()?)?;
    let drafted = country.varde(&["alert", "draft", "--kind", kind, "--from", &file.to_string_lossy()])?.ok()?;
    Ok(drafted.trim().to_owned())
}

fn release(country: &Country, id: &str, to: &str, code: i32) -> Result<String, Trouble> {
    let released = country.varde(&["alert", "release", id, "--to", to, "--wait", "30s", "--json"])?;
    assert_eq!(released.code, Some(code), "{}", released.stderr);
    Ok(released.stderr)
}

fn inbox(country: &Country) -> Result<Vec<(String, String)>, Trouble> {
    let all = country.varde(&["alert", "inbox", "--json"])?.json(0)?;
    let text = |one: &Value, field: &str| one[field].as_str().unwrap_or_default().to_owned();
    Ok(all.as_array().into_iter().flatten().map(|one| (text(one, "alert_id"), text(one, "state"))).collect())
}

/// Both bundles verify, and agree with each other.
fn audited(countries: [&Country; 2]) -> Result<(), Trouble> {
    let mut bundles = Vec::new();
    for country in countries {
        let out = country.dir().join("bundle").to_string_lossy().into_owned();
        let _ = std::fs::remove_dir_all(&out);
        country.varde(&["log", "export", "--out", &out])?.ok()?;
        let verdict = country.varde(&["audit", "verify", &out])?;
        assert_eq!(verdict.code, Some(0), "{}", verdict.stdout);
        assert!(Path::new(&out).join("agreements").read_dir()?.count() > 0);
        bundles.push(out);
    }
    let compared = countries[0].varde(&["audit", "reconcile", &bundles[0], &bundles[1]])?;
    assert_eq!(compared.code, Some(0), "{}{}", compared.stdout, compared.stderr);
    Ok(())
}

#[test]
fn what_two_countries_signed_is_kept_to_by_both_and_those_beside_are_under_their_own() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [mut no, ee, lt] = world(home.path())?;
    let route = draft(&no, "ROUTE_CORRIDOR")?;
    let id = agree(&no, &ee, 1)?;
    assert_eq!(no.varde(&["agreement", "show", "EE"])?.ok()?, std::fs::read_to_string(no.dir().join("offered.txt"))?);
    let refused = release(&no, &route, "LT,EE", 2)?;
    assert!(refused.contains("not-agreed") && refused.contains("kinds of alerts: MISSING_CHILD_POINTER"), "{refused}");
    release(&no, &route, "LT", 0)?;
    assert!(release(&ee, &draft(&ee, "ROUTE_CORRIDOR")?, "NO", 2)?.contains("not-agreed"));
    // One alert, two agreements.
    let pattern = draft(&no, "MODUS_OPERANDI")?;
    release(&no, &pattern, "LT,EE", 0)?;
    assert_eq!(inbox(&ee)?, [(pattern.clone(), "in-force".to_owned())]);
    assert_eq!(inbox(&lt)?.len(), 2);
    // It holds after a restart, and when the file that signed it is gone.
    no.stop()?;
    std::fs::remove_dir_all(no.dir().join("agreements"))?;
    no.start()?;
    assert_eq!(state(&no, "EE", 1, "in-force")?, id);
    assert!(release(&no, &draft(&no, "ROUTE_CORRIDOR")?, "EE", 2)?.contains("not-agreed"));
    audited([&no, &ee])?;
    audited([&no, &lt])
}

#[test]
fn an_end_stops_everything_at_once_and_what_was_sent_is_erased_with_proof() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, mut ee, lt] = world(home.path())?;
    let id = agree(&no, &ee, 1)?;
    let (before, owed) = (draft(&no, "MODUS_OPERANDI")?, draft(&no, "MODUS_OPERANDI")?);
    release(&no, &before, "EE,LT", 0)?;
    let theirs = draft(&ee, "MODUS_OPERANDI")?;
    release(&ee, &theirs, "NO", 0)?;
    ee.stop()?;
    let late = no.varde(&["alert", "release", &owed, "--to", "EE", "--wait", "1s"])?;
    assert_eq!(late.code, Some(75), "{}", late.stderr);

    let unnamed = no.varde(&["agreement", "revoke", "EE"])?;
    assert!(unnamed.code == Some(2) && unnamed.stderr.contains(&id[..16]), "{}", unnamed.stderr);
    no.varde(&["agreement", "revoke", "EE", "--agreement", &id])?.ok()?;
    state(&no, "EE", 1, "ended")?;
    let refused = release(&no, &draft(&no, "MODUS_OPERANDI")?, "EE", 2)?;
    assert!(refused.contains("not-agreed") && refused.contains("erasures"), "{refused}");
    ee.start()?;
    state(&ee, "NO", 1, "ended")?;
    assert!(release(&ee, &draft(&ee, "MODUS_OPERANDI")?, "NO", 2)?.contains("not-agreed"));
    let gone =
        |country: &Country, id: &str| inbox(country).ok()?.into_iter().find(|one| one.0 == id && one.1 == "withdrawn");
    until("EE to erase what NO sent", SOON, || gone(&ee, &before))?;
    until("NO to erase what EE sent", SOON, || gone(&no, &theirs))?;
    for country in [&no, &ee] {
        let none = || {
            country.varde(&["log", "outstanding", "--json"]).ok()?.json(0).ok()?.as_array()?.is_empty().then_some(())
        };
        until("every proof", SOON, none)?;
    }
    assert_eq!(inbox(&ee)?.len(), 1, "what was still owed never came");
    assert_eq!(inbox(&lt)?, [(before, "in-force".to_owned())], "another country keeps it");
    audited([&no, &ee])?;

    // An end is for good; another edition is another promise.
    let again = no.dir().join("offered.txt");
    let again = no.varde(&["agreement", "propose", &again.to_string_lossy(), "--to", "EE"])?;
    assert!(again.code == Some(3) && again.stderr.contains("for good"), "{}", again.stderr);
    let again = ee.varde(&["agreement", "accept", &id])?;
    assert!(again.code == Some(3) && again.stderr.contains("for good"), "{}", again.stderr);
    agree(&no, &ee, 2)?;
    release(&no, &draft(&no, "MODUS_OPERANDI")?, "EE", 0)?;
    audited([&no, &ee])
}

#[test]
fn a_text_that_cannot_be_agreed_on_is_refused_before_anything_is_signed() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, ee, _lt] = world(home.path())?;
    let template = no.varde(&["agreement", "propose", "--template", "--to", "EE"])?.ok()?;
    let mode = template.lines().find(|line| line.starts_with("mode ")).unwrap_or_default();
    let other = if mode == "mode test" { "mode exercise" } else { "mode test" };
    let propose = |from: &str, to: &str, peer: &str| {
        let file = no.dir().join("text");
        std::fs::write(&file, template.replacen(from, to, 1))?;
        no.varde(&["agreement", "propose", &file.to_string_lossy(), "--to", peer])
    };
    for (from, to, peer, code, says) in [
        ("edition 1", "edition one", "EE", 2, "line 5"),
        (mode, other, "EE", 3, "another network or mode"),
        ("network varde", "network other", "EE", 3, "another network or mode"),
        ("", "", "LT", 3, "not between NO and LT"),
        ("parties EE NO", "parties FI NO", "FI", 3, "not a pinned peer"),
    ] {
        let refused = propose(from, to, peer)?;
        assert!(refused.code == Some(code) && refused.stderr.contains(says), "{from}: {}", refused.stderr);
    }
    assert!(!no.dir().join("agreements").exists());
    // Declined, and then no more to be accepted.
    propose("", "", "EE")?.ok()?;
    let id = state(&ee, "NO", 1, "offered-by-peer")?;
    ee.varde(&["agreement", "revoke", "NO", "--agreement", &id])?.ok()?;
    state(&no, "EE", 1, "declined")?;
    let accepted = ee.varde(&["agreement", "accept", &id])?;
    assert!(accepted.code == Some(3) && accepted.stderr.contains("for good"), "{}", accepted.stderr);
    // The next text begins where this one is.
    let next = no.varde(&["agreement", "amend", "EE"])?.ok()?;
    assert!(next.contains("\nedition 2\n"), "{next}");
    let unknown = no.varde(&["agreement", "show", "0123456789"])?;
    assert!(unknown.code == Some(3) && unknown.stderr.contains("agreement list"), "{}", unknown.stderr);
    Ok(())
}

#[test]
fn what_was_agreed_after_a_backup_is_known_again_after_the_restore() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [mut no, ee, _lt] = world(home.path())?;
    release(&no, &draft(&no, "MODUS_OPERANDI")?, "EE", 0)?;
    let backup = home.path().join("backup").to_string_lossy().into_owned();
    no.varde(&["log", "backup", &backup])?.ok()?;
    let id = agree(&no, &ee, 1)?;
    release(&no, &draft(&no, "MODUS_OPERANDI")?, "EE,LT", 0)?;
    no.stop()?;
    // Not even what was signed is there any more: the other country has it.
    for part in ["store", "keyring", "agreements"] {
        std::fs::rename(no.dir().join(part), home.path().join(part))?;
    }
    no.varde(&["log", "restore", &backup])?.ok()?;
    no.start()?;
    assert_eq!(state(&no, "EE", 1, "in-force")?, id);
    let route = draft(&no, "ROUTE_CORRIDOR")?;
    let refused = || {
        no.varde(&["alert", "release", &route, "--to", "EE"])
            .ok()
            .filter(|out| out.stderr.contains("agreement with EE"))
    };
    until("the route to be refused", SOON, refused)?;
    release(&no, &draft(&no, "MODUS_OPERANDI")?, "EE", 0)?;
    audited([&no, &ee])
}
