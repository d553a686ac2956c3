//! Versions through the command line, as a coordinator makes them.

use serde_json::Value;
use varde_tests::harness::{Country, Trouble, pin_all};

fn json(country: &Country, words: &[&str]) -> Result<Value, Trouble> {
    country.varde(&[words, &["--json"]].concat())?.json(0)
}

fn state(country: &Country, list: &str, id: &str) -> Result<Value, Trouble> {
    let all = json(country, &["alert", list])?;
    let one = all.as_array().and_then(|all| all.iter().find(|one| one["alert_id"] == id)).cloned();
    one.ok_or_else(|| Trouble::new(format!("{id} is not in {list}: {all}")))
}

#[test]
fn a_coordinator_corrects_an_alert_and_renews_it_with_the_commands_that_help_shows() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut countries = [Country::init(home.path(), "NO")?, Country::init(home.path(), "LT")?];
    pin_all(&countries.each_ref())?;
    countries.iter_mut().try_for_each(Country::start)?;
    let [no, lt] = &countries;
    let file = no.dir().join("file.json");
    let path = file.to_string_lossy().into_owned();
    std::fs::write(&file, no.varde(&["alert", "draft", "--kind", "MODUS_OPERANDI", "--template"])?.ok()?)?;
    let drafted = no.varde(&["alert", "draft", "--kind", "MODUS_OPERANDI", "--from", &path])?.ok()?;
    let first = drafted.trim();
    no.varde(&["alert", "release", first, "--to", "LT", "--wait", "60s"])?.ok()?;

    let text = no.varde(&["alert", "correct", first, "--template"])?.ok()?;
    assert!(text.contains("\"RISING\"") && text.contains("\"decision\""), "{text}");
    std::fs::write(&file, text.replace("\"RISING\"", "\"FALLING\""))?;
    let second = no.varde(&["alert", "correct", first, "--from", &path])?.ok()?.trim().to_owned();
    let foreseen = json(no, &["alert", "release", &second, "--to", "LT", "--dry-run"])?;
    assert_eq!(foreseen["erases"], serde_json::json!(["LT"]), "{foreseen}");
    no.varde(&["alert", "release", &second, "--to", "LT", "--wait", "60s"])?.ok()?;
    let versions = serde_json::json!({ "number": 2, "before": first, "next": null });
    assert_eq!(state(lt, "inbox", &second)?["versions"], versions);
    assert_eq!(state(lt, "inbox", first)?["state"], "superseded");
    assert_eq!(state(no, "list", first)?["state"], "superseded");
    let shown = lt.varde(&["alert", "show", first])?;
    assert!(shown.stderr.contains(&format!("varde alert show {second}")), "{}", shown.stderr);
    let shown = json(lt, &["alert", "show", &second])?;
    assert_eq!((&shown["alert"]["version"], &shown["alert"]["msg_type"]), (&2.into(), &"CORRECT".into()), "{shown}");
    assert_eq!(shown["alert"]["content"]["trend"], "FALLING");

    let again = no.varde(&["alert", "correct", first, "--from", &path])?;
    assert_eq!((again.code, again.stderr.contains(&second)), (Some(3), true), "{}", again.stderr);
    let third = no.varde(&["alert", "renew", &second])?.ok()?.trim().to_owned();
    no.varde(&["alert", "release", &third, "--to", "LT", "--wait", "60s"])?.ok()?;
    let shown = json(lt, &["alert", "show", &third])?;
    assert_eq!((&shown["alert"]["version"], &shown["alert"]["msg_type"]), (&3.into(), &"UPDATE".into()), "{shown}");
    assert_eq!(shown["alert"]["content"]["trend"], "FALLING");
    Ok(())
}
