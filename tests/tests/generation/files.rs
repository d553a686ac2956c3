//! The folder in which two people decided: broken off between any two of its steps it is taken up again, and it ends no log but the
//! one it is about.

use super::{World, as_person, exported, frozen, recovering, world};
use std::fs;
use varde_proto::home;
use varde_tests::harness::{Country, Trouble};

/// Two people of NO decide that its log ends, and it is stopped.
fn decided(home: &std::path::Path) -> Result<World, Trouble> {
    let mut world = world(home)?;
    frozen(&world.no)?;
    for name in ["a", "b"] {
        as_person(&world.no, &["log", "bump"], name)?.json(0)?;
    }
    world.no.stop()?;
    Ok(world)
}

fn refused(no: &mut Country, words: &str) -> Result<(), Trouble> {
    let Err(said) = no.start() else { return Err(Trouble::new(format!("the node started in spite of: {words}"))) };
    assert!(said.to_string().contains(words), "{said}");
    Ok(())
}

fn origin(no: &Country) -> Result<String, Trouble> {
    let status = no.varde(&["status", "--json"])?.json(0)?;
    Ok(status["origin"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_start_that_is_broken_off_is_taken_up_where_it_was_and_the_new_log_is_not_begun_twice() -> Result<(), Trouble> {
    let dir = tempfile::tempdir()?;
    let World { mut no, .. } = decided(dir.path())?;
    let (bump, kept) = (no.dir().join(home::BUMP), no.dir().join(home::generation(1)));
    // What is in the way is found before anything is moved.
    fs::write(kept.join(home::GUARD), "of another day")?;
    refused(&mut no, "generations/1/guard lies there already")?;
    assert!(!bump.join("checked").exists() && no.dir().join(home::GUARD).exists());
    fs::remove_file(kept.join(home::GUARD))?;
    // The disk refuses in the middle: a file lies where a folder is to be moved.
    let [key, elsewhere] = ["log.key", "log.elsewhere"].map(|name| bump.join(home::KEYS).join(name));
    fs::rename(&key, &elsewhere)?;
    refused(&mut no, "log.key cannot be read")?;
    fs::rename(&elsewhere, &key)?;
    let (peers, aside) = (no.dir().join(home::PEERS), no.dir().join("peers.aside"));
    fs::rename(&peers, &aside)?;
    refused(&mut no, "the new generation is half in place")?;
    assert!(bump.join("checked").exists() && no.dir().join(home::GUARD).exists(), "the old guard goes last");
    fs::rename(&aside, &peers)?;
    no.start()?;
    assert_eq!((origin(&no)?.as_str(), recovering(&no)?), ("varde.example/no/2", None));
    assert!(!bump.exists() && kept.join(home::GUARD).exists());
    no.stop()?;
    // The store of before, and no guard: there is a log of this name already.
    for part in ["store", "guard"] {
        fs::rename(no.dir().join(part), no.dir().join(format!("{part}.of-2")))?;
    }
    fs::rename(no.dir().join("store.lost"), no.dir().join("store"))?;
    refused(&mut no, "this node has run before")?;
    Ok(())
}

#[test]
fn a_log_whose_end_is_found_after_all_does_not_end() -> Result<(), Trouble> {
    let dir = tempfile::tempdir()?;
    let World { mut no, .. } = decided(dir.path())?;
    // The lost disk is there again.
    for part in ["store", "keyring"] {
        fs::rename(no.dir().join(part), no.dir().join(format!("{part}.restored")))?;
        fs::rename(no.dir().join(format!("{part}.lost")), no.dir().join(part))?;
    }
    no.start()?;
    assert_eq!((origin(&no)?.as_str(), recovering(&no)?), ("varde.example/no/1", None));
    assert!(!no.dir().join(home::BUMP).exists() && no.dir().join("bump.outdated").exists());
    exported(&no, "whole")?;
    let early = as_person(&no, &["log", "bump"], "a")?;
    assert!(early.code == Some(3) && early.stderr.contains("not-locked"), "{}", early.stderr);
    Ok(())
}

#[test]
fn nobody_approves_what_the_node_has_learnt_better_since() -> Result<(), Trouble> {
    let dir = tempfile::tempdir()?;
    let World { mut no, ee, lt, .. } = world(dir.path())?;
    frozen(&no)?;
    as_person(&no, &["log", "bump"], "a")?.json(0)?;
    no.stop()?;
    // Nobody knows any more what was shown, and nobody is asked before the second one decides.
    drop((ee, lt));
    fs::rename(no.dir().join(home::GUARD), no.dir().join("guard.aside"))?;
    no.start()?;
    let late = as_person(&no, &["log", "bump"], "b")?;
    let refused = ["\"not-locked\"", "\"changed\""].iter().any(|reason| late.stderr.contains(reason));
    assert!(late.code == Some(3) && refused, "{}", late.stderr);
    assert!(!no.dir().join(home::BUMP).join(home::INCIDENT_APPROVED).exists());
    Ok(())
}
