//! Real nodes: somebody is woken, again and again, until somebody has seen it; and whoever listens hears what comes.

use super::processes::{draft, world};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;
use varde_tests::harness::{Country, Trouble, until};

const SOON: Duration = Duration::from_secs(60);

/// A program that notes how it was called, and fails while the file `broken` lies beside it.
struct Wake {
    program: PathBuf,
    calls: PathBuf,
}

impl Wake {
    fn new(home: &Path, name: &str) -> Result<Self, Trouble> {
        let (program, calls) = (home.join(name), home.join(format!("{name}.calls")));
        let text = format!(
            "#!/bin/sh\ntest -e {0}/broken && exit 7\necho \"$*\" >> {1}\nenv >> {1}.env\n",
            home.display(),
            calls.display()
        );
        std::fs::write(&program, text)?;
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700))?;
        Ok(Self { program, calls })
    }

    fn calls(&self) -> Vec<String> {
        std::fs::read_to_string(&self.calls).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

/// Starts a country anew with `[notify]`.
fn wakes(country: &mut Country, first: &Wake, second: &Wake) -> Result<(), Trouble> {
    country.stop()?;
    let path = country.dir().join("varde.toml");
    let notify = format!(
        "\n[notify]\ncommand = [{:?}, \"duty\"]\nsecond = [{:?}, \"head\"]\nrepeat_seconds = 1\nsecond_after_seconds = 3\n",
        first.program, second.program
    );
    std::fs::write(&path, std::fs::read_to_string(&path)? + &notify)?;
    country.start()
}

fn status(country: &Country) -> Result<Value, Trouble> {
    country.varde(&["status", "--json"])?.json(0)
}

#[test]
fn an_urgent_alert_wakes_people_until_it_is_seen_and_a_routine_one_once() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, mut lt] = world(home.path())?;
    let (first, second) = (Wake::new(home.path(), "first")?, Wake::new(home.path(), "second")?);
    wakes(&mut lt, &first, &second)?;
    no.connected("LT")?;
    let (pointer, route) = (draft(&no, "MISSING_CHILD_POINTER")?, draft(&no, "ROUTE_CORRIDOR")?);
    no.varde(&["alert", "release", &route, "--to", "LT", "--wait", "30s"])?.ok()?;
    until("the routine call", SOON, || (!first.calls().is_empty()).then_some(()))?;
    no.varde(&["alert", "release", &pointer, "--to", "LT", "--wait", "30s"])?.ok()?;
    let urgent = format!("MISSING_CHILD_POINTER urgent {pointer} NO");
    let count = |wake: &Wake, line: &str| wake.calls().iter().filter(|call| *call == line).count();
    until("three calls", SOON, || (count(&first, &format!("duty {urgent}")) >= 3).then_some(()))?;
    until("the second contact", SOON, || (count(&second, &format!("head {urgent}")) >= 1).then_some(()))?;
    let shown = status(&lt)?;
    assert_eq!((&shown["unseen"], &shown["notify"]), (&Value::from(1), &Value::from("on")));
    assert!(lt.varde(&["status"])?.ok()?.contains("URGENT: 1 alert that nobody has seen"));
    assert!(lt.varde(&["alert", "inbox"])?.ok()?.contains("NOT SEEN"));

    lt.varde(&["alert", "reply", &pointer, "--seen", "--wait", "30s"])?.ok()?;
    // What was under way when it was seen ends first.
    std::thread::sleep(Duration::from_millis(1500));
    let rung = (first.calls().len(), second.calls().len());
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((first.calls().len(), second.calls().len()), rung, "it was seen");
    assert_eq!(status(&lt)?["unseen"], 0);
    let routine = first.calls().iter().filter(|call| call.contains("routine")).cloned().collect::<Vec<_>>();
    assert_eq!(routine, [format!("duty ROUTE_CORRIDOR routine {route} NO")]);
    // Nothing but the four words leaves the node this way.
    let inherited = std::fs::read_to_string(first.calls.with_extension("calls.env"))?;
    let names = inherited.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    let strange: Vec<_> = names.filter(|name| !["PATH", "PWD", "OLDPWD", "SHLVL", "_"].contains(name)).collect();
    assert!(strange.is_empty(), "{strange:?}");
    Ok(())
}

/// `varde alert watch --json`, from when it says that it listens.
struct Watching {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Watching {
    fn begin(country: &Country) -> Result<Self, Trouble> {
        let mut child = country.command()?.args(["alert", "watch", "--json"]).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().ok_or_else(|| Trouble::new("no stdout"))?;
        let mut watching = Self { child, lines: BufReader::new(out).lines() };
        assert_eq!(watching.next()?["what"], "listening");
        Ok(watching)
    }

    fn next(&mut self) -> Result<Value, Trouble> {
        let line = self.lines.next().ok_or_else(|| Trouble::new("it has ended"))??;
        serde_json::from_str(&line).map_err(|bad| Trouble::new(format!("{line:?}: {bad}")))
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        // The process that we started; it may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_command_that_fails_is_an_alarm_and_wakes_the_second_contact_at_once() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let [no, mut lt] = world(home.path())?;
    let second = Wake::new(home.path(), "second")?;
    let absent = Wake { program: home.path().join("absent"), calls: home.path().join("none") };
    wakes(&mut lt, &absent, &second)?;
    no.connected("LT")?;
    let mut watching = Watching::begin(&lt)?;
    let pointer = draft(&no, "MISSING_CHILD_POINTER")?;
    no.varde(&["alert", "release", &pointer, "--to", "LT", "--wait", "30s"])?.ok()?;
    let both = [watching.next()?, watching.next()?];
    // Both at once, in either order.
    let [alert, alarm] = both;
    let (alert, alarm) = if alert["what"] == "alert" { (alert, alarm) } else { (alarm, alert) };
    assert_eq!((&alert["alert_id"], &alert["urgent"]), (&Value::from(pointer.clone()), &Value::from(true)));
    assert_eq!(alarm["what"], "alarm");
    assert!(alarm["text"].as_str().is_some_and(|text| text.contains("cannot be started")), "{alarm}");
    until("the second contact", SOON, || (!second.calls().is_empty()).then_some(()))?;
    assert_eq!(second.calls()[0], format!("head MISSING_CHILD_POINTER urgent {pointer} NO"));
    let shown = status(&lt)?;
    assert_eq!(shown["notify"], "failing");
    assert!(lt.varde(&["status"])?.ok()?.contains("ALARM since"));

    // It works again, and that is said.
    std::fs::copy(&second.program, &absent.program)?;
    std::fs::set_permissions(&absent.program, std::fs::Permissions::from_mode(0o700))?;
    loop {
        let next = watching.next()?;
        if next["what"] == "mended" {
            break;
        }
        assert_eq!(next["what"], "alarm");
    }
    assert_eq!(status(&lt)?["notify"], "on");

    // What is said and taken back is told as it comes.
    lt.varde(&["alert", "reply", &pointer, "--seen", "--wait", "30s"])?.ok()?;
    let mut at_no = Watching::begin(&no)?;
    lt.varde(&["alert", "reply", &pointer, "--outcome", "NO_RECORD", "--wait", "30s"])?.ok()?;
    let reply = at_no.next()?;
    assert_eq!((&reply["what"], &reply["text"]), (&Value::from("reply"), &Value::from("NO_RECORD")));
    no.varde(&["alert", "withdraw", &pointer, "--reason", "WITHDRAWN", "--wait", "30s"])?.ok()?;
    assert_eq!(watching.next()?["what"], "withdrawal");
    lt.stop()?;
    let ended = watching.child.wait()?;
    assert_eq!(ended.code(), Some(75));
    Ok(())
}
