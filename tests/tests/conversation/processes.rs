//! Real nodes: what staff say about an alert, over the command line.

use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use varde_tests::harness::{Country, Trouble, pin_all, until};

const SOON: Duration = Duration::from_secs(60);

pub(crate) fn draft(country: &Country, kind: &str) -> Result<String, Trouble> {
    let file = country.dir().join(kind);
    std::fs::write(&file, country.varde(&["alert", "draft", "--kind", kind, "--template"])?.ok()?)?;
    let drafted = country.varde(&["alert", "draft", "--kind", kind, "--from", &file.to_string_lossy()])?.ok()?;
    let id = drafted.trim().to_owned();
    let second = country.dir().join("operators/b.key");
    country.varde(&["alert", "approve", &id, "--as", &second.to_string_lossy()])?.ok()?;
    Ok(id)
}

fn status(country: &Country, id: &str) -> Result<Value, Trouble> {
    country.varde(&["alert", "status", id, "--json"])?.json(0)
}

/// Waits until the first recipient stands like this.
fn reached(country: &Country, id: &str, state: &str) -> Result<Value, Trouble> {
    until(&format!("{id} {state}"), SOON, || {
        status(country, id).ok().filter(|now| now["recipients"][0]["state"] == state)
    })
}

fn audited(countries: [&Country; 2]) -> Result<(), Trouble> {
    let mut bundles = Vec::new();
    for country in countries {
        let out = country.dir().join("bundle").to_string_lossy().into_owned();
        country.varde(&["log", "export", "--out", &out])?.ok()?;
        let verdict = country.varde(&["audit", "verify", &out])?;
        assert_eq!(verdict.code, Some(0), "{}", verdict.stdout);
        bundles.push(out);
    }
    let compared = countries[0].varde(&["audit", "reconcile", &bundles[0], &bundles[1]])?;
    assert_eq!(compared.code, Some(0), "{}{}", compared.stdout, compared.stderr);
    Ok(())
}

pub(crate) fn world(home: &Path) -> Result<[Country; 2], Trouble> {
    let mut countries = [Country::init(home, "NO")?, Country::init(home, "LT")?];
    pin_all(&countries.each_ref())?;
    countries.iter_mut().try_for_each(Country::start)?;
    countries[0].connected("LT")?;
    Ok(countries)
}

#[test]
fn a_referral_is_offered_accepted_disputed_ruled_on_and_done() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, lt] = world(home.path())?;
    let id = draft(&no, "CROSS_BORDER_REFERRAL_REQUEST")?;
    let never = no.varde(&["alert", "status", &id])?;
    assert_eq!(never.code, Some(3), "{}", never.stderr);
    no.varde(&["alert", "release", &id, "--to", "LT", "--wait", "30s"])?.ok()?;
    let stored = no.varde(&["alert", "status", &id])?.ok()?;
    assert!(stored.contains("stored, not seen for 0 min"), "{stored}");
    let say = |what: &[&str]| {
        let args = [&["alert", "reply", &id, "--wait", "30s"], what].concat();
        lt.varde(&args)
    };
    say(&["--seen"])?.ok()?;
    reached(&no, &id, "seen")?;
    let early = say(&["--referral", "DONE"])?;
    assert_eq!(early.code, Some(3), "{}", early.stderr);
    assert!(early.stderr.contains("does not go"), "{}", early.stderr);
    say(&["--referral", "accepted"])?.ok()?;
    say(&["--challenge", "INACCURATE,EXCESSIVE"])?.ok()?;
    let now = reached(&no, &id, "acted")?;
    assert_eq!(now["recipients"][0]["said"][2]["said"]["grounds"][1], "EXCESSIVE");
    no.varde(&["alert", "reply", &id, "--ruling", "UPHELD", "--to", "LT", "--wait", "30s"])?.ok()?;
    let again = no.varde(&["alert", "reply", &id, "--ruling", "DISMISSED", "--to", "LT"])?;
    assert!(again.stderr.contains("waits for a ruling"), "{}", again.stderr);
    say(&["--referral", "IN_PROGRESS"])?.ok()?;
    say(&["--referral", "DONE"])?.ok()?;
    let here = status(&lt, &id)?;
    assert_eq!(here["issuer"], "NO");
    let codes: Vec<&str> = here["recipients"][0]["said"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|one| one["said"]["type"].as_str())
        .collect();
    assert_eq!(codes, ["SEEN", "REFERRAL", "CHALLENGE", "RULING", "REFERRAL", "REFERRAL"]);
    assert_eq!(no.varde(&["alert", "overdue", "--json"])?.json(0)?, serde_json::json!([]));
    audited([&no, &lt])
}
