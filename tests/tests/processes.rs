//! Real nodes as real processes: they start, find each other, stop in order, and come back after being killed.

use varde_tests::harness::{Country, Trouble, pin_all};

#[test]
fn nodes_that_pinned_each_other_connect_and_do_so_again_after_a_kill() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut no = Country::init(home.path(), "NO")?;
    let mut ee = Country::init(home.path(), "EE")?;
    no.start()?;
    ee.start()?;
    pin_all(&[&no, &ee])?;
    no.connected("EE")?;
    ee.connected("NO")?;
    ee.kill9()?;
    ee.start()?;
    ee.connected("NO")?;
    no.connected("EE")?;
    no.stop()?;
    ee.stop()
}

#[test]
fn a_second_node_in_the_same_directory_is_told_who_holds_it() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut first = Country::init(home.path(), "LT")?;
    first.start()?;
    let mut second = std::process::Command::new(&varde_tests::harness::binaries()?.node);
    let outcome = varde_tests::harness::run(second.arg("--dir").arg(first.dir()))?;
    assert_eq!((outcome.code, outcome.stdout.as_str()), (Some(75), ""), "{}", outcome.stderr);
    let holder = format!("(process {})", first.pid().unwrap_or_default());
    assert!(outcome.stderr.contains(&holder) && outcome.stderr.contains("varde status --dir"), "{}", outcome.stderr);
    assert_eq!(first.varde(&["status"])?.code, Some(0), "the first node still serves");
    Ok(())
}
