//! Delivery under stress: one bad item holds up no other, and a disk that fills up loses nothing.
#![allow(missing_docs, reason = "tests")]

use serde_json::Value;
use varde_node::flow::conversation::State;
use varde_node::flow::{delivery, desk::Desk, filing};
use varde_node::rows;
use varde_proto::audit::Scope;
use varde_proto::id::AlertId;
use varde_tests::doomed::{SOON, against, audited, end, id, open};
use varde_tests::harness::{Country, Trouble, pin_all, until};
use varde_tests::pair::{connect, release, route};
use varde_tests::words::{code, standings};

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_its_own_store_cannot_read_is_given_up_and_holds_up_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (no, lt) = (open("NO", dir.path()).await, open("LT", dir.path()).await);
    no.pin(&lt).await;
    let mut kept = Vec::new();
    for n in 0..4 {
        kept.push(release(&no, route(id(n)), &["LT"]).await);
    }
    for bad in [kept[1], kept[2]] {
        let spoil = move |desk: &mut Desk<'_>| desk.put(rows::numbered(rows::ENVELOPE, bad), vec![7; 100]);
        no.node.ledger.commit(spoil).await.unwrap();
    }
    let sides = connect(&no, &lt).await;
    delivery::wait(&no.node.ledger, kept[3], SOON).await.unwrap();
    let state = |n| standings(&no, AlertId(id(n)))[0].state;
    assert_eq!([0, 1, 2, 3].map(state), [State::Stored, State::Abandoned, State::Abandoned, State::Stored]);
    let came = |n| lt.node.ledger.get(&filing::alert_row(code("NO"), AlertId(id(n)))).unwrap().is_some();
    assert_eq!([0, 1, 2, 3].map(came), [true, false, false, true]);
    end(sides).await;
    assert_eq!(against(&audited(&lt, Scope::National)), [] as [&str; 0]);
}

/// What the settings say of the disk.
fn disk(country: &Country, stop_free_mib: u64) -> Result<(), Trouble> {
    let path = country.dir().join("varde.toml");
    let lines = std::fs::read_to_string(&path)?;
    let lines = lines.lines().map(|line| match line.split_once(" = ") {
        Some(("stop_free_mib", _)) => format!("stop_free_mib = {stop_free_mib}"),
        Some(("warn_free_mib", _)) => "warn_free_mib = 1048576".to_owned(),
        _ => line.to_owned(),
    });
    Ok(std::fs::write(&path, lines.collect::<Vec<_>>().join("\n"))?)
}

fn status(country: &Country) -> Result<Value, Trouble> {
    country.varde(&["status", "--json"])?.json(0)
}

#[test]
fn a_full_disk_takes_nothing_more_says_so_and_loses_nothing() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut countries = [Country::init(home.path(), "NO")?, Country::init(home.path(), "LT")?];
    pin_all(&countries.each_ref())?;
    // As if a terabyte were the least that LT needs.
    disk(&countries[1], 1_048_576)?;
    countries.iter_mut().try_for_each(Country::start)?;
    let [no, lt] = &mut countries;
    let file = no.dir().join("file.json");
    std::fs::write(&file, no.varde(&["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--template"])?.ok()?)?;
    let path = file.to_string_lossy().into_owned();
    let drafting = ["alert", "draft", "--kind", "ROUTE_CORRIDOR", "--from", &path];
    until("the first look at the disk", SOON, || status(lt).ok().filter(|status| status["disk"] == "full"))?;
    assert_eq!(status(no)?["disk"], "enough");
    assert!(lt.varde(&["status"])?.stdout.contains("DISK FULL"));
    let refused = lt.varde(&drafting)?;
    assert_eq!((refused.code, refused.stderr.contains("make room")), (Some(75), true), "{}", refused.stderr);
    let id = no.varde(&drafting)?.ok()?.trim().to_owned();
    let waiting = no.varde(&["alert", "release", &id, "--to", "LT", "--wait", "4s"])?;
    assert_eq!(waiting.code, Some(75), "{}", waiting.stdout);
    assert_eq!(lt.varde(&["alert", "inbox", "--json"])?.json(0)?, serde_json::json!([]));

    disk(lt, 1)?;
    lt.stop()?;
    lt.start()?;
    until("the first look at the disk", SOON, || status(lt).ok().filter(|status| status["disk"] == "low"))?;
    assert!(lt.varde(&["status"])?.stdout.contains("make room before"));
    lt.varde(&drafting)?.ok()?;
    until("the alert that waited", SOON, || {
        let inbox = lt.varde(&["alert", "inbox", "--json"]).and_then(|outcome| outcome.json(0)).ok()?;
        (inbox[0]["alert_id"] == id).then_some(())
    })
}
