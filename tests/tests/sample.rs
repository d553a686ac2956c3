//! The sample is what its generator makes.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

#[test]
fn the_generator_makes_the_committed_files_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let mut committed: Vec<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    committed.sort();
    let made = varde_tests::sample::files();
    assert_eq!(committed, made.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
    for (name, content) in made {
        let held = std::fs::read_to_string(folder.join(&name)).unwrap();
        assert!(held == content, "{name} is not what `cargo run -p varde-tests --bin sample` makes");
    }
}

#[test]
fn the_sample_is_a_few_thousand_cases_of_eleven_countries() {
    let files = varde_tests::sample::files();
    let cases: usize = files.iter().map(|(_, content)| content.lines().count() - 1).sum();
    assert_eq!((files.len(), cases), (11, 3940));
}
