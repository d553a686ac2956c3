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
    play("auditor.md", home.path(), 12)?;
    play("scripts.md", home.path(), 1)
}

#[test]
fn the_coordinators_guide_works_from_an_empty_folder() -> Result<(), Trouble> {
    play("coordinator.md", tempfile::tempdir()?.path(), 20)
}

/// What stands in quotes after a word of the source, up to the next quote.
fn quoted_after<'a>(source: &'a str, word: &'a str) -> impl Iterator<Item = &'a str> {
    source.split(word).skip(1).filter_map(|rest| rest.strip_prefix('"')?.split('"').next())
}

#[test]
fn every_code_by_which_a_connection_ends_is_explained_to_the_coordinator() -> Result<(), Trouble> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guide = guide("connections.md")?;
    let mut codes = 0;
    for (file, words) in [
        ("node/src/edge/border/code.rs", &["=> "][..]),
        ("node/src/flow/greeting.rs", &["Ended::Greeting("]),
        ("node/src/flow/connection/mod.rs", &["Ended::Greeting(", "#[error("]),
        ("node/src/flow/agreement/words.rs", &["Ended::Greeting("]),
        ("node/src/flow/connection/landing.rs", &["Broken::Leaf("]),
        ("node/src/flow/receive.rs", &["Broken::Leaf("]),
        ("node/src/flow/deliver.rs", &["Broken::Leaf(", "Self::Store(_) => "]),
        ("proto/src/exchange.rs", &["Self::Signature => ", "Self::Rollback => ", "Self::Fork => "]),
        ("proto/src/exchange.rs", &["Self::Consistency => ", "Self::Inclusion => "]),
    ] {
        let source = std::fs::read_to_string(root.join(file))?;
        for code in words.iter().flat_map(|word| quoted_after(&source, word)) {
            let code = code.split(':').next().unwrap_or(code);
            if code.starts_with('{') || code == "goodbye" {
                continue;
            }
            codes += 1;
            let there = guide.contains(&format!("`{code}`")) || guide.contains(&format!("`{code}:CODE`"));
            assert!(there, "docs/guides/connections.md does not explain `{code}` ({file})");
        }
    }
    assert!(codes > 50, "only {codes} codes were found");
    Ok(())
}
