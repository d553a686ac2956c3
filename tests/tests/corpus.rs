//! The fuzz corpus, replayed through the same functions that are fuzzed: no decoder panics, what is accepted has one spelling,
//! and what our own code makes is accepted.

use std::path::{Path, PathBuf};
use varde_tests::decoders::{self, ALL, Decoder};
use varde_tests::seeds::{self, Seed};

fn folder(decoder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(decoder)
}

fn inputs(decoder: &Decoder) -> Vec<(String, Vec<u8>)> {
    let files = std::fs::read_dir(folder(decoder.name)).unwrap();
    let mut inputs: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    inputs.sort();
    inputs.iter().map(|path| (path.display().to_string(), std::fs::read(path).unwrap())).collect()
}

/// With `VARDE_WRITE_SEEDS=1` it writes them instead, after a format changed.
#[test]
fn the_seeds_are_what_our_own_code_makes_and_every_one_is_accepted() {
    let write = std::env::var_os("VARDE_WRITE_SEEDS").is_some();
    let seeds = seeds::all(&decoders::key()).unwrap();
    for decoder in &ALL {
        let mine: Vec<&Seed> = seeds.iter().filter(|seed| seed.decoder == decoder.name).collect();
        assert!(!mine.is_empty(), "{} has no seed", decoder.name);
        for seed in mine {
            let path = folder(decoder.name).join(&seed.name);
            if write {
                std::fs::create_dir_all(folder(decoder.name)).unwrap();
                std::fs::write(&path, &seed.bytes).unwrap();
            }
            let stored = std::fs::read(&path).unwrap_or_default();
            assert_eq!(stored, seed.bytes, "{} is not what our code makes now", path.display());
            assert!((decoder.run)(&seed.bytes), "{} is refused", path.display());
        }
    }
}

#[test]
fn no_input_of_the_corpus_breaks_its_decoder() {
    for decoder in &ALL {
        for (name, bytes) in inputs(decoder) {
            assert!(std::panic::catch_unwind(|| (decoder.run)(&bytes)).is_ok(), "{name}");
        }
    }
}

/// Every byte changed, every prefix, every doubled byte: what a fuzzer would try first.
#[test]
fn no_small_change_of_a_seed_breaks_its_decoder() {
    for decoder in &ALL {
        for (name, bytes) in inputs(decoder).into_iter().filter(|(_, bytes)| bytes.len() <= 600) {
            for at in 0..bytes.len() {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << (at % 8);
                let mut doubled = bytes.clone();
                doubled.insert(at, bytes[at]);
                for changed in [&flipped, &doubled, &bytes[..at].to_vec()] {
                    let outcome = std::panic::catch_unwind(|| (decoder.run)(changed));
                    assert!(outcome.is_ok(), "{name}, changed at byte {at}");
                }
            }
        }
    }
}

#[test]
fn every_decoder_is_a_fuzz_target_and_the_other_way_round() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/fuzz_targets");
    let mut targets: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    assert_eq!(targets, ALL.map(|decoder| decoder.name));
}
