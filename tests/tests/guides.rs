//! The story of `cargo demo` ends well, and every command of the guides does what the guide says.

use std::path::Path;
use varde_tests::harness::Trouble;
use varde_tests::story::{STEPS, Story};
use varde_tests::transcript::Stage;

fn guide(name: &str) -> Result<String, Trouble> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/guides").join(name);
    Ok(std::fs::read_to_string(path)?)
}

/// Plays a guide in a folder; none of its commands may get lost.
fn play(name: &str, folder: &Path, at_least: usize) -> Result<(), Trouble> {
    let mut stage = Stage::new(folder);
    stage.set("SAMPLE", &Path::new(env!("CARGO_MANIFEST_DIR")).join("sample").to_string_lossy());
    let played = stage.play(&guide(name)?).map_err(|t| Trouble::new(format!("docs/guides/{name}, {t}")))?;
    assert!(played >= at_least, "docs/guides/{name} has only {played} commands");
    Ok(())
}

#[test]
fn the_story_ends_well_and_the_guides_that_build_on_it_tell_the_truth() -> Result<(), Trouble> {
    let home = tempfile::tempdir()?;
    let mut story = Story::new(home.path());
    for step in &STEPS {
        (step.tell)(&mut story).map_err(|t| Trouble::new(format!("{}: {t}", step.title)))?;
    }
    play("analyst.md", home.path(), 6)?;
    play("auditor.md", home.path(), 12)
}

#[test]
fn the_coordinators_guide_works_from_an_empty_folder() -> Result<(), Trouble> {
    play("coordinator.md", tempfile::tempdir()?.path(), 20)
}
